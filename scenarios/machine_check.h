// scenarios/machine_check.h: the part of scenario_check.h that is about the machine.
#ifndef VMSIM_SCENARIOS_MACHINE_CHECK_H_
#define VMSIM_SCENARIOS_MACHINE_CHECK_H_

#include "absl/status/status.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// Memory, CPUs, costs, tunables, policy, disks and swap.
absl::Status CheckMachine(const v1::Scenario& scenario, const ScenarioPlace& place);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MACHINE_CHECK_H_
