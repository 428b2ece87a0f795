// vm/fork.h: copying an address space.
//
// Each entry goes to the child as its inheritance says. A copied entry shares its object with the
// parent's until one of the two writes; both are write-protected and marked NEEDS_COPY, and the
// parent's translations are entered in the child, too. Wired memory cannot be shared so: its pages
// are copied at once.
//
// The child's entries lie at the same addresses. Each leaf of the parent gets one of the same
// shape in the child, so a reference keeps its distance from its leaf's base.
//
// Model: FreeBSD sys/vm/vm_map.c (vmspace_fork, vm_map_copy_entry, vm_map_copy_swap_object),
// vm_fault.c (vm_fault_copy_entry), sys/kern/kern_fork.c.
#ifndef VMSIM_VM_FORK_H_
#define VMSIM_VM_FORK_H_

#include <cstdint>
#include <map>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "vm/config.h"
#include "vm/counters.h"
#include "vm/domain.h"
#include "vm/map_ops.h"
#include "vm/object_ops.h"
#include "vm/process.h"
#include "vm/reclaim.h"

namespace vmsim::vm {

class Forker {
 public:
  struct Parts {
    sim::Engine& engine;
    sim::Trace& trace;
    PageArray& pages;
    PageTables& page_tables;
    ObjectTable& objects;
    Domain& domain;
    PageAllocator& allocator;
    ObjectOps& object_ops;
    MapOps& map_ops;
    SwapReserve& reserve;
    VmCounters& counters;
  };
  Forker(const Parts& parts, const Costs& costs) : p_(parts), costs_(costs) {}
  void set_reclaim(Reclaim* reclaim) { reclaim_ = reclaim; }

  // Where the leaves of the parent have their like in the child: base -> base.
  using LeafMap = std::map<PteSlot, PteSlot>;

  // Fills the empty address space of `child` from `parent`, the executing thread's. ENOMEM: swap
  // could not be reserved or page tables are used up; the child stays empty.
  sim::Task<int> Fork(Process& parent, Process& child, LeafMap* leaves);

 private:
  struct Copy;  // One fork under way.

  MapEntry* Clone(Copy& copy, const MapEntry& entry);
  void Share(MapEntry& entry, MapEntry& copied);
  void Zero(MapEntry& copied);
  sim::Task<void> CopyOnWrite(MapEntry& entry, MapEntry& copied);
  sim::Task<void> CopySwapObject(MapEntry& entry, MapEntry& copied);
  sim::Task<void> CopyWired(const MapEntry& entry, MapEntry& copied);
  FrameIndex FindBelow(const MapEntry& entry, uint32_t i) const;

  Parts p_;
  const Costs& costs_;
  Reclaim* reclaim_ = nullptr;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_FORK_H_
