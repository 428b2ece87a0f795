// Shortening shadow chains, and cutting objects in two.
#include <algorithm>

#include "sim/wait_channel.h"
#include "vm/object_ops.h"
#include "vm/trace_types.h"

namespace vmsim::vm {

sim::Task<void> ObjectOps::Collapse(ObjectId id) {
  Object& object = p_.objects[id];
  while (!object.dead()) {
    co_await CollapseWait(object);
    if (object.backing == kNoObject) break;
    Object& backing = p_.objects[object.backing];
    if (!backing.anon() || backing.dead()) break;
    if (backing.ref_count == 1) {
      if (p_.counters.v_wire_count > 0 && HidesWired(object, backing)) break;
      co_await CollapseInto(object, backing);
    } else if (AllShadowed(object, backing)) {
      Bypass(object, backing);
    } else {
      break;
    }
  }
}

// Sleeps until nobody is shortening the chain at `object` or right below it (a tick at a time: either
// may be gone afterwards but for the caller's reference).
sim::Task<void> ObjectOps::CollapseWait(const Object& object) {
  while (true) {
    uint8_t flags = object.flags;
    if (object.backing != kNoObject) flags |= p_.objects[object.backing].flags;
    if ((flags & kObjCollapsing) == 0) co_return;
    co_await sim::Pause(p_.engine, sim::kMillisecond, "vmocol");
  }
}

// Whether `backing` has a wired page that would have to go, being hidden or out of sight: who wired it
// through an entry that it shares finds it there when it unwires. The kernel would lose track of it.
bool ObjectOps::HidesWired(const Object& object, const Object& backing) const {
  uint32_t left = backing.resident_page_count;
  for (Pindex pindex = 0; left > 0; ++pindex) {
    const FrameIndex frame = backing.Lookup(pindex);
    if (frame == kNoFrame) continue;
    --left;
    if (!p_.pages[frame].wired()) continue;
    if (pindex < object.backing_offset || pindex - object.backing_offset >= object.size)
      return true;
    const Pindex above = pindex - object.backing_offset;
    if (object.frames[above] != 0 || object.swap.Lookup(above) != kNoSwapBlock) return true;
  }
  return false;
}

// Takes over what `backing`, referenced by nobody else, has.
sim::Task<void> ObjectOps::CollapseInto(Object& object, Object& backing) {
  CHECK_EQ(backing.shadow_count, 1, "object=", backing.id);
  object.PipAdd();
  object.flags |= kObjCollapsing;
  backing.PipAdd();
  backing.flags |= kObjDead;
  co_await CollapseScan(object, backing);
  // Swap that no resident page stood for; what `object` has of its own stays.
  p_.swap.Copy(backing, object, object.backing_offset, /*destroy_source=*/true);
  if (revision_.default_objects) backing.type = ObjectType::kDefault;
  const Pindex offset = object.backing_offset + backing.backing_offset;
  p_.objects.ClearBacking(object);
  if (const ObjectId below = p_.objects.ClearBacking(backing); below != kNoObject) {
    p_.objects.SetBacking(object, p_.objects[below], offset);
  }
  object.flags &= static_cast<uint8_t>(~kObjCollapsing);
  object.PipWakeup();
  backing.PipWakeup();
  ++p_.counters.object_collapses;
  p_.trace.Emit(trace::kCollapse, object.id, backing.id, 0);
  --backing.ref_count;
  co_await Terminate(backing);
}

sim::Task<void> ObjectOps::CollapseScan(Object& object, Object& backing) {
  for (Pindex pindex = 0; backing.resident_page_count > 0;) {
    const FrameIndex frame = backing.Lookup(pindex);
    if (frame == kNoFrame) {
      ++pindex;
      continue;
    }
    switch (CollapsePage(object, backing, frame)) {
      case Moved::kDone:
        ++pindex;
        break;
      case Moved::kBusy:
        co_await BusySleep(frame, "vmocol");
        pindex = 0;
        break;
      case Moved::kBusyAbove: {
        const FrameIndex above = object.Lookup(pindex - object.backing_offset);
        co_await BusySleep(above, "vmocol");
        pindex = 0;
        break;
      }
    }
  }
}

ObjectOps::Moved ObjectOps::CollapsePage(Object& object, Object& backing, FrameIndex frame) {
  const Pindex pindex = p_.pages[frame].pindex;
  if (!p_.pages.TryXbusy(frame)) return Moved::kBusy;
  const bool visible =
      pindex >= object.backing_offset && pindex - object.backing_offset < object.size;
  if (!visible || !p_.pages[frame].fully_valid()) {
    p_.swap.FreeRange(backing, pindex, 1);
    FreePage(frame);
    return Moved::kDone;
  }
  const Pindex new_pindex = pindex - object.backing_offset;
  FrameIndex above = object.Lookup(new_pindex);
  if (above != kNoFrame && !p_.pages.TryXbusy(above)) {
    p_.pages.Xunbusy(frame);
    return Moved::kBusyAbove;
  }
  if (above != kNoFrame && p_.pages[above].valid == 0) {
    FreePage(above);  // What a fault left that has not filled it.
    above = kNoFrame;
  }
  if (above != kNoFrame || object.swap.Lookup(new_pindex) != kNoSwapBlock) {
    if (above != kNoFrame) p_.pages.Xunbusy(above);
    p_.swap.FreeRange(backing, pindex, 1);
    FreePage(frame);
    return Moved::kDone;
  }
  Rename(frame, object, new_pindex);
  p_.swap.FreeRange(backing, pindex, 1);
  p_.pages.Xunbusy(frame);
  return Moved::kDone;
}

// Whether `object` has everything of `backing` that can be seen through it. A page that somebody
// works on is not safe to skip.
bool ObjectOps::AllShadowed(const Object& object, const Object& backing) const {
  const uint64_t end =
      std::min<uint64_t>(backing.size, uint64_t{object.backing_offset} + object.size);
  for (uint64_t at = object.backing_offset; at < end; ++at) {
    const auto pindex = static_cast<Pindex>(at);
    const FrameIndex frame = backing.Lookup(pindex);
    if (frame == kNoFrame && backing.swap.Lookup(pindex) == kNoSwapBlock) continue;
    if (frame != kNoFrame && (p_.pages.busied(frame) || !p_.pages[frame].fully_valid())) {
      return false;
    }
    const Pindex new_pindex = pindex - object.backing_offset;
    const FrameIndex above = object.Lookup(new_pindex);
    if (above != kNoFrame && p_.pages[above].valid != 0) continue;
    if (object.swap.Lookup(new_pindex) == kNoSwapBlock) return false;
  }
  return true;
}

void ObjectOps::Bypass(Object& object, Object& backing) {
  const Pindex offset = object.backing_offset + backing.backing_offset;
  p_.objects.ClearBacking(object);
  if (backing.backing != kNoObject) {
    Object& below = p_.objects[backing.backing];
    Reference(below);
    p_.objects.SetBacking(object, below, offset);
  }
  // It had two references at least, so it stays.
  --backing.ref_count;
  CHECK_GE(backing.ref_count, 1, "object=", backing.id);
  ++p_.counters.object_bypasses;
  p_.trace.Emit(trace::kBypass, object.id, backing.id, 0);
}

sim::Task<void> ObjectOps::Split(MapEntry& entry) {
  Object& from = p_.objects[entry.object];
  if (!from.anon() || from.ref_count <= 1) co_return;
  // What is below must not go while the new object is made a shadow of it.
  co_await CollapseWait(from);
  const auto pages = static_cast<uint32_t>(entry.pages());
  Object& to = AllocateAnon(pages);
  if (from.backing != kNoObject) {
    Object& below = p_.objects[from.backing];
    Reference(below);
    p_.objects.SetBacking(to, below, from.backing_offset + entry.offset);
  }
  if (from.charge > 0) {
    to.charge = pages;
    from.charge -= std::min(from.charge, pages);
  }
  from.flags |= kObjSplit;
  co_await SplitPages(from, to, entry.offset);
  p_.swap.Copy(from, to, entry.offset, /*destroy_source=*/false);
  from.flags &= static_cast<uint8_t>(~kObjSplit);
  for (Pindex pindex = 0; pindex < to.size; ++pindex) {
    const FrameIndex frame = to.Lookup(pindex);
    if (frame != kNoFrame) p_.pages.Xunbusy(frame);
  }
  entry.object = to.id;
  entry.offset = 0;
  co_await Deallocate(from.id);
}

// Moves the pages of [offset, offset + size of `to`); they stay busy until their swap has followed.
sim::Task<void> ObjectOps::SplitPages(Object& from, Object& to, Pindex offset) {
  for (Pindex pindex = 0; pindex < to.size;) {
    const FrameIndex frame = from.Lookup(offset + pindex);
    if (frame != kNoFrame) {
      // Waits for writes, too: the disk must not be told of a page that has moved.
      if (!p_.pages.TryXbusy(frame)) {
        co_await BusySleep(frame, "spltwt");
        continue;
      }
      if (p_.pages[frame].valid == 0) {
        FreePage(frame);
      } else {
        Rename(frame, to, pindex);
      }
    }
    ++pindex;
  }
}

}  // namespace vmsim::vm
