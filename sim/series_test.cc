#include "sim/series.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace vmsim::sim {
namespace {

// A sampler with an interval of one second that obeys the stride, until `end` (seconds, inclusive).
// The one column holds ten times the second.
Series Sample(size_t max_rows, int64_t end) {
  Series series({"ten_times"}, max_rows);
  for (int64_t second = 0; second <= end; second += series.stride()) {
    series.Append(second * kSecond, std::array{second * 10});
  }
  return series;
}

std::string Show(const Series& series) {
  std::vector<int64_t> seconds;
  for (size_t row = 0; row < series.rows(); ++row) {
    seconds.push_back(series.times()[row] / kSecond);
    EXPECT_EQ(series.column(0)[row], seconds.back() * 10) << "row " << row;
  }
  return absl::StrCat(absl::StrJoin(seconds, " "), " stride ", series.stride());
}

struct Story {
  std::string_view name;
  size_t max_rows;
  int64_t end;
  std::string_view want;
};
constexpr Story kStories[] = {
    {"NoCap", 0, 9, "0 1 2 3 4 5 6 7 8 9 stride 1"},
    {"JustFull", 4, 3, "0 1 2 3 stride 1"},
    {"OneTooMany", 4, 4, "0 2 4 stride 2"},
    {"FullAgain", 4, 6, "0 2 4 6 stride 2"},
    {"OddSecondsAreNotSampled", 4, 7, "0 2 4 6 stride 2"},
    {"Twice", 4, 8, "0 4 8 stride 4"},
    {"Many", 4, 100, "0 32 64 96 stride 32"},
    {"OddCapIsRoundedUp", 3, 3, "0 1 2 3 stride 1"},
    {"SmallestCap", 1, 5, "0 4 stride 4"},
    {"EvenCapNotAPowerOfTwo", 6, 11, "0 2 4 6 8 10 stride 2"},
};
class SeriesThinningTest : public testing::TestWithParam<Story> {};

TEST_P(SeriesThinningTest, Story) {
  EXPECT_EQ(Show(Sample(GetParam().max_rows, GetParam().end)), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(, SeriesThinningTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(SeriesTest, StaysAnEvenGridFromTheStart) {
  for (size_t cap = 1; cap <= 20; ++cap) {
    for (int64_t end = 0; end <= 300; ++end) {
      const Series series = Sample(cap, end);
      ASSERT_LE(series.rows(), series.max_rows());
      for (size_t row = 0; row < series.rows(); ++row) {
        ASSERT_EQ(series.times()[row], static_cast<int64_t>(row) * series.stride() * kSecond)
            << "cap " << cap << " end " << end;
      }
      // The next sample would be past the end: nothing is missing.
      ASSERT_GT(series.times().back() / kSecond + series.stride(), end);
    }
  }
}

TEST(SeriesTest, KeepsColumnsApart) {
  Series series({"v_free_count", "v_vm_faults", "debt"});
  series.Append(5, std::array<int64_t, 3>{1, 2, -3});
  series.Append(5, std::array<int64_t, 3>{4, std::numeric_limits<int64_t>::max(), -6});
  EXPECT_EQ(series.times(), (std::vector<int64_t>{5, 5}));
  EXPECT_EQ(series.column(0), (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(series.column(1), (std::vector<int64_t>{2, std::numeric_limits<int64_t>::max()}));
  EXPECT_EQ(series.column(2), (std::vector<int64_t>{-3, -6}));
  EXPECT_EQ(series.FindColumn("debt"), 2u);
  EXPECT_EQ(series.FindColumn("v_free"), std::nullopt);
  EXPECT_EQ(series.max_rows(), 0u);
}

TEST(SeriesDeathTest, RefusesMisuse) {
  EXPECT_DEATH(Series({"a", "b", "a"}), "column twice: a");
  EXPECT_DEATH(Series({"a", ""}), "column 1");
  Series series({"a"});
  EXPECT_DEATH(series.Append(0, std::array<int64_t, 2>{1, 2}), "2 vs 1");
  series.Append(7, std::array<int64_t, 1>{1});
  EXPECT_DEATH(series.Append(6, std::array<int64_t, 1>{1}), "6 vs 7");
}

}  // namespace
}  // namespace vmsim::sim
