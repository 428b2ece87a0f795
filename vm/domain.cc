#include "vm/domain.h"

namespace vmsim::vm {

bool Domain::Reserve(AllocClass alloc_class, int32_t n, bool is_pageproc) {
  if (is_pageproc && alloc_class == AllocClass::kNormal) alloc_class = AllocClass::kSystem;
  const int32_t floor = alloc_class == AllocClass::kNormal   ? t_.free_reserved
                        : alloc_class == AllocClass::kSystem ? t_.interrupt_free_min
                                                             : 0;
  if (free_count_ < floor + n) return false;
  const int32_t old = free_count_;
  free_count_ -= n;
  if (old >= t_.wakeup_thresh && free_count_ < t_.wakeup_thresh && !is_pageproc) WakePageDaemon();
  if ((old >= t_.free_min && free_count_ < t_.free_min) ||
      (old >= t_.free_severe && free_count_ < t_.free_severe)) {
    SetBits();
  }
  return true;
}

void Domain::SetBits() {
  if (free_count_ < t_.free_min) min_set_ = true;
  if (free_count_ < t_.free_severe) severe_set_ = true;
}

void Domain::FreecntInc(int32_t n) {
  const int32_t old = free_count_;
  free_count_ += n;
  const auto crossed = [&](int32_t threshold) {
    return old < threshold && free_count_ >= threshold;
  };
  if (old < t_.free_min &&
      (crossed(t_.free_min) || crossed(t_.free_severe) || crossed(t_.pageout_free_min))) {
    ClearBits();
  }
}

void Domain::ClearBits() {
  if (min_set_ && free_count_ >= t_.free_min) {
    min_set_ = false;
    min_channel_.WakeAll();
  }
  if (severe_set_ && free_count_ >= t_.free_severe) severe_set_ = false;
  if (pageout_pages_needed_ && free_count_ >= t_.pageout_free_min) {
    pageout_pages_needed_ = false;
    pageproc_channel_.WakeAll();
  }
}

sim::Task<void> Domain::Wait() {
  if (!min_set_) co_return;
  ++waiting_;
  co_await min_channel_.Sleep(engine_, sim::kPriorityDaemon, "vmwait");
  --waiting_;
}

sim::Task<void> Domain::WaitPfault(sim::SimDuration timeout_ns) {
  if (!min_set_) co_return;
  ++waiting_;
  const sim::SleepOptions options{.timeout_ns = timeout_ns};
  co_await min_channel_.Sleep(engine_, sim::kPriorityUser, "pfault", options);
  --waiting_;
}

sim::Task<void> Domain::WaitPageproc() {
  if (free_count_ >= t_.pageout_free_min) co_return;
  pageout_pages_needed_ = true;
  co_await pageproc_channel_.Sleep(engine_, sim::kPriorityDaemon, "vmwait");
}

void Domain::WakePageDaemon() {
  if (pageout_wanted_) return;
  pageout_wanted_ = true;
  pageout_wanted_channel_.WakeAll();
}

}  // namespace vmsim::vm
