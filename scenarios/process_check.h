// scenarios/process_check.h: the part of scenario_check.h that is about processes and their steps.
#ifndef VMSIM_SCENARIOS_PROCESS_CHECK_H_
#define VMSIM_SCENARIOS_PROCESS_CHECK_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_check.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// Shared segments, processes and steps. Enters the name of every process, copies included, in
// `names`.
absl::Status CheckProcesses(const v1::Scenario& scenario, const ScenarioPlace& place,
                            const CheckOptions& options, std::set<std::string>& names);

// The name of copy `index` of a process: NAME, or NAME.index if there are several.
std::string CopyName(const v1::Process& process, int index);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_PROCESS_CHECK_H_
