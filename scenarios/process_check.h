// scenarios/process_check.h: the part of scenario_check.h that is about processes.
#ifndef VMSIM_SCENARIOS_PROCESS_CHECK_H_
#define VMSIM_SCENARIOS_PROCESS_CHECK_H_

#include "absl/status/status.h"
#include "scenarios/known_names.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_check.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// Shared segments, processes and their steps. Enters the name of every process, copies and children
// included, and every label in `names`, which is empty.
absl::Status CheckProcesses(const v1::Scenario& scenario, const ScenarioPlace& place,
                            const CheckOptions& options, KnownNames& names);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_PROCESS_CHECK_H_
