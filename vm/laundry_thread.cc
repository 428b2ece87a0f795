#include "vm/laundry_thread.h"

#include <utility>

#include "sim/check.h"
#include "vm/page.h"

namespace vmsim::vm {

LaundryThread::LaundryThread(const PageoutThresholds& thresholds, const Tunables& tunables,
                             LaundryMailbox& mailbox)
    : t_(thresholds), tunables_(tunables), mailbox_(mailbox) {
  CHECK_GT(thresholds.free_target, thresholds.free_min, "memory is too small to launder");
}

int LaundryThread::Plan(const LaundryLevels& levels) {
  if (shortfall_ > 0) {
    in_shortfall_ = true;
    shortfall_cycle_ = kLaunderRate / kInactScanRate;
    target_ = shortfall_;
  } else if (!in_shortfall_) {
    return PlanBackground(levels);
  } else if (shortfall_cycle_ == 0 || LaundryTarget(t_, levels.free_count) <= 0) {
    // The run is over, or pages came from elsewhere.
    in_shortfall_ = false;
    target_ = 0;
    return PlanBackground(levels);
  }
  return target_ / shortfall_cycle_--;
}

int LaundryThread::PlanBackground(const LaundryLevels& levels) {
  const auto clean = static_cast<uint32_t>(levels.free_count + levels.inactive);
  const auto dirty = static_cast<uint32_t>(levels.laundry);
  const auto gap = static_cast<uint32_t>(t_.free_target - t_.free_min);
  const uint32_t scans = (nfreed_ + gap) / gap;  // howmany(nfreed + 1, gap)
  if (target_ == 0 && dirty * Isqrt(scans) >= clean) target_ = t_.background_launder_target;
  if (target_ == 0) return 0;
  constexpr uint32_t kUnit = static_cast<uint32_t>(kPageSize);
  if (nfreed_ > 0) {
    nfreed_ = 0;
    last_target_ = target_;
  } else if (static_cast<uint32_t>(last_target_ - target_) >=
             tunables_.background_launder_max_kb * kUnit / 1024) {
    // So much was laundered without a page freed: nobody needs it. A target above the last one
    // wraps to a large difference and stops the run, too.
    target_ = 0;
  }
  const uint32_t rate = tunables_.background_launder_rate_kb * kUnit / 1024;
  return std::min(static_cast<int>(rate) / kLaunderRate, target_);
}

// Clusters can have put out more than was asked for.
void LaundryThread::NoteLaundered(int pages) { target_ -= std::min(pages, target_); }

void LaundryThread::TakeRequest(const LaundryLevels& levels) {
  shortfall_ = 0;
  if (mailbox_.request == LaundryRequest::kShortfall && (!in_shortfall_ || shortfall_cycle_ == 0)) {
    shortfall_ = static_cast<int>(static_cast<uint32_t>(LaundryTarget(t_, levels.free_count)) +
                                  levels.deficit);
    target_ = 0;
  }
  if (target_ == 0) mailbox_.request = LaundryRequest::kIdle;
  nfreed_ += std::exchange(mailbox_.clean_pages_freed, 0);
}

}  // namespace vmsim::vm
