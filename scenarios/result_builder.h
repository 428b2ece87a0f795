// scenarios/result_builder.h: what a finished machine has to say, as a Result message.
#ifndef VMSIM_SCENARIOS_RESULT_BUILDER_H_
#define VMSIM_SCENARIOS_RESULT_BUILDER_H_

#include "scenarios/machine.h"
#include "scenarios/result.pb.h"

namespace vmsim::scenarios {

// Ends the machine's samples and digest and gathers everything. Once a machine.
v1::Result BuildResult(Machine& machine);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_RESULT_BUILDER_H_
