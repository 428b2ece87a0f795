// scenarios/text_hints.h: words of error messages: what a user may have meant, and what he wrote.
#ifndef VMSIM_SCENARIOS_TEXT_HINTS_H_
#define VMSIM_SCENARIOS_TEXT_HINTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace vmsim::scenarios {

// The name nearest to `word`: the fewest letters inserted, dropped, replaced or swapped with their
// neighbour; the first of equals. Empty if none is near: at most a third of the longer one may
// differ.
std::string Nearest(absl::string_view word, const std::vector<std::string>& names);

// "did you mean \"inactive\"?" if a name is near, else "known are a, b, c" (the first few), else
// empty.
std::string Suggestion(absl::string_view word, const std::vector<std::string>& names);

// In double quotes, cut to 80 bytes, everything but printable ASCII escaped: safe to print on a
// terminal whatever the file held.
std::string Quoted(absl::string_view text);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_TEXT_HINTS_H_
