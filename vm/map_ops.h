// vm/map_ops.h: what the kernel does with map entries and their objects.
//
// A system call on a range first cuts the entries at its ends (clip), so that the range is a number
// of whole entries, and afterwards joins what has become alike again (simplify).
//
//     |-------- entry --------|        madvise(range)        |------|- range -|------|
//
// Model: FreeBSD sys/vm/vm_map.c (vm_map_entry_back, vm_map_clip_start, vm_map_clip_end,
// vm_map_try_merge_entries, vm_map_delete, vm_map_entry_delete, vm_map_entry_unwire,
// vm_map_protect, vm_map_inherit).
#ifndef VMSIM_VM_MAP_OPS_H_
#define VMSIM_VM_MAP_OPS_H_

#include <cstdint>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "vm/map.h"
#include "vm/object_ops.h"
#include "vm/page_tables.h"
#include "vm/swap_reserve.h"
#include "vm/wiring.h"

namespace vmsim::vm {

class MapOps {
 public:
  struct Parts {
    sim::Trace& trace;
    PageTables& page_tables;
    ObjectTable& objects;
    ObjectOps& object_ops;
    SwapReserve& reserve;
    Wiring& wiring;
  };
  explicit MapOps(const Parts& parts) : p_(parts) {}

  // Maps [start, start + pages) with a leaf of its own. `entry` says everything but start, end and
  // slot; without an object it is anonymous memory. A writable private mapping reserves swap.
  // Returns 0 or ENOMEM. Requires: the range is free.
  int Map(AddressSpace& space, Vpage start, uint32_t pages, MapEntry entry);

  // Cuts entries so that none reaches over `start` or `end`. Returns the position of the first
  // entry that ends behind `start`.
  size_t Clip(AddressSpace& space, Vpage start, Vpage end);
  // Joins neighbours in [start, end], and with what lies around it, that differ in nothing.
  void Simplify(AddressSpace& space, Vpage start, Vpage end);
  // Whether [start, end) is mapped without a hole.
  static bool Mapped(const AddressSpace& space, Vpage start, Vpage end);

  // Unmaps [start, end), holes or not (vm_map_delete). Waits for pages that are being worked on and
  // for the end of objects.
  sim::Task<void> Delete(AddressSpace& space, Vpage start, Vpage end);

  // mprotect. Holes are passed over. Returns 0, EACCES (more than the mapping may have; nothing is
  // changed), or ENOMEM (swap could not be reserved from some entry on). Private memory that is wired
  // and becomes writable is copied by the first write, not at once as in the kernel.
  int Protect(AddressSpace& space, Vpage start, Vpage end, uint8_t protection);
  // minherit. Holes are passed over.
  void Inherit(AddressSpace& space, Vpage start, Vpage end, Inheritance inheritance);

 private:
  bool ChargeForWriting(MapEntry& entry);
  void ClipAt(AddressSpace& space, Vpage vpage);
  bool Alike(const MapEntry& a, const MapEntry& b) const;
  sim::Task<void> DeleteEntry(AddressSpace& space, Vpage start);

  Parts p_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_MAP_OPS_H_
