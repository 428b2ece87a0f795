#include "scenarios/distinct_pages.h"

#include <set>

#include "gtest/gtest.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

TEST(DistinctPagesTest, CountsEachPageOnce) {
  DistinctPages pages;
  EXPECT_EQ(pages.Count(), 0u);
  // 65536 apart: all of these share one slot of the filter.
  for (uint64_t page : {0u, 65536u, 0u, 131072u, 65536u, 5u, 0u}) pages.Add(page);
  EXPECT_EQ(pages.Count(), 4u);
  pages.Add(5);
  pages.Add(6);
  EXPECT_EQ(pages.Count(), 5u);
}

TEST(DistinctPagesTest, AgreesWithASet) {
  for (uint64_t range : {100u, 100'000u, 10'000'000u}) {
    for (uint64_t scale : {1u, 65536u}) {
      sim::SplitMix64 random(range);
      DistinctPages pages;
      std::set<uint64_t> want;
      for (int i = 0; i < 300'000; ++i) {
        const uint64_t page = random.Below(range) * scale;
        pages.Add(page);
        want.insert(page);
        ASSERT_LE(pages.AtLeast(), want.size());
      }
      EXPECT_EQ(pages.Count(), want.size()) << "range " << range << " scale " << scale;
    }
  }
}

}  // namespace
}  // namespace vmsim::scenarios
