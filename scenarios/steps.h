// scenarios/steps.h: what one needs to know of a step without running it.
#ifndef VMSIM_SCENARIOS_STEPS_H_
#define VMSIM_SCENARIOS_STEPS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "google/protobuf/repeated_ptr_field.h"
#include "scenarios/scenario.pb.h"

namespace vmsim::scenarios {

using Steps = google::protobuf::RepeatedPtrField<v1::Step>;

// The name of what the step does: "map", "mlock", ... Requires: it does something.
const std::string& StepName(const v1::Step& step);

// Whether the step is a system call, which ends with an errno.
bool IsCall(const v1::Step& step);
// How often it makes its call.
int64_t CallsOf(const v1::Step& step);
// Whether the call moves bytes: read, write, sendfile.
bool MovesBytes(const v1::Step& step);

// Whether the step is a call on buffer pools, and on which. PoolOf requires: it is one.
bool IsMpoolCall(const v1::Step& step);
const std::string& PoolOf(const v1::Step& step);
// The pools that steps of the scenario open.
std::set<std::string> PoolNames(const v1::Scenario& scenario);

// What a map is of: the kind that it says, or that its other fields tell.
v1::Map::Kind KindOf(const v1::Map& map);

// An unmap's range. It has the fields of a Span itself, because it is the older of the two.
v1::Span SpanOf(const v1::Unmap& unmap);
// Whether it removes a map with its name, and not a range.
bool IsWhole(const v1::Unmap& unmap);

// The steps that have a label, of the process itself and in their order: those of repeats, but not
// those of children.
std::vector<const v1::Step*> LabelledSteps(const Steps& steps);

// Where in `steps` the step is: "steps[1].repeat.steps[0]". Empty if it is not there.
std::string StepPath(const Steps& steps, const v1::Step& step);

// One of the members of a family: NAME, or NAME.index if it has several.
std::string MemberName(const std::string& name, int64_t members, int64_t index);

// The positions in scenario.swap of the devices on `disk`.
std::vector<int> SwapDevicesOn(const v1::Scenario& scenario, const std::string& disk);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_STEPS_H_
