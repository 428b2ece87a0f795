// What becomes of a fault's page: copied if it has to be, dirtied, mapped, and its neighbours, too.
#include <algorithm>

#include "vm/fault.h"
#include "vm/trace_types.h"

namespace vmsim::vm {
namespace {

constexpr int kPrefaultSoft = 4;  // Pages each side that a soft fault maps on the way.

}  // namespace

bool FaultHandler::TrySoftFast(State& fs) {
  if (fs.m == kNoFrame || !p_.pages[fs.m].fully_valid()) return false;
  // The permitted protection counts, not the access: a read through a writable mapping waits for a
  // page that is being written out, for it could be stored to afterwards.
  if (fs.prot_write && p_.pages.busied(fs.m)) return false;
  p_.page_tables.Enter(fs.slot, fs.m, fs.prot_write, fs.writes);
  Prefault(fs, kPrefaultSoft, kPrefaultSoft);
  Dirty(fs, fs.m);
  ++fs.space.minflt;
  stats_.Record(FaultKind::kSoft, p_.engine.now() - fs.start, fs.waits);
  p_.trace.Emit(trace::kFaultSoft, fs.space.id(), fs.vpage, fs.m);
  return true;
}

// Whether nobody but the first object can see the page below: then it need not be copied.
bool FaultHandler::CanMove(const State& fs) const {
  const Object& backing = *fs.object;
  return backing.shadow_count == 1 && backing.ref_count == 1 && backing.anon() &&
         fs.first_object->backing == backing.id;
}

// Gives the first object a page of its own in place of `m` (vm_fault_cow).
void FaultHandler::Cow(State& fs) {
  if (CanMove(fs)) {
    p_.allocator.Free(fs.first_m);
    p_.object_ops.Rename(fs.m, *fs.first_object, fs.first_pindex);
    ++p_.counters.v_cow_optim;
  } else {
    p_.pages[fs.first_m].valid = kPageBitsAll;
    if (fs.wired && fs.flags == kFaultNormal) {
      p_.allocator.Wire(fs.first_m);
      p_.allocator.Unwire(fs.m, QueueId::kInactive);
    }
    fs.m_cow = fs.m;
    fs.m = fs.first_m;
    // Another map that shares the first object may have mapped the page below meanwhile.
    if (!fs.first_object->one_mapping()) p_.page_tables.RemoveAll(fs.m_cow);
  }
  fs.first_m = kNoFrame;
  fs.object->PipWakeup();
  fs.object = fs.first_object;
  fs.pindex = fs.first_pindex;
  if (fs.faultcount == 0) fs.faultcount = 1;
  ++p_.counters.v_cow_faults;
  p_.trace.Emit(trace::kFaultCow, fs.space.id(), fs.vpage, fs.m);
}

// The page is valid and busied: map it, and account for the fault.
void FaultHandler::Map(State& fs) {
  if (fs.object != fs.first_object) fs.prot_write = false;
  if (fs.kind == FaultKind::kHard) {
    fs.entry->next_read = fs.vpage + static_cast<Vpage>(fs.ahead) + 1;
  }
  Dirty(fs, fs.m);
  p_.page_tables.Enter(fs.slot, fs.m, fs.prot_write, fs.writes);
  if (fs.faultcount != 1 && !fs.wired) {
    const bool hard = fs.kind == FaultKind::kHard;
    Prefault(fs, hard ? fs.behind : kPrefaultSoft, hard ? fs.ahead : kPrefaultSoft);
  }
  if (fs.flags == kFaultWire) {
    p_.allocator.Wire(fs.m);
  } else {
    reclaim_->Activate(fs.m);
  }
  p_.pages.Xunbusy(fs.m);
  if (fs.m_cow != kNoFrame) ReleasePage(fs.m_cow);
  if (fs.first_m != kNoFrame) p_.allocator.Free(fs.first_m);
  Release(fs);
  Account(fs);
}

void FaultHandler::Account(State& fs) {
  uint16_t event = fs.kind == FaultKind::kZero ? trace::kFaultZero : trace::kFaultSoft;
  if (fs.kind == FaultKind::kHard) {
    event = trace::kFaultHard;
    ++p_.counters.v_io_faults;
    ++fs.space.majflt;
  } else {
    ++fs.space.minflt;
  }
  stats_.Record(fs.kind, p_.engine.now() - fs.start, fs.waits);
  p_.trace.Emit(event, fs.space.id(), fs.vpage, fs.m);
}

// The object is not locked here in the kernel, so a stale swap block is only marked.
void FaultHandler::Dirty(const State& fs, FrameIndex frame) {
  if (!fs.prot_write) return;
  Object& object = *fs.first_object;
  if (object.type == ObjectType::kVnode) {
    ++object.generation;
    // Mapped for writing: from now on stores need not fault.
    object.pager->PageStored(object, p_.pages[frame].pindex);
  }
  if (!fs.writes || fs.flags == kFaultWire) return;
  Page& page = p_.pages[frame];
  const bool was_clean = page.dirty == 0;
  p_.allocator.SetDirtyDeferred(frame);
  if (!was_clean) return;
  if (fs.entry->nosync) {
    page.oflags |= kVpoNoSync;
  } else {
    page.oflags &= static_cast<uint8_t>(~kVpoNoSync);
  }
}

// Maps resident neighbours, nearest first and alternating, read-only and unreferenced. The first
// absent one ends it, so that an isolated page costs nothing.
void FaultHandler::Prefault(const State& fs, int backward, int forward) {
  const MapEntry& entry = *fs.entry;
  const Pte* entries = p_.page_tables.entries();
  const auto try_map = [&](Vpage vpage) {
    const PteSlot slot = entry.SlotOf(vpage);
    if ((entries[slot] & kPteValid) != 0) return true;
    const FrameIndex frame = FindForPrefault(fs, vpage);
    if (frame == kNoFrame) return false;
    if (p_.pages[frame].fully_valid()) p_.page_tables.EnterQuick(slot, frame);
    return true;
  };
  const Vpage below = std::min<Vpage>(static_cast<Vpage>(backward), fs.vpage - entry.start);
  const Vpage above = std::min<Vpage>(static_cast<Vpage>(forward), entry.end - 1 - fs.vpage);
  for (Vpage distance = 1; distance <= std::max(below, above); ++distance) {
    if (distance <= below && !try_map(fs.vpage - distance)) return;
    if (distance <= above && !try_map(fs.vpage + distance)) return;
  }
}

// The page that a fault at `vpage` would find without asking a pager; its validity is not known.
FrameIndex FaultHandler::FindForPrefault(const State& fs, Vpage vpage) const {
  const Object* object = fs.first_object;
  Pindex pindex = fs.entry->PindexOf(vpage);
  while (true) {
    const FrameIndex frame = pindex < object->size ? object->Lookup(pindex) : kNoFrame;
    if (frame != kNoFrame) return frame;
    if (object->backing == kNoObject || NeedsGetPages(*object)) return kNoFrame;
    pindex += object->backing_offset;
    object = &p_.objects[object->backing];
  }
}

}  // namespace vmsim::vm
