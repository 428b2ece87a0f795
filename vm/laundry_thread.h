// vm/laundry_thread.h: when the laundry thread writes how much.
//
// Two reasons to launder. In a shortfall the page daemon could not find enough clean pages: the
// thread launders what is missing to free_target at once, and starts over while requests keep
// coming. In the background it launders a little (background_launder_target, at
// vm.background_launder_rate) when the dirty pages have become many against the clean ones,
// measured by the pages that inactive scans have freed since:
//
//     dirty * isqrt(howmany(freed + 1, free_target - free_min)) >= clean
//
// The page daemon posts a request, which is a latch: once posted it is not upgraded, and it is
// cleared when the thread has nothing left to do. A shortfall request pre-empts a background run.
//
// Arithmetic is the kernel's 32-bit one and wraps. Rates are given in KB but multiplied by
// kPageSize / 1024, as in the kernel's source: the default 4096 is 1638 pages each tenth of a
// second.
//
// Model: FreeBSD sys/vm/vm_pageout.c (vm_pageout_laundry_worker).
#ifndef VMSIM_VM_LAUNDRY_THREAD_H_
#define VMSIM_VM_LAUNDRY_THREAD_H_

#include <algorithm>
#include <cstdint>

#include "sim/task.h"
#include "sim/wait_channel.h"
#include "vm/config.h"
#include "vm/thresholds.h"

namespace vmsim::vm {

enum class LaundryRequest : uint8_t { kIdle = 0, kBackground = 1, kShortfall = 2 };

// What the page daemon leaves for the laundry thread.
struct LaundryMailbox {
  LaundryRequest request = LaundryRequest::kIdle;
  uint32_t clean_pages_freed = 0;  // By inactive scans since the thread last looked.
  int64_t wakeups = 0;
  sim::WaitChannel channel;  // "launds"
};

// The levels that decisions are made from.
struct LaundryLevels {
  int32_t free_count = 0;
  int32_t inactive = 0;  // Queue lengths.
  int32_t laundry = 0;
  uint32_t deficit = 0;  // Pages that allocations failed to get.
};

class LaundryThread {
 public:
  // Requires: free_target > free_min, which holds from 200 pages of memory on.
  LaundryThread(const PageoutThresholds& thresholds, const Tunables& tunables,
                LaundryMailbox& mailbox);

  // The thread. `Env` is what it lives in, a compile-time parameter:
  //   LaundryLevels levels()                        now
  //   awaitable BeginRound()                        once each round; the machine charges time
  //   awaitable<int> Launder(int, bool shortfall)   Laundering::Run
  //   awaitable Pause(int ticks)
  //   awaitable SleepUntilKicked()
  template <class Env>
  sim::Task<void> Run(Env& env);

  bool in_shortfall() const { return in_shortfall_; }
  int target() const { return target_; }
  int shortfall_cycle() const { return shortfall_cycle_; }

 private:
  friend struct InvariantsTestPeer;  // Plants defects.

  // How many pages to launder in this round.
  int Plan(const LaundryLevels& levels);
  int PlanBackground(const LaundryLevels& levels);
  void NoteLaundered(int pages);
  bool MaySleep() const { return target_ == 0 && mailbox_.request == LaundryRequest::kIdle; }
  void TakeRequest(const LaundryLevels& levels);

  const PageoutThresholds& t_;
  const Tunables& tunables_;
  LaundryMailbox& mailbox_;
  bool in_shortfall_ = false;
  int shortfall_ = 0;        // Pages missing; positive only at the start of a shortfall run.
  int shortfall_cycle_ = 0;  // Rounds that the run still has.
  int target_ = 0;           // Pages left of the current run.
  int last_target_ = 0;      // The background target when pages were last freed.
  uint32_t nfreed_ = 0;
};

template <class Env>
sim::Task<void> LaundryThread::Run(Env& env) {
  while (true) {
    co_await env.BeginRound();
    if (const int launder = Plan(env.levels()); launder > 0) {
      NoteLaundered(co_await env.Launder(launder, in_shortfall_));
      co_await env.Pause(std::max(tunables_.hz / kLaunderRate, 1));
    }
    if (MaySleep()) co_await env.SleepUntilKicked();
    TakeRequest(env.levels());
  }
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_LAUNDRY_THREAD_H_
