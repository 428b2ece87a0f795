// Each deliberate defect of vm/planted_bugs.h must change what the quickstart does: a digest that
// does not move when the page daemon is wrong would prove nothing.
#include <gtest/gtest.h>

#include <string>

#include "scenarios/runner.h"
#include "scenarios/scenario_reader.h"
#include "vm/planted_bugs.h"

namespace vmsim::tests {
namespace {

constexpr char kScenario[] = "scenarios/quickstart.txtpb";

std::string DigestWith(const vm::PlantedBugs& bugs) {
  const auto file = scenarios::ReadScenario(kScenario);
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return {};
  scenarios::RunOptions options;
  options.base_dir = "scenarios";
  options.planted_bugs = bugs;
  const auto result = scenarios::RunScenario(file->scenario, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? result->digest() : std::string();
}

TEST(PlantedBugsDigestTest, EachMovesTheDigestOfTheQuickstart) {
  const std::string right = DigestWith({});
  ASSERT_FALSE(right.empty());
  EXPECT_EQ(DigestWith({}), right);
  EXPECT_NE(DigestWith({.fifo_batches = true}), right);
  EXPECT_NE(DigestWith({.wrong_batch_size = true}), right);
  EXPECT_NE(DigestWith({.no_act_decline = true}), right);
  EXPECT_NE(DigestWith({.uncounted_reinsert = true}), right);
}

}  // namespace
}  // namespace vmsim::tests
