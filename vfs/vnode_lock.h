// vfs/vnode_lock.h: a vnode's lock: any number of readers or one writer.
//
// Who cannot have it queues, first come first served; readers that stand together are let in
// together, and nobody passes a waiting writer. A holder of the exclusive lock may take it again
// (LK_CANRECURSE, for a fault on the file that it writes from).
//
// Model: FreeBSD sys/kern/kern_lock.c (lockmgr_lock_flags, lockmgr_unlock) as vnodes use it.
#ifndef VMSIM_VFS_VNODE_LOCK_H_
#define VMSIM_VFS_VNODE_LOCK_H_

#include <cstdint>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/wait_channel.h"

namespace vmsim::vfs {

enum class LockType : uint8_t { kShared, kExclusive };

class VnodeLock {
 public:
  VnodeLock() = default;
  VnodeLock(const VnodeLock&) = delete;
  VnodeLock& operator=(const VnodeLock&) = delete;

  // LK_NOWAIT. Requires, here and below: a thread executes; if it has the lock exclusively, it wants
  // it exclusively again (each time needs an Unlock).
  bool TryLock(sim::Engine& engine, LockType type);
  sim::Task<void> Lock(sim::Engine& engine, LockType type);
  // LK_TIMELOCK: false if it could not be had within `timeout_ns` (>= 0).
  sim::Task<bool> LockFor(sim::Engine& engine, LockType type, sim::SimDuration timeout_ns);
  // Requires: held. Shared holders are not told apart.
  void Unlock(sim::Engine& engine);

  bool held() const { return readers_ > 0 || writer_ != nullptr; }
  int readers() const { return readers_; }
  const sim::Thread* writer() const { return writer_; }
  int waiting() const { return waiting_; }

 private:
  struct Ticket;

  bool Compatible(LockType type) const;
  void Take(LockType type, const sim::Thread* thread);
  void Grant();

  int readers_ = 0;
  const sim::Thread* writer_ = nullptr;
  int recursion_ = 0;
  int waiting_ = 0;
  Ticket* first_ = nullptr;
  Ticket* last_ = nullptr;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_VNODE_LOCK_H_
