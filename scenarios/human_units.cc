#include "scenarios/human_units.h"

#include <iterator>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace vmsim::scenarios {
namespace {

// `value` units of which `per_unit` make the unit that is printed, with so many decimals.
std::string Fixed(int64_t value, int64_t per_unit, int decimals) {
  int64_t scale = 1;
  for (int i = 0; i < decimals; ++i) scale *= 10;
  const int64_t scaled = Ratio(value, scale, per_unit);
  if (decimals == 0) return Grouped(scaled);
  return absl::StrFormat("%s.%0*d", Grouped(scaled / scale), decimals, scaled % scale);
}

}  // namespace

std::string Grouped(int64_t number) {
  const std::string digits = absl::StrCat(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool after_digit = i > 0 && digits[i - 1] != '-';
    if (after_digit && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string HumanDuration(int64_t ns) {
  if (ns < 0)
    return absl::StrCat("-", HumanDuration(ns == std::numeric_limits<int64_t>::min()
                                               ? std::numeric_limits<int64_t>::max()
                                               : -ns));
  constexpr const char* kUnits[] = {"ns", "us", "ms", "s"};
  int64_t per_unit = 1;
  size_t unit = 0;
  // The next unit from where rounding to three digits would write 1000 of this one.
  while (unit + 1 < std::size(kUnits) && Ratio(ns, 1, per_unit) >= 1000) {
    per_unit *= 1000;
    ++unit;
  }
  const int decimals = unit == 0                         ? 0
                       : Ratio(ns, 100, per_unit) < 1000 ? 2
                       : Ratio(ns, 10, per_unit) < 1000  ? 1
                                                         : 0;
  return absl::StrCat(Fixed(ns, per_unit, decimals), " ", kUnits[unit]);
}

std::string Seconds(int64_t ns) {
  const int64_t ms = Ratio(ns, 1, 1'000'000);
  return absl::StrFormat("%d.%03d", ms / 1000, ms % 1000);
}

std::string HumanBytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  int64_t per_unit = 1;
  size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && Ratio(bytes, 1, per_unit) >= 1024) {
    per_unit *= 1024;
    ++unit;
  }
  const bool small = unit > 0 && Ratio(bytes, 10, per_unit) < 1000;
  return absl::StrCat(Fixed(bytes, per_unit, small ? 1 : 0), " ", kUnits[unit]);
}

std::string Percent(int64_t part, int64_t whole) {
  if (whole == 0) return "-";
  return absl::StrCat(Fixed(Ratio(part, 1000, whole), 10, 1), " %");
}

int64_t Ratio(int64_t part, int64_t scale, int64_t whole) {
  if (whole == 0) return 0;
  const __int128 twice = 2 * static_cast<__int128>(part) * scale + whole;
  const __int128 ratio = twice / (2 * static_cast<__int128>(whole));
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  return ratio > kMost ? kMost : static_cast<int64_t>(ratio);
}

}  // namespace vmsim::scenarios
