// net/residency_stats.h: what message residency counts, beside the hook's own counts
// (net/residency_hook.h) and the pool's (net/worker_pool.h).
#ifndef VMSIM_NET_RESIDENCY_STATS_H_
#define VMSIM_NET_RESIDENCY_STATS_H_

#include <cstdint>

#include "sim/counters.h"

namespace vmsim::net {

struct ResidencyStats {
  int64_t messages = 0;
  int64_t deleted = 0;
  int64_t failed = 0;

  int64_t checks = 0;
  int64_t in_core = 0;
  int64_t not_in_core = 0;
  int64_t decided_default = 0;
  int64_t rechecks = 0;
  int64_t rechecks_failed = 0;
  int64_t bound_hits = 0;
  int64_t zero_fill_absent = 0;
  int64_t mincore_calls = 0;
  int64_t mincore_again = 0;

  int64_t pulls_queued = 0;
  int64_t pulls_joined = 0;
  int64_t pulls_completed = 0;
  int64_t pulls_failed = 0;
  int64_t pulls_cancelled = 0;

  int64_t pages_touched = 0;
  int64_t page_hits = 0;
  int64_t transit_waits = 0;
  int64_t pageins = 0;
  int64_t clustered_pages = 0;
  int64_t zero_fills = 0;

  int64_t sent_pages = 0;
  int64_t sync_faults = 0;
  int64_t sync_zero_fills = 0;
  int64_t sync_fault_ns = 0;
  int64_t send_errors = 0;

  int64_t fault_in_test = 0;
  int64_t fault_in_test_ns = 0;

  int64_t wired_pages = 0;
  int64_t wires_refused = 0;
};

struct ResidencyCounter {
  sim::CounterInfo info;
  int64_t ResidencyStats::*field;
};

inline constexpr ResidencyCounter kResidencyCounters[] = {
    {{"residency.messages", "messages", "Messages that were made."}, &ResidencyStats::messages},
    {{"residency.deleted", "messages", "Messages that were deleted."}, &ResidencyStats::deleted},
    {{"residency.failed", "messages", "Deliveries that failed."}, &ResidencyStats::failed},
    {{"residency.checks", "checks", "Questions whether a body is in core, with pull 0."},
     &ResidencyStats::checks},
    {{"residency.in_core", "checks", "Checks that were answered: in core."},
     &ResidencyStats::in_core},
    {{"residency.not_in_core", "checks", "Checks that were answered: not in core."},
     &ResidencyStats::not_in_core},
    {{"residency.decided_default", "checks", "Checks that no hook settled."},
     &ResidencyStats::decided_default},
    {{"residency.rechecks", "checks", "Checks after a pull."}, &ResidencyStats::rechecks},
    {{"residency.rechecks_failed", "checks", "Bodies evicted between their pull and the check."},
     &ResidencyStats::rechecks_failed},
    {{"residency.bound_hits", "messages", "Bodies sent though not in core, after max_pulls."},
     &ResidencyStats::bound_hits},
    {{"mincore.zero_fill_absent", "pages", "Absent pages that needed no disk, only zeros."},
     &ResidencyStats::zero_fill_absent},
    {{"mincore.calls", "calls", "Calls of the default test's mincore."},
     &ResidencyStats::mincore_calls},
    {{"mincore.again", "calls", "Default tests that ended with EAGAIN: taken for not in core."},
     &ResidencyStats::mincore_again},
    {{"residency.pulls_queued", "pulls", "Pulls given to the pool."},
     &ResidencyStats::pulls_queued},
    {{"residency.pulls_joined", "pulls", "Requests that joined a pull under way."},
     &ResidencyStats::pulls_joined},
    {{"residency.pulls_completed", "pulls", "Pulls that made all accesses."},
     &ResidencyStats::pulls_completed},
    {{"residency.pulls_failed", "pulls", "Pulls that an access ended."},
     &ResidencyStats::pulls_failed},
    {{"residency.pulls_cancelled", "pulls", "Pulls whose message was deleted."},
     &ResidencyStats::pulls_cancelled},
    {{"residency.pages_touched", "pages", "Pages that pulls referenced."},
     &ResidencyStats::pages_touched},
    {{"residency.page_hits", "pages", "Pages that pulls found in core."},
     &ResidencyStats::page_hits},
    {{"residency.transit_waits", "pages",
      "Pages that pulls waited for because they were in transit."},
     &ResidencyStats::transit_waits},
    {{"residency.pageins", "pages", "Pages that pulls had to read."}, &ResidencyStats::pageins},
    {{"residency.clustered_pages", "pages",
      "Pages that came along with what pulls read, behind it."},
     &ResidencyStats::clustered_pages},
    {{"residency.zero_fills", "pages", "Pages that pulls had filled with zeros."},
     &ResidencyStats::zero_fills},
    {{"residency.sent_pages", "pages", "Pages that the scheduler referenced to send them."},
     &ResidencyStats::sent_pages},
    {{"residency.sync_faults", "faults",
      "Faults for which the scheduler had to wait for the disk to send a body."},
     &ResidencyStats::sync_faults},
    {{"residency.sync_zero_fills", "faults",
      "Pages that the scheduler had filled with zeros to send them."},
     &ResidencyStats::sync_zero_fills},
    {{"residency.sync_fault_ns", "ns",
      "Time that the scheduler lost in faults on bodies to be sent."},
     &ResidencyStats::sync_fault_ns},
    {{"residency.send_errors", "errors", "Sends that an access ended."},
     &ResidencyStats::send_errors},
    {{"hook.fault_in_test", "faults", "Faults of hooks that were only to test."},
     &ResidencyStats::fault_in_test},
    {{"hook.fault_in_test_ns", "ns",
      "Time that the scheduler lost in faults of hooks that were only to test."},
     &ResidencyStats::fault_in_test_ns},
    {{"residency.wired_pages", "pages", "Pages of bodies wired while they are sent.",
      sim::CounterKind::kLevel},
     &ResidencyStats::wired_pages},
    {{"residency.wires_refused", "messages", "Bodies not wired because of vm.max_user_wired."},
     &ResidencyStats::wires_refused},
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_RESIDENCY_STATS_H_
