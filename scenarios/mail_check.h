// scenarios/mail_check.h: whether the mail relay of a scenario makes sense.
#ifndef VMSIM_SCENARIOS_MAIL_CHECK_H_
#define VMSIM_SCENARIOS_MAIL_CHECK_H_

#include "absl/status/status.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// Whether there is a relay or not. Its name is entered with the processes'.
absl::Status CheckMailRelay(const v1::Scenario& scenario, const ScenarioPlace& place);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MAIL_CHECK_H_
