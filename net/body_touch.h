// net/body_touch.h: a thread references one page of a process, and what that took.
//
// A page that the process maps costs the reference, nothing else. Otherwise the thread faults, as a
// user thread does, and sleeps as long as the fault takes: for a transfer that is under way already,
// or for a page-in of its own, which brings neighbours along.
//
// Whether a fault reads the page or waits for somebody else's read is judged by what the page looks
// like when the thread sets out. If somebody else begins to read it in the half microsecond until
// the fault looks for itself, the read counts as the thread's own.
#ifndef VMSIM_NET_BODY_TOUCH_H_
#define VMSIM_NET_BODY_TOUCH_H_

#include "net/body_in_core.h"
#include "sim/task.h"
#include "vm/fault.h"
#include "vm/process.h"
#include "vm/vm_system.h"

namespace vmsim::net {

struct PageTouch {
  vm::FaultResult result = vm::FaultResult::kSuccess;
  PagePlace place = PagePlace::kInCore;  // Where the page was.
  bool faulted = false;
  int ahead = 0;            // Pages that a page-in brought in behind it.
  sim::SimDuration ns = 0;  // All in all.
};

// `waits_for`, if not null, names the page as long as the thread is in the fault. Must outlive it.
sim::Task<PageTouch> TouchPage(sim::Engine& engine, vm::VmSystem& vm, vm::Process& process,
                               vm::Vpage vpage, bool write, FoundPage* waits_for = nullptr);

// EIO, EFAULT, ENOMEM; 0 for success. What a system call that touched the page would return.
int ErrnoOf(vm::FaultResult result);

}  // namespace vmsim::net

#endif  // VMSIM_NET_BODY_TOUCH_H_
