// vm/fault.h: what happens when a reference misses the page table.
//
// First the fast path: the page is resident and valid in the entry's object, so it is mapped, and that
// is all; it is not activated. Otherwise:
//
//       lookup --> resident, valid ------------------------------------> map, activate      (soft)
//          ^  |--> resident, busy --> sleep, look again
//          |  '--> allocate --> pager has it --> GetPages (sleeps) ----> map, activate      (hard)
//          |          |              '--> it has not --> fill with zeros -> map, activate   (zero)
//          '--- no memory: wait for it, at last call for a kill
//
// After every sleep everything is looked up again from the map entry on. Below free_severe a fault
// does not allocate at all, although other allocations may go down to free_reserved.
//
// Model: FreeBSD sys/vm/vm_fault.c (vm_fault, vm_fault_soft_fast, vm_fault_allocate,
// vm_fault_allocate_oom, vm_fault_getpages, vm_fault_readahead, vm_fault_dontneed,
// vm_fault_zerofill, vm_fault_dirty, vm_fault_prefault, vm_fault_busy_sleep).
#ifndef VMSIM_VM_FAULT_H_
#define VMSIM_VM_FAULT_H_

#include <cstdint>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "vm/config.h"
#include "vm/counters.h"
#include "vm/domain.h"
#include "vm/fault_stats.h"
#include "vm/host.h"
#include "vm/map.h"
#include "vm/object.h"
#include "vm/page_allocator.h"
#include "vm/page_array.h"
#include "vm/page_tables.h"
#include "vm/read_ahead.h"
#include "vm/reclaim.h"
#include "vm/swap_pager.h"

namespace vmsim::vm {

enum class FaultResult : uint8_t {
  kSuccess,
  kInvalidAddress,     // Nothing is mapped there: SIGSEGV.
  kProtectionFailure,  // A write through a read-only mapping: SIGSEGV.
  kOutOfBounds,        // The pager could not read the page: SIGBUS.
};

inline constexpr int kSigBus = 10;
inline constexpr int kSigSegv = 11;
inline constexpr int kSigKill = 9;
// The signal that a failed fault sends (vm_fault_trap).
constexpr int SignalOf(FaultResult result) {
  return result == FaultResult::kSuccess       ? 0
         : result == FaultResult::kOutOfBounds ? kSigBus
                                               : kSigSegv;
}

class FaultHandler {
 public:
  struct Parts {
    sim::Engine& engine;
    sim::Trace& trace;
    PageArray& pages;
    PageTables& page_tables;
    ObjectTable& objects;
    Domain& domain;
    PageAllocator& allocator;
    SwapPager& swap;
    VmCounters& counters;
    Host& host;
  };
  FaultHandler(const Parts& parts, const Tunables& tunables, const Costs& costs,
               const RevisionSettings& revision);
  void set_reclaim(Reclaim* reclaim) { reclaim_ = reclaim; }

  // Resolves a fault of the executing thread at the page-table slot `slot` of `space`.
  sim::Task<FaultResult> Fault(AddressSpace& space, PteSlot slot, bool write);

  const FaultStats& stats() const { return stats_; }

 private:
  // One call of Fault. What is found by lookup is good until the next sleep.
  struct State {
    AddressSpace& space;
    const PteSlot slot;
    const bool write;
    const sim::SimTime start;

    MapEntry* entry = nullptr;
    Object* object = nullptr;
    Vpage vpage = 0;
    Pindex pindex = 0;
    FrameIndex frame = kNoFrame;
    FaultKind kind = FaultKind::kSoft;

    int nera = -1;  // Read-ahead window, -1: not computed yet.
    int behind = 0;
    int ahead = 0;
    bool oom_timer_started = false;
    sim::SimTime oom_timer = 0;
    FaultWaits waits{};
  };

  FaultResult Lookup(State& fs);
  bool TrySoftFast(State& fs);
  void Hold(State& fs);
  void Release(State& fs);
  bool Allocate(State& fs);
  sim::Task<void> WaitForMemory(State& fs);
  sim::Task<void> BusySleep(State& fs);
  sim::Task<bool> Fill(State& fs);
  bool StillMapped(State& fs);
  void DropPage(State& fs);
  void FreePage(State& fs);
  void Map(State& fs);
  FaultResult Fail(State& fs, FaultResult result);

  bool NeedsGetPages(const Object& object) const;
  void ChooseWindow(State& fs);
  void Dirty(const State& fs);
  void Prefault(const State& fs, int backward, int forward);

  Parts p_;
  const Tunables& tunables_;
  const Costs& costs_;
  RevisionSettings revision_;
  Reclaim* reclaim_ = nullptr;
  ReadAhead read_ahead_;
  FaultStats stats_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_FAULT_H_
