// Vectors freebsd-pageout-scan: one scan of one queue, or a few active scans, over a recorded
// world.
#include "absl/strings/str_cat.h"
#include "tests/conformance.h"
#include "tests/pageout_world.h"
#include "vm/invariants.h"

namespace vmsim::tests {
namespace {

constexpr int kMaxTarget = 1 << 20;

vm::PageoutThresholds Thresholds() {
  vm::PageoutThresholds t;
  t.free_target = 1;  // Scans do not look at any, but the laundry thread insists on an order.
  return t;
}

// The fields of `want` that differ from `got`: the first.
std::string FirstDifference(const std::string& where, const Json& want, const Json& got) {
  for (const auto& [name, value] : want.items()) {
    const std::string difference =
        Difference(absl::StrCat(where, name), value, got.value(name, Json()));
    if (!difference.empty()) return difference;
  }
  return "";
}

// What every scan shows: the state as it left it, and again after all batches were applied.
std::string CompareState(PageoutWorld& world, Json got, const Json& want) {
  got["freed"] = world.TakeFreed();
  got["queues"] = world.Queues();
  got["pending"] = world.Pending();
  got["v_reactivated"] = world.counters().v_reactivated;
  got["v_dfree"] = world.counters().v_dfree;
  got["v_tfree"] = world.counters().v_tfree;
  Json scalar = want;
  scalar.erase("drained");
  std::string difference = FirstDifference("", scalar, got);
  if (!difference.empty()) return difference;
  world.reclaim().queues().Drain();
  vm::CheckAllInvariants({.queues = &world.reclaim().queues()});
  return FirstDifference(
      "drained ", want.at("drained"),
      {{"queues", world.Queues()}, {"cnt", world.Lengths()}, {"pages", world.PageRows()}});
}

std::string RunInactive(const Json& vector, const vm::PlantedBugs& bugs) {
  WorldConfig config{.thresholds = Thresholds(), .bugs = bugs};
  PageoutWorld world(vector, config);
  const int shortage = static_cast<int>(Int(vector.at("args").at("shortage"), 0, kMaxTarget));
  const vm::InactiveResult result =
      world.reclaim().daemon().inactive_scan().Run(shortage).RunToCompletion();
  return CompareState(world, {{"freed_count", result.freed}, {"addl_shortage", result.stuck}},
                      vector.at("result"));
}

std::string RunLaunder(const Json& vector, const vm::PlantedBugs& bugs) {
  const Json& args = vector.at("args");
  WorldConfig config{.thresholds = Thresholds(), .bugs = bugs};
  config.thresholds.pageout_page_count =
      static_cast<int>(Int(args.at("page_count"), 1, vm::PageoutCluster::kMaxPages));
  config.tunables.disable_swapspace_pageouts = Int32(args.at("disable_swap_pageouts")) != 0;
  config.swap_configured = Int32(args.at("swapdev_enabled")) != 0;
  PageoutWorld world(vector, config);
  const int target = static_cast<int>(Int(args.at("launder"), 0, kMaxTarget));
  const bool in_shortfall = Int32(args.at("in_shortfall")) != 0;
  const int laundered = world.reclaim().laundering().Run(target, in_shortfall).RunToCompletion();
  return CompareState(world, {{"laundered", laundered}, {"clusters", world.pager().clusters()}},
                      vector.at("result"));
}

std::string RunRound(PageoutWorld& world, vm::ActiveScan<RecordedPmap>& scan, const Json& round) {
  world.SetReferences(round.at("refs"));
  const int32_t ticks = Int32(round.at("ticks"));
  scan.Run(Int32(round.at("shortage")), ticks).RunToCompletion();
  vm::PageQueues& queues = world.reclaim().queues();
  std::string difference = FirstDifference("",
                                           {{"queues", round.at("queues")},
                                            {"pending", round.at("pending")},
                                            {"act", round.at("act")},
                                            {"pdpages", round.at("pdpages")},
                                            {"last_active_scan", round.at("last_active_scan")}},
                                           {{"queues", world.Queues()},
                                            {"pending", world.Pending()},
                                            {"act", world.ActCounts()},
                                            {"pdpages", queues.scanned(vm::QueueId::kActive)},
                                            {"last_active_scan", scan.last_active_scan()}});
  if (!difference.empty() || !round.contains("drained")) return difference;
  queues.Drain();
  return Difference("drained queues", round.at("drained").at("queues"), world.Queues());
}

std::string RunActive(const Json& vector, const vm::PlantedBugs& bugs) {
  const Json& cfg = vector.at("cfg");
  WorldConfig config{.thresholds = Thresholds(), .bugs = bugs};
  config.tunables.pageout_update_period_s =
      static_cast<int>(Int(cfg.at("update_period"), 0, 1 << 20));
  config.tunables.hz = static_cast<int>(Int(cfg.at("hz"), 1, 1 << 20));
  config.tunables.act_scan_laundry_weight =
      static_cast<int>(Int(cfg.at("laundry_weight"), 1, 1 << 20));
  PageoutWorld world(vector, config);
  vm::ActiveScan<RecordedPmap>& scan = world.reclaim().daemon().active_scan();
  scan.set_last_active_scan(Int32(cfg.at("last_active_scan")));
  size_t index = 0;
  for (const Json& round : vector.at("rounds")) {
    const std::string difference = RunRound(world, scan, round);
    if (!difference.empty()) return absl::StrCat("round ", index, ": ", difference);
    ++index;
  }
  world.reclaim().queues().Drain();
  vm::CheckAllInvariants({.queues = &world.reclaim().queues()});
  return FirstDifference("final ", vector.at("final"),
                         {{"queues", world.Queues()}, {"pages", world.PageRows()}});
}

}  // namespace

std::string RunPageoutScanWith(const Json& vector, const vm::PlantedBugs& bugs) {
  const std::string function = vector.at("fn");
  if (function == "vm_pageout_scan_inactive") return RunInactive(vector, bugs);
  if (function == "vm_pageout_scan_active") return RunActive(vector, bugs);
  if (function == "vm_pageout_launder") return RunLaunder(vector, bugs);
  throw BadVector(absl::StrCat("unknown function ", function));
}

std::string RunPageoutScan(const Json& vector) { return RunPageoutScanWith(vector, {}); }

}  // namespace vmsim::tests
