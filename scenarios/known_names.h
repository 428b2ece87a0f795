// scenarios/known_names.h: the names of a scenario's processes and of the calls that they label.
#ifndef VMSIM_SCENARIOS_KNOWN_NAMES_H_
#define VMSIM_SCENARIOS_KNOWN_NAMES_H_

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace vmsim::scenarios {

// A list of steps is a program; copies of a process run the same one.
struct KnownNames {
  std::set<std::string> processes;  // Copies and children, each by its own name.
  std::map<std::string, size_t> program_of;
  std::vector<std::set<std::string>> labels;  // By program.
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_KNOWN_NAMES_H_
