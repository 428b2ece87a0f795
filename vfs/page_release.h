// vfs/page_release.h: gives up a wired page, which may go at once if nobody needs it any more.
//
// Model: FreeBSD sys/vm/vm_page.c (vm_page_release, vm_page_release_locked; VPR_TRYFREE).
#ifndef VMSIM_VFS_PAGE_RELEASE_H_
#define VMSIM_VFS_PAGE_RELEASE_H_

#include "vm/page.h"
#include "vm/vm_system.h"

namespace vmsim::vfs {

// Drops one wiring. With the last one the page goes to the inactive queue, or stays active if it
// was. With `try_free` it is freed if it is clean, unmapped and not busy, and else becomes the next
// to be reclaimed. A page without an object is freed in any case, and so is one that a truncation
// left behind the end of its file: it is there no more than for its wiring. (The kernel leaves the
// latter to the page daemon.) Requires: wired.
void ReleasePage(vm::VmSystem& vm, vm::FrameIndex frame, bool try_free);

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_PAGE_RELEASE_H_
