#include "vm/object_ops.h"

#include <algorithm>

namespace vmsim::vm {

Object& ObjectOps::AllocateAnon(uint32_t pages) {
  const ObjectType type = revision_.default_objects ? ObjectType::kDefault : ObjectType::kSwap;
  Object& object = p_.objects.Create(type, pages);
  object.flags = kObjAnon | kObjOneMapping;
  object.pager = &p_.swap;
  return object;
}

void ObjectOps::DropExtraReference(Object& object) {
  --object.ref_count;
  CHECK_GT(object.ref_count, 0, "object=", object.id);
  if (object.ref_count == 1 && object.shadow_count == 0 && object.anon()) {
    object.flags |= kObjOneMapping;
  }
}

sim::Task<void> ObjectOps::Deallocate(ObjectId id) {
  while (id != kNoObject) {
    Object& object = p_.objects[id];
    CHECK_GT(object.ref_count, 0, "object=", id);
    if (object.ref_count > 2 || (object.ref_count == 2 && object.shadow_count == 0)) {
      DropExtraReference(object);
      co_return;
    }
    if (--object.ref_count > 0) {
      // What is left is a shadow's reference, or an entry's beside a shadow.
      if (object.shadow_count != 1 || !object.anon()) co_return;
      Object& shadow = p_.objects[object.first_shadow];
      if (shadow.dead()) co_return;
      // The shadow may now take this object over; its own owner may go while that sleeps.
      Reference(shadow);
      id = shadow.id;
      co_await Collapse(id);
      continue;
    }
    const ObjectId backing = p_.objects.ClearBacking(object);
    if (!object.dead()) {
      object.flags |= kObjDead;
      co_await Terminate(object);
    }
    id = backing;
  }
}

// Frees everything that `object` has. Requires: marked dead, not referenced.
sim::Task<void> ObjectOps::Terminate(Object& object) {
  while (object.paging_in_progress > 0) {
    co_await object.pip_channel.Sleep(p_.engine, sim::kPriorityDaemon, "objtrm");
  }
  CHECK_EQ(object.ref_count, 0, "object=", object.id);
  for (Pindex pindex = 0; object.resident_page_count > 0; ++pindex) {
    const FrameIndex frame = object.Lookup(pindex);
    if (frame == kNoFrame) continue;
    CHECK(p_.pages.TryXbusy(frame), "a dead object's page is busy, frame=", frame);
    if (p_.pages[frame].wired()) {
      // Whoever unwires it last frees it.
      p_.page_tables.RemoveAll(frame);
      p_.objects.Remove(frame);
      p_.pages.Xunbusy(frame);
      continue;
    }
    FreePage(frame);
    ++p_.counters.v_pfree;
  }
  if (object.pager != nullptr) object.pager->Dealloc(object);
  p_.reserve.Release(object.charge);
  p_.objects.Destroy(object.id);
}

void ObjectOps::Back(MapEntry& entry) {
  CHECK_EQ(entry.object, kNoObject);
  const auto pages = static_cast<uint32_t>(entry.pages());
  Object& object = AllocateAnon(pages);
  entry.object = object.id;
  entry.offset = 0;
  if (entry.charged) object.charge = pages;
  entry.charged = false;
}

void ObjectOps::Shadow(MapEntry& entry) {
  const auto pages = static_cast<uint32_t>(entry.pages());
  Object& source = p_.objects[entry.object];
  if (source.ref_count == 1 && source.anon()) {
    // It has its own charge already.
    if (entry.charged) p_.reserve.Release(pages);
    entry.charged = false;
    return;
  }
  Object& result = AllocateAnon(pages);
  p_.objects.SetBacking(result, source, entry.offset);  // The entry's reference becomes the link's.
  result.charge = entry.charged ? pages : 0;
  entry.charged = false;
  entry.object = result.id;
  entry.offset = 0;
}

sim::Task<void> ObjectOps::BusySleep(FrameIndex frame, std::string_view message) {
  co_await p_.pages.BusyChannel(frame).Sleep(p_.engine, sim::kPriorityDaemon, message);
}

void ObjectOps::Rename(FrameIndex frame, Object& object, Pindex pindex) {
  CHECK(p_.pages.xbusied(frame), "frame=", frame);
  if (p_.pages[frame].has(kPgaSwapFree)) p_.allocator.ReleaseStaleSwap(frame);
  p_.objects.Remove(frame);
  p_.objects.Insert(frame, object, pindex);
  p_.allocator.Dirty(frame);
}

// Requires: busied, not wired.
void ObjectOps::FreePage(FrameIndex frame) {
  p_.page_tables.RemoveAll(frame);
  p_.allocator.Free(frame);
}

sim::Task<void> ObjectOps::PageRemove(ObjectId id, Pindex start, Pindex end, int options) {
  Object& object = p_.objects[id];
  if (object.resident_page_count == 0) co_return;
  object.PipAdd();
  const Pindex stop = std::min(end, object.size);
  for (Pindex pindex = start; pindex < stop && object.resident_page_count > 0;) {
    const FrameIndex frame = object.Lookup(pindex);
    if (frame != kNoFrame && !RemovePage(object, frame, options)) {
      co_await BusySleep(frame, "vmopar");
      continue;
    }
    ++pindex;
  }
  object.PipWakeup();
  if (object.anon() || object.type == ObjectType::kSwap) {
    if (stop > start) p_.swap.FreeRange(object, start, stop - start);
  }
}

// False: the page is busy.
bool ObjectOps::RemovePage(Object& object, FrameIndex frame, int options) {
  Page& page = p_.pages[frame];
  if ((options & kRemoveValidOnly) != 0 && page.valid == 0) return true;
  if (!p_.pages.TryXbusy(frame)) return false;
  if (page.wired()) {
    if (object.ref_count != 0) p_.page_tables.RemoveAll(frame);
    if ((options & kRemoveCleanOnly) == 0) page.valid = page.dirty = 0;
    p_.pages.Xunbusy(frame);
    return true;
  }
  if ((options & kRemoveCleanOnly) != 0) {
    if (object.ref_count != 0) p_.page_tables.RemoveWrite(frame);
    if (page.dirty != 0) {
      p_.pages.Xunbusy(frame);
      return true;
    }
  }
  FreePage(frame);
  return true;
}

}  // namespace vmsim::vm
