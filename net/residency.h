// net/residency.h: no thread that serves many connections shall wait for the disk to send one body.
//
//     scheduler                                              pool of workers
//     Check(m): resolve(m, 0) -- in core --> kSend
//                   '-- not in core --> queue -------------> resolve(m, 1): touch every page
//     goes on with other work                                        |
//     Check(m) again <----- In, through net/epoll -------------------'
//
// resolve asks the hook's functions (net/residency_hook.h), and if nobody settles the matter does
// the default: with pull 0 the test of net/body_in_core.h, with pull 1 one read of every page, in
// ascending order. A page in core costs the reference; one in transit is waited for; one on disk is
// brought in, with the pager's usual neighbours.
//
// Nothing is pinned between a pull and the send, so the scheduler asks again. A body that has been
// evicted meanwhile is pulled again, at most max_pulls times in all; then it is sent anyway and the
// scheduler takes the faults (residency.sync_faults). With wire_during_send the pages that are in
// core at the decision are wired until the send is over, as far as vm.max_user_wired lets them; they
// are wired page by page, as sendfile does, for mlock does not nest and messages may share pages.
//
// The page that describes the hook contradicts itself: 0 means in core, and "if the hook provides
// 0" it is called again from another thread, with pull 1. PullWhen says which half to believe. Taken
// literally, bodies in core are pulled, once, and sent whatever the second answer is; absent ones
// are sent at once.
//
// Costs: O(pages of the body) a check or pull, O(1) for everything else, however many messages
// there are.
//
// Source: Momentum's reference page of the hook message_body_in_core and its pages on thread pools;
// mincore(2).
#ifndef VMSIM_NET_RESIDENCY_H_
#define VMSIM_NET_RESIDENCY_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "net/body_in_core.h"
#include "net/body_touch.h"
#include "net/message.h"
#include "net/residency_hook.h"
#include "net/residency_stats.h"
#include "net/worker_pool.h"
#include "sim/counters.h"
#include "sim/histogram.h"
#include "sim/trace.h"
#include "vm/vm_system.h"

namespace vmsim::net {

enum class PullWhen : uint8_t { kNotInCore, kLiteral };

struct ResidencyConfig {
  PullWhen pull_when = PullWhen::kNotInCore;  // hook.pull_when
  int max_pulls = 3;                          // residency.max_pulls; 0: never pulls.
  bool wire_during_send = false;              // residency.wire_during_send
  WorkerPoolConfig pool;
  BodyInCoreConfig test;
};

struct Verdict {
  enum class What : uint8_t {
    kSend,    // Send it now: the message is SENDING. Done() ends that.
    kQueued,  // A pull is queued, under way or over: In, Err or HUp will tell.
    kFailed,  // `error` says why.
    kGone,    // It has been deleted.
  };
  What what = What::kSend;
  int error = 0;
};

// What the scheduler's references to a part of a body came to.
struct SendTouch {
  int error = 0;      // EIO, EFAULT, ENOMEM: a page cannot be had. EINTR: the process was killed.
                      // EINVAL: not SENDING, or not in the body. EBADF: the message was deleted.
  int64_t pages = 0;  // Referenced.
  int64_t sync_faults = 0;       // Of these, brought in or waited for.
  sim::SimDuration lost_ns = 0;  // In faults on absent pages.
};

// An answer to resolve(m, pull): code IO_DONE with `result`, or `error`.
struct Resolution {
  int error = 0;
  int result = kNotInCore;
  int decided_by = -1;  // A position in the hook's chain; -1: the default.
};

class Residency final : private PoolClient {
 public:
  // All outlive this. `hooks` is called by nobody else. The engine's threads have ended before this
  // goes; messages may live on.
  Residency(sim::Engine& engine, sim::Trace& trace, vm::VmSystem& vm, OpenFiles& files,
            HookPoint& hooks, const ResidencyConfig& config);
  ~Residency();
  Residency(const Residency&) = delete;
  Residency& operator=(const Residency&) = delete;

  // A message in READY whose body is `body`, in that order. Null and an error: ENFILE, or EINVAL for
  // a range that wraps or reaches beyond user addresses. Costs O(ranges).
  Ref<Message> NewMessage(vm::Process& process, std::span<const BodyRange> body, int* error);

  // May this body be sent? For the scheduler, on a new message and after each In. Sleeps only while
  // the pool's backlog is full, if a hook does, or if the pool's concurrency is 0: then the pull is
  // over when this returns. Joins a pull that is under way. A message that is SENDING stays so; one
  // that is DONE is kFailed with EINVAL. Requires: no other thread is asking.
  sim::Task<Verdict> Check(Message& message);
  // References the pages of bytes [first_byte, first_byte + bytes) of the body, for the scheduler.
  sim::Task<SendTouch> TouchBody(Message& message, int64_t first_byte, int64_t bytes);
  // The send is over: DONE, or FAILED with the last error of TouchBody, else EIO. Does nothing
  // unless the message is SENDING.
  void Done(Message& message, bool ok);
  // Another delivery of a message that is DONE or FAILED: READY. Does nothing in other states.
  void Again(Message& message);
  // HUp. What is queued will not be pulled; of a pull under way the transfer ends, and no more.
  void Delete(Message& message);

  // For hooks: a reference to the page at `address` of the message's process. Returns 0 or EIO,
  // EFAULT, ENOMEM, which with pull 1 also fail the pull. A fault with pull 0 is counted
  // (hook.fault_in_test), and keeps the scheduler.
  sim::Task<int> Reference(Message& message, uint64_t address, bool write = false);

  const ResidencyConfig& config() const { return config_; }
  WorkerPool& pool() { return pool_; }
  const WorkerPool& pool() const { return pool_; }
  const HookPoint& hooks() const { return hooks_; }
  const ResidencyStats& stats() const { return stats_; }
  // From the submission of a pull to its end.
  const sim::Histogram& pull_latency() const { return pull_latency_; }
  int64_t count(MessageState state) const { return counts_[static_cast<size_t>(state)]; }
  // Registers all counts: its own, the pool's, the hook's, and one for each function that is
  // registered by now. This must outlive the last reading.
  void RegisterCounters(sim::CounterRegistry& registry) const;

  // Everything that must hold between events, each under a name of its own. O(messages + workers +
  // pages that are wired).
  struct Broken {
    const char* name;
    std::string detail;
  };
  std::vector<Broken> BrokenInvariants() const;
  // Fails a CHECK that names the first one that is broken.
  void CheckInvariants() const;

 private:
  friend class Message;
  friend class ResidencyInvariants;
  friend struct ResidencyTestPeer;
  using State = MessageState;

  // residency.cc.
  sim::Task<Resolution> Resolve(Message& message, int pull);
  sim::Task<Resolution> DefaultTest(Message& message);
  void NoteThread(const Message& message, int pull);
  void NoteAnswer(Message& message, const Resolution& answer, bool again);
  bool WantsPull(const Message& message, int result, bool again);
  sim::Task<Verdict> Submit(Message& message);
  Verdict Settle(Message& message);
  void SetState(Message& message, State state);
  void Fail(Message& message, int error);
  void Forget(Message& message);

  // residency_pull.cc: PoolClient, and the default pull.
  void OnQueued(PoolJob& job) override;
  void OnStarted(PoolJob& job) override;
  sim::Task<void> Run(PoolJob& job) override;
  void OnFinished(PoolJob& job) override;
  sim::Task<int> PullPages(Message& message);
  sim::Task<int> PullPage(Message& message, vm::Vpage vpage, bool write);

  // residency_send.cc.
  void StartSending(Message& message);
  void WireBody(Message& message);
  void UnwireBody(Message& message);
  sim::Task<bool> TouchToSend(Message& message, vm::Vpage vpage, SendTouch* touch);

  sim::Engine& engine_;
  sim::Trace& trace_;
  vm::VmSystem& vm_;
  OpenFiles& files_;
  HookPoint& hooks_;
  const ResidencyConfig config_;
  BodyInCore test_;
  WorkerPool pool_;
  ResidencyStats stats_;
  sim::Histogram pull_latency_;
  std::array<int64_t, kMessageStates> counts_{};
  Message* first_ = nullptr;
  Message* last_ = nullptr;
  uint32_t next_number_ = 0;
  int64_t defaults_ = 0;       // Matters that the hook left to us.
  int64_t wrong_threads_ = 0;  // Calls with pull 0 on a worker, or pull 1 on no worker.
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_RESIDENCY_H_
