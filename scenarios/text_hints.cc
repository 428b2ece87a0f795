#include "scenarios/text_hints.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace vmsim::scenarios {
namespace {

constexpr size_t kMaxWord = 64;    // Longer words are not compared: the work is quadratic.
constexpr size_t kMaxListed = 12;  // Names that a message lists.

// Optimal string alignment: Levenshtein's distance with neighbours swapped as one step.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> two_back(b.size() + 1), back(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) back[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = back[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = std::min({back[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], two_back[j - 2] + 1);
      }
    }
    std::swap(two_back, back);
    std::swap(back, row);
  }
  return back[b.size()];
}

}  // namespace

std::string Nearest(absl::string_view word, const std::vector<std::string>& names) {
  if (word.size() > kMaxWord) return "";
  std::string nearest;
  size_t least = kMaxWord;
  for (const std::string& name : names) {
    if (name.size() > kMaxWord) continue;
    const size_t distance = Distance(word, name);
    const size_t longer = std::max(word.size(), name.size());
    const bool near = 3 * distance <= longer || (distance == 1 && longer == 2);
    if (near && distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string Suggestion(absl::string_view word, const std::vector<std::string>& names) {
  const std::string nearest = Nearest(word, names);
  if (!nearest.empty()) return absl::StrCat("did you mean ", Quoted(nearest), "?");
  if (names.empty()) return "";
  const size_t listed = std::min(names.size(), kMaxListed);
  return absl::StrCat(
      "known are ",
      absl::StrJoin(names.begin(), names.begin() + static_cast<ptrdiff_t>(listed), ", "),
      listed < names.size() ? ", ..." : "");
}

std::string Quoted(absl::string_view text) {
  constexpr size_t kMaxBytes = 80;
  const bool cut = text.size() > kMaxBytes;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kMaxBytes)), cut ? "...\"" : "\"");
}

}  // namespace vmsim::scenarios
