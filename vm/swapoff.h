// vm/swapoff.h: taking a swap device away while it is in use.
//
// The device is closed to new blocks, then everything that it holds is brought into memory, dirtied,
// so that it will go elsewhere, and laundered. Objects are walked one after the other; whatever had
// to be waited for is looked up again. What a page-out or a collapse holds in its hands is not to be
// seen from here, so the walk is repeated, after a pause, until nothing of the device is in use.
//
// Two things that the kernel answers with a panic are outcomes here: a block that cannot be read
// (EIO), and 100 rounds without success (EBUSY). The device then stays closed, and the next swapoff
// of it goes on where this one ended.
//
// Model: FreeBSD sys/vm/swap_pager.c (swapoff_one, swap_pager_swapoff, swap_pager_swapoff_object,
// swp_pager_force_dirty), release 15.
#ifndef VMSIM_VM_SWAPOFF_H_
#define VMSIM_VM_SWAPOFF_H_

#include <cstdint>

#include "sim/engine.h"
#include "sim/task.h"
#include "vm/config.h"
#include "vm/domain.h"
#include "vm/object_ops.h"
#include "vm/page_allocator.h"
#include "vm/reclaim.h"
#include "vm/swap_pager.h"

namespace vmsim::vm {

class SwapOff {
 public:
  struct Parts {
    sim::Engine& engine;
    PageArray& pages;
    ObjectTable& objects;
    ObjectOps& object_ops;
    Domain& domain;
    PageAllocator& allocator;
    SwapPager& swap;
  };
  SwapOff(const Parts& parts, const Costs& costs) : p_(parts), costs_(costs) {}
  void set_reclaim(Reclaim* reclaim) { reclaim_ = reclaim; }

  // Empties swap device `device` and removes it. Returns 0; EINVAL: there is no such device, or it
  // is off, or somebody else is at it; ENOMEM: without `force`, free memory and free swap cannot
  // take what it may hold; EIO or EBUSY as above.
  sim::Task<int> Run(int device, bool force);

 private:
  // What came of one page.
  enum class Step { kDone, kAgain, kError };

  sim::Task<int> Empty(int device);
  sim::Task<bool> EmptyObject(ObjectId id, int device);
  sim::Task<Step> BringIn(ObjectId id, Pindex pindex);
  void ForceDirty(FrameIndex frame);
  Pindex NextOn(const Object& object, Pindex from, int device) const;

  Parts p_;
  const Costs& costs_;
  Reclaim* reclaim_ = nullptr;
  int running_ = -1;  // The device that is being emptied.
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SWAPOFF_H_
