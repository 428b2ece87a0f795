// scenarios/errno_names.h: the errors of simulated system calls by name, as scenarios and results
// have them: "ENOMEM". Success is "0".
#ifndef VMSIM_SCENARIOS_ERRNO_NAMES_H_
#define VMSIM_SCENARIOS_ERRNO_NAMES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmsim::scenarios {

// "0" for 0; the number itself for an error that no call of the simulator makes.
std::string ErrnoName(int number);

// The number of a name that ErrnoName gives.
std::optional<int> ErrnoNumber(std::string_view name);

// All names but "0", by number.
const std::vector<std::string>& ErrnoNames();

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_ERRNO_NAMES_H_
