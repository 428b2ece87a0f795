// scenarios/file_check.h: the part of scenario_check.h that is about files: file systems, files,
// connections and what tunes them.
//
// Limits beyond those that scenario.proto states:
//   fragments      2^22 of one file, 2^24 of all
//   contents       what files hold at the beginning fits into their file systems
//   file pages     2^32 of all files together
#ifndef VMSIM_SCENARIOS_FILE_CHECK_H_
#define VMSIM_SCENARIOS_FILE_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// Requires: disks and swap are checked.
absl::Status CheckFiles(const v1::Scenario& scenario, const ScenarioPlace& place);

// That `name` means a file system: one of that name, or without a name the only one.
absl::Status CheckFileSystemName(const ScenarioPlace& place, const FieldRef& field,
                                 const v1::Scenario& scenario, const std::string& name);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_FILE_CHECK_H_
