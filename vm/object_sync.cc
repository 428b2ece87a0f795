#include "vm/object_sync.h"

#include <algorithm>

#include "sim/errno.h"

namespace vmsim::vm {

// vm_object_page_remove_write: whether the page must be written; if so, no mapping can dirty it
// until it was.
bool ObjectSync::RemoveWrite(Cleaning& cleaning, FrameIndex frame) {
  const Page& page = p_.pages[frame];
  if ((cleaning.flags & kCleanNoSync) != 0 && (page.oflags & kVpoNoSync) != 0) {
    cleaning.all_clean = false;
    return false;
  }
  p_.page_tables.RemoveWrite(frame);
  return page.dirty != 0;
}

// The page at `pindex`, busied, if it can go out with the one beside it; kNoFrame otherwise.
FrameIndex ObjectSync::Neighbour(Cleaning& cleaning, Pindex pindex) {
  if (pindex >= cleaning.object.size) return kNoFrame;
  const FrameIndex frame = cleaning.object.Lookup(pindex);
  if (frame == kNoFrame || !p_.pages.TryXbusy(frame)) return kNoFrame;
  if (RemoveWrite(cleaning, frame)) return frame;
  p_.pages.Xunbusy(frame);
  return kNoFrame;
}

// vm_object_page_collect_flush: writes a busied page and its dirty neighbours. Returns how many
// pages, from this one on, are dealt with.
sim::Task<int> ObjectSync::FlushRun(Cleaning& cleaning, FrameIndex frame) {
  const Pindex pindex = p_.pages[frame].pindex;
  PageoutCluster run(frame);
  for (Pindex next = pindex + 1; run.size() < cluster_pages_; ++next) {
    const FrameIndex neighbour = Neighbour(cleaning, next);
    if (neighbour == kNoFrame) break;
    run.PushBack(neighbour);
  }
  for (Pindex first = pindex; run.size() < cluster_pages_ && first > 0; --first) {
    const FrameIndex neighbour = Neighbour(cleaning, first - 1);
    if (neighbour == kNoFrame) break;
    run.PushFront(neighbour);
  }
  const bool invalidate = (cleaning.flags & kCleanInval) != 0;
  const bool wait = invalidate || (cleaning.flags & kCleanSync) != 0;
  const int put_flags = (wait ? kPutSync : kPutClusterOk) | (invalidate ? kPutInval : 0);
  const FlushResult flushed = co_await FlushPages(p_.pages, *reclaim_, cleaning.object, run.pages(),
                                                  put_flags, run.before());
  if (flushed.eio) cleaning.ok = cleaning.all_clean = false;
  if (flushed.run_length > 0) co_return flushed.run_length;
  // Not even the first page: that may be so for ever, so it stays behind. The kernel says that all is
  // well, and an fsync would promise what is not on the disk; here it is told.
  cleaning.all_clean = cleaning.ok = false;
  co_return 1;
}

sim::Task<bool> ObjectSync::PageClean(ObjectId id, Pindex start, Pindex end, int flags) {
  Object& object = p_.objects[id];
  if (object.type != ObjectType::kVnode || !object.might_be_dirty()) co_return true;
  if (object.resident_page_count == 0) co_return true;
  const Pindex stop = end == 0 ? object.size : end;
  Cleaning cleaning{object, flags, /*all_clean=*/start == 0 && stop >= object.size};
  uint32_t generation = object.generation;
  Pindex pindex = start;
  // A page that was passed, or written, may have become dirty again while this slept.
  const auto must_rescan = [&] {
    if (object.generation == generation || (flags & kCleanSync) == 0) return false;
    generation = object.generation;
    pindex = start;
    return true;
  };
  while (pindex < std::min(stop, object.size)) {
    const FrameIndex frame = object.Lookup(pindex);
    if (frame == kNoFrame || p_.pages[frame].valid == 0) {
      ++pindex;
    } else if (!p_.pages.TryXbusy(frame)) {
      co_await p_.object_ops.BusySleep(frame, "vmpcln");
      must_rescan();
    } else if (!RemoveWrite(cleaning, frame)) {
      p_.pages.Xunbusy(frame);
      ++pindex;
    } else {
      const int advance = co_await FlushRun(cleaning, frame);
      if (!must_rescan()) pindex += static_cast<Pindex>(advance);
    }
  }
  if (cleaning.all_clean) object.cleangeneration = generation;
  co_return cleaning.ok;
}

// The writing part of vm_object_sync.
sim::Task<bool> ObjectSync::CleanFile(Object& file, Pindex start, Pindex end, bool sync,
                                      bool invalidate) {
  if (file_sync_ != nullptr) co_await file_sync_->Lock(file);
  // Of a whole file all writes can be started before any is waited for.
  const bool fsync_after =
      file_sync_ != nullptr && sync && !invalidate && start == 0 && end == file.size;
  int flags = 0;
  if (!fsync_after && (sync || invalidate)) flags |= kCleanSync;
  if (invalidate) flags |= kCleanInval;
  bool ok = co_await PageClean(file.id, start, end, flags);
  if (fsync_after) {
    const bool synced = co_await file_sync_->Fsync(file);
    ok = ok && synced;
  } else if (file_sync_ != nullptr && sync) {
    const bool synced = co_await file_sync_->FsyncRange(file, start, end);
    ok = ok && synced;
  }
  if (file_sync_ != nullptr && sync && ok) file_sync_->Promised(file, start, end);
  if (file_sync_ != nullptr) file_sync_->Unlock(file);
  co_return ok;
}

sim::Task<bool> ObjectSync::Sync(ObjectId id, Pindex offset, uint32_t pages, bool sync,
                                 bool invalidate) {
  uint64_t start = offset;
  uint64_t end = start + pages;
  Object* object = &p_.objects[id];
  while (object->backing != kNoObject) {
    start += object->backing_offset;
    end += object->backing_offset;
    object = &p_.objects[object->backing];
    end = std::min<uint64_t>(end, object->size);
  }
  Object& file = *object;
  if (file.type != ObjectType::kVnode || start >= std::min<uint64_t>(end, file.size)) {
    co_return true;
  }
  const auto first = static_cast<Pindex>(start);
  const auto behind = static_cast<Pindex>(std::min<uint64_t>(end, UINT32_MAX));
  bool ok = true;
  if (file.might_be_dirty()) ok = co_await CleanFile(file, first, behind, sync, invalidate);
  if (invalidate) co_await p_.object_ops.PageRemove(file.id, first, behind, kRemoveCleanOnly);
  co_return ok;
}

// Whether all of it is mapped, and may be invalidated if that is wanted.
int ObjectSync::CheckRange(const AddressSpace& space, Vpage start, Vpage end, bool invalidate) {
  const std::vector<MapEntry>& entries = space.entries();
  Vpage at = start;
  for (size_t i = space.FirstEndingBehind(start); at < end; ++i) {
    if (i == entries.size() || entries[i].start > at) return sim::kEnomem;
    if (invalidate && entries[i].user_wired) return sim::kEbusy;
    at = entries[i].end;
  }
  return 0;
}

void ObjectSync::Unmap(AddressSpace& space, Vpage start, Vpage end) {
  const std::vector<MapEntry>& entries = space.entries();
  for (size_t i = space.FirstEndingBehind(start); i < entries.size() && entries[i].start < end;
       ++i) {
    const Vpage from = std::max(start, entries[i].start);
    const Vpage to = std::min(end, entries[i].end);
    p_.page_tables.RemoveRange(entries[i].SlotOf(from), static_cast<uint32_t>(to - from));
  }
}

sim::Task<int> ObjectSync::SyncMap(AddressSpace& space, Vpage start, Vpage end, bool sync,
                                   bool invalidate) {
  if (start == end) {
    const MapEntry* entry = space.Lookup(start);
    if (entry == nullptr) co_return sim::kEnomem;
    start = entry->start;
    end = entry->end;
  }
  if (const int error = CheckRange(space, start, end, invalidate); error != 0) co_return error;
  if (invalidate) Unmap(space, start, end);
  bool ok = true;
  while (start < end) {
    // The map may have changed while this slept.
    const size_t position = space.FirstEndingBehind(start);
    if (position == space.entries().size()) break;
    const MapEntry& entry = space.entries()[position];
    start = std::max(start, entry.start);
    if (start >= end) break;
    const ObjectId object = entry.object;
    const Pindex offset = entry.PindexOf(start);
    const Vpage behind = std::min(end, entry.end);
    const auto pages = static_cast<uint32_t>(behind - start);
    start = behind;
    if (object == kNoObject) continue;
    p_.object_ops.Reference(p_.objects[object]);
    if (!co_await Sync(object, offset, pages, sync, invalidate)) ok = false;
    co_await p_.object_ops.Deallocate(object);
  }
  co_return ok ? 0 : sim::kEio;
}

}  // namespace vmsim::vm
