// scenarios/run_text.h: scenarios as text in tests, run, and what came.
#ifndef VMSIM_SCENARIOS_RUN_TEXT_H_
#define VMSIM_SCENARIOS_RUN_TEXT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scenarios/runner.h"
#include "scenarios/scenario_reader.h"

namespace vmsim::scenarios {

// The run's invariants are all looked at, often.
inline v1::Result RunText(const std::string& text, RunOptions options = {}) {
  options.check = vm::CheckLevel::kFull;
  options.check_interval_events = 8;
  const auto file = ParseScenario(text, "s", {});
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return {};
  auto result = RunScenario(file->scenario, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : v1::Result();
}

inline int64_t Counter(const v1::Result& result, const std::string& name) {
  for (const v1::CounterValue& counter : result.counters()) {
    if (counter.name() == name) return counter.value();
  }
  ADD_FAILURE() << "no counter " << name;
  return -1;
}

inline v1::ProcessResult ProcessOf(const v1::Result& result, const std::string& name) {
  for (const v1::ProcessResult& process : result.processes()) {
    if (process.name() == name) return process;
  }
  ADD_FAILURE() << "no process " << name;
  return {};
}

inline v1::CallResult CallOf(const v1::Result& result, const std::string& process,
                             const std::string& label) {
  for (const v1::CallResult& call : result.calls()) {
    if (call.process() == process && call.label() == label) return call;
  }
  ADD_FAILURE() << "no call " << label << " of " << process;
  return {};
}

// What does not hold: "process[p] steps[1].mlock errno == 0: 12 ENOMEM".
inline std::vector<std::string> Failed(const v1::Result& result) {
  std::vector<std::string> failed;
  for (const v1::ExpectationResult& outcome : result.expectations()) {
    if (outcome.passed()) continue;
    std::string text = absl::StrCat(outcome.text(), ": ", outcome.got());
    if (!outcome.got_name().empty()) absl::StrAppend(&text, " ", outcome.got_name());
    failed.push_back(text);
  }
  return failed;
}

using Texts = std::vector<std::string>;

// "incore 3 referenced 2 modified 1", those that are 0 left out; "-" if it never succeeded.
inline std::string MincoreOf(const v1::Result& result, const std::string& process,
                             const std::string& label) {
  const v1::CallResult call = CallOf(result, process, label);
  if (!call.has_mincore()) return "-";
  const v1::MincoreResult& pages = call.mincore();
  const std::pair<const char*, int64_t> sums[] = {{"referenced", pages.referenced()},
                                                  {"modified", pages.modified()},
                                                  {"referenced_other", pages.referenced_other()},
                                                  {"modified_other", pages.modified_other()},
                                                  {"super", pages.super()}};
  std::string text = absl::StrCat("incore ", pages.incore());
  for (const auto& [name, count] : sums) {
    if (count != 0) absl::StrAppend(&text, " ", name, " ", count);
  }
  return text;
}

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_RUN_TEXT_H_
