#include "vm/thresholds.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace vmsim::vm {
namespace {

PageoutThresholds AllFree(int pages) {
  return ComputePageoutThresholds({.page_count = pages, .free_count = pages});
}

TEST(ThresholdsTest, LadderBySizeOfMemory) {
  struct Row {
    int pages, reserved, severe, min, target, wakeup, inactive, launder;
  };
  constexpr Row kRows[] = {
      {1024, 43, 45, 48, 63, 54, 94, 1},
      {4096, 71, 81, 91, 151, 135, 226, 6},
      {16384, 87, 127, 168, 411, 369, 616, 24},
      {65536, 151, 314, 478, 1459, 1305, 2188, 98},
      {262144, 407, 1062, 1717, 5647, 5076, 8470, 393},
      {1048576, 1431, 4052, 6673, 22399, 20151, 33598, 1572},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.pages);
    const PageoutThresholds t = AllFree(row.pages);
    EXPECT_EQ(t.free_reserved, row.reserved);
    EXPECT_EQ(t.free_severe, row.severe);
    EXPECT_EQ(t.free_min, row.min);
    EXPECT_EQ(t.free_target, row.target);
    EXPECT_EQ(t.wakeup_thresh, row.wakeup);
    EXPECT_EQ(t.inactive_target, row.inactive);
    EXPECT_EQ(t.background_launder_target, row.launder);
    EXPECT_EQ(t.pid.setpoint, row.target);
    EXPECT_EQ(t.pid.interval, 100);
  }
}

TEST(ThresholdsTest, SmallMemoryWritesSmallerClusters) {
  EXPECT_EQ(AllFree(1999).pageout_page_count, 8);
  EXPECT_EQ(AllFree(2000).pageout_page_count, 32);
}

TEST(ThresholdsTest, InactiveTargetIsAtMostAThirdOfTheFreePages) {
  EXPECT_EQ(ComputePageoutThresholds({.page_count = 4096, .free_count = 300}).inactive_target, 100);
}

TEST(ThresholdsTest, UsersMayWireFourFifths) {
  EXPECT_EQ(AllFree(1000).max_user_wired, 800);
  EXPECT_EQ(AllFree(1 << 30).max_user_wired, 858993459);  // Four times the count exceeds an int.
}

TEST(ThresholdsTest, ThreadsShareTheScanFromSeventeenCpusOn) {
  struct Row {
    int ncpus, cpus_per_thread, threads;
  };
  for (const Row& row :
       {Row{1, 16, 1}, Row{16, 16, 1}, Row{17, 16, 2}, Row{128, 16, 8}, Row{128, 64, 2},
        Row{32, 1, 16}, Row{3, 1, 2}, Row{2, 64, 1}, Row{1, 1, 1}, Row{8, 0, 4}, Row{8, -5, 4}}) {
    EXPECT_EQ(ComputePageoutThresholds({.page_count = 4096,
                                        .free_count = 4096,
                                        .ncpus = row.ncpus,
                                        .cpus_per_thread = row.cpus_per_thread})
                  .inactive_threads,
              row.threads)
        << row.ncpus << " CPUs, " << row.cpus_per_thread << " a thread";
  }
}

TEST(ThresholdsTest, EachRungIsExclusive) {
  const PageoutThresholds t = AllFree(4096);  // severe 81, min 91, wakeup 135, target 151
  EXPECT_TRUE(PagingSevere(t, 80));
  EXPECT_FALSE(PagingSevere(t, 81));
  EXPECT_TRUE(PagingMin(t, 90));
  EXPECT_FALSE(PagingMin(t, 91));
  EXPECT_TRUE(PagingNeeded(t, 134));
  EXPECT_FALSE(PagingNeeded(t, 135));
  EXPECT_EQ(PagingTarget(t, 151), 0);
  EXPECT_EQ(LaundryTarget(t, 200), -49);
}

TEST(ThresholdsTest, ActiveTargetCountsLaundryForAThird) {
  const PageoutThresholds t = AllFree(4096);  // inactive target 226
  EXPECT_EQ(ActiveScanTarget(t, 151, 226, 0), 0);
  EXPECT_EQ(ActiveScanTarget(t, 141, 200, 61), 3 * (226 + 10 - (200 + 20)));
  EXPECT_EQ(ActiveScanTarget(t, 4096, 0, 0), 3 * (226 - 3945));
  EXPECT_EQ(ActiveScanTarget(t, 151, 0, 100, 1), 126);
}

TEST(ThresholdsTest, IsqrtIsTheFloorOfTheRoot) {
  for (uint32_t root : {0u, 1u, 2u, 3u, 9u, 255u, 46340u, 65534u, 65535u}) {
    EXPECT_EQ(Isqrt(root * root), root);
    EXPECT_EQ(Isqrt(root * root + root), root);
  }
  EXPECT_EQ(Isqrt(99), 9u);
  EXPECT_EQ(Isqrt(46340u * 46340 - 1), 46339u);
  EXPECT_EQ(Isqrt(UINT32_MAX), 65535u);
}

}  // namespace
}  // namespace vmsim::vm
