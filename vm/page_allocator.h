// vm/page_allocator.h: allocating and freeing pages, wiring, dirtying.
//
// Brings together what one page operation touches: the row, the free list and its count, the
// object, the queues (through vm/reclaim.h), the counters.
//
// Model: FreeBSD sys/vm/vm_page.c (vm_page_alloc, vm_page_free_prep, vm_page_free_toq,
// vm_page_wire, vm_page_unwire_managed, vm_page_set_dirty, vm_page_test_dirty). The per-CPU page
// cache, which hides up to 0.1 % of the pages from the free count, is not modelled.
#ifndef VMSIM_VM_PAGE_ALLOCATOR_H_
#define VMSIM_VM_PAGE_ALLOCATOR_H_

#include <cstdint>

#include "vm/counters.h"
#include "vm/domain.h"
#include "vm/object.h"
#include "vm/page_array.h"
#include "vm/page_tables.h"
#include "vm/reclaim.h"

namespace vmsim::vm {

class PageAllocator {
 public:
  PageAllocator(PageArray& pages, Domain& domain, ObjectTable& objects, VmCounters& counters)
      : pages_(pages), domain_(domain), objects_(objects), counters_(counters) {}

  // Must be called before the first allocation; `reclaim` outlives the allocator's use.
  void set_reclaim(Reclaim* reclaim) { reclaim_ = reclaim; }

  // vm_page_alloc without a wait flag: a page of `object` at `pindex`, exclusively busied, invalid,
  // on no queue; or kNoFrame, and the deficit grows by one.
  FrameIndex Alloc(Object& object, Pindex pindex, AllocClass alloc_class, bool is_pageproc = false);

  // vm_page_free. Requires: exclusively busied if it has an object; unmapped; not wired.
  void Free(FrameIndex frame);

  // vm_page_wire, vm_page_unwire. An unwired page without an owner is freed.
  void Wire(FrameIndex frame);
  void Unwire(FrameIndex frame, QueueId queue) { Release(frame, queue, /*noreuse=*/false); }
  // The same; with `noreuse`, or if nothing of it is valid, a page with its last wiring gone is the
  // next to be reclaimed (vm_page_release_toq).
  void Release(FrameIndex frame, QueueId queue, bool noreuse);

  // vm_page_dirty: all blocks. Requires: fully valid.
  void Dirty(FrameIndex frame);
  // vm_page_set_dirty, the object at hand: a clean page's swap block is released at once.
  void SetDirty(FrameIndex frame);
  // The same without the object at hand, as on the fast fault path: the block is marked stale and
  // released by a later scan.
  void SetDirtyDeferred(FrameIndex frame);
  // Releases a swap block that SetDirtyDeferred marked stale.
  void ReleaseStaleSwap(FrameIndex frame);

 private:
  PageArray& pages_;
  Domain& domain_;
  ObjectTable& objects_;
  VmCounters& counters_;
  Reclaim* reclaim_ = nullptr;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGE_ALLOCATOR_H_
