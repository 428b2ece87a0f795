#include "vm/advice.h"

#include <algorithm>

namespace vmsim::vm {

sim::Task<void> Advisor::Advise(AddressSpace& space, Vpage start, Vpage end, PageAdvice advice) {
  for (Vpage at = start; at < end;) {
    const size_t position = space.FirstEndingBehind(at);
    if (position == space.entries().size() || space.entries()[position].start >= end) break;
    const MapEntry entry = space.entries()[position];
    const Vpage first = std::max(entry.start, start);
    at = std::min(entry.end, end);
    if (entry.object == kNoObject) continue;
    // It would turn time back to when the shadow was made.
    const bool shadows = p_.objects[entry.object].backing != kNoObject;
    if (advice == PageAdvice::kFree && shadows) continue;
    for (Vpage vpage = first; vpage < at && advice != PageAdvice::kWillNeed; ++vpage) {
      const PteSlot slot = entry.SlotOf(vpage);
      if (advice == PageAdvice::kFree) {
        p_.page_tables.AdviseFree(slot);
      } else {
        p_.page_tables.AdviseDontNeed(slot);
      }
    }
    co_await AdviseObject(entry.object, entry.PindexOf(first), entry.PindexOf(at), advice);
    if (advice == PageAdvice::kWillNeed && entry.wired_count == 0) MapResident(entry, first, at);
  }
}

bool Advisor::Applies(const Object& object, PageAdvice advice) {
  return advice != PageAdvice::kFree || (object.anon() && object.one_mapping());
}

// vm_object_madvise. The caller's map entry keeps the object.
sim::Task<void> Advisor::AdviseObject(ObjectId id, Pindex first, Pindex end, PageAdvice advice) {
  const Object& object = p_.objects[id];
  for (Pindex pindex = first; pindex < std::min(end, object.size);) {
    if (!Applies(object, advice)) co_return;
    const FrameIndex frame = Find(id, pindex, advice);
    if (frame == kNoFrame || !p_.pages[frame].fully_valid() || p_.pages[frame].wired()) {
      ++pindex;
      continue;
    }
    if (!p_.pages.TryXbusy(frame)) {
      // So that the page daemon is less likely to take it meanwhile.
      if (advice == PageAdvice::kWillNeed) reclaim_->Reference(frame);
      co_await p_.object_ops.BusySleep(frame, "madvpo");
      continue;
    }
    AdvisePage(frame, advice);
    p_.pages.Xunbusy(frame);
    FreeSwap(p_.objects[p_.pages[frame].object], p_.pages[frame].pindex, advice);
    ++pindex;
  }
}

// The page of the first object of the chain that has one, as far as the advice applies.
FrameIndex Advisor::Find(ObjectId id, Pindex pindex, PageAdvice advice) {
  while (true) {
    Object& object = p_.objects[id];
    const FrameIndex frame = pindex < object.size ? object.Lookup(pindex) : kNoFrame;
    if (frame != kNoFrame) return frame;
    FreeSwap(object, pindex, advice);
    if (object.backing == kNoObject) return kNoFrame;
    pindex += object.backing_offset;
    id = object.backing;
    if (!Applies(p_.objects[id], advice)) return kNoFrame;
  }
}

void Advisor::FreeSwap(Object& object, Pindex pindex, PageAdvice advice) {
  if (advice == PageAdvice::kFree) p_.swap.FreeRange(object, pindex, 1);
}

// vm_page_advise. Requires: busied, fully valid.
void Advisor::AdvisePage(FrameIndex frame, PageAdvice advice) {
  Page& page = p_.pages[frame];
  if (advice == PageAdvice::kWillNeed) {
    reclaim_->Activate(frame);
    return;
  }
  if (advice == PageAdvice::kFree) {
    page.dirty = 0;
  } else if (page.dirty == 0 && p_.page_tables.IsModified(frame)) {
    page.dirty = kPageBitsAll;
  }
  // Or the page daemon would activate it again at once.
  page.aflags &= static_cast<uint8_t>(~kPgaReferenced);
  if (page.dirty == 0) {
    reclaim_->DeactivateNoreuse(frame);
  } else if (!page.in_laundry()) {
    reclaim_->Launder(frame);
  }
}

// vm_map_pmap_enter: what the entry's own object has in memory, unless memory is severely short.
void Advisor::MapResident(const MapEntry& entry, Vpage first, Vpage end) {
  if ((entry.protection & (kProtRead | kProtExecute)) == 0) return;
  const Object& object = p_.objects[entry.object];
  for (Vpage vpage = first; vpage < end && entry.PindexOf(vpage) < object.size; ++vpage) {
    if (p_.domain.severe_set()) return;
    const FrameIndex frame = object.Lookup(entry.PindexOf(vpage));
    if (frame != kNoFrame && p_.pages[frame].fully_valid()) {
      p_.page_tables.EnterQuick(entry.SlotOf(vpage), frame);
    }
  }
}

}  // namespace vmsim::vm
