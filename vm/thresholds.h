// vm/thresholds.h: how many free pages are enough, and when the page daemon must work.
//
// Computed once from the size of memory at boot; all counts are pages of one memory domain.
//
//     free pages
//        ^
//        |  free_target      the page daemon aims here (setpoint of its controller)
//        |  wakeup_thresh    below: the page daemon is needed and does not sleep
//        |  free_min         below: ordinary allocations that can wait do wait
//        |  free_severe      below: the kernel's own consumers wait too, caches are drained
//        |  free_reserved    below: only privileged allocations succeed
//        |  interrupt_free_min
//        0
//
// On small memories rungs coincide or even change places (fewer than 1000 pages); with fewer than
// 200 pages free_target equals free_min. Model: FreeBSD sys/vm/vm_pageout.c (vm_pageout_init,
// vm_pageout_init_domain, get_pageout_threads_per_domain, vm_pageout_active_target),
// sys/vm/vm_pagequeue.h (vm_paging_*).
#ifndef VMSIM_VM_THRESHOLDS_H_
#define VMSIM_VM_THRESHOLDS_H_

#include <cstdint>

#include "vm/pid_controller.h"

namespace vmsim::vm {

// Scans of the inactive queue and laundry rounds a second (VM_INACT_SCAN_RATE, VM_LAUNDER_RATE).
inline constexpr int kInactScanRate = 10;
inline constexpr int kLaunderRate = 10;
// Tunables and their defaults: vm.act_scan_laundry_weight, vm.pageout_cpus_per_thread,
// vm.pageout_update_period (seconds).
inline constexpr int kActScanLaundryWeight = 3;
inline constexpr int kPageoutCpusPerThread = 16;
inline constexpr int kPageoutUpdatePeriod = 600;

struct PageoutConfig {
  int page_count = 0;  // Pages managed.
  int free_count = 0;  // Of those, free at boot.
  int ncpus = 1;       // >= 1.
  int cpus_per_thread = kPageoutCpusPerThread;
  int hz = 1000;  // Ticks a second, >= 1.
};

struct PageoutThresholds {
  int interrupt_free_min = 0;  // Below: not even interrupt-time allocations succeed.
  int pageout_free_min = 0;    // Kept for the page daemon itself.
  int free_reserved = 0;
  int free_severe = 0;
  int free_min = 0;
  int free_target = 0;
  int inactive_target = 0;  // Wanted length of the inactive queue.
  int wakeup_thresh = 0;
  int background_launder_target = 0;  // Pages of one background laundering run.
  int inactive_threads = 0;           // Threads that share an inactive scan.
  int pageout_page_count = 0;         // Largest cluster the page daemon writes.
  int update_period = 0;              // Seconds in which an idle active queue is scanned once.
  int64_t max_user_wired = 0;         // Limit on pages wired by users.
  PidParams pid;                      // The page daemon's controller.
};

PageoutThresholds ComputePageoutThresholds(const PageoutConfig& config);

// vm_paging_target: pages missing to free_target; negative when there are more.
inline int PagingTarget(const PageoutThresholds& t, int free) { return t.free_target - free; }
// vm_laundry_target: what the laundry thread takes for its shortfall; the same number.
inline int LaundryTarget(const PageoutThresholds& t, int free) { return PagingTarget(t, free); }
// vm_paging_needed: the page daemon has work.
inline bool PagingNeeded(const PageoutThresholds& t, int free) { return free < t.wakeup_thresh; }
// vm_paging_min, vm_paging_severe: below the rung of that name.
inline bool PagingMin(const PageoutThresholds& t, int free) { return free < t.free_min; }
inline bool PagingSevere(const PageoutThresholds& t, int free) { return free < t.free_severe; }

// vm_pageout_active_target: how much the active scan shall deactivate, in units of which a clean
// page pays `weight` and a dirty one 1. Pages in the laundry count for 1/weight of an inactive
// page. May be negative. Requires: weight >= 1, lengths >= 0.
int ActiveScanTarget(const PageoutThresholds& t, int free, int inactive_length, int laundry_length,
                     int weight = kActScanLaundryWeight);

// The largest r with r * r <= n.
uint32_t Isqrt(uint32_t n);

}  // namespace vmsim::vm

#endif  // VMSIM_VM_THRESHOLDS_H_
