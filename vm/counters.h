// vm/counters.h: what vmstat and sysctl vm.stats.vm count, under the same names.
//
// Plain fields, incremented where the kernel increments them (FreeBSD sys/sys/vmmeter.h).
#ifndef VMSIM_VM_COUNTERS_H_
#define VMSIM_VM_COUNTERS_H_

#include <cstdint>

namespace vmsim::vm {

struct VmCounters {
  int64_t v_vm_faults = 0;   // Faults, not counting retries.
  int64_t v_io_faults = 0;   // Faults that a pager filled.
  int64_t v_zfod = 0;        // Pages zero-filled on demand.
  int64_t v_ozfod = 0;       // Of these, already known to be zero.
  int64_t v_cow_faults = 0;  // Copy-on-write faults.
  int64_t v_cow_optim = 0;   // Of these, done by moving the page.
  int64_t v_intrans = 0;     // Sleeps on a page in transit: busy, or swap read.
  int64_t v_swapin = 0;      // Swap reads started.
  int64_t v_swappgsin = 0;   // Pages in them.
  int64_t v_swapout = 0;     // Swap writes started.
  int64_t v_swappgsout = 0;  // Pages in them.
  int64_t v_vnodein = 0;
  int64_t v_vnodepgsin = 0;
  int64_t v_vnodeout = 0;
  int64_t v_vnodepgsout = 0;
  int64_t v_reactivated = 0;     // Pages that an inactive or laundry scan found referenced.
  int64_t v_pdwakeups = 0;       // Page daemon woken, not timed out.
  int64_t v_pdpages = 0;         // List nodes scanned by all scans, markers included.
  int64_t v_pdshortfalls = 0;    // Shortfall requests to the laundry thread.
  int64_t v_dfree = 0;           // Pages freed by the page daemon and the laundry thread.
  int64_t v_pfree = 0;           // Pages freed by the end of their object.
  int64_t v_tfree = 0;           // All pages freed.
  int64_t v_wire_count = 0;      // Level: pages with at least one wiring.
  int64_t object_collapses = 0;  // vm.stats.object.collapses
  int64_t object_bypasses = 0;   // vm.stats.object.bypasses
  int64_t v_forks = 0;           // Address spaces copied.
  int64_t v_forkpages = 0;       // Pages of them.
  int64_t user_wired_pages =
      0;  // Level: virtual pages wired by users (vm.stats.vm.v_user_wire_count).
  // Beyond the kernel's own.
  int64_t oom_kills = 0;  // Processes killed for memory.
  int64_t refaults = 0;   // Hard faults on pages that were in swap.
  int64_t swap_read_errors = 0;
  int64_t swap_write_errors = 0;
  int64_t swap_short_transfers = 0;  // Transfers that ended early without an error: data is lost.
  int64_t swap_torn_writes = 0;      // Writes of which the device kept a prefix only.
  int64_t swap_slow_reads = 0;       // Reads waited for longer than 20 s (the kernel logs these).
  int64_t swap_free_deferred =
      0;  // Stale swap blocks left for later (vm.stats.swap.free_deferred).
  int64_t swap_free_completed = 0;  // Of these, freed since.
  int64_t laundered_pages = 0;      // Pages that laundering put out (OK, PEND, or no swap space).
  int64_t unswappable_pages = 0;    // Moves to the unswappable queue.
  int64_t tlb_shootdowns = 0;       // Translations that scans made another CPU drop.
  int64_t pdpasses = 0;             // Trips round the page daemon's loop.
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_COUNTERS_H_
