// scenarios/step_check.h: the part of scenario_check.h that is about the steps of one process.
//
// Steps are followed in the order in which they run, with the maps that exist. A repeat's steps are
// looked at once, so they must leave the maps as they found them; those of a fork begin with the
// parent's maps, and change nothing for the parent.
#ifndef VMSIM_SCENARIOS_STEP_CHECK_H_
#define VMSIM_SCENARIOS_STEP_CHECK_H_

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "scenarios/file_call_check.h"
#include "scenarios/known_names.h"
#include "scenarios/map_names.h"
#include "scenarios/mpool_call_check.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_check.h"
#include "scenarios/scenario_place.h"
#include "scenarios/scenario_totals.h"
#include "scenarios/steps.h"

namespace vmsim::scenarios {

// What is the same for all processes.
struct StepRules {
  const v1::Scenario& scenario;
  const ScenarioPlace& place;
  const CheckOptions& options;
  MappableSizes sizes;
  std::set<std::string> segment_names;
  FileNames files;
  MpoolNames pools;
  KnownNames& names;  // Of processes and labels; grows.
};

class StepChecker {
 public:
  explicit StepChecker(const StepRules& rules) : r_(rules) {}

  // Checks the steps of a process at `at`, of which there are `members` copies, whose program is
  // the last one that r.names knows.
  absl::Status CheckProcess(const FieldRef& at, const Steps& steps, int64_t members);

 private:
  // Where in a process the steps are.
  struct Scope {
    int depth;        // Repeats and forks around them.
    int64_t members;  // Copies of the process.
    int64_t runs;     // Times that a copy runs them; both saturate.
    size_t program;
  };

  absl::Status CheckSteps(const FieldRef& parent, const Steps& steps, const Scope& scope);
  absl::Status CheckStep(const FieldRef& at, const v1::Step& step, const Scope& scope);
  absl::Status CheckMap(const FieldRef& at, const v1::Step& step);
  absl::Status CheckPrivateMap(const FieldRef& at, const v1::Map& map) const;
  absl::Status CheckSharedMap(const FieldRef& at, const v1::Map& map) const;
  absl::Status CheckUnmap(const FieldRef& at, const v1::Unmap& unmap);
  absl::Status CheckTouch(const FieldRef& at, const v1::Touch& touch) const;
  absl::Status CheckGenerate(const FieldRef& at, const v1::Generate& generate) const;
  absl::Status CheckTrace(const FieldRef& at, const v1::Trace& trace) const;
  absl::Status CheckDepth(const FieldRef& at, const Scope& scope, const char* fix) const;
  absl::Status CheckRepeat(const FieldRef& at, const v1::Repeat& repeat, const Scope& scope);
  absl::Status CheckFork(const FieldRef& at, const v1::Fork& fork, const Scope& scope);

  const StepRules& r_;
  MapNames maps_;
};

// Enters the names of `members` processes called `name` that run the program `program`; `field` is
// what decides their number, for when there are too many.
absl::Status EnterProcesses(const ScenarioPlace& place, const FieldRef& at, const char* field,
                            const std::string& name, int64_t members, size_t program,
                            KnownNames& names);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_STEP_CHECK_H_
