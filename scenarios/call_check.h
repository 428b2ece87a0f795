// scenarios/call_check.h: the part of scenario_check.h that is about system calls.
//
// What a program could pass to the kernel is no mistake of the scenario: an unaligned address or a
// hole is an outcome, with an errno. Mistakes are names that are not there, values that mean
// nothing, and fields that contradict each other.
#ifndef VMSIM_SCENARIOS_CALL_CHECK_H_
#define VMSIM_SCENARIOS_CALL_CHECK_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "scenarios/map_names.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// That `name` is one of `maps`.
absl::Status CheckMapped(const ScenarioPlace& place, const FieldRef& field, const std::string& name,
                         const MapNames& maps);

// That pages [first, first + pages) are in a map of `size` pages; 0 pages: to its end.
absl::Status CheckPagesOf(const ScenarioPlace& place, const FieldRef& at, const std::string& map,
                          int64_t size, int64_t first, int64_t pages);

// A range that a call is given.
absl::Status CheckSpan(const ScenarioPlace& place, const FieldRef& at, const v1::Span& span,
                       const MapNames& maps);

// What a call itself says: everything but map, unmap and fork. `at` is the step.
absl::Status CheckCall(const v1::Scenario& scenario, const ScenarioPlace& place, const FieldRef& at,
                       const v1::Step& step, const MapNames& maps);

// The fields that every call has, expect_errno and label, and that no other step has. Enters the
// label in `labels`.
absl::Status CheckCallFields(const ScenarioPlace& place, const FieldRef& at, const v1::Step& step,
                             std::set<std::string>& labels);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_CALL_CHECK_H_
