// vm/reclaim.h: the seam between the memory system and whoever decides what to evict.
//
// Faults, pagers and system calls say what happens to a page in the kernel's own verbs; a family of
// reclaim (`freebsd` in vm/freebsd_reclaim.h) owns the queues and the daemons behind them, and is
// told when free memory crosses its threshold. It frees pages through PageAllocator::Free and
// writes them through their objects' pagers.
//
// All verbs are cheap and never sleep. The caller must hold the page busy or be in a state where
// nobody else can change its identity.
#ifndef VMSIM_VM_RECLAIM_H_
#define VMSIM_VM_RECLAIM_H_

#include <cstdint>

#include "vm/page.h"

namespace vmsim::vm {

class Reclaim {
 public:
  virtual ~Reclaim() = default;

  // Recently used: vm_page_activate.
  virtual void Activate(FrameIndex frame) = 0;
  // A candidate, behind all other candidates: vm_page_deactivate.
  virtual void Deactivate(FrameIndex frame) = 0;
  // A candidate that will not be used again: vm_page_deactivate_noreuse.
  virtual void DeactivateNoreuse(FrameIndex frame) = 0;
  // Has to be written before it can go: vm_page_launder.
  virtual void Launder(FrameIndex frame) = 0;
  // Cannot be written, there is no swap space: vm_page_unswappable.
  virtual void Unswappable(FrameIndex frame) = 0;
  // Remembers a reference: vm_page_reference.
  virtual void Reference(FrameIndex frame) = 0;
  // First wiring: the page is not to be reclaimed.
  virtual void Wire(FrameIndex frame) = 0;
  // Last wiring gone: back to `queue` (vm_page_release_toq).
  virtual void UnwireToQueue(FrameIndex frame, QueueId queue, bool noreuse) = 0;
  // The page is about to be freed: leave the queues, now or at the next flush.
  virtual void Free(FrameIndex frame) = 0;
  // A page fresh from the free list: it must not be on any queue any more.
  virtual void Allocated(FrameIndex frame) = 0;

  // Free memory fell below the wakeup threshold, or an allocation has to wait: pagedaemon_wakeup.
  virtual void Wakeup() = 0;

  // Pages on a queue, as the sysctl shows them (linked pages only).
  virtual int64_t QueueLength(QueueId queue) const = 0;

  // Walks everything it owns; CHECKs what must hold.
  virtual void CheckInvariants() const = 0;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_RECLAIM_H_
