#include "vm/fault.h"

#include <algorithm>

#include "vm/trace_types.h"

namespace vmsim::vm {
namespace {

constexpr int kPrefaultSoft = 4;  // Pages each side that a soft fault maps on the way.

}  // namespace

FaultHandler::FaultHandler(const Parts& parts, const Tunables& tunables, const Costs& costs,
                           const RevisionSettings& revision)
    : p_(parts),
      tunables_(tunables),
      costs_(costs),
      revision_(revision),
      read_ahead_(parts.pages, parts.page_tables, tunables.maxphys) {}

sim::Task<FaultResult> FaultHandler::Fault(AddressSpace& space, PteSlot slot, bool write) {
  State fs{.space = space, .slot = slot, .write = write, .start = p_.engine.now()};
  ++p_.counters.v_vm_faults;
  co_await p_.engine.Consume(costs_.soft_fault_ns);
  while (true) {
    const FaultResult found = Lookup(fs);
    if (found != FaultResult::kSuccess) co_return Fail(fs, found);
    if (TrySoftFast(fs)) co_return FaultResult::kSuccess;
    Hold(fs);
    if (fs.frame != kNoFrame && !p_.pages.TryXbusy(fs.frame)) {
      co_await BusySleep(fs);
      continue;
    }
    if (fs.frame == kNoFrame && !Allocate(fs)) {
      Release(fs);
      co_await WaitForMemory(fs);
      continue;
    }
    if (!p_.pages[fs.frame].fully_valid()) {
      const bool filled = co_await Fill(fs);
      if (!filled) co_return Fail(fs, FaultResult::kOutOfBounds);
      if (!StillMapped(fs)) {
        DropPage(fs);
        continue;
      }
    }
    Map(fs);
    co_return FaultResult::kSuccess;
  }
}

FaultResult FaultHandler::Lookup(State& fs) {
  fs.entry = fs.space.LookupSlot(fs.slot);
  if (fs.entry == nullptr) return FaultResult::kInvalidAddress;
  if (fs.write && !fs.entry->writable) return FaultResult::kProtectionFailure;
  fs.vpage = fs.entry->VpageOf(fs.slot);
  fs.pindex = fs.entry->PindexOf(fs.vpage);
  fs.object = &p_.objects[fs.entry->object];
  if (fs.pindex >= fs.object->size) return FaultResult::kOutOfBounds;
  // Both tables are large; what the pager will ask for comes in while the frame is looked up.
  fs.object->swap.Prefetch(fs.pindex);
  fs.frame = fs.object->Lookup(fs.pindex);
  fs.kind = FaultKind::kSoft;
  return FaultResult::kSuccess;
}

bool FaultHandler::TrySoftFast(State& fs) {
  if (fs.frame == kNoFrame || !p_.pages[fs.frame].fully_valid()) return false;
  // The permitted protection counts, not the access: a read through a writable mapping waits for a
  // page that is being written out, for it could be stored to afterwards.
  if (fs.entry->writable && p_.pages.busied(fs.frame)) return false;
  p_.page_tables.Enter(fs.slot, fs.frame, fs.entry->writable, fs.write);
  Prefault(fs, kPrefaultSoft, kPrefaultSoft);
  Dirty(fs);
  ++fs.space.minflt;
  stats_.Record(FaultKind::kSoft, p_.engine.now() - fs.start, fs.waits);
  p_.trace.Emit(trace::kFaultSoft, fs.space.id(), fs.vpage, fs.frame);
  return true;
}

// Keeps the object while the fault sleeps: its end waits for paging in progress. The kernel takes a
// reference, too, and may thereby have to end the object itself.
void FaultHandler::Hold(State& fs) { fs.object->PipAdd(); }

void FaultHandler::Release(State& fs) { fs.object->PipWakeup(); }

// A page that another thread works on: remember that it was wanted, and sleep until it is free.
sim::Task<void> FaultHandler::BusySleep(State& fs) {
  reclaim_->Reference(fs.frame);
  Release(fs);
  const sim::SimTime start = p_.engine.now();
  co_await p_.pages.BusyChannel(fs.frame).Sleep(p_.engine, sim::kPriorityDaemon, "vmpfw");
  fs.waits[WaitCause::kPageBusy] += p_.engine.now() - start;
  ++p_.counters.v_intrans;
}

bool FaultHandler::Allocate(State& fs) {
  if (p_.domain.severe_set() && !fs.space.killed) return false;
  const AllocClass alloc_class = fs.space.killed ? AllocClass::kSystem : AllocClass::kNormal;
  fs.frame = p_.allocator.Alloc(*fs.object, fs.pindex, alloc_class);
  return fs.frame != kNoFrame;
}

// No page to be had: wait for the page daemon. After three waits of ten seconds the fault asks for
// a kill.
sim::Task<void> FaultHandler::WaitForMemory(State& fs) {
  const sim::SimTime now = p_.engine.now();
  if (tunables_.pfault_oom_attempts >= 0) {
    const int64_t patience_s = int64_t{tunables_.pfault_oom_attempts} * tunables_.pfault_oom_wait_s;
    if (!fs.oom_timer_started) {
      fs.oom_timer_started = true;
      fs.oom_timer = now;
    } else if ((now - fs.oom_timer) / sim::kSecond >= patience_s) {
      fs.oom_timer_started = false;
      p_.host.OutOfMemory(OomReason::kMemPf);
      // Try again at once, for the kill may have made room; but not in no time.
      co_await p_.engine.Consume(costs_.soft_fault_ns);
      co_return;
    }
  }
  co_await p_.domain.WaitPfault(int64_t{tunables_.pfault_oom_wait_s} * sim::kSecond);
  const sim::SimDuration waited = p_.engine.now() - now;
  fs.waits[WaitCause::kFreeMemory] += waited;
  if (waited == 0) co_await p_.engine.Consume(costs_.soft_fault_ns);
}

// Whether the pager has to be asked before the page can be taken to be absent.
bool FaultHandler::NeedsGetPages(const Object& object) const {
  if (revision_.default_objects) return object.type != ObjectType::kDefault;
  return object.type != ObjectType::kSwap || !object.swap.empty();
}

// How much to ask of the pager. A killed process shall not spend time and pages on neighbours.
void FaultHandler::ChooseWindow(State& fs) {
  fs.behind = fs.ahead = 0;
  if (fs.space.killed) return;
  if (fs.nera < 0) {
    const ReadAhead::Choice choice = read_ahead_.Choose(*fs.entry, *fs.object, fs.vpage);
    fs.nera = choice.pages;
    read_ahead_.Drop(*fs.entry, *fs.object, choice.drop_start, choice.drop_end, *reclaim_);
  }
  const ReadAhead::Window window = read_ahead_.WindowOf(*fs.entry, fs.vpage, fs.pindex, fs.nera);
  fs.behind = window.behind;
  fs.ahead = window.ahead;
}

// Makes the busied page valid, from the pager or with zeros. False: the pager could not read it;
// the page is gone and the object released.
sim::Task<bool> FaultHandler::Fill(State& fs) {
  if (NeedsGetPages(*fs.object)) {
    ChooseWindow(fs);
    co_await p_.engine.Consume(
        std::max<sim::SimDuration>(costs_.hard_fault_ns - costs_.soft_fault_ns, 0));
    const FrameIndex request[] = {fs.frame};
    const PagerResult result =
        co_await fs.object->pager->GetPages(*fs.object, request, &fs.behind, &fs.ahead);
    if (fs.object->pager == &p_.swap && result != PagerResult::kFail) {
      fs.waits[WaitCause::kDiskQueue] += p_.swap.last_read_queue_ns();
      fs.waits[WaitCause::kDiskService] += p_.swap.last_read_service_ns();
    }
    if (result == PagerResult::kOk) {
      fs.kind = FaultKind::kHard;
      co_return true;
    }
    if (result != PagerResult::kFail) {
      FreePage(fs);
      co_return false;
    }
  }
  co_await p_.engine.Consume(costs_.page_zero_ns);
  fs.kind = FaultKind::kZero;
  p_.pages[fs.frame].valid = kPageBitsAll;
  ++p_.counters.v_zfod;
  co_return true;
}

// Whether the address still leads to the page that was filled meanwhile, and may be used so.
bool FaultHandler::StillMapped(State& fs) {
  fs.entry = fs.space.LookupSlot(fs.slot);
  return fs.entry != nullptr && fs.entry->object == fs.object->id &&
         fs.entry->PindexOf(fs.entry->VpageOf(fs.slot)) == fs.pindex &&
         (fs.entry->writable || !fs.write);
}

// Lets go of a page that was filled but will not be mapped: others may want it.
void FaultHandler::DropPage(State& fs) {
  reclaim_->Deactivate(fs.frame);
  p_.pages.Xunbusy(fs.frame);
  Release(fs);
}

// Gets rid of a page that could not be filled, unless it is wired.
void FaultHandler::FreePage(State& fs) {
  if (p_.pages[fs.frame].wired()) {
    p_.pages.Xunbusy(fs.frame);
  } else {
    p_.allocator.Free(fs.frame);
  }
  Release(fs);
}

// The page is valid and busied: map it, and account for the fault.
void FaultHandler::Map(State& fs) {
  if (fs.kind == FaultKind::kHard) {
    fs.entry->next_read = fs.vpage + static_cast<Vpage>(fs.ahead) + 1;
  }
  Dirty(fs);
  p_.page_tables.Enter(fs.slot, fs.frame, fs.entry->writable, fs.write);
  if (fs.kind == FaultKind::kSoft) {
    Prefault(fs, kPrefaultSoft, kPrefaultSoft);
  } else if (fs.kind == FaultKind::kHard) {
    Prefault(fs, fs.behind, fs.ahead);
  }
  reclaim_->Activate(fs.frame);
  p_.pages.Xunbusy(fs.frame);
  Release(fs);
  uint16_t event = fs.kind == FaultKind::kZero ? trace::kFaultZero : trace::kFaultSoft;
  if (fs.kind == FaultKind::kHard) {
    event = trace::kFaultHard;
    ++p_.counters.v_io_faults;
    if (fs.object->type == ObjectType::kSwap) ++p_.counters.refaults;
    ++fs.space.majflt;
  } else {
    ++fs.space.minflt;
  }
  stats_.Record(fs.kind, p_.engine.now() - fs.start, fs.waits);
  p_.trace.Emit(event, fs.space.id(), fs.vpage, fs.frame);
}

FaultResult FaultHandler::Fail(State& fs, FaultResult result) {
  stats_.Record(FaultKind::kError, p_.engine.now() - fs.start, fs.waits);
  p_.trace.Emit(trace::kFaultError, fs.space.id(), fs.vpage, static_cast<uint64_t>(result));
  return result;
}

// The object is not locked here in the kernel, so a stale swap block is only marked.
void FaultHandler::Dirty(const State& fs) {
  if (fs.entry->writable && fs.write) p_.allocator.SetDirtyDeferred(fs.frame);
}

// Maps resident neighbours, nearest first and alternating, read-only and unreferenced. The first
// absent one ends it, so that an isolated page costs nothing.
void FaultHandler::Prefault(const State& fs, int backward, int forward) {
  const MapEntry& entry = *fs.entry;
  const Pte* entries = p_.page_tables.entries();
  const auto try_map = [&](Vpage vpage) {
    const PteSlot slot = entry.SlotOf(vpage);
    if ((entries[slot] & kPteValid) != 0) return true;
    const FrameIndex frame = fs.object->Lookup(entry.PindexOf(vpage));
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

}  // namespace vmsim::vm
