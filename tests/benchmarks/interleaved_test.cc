#include "tests/benchmarks/interleaved.h"

#include <string>

#include "gtest/gtest.h"

namespace vmsim::benchmarks {
namespace {

TEST(InterleavedTest, Median) {
  EXPECT_EQ(Median({5}), 5);
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({4, 1, 3, 2}), 3);
}

TEST(InterleavedTest, TakesTurnsAndQuotesTheMedianRound) {
  std::string turns;
  // The first round is warm-up. Then the host slows down; the ratios stay at 2 but for one round.
  const double floors[] = {99, 1, 1, 10, 10, 10};
  const double subjects[] = {1, 2, 2, 20, 70, 20};
  size_t f = 0, s = 0;
  const Comparison c = Interleave(
      [&] {
        turns += 'f';
        return floors[f++];
      },
      [&] {
        turns += 's';
        return subjects[s++];
      },
      /*rounds=*/5);
  EXPECT_EQ(turns, "fsfsfsfsfsfs");
  EXPECT_EQ(c.floor_ns, 10);
  EXPECT_EQ(c.subject_ns, 20);
  EXPECT_EQ(c.ratio, 2);
}

}  // namespace
}  // namespace vmsim::benchmarks
