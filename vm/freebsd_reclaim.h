// vm/freebsd_reclaim.h: FreeBSD's reclaim: queues, page daemon, laundry thread.
//
// Puts together vm/page_queues.h, vm/page_daemon.h and vm/laundry_thread.h behind the seam of
// vm/reclaim.h, and runs the threads of pageproc:
//
//     pagedaemon   vm_pageout_worker
//     laundry      vm_pageout_laundry_worker
//     vmdaemon     of the swapout daemon only this: after a failed pass, at most once a second, it
//     applies
//                  the per-CPU queue batches. Nothing else applies them periodically.
//
// The pmap is a compile-time parameter, so that recorded situations run through the code that the
// machine runs: the machine uses FreebsdReclaim.
#ifndef VMSIM_VM_FREEBSD_RECLAIM_H_
#define VMSIM_VM_FREEBSD_RECLAIM_H_

#include <algorithm>
#include <cstdint>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "sim/wait_channel.h"
#include "vm/invariants.h"
#include "vm/laundering.h"
#include "vm/laundry_thread.h"
#include "vm/page_daemon.h"
#include "vm/page_queues.h"
#include "vm/page_tables.h"
#include "vm/pageout_context.h"
#include "vm/reclaim.h"

namespace vmsim::vm {

namespace reclaim_internal {
// What a release sets, unless a planted bug says otherwise.
RevisionSettings Settings(FreebsdRevision revision, const PlantedBugs& bugs);
}  // namespace reclaim_internal

template <class Pmap>
class FreebsdReclaimOf : public Reclaim, private SwapoutRequest {
 public:
  // All of it outlives the reclaim.
  struct Parts {
    sim::Engine& engine;
    sim::Trace& trace;
    PageArray& pages;
    Pmap& pmap;
    ObjectTable& objects;
    Domain& domain;
    PageAllocator& allocator;
    VmCounters& counters;
    Host& host;
  };
  FreebsdReclaimOf(const Parts& parts, const Tunables& tunables, const Costs& costs,
                   FreebsdRevision revision, const PlantedBugs& bugs, int cpus);

  // Starts the threads. Call once.
  void Start();
  // Whether there is a swap device: with one, the laundry is never without work.
  void set_swap_configured(bool configured) { ctx_.swap_configured = configured; }

  // vm::Reclaim.
  void Activate(FrameIndex frame) override { queues_.Activate(frame); }
  void Deactivate(FrameIndex frame) override { queues_.Deactivate(frame); }
  void DeactivateNoreuse(FrameIndex frame) override { queues_.DeactivateNoreuse(frame); }
  void Launder(FrameIndex frame) override { queues_.Launder(frame); }
  void Unswappable(FrameIndex frame) override { queues_.Unswappable(frame); }
  void Reference(FrameIndex frame) override { queues_.Reference(frame); }
  void Wire(FrameIndex frame) override { queues_.Wire(frame); }
  void UnwireToQueue(FrameIndex frame, QueueId queue, bool noreuse) override {
    queues_.Release(frame, queue, noreuse);
  }
  void Free(FrameIndex frame) override { queues_.DequeueDeferred(frame); }
  void Allocated(FrameIndex frame) override { queues_.Dequeue(frame); }
  void Wakeup() override { ctx_.domain.WakePageDaemon(); }
  int64_t QueueLength(QueueId queue) const override { return queues_.length(queue); }
  void CheckInvariants() const override { CheckAllInvariants(state()); }

  // What it works with, for checks: pages and objects, its queues and daemons.
  VmState state() const;

  PageQueues& queues() { return queues_; }
  LaundryMailbox& mailbox() { return mailbox_; }
  PageDaemon<Pmap>& daemon() { return daemon_; }
  Laundering<Pmap>& laundering() { return laundering_; }
  LaundryThread& laundry_thread() { return laundry_thread_; }
  // Requests to the vmdaemon; some came too early to be heard.
  int64_t swapout_runs() const { return swapout_runs_; }

 private:
  struct DaemonEnv;
  struct LaundryEnv;

  void RunSwapout() override;
  sim::Task<void> PageDaemonMain();
  sim::Task<void> LaundryMain();
  sim::Task<void> VmDaemonMain();

  PageQueues queues_;
  PageoutContext ctx_;
  TickClock clock_;
  LaundryMailbox mailbox_;
  PageDaemon<Pmap> daemon_;
  Laundering<Pmap> laundering_;
  LaundryThread laundry_thread_;
  sim::WaitChannel vmdaemon_channel_;
  int64_t swapout_runs_ = 0;
  int32_t last_swapout_ = 0;  // Ticks.
};

template <class Pmap>
FreebsdReclaimOf<Pmap>::FreebsdReclaimOf(const Parts& parts, const Tunables& tunables,
                                         const Costs& costs, FreebsdRevision revision,
                                         const PlantedBugs& bugs, int cpus)
    : queues_(parts.pages, parts.engine, cpus, reclaim_internal::Settings(revision, bugs)),
      ctx_{.engine = parts.engine,
           .trace = parts.trace,
           .pages = parts.pages,
           .objects = parts.objects,
           .domain = parts.domain,
           .allocator = parts.allocator,
           .counters = parts.counters,
           .host = parts.host,
           .queues = queues_,
           .tunables = tunables,
           .costs = costs,
           .revision = reclaim_internal::Settings(revision, bugs),
           .bugs = bugs},
      clock_(parts.engine, tunables.hz),
      daemon_(ctx_, parts.pmap, mailbox_, *this),
      laundering_(ctx_, parts.pmap),
      laundry_thread_(parts.domain.thresholds(), ctx_.tunables, mailbox_) {}

// What the page daemon's loop needs of the machine.
template <class Pmap>
struct FreebsdReclaimOf<Pmap>::DaemonEnv {
  FreebsdReclaimOf& r;

  int32_t ticks() const { return r.clock_.ticks(); }
  auto BeginPass() { return r.ctx_.engine.Consume(r.ctx_.costs.daemon_pass_ns); }
  auto Pause(int ticks) { return sim::Pause(r.ctx_.engine, r.clock_.ns(ticks), "pwait"); }
  sim::Task<int64_t> SkipIdlePasses() {
    sim::Engine& engine = r.ctx_.engine;
    const sim::SimDuration pass = r.ctx_.costs.daemon_pass_ns;
    const sim::SimDuration quiet = std::min(engine.QuietTime(), r.clock_.UntilNextTick());
    const int64_t passes = std::max<sim::SimDuration>(quiet - 1, 0) / pass;
    if (passes > 0) co_await engine.Consume(passes * pass);
    co_return passes;
  }
  sim::Task<bool> SleepUntilWanted(int ticks) {
    const sim::SleepOptions options{.timeout_ns = r.clock_.ns(ticks)};
    const int error = co_await r.ctx_.domain.pageout_wanted_channel().Sleep(
        r.ctx_.engine, sim::kPriorityDaemon, "psleep", options);
    co_return error == sim::kAwakened;
  }
};

// And the laundry thread's.
template <class Pmap>
struct FreebsdReclaimOf<Pmap>::LaundryEnv {
  FreebsdReclaimOf& r;

  LaundryLevels levels() const {
    return {r.ctx_.domain.free_count(), r.queues_.length(QueueId::kInactive),
            r.queues_.length(QueueId::kLaundry), r.ctx_.domain.deficit()};
  }
  auto BeginRound() { return r.ctx_.engine.Consume(r.ctx_.costs.daemon_pass_ns); }
  sim::Task<int> Launder(int target, bool in_shortfall) {
    return r.laundering_.Run(target, in_shortfall);
  }
  auto Pause(int ticks) { return sim::Pause(r.ctx_.engine, r.clock_.ns(ticks), "laundp"); }
  auto SleepUntilKicked() {
    return r.mailbox_.channel.Sleep(r.ctx_.engine, sim::kPriorityDaemon, "launds");
  }
};

template <class Pmap>
void FreebsdReclaimOf<Pmap>::Start() {
  sim::Engine& engine = ctx_.engine;
  engine.Spawn("pagedaemon", sim::kPriorityDaemon, PageDaemonMain())->set_pageproc();
  engine.Spawn("laundry", sim::kPriorityDaemon, LaundryMain())->set_pageproc();
  engine.Spawn("vmdaemon", sim::kPriorityDaemon, VmDaemonMain());
}

template <class Pmap>
sim::Task<void> FreebsdReclaimOf<Pmap>::PageDaemonMain() {
  DaemonEnv env{*this};
  co_await daemon_.Run(env);
}

template <class Pmap>
sim::Task<void> FreebsdReclaimOf<Pmap>::LaundryMain() {
  LaundryEnv env{*this};
  co_await laundry_thread_.Run(env);
}

template <class Pmap>
sim::Task<void> FreebsdReclaimOf<Pmap>::VmDaemonMain() {
  while (true) {
    co_await vmdaemon_channel_.Sleep(ctx_.engine, sim::kPriorityDaemon, "psleep");
    co_await ctx_.engine.Consume(ctx_.costs.daemon_pass_ns);
    queues_.Drain();
  }
}

template <class Pmap>
void FreebsdReclaimOf<Pmap>::RunSwapout() {
  ++swapout_runs_;
  const int32_t now = clock_.ticks();
  if (now > last_swapout_ + ctx_.tunables.hz || now < last_swapout_) {
    last_swapout_ = now;
    vmdaemon_channel_.WakeAll();
  }
}

template <class Pmap>
VmState FreebsdReclaimOf<Pmap>::state() const {
  return {.pages = &ctx_.pages,
          .queues = &queues_,
          .objects = &ctx_.objects,
          .pid = &daemon_.pid(),
          .laundry = &laundry_thread_};
}

extern template class FreebsdReclaimOf<PageTables>;

class FreebsdReclaim final : public FreebsdReclaimOf<PageTables> {
 public:
  using FreebsdReclaimOf::FreebsdReclaimOf;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_FREEBSD_RECLAIM_H_
