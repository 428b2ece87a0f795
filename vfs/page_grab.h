// vfs/page_grab.h: takes a run of an object's pages for oneself, whatever state they are in.
//
// Pages come in ascending order, each exclusively busied and wired, resident ones as they are and
// absent ones new and invalid. What is in the way is waited for: a page that somebody else has
// busy, memory. Meanwhile the pages before it stay busy, so that all who grab must go upwards.
//
// Model: FreeBSD sys/vm/vm_page.c (vm_page_grab_pages_unlocked, vm_page_grab_pages,
// vm_page_grab_sleep), as sendfile asks: VM_ALLOC_NORMAL | VM_ALLOC_WIRED.
#ifndef VMSIM_VFS_PAGE_GRAB_H_
#define VMSIM_VFS_PAGE_GRAB_H_

#include <span>

#include "sim/task.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/vm_system.h"

namespace vmsim::vfs {

// Grabs pages [first, first + frames.size()) of `object` into `frames`, which outlives the call.
// Returns how many: all of them; with `no_wait` (VM_ALLOC_NOWAIT) those before the first that is
// busy, or for which there is no memory now. Requires: the run lies in the object and keeps doing
// so, and the caller keeps the object alive.
sim::Task<int> GrabPages(vm::VmSystem& vm, vm::Object& object, vm::Pindex first,
                         std::span<vm::FrameIndex> frames, bool no_wait);

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_PAGE_GRAB_H_
