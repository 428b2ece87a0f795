// scenarios/expectations.h: what a scenario says must come out.
#ifndef VMSIM_SCENARIOS_EXPECTATIONS_H_
#define VMSIM_SCENARIOS_EXPECTATIONS_H_

#include <string>

#include "absl/status/status.h"
#include "scenarios/figures.h"
#include "scenarios/result.pb.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// "v_swappgsin >= 1000", "fault_hard_ns p99 <= 2000000", "process[cc1] majflt in 10..20",
// "call[cc1 lock] failures == 0". Requires: a figure and a bound are set.
std::string ExpectationText(const v1::Expectation& expectation);

// Whether each has a figure, of what there is, and a bound.
absl::Status CheckExpectations(const v1::Scenario& scenario, const ScenarioPlace& place,
                               const FigureNames& names);

// Fills result->expectations from the figures that are in `result`. A figure that is not there has
// no `got` and does not pass. Requires: CheckExpectations accepts the scenario.
void EvaluateExpectations(const v1::Scenario& scenario, v1::Result* result);

// Whether all that were evaluated hold.
bool AllExpectationsPassed(const v1::Result& result);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_EXPECTATIONS_H_
