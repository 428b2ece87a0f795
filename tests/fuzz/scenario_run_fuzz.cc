// Bytes as the text of a scenario that, if it makes sense and is small, is run; twice, and both
// runs must come to the same.
//
// Small is: 64 MiB of the host by the estimate of scenarios/scenario_totals.h, 64 processes,
// 100,000 references and steps. A run may still end at a limit of events or of simulated time.
// There are no traces: their folder is empty.
#include <string>

#include "scenarios/runner.h"
#include "scenarios/scenario_reader.h"
#include "scenarios/scenario_totals.h"
#include "sim/check.h"
#include "tests/fuzz/fuzz_target.h"

namespace vmsim::tests {
namespace {

constexpr int64_t kMaxHostBytes = int64_t{64} << 20;
constexpr int64_t kMaxProcesses = 64;
constexpr int64_t kMaxReferences = 100'000;
constexpr int64_t kMaxSteps = 100'000;
constexpr int64_t kMaxEvents = 20'000;

bool IsSmall(const v1::Scenario& scenario) {
  const scenarios::ScenarioTotals totals =
      scenarios::CountTotals(scenario, [](const std::string&) { return scenarios::TraceSize{}; });
  return totals.processes <= kMaxProcesses && totals.references <= kMaxReferences &&
         totals.step_runs <= kMaxSteps;
}

void RunTwice(const scenarios::ScenarioFile& file, const std::string& folder) {
  scenarios::RunOptions options;
  options.base_dir = folder;
  options.max_events = kMaxEvents;
  // Neither may a scenario break an invariant, nor may it matter whether they are checked.
  options.check = vm::CheckLevel::kFull;
  const auto first = scenarios::RunScenario(file.scenario, options, file.place);
  options.check = vm::CheckLevel::kOff;
  const auto second = scenarios::RunScenario(file.scenario, options, file.place);
  CHECK(first.status() == second.status(), first.status().ToString(), " and then ",
        second.status().ToString());
  if (!first.ok()) {
    CheckReadable(first.status());
    return;
  }
  CHECK(first->SerializeAsString() == second->SerializeAsString(), first->digest(), " and then ",
        second->digest());
}

}  // namespace
}  // namespace vmsim::tests

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vmsim;
  static const tests::ScratchFile scratch("none");
  scenarios::ReadOptions options;
  options.check.max_host_bytes = tests::kMaxHostBytes;
  const auto file = scenarios::ParseScenario(std::string(reinterpret_cast<const char*>(data), size),
                                             "fuzz.txtpb", options);
  if (!file.ok()) {
    tests::CheckReadable(file.status());
  } else if (tests::IsSmall(file->scenario)) {
    tests::RunTwice(*file, scratch.folder());
  }
  return 0;
}
