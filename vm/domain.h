// vm/domain.h: how many pages are free, and who waits for more.
//
//     free_target ------  the page daemon's setpoint
//     wakeup_thresh ----  crossing it downwards wakes the page daemon
//     free_min ---------  below: vm_wait sleeps until free >= free_min
//     free_severe ------  below: faults do not allocate
//     free_reserved ----  floor of ordinary allocations
//     interrupt_free_min  floor of the page daemon's own
//
// The min and severe bits are sticky: set when the count crosses its threshold downwards, cleared
// when an increment crosses back. Tests of "is memory short" ask the bits, as the kernel does, not
// the count.
//
// Sleepers for memory share one channel: vm_wait at kPriorityDaemon wakes before a page fault's
// wait at kPriorityUser. All wake together and race for the pages.
//
// One NUMA domain. Model: FreeBSD sys/vm/vm_page.c (vm_domain_allocate, vm_domain_set,
// vm_domain_clear, vm_wait_domain, vm_waitpfault), vm_pagequeue.h (vm_domain_freecnt_inc).
#ifndef VMSIM_VM_DOMAIN_H_
#define VMSIM_VM_DOMAIN_H_

#include <cstdint>
#include <utility>

#include "sim/engine.h"
#include "sim/wait_channel.h"
#include "vm/thresholds.h"

namespace vmsim::vm {

// How deep an allocation may dig (VM_ALLOC_NORMAL, _SYSTEM, _INTERRUPT).
enum class AllocClass : uint8_t { kNormal, kSystem, kInterrupt };

class Domain {
 public:
  Domain(sim::Engine& engine, const PageoutThresholds& thresholds, int32_t free_count)
      : engine_(engine), t_(thresholds), free_count_(free_count) {}

  const PageoutThresholds& thresholds() const { return t_; }
  int32_t free_count() const { return free_count_; }
  bool min_set() const { return min_set_; }        // vm_page_count_min
  bool severe_set() const { return severe_set_; }  // vm_page_count_severe

  // Takes `n` pages off the count, or returns false and takes none. A page daemon thread's kNormal
  // counts as kSystem. May wake the page daemon.
  bool Reserve(AllocClass alloc_class, int32_t n, bool is_pageproc);
  // Gives `n` pages back; wakes whoever waited for the threshold that this crosses.
  void FreecntInc(int32_t n);

  // What a failed allocation would have needed; the next inactive scan adds it to its target.
  void AddDeficit(uint32_t n) { pageout_deficit_ += n; }
  uint32_t TakeDeficit() { return std::exchange(pageout_deficit_, 0); }
  uint32_t deficit() const { return pageout_deficit_; }

  // Sleeps until free memory is back at free_min, if it is short; otherwise returns at once
  // (vm_wait_domain for ordinary threads). Whoever wakes must try again.
  sim::Task<void> Wait();
  // The same for a page fault, with a timeout and less urgency (vm_waitpfault).
  sim::Task<void> WaitPfault(sim::SimDuration timeout_ns);
  // For page daemon threads: sleeps while free < pageout_free_min.
  sim::Task<void> WaitPageproc();

  // The page daemon's wakeup latch: only its 0 -> 1 transition wakes (pagedaemon_wakeup).
  void WakePageDaemon();
  bool pageout_wanted() const { return pageout_wanted_; }
  void set_pageout_wanted(bool wanted) { pageout_wanted_ = wanted; }
  sim::WaitChannel& pageout_wanted_channel() { return pageout_wanted_channel_; }

  // Threads asleep for memory, those on their way back from it included.
  int waiting() const { return waiting_; }
  // Whether anybody is asleep still: for free_min, and for pageout_free_min.
  bool min_sleepers() const { return !min_channel_.empty(); }
  bool pageproc_sleepers() const { return !pageproc_channel_.empty(); }

  // Sets the free count without crossing anything: for recorded situations.
  void ForceFreeCount(int32_t free_count) { free_count_ = free_count; }
  void ForceDeficit(uint32_t deficit) { pageout_deficit_ = deficit; }

 private:
  friend struct InvariantsTestPeer;  // Plants defects.

  void SetBits();
  void ClearBits();

  sim::Engine& engine_;
  PageoutThresholds t_;
  int32_t free_count_;
  uint32_t pageout_deficit_ = 0;
  bool min_set_ = false;
  bool severe_set_ = false;
  bool pageout_wanted_ = false;
  bool pageout_pages_needed_ = false;
  int waiting_ = 0;
  sim::WaitChannel min_channel_;             // vm_min_domains
  sim::WaitChannel pageproc_channel_;        // vmd_pageout_pages_needed
  sim::WaitChannel pageout_wanted_channel_;  // vmd_pageout_wanted
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_DOMAIN_H_
