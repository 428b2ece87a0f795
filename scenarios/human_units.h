// scenarios/human_units.h: numbers for people: 1,234,567; 1.20 ms; 5.9 MiB; 52.6 %.
//
// Integer arithmetic throughout, rounded half up, so that reports are the same everywhere.
#ifndef VMSIM_SCENARIOS_HUMAN_UNITS_H_
#define VMSIM_SCENARIOS_HUMAN_UNITS_H_

#include <cstdint>
#include <string>

namespace vmsim::scenarios {

// "1,234,567", "-1,000".
std::string Grouped(int64_t number);

// Three significant digits: "0 ns", "812 ns", "1.20 us", "12.3 ms", "123 s", "12,345 s".
std::string HumanDuration(int64_t ns);

// Seconds with three decimals: "12.345". Requires: ns >= 0.
std::string Seconds(int64_t ns);

// "512 B", "5.9 MiB", "120 GiB". Requires: bytes >= 0.
std::string HumanBytes(int64_t bytes);

// "52.6 %"; "-" if `whole` is 0. Requires: neither is negative.
std::string Percent(int64_t part, int64_t whole);

// part * scale / whole, rounded to the nearest; 0 if `whole` is 0. Requires: none is negative.
int64_t Ratio(int64_t part, int64_t scale, int64_t whole);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_HUMAN_UNITS_H_
