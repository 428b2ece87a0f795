// Vectors freebsd-pageout-pass: the page daemon's loop. Between two passes the recording set the
// state of memory, the moment when it did so being the daemon's sleep, or, if it did not sleep, the
// pass's begin.
#include <coroutine>
#include <optional>

#include "absl/strings/str_cat.h"
#include "tests/conformance.h"
#include "tests/pageout_world.h"
#include "vm/invariants.h"

namespace vmsim::tests {
namespace {

using vm::LaundryRequest;

struct Never {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<>) const {}
  void await_resume() const {}
};

// What vm::PageDaemon::Run lives in: plays the passes back and compares what comes of them.
class PassScript {
 public:
  PassScript(const Json& vector, PageoutWorld& world)
      : passes_(vector.at("passes")), world_(world), ticks_(Int32(vector.at("cfg").at("ticks"))) {}

  // The first difference, or "".
  const std::string& difference() const { return difference_; }
  bool done() const { return index_ == passes_.size(); }

  int32_t ticks() const { return ticks_; }

  sim::Task<void> Pause(int ticks) {
    EndPass();
    Slept("pause", ticks);
    if (Finished()) co_await Never();
  }
  sim::Task<bool> SleepUntilWanted(int ticks) {
    EndPass();
    const bool woken = !Finished() && passes_[index_].at("how") == "wakeup";
    Slept(woken ? "wakeup" : "timeout", ticks);
    if (Finished()) co_await Never();
    co_return woken;
  }
  // The recording has every pass.
  sim::Task<int64_t> SkipIdlePasses() { co_return 0; }
  sim::Task<void> BeginPass() {
    EndPass();
    if (!slept_) Slept(index_ == 0 ? "start" : "spin", 0);
    if (Finished()) co_await Never();
    slept_ = false;
    in_pass_ = true;
    Load(passes_[index_]);
  }

 private:
  bool Finished() const { return done() || !difference_.empty(); }

  // The daemon began the next pass in this way.
  void Slept(const char* how, int ticks) {
    if (Finished()) return;
    slept_ = true;
    Compare("how", passes_[index_].at("how"), how);
    Compare("timo", passes_[index_].at("timo"), ticks);
  }

  void Load(const Json& pass) {
    ticks_ = Int32(pass.at("ticks"));
    world_.domain().ForceFreeCount(Int32(pass.at("free")));
    world_.domain().ForceDeficit(static_cast<uint32_t>(Int(pass.at("deficit"), 0, 1 << 20)));
    vm::LaundryMailbox& mailbox = world_.reclaim().mailbox();
    mailbox.request = static_cast<LaundryRequest>(Int(pass.at("laundry_request"), 0, 2));
    mailbox.clean_pages_freed =
        static_cast<uint32_t>(Int(pass.at("clean_pages_freed"), 0, UINT32_MAX));
    if (Int32(pass.at("drain")) != 0) world_.reclaim().queues().Drain();
    world_.SetReferences(pass.at("refs"));
  }

  void EndPass() {
    if (!in_pass_) return;
    in_pass_ = false;
    const Json got = Outcome();
    for (const auto& [name, want] : passes_[index_].at("out").items()) {
      Compare(name.c_str(), want, got.value(name, Json()));
    }
    vm::CheckAllInvariants(
        {.queues = &world_.reclaim().queues(), .pid = &world_.reclaim().daemon().pid()});
    ++index_;
  }

  Json Outcome() {
    const vm::VmCounters& counters = world_.counters();
    const auto& reclaim = world_.reclaim();
    const vm::LaundryMailbox& mailbox = world_.reclaim().mailbox();
    const auto& daemon = world_.reclaim().daemon();
    const vm::PidController& pid = daemon.pid();
    return {{"pid", {pid.output(), pid.error(), pid.olderror(), pid.integral(), pid.derivative()}},
            {"free", world_.domain().free_count()},
            {"freed", world_.TakeFreed()},
            {"queues", world_.Queues()},
            {"pending", world_.Pending()},
            {"laundry_request", static_cast<int>(mailbox.request)},
            {"clean_pages_freed", mailbox.clean_pages_freed},
            {"oom_seq", daemon.oom_seq()},
            {"oom", world_.host().oom},
            {"swapout_runs", reclaim.swapout_runs()},
            {"laundry_wakeups", mailbox.wakeups},
            {"v_pdwakeups", counters.v_pdwakeups},
            {"v_pdshortfalls", counters.v_pdshortfalls},
            {"v_reactivated", counters.v_reactivated},
            {"v_dfree", counters.v_dfree},
            {"act", world_.ActCounts()}};
  }

  void Compare(const char* what, const Json& want, const Json& got) {
    if (!difference_.empty()) return;
    difference_ = Difference(absl::StrCat("pass ", index_, ": ", what), want, got);
  }

  const Json& passes_;
  PageoutWorld& world_;
  int32_t ticks_;
  size_t index_ = 0;
  bool in_pass_ = false;
  bool slept_ = false;
  std::string difference_;
};

vm::PageoutThresholds Thresholds(const Json& in) {
  const auto number = [&](const char* name) {
    return static_cast<int>(Int(in.at(name), 0, 1 << 30));
  };
  vm::PageoutThresholds t;
  t.interrupt_free_min = number("interrupt_free_min");
  t.pageout_free_min = number("pageout_free_min");
  t.free_reserved = number("free_reserved");
  t.free_severe = number("free_severe");
  t.free_min = number("free_min");
  t.free_target = number("free_target");
  t.inactive_target = number("inactive_target");
  t.wakeup_thresh = number("wakeup_thresh");
  t.background_launder_target = number("background_launder_target");
  t.inactive_threads = number("inactive_threads");
  t.pageout_page_count = number("pageout_page_count");
  t.update_period = number("update_period");
  t.max_user_wired = number("max_user_wired");
  const Json& pid = in.at("pid");
  t.pid = {.interval = Int32(pid.at("interval")),
           .setpoint = Int32(pid.at("setpoint")),
           .kpd = Int32(pid.at("kpd")),
           .kid = Int32(pid.at("kid")),
           .kdd = Int32(pid.at("kdd"))};
  // The vector has the product.
  const int64_t unit = Int(t.pid.setpoint, 1, 1 << 20) * Int(t.pid.kid, 1, 1 << 10);
  t.pid.bound = static_cast<int32_t>(Int(pid.at("bound"), 0, 1 << 30) / unit);
  return t;
}

}  // namespace

std::string RunPageoutPassWith(const Json& vector, const vm::PlantedBugs& bugs) {
  const Json& cfg = vector.at("cfg");
  WorldConfig config{.thresholds = Thresholds(cfg.at("thresholds")), .bugs = bugs};
  config.tunables.hz = static_cast<int>(Int(cfg.at("hz"), 1, 1 << 20));
  config.tunables.pageout_update_period_s = config.thresholds.update_period;
  config.swap_configured = Int32(cfg.at("swapdev_enabled")) != 0;
  config.free_count = Int32(cfg.at("free"));
  PageoutWorld world(vector, config);
  PassScript script(vector, world);
  sim::Task<void> thread = world.reclaim().daemon().Run(script);
  sim::ResumeChain(thread.handle());
  if (!script.difference().empty()) return script.difference();
  if (!script.done()) return "the page daemon stopped before the last pass";
  world.reclaim().queues().Drain();
  const std::string difference =
      Difference("final queues", vector.at("final").at("queues"), world.Queues());
  if (!difference.empty()) return difference;
  return Difference("final pages", vector.at("final").at("pages"), world.PageRows());
}

std::string RunPageoutPass(const Json& vector) { return RunPageoutPassWith(vector, {}); }

}  // namespace vmsim::tests
