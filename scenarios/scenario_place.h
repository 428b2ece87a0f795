// scenarios/scenario_place.h: where in a scenario something is, for messages.
//
// A field is named by its path: "processes[0].steps[2].map.pages". A ScenarioPlace knows the file
// that a scenario was read from and the line of each field, and which fields the command line
// replaced, so that every message about a field begins the same way:
//
//     quickstart.txtpb:12:5: memory.pages: ...
//     quickstart.txtpb: --set memory.pages=10: memory.pages: ...
#ifndef VMSIM_SCENARIOS_SCENARIO_PLACE_H_
#define VMSIM_SCENARIOS_SCENARIO_PLACE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/text_format.h"

namespace vmsim::scenarios {

// A path that is cheap to have and is only written out when something is wrong. The parent, and
// what `name` refers to, must outlive it.
//
//     const FieldRef root; const FieldRef step{&root, "steps", 3}; const FieldRef pages{&step,
//     "pages"};
struct FieldRef {
  const FieldRef* parent = nullptr;
  absl::string_view name;
  int index = -1;  // Of an element of a repeated field.

  std::string Path() const;
};

class ScenarioPlace {
 public:
  using LineTree = google::protobuf::TextFormat::ParseInfoTree;

  // A scenario that was not read from a file is called by what it is: "scenario".
  explicit ScenarioPlace(std::string file = "scenario",
                         std::shared_ptr<const LineTree> lines = nullptr)
      : file_(std::move(file)), lines_(std::move(lines)) {}

  const std::string& file() const { return file_; }

  // The field at `path`, and everything below it, now comes from the command line: "path=value".
  void AddOverride(std::string path, std::string text) {
    overrides_.emplace_back(std::move(path), std::move(text));
  }

  // "file:line:column" of the field, or of what it belongs to if it is not in the file; "file"
  // alone if that is not known. Lines and columns count from 1.
  std::string Where(absl::string_view path) const;

  // InvalidArgument "where: path: message".
  absl::Status Error(absl::string_view path, absl::string_view message) const;
  absl::Status Error(const FieldRef& field, absl::string_view message) const {
    return Error(field.Path(), message);
  }

 private:
  std::string file_;
  std::shared_ptr<const LineTree> lines_;                       // Null: lines are not known.
  std::vector<std::pair<std::string, std::string>> overrides_;  // Path and text, in order.
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SCENARIO_PLACE_H_
