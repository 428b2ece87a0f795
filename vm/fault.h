// vm/fault.h: what happens when a reference misses the page table.
//
// First the fast path: the page is resident and valid in the entry's object, so it is mapped, and
// that is all; it is not activated. Otherwise the chain of objects is searched from the entry's own,
// the first object, downwards:
//
//     lookup --> here, valid --------------------------> copy if written through a shadow --> map
//        ^  |--> here, busy --> sleep, look again
//        |  |--> not here, or not valid: a page is taken in the first object, as a placeholder, and
//        |  |    in any other that has a pager to ask
//        |  |       pager has it --> GetPages (sleeps) ----------------> as found, a hard fault
//        |  |       it has not: go on with the backing object; none: zeros into the placeholder
//        '--- no memory: wait for it, at last call for a kill
//
// After every sleep everything is looked up again from the map entry on. Below free_severe a fault
// does not allocate at all, although other allocations may go down to free_reserved. So even a read
// of a page that is resident in a backing object stalls there.
//
// Model: FreeBSD sys/vm/vm_fault.c (vm_fault, vm_fault_lookup, vm_fault_soft_fast,
// vm_fault_object, vm_fault_next, vm_fault_cow, vm_fault_allocate, vm_fault_allocate_oom,
// vm_fault_getpages, vm_fault_readahead, vm_fault_dontneed, vm_fault_zerofill, vm_fault_dirty,
// vm_fault_prefault, vm_fault_busy_sleep), vm_map.c (vm_map_lookup).
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
#include "vm/object_ops.h"
#include "vm/page_allocator.h"
#include "vm/page_array.h"
#include "vm/page_tables.h"
#include "vm/read_ahead.h"
#include "vm/reclaim.h"
#include "vm/swap_pager.h"
#include "vm/swap_reserve.h"

namespace vmsim::vm {

enum class FaultResult : uint8_t {
  kSuccess,
  kInvalidAddress,     // Nothing is mapped there: SIGSEGV.
  kProtectionFailure,  // A write through a read-only mapping: SIGSEGV.
  kOutOfBounds,        // Behind the object's end, or the pager could not read the page: SIGBUS.
  kResourceShortage,   // Swap for a copy could not be reserved: SIGBUS.
};

// VM_FAULT_*.
enum FaultFlags : int {
  kFaultNormal = 0,
  kFaultWire = 1,  // Wire the page; what the entry permits counts as the access.
};

inline constexpr int kSigBus = 10;
inline constexpr int kSigSegv = 11;
inline constexpr int kSigKill = 9;
// The signal that a failed fault sends (vm_fault_trap).
constexpr int SignalOf(FaultResult result) {
  switch (result) {
    case FaultResult::kSuccess:
      return 0;
    case FaultResult::kOutOfBounds:
    case FaultResult::kResourceShortage:
      return kSigBus;
    default:
      return kSigSegv;
  }
}

class FaultHandler {
 public:
  struct Parts {
    sim::Engine& engine;
    sim::Trace& trace;
    PageArray& pages;
    PageTables& page_tables;
    ObjectTable& objects;
    ObjectOps& object_ops;
    Domain& domain;
    PageAllocator& allocator;
    SwapPager& swap;
    SwapReserve& reserve;
    VmCounters& counters;
    Host& host;
  };
  FaultHandler(const Parts& parts, const Tunables& tunables, const Costs& costs,
               const RevisionSettings& revision);
  void set_reclaim(Reclaim* reclaim) { reclaim_ = reclaim; }

  // Resolves a fault of the executing thread at the page-table slot `slot` of `space`.
  sim::Task<FaultResult> Fault(AddressSpace& space, PteSlot slot, bool write,
                               FaultFlags flags = kFaultNormal);

  // Whether the pager has to be asked before a page can be taken to be absent from `object`.
  bool NeedsGetPages(const Object& object) const;

  const FaultStats& stats() const { return stats_; }

 private:
  // One call of Fault. What is found by lookup is good until the next sleep. `m` is the page of
  // `object` at `pindex` that the fault works on; all pages named here are exclusively busied.
  struct State {
    AddressSpace& space;
    const PteSlot slot;
    const FaultFlags flags;
    const sim::SimTime start;
    const bool access_writes;

    MapEntry* entry = nullptr;
    Vpage vpage = 0;
    bool writes = false;      // The access writes, or wiring requires that nothing is left to copy.
    bool prot_write = false;  // The mapping may be made writable.
    bool wired = false;       // The entry is.
    Object* first_object = nullptr;
    Pindex first_pindex = 0;
    FrameIndex first_m = kNoFrame;  // Placeholder in the first object while the search is below.
    Object* object = nullptr;
    Pindex pindex = 0;
    FrameIndex m = kNoFrame;
    FrameIndex m_cow = kNoFrame;  // The page that was copied.
    Object* locked = nullptr;     // The file whose vnode the fault has locked.

    FaultKind kind = FaultKind::kSoft;
    int faultcount = 0;  // Pages that the fault brought in; 1: no neighbours to map along.
    int nera = -1;       // Read-ahead window, -1: not computed yet.
    int behind = 0;
    int ahead = 0;
    bool oom_timer_started = false;
    sim::SimTime oom_timer = 0;
    FaultWaits waits{};
  };
  // What a step of the search came to.
  enum class Step : uint8_t {
    kLook,         // Look at `object`.
    kAskPager,     // `m` is there to be filled by the pager.
    kNotHere,      // `object` has no such page.
    kZeroFill,     // Nobody has.
    kFound,        // `m` is valid.
    kBusy,         // `m` is another thread's at the moment.
    kVnodeLocked,  // The file is locked by somebody who changes it.
    kDead,         // `object` is being taken over by its shadow.
    kNoMemory,     // No page could be allocated.
    kOutOfBounds,  // There is no such page, or it could not be read.
  };

  // fault.cc: the flow.
  FaultResult Lookup(State& fs);
  Step Search(State& fs, Step step);
  void Hold(State& fs);
  void Release(State& fs);
  void ReleasePage(FrameIndex frame);
  void Abandon(State& fs);
  sim::Task<void> WaitAndRetry(State& fs, Step step);
  sim::Task<void> WaitForMemory(State& fs);
  sim::Task<void> BusySleep(State& fs);
  bool StillMapped(State& fs);
  FaultResult Fail(State& fs, FaultResult result);
  // fault_fill.cc: where the page comes from.
  Step Look(State& fs);
  bool Allocate(State& fs);
  void ChooseWindow(State& fs);
  bool LockVnode(State& fs);
  void UnlockVnode(State& fs);
  sim::Task<void> WaitForVnode(State& fs);
  sim::Task<Step> AskPager(State& fs);
  Step Descend(State& fs);
  void ZeroFill(State& fs);
  void FreeOrUnbusy(FrameIndex frame);
  // fault_map.cc: what becomes of it.
  bool TrySoftFast(State& fs);
  bool CanMove(const State& fs) const;
  void Cow(State& fs);
  void Map(State& fs);
  void Account(State& fs);
  void Dirty(const State& fs, FrameIndex frame);
  void Prefault(const State& fs, int backward, int forward);
  FrameIndex FindForPrefault(const State& fs, Vpage vpage) const;

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
