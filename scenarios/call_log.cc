#include "scenarios/call_log.h"

#include "scenarios/errno_names.h"
#include "vm/mincore.h"

namespace vmsim::scenarios {
namespace {

bool IsExpected(const std::string& expected, int error) {
  if (expected == "ANY") return true;
  return expected.empty() ? error == 0 : ErrnoNumber(expected) == error;
}

}  // namespace

MincoreSums SumMincore(const std::vector<uint8_t>& bytes) {
  MincoreSums sums;
  for (const uint8_t byte : bytes) {
    sums.incore += (byte & vm::kMincoreIncore) != 0;
    sums.referenced += (byte & vm::kMincoreReferenced) != 0;
    sums.modified += (byte & vm::kMincoreModified) != 0;
    sums.referenced_other += (byte & vm::kMincoreReferencedOther) != 0;
    sums.modified_other += (byte & vm::kMincoreModifiedOther) != 0;
    sums.super += (byte & vm::kMincoreSuper) != 0;
  }
  return sums;
}

void UnexpectedCalls::Note(const std::string& process, const Steps& steps, const v1::Step& step,
                           int error) {
  for (const Call& call : kept_) {
    if (call.step == &step && call.process == process) return;
  }
  if (kept_.size() < kMaxKept) {
    kept_.push_back({process, &step, StepPath(steps, step), error});
  } else {
    ++others_;
  }
}

CallLog::CallLog(const Steps& steps, UnexpectedCalls& unexpected)
    : steps_(steps), unexpected_(unexpected) {
  for (const v1::Step* step : LabelledSteps(steps)) {
    index_.emplace(step, labelled_.size());
    labelled_.emplace_back().step = step;
  }
}

void CallLog::Note(const std::string& process, const v1::Step& step, const Outcome& outcome) {
  if (!IsExpected(step.expect_errno(), outcome.error)) {
    unexpected_.Note(process, steps_, step, outcome.error);
  }
  const auto it = index_.find(&step);
  if (it == index_.end()) return;
  Labelled& call = labelled_[it->second];
  ++call.times;
  call.failures += outcome.error != 0;
  call.last_error = outcome.error;
  call.total_ns += outcome.took_ns;
  call.bytes += outcome.bytes;
  if (outcome.pages == nullptr) return;
  call.has_pages = true;
  call.pages = *outcome.pages;
}

}  // namespace vmsim::scenarios
