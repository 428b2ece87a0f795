// vm/pager.h: how the VM moves pages to and from backing store.
//
// An Object has a pager; the swap pager is in vm/, the vnode pager in vfs/. Both keep the contract
// of FreeBSD sys/vm/vm_pager.h and vm_pager.c:
//
// GetPages(object, pages, behind, ahead): `pages` are consecutive, resident in the object,
// exclusively
//   busied, unmapped and not fully valid; the object's paging count (pip) is held by the caller.
//   behind and ahead say how many neighbours the caller would like, and on return how many were
//   read. On kOk every page of `pages` is fully valid and still exclusively busied; neighbours are
//   valid, queued and unbusied. Otherwise `pages` are the caller's to free, and no neighbour is
//   left behind. kFail: the pager has nothing for them (the caller looks further or zero-fills).
//   kError: it has, but could not read it.
//
// PutPages(object, pages, flags, results): `pages` are shared-busied, dirty, not mapped for
// writing, and
//   the caller holds one pip each. Every entry of results is set. kPend: completion will clean,
//   queue, unbusy and drop the pip; for every other result that is the caller's part.
//
// HasPage: whether there is backing store for an index, and how many indices before and after it
// can be
//   read in the same request.
#ifndef VMSIM_VM_PAGER_H_
#define VMSIM_VM_PAGER_H_

#include <cstdint>
#include <span>

#include "sim/task.h"
#include "sim/time.h"
#include "vm/page.h"

namespace vmsim::vm {

struct Object;

enum class PagerResult : uint8_t {
  kOk = 0,     // Done.
  kBad = 1,    // Outside the object's data.
  kFail = 2,   // In range, but the pager has no data (or, writing, no room) for it.
  kPend = 3,   // Started; PutPages only.
  kError = 4,  // There, but the access failed.
  kAgain = 5,  // Not handled now; try later.
};

enum PutFlags : int {
  kPutSync = 0x1,
  kPutInval = 0x2,
  kPutNoReuse = 0x4,
  kPutClusterOk = 0x8,
};

// How long a read waited before the disk took it, and how long the disk then took.
struct ReadTimes {
  sim::SimDuration queue_ns = 0;
  sim::SimDuration service_ns = 0;
};

class Pager {
 public:
  virtual ~Pager() = default;

  virtual sim::Task<PagerResult> GetPages(Object& object, std::span<const FrameIndex> pages,
                                          int* behind, int* ahead) = 0;
  virtual sim::Task<void> PutPages(Object& object, std::span<const FrameIndex> pages, int flags,
                                   std::span<PagerResult> results) = 0;
  virtual bool HasPage(const Object& object, Pindex pindex, int* before, int* after) const = 0;
  // Before and after the page daemon writes pages of a file: takes and gives back what that needs
  // (the vnode's lock, leave to write on the file system). May sleep for a bounded time. False: it
  // could not be had, nothing is held (EDEADLK). Not called for anonymous memory.
  virtual sim::Task<bool> LockForPageout(Object& object) { co_return true; }
  virtual void UnlockAfterPageout(Object& object) {}
  // A fault that asks for pages of a file needs the vnode's lock, shared. It tries without waiting;
  // if that fails it lets go of everything, waits until the lock is its own, and starts again
  // holding it (vm_fault_lock_vnode). Not called for anonymous memory.
  virtual bool TryLockForFault(Object& object) { return true; }
  virtual sim::Task<void> WaitLockForFault(Object& object) { co_return; }
  virtual void UnlockAfterFault(Object& object) {}
  // A store through a mapping made a clean page dirty, or may follow in one that is.
  virtual void PageStored(Object& object, Pindex pindex) {}
  // A clean page that had a copy in backing store became dirty: the copy may go (pageunswapped).
  virtual void PageUnswapped(Object& object, Pindex pindex) = 0;
  // The object goes away: give up its backing store (dealloc). pip is 0.
  virtual void Dealloc(Object& object) = 0;
  // Of the GetPages that returned last.
  virtual ReadTimes last_read() const { return {}; }
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGER_H_
