// scenarios/scenario_override.h: changing single fields of a scenario from the command line.
//
//     memory.pages=2000
//     freebsd.revision=R13_2
//     processes[1].steps[0].generate.refs=1000000
//     processes[compiler].count=4                 an element by its name
//     disks[0].hdd={ preset: HP97560 }            a whole message, as text
//
// A field that is part of a oneof may be changed if it is the one that is set; another one replaces
// it only as a whole message, so that nothing is lost by a slip of the finger.
#ifndef VMSIM_SCENARIOS_SCENARIO_OVERRIDE_H_
#define VMSIM_SCENARIOS_SCENARIO_OVERRIDE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scenarios/scenario.pb.h"

namespace vmsim::scenarios {

// Applies one "path=value". Returns the path of the field with elements by number, as
// scenario_place.h writes it. InvalidArgument "--set path=value: what; fix".
absl::StatusOr<std::string> ApplyOverride(const std::string& text, v1::Scenario* scenario);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SCENARIO_OVERRIDE_H_
