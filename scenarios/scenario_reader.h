// scenarios/scenario_reader.h: from a file to a scenario that has been checked.
//
// `.binpb` files are binary protobuf, all others text (`.txtpb`; `.textproto` is the older suffix).
// Nothing in a file is believed: its size is looked at before it is read, nesting is limited, and
// scenario_check.h judges what it asks for before anything is made of it.
//
// Errors are one line, and begin with the file, and the line and column if there is one:
//   NotFound            there is no such file
//   PermissionDenied    it cannot be opened
//   InvalidArgument     everything else: too large, malformed, or a scenario that makes no sense
#ifndef VMSIM_SCENARIOS_SCENARIO_READER_H_
#define VMSIM_SCENARIOS_SCENARIO_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_check.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

struct ReadOptions {
  int64_t max_file_bytes = int64_t{4} << 20;
  std::vector<std::string> overrides;  // scenarios/scenario_override.h, applied in order.
  CheckOptions check;
};

struct ScenarioFile {
  v1::Scenario scenario;  // Its name is set: the file's without its suffix if it has none.
  std::string base_dir;   // The folder that the scenario's own file names are relative to.
  ScenarioPlace place;
};

// Reads, overrides and checks. "-" is standard input, text.
absl::StatusOr<ScenarioFile> ReadScenario(const std::string& path, const ReadOptions& options = {});

// The same for text that is already in memory; `name` stands for the file in messages.
absl::StatusOr<ScenarioFile> ParseScenario(const std::string& text, const std::string& name,
                                           const ReadOptions& options = {});

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SCENARIO_READER_H_
