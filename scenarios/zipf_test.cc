#include "scenarios/zipf.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

TEST(FifthRootTest, PowersOfTwoAndTheirNeighbours) {
  EXPECT_EQ(FifthRoot(1), uint64_t{1} << 20);
  EXPECT_EQ(FifthRoot(32), uint64_t{1} << 21);
  EXPECT_EQ(FifthRoot(uint64_t{1} << 25), uint64_t{1} << 25);
  EXPECT_EQ(FifthRoot((uint64_t{1} << 25) - 1), (uint64_t{1} << 25) - 1);
  // 2^(1/5) = 1.148698354997035006798626...
  EXPECT_EQ(FifthRoot(2), 1'204'497u);
  EXPECT_EQ(FifthRoot(kMaxZipfRanks), 50'859'008u);  // 2^(25.6) = 50859008.46...
}

// The weights by the recipe, the rank by a search over all of them.
class NaiveZipf {
 public:
  NaiveZipf(uint64_t ranks, uint32_t s10) {
    uint64_t sum = 0;
    for (uint64_t k = 1; k <= ranks; ++k) {
      const uint64_t q = FifthRoot(k);
      if (s10 == 8) sum += (q << 20) / k;
      if (s10 == 10) sum += (uint64_t{1} << 40) / k;
      if (s10 == 12) {
        sum += static_cast<uint64_t>((static_cast<unsigned __int128>(1) << 60) /
                                     (static_cast<unsigned __int128>(k) * q));
      }
      cumulated_.push_back(sum);
    }
  }
  uint64_t total() const { return cumulated_.back(); }
  uint64_t Rank(uint64_t u) const {
    return static_cast<uint64_t>(std::upper_bound(cumulated_.begin(), cumulated_.end(), u) -
                                 cumulated_.begin());
  }
  const std::vector<uint64_t>& cumulated() const { return cumulated_; }

 private:
  std::vector<uint64_t> cumulated_;
};

TEST(ZipfTableTest, AgreesWithTheRecipe) {
  for (uint64_t ranks : {1u, 2u, 3u, 7u, 16u, 17u, 1000u, 65537u}) {
    for (uint32_t s10 : {8u, 10u, 12u}) {
      const ZipfTable table(ranks, s10);
      const NaiveZipf naive(ranks, s10);
      ASSERT_EQ(table.total(), naive.total()) << ranks << " ranks, s10 " << s10;
      for (uint64_t rank = 0; rank < ranks; ++rank) {
        const uint64_t end = naive.cumulated()[rank];
        ASSERT_EQ(table.Rank(end - 1), rank) << ranks << " ranks, s10 " << s10;
        if (rank + 1 < ranks) {
          ASSERT_EQ(table.Rank(end), rank + 1);
        }
      }
      sim::SplitMix64 random(ranks + s10);
      for (int i = 0; i < 10000; ++i) {
        const uint64_t u = random.Below(table.total());
        ASSERT_EQ(table.Rank(u), naive.Rank(u)) << "u = " << u;
      }
    }
  }
}

}  // namespace
}  // namespace vmsim::scenarios
