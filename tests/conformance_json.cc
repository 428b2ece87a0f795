#include "absl/strings/str_cat.h"
#include "tests/conformance.h"

namespace vmsim::tests {
namespace {

// A value for a message: short, and valid text whatever it holds.
std::string Show(const Json& value) {
  constexpr size_t kLongest = 200;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace

int64_t Int(const Json& value, int64_t low, int64_t high) {
  const bool fits =
      value.is_number_unsigned()
          ? value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())
          : value.is_number_integer();
  if (!fits || value.get<int64_t>() < low || value.get<int64_t>() > high) {
    throw BadVector(absl::StrCat(Show(value), " is not an integer in ", low, "..", high));
  }
  return value.get<int64_t>();
}

std::string Difference(const std::string& what, const Json& want, const Json& got) {
  if (want == got) return "";
  return absl::StrCat(what, ": want ", Show(want), ", got ", Show(got));
}

std::string RowDifference(size_t index, const Json& row, size_t first, const Json& got) {
  if (row.size() != first + got.size()) {
    throw BadVector(absl::StrCat("row ", index, " ", Show(row), " has ", row.size(),
                                 " fields, expected ", first + got.size()));
  }
  for (size_t i = 0; i < got.size(); ++i) {
    const std::string difference =
        Difference(absl::StrCat("field ", first + i), row[first + i], got[i]);
    if (!difference.empty()) return absl::StrCat("row ", index, " ", Show(row), ": ", difference);
  }
  return "";
}

}  // namespace vmsim::tests
