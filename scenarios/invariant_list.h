// scenarios/invariant_list.h: the invariants of all parts of a machine, as one list.
//
// Memory has its own (vm/invariants.h), and so have files (vfs/vfs_invariants.h). Parts with a list
// of smaller checks of their own count as one invariant here; its message names the small one.
#ifndef VMSIM_SCENARIOS_INVARIANT_LIST_H_
#define VMSIM_SCENARIOS_INVARIANT_LIST_H_

#include <optional>
#include <string_view>
#include <vector>

#include "scenarios/machine.h"
#include "vm/invariants.h"

namespace vmsim::scenarios {

struct InvariantInfo {
  std::string_view name;    // Unique.
  vm::CheckLevel level;     // From which on it is checked.
  std::string_view what;    // One line.
  std::string_view source;  // Where the kernel upholds or assumes it.
};

// All of them, in the order in which they are checked.
std::vector<InvariantInfo> ListInvariants();

// The first one of the level, of files and above, that does not hold of `machine` now. Those of
// memory are vm::InvariantChecker's. After a power failure there is nothing to hold.
std::optional<vm::Violation> CheckAboveMemory(Machine& machine, vm::CheckLevel level);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_INVARIANT_LIST_H_
