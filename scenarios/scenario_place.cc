#include "scenarios/scenario_place.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/text_hints.h"

namespace vmsim::scenarios {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::TextFormat;

// Whether `path` is `prefix` or something below it.
bool IsAtOrBelow(absl::string_view path, absl::string_view prefix) {
  return absl::StartsWith(path, prefix) &&
         (path.size() == prefix.size() || path[prefix.size()] == '.' || path[prefix.size()] == '[');
}

// "steps[3]" is {"steps", 3}; without an index, -1.
std::pair<std::string, int> SplitIndex(absl::string_view part) {
  const size_t bracket = part.find('[');
  int index = -1;
  if (bracket != absl::string_view::npos &&
      !absl::SimpleAtoi(part.substr(bracket + 1, part.size() - bracket - 2), &index)) {
    index = -1;
  }
  return {std::string(part.substr(0, bracket)), index};
}

// The deepest field of `path` whose place is known.
TextFormat::ParseLocation Locate(const TextFormat::ParseInfoTree* tree, absl::string_view path) {
  TextFormat::ParseLocation deepest;
  const Descriptor* type = v1::Scenario::descriptor();
  for (absl::string_view part : absl::StrSplit(path, '.')) {
    auto [name, index] = SplitIndex(part);
    const FieldDescriptor* field = type->FindFieldByName(name);
    if (field == nullptr) break;
    index = field->is_repeated() ? std::max(index, 0) : -1;
    const TextFormat::ParseLocation location = tree->GetLocation(field, index);
    if (location.line < 0) break;
    deepest = location;
    if (field->message_type() == nullptr) break;
    type = field->message_type();
    tree = tree->GetTreeForNested(field, index);
    if (tree == nullptr) break;
  }
  return deepest;
}

}  // namespace

std::string FieldRef::Path() const {
  std::string path = parent == nullptr ? "" : parent->Path();
  if (name.empty()) return path;
  if (!path.empty()) path += '.';
  absl::StrAppend(&path, name);
  if (index >= 0) absl::StrAppend(&path, "[", index, "]");
  return path;
}

std::string ScenarioPlace::Where(absl::string_view path) const {
  for (auto it = overrides_.rbegin(); it != overrides_.rend(); ++it) {
    if (IsAtOrBelow(path, it->first)) {
      return absl::StrCat(file_, ": --set ", it->second);
    }
  }
  if (lines_ == nullptr) return file_;
  const TextFormat::ParseLocation location = Locate(lines_.get(), path);
  if (location.line < 0) return file_;
  return absl::StrCat(file_, ":", location.line + 1, ":", location.column + 1);
}

absl::Status ScenarioPlace::Error(absl::string_view path, absl::string_view message) const {
  return absl::InvalidArgumentError(
      absl::StrCat(Where(path), ": ", path, path.empty() ? "" : ": ", message));
}

}  // namespace vmsim::scenarios
