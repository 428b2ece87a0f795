// net/mail_body.h: where a relay keeps bodies: memory of its own, or spool files that it maps.
//
// Each body is a map of its own in the relay's address space, as malloc makes one for anything
// large. A spool file begins as a hole of the body's size; what is stored through the map gets
// blocks when it is written.
#ifndef VMSIM_NET_MAIL_BODY_H_
#define VMSIM_NET_MAIL_BODY_H_

#include <cstdint>
#include <string>

#include "net/body_in_core.h"
#include "net/mail_config.h"
#include "sim/task.h"
#include "vfs/file_ops.h"
#include "vfs/vfs_system.h"
#include "vm/process.h"
#include "vm/vm_system.h"

namespace vmsim::net {

struct MailBody {
  BodyRange range;
  vfs::OpenFile file;  // No vnode: on the heap.
  std::string name;    // Of the file.

  bool mapped() const { return range.bytes != 0; }
};

class MailBodies {
 public:
  // All outlive this. `vfs` and `mount` may be null without a spool.
  MailBodies(vm::VmSystem& vm, vm::Process& process, vfs::VfsSystem* vfs, vfs::Mount* mount);

  // Makes room for `bytes` bytes, 1 or more; touches none. ENOMEM: there is no swap to promise, or
  // no address space; or what creating the spool file came to. On an error there is no body.
  sim::Task<int> Make(BodyPlace place, int64_t bytes, MailBody* body);
  // Stores to bytes [first, first + bytes) for the executing thread: faults, and copies. EIO, ENOMEM,
  // EFAULT. `body` must outlive the call.
  sim::Task<int> Store(const MailBody& body, int64_t first, int64_t bytes);
  // fsync of a spool file; 0 for the heap.
  sim::Task<int> Sync(MailBody& body);
  // Writes what is dirty of a spool file's body and drops all of it from memory (msync with
  // MS_INVALIDATE). EIO: some of it is still there. Does nothing for the heap.
  sim::Task<int> SwapOut(const MailBody& body);
  // Unmaps it, and removes its file. Does nothing without a body.
  sim::Task<void> Drop(MailBody* body);

 private:
  sim::Task<int> MakeFile(int64_t bytes, MailBody* body);
  sim::Task<void> DropFile(MailBody* body);

  vm::VmSystem& vm_;
  vm::Process& process_;
  vfs::VfsSystem* const vfs_;
  vfs::Mount* const mount_;
  vm::Vpage next_;  // Where the search for room begins.
  int64_t files_made_ = 0;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_MAIL_BODY_H_
