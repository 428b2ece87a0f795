#include "vm/fault.h"

#include <algorithm>

#include "sim/wait_channel.h"
#include "vm/trace_types.h"

namespace vmsim::vm {

FaultHandler::FaultHandler(const Parts& parts, const Tunables& tunables, const Costs& costs,
                           const RevisionSettings& revision)
    : p_(parts),
      tunables_(tunables),
      costs_(costs),
      revision_(revision),
      read_ahead_(parts.pages, parts.page_tables, tunables.maxphys) {}

sim::Task<FaultResult> FaultHandler::Fault(AddressSpace& space, PteSlot slot, bool write,
                                           FaultFlags flags) {
  State fs{.space = space,
           .slot = slot,
           .flags = flags,
           .start = p_.engine.now(),
           .access_writes = write};
  ++p_.counters.v_vm_faults;
  co_await p_.engine.Consume(costs_.soft_fault_ns);
  while (true) {
    const FaultResult found = Lookup(fs);
    if (found != FaultResult::kSuccess) {
      UnlockVnode(fs);
      co_return Fail(fs, found);
    }
    if (flags == kFaultNormal && TrySoftFast(fs)) {
      UnlockVnode(fs);
      co_return FaultResult::kSuccess;
    }
    Hold(fs);
    Step step = Search(fs, Step::kLook);
    while (step == Step::kAskPager) {
      step = co_await AskPager(fs);
      step = Search(fs, step);
    }
    if (step == Step::kVnodeLocked) {
      co_await WaitForVnode(fs);
      continue;
    }
    UnlockVnode(fs);
    if (step == Step::kOutOfBounds) {
      Abandon(fs);
      co_return Fail(fs, FaultResult::kOutOfBounds);
    }
    if (step == Step::kZeroFill) {
      co_await p_.engine.Consume(costs_.page_zero_ns);
      ZeroFill(fs);
    } else if (step != Step::kFound) {
      co_await WaitAndRetry(fs, step);
      continue;
    }
    if (fs.object != fs.first_object && fs.writes) {
      if (!CanMove(fs)) co_await p_.engine.Consume(costs_.page_copy_ns);
      Cow(fs);
    }
    if (!StillMapped(fs)) {
      Abandon(fs);
      continue;
    }
    Map(fs);
    co_return FaultResult::kSuccess;
  }
}

// vm_map_lookup: the entry, what it permits, and its object, which is made now if it has to be.
FaultResult FaultHandler::Lookup(State& fs) {
  fs.entry = fs.space.LookupSlot(fs.slot);
  if (fs.entry == nullptr) return FaultResult::kInvalidAddress;
  MapEntry& entry = *fs.entry;
  fs.vpage = entry.VpageOf(fs.slot);
  if (entry.protection == kProtNone || (fs.access_writes && !entry.writable())) {
    return FaultResult::kProtectionFailure;
  }
  fs.wired = entry.wired_count != 0;
  fs.writes = fs.wired ? entry.writable() : fs.access_writes;
  fs.prot_write = entry.writable();
  if (__builtin_expect(entry.needs_copy, 0)) {
    if (!fs.writes) {
      fs.prot_write = false;
    } else {
      if (!entry.charged && !p_.reserve.Reserve(entry.pages())) {
        return FaultResult::kResourceShortage;
      }
      entry.charged = true;
      if (entry.object != kNoObject) p_.object_ops.Shadow(entry);
      entry.needs_copy = false;
    }
  }
  if (__builtin_expect(entry.object == kNoObject, 0)) p_.object_ops.Back(entry);
  fs.first_pindex = entry.PindexOf(fs.vpage);
  fs.first_object = &p_.objects[entry.object];
  if (fs.first_pindex >= fs.first_object->size) return FaultResult::kOutOfBounds;
  // Both tables are large; what the pager will ask for comes in while the frame is looked up.
  fs.first_object->swap.Prefetch(fs.first_pindex);
  fs.object = fs.first_object;
  fs.pindex = fs.first_pindex;
  fs.m = fs.first_object->Lookup(fs.first_pindex);
  fs.kind = FaultKind::kSoft;
  fs.faultcount = 0;
  return FaultResult::kSuccess;
}

// Goes on with the search until it is over, or has to sleep.
FaultHandler::Step FaultHandler::Search(State& fs, Step step) {
  while (true) {
    if (step == Step::kLook) {
      step = Look(fs);
    } else if (step == Step::kNotHere) {
      step = Descend(fs);
    } else {
      return step;
    }
  }
}

// Keeps the objects while the fault sleeps: their end waits for paging in progress. The kernel
// takes a reference, too, and may thereby have to end the object itself.
void FaultHandler::Hold(State& fs) { fs.first_object->PipAdd(); }

void FaultHandler::Release(State& fs) {
  if (fs.object != fs.first_object) fs.object->PipWakeup();
  fs.first_object->PipWakeup();
}

// Lets go of a page that will not be mapped: others may want it (vm_fault_page_release).
void FaultHandler::ReleasePage(FrameIndex frame) {
  reclaim_->Deactivate(frame);
  p_.pages.Xunbusy(frame);
}

// Lets go of everything.
void FaultHandler::Abandon(State& fs) {
  if (fs.m != kNoFrame) ReleasePage(fs.m);
  if (fs.m_cow != kNoFrame) ReleasePage(fs.m_cow);
  if (fs.first_m != kNoFrame) FreeOrUnbusy(fs.first_m);
  fs.m = fs.m_cow = fs.first_m = kNoFrame;
  Release(fs);
}

sim::Task<void> FaultHandler::WaitAndRetry(State& fs, Step step) {
  if (step == Step::kBusy) {
    co_await BusySleep(fs);
  } else if (step == Step::kDead) {
    Abandon(fs);
    co_await sim::Pause(p_.engine, sim::kSecond / tunables_.hz, "vmf_de");
  } else {
    Abandon(fs);
    co_await WaitForMemory(fs);
  }
}

// A page that another thread works on: remember that it was wanted, and sleep until it is free. The
// placeholder stays behind, invalid, for the next try.
sim::Task<void> FaultHandler::BusySleep(State& fs) {
  const FrameIndex busy = fs.m;
  reclaim_->Reference(busy);
  if (fs.first_m != kNoFrame) ReleasePage(fs.first_m);
  fs.m = fs.first_m = kNoFrame;
  Release(fs);
  const sim::SimTime start = p_.engine.now();
  co_await p_.pages.BusyChannel(busy).Sleep(p_.engine, sim::kPriorityDaemon, "vmpfw");
  fs.waits[WaitCause::kPageBusy] += p_.engine.now() - start;
  ++p_.counters.v_intrans;
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

// Whether the address still leads to the page that was found, and may be used so. What the entry
// permits can only have become less.
bool FaultHandler::StillMapped(State& fs) {
  fs.entry = fs.space.LookupSlot(fs.slot);
  if (fs.entry == nullptr || fs.entry->object != fs.first_object->id) return false;
  if (fs.entry->PindexOf(fs.entry->VpageOf(fs.slot)) != fs.first_pindex) return false;
  const bool may_write = fs.entry->writable() && !fs.entry->needs_copy;
  if ((fs.writes && !may_write) || fs.entry->protection == kProtNone) return false;
  fs.prot_write = fs.prot_write && may_write;
  return true;
}

FaultResult FaultHandler::Fail(State& fs, FaultResult result) {
  stats_.Record(FaultKind::kError, p_.engine.now() - fs.start, fs.waits);
  p_.trace.Emit(trace::kFaultError, fs.space.id(), fs.vpage, static_cast<uint64_t>(result));
  return result;
}

}  // namespace vmsim::vm
