#include "vm/wiring.h"

#include <algorithm>

#include "sim/errno.h"
#include "vm/map_ops.h"

namespace vmsim::vm {

sim::Task<int> Wiring::Wire(AddressSpace& space, Vpage start, Vpage end, bool holes_ok) {
  map_ops_->Clip(space, start, end);
  int error = 0;
  Vpage at = start;
  while (at < end && error == 0) {
    const size_t position = space.FirstEndingBehind(at);
    const bool none = position == space.entries().size() || space.entries()[position].start >= end;
    if (none || (space.entries()[position].start > at && !holes_ok)) {
      error = holes_ok ? 0 : sim::kEnomem;
      break;
    }
    const MapEntry& entry = space.entries()[position];
    const Vpage entry_start = entry.start;
    const Vpage entry_end = entry.end;
    if ((entry.protection & (kProtRead | kProtExecute)) == 0) {
      if (!holes_ok) error = sim::kEnomem;
    } else if (entry.wired_count == 0) {
      error = co_await WireEntry(space, entry_start);
    }
    if (error == 0) at = entry_end;
  }
  const Vpage stop = error == 0 ? end : at;
  for (Vpage next = start; next < stop;) {
    const size_t position = space.FirstEndingBehind(next);
    if (position == space.entries().size() || space.entries()[position].start >= stop) break;
    MapEntry& entry = space.entries()[position];
    const Vpage entry_start = entry.start;
    next = entry.end;
    if (entry.wired_count == 0 || entry.user_wired) continue;
    if (error == 0) {
      entry.user_wired = true;
    } else {
      co_await UnwireEntry(space, entry_start);
    }
  }
  map_ops_->Simplify(space, start, end);
  co_return error;
}

// Faults all pages of the entry at `start` in. A failure leaves it as it was, or nearly so: what was
// private is copied now.
sim::Task<int> Wiring::WireEntry(AddressSpace& space, Vpage start) {
  MapEntry* entry = space.Lookup(start);
  const auto pages = static_cast<uint32_t>(entry->pages());
  if (p_.counters.user_wired_pages + int64_t{pages} > max_) co_return sim::kEnomem;
  p_.counters.user_wired_pages += pages;
  entry->wired_count = 1;
  for (uint32_t i = 0; i < pages; ++i) {
    entry = space.Lookup(start);
    const FaultResult result =
        co_await p_.faults.Fault(space, entry->slot + i, /*write=*/false, kFaultWire);
    if (result == FaultResult::kSuccess) continue;
    co_await UnwirePages(space, start, i);
    space.Lookup(start)->wired_count = 0;
    p_.counters.user_wired_pages -= pages;
    co_return result == FaultResult::kResourceShortage ? sim::kEnomem : sim::kEfault;
  }
  co_return 0;
}

sim::Task<int> Wiring::Unwire(AddressSpace& space, Vpage start, Vpage end, bool holes_ok) {
  if (!holes_ok && !MapOps::Mapped(space, start, end)) co_return sim::kEnomem;
  map_ops_->Clip(space, start, end);
  for (Vpage at = start; at < end;) {
    const size_t position = space.FirstEndingBehind(at);
    if (position == space.entries().size() || space.entries()[position].start >= end) break;
    const MapEntry& entry = space.entries()[position];
    const Vpage entry_start = entry.start;
    at = entry.end;
    if (entry.user_wired) co_await UnwireEntry(space, entry_start);
  }
  map_ops_->Simplify(space, start, end);
  co_return 0;
}

sim::Task<void> Wiring::UnwireEntry(AddressSpace& space, Vpage start) {
  const MapEntry* entry = space.Lookup(start);
  CHECK(entry != nullptr && entry->start == start, "no entry starts at page ", start);
  CHECK_EQ(entry->wired_count, 1, "page=", start);
  const auto pages = static_cast<uint32_t>(entry->pages());
  co_await UnwirePages(space, start, pages);
  MapEntry* unwired = space.Lookup(start);
  unwired->wired_count = 0;
  unwired->user_wired = false;
  p_.counters.user_wired_pages -= pages;
}

// Unwires the first `count` pages of the entry at `start`: of each the topmost wired page of the
// chain (vm_object_unwire). One that is being written may lose its wiring meanwhile.
sim::Task<void> Wiring::UnwirePages(AddressSpace& space, Vpage start, uint32_t count) {
  for (uint32_t i = 0; i < count;) {
    const MapEntry& entry = *space.Lookup(start);
    const FrameIndex frame = TopmostWired(entry, i);
    CHECK_NE(frame, kNoFrame, "a wired page is not in memory, page=", start + i);
    if (!p_.pages.TrySbusy(frame)) {
      co_await p_.object_ops.BusySleep(frame, "unwbo");
      continue;
    }
    p_.allocator.Unwire(frame, QueueId::kActive);
    p_.pages.Sunbusy(frame);
    ++i;
  }
}

// The kernel takes the topmost page to be the wired one. But if the object is shared (minherit),
// another map may have had the wired page, which lies below, copied into it. And a file may
// have been cut before the page.
FrameIndex Wiring::TopmostWired(const MapEntry& entry, uint32_t i) const {
  const Object* object = &p_.objects[entry.object];
  Pindex pindex = entry.offset + i;
  while (true) {
    const FrameIndex frame = object->Lookup(pindex);
    if (frame != kNoFrame && p_.pages[frame].wired()) return frame;
    if (object->backing == kNoObject) return kNoFrame;
    pindex += object->backing_offset;
    object = &p_.objects[object->backing];
  }
}

int64_t Wiring::WiredCount(const AddressSpace& space) const {
  int64_t wired = 0;
  for (const MapEntry& entry : space.entries()) {
    if (entry.wired_count == 0) continue;
    for (uint32_t i = 0; i < entry.pages(); ++i) {
      const Pte pte = p_.page_tables.entry(entry.slot + i);
      wired += (pte & kPteValid) != 0 && p_.pages[pte & kPteFrameMask].wired();
    }
  }
  return wired;
}

}  // namespace vmsim::vm
