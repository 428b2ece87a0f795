#include "vfs/vnode_lock.h"

#include "sim/check.h"

namespace vmsim::vfs {

// One who waits, in its coroutine's frame. It leaves the queue with the frame.
struct VnodeLock::Ticket {
  Ticket(VnodeLock& queue, LockType wanted, const sim::Thread* who)
      : lock(queue), type(wanted), thread(who), prev(queue.last_) {
    (prev == nullptr ? lock.first_ : prev->next) = this;
    lock.last_ = this;
    ++lock.waiting_;
  }
  ~Ticket() {
    if (queued) Leave();
  }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  void Leave() {
    (prev == nullptr ? lock.first_ : prev->next) = next;
    (next == nullptr ? lock.last_ : next->prev) = prev;
    --lock.waiting_;
    queued = false;
  }

  VnodeLock& lock;
  const LockType type;
  const sim::Thread* const thread;
  bool queued = true;
  bool granted = false;  // Its thread has the lock, though it may not run yet.
  Ticket* prev;
  Ticket* next = nullptr;
  sim::WaitChannel channel;
};

bool VnodeLock::Compatible(LockType type) const {
  return writer_ == nullptr && (type == LockType::kShared || readers_ == 0);
}

void VnodeLock::Take(LockType type, const sim::Thread* thread) {
  if (type == LockType::kShared) {
    ++readers_;
  } else {
    writer_ = thread;
    recursion_ = 1;
  }
}

bool VnodeLock::TryLock(sim::Engine& engine, LockType type) {
  const sim::Thread* thread = engine.current();
  CHECK(thread != nullptr, "only threads lock vnodes");
  if (writer_ == thread) {
    CHECK(type == LockType::kExclusive, "who has a vnode exclusively asks to share it");
    ++recursion_;
    return true;
  }
  if (first_ != nullptr || !Compatible(type)) return false;
  Take(type, thread);
  return true;
}

sim::Task<void> VnodeLock::Lock(sim::Engine& engine, LockType type) {
  const bool locked = co_await LockFor(engine, type, sim::kNever);
  CHECK(locked, "a wait without end ended");
}

sim::Task<bool> VnodeLock::LockFor(sim::Engine& engine, LockType type,
                                   sim::SimDuration timeout_ns) {
  CHECK_GE(timeout_ns, 0);
  if (TryLock(engine, type)) co_return true;
  Ticket ticket(*this, type, engine.current());
  // Whoever grants the lock wakes its new owner, so there is nothing to look at again.
  co_await ticket.channel.Sleep(engine, sim::kPriorityDaemon, "vnode", {.timeout_ns = timeout_ns});
  if (ticket.granted) co_return true;
  ticket.Leave();
  Grant();  // It may have stood in the way of those behind it.
  co_return false;
}

void VnodeLock::Unlock(sim::Engine& engine) {
  if (writer_ != nullptr) {
    CHECK(writer_ == engine.current(), "a vnode is unlocked by a thread that has not locked it");
    if (--recursion_ > 0) return;
    writer_ = nullptr;
  } else {
    CHECK_GT(readers_, 0, "a vnode that is not locked is unlocked");
    --readers_;
  }
  Grant();
}

// Gives the lock to those who are first in the queue and can have it together.
void VnodeLock::Grant() {
  while (first_ != nullptr && Compatible(first_->type)) {
    Ticket& ticket = *first_;
    ticket.Leave();
    ticket.granted = true;
    Take(ticket.type, ticket.thread);
    ticket.channel.WakeAll();
  }
}

}  // namespace vmsim::vfs
