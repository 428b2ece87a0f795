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
                                       start_ns: 1 end_ns: -1 }
                           calls { process: "cc1" label: "lock" call: "mlock" times: 5 failures: 2
                                   last_errno: "ENOMEM" total_ns: 900 }
                           calls { process: "cc1" label: "in" call: "mincore" times: 1 last_errno: "0"
                                   mincore { incore: 11 referenced: 12 modified: 13
                                             referenced_other: 14 modified_other: 15 super: 16 } }
                           calls { process: "cc1" label: "never" call: "wait" })",
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
    {"CallTimes", "call { process: 'cc1' label: 'lock' field: TIMES } eq: 5",
     "call[cc1 lock] times == 5", "passed 5"},
    {"CallFailures", "call { process: 'cc1' label: 'lock' field: FAILURES } lt: 2",
     "call[cc1 lock] failures < 2", "failed 2"},
    {"CallErrno", "call { process: 'cc1' label: 'lock' field: LAST_ERRNO } eq: 12",
     "call[cc1 lock] last_errno == 12", "passed 12"},
    {"CallSuccess", "call { process: 'cc1' label: 'in' field: LAST_ERRNO } eq: 0",
     "call[cc1 in] last_errno == 0", "passed 0"},
    {"CallTime", "call { process: 'cc1' label: 'lock' field: TOTAL_NS } le: 900",
     "call[cc1 lock] total_ns <= 900", "passed 900"},
    {"Incore", "call { process: 'cc1' label: 'in' field: INCORE } eq: 11",
     "call[cc1 in] incore == 11", "passed 11"},
    {"Referenced", "call { process: 'cc1' label: 'in' field: REFERENCED } eq: 12",
     "call[cc1 in] referenced == 12", "passed 12"},
    {"Modified", "call { process: 'cc1' label: 'in' field: MODIFIED } eq: 13",
     "call[cc1 in] modified == 13", "passed 13"},
    {"ReferencedOther", "call { process: 'cc1' label: 'in' field: REFERENCED_OTHER } eq: 14",
     "call[cc1 in] referenced_other == 14", "passed 14"},
    {"ModifiedOther", "call { process: 'cc1' label: 'in' field: MODIFIED_OTHER } eq: 15",
     "call[cc1 in] modified_other == 15", "passed 15"},
    {"Super", "call { process: 'cc1' label: 'in' field: SUPER } eq: 16", "call[cc1 in] super == 16",
     "passed 16"},
    {"CallNeverMade", "call { process: 'cc1' label: 'never' field: LAST_ERRNO } eq: 0",
     "call[cc1 never] last_errno == 0", "failed"},
    {"NoAnswer", "call { process: 'cc1' label: 'lock' field: INCORE } eq: 0",
     "call[cc1 lock] incore == 0", "failed"},
    {"NoSuchCall", "call { process: 'cc2' label: 'lock' field: TIMES } eq: 0",
     "call[cc2 lock] times == 0", "failed"},
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
