// scenarios/file_call_check.h: the part of scenario_check.h that is about the steps that use files.
//
// As with other calls, what a program could pass to the kernel is no mistake. But a file that
// nothing makes, and a number below 0, are typing errors more often than wishes: they are let
// through if the step expects an error.
#ifndef VMSIM_SCENARIOS_FILE_CALL_CHECK_H_
#define VMSIM_SCENARIOS_FILE_CALL_CHECK_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// What steps can name.
struct FileNames {
  explicit FileNames(const v1::Scenario& scenario);

  const v1::Scenario& scenario;
  std::map<std::string, int64_t> pages;  // Of files that there are at the beginning.
  std::set<std::string> files;           // These, and those that some step makes.
  std::set<std::string> connections;
};

// Whether the step says that it is to fail.
bool ExpectsError(const v1::Step& step);

// A file that a step uses: there is one, or some step makes it. `at` is the message with the field.
absl::Status CheckFileName(const FileNames& names, const ScenarioPlace& place, const FieldRef& at,
                           const v1::Step& step, const std::string& file);

// A map of a file. `at` is the map, of the step `step`.
absl::Status CheckFileMap(const FileNames& names, const ScenarioPlace& place, const FieldRef& at,
                          const v1::Step& step);

// A call on files, or a crash; others pass. `at` is the step.
absl::Status CheckFileCall(const FileNames& names, const ScenarioPlace& place, const FieldRef& at,
                           const v1::Step& step);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_FILE_CALL_CHECK_H_
