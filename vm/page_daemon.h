// vm/page_daemon.h: the page daemon: keeps free memory near free_target.
//
//          +--> below wakeup_thresh? -- no: sleep until woken, a tenth of a second at most
//          |      | yes, and the last pass fell short: pause a tenth of a second
//          |      v
//          |    controller: how many pages to free now
//          |      v if any
//          |    inactive scan  --> request to the laundry thread, vote for a kill
//          |      v
//          +--- active scan (every pass, shortage or not)
//
// A pass that needs no sleep follows the last one at once; the time that passes and scans cost
// keeps the simulated clock moving then.
//
// With more than one thread for a domain (17 CPUs or more), the kernel has helpers scan shares of a
// large target at the same time. Here the shares are scanned one after the other by the daemon
// itself, largest first; the decision to share and the rate it rests on are the kernel's. Not
// modelled: caches that could be drained when memory is low (lowmem handlers): there are none.
//
// Model: FreeBSD sys/vm/vm_pageout.c (vm_pageout_worker, vm_pageout_inactive,
// vm_pageout_inactive_dispatch, vm_pageout_mightbe_oom), vm_swapout.c (vm_swapout_run).
#ifndef VMSIM_VM_PAGE_DAEMON_H_
#define VMSIM_VM_PAGE_DAEMON_H_

#include <algorithm>
#include <cstdint>

#include "sim/task.h"
#include "vm/active_scan.h"
#include "vm/inactive_scan.h"
#include "vm/laundry_thread.h"
#include "vm/pageout_context.h"
#include "vm/pid_controller.h"
#include "vm/thresholds.h"

namespace vmsim::vm {

// Asks for the per-CPU batches to be applied after a failed pass: the part of the swapout daemon's
// work that is still of use.
class SwapoutRequest {
 public:
  virtual ~SwapoutRequest() = default;
  virtual void RunSwapout() = 0;
};

template <class Pmap>
class PageDaemon {
 public:
  PageDaemon(PageoutContext& ctx, Pmap& pmap, LaundryMailbox& laundry, SwapoutRequest& swapout)
      : ctx_(ctx),
        laundry_(laundry),
        swapout_(swapout),
        pid_(ctx.domain.thresholds().pid),
        inactive_scan_(ctx, pmap),
        active_scan_(ctx, pmap) {}

  // The thread. `Env` is what it lives in, a compile-time parameter:
  //   int32_t ticks()                     now
  //   awaitable BeginPass()               once each pass; the machine charges time
  //   awaitable Pause(int ticks)          nothing shortens it
  //   awaitable<bool> SleepUntilWanted(int ticks)   true if woken, false if the time was up
  //   awaitable<int64_t> SkipIdlePasses() how many passes that do nothing it stood for, or 0
  template <class Env>
  sim::Task<void> Run(Env& env);

  const PidController& pid() const { return pid_; }
  bool target_met() const { return target_met_; }
  int oom_seq() const { return oom_seq_; }  // Passes in a row that freed nothing.
  const InactiveScan<Pmap>& inactive_scan() const { return inactive_scan_; }
  const ActiveScan<Pmap>& active_scan() const { return active_scan_; }
  InactiveScan<Pmap>& inactive_scan() { return inactive_scan_; }
  ActiveScan<Pmap>& active_scan() { return active_scan_; }

 private:
  struct Pass {
    bool target_met;
    int addl_shortage;  // For the active scan: busy pages and failed allocations.
  };

  sim::Task<Pass> Inactive(int shortage);
  sim::Task<InactiveResult> Dispatch(int shortage);
  void PostLaundryRequest(int start, int left);
  void MightBeOom(int left, int start);
  int ActiveTarget() const;
  // Whether the next pass follows without a sleep. If this one did nothing, the next ones will do
  // nothing either until the free count or the tick changes, and the machine may take them all in
  // one step.
  bool Spins() const {
    return target_met_ && PagingNeeded(ctx_.domain.thresholds(), ctx_.domain.free_count());
  }
  int TenthOfSecond() const { return std::max(ctx_.tunables.hz / kInactScanRate, 1); }

  PageoutContext& ctx_;
  LaundryMailbox& laundry_;
  SwapoutRequest& swapout_;
  PidController pid_;
  InactiveScan<Pmap> inactive_scan_;
  ActiveScan<Pmap> active_scan_;
  bool target_met_ = true;
  int oom_seq_ = 0;
  int64_t inactive_pps_ = 0;  // Pages that an inactive scan frees a second, smoothed.
};

template <class Pmap>
template <class Env>
sim::Task<void> PageDaemon<Pmap>::Run(Env& env) {
  active_scan_.set_last_active_scan(env.ticks());
  while (true) {
    ctx_.domain.set_pageout_wanted(false);
    if (!PagingNeeded(ctx_.domain.thresholds(), ctx_.domain.free_count())) {
      if (co_await env.SleepUntilWanted(TenthOfSecond())) ++ctx_.counters.v_pdwakeups;
    } else if (!target_met_) {
      co_await env.Pause(TenthOfSecond());
    }
    ctx_.domain.set_pageout_wanted(true);
    co_await env.BeginPass();
    ++ctx_.counters.pdpasses;
    const int shortage = pid_.Daemon(env.ticks(), ctx_.domain.free_count());
    int addl_shortage = 0;
    if (shortage > 0) {
      ctx_.trace.Emit(trace::kPass, 0, static_cast<uint64_t>(shortage),
                      static_cast<uint64_t>(ctx_.domain.free_count()));
      const Pass pass = co_await Inactive(shortage);
      target_met_ = pass.target_met;
      addl_shortage = pass.addl_shortage;
    }
    const int64_t aged_before = active_scan_.stats().nodes;
    co_await active_scan_.Run(ActiveTarget() + addl_shortage, env.ticks());
    if (shortage == 0 && active_scan_.stats().nodes == aged_before && Spins()) {
      const int64_t skipped = co_await env.SkipIdlePasses();
      ctx_.counters.pdpasses += skipped;
    }
  }
}

template <class Pmap>
auto PageDaemon<Pmap>::Inactive(int shortage) -> sim::Task<Pass> {
  const int deficit = static_cast<int>(ctx_.domain.TakeDeficit());
  const int start = shortage + deficit;
  const InactiveResult result = co_await Dispatch(start);
  const int left = start - result.freed;
  PostLaundryRequest(start, left);
  if (left > 0) swapout_.RunSwapout();
  MightBeOom(left, start);
  co_return Pass{left <= 0, result.stuck + deficit};
}

template <class Pmap>
sim::Task<InactiveResult> PageDaemon<Pmap>::Dispatch(int shortage) {
  constexpr sim::SimDuration kMicro = 1000;
  const int threads = ctx_.domain.thresholds().inactive_threads;
  const bool share =
      threads > 1 && inactive_pps_ != 0 && shortage > inactive_pps_ / kInactScanRate / 4;
  const sim::SimTime begin = ctx_.engine.now();
  InactiveResult sum;
  const int part = share ? shortage / threads : 0;
  for (int i = 0; i < (share ? threads : 1); ++i) {
    const InactiveResult result = co_await inactive_scan_.Run(i > 0   ? part
                                                              : share ? part + shortage % threads
                                                                      : shortage);
    sum.freed += result.freed;
    sum.stuck += result.stuck;
  }
  ctx_.counters.v_dfree += sum.freed;
  const int64_t us = std::max<int64_t>((ctx_.engine.now() - begin) / kMicro, 1);
  inactive_pps_ = inactive_pps_ / 2 + sum.freed * int64_t{1000000} / us / 2;
  co_return sum;
}

// The request is a latch: one that is pending is never upgraded.
template <class Pmap>
void PageDaemon<Pmap>::PostLaundryRequest(int start, int left) {
  if (start <= 0) return;
  if (laundry_.request == LaundryRequest::kIdle &&
      (ctx_.queues.length(QueueId::kLaundry) > 0 || ctx_.swap_configured)) {
    laundry_.request = left > 0 ? LaundryRequest::kShortfall : LaundryRequest::kBackground;
    if (left > 0) ++ctx_.counters.v_pdshortfalls;
    ++laundry_.wakeups;
    laundry_.channel.WakeAll();
  }
  laundry_.clean_pages_freed += static_cast<uint32_t>(start - left);
}

// One page freed is enough to start counting anew. With one domain its vote decides.
template <class Pmap>
void PageDaemon<Pmap>::MightBeOom(int left, int start) {
  if (start <= 0 || left != start) {
    oom_seq_ = 0;
  } else {
    ++oom_seq_;
  }
  if (oom_seq_ < ctx_.tunables.pageout_oom_seq) return;
  oom_seq_ = 0;
  ctx_.host.OutOfMemory(OomReason::kMem);
}

template <class Pmap>
int PageDaemon<Pmap>::ActiveTarget() const {
  return ActiveScanTarget(
      ctx_.domain.thresholds(), ctx_.domain.free_count(), ctx_.queues.length(QueueId::kInactive),
      ctx_.queues.length(QueueId::kLaundry), ctx_.tunables.act_scan_laundry_weight);
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGE_DAEMON_H_
