// vm/config.h: what the virtual memory system can be told, with FreeBSD's defaults.
//
// Plain structs: the scenario layer fills them from a file. Sizes in pages unless named otherwise,
// times in nanoseconds.
#ifndef VMSIM_VM_CONFIG_H_
#define VMSIM_VM_CONFIG_H_

#include <cstdint>

#include "sim/time.h"

namespace vmsim::vm {

// Which FreeBSD to be where releases differ. docs/freebsd-revisions.md lists the three differences.
enum class FreebsdRevision : uint8_t { kR13_2, kR15 };

// The three settings in which 13.2 and 15 part; everything else is the same code.
struct RevisionSettings {
  // Slots of every page batch: scan batches, the stuck-page batch, the per-CPU queue batches
  // (BATCHQUEUE_SIZE on amd64).
  int batch_slots;
  // 13.2: the entry that finds the batch full processes the held ones, then itself. 15: the entry
  // that finds no more than `flush_free_slots` slots free processes everything, itself included.
  bool flush_when_full;
  // 13.2: an anonymous object begins as type DEFAULT and becomes a swap object at its first
  // page-out; a fault then asks the pager of any once-swapped object, even with no block left.
  bool default_objects;
};
inline constexpr int kFlushFreeSlots = 31;

constexpr RevisionSettings SettingsOf(FreebsdRevision revision) {
  return revision == FreebsdRevision::kR13_2 ? RevisionSettings{31, true, true}
                                             : RevisionSettings{63, false, false};
}

// sysctl vm.*: FreeBSD's names and defaults.
struct Tunables {
  int hz = 1000;                               // kern.hz: ticks a second.
  int32_t pageout_update_period_s = 600;       // vm.pageout_update_period
  int32_t pageout_oom_seq = 12;                // vm.pageout_oom_seq
  int32_t act_scan_laundry_weight = 3;         // vm.act_scan_laundry_weight
  uint32_t background_launder_rate_kb = 4096;  // vm.background_launder_rate
  uint32_t background_launder_max_kb = 20480;  // vm.background_launder_max
  bool disable_swapspace_pageouts = false;     // vm.disable_swapspace_pageouts
  int32_t pageout_cpus_per_thread = 16;        // vm.pageout_cpus_per_thread
  int32_t pfault_oom_attempts = 3;  // vm.pfault_oom_attempts, < 0: never kill for a fault
  int32_t pfault_oom_wait_s = 10;   // vm.pfault_oom_wait
  int32_t oom_pf_secs = 10;         // vm.oom_pf_secs
  int32_t swap_async_max = 4;       // vm.swap_async_max
  int32_t maxphys = 1 << 20;        // kern.maxphys, bytes
  int64_t maxswzone = 0;            // kern.maxswzone: bytes for swap metadata; 0: by memory
  int32_t overcommit = 0;           // vm.overcommit: bits of vm/swap_reserve.h
  bool mincore_mapped = true;       // vm.mincore_mapped
  int64_t max_user_wired = 0;       // vm.max_user_wired: pages; 0: four fifths of memory
};

// Host-independent costs of kernel work, charged to the CPU that does it. A pass of a daemon and a
// batch of a scan cost at least 1 us each, so that no daemon can spin without time passing.
struct Costs {
  sim::SimDuration reference_ns = 100;    // One resident reference of a user thread.
  sim::SimDuration soft_fault_ns = 500;   // Trap, lookup, map.
  sim::SimDuration hard_fault_ns = 2000;  // The same with a pager call, without the I/O.
  sim::SimDuration page_zero_ns = 300;
  sim::SimDuration page_copy_ns = 500;
  sim::SimDuration page_scan_ns = 100;       // One page looked at by a scan.
  sim::SimDuration scan_batch_ns = 1000;     // Collecting one batch. >= 1000.
  sim::SimDuration daemon_pass_ns = 2000;    // One trip round a daemon's loop. >= 1000.
  sim::SimDuration swap_io_setup_ns = 2000;  // Building one swap request.
  sim::SimDuration tlb_shootdown_ns = 1500;  // Interrupting one other CPU.
  sim::SimDuration syscall_ns = 500;         // A system call on memory: entry and exit.
  sim::SimDuration pte_ns = 20;              // One page-table entry looked at by a system call.
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_CONFIG_H_
