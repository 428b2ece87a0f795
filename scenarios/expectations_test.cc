#include "scenarios/expectations.h"

#include <string>

#include "gtest/gtest.h"
#include "scenarios/text_parse.h"

namespace vmsim::scenarios {
namespace {

v1::Result SomeResult() {
  v1::Result result;
  EXPECT_TRUE(ParseText(R"(counters { name: "v_swapin" value: 12 }
                           histograms { name: "fault_hard_ns" count: 3 min: 10 max: 90 mean: 40
                                        p50: 20 p90: 80 p99: 85 p999: 90 }
                           processes { name: "cc1" majflt: 7 minflt: 8 references: 9 oom_killed: true
                                       signal: 9 exit_status: 0 cpu_time_ns: 5 stall_ns: 6
                                       start_ns: 1 end_ns: -1 })",
                        "result", &result, nullptr)
                  .ok());
  return result;
}

struct Story {
  const char* name;
  const char* expectation;
  const char* text;
  const char* outcome;  // "passed 12", "failed 12", "failed" without a figure.
};

constexpr Story kStories[] = {
    {"Eq", "counter: 'v_swapin' eq: 12", "v_swapin == 12", "passed 12"},
    {"EqOff", "counter: 'v_swapin' eq: 11", "v_swapin == 11", "failed 12"},
    {"Ne", "counter: 'v_swapin' ne: 12", "v_swapin != 12", "failed 12"},
    {"LtAtBound", "counter: 'v_swapin' lt: 12", "v_swapin < 12", "failed 12"},
    {"LeAtBound", "counter: 'v_swapin' le: 12", "v_swapin <= 12", "passed 12"},
    {"GtAtBound", "counter: 'v_swapin' gt: 12", "v_swapin > 12", "failed 12"},
    {"GeAtBound", "counter: 'v_swapin' ge: 12", "v_swapin >= 12", "passed 12"},
    {"BetweenHoldsItsEnds", "counter: 'v_swapin' between { min: 12 max: 12 }", "v_swapin in 12..12",
     "passed 12"},
    {"BetweenBelow", "counter: 'v_swapin' between { min: 13 max: 20 }", "v_swapin in 13..20",
     "failed 12"},
    {"NoSuchCounter", "counter: 'v_swapon' ge: 0", "v_swapon >= 0", "failed"},
    {"Percentile", "histogram { name: 'fault_hard_ns' statistic: P99 } le: 84",
     "fault_hard_ns p99 <= 84", "failed 85"},
    {"Mean", "histogram { name: 'fault_hard_ns' statistic: MEAN } eq: 40",
     "fault_hard_ns mean == 40", "passed 40"},
    {"NoSuchHistogram", "histogram { name: 'x' statistic: P50 } le: 1", "x p50 <= 1", "failed"},
    {"Process", "process { name: 'cc1' field: MAJFLT } eq: 7", "process[cc1] majflt == 7",
     "passed 7"},
    {"OomKilled", "process { name: 'cc1' field: OOM_KILLED } eq: 1", "process[cc1] oom_killed == 1",
     "passed 1"},
    {"Negative", "process { name: 'cc1' field: END_NS } eq: -1", "process[cc1] end_ns == -1",
     "passed -1"},
};

class ExpectationTest : public testing::TestWithParam<Story> {};

TEST_P(ExpectationTest, Outcome) {
  v1::Scenario scenario;
  ASSERT_TRUE(ParseText(std::string("expectations { ") + GetParam().expectation + " }", "scenario",
                        &scenario, nullptr)
                  .ok());
  v1::Result result = SomeResult();
  EvaluateExpectations(scenario, &result);
  ASSERT_EQ(result.expectations_size(), 1);
  const v1::ExpectationResult& outcome = result.expectations(0);
  EXPECT_EQ(outcome.text(), GetParam().text);
  const std::string verdict = outcome.passed() ? "passed" : "failed";
  EXPECT_EQ(outcome.has_got() ? verdict + " " + std::to_string(outcome.got()) : verdict,
            GetParam().outcome);
  EXPECT_EQ(AllExpectationsPassed(result), outcome.passed());
}

INSTANTIATE_TEST_SUITE_P(, ExpectationTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ExpectationsTest, EvaluatingAgainReplacesWhatWasThere) {
  v1::Scenario scenario;
  ASSERT_TRUE(
      ParseText("expectations { counter: 'v_swapin' eq: 12 }", "s", &scenario, nullptr).ok());
  v1::Result result = SomeResult();
  EvaluateExpectations(scenario, &result);
  EvaluateExpectations(scenario, &result);
  EXPECT_EQ(result.expectations_size(), 1);
}

}  // namespace
}  // namespace vmsim::scenarios
