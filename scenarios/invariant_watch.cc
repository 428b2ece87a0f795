#include "scenarios/invariant_watch.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "scenarios/invariant_list.h"
#include "vm/vm_system_state.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kMinIntervalEvents = 16;
constexpr int64_t kPagesPerEvent = 64;

}  // namespace

int64_t InvariantWatch::DefaultIntervalEvents(int64_t memory_pages) {
  return std::max(kMinIntervalEvents, memory_pages / kPagesPerEvent);
}

InvariantWatch::InvariantWatch(Machine& machine, vm::CheckLevel level, int64_t interval_events)
    : machine_(machine),
      level_(level),
      interval_(static_cast<uint64_t>(interval_events > 0
                                          ? interval_events
                                          : DefaultIntervalEvents(machine.vm().pages().frames()))),
      due_(level == vm::CheckLevel::kFull ? interval_ : UINT64_MAX) {}

absl::Status InvariantWatch::Check() {
  if (due_ != UINT64_MAX) due_ = machine_.engine().events().events_run() + interval_;
  return CheckAt(level_);
}

absl::Status InvariantWatch::CheckCheaply() const {
  return CheckAt(std::min(level_, vm::CheckLevel::kCheap));
}

absl::Status InvariantWatch::CheckAt(vm::CheckLevel level) const {
  std::optional<vm::Violation> violation =
      vm::InvariantChecker(vm::StateOf(machine_.vm()), level).Check();
  if (!violation.has_value()) violation = CheckAboveMemory(machine_, level);
  if (!violation.has_value()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("at ", machine_.engine().now(), " ns, after ",
                                          machine_.engine().events().events_run(),
                                          " events: ", violation->ToString()));
}

}  // namespace vmsim::scenarios
