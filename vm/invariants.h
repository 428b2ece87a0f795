// vm/invariants.h: what must hold of a memory system between two steps, by name.
//
// An invariant is a named function over the whole state that says what is wrong, with the values,
// or says nothing. None of them changes anything, and none is needed for a run: they find bugs of
// the simulator. Two kinds by their cost:
//
//     cheap   constants, and sums over objects, map entries, threads: can be asked often
//     full    every page, every page-table entry, every swap block
//
// A checker walks the list in order and reports the first invariant that does not hold; those
// behind it may look at what the earlier ones have found to be sound, but none relies on it: each
// can be asked alone, of any state, however broken.
//
// Some claims hold only at rest: when no I/O is under way and every thread sleeps idly. They are
// vacuous until then.
//
// docs/invariants.md lists them. Each names the kernel's function that upholds it.
#ifndef VMSIM_VM_INVARIANTS_H_
#define VMSIM_VM_INVARIANTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vm/vm_state.h"

namespace vmsim::vm {

// How much to check; as the cost of an invariant, the level from which on it is checked.
enum class CheckLevel : uint8_t { kOff, kCheap, kFull };

// "off", "cheap", "full"; the second gives nothing for any other word.
std::string_view CheckLevelName(CheckLevel level);
std::optional<CheckLevel> ParseCheckLevel(std::string_view name);

// The parts of VmState that an invariant looks at.
enum StatePart : uint32_t {
  kNeedsEngine = 1u << 0,
  kNeedsPages = 1u << 1,
  kNeedsQueues = 1u << 2,
  kNeedsObjects = 1u << 3,
  kNeedsPageTables = 1u << 4,
  kNeedsProcesses = 1u << 5,
  kNeedsDomain = 1u << 6,
  kNeedsPid = 1u << 7,
  kNeedsLaundry = 1u << 8,
  kNeedsSwapSpace = 1u << 9,
  kNeedsSwapMeta = 1u << 10,
  kNeedsSwapPager = 1u << 11,
  kNeedsSwapReserve = 1u << 12,
  kNeedsCounters = 1u << 13,
};

struct Invariant {
  // Empty if it holds; else what is wrong, with the values. Requires: the parts it needs are there.
  using Function = std::string (*)(const VmState& state);

  std::string_view name;    // As in reports: "free-page-is-clean".
  CheckLevel level;         // kCheap or kFull.
  std::string_view what;    // One line.
  std::string_view source;  // Where the kernel upholds or assumes it.
  uint32_t needs;           // Bits of StatePart.
  Function check;
};

// All of them, in the order in which they are checked. Names are unique.
const std::vector<Invariant>& Invariants();

// Whether `state` has the parts that `invariant` looks at.
bool Applies(const Invariant& invariant, const VmState& state);

struct Violation {
  std::string_view invariant;  // Its name.
  std::string message;         // What is wrong, with the values.

  // "invariant NAME broken: MESSAGE".
  std::string ToString() const;
};

class InvariantChecker {
 public:
  // The parts of `state` outlive the checker.
  InvariantChecker(const VmState& state, CheckLevel level) : state_(state), level_(level) {}

  // The first invariant of the level that does not hold now. Invariants whose parts are missing
  // are passed over.
  std::optional<Violation> Check() const;

 private:
  VmState state_;
  CheckLevel level_;
};

// Fails a CHECK if an invariant of `state`, of whatever cost, does not hold. For tests.
void CheckAllInvariants(const VmState& state);

}  // namespace vmsim::vm

#endif  // VMSIM_VM_INVARIANTS_H_
