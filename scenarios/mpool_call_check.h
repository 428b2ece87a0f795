// scenarios/mpool_call_check.h: the part of scenario_check.h that is about the steps that use buffer
// pools.
//
// As with files, names that nothing makes and numbers that must fail are typing errors more often
// than wishes: they are let through if the step expects an error.
#ifndef VMSIM_SCENARIOS_MPOOL_CALL_CHECK_H_
#define VMSIM_SCENARIOS_MPOOL_CALL_CHECK_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "scenarios/file_call_check.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// What steps can name: pools that some step opens, handles that some step gives to a page.
struct MpoolNames {
  explicit MpoolNames(const v1::Scenario& scenario);

  std::set<std::string> pools;
  std::set<std::string> handles;
};

// A call on pools; others pass. `at` is the step.
absl::Status CheckMpoolCall(const MpoolNames& names, const FileNames& files,
                            const ScenarioPlace& place, const FieldRef& at, const v1::Step& step);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MPOOL_CALL_CHECK_H_
