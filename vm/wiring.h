// vm/wiring.h: memory that is not to be reclaimed: mlock and its family.
//
// Wiring faults every page of the range in, with the entry's full protection, so that private
// memory is copied now and no later reference can fault; each page gets a wiring and leaves the
// queues. Unwiring finds the pages through the shadow chain and puts them on the active queue with
// the activity they had.
//
// Two limits: RLIMIT_MEMLOCK of the process, by resident wired pages, and vm.max_user_wired of the
// machine, by virtual pages.
//
// Model: FreeBSD sys/vm/vm_mmap.c (kern_mlock, sys_mlockall, sys_munlockall, kern_munlock),
// vm_map.c (vm_map_wire_locked, vm_map_wire_entry_failure, vm_map_entry_unwire, vm_map_unwire),
// vm_object.c (vm_object_unwire).
#ifndef VMSIM_VM_WIRING_H_
#define VMSIM_VM_WIRING_H_

#include <cstdint>

#include "sim/engine.h"
#include "sim/task.h"
#include "vm/config.h"
#include "vm/counters.h"
#include "vm/fault.h"
#include "vm/map.h"
#include "vm/object_ops.h"
#include "vm/page_allocator.h"
#include "vm/page_tables.h"

namespace vmsim::vm {

class MapOps;

class Wiring {
 public:
  struct Parts {
    sim::Engine& engine;
    PageArray& pages;
    PageTables& page_tables;
    ObjectTable& objects;
    ObjectOps& object_ops;
    PageAllocator& allocator;
    FaultHandler& faults;
    VmCounters& counters;
  };
  // `max_user_wired` is vm.max_user_wired in pages.
  Wiring(const Parts& parts, int64_t max_user_wired) : p_(parts), max_(max_user_wired) {}
  void set_map_ops(MapOps* map_ops) { map_ops_ = map_ops; }

  // Wires what [start, end) maps. With `holes_ok` (mlockall) holes and entries without access are
  // passed over; otherwise either ends it with ENOMEM. So does a limit, or swap that cannot be
  // reserved; a page that cannot be brought in is EFAULT. What was wired before is unwired again.
  // Requires: start < end.
  sim::Task<int> Wire(AddressSpace& space, Vpage start, Vpage end, bool holes_ok);
  // Undoes it; what is not wired is passed over. Without `holes_ok` a hole is ENOMEM, and nothing is
  // unwired.
  sim::Task<int> Unwire(AddressSpace& space, Vpage start, Vpage end, bool holes_ok);
  // Unwires the whole entry that begins at `start`, which is about to be unmapped or to have failed.
  sim::Task<void> UnwireEntry(AddressSpace& space, Vpage start);

  int64_t max_user_wired() const { return max_; }
  // Pages that the process has wired and mapped (pmap_wired_count).
  int64_t WiredCount(const AddressSpace& space) const;

 private:
  sim::Task<int> WireEntry(AddressSpace& space, Vpage start);
  sim::Task<void> UnwirePages(AddressSpace& space, Vpage start, uint32_t count);
  FrameIndex TopmostWired(const MapEntry& entry, uint32_t i) const;

  Parts p_;
  int64_t max_;
  MapOps* map_ops_ = nullptr;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_WIRING_H_
