// Vectors freebsd-pageout-laundry: the laundry thread's loop. The log tells what it asked for and
// what the levels were each time it woke; how much was laundered is scripted.
#include <coroutine>

#include "absl/strings/str_cat.h"
#include "tests/conformance.h"
#include "vm/invariants.h"
#include "vm/laundry_thread.h"

namespace vmsim::tests {
namespace {

struct Never {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<>) const {}
  void await_resume() const {}
};

// What vm::LaundryThread::Run lives in: plays the log back.
class LaundryScript {
 public:
  LaundryScript(const Json& vector, vm::LaundryMailbox& mailbox)
      : log_(vector.at("log")), mailbox_(mailbox) {
    Load(vector.at("init"), 0);
  }

  const std::string& difference() const { return difference_; }

  vm::LaundryLevels levels() const { return levels_; }
  sim::Task<void> BeginRound() {
    if (Finished()) co_await Never();
  }
  sim::Task<int> Launder(int target, bool in_shortfall) {
    const size_t row = index_;
    Did({"L", target, in_shortfall ? 1 : 0}, 1);
    if (Finished() && !difference_.empty()) co_await Never();
    co_return static_cast<int>(Int(log_[row].at(3), 0, 1 << 30));
  }
  sim::Task<void> Pause(int ticks) {
    Did({"P", ticks}, 0);
    if (!Wake()) co_await Never();
  }
  sim::Task<void> SleepUntilKicked() {
    Did({"S", 0}, 0);
    if (!Wake()) co_await Never();
  }

 private:
  bool Finished() const { return index_ >= log_.size() || !difference_.empty(); }

  void Load(const Json& row, size_t first) {
    mailbox_.request = static_cast<vm::LaundryRequest>(Int(row.at(first), 0, 2));
    mailbox_.clean_pages_freed = static_cast<uint32_t>(Int(row.at(first + 1), 0, UINT32_MAX));
    levels_.free_count = Int32(row.at(first + 2));
    levels_.inactive = Int32(row.at(first + 3));
    levels_.laundry = Int32(row.at(first + 4));
    levels_.deficit = static_cast<uint32_t>(Int(row.at(first + 5), 0, UINT32_MAX));
  }

  // The thread did `got`: the next row of the log, but for its last `scripted` fields.
  void Did(const Json& got, size_t scripted) {
    if (Finished()) return;
    const Json& row = log_.at(index_);
    Json want = Json::array();
    for (size_t i = 0; i + scripted < row.size(); ++i) want.push_back(row[i]);
    difference_ = Difference(absl::StrCat("row ", index_), want, got);
    ++index_;
  }

  // The state it wakes to. False: the log ends here.
  bool Wake() {
    if (Finished()) return false;
    if (log_[index_].at(0) != "E") {
      difference_ = absl::StrCat("row ", index_, ": the thread slept, the log does not say so");
      return false;
    }
    Load(log_[index_++], 1);
    return true;
  }

  const Json& log_;
  vm::LaundryMailbox& mailbox_;
  vm::LaundryLevels levels_;
  size_t index_ = 0;
  std::string difference_;
};

}  // namespace

std::string RunPageoutLaundry(const Json& vector) {
  vm::PageoutThresholds thresholds;
  thresholds.free_target = static_cast<int>(Int(vector.at("free_target"), 1, 1 << 30));
  thresholds.free_min = static_cast<int>(Int(vector.at("free_min"), 0, thresholds.free_target - 1));
  thresholds.background_launder_target = Int32(vector.at("background_launder_target"));
  vm::Tunables tunables;
  tunables.hz = static_cast<int>(Int(vector.at("hz"), 1, 1 << 20));
  tunables.background_launder_rate_kb =
      static_cast<uint32_t>(Int(vector.at("background_launder_rate_kb"), 0, UINT32_MAX));
  tunables.background_launder_max_kb =
      static_cast<uint32_t>(Int(vector.at("background_launder_max_kb"), 0, UINT32_MAX));
  vm::LaundryMailbox mailbox;
  LaundryScript script(vector, mailbox);
  vm::LaundryThread laundry(thresholds, tunables, mailbox);
  sim::Task<void> thread = laundry.Run(script);
  sim::ResumeChain(thread.handle());
  vm::CheckAllInvariants({.laundry = &laundry});
  return script.difference();
}

}  // namespace vmsim::tests
