#include "sim/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/random.h"

namespace vmsim::sim {
namespace {

constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();

Histogram Of(const std::vector<int64_t>& values) {
  Histogram histogram;
  for (const int64_t value : values) histogram.Record(value);
  return histogram;
}

std::string Show(const Histogram& h) {
  std::string text = absl::StrCat("n=", h.count(), " min=", h.min(), " max=", h.max(),
                                  " sum=", h.sum(), " mean=", h.Mean());
  for (const Histogram::Bucket& b : h.Buckets()) {
    absl::StrAppend(&text, " [", b.first, "-", b.last, "]x", b.count);
  }
  return text;
}

struct Story {
  std::string_view name;
  std::vector<int64_t> values;
  std::string_view want;
};

class HistogramStory : public testing::TestWithParam<Story> {};

TEST_P(HistogramStory, Story) { EXPECT_EQ(Show(Of(GetParam().values)), GetParam().want); }

INSTANTIATE_TEST_SUITE_P(
    , HistogramStory,
    testing::Values(
        Story{"Empty", {}, "n=0 min=0 max=0 sum=0 mean=0"},
        Story{"Zero", {0, 0}, "n=2 min=0 max=0 sum=0 mean=0 [0-0]x2"},
        Story{"SmallValuesAreExact",
              {1, 127, 128, 255},
              "n=4 min=1 max=255 sum=511 mean=127 [1-1]x1 [127-127]x1 [128-128]x1 [255-255]x1"},
        Story{"From256InPairs",
              {256, 257, 258, 511},
              "n=4 min=256 max=511 sum=1282 mean=320 [256-257]x2 [258-259]x1 [510-511]x1"},
        Story{"From512InFours",
              {512, 515, 516},
              "n=3 min=512 max=516 sum=1543 mean=514 [512-515]x2 [516-519]x1"},
        Story{"AMillisecond",
              {1'000'000},
              "n=1 min=1000000 max=1000000 sum=1000000 mean=1000000 [999424-1003519]x1"},
        Story{"LargestValueSaturatesTheSumOnly",
              {kInt64Max, kInt64Max},
              "n=2 min=9223372036854775807 max=9223372036854775807 sum=9223372036854775807 "
              "mean=9223372036854775807 [9187343239835811840-9223372036854775807]x2"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(HistogramTest, PercentileIsTheRankRoundedUp) {
  // 10 values below 256, so the answer is exact and can be counted off on the fingers.
  const Histogram histogram = Of({10, 20, 30, 40, 50, 60, 70, 80, 90, 100});
  struct Row {
    int64_t numerator, denominator, want;
  };
  for (const Row& row : {Row{0, 1, 10},
                         {1, 100, 10},
                         {10, 100, 10},
                         {11, 100, 20},
                         {1, 2, 50},
                         {51, 100, 60},
                         {90, 100, 90},
                         {99, 100, 100},
                         {999, 1000, 100},
                         {1, 1, 100},
                         {kInt64Max - 1, kInt64Max, 100},
                         {1, kInt64Max, 10}}) {
    EXPECT_EQ(histogram.Percentile(row.numerator, row.denominator), row.want)
        << row.numerator << "/" << row.denominator;
  }
}

TEST(HistogramTest, PercentileIsTheEndOfItsBucketButNeverAboveMax) {
  const Histogram histogram = Of({1000, 1'000'000, 2'000'001});
  EXPECT_EQ(histogram.Percentile(1, 3), 1003);
  EXPECT_EQ(histogram.Percentile(1, 2), 1'003'519);
  EXPECT_EQ(histogram.Percentile(1, 1), 2'000'001);
  EXPECT_EQ(Histogram().Percentile(99, 100), 0);
}

// Values of every magnitude: as many of 3 bits as of 60.
std::vector<int64_t> RandomValues(uint64_t seed, size_t n) {
  SplitMix64 random(seed);
  std::vector<int64_t> values;
  while (values.size() < n) {
    values.push_back(static_cast<int64_t>(random.Next() >> (1 + random.Below(63))));
  }
  return values;
}

TEST(HistogramTest, AgreesWithASortedVector) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    std::vector<int64_t> values = RandomValues(seed, 1 + seed * 67);
    const Histogram histogram = Of(values);
    std::sort(values.begin(), values.end());
    ASSERT_EQ(histogram.min(), values.front()) << "seed " << seed;
    ASSERT_EQ(histogram.max(), values.back()) << "seed " << seed;
    for (int64_t per_mille = 0; per_mille <= 1000; ++per_mille) {
      const size_t n = values.size();
      const size_t rank = std::max<size_t>(1, (n * static_cast<size_t>(per_mille) + 999) / 1000);
      const int64_t exact = values[rank - 1];
      const int64_t got = histogram.Percentile(per_mille, 1000);
      ASSERT_GE(got, exact) << "seed " << seed << " at " << per_mille;
      ASSERT_LE(got - exact, exact / 128) << "seed " << seed << " at " << per_mille;
      ASSERT_LE(got, histogram.max()) << "seed " << seed << " at " << per_mille;
    }
  }
}

TEST(HistogramTest, BucketsTileAllValues) {
  // Both ends of every power of two: the value lies in its bucket, and its neighbour's follows.
  for (int bits = 0; bits < 63; ++bits) {
    for (const int64_t value : {(int64_t{1} << bits) - 1, int64_t{1} << bits}) {
      const auto buckets = Of({value, value + 1}).Buckets();
      ASSERT_LE(buckets.front().first, value);
      ASSERT_GE(buckets.front().last, value);
      ASSERT_GE(buckets.back().last, value + 1);
      if (buckets.size() == 2) {
        ASSERT_EQ(buckets[0].last + 1, buckets[1].first) << value;
      }
      const int64_t width = buckets[0].last - buckets[0].first;
      ASSERT_LE(width, buckets[0].first / 128) << value;
    }
  }
}

TEST(HistogramTest, MergeEqualsRecordingTogether) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const std::vector<int64_t> left = RandomValues(seed, seed * 13);
    const std::vector<int64_t> right = RandomValues(seed + 1000, seed % 3 * 50);
    std::vector<int64_t> both = left;
    both.insert(both.end(), right.begin(), right.end());

    Histogram merged = Of(left);
    merged.Merge(Of(right));
    ASSERT_EQ(Show(merged), Show(Of(both))) << "seed " << seed;
  }
}

TEST(HistogramTest, MergingOrResettingEmptiesLeavesNoTrace) {
  Histogram histogram;
  histogram.Merge(Histogram());
  EXPECT_EQ(Show(histogram), Show(Histogram()));
  histogram.Merge(Of({7, 9}));
  histogram.Merge(Histogram());
  EXPECT_EQ(Show(histogram), Show(Of({7, 9})));
  histogram.Reset();
  EXPECT_EQ(Show(histogram), Show(Histogram()));
  histogram.Record(5);
  EXPECT_EQ(Show(histogram), Show(Of({5})));
}

TEST(HistogramDeathTest, RefusesMisuse) {
  Histogram histogram;
  EXPECT_DEATH(histogram.Record(-1), "-1 vs 0");
  EXPECT_DEATH(histogram.Percentile(2, 1), "2/1");
  EXPECT_DEATH(histogram.Percentile(0, 0), "0/0");
  EXPECT_DEATH(histogram.Percentile(-1, 2), "-1/2");
}

}  // namespace
}  // namespace vmsim::sim
