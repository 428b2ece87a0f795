// vm/advice.h: madvise on pages: WILLNEED, DONTNEED, FREE.
//
// The advice is given to the pages of a range through the objects that back it: where the entry's
// object lacks a page the shadow chain is walked, to the first object that has it or that the
// advice does not apply to. Pages that are not fully valid, and wired ones, are passed over; busy
// ones are waited for.
//
//     WILLNEED  activates what is resident, then maps it, unless memory is severely short. No I/O.
//     DONTNEED  forgets references; clean pages become the next candidates, dirty ones laundry.
//               Contents are kept.
//     FREE      the same for clean and dirty, which is made clean, and its swap goes, too: later
//               reads see old data or zeros. Only for private memory that shadows nothing.
//
// FREE clears the process's accessed and modified bits before it asks whether it applies. So, as in
// the kernel, a store to shared memory that nothing but a modified bit tells of is forgotten.
//
// Model: FreeBSD sys/vm/vm_map.c (vm_map_madvise, vm_map_pmap_enter), vm_object.c
// (vm_object_madvise, vm_object_advice_applies, vm_object_madvise_freespace), vm_page.c
// (vm_page_advise), sys/amd64/amd64/pmap.c (pmap_advise).
#ifndef VMSIM_VM_ADVICE_H_
#define VMSIM_VM_ADVICE_H_

#include <cstdint>

#include "sim/engine.h"
#include "sim/task.h"
#include "vm/domain.h"
#include "vm/map.h"
#include "vm/object_ops.h"
#include "vm/page_allocator.h"
#include "vm/page_tables.h"
#include "vm/reclaim.h"
#include "vm/swap_pager.h"

namespace vmsim::vm {

enum class PageAdvice : uint8_t { kWillNeed, kDontNeed, kFree };

class Advisor {
 public:
  struct Parts {
    sim::Engine& engine;
    PageArray& pages;
    PageTables& page_tables;
    ObjectTable& objects;
    ObjectOps& object_ops;
    Domain& domain;
    PageAllocator& allocator;
    SwapPager& swap;
  };
  explicit Advisor(const Parts& parts) : p_(parts) {}
  void set_reclaim(Reclaim* reclaim) { reclaim_ = reclaim; }

  // Advises what [start, end) maps; holes are passed over.
  sim::Task<void> Advise(AddressSpace& space, Vpage start, Vpage end, PageAdvice advice);

 private:
  static bool Applies(const Object& object, PageAdvice advice);
  sim::Task<void> AdviseObject(ObjectId id, Pindex first, Pindex end, PageAdvice advice);
  FrameIndex Find(ObjectId id, Pindex pindex, PageAdvice advice);
  void FreeSwap(Object& object, Pindex pindex, PageAdvice advice);
  void AdvisePage(FrameIndex frame, PageAdvice advice);
  void MapResident(const MapEntry& entry, Vpage first, Vpage end);

  Parts p_;
  Reclaim* reclaim_ = nullptr;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_ADVICE_H_
