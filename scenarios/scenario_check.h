// scenarios/scenario_check.h: whether a scenario makes sense, before anything is built from it.
//
// Whoever runs a scenario checks it first: what passes can be built and run without further
// questions, but for the files that it names. Each error is one line that says where, which field,
// what is wrong and what to do. Checking costs time in proportion to the message, whatever numbers
// are in it.
//
// Limits beyond those that scenario.proto states:
//   names          1 to 64 printable ASCII characters, none of []"=\; unique among their kind
//   processes      65536 in all, copies and children counted
//   labels         100,000 labelled calls, multiplied out in the same way
//   maps           2^32 pages in all at the same time; 2^40 in all over the run
//   steps run      10^9
//   references     limits.max_references
//   trace files    relative paths that stay below the scenario's folder, unless allowed otherwise
#ifndef VMSIM_SCENARIOS_SCENARIO_CHECK_H_
#define VMSIM_SCENARIOS_SCENARIO_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"
#include "scenarios/scenario_totals.h"

namespace vmsim::scenarios {

inline constexpr int64_t kMinMemoryPages = 1000;
inline constexpr int64_t kMaxMemoryPages = (int64_t{1} << 28) - 1;
inline constexpr int64_t kMaxProcesses = 65536;
inline constexpr int kMaxRepeatDepth = 16;

struct CheckOptions {
  // Let traces be anywhere: absolute paths, "..".
  bool allow_any_path = false;
  // Names that expectations may use; empty: any.
  std::vector<std::string> counters;
  // Memory of the host that the run may take, by a rough estimate; 0: any.
  int64_t max_host_bytes = 0;
};

// InvalidArgument unless the scenario makes sense.
absl::Status CheckScenario(const v1::Scenario& scenario,
                           const ScenarioPlace& place = ScenarioPlace(),
                           const CheckOptions& options = {});

// The checks of the totals alone, once the sizes of the traces are known.
absl::Status CheckTotals(const v1::Scenario& scenario, const ScenarioTotals& totals,
                         const ScenarioPlace& place = ScenarioPlace(),
                         const CheckOptions& options = {});

// A family of reclaim that `policy` can name.
struct PolicyInfo {
  std::string name;
  std::string help;  // One line.
};
const std::vector<PolicyInfo>& Policies();

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SCENARIO_CHECK_H_
