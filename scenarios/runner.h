// scenarios/runner.h: from a scenario to its result.
//
// The whole of a run: check, load traces, build the machine, run it to the end or to a limit,
// gather what came. A run is a pure function of scenario, traces and seed; only Progress and
// max_wall_ms look at the host's clock, and they decide nothing but whether to go on.
#ifndef VMSIM_SCENARIOS_RUNNER_H_
#define VMSIM_SCENARIOS_RUNNER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scenarios/machine.h"
#include "scenarios/result.pb.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"
#include "vm/invariants.h"
#include "vm/planted_bugs.h"

namespace vmsim::scenarios {

struct Progress {
  int64_t sim_time_ns = 0;
  int64_t events = 0;
  int64_t references = 0;
  int64_t references_total = 0;  // Of all steps, if nothing is killed.
};

struct RunOptions {
  std::optional<uint64_t> seed;  // In place of the scenario's.
  int64_t max_events = 0;        // In place of limits.max_events; 0: that.
  int64_t max_wall_ms = 0;       // Of the host; 0: no limit.
  std::string base_dir;          // Where relative trace paths begin; "": the current directory.
  bool allow_any_path = false;   // Traces may lie outside base_dir.
  std::string variant;           // Of a comparison, the only one to run; "": all.
  // Called about ten times a second of host time. Returning false stops the run: kCancelled.
  std::function<bool(const Progress&)> progress;
  // Which invariants to check while it runs, and at kFull after how many events each time; 0: the
  // default of scenarios/invariant_watch.h.
  vm::CheckLevel check = vm::CheckLevel::kCheap;
  int64_t check_interval_events = 0;
  vm::PlantedBugs planted_bugs;  // For tests of the tests.
};

// Runs `scenario`; all variants of its comparison, one after the other. Errors:
//   InvalidArgument    the scenario or a trace makes no sense,
//                      there is no such variant                    (exit status 65)
//   NotFound           a trace is missing                          (66)
//   ResourceExhausted  a limit of the run was reached              (75)
//   Cancelled          progress said stop                          (130)
//   Internal           an invariant is broken: a bug in vmsim      (70)
// A result whose expectations do not all hold is still a result.
absl::StatusOr<v1::Result> RunScenario(const v1::Scenario& scenario, const RunOptions& options,
                                       const ScenarioPlace& place = ScenarioPlace());

// Builds the machine of a scenario without running it, for whoever steps it by hand. A comparison is
// passed over.
absl::StatusOr<std::unique_ptr<Machine>> BuildMachine(const v1::Scenario& scenario,
                                                      const RunOptions& options,
                                                      const ScenarioPlace& place = ScenarioPlace());

struct CounterDescription {
  std::string name;
  std::string unit;
  sim::CounterKind kind;
  std::string help;
};

// Every counter that each result of a scenario with file systems and a mail relay has, by name;
// without them theirs are missing. Those of disks and connections are not among them.
const std::vector<CounterDescription>& ListCounters();

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_RUNNER_H_
