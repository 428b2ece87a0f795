#include "vm/invariants.h"

#include "absl/strings/str_cat.h"
#include "sim/check.h"
#include "vm/invariants_internal.h"

namespace vmsim::vm {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

uint32_t PartsOf(const VmState& s) {
  const auto part = [](const void* pointer, StatePart bit) -> uint32_t {
    return pointer != nullptr ? bit : 0u;
  };
  return part(s.engine, kNeedsEngine) | part(s.pages, kNeedsPages) | part(s.queues, kNeedsQueues) |
         part(s.objects, kNeedsObjects) | part(s.page_tables, kNeedsPageTables) |
         part(s.processes, kNeedsProcesses) | part(s.domain, kNeedsDomain) |
         part(s.pid, kNeedsPid) | part(s.laundry, kNeedsLaundry) |
         part(s.swap_space, kNeedsSwapSpace) | part(s.swap_meta, kNeedsSwapMeta) |
         part(s.swap_pager, kNeedsSwapPager) | part(s.swap_reserve, kNeedsSwapReserve) |
         part(s.counters, kNeedsCounters);
}

// What the others build on comes first: that lists are lists and owners exist.
std::vector<Invariant> AllInvariants() {
  std::vector<Invariant> all;
  for (const std::span<const Invariant> theme :
       {QueueInvariants(), PageInvariants(), ObjectInvariants(), MapInvariants(),
        DaemonInvariants(), SwapInvariants(), TransferInvariants()}) {
    all.insert(all.end(), theme.begin(), theme.end());
  }
  return all;
}

}  // namespace

std::string_view CheckLevelName(CheckLevel level) {
  switch (level) {
    case CheckLevel::kOff:
      return "off";
    case CheckLevel::kCheap:
      return "cheap";
    case CheckLevel::kFull:
      return "full";
  }
  return "";
}

std::optional<CheckLevel> ParseCheckLevel(std::string_view name) {
  for (const CheckLevel level : {CheckLevel::kOff, CheckLevel::kCheap, CheckLevel::kFull}) {
    if (name == CheckLevelName(level)) return level;
  }
  return std::nullopt;
}

const std::vector<Invariant>& Invariants() {
  static const auto* const all = new std::vector<Invariant>(AllInvariants());
  return *all;
}

bool Applies(const Invariant& invariant, const VmState& state) {
  return (invariant.needs & ~PartsOf(state)) == 0;
}

std::string Violation::ToString() const {
  return absl::StrCat("invariant ", View(invariant), " broken: ", message);
}

std::optional<Violation> InvariantChecker::Check() const {
  if (level_ == CheckLevel::kOff) return std::nullopt;
  for (const Invariant& invariant : Invariants()) {
    if (invariant.level > level_ || !Applies(invariant, state_)) continue;
    std::string message = invariant.check(state_);
    if (!message.empty()) return Violation{invariant.name, std::move(message)};
  }
  return std::nullopt;
}

void CheckAllInvariants(const VmState& state) {
  const std::optional<Violation> violation = InvariantChecker(state, CheckLevel::kFull).Check();
  CHECK(!violation.has_value(), violation->ToString());
}

}  // namespace vmsim::vm
