#include "sim/check.h"

#include <gtest/gtest.h>

namespace vmsim::sim {
namespace {

TEST(CheckDeathTest, PrintsTheValuesThatDisagree) {
  EXPECT_DEATH(CHECK_EQ(1 + 1, 3, "frame=", 7), "check_test.cc:.*1 \\+ 1 == 3: 2 vs 3 frame=7");
  EXPECT_DEATH(CHECK(false, "queue=", 2), "false: queue=2");
}

TEST(CheckDeathTest, CallsTheHandler) {
  EXPECT_EXIT(
      {
        SetCheckFailureHandler([](std::string_view) { std::_Exit(70); });
        CHECK_LT(5, 4);
      },
      testing::ExitedWithCode(70), "5 < 4: 5 vs 4");
}

TEST(CheckTest, EvaluatesOnceAndPasses) {
  int calls = 0;
  CHECK_EQ(++calls, 1);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace vmsim::sim
