#include "vm/thresholds.h"

#include <algorithm>

#include "sim/check.h"
#include "vm/page.h"

namespace vmsim::vm {
namespace {

constexpr int kMaxBsize = 65536;    // MAXBSIZE: the largest file-system block, bytes.
constexpr int kSmallMemory = 2000;  // Pages; below, writes are clustered less.
constexpr int kClusterPages = 32;
constexpr int kSmallMemoryClusterPages = 8;

int HowMany(int n, int each) { return (n + each - 1) / each; }

// One domain, so it gets all the threads: one for every cpus_per_thread CPUs, but at most one for
// every two.
int InactiveThreads(int ncpus, int cpus_per_thread) {
  return HowMany(ncpus, std::clamp(cpus_per_thread, 2, std::max(ncpus, 2)));
}

}  // namespace

PageoutThresholds ComputePageoutThresholds(const PageoutConfig& config) {
  CHECK(config.page_count >= 0 && config.free_count >= 0, config.page_count, ", ",
        config.free_count);
  CHECK(config.ncpus >= 1 && config.hz >= 1, config.ncpus, " CPUs, hz ", config.hz);
  const int share = config.page_count / 200;

  PageoutThresholds t;
  t.pageout_page_count =
      config.page_count < kSmallMemory ? kSmallMemoryClusterPages : kClusterPages;
  t.interrupt_free_min = 2;
  t.pageout_free_min = 2 * kMaxBsize / static_cast<int>(kPageSize) + t.interrupt_free_min;
  t.free_reserved = t.pageout_page_count + t.pageout_free_min + config.page_count / 768;
  t.free_severe = share / 2 + t.free_reserved;
  t.free_min = share + t.free_reserved;
  t.free_target = 4 * share + t.free_reserved;
  t.inactive_target = std::min(3 * t.free_target / 2, config.free_count / 3);
  t.wakeup_thresh = t.free_target / 10 * 9;
  t.background_launder_target = (t.free_target - t.free_min) / 10;
  t.inactive_threads = InactiveThreads(config.ncpus, config.cpus_per_thread);
  t.update_period = kPageoutUpdatePeriod;
  t.max_user_wired = 4 * int64_t{config.free_count} / 5;
  t.pid = {.interval = config.hz / kInactScanRate,
           .setpoint = t.free_target,
           .bound = 4,
           .kpd = 3,
           .kid = 4,
           .kdd = 8};
  return t;
}

int ActiveScanTarget(const PageoutThresholds& t, int free, int inactive_length, int laundry_length,
                     int weight) {
  CHECK_GE(weight, 1);
  const int64_t inactive = int64_t{inactive_length} + laundry_length / weight;
  const int64_t shortage = int64_t{t.inactive_target} + PagingTarget(t, free) - inactive;
  return static_cast<int>(shortage * weight);
}

uint32_t Isqrt(uint32_t n) {
  // One binary digit of the root at a time, from the top.
  uint32_t root = 0;
  for (uint32_t bit = uint32_t{1} << 15; bit != 0; bit >>= 1) {
    const uint64_t tried = root | bit;
    if (tried * tried <= n) root |= bit;
  }
  return root;
}

}  // namespace vmsim::vm
