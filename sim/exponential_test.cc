#include "sim/exponential.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace vmsim::sim {
namespace {

TEST(ExponentialTest, QuantilesAreThoseOfTheDistribution) {
  const auto& quantiles = Exponential::Quantiles();
  EXPECT_EQ(quantiles[0], 0u);
  for (int i = 1; i < Exponential::kStrata; ++i) {
    const double got = std::ldexp(static_cast<double>(quantiles[static_cast<size_t>(i)]),
                                  -Exponential::kFractionBits);
    EXPECT_NEAR(got, -std::log1p(-i / 256.0), 1e-13) << i;
  }
  // ln 2, to the last bit: 0xB17217F7D1CF79AB... / 2^64.
  EXPECT_NEAR(static_cast<double>(quantiles[128]), static_cast<double>(0xB17217F7D1CF), 1);
}

struct MeanStory {
  const char* name;
  SimDuration mean;
};
class ExponentialMeanTest : public testing::TestWithParam<MeanStory> {};

// Of n draws the mean's standard error is mean / sqrt(n), 0.1 %; each tail has the share e^-k.
TEST_P(ExponentialMeanTest, MeanAndTails) {
  constexpr int kDraws = 1'000'000;
  const SimDuration mean = GetParam().mean;
  const Exponential exponential(mean);
  SplitMix64 random(7);
  double sum = 0, squares = 0;
  std::vector<int> beyond(8);
  for (int i = 0; i < kDraws; ++i) {
    const SimDuration draw = exponential.Draw(random);
    ASSERT_GE(draw, 0);
    const double x = static_cast<double>(draw) / static_cast<double>(mean);
    sum += x;
    squares += x * x;
    for (size_t k = 1; k < beyond.size(); ++k) beyond[k] += x > static_cast<double>(k);
  }
  EXPECT_NEAR(sum / kDraws, 1, 0.004);
  EXPECT_NEAR(squares / kDraws, 2, 0.02);
  for (size_t k = 1; k < beyond.size(); ++k) {
    const double share = std::exp(-static_cast<double>(k));
    EXPECT_NEAR(beyond[k], kDraws * share, 5 * std::sqrt(kDraws * share) + kDraws * share * 0.003)
        << k;
  }
}

INSTANTIATE_TEST_SUITE_P(, ExponentialMeanTest,
                         testing::Values(MeanStory{"Microsecond", 1000},
                                         MeanStory{"TenMilliseconds", 10'000'000},
                                         MeanStory{"HundredDays", 8'640'000'000'000'000}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ExponentialTest, NoWaitIsNoWait) {
  const Exponential exponential(0);
  SplitMix64 random(1);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(exponential.Draw(random), 0);
}

// The recipe, by hand: s = Below(256), then Below(q[s+1] - q[s]).
TEST(ExponentialTest, DrawsFollowTheRecipe) {
  const auto& q = Exponential::Quantiles();
  const Exponential exponential(SimDuration{1} << 40);
  SplitMix64 random(3), same(3);
  for (int i = 0; i < 1000; ++i) {
    const SimDuration draw = exponential.Draw(random);
    double x = 0;
    uint64_t s;
    while ((s = same.Below(256)) == 255) x += 8 * std::log(2);
    x += std::ldexp(static_cast<double>(q[s] + same.Below(q[s + 1] - q[s])),
                    -Exponential::kFractionBits);
    EXPECT_NEAR(static_cast<double>(draw), x / 1.000317 * std::ldexp(1, 40), 1e-6 * x * 1.1e12 + 1);
  }
}

TEST(ExponentialDeathTest, MeansThatDoNotFit) {
  EXPECT_DEATH(Exponential(-1), "mean -1");
  EXPECT_DEATH(Exponential((SimDuration{1} << 53) + 1), "mean");
}

}  // namespace
}  // namespace vmsim::sim
