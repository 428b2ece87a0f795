// Vectors freebsd-pageout-thresholds: what a domain computes at boot, then predicates and targets
// at a few states of it; and a list of integer square roots.
#include "absl/strings/str_cat.h"
#include "tests/conformance.h"
#include "vm/thresholds.h"

namespace vmsim::tests {
namespace {

using vm::PageoutThresholds;

int Natural(const Json& value, int least = 0) {
  return static_cast<int>(Int(value, least, std::numeric_limits<int32_t>::max()));
}

Json Output(const PageoutThresholds& t) {
  return {{"free_reserved", t.free_reserved},
          {"free_severe", t.free_severe},
          {"free_min", t.free_min},
          {"free_target", t.free_target},
          {"inactive_target", t.inactive_target},
          {"pageout_free_min", t.pageout_free_min},
          {"interrupt_free_min", t.interrupt_free_min},
          {"wakeup_thresh", t.wakeup_thresh},
          {"background_launder_target", t.background_launder_target},
          {"inactive_threads", t.inactive_threads},
          {"pageout_page_count", t.pageout_page_count},
          {"update_period", t.update_period},
          {"max_user_wired", t.max_user_wired},
          {"pid",
           {{"setpoint", t.pid.setpoint},
            {"interval", t.pid.interval},
            {"bound", vm::PidController(t.pid).bound()},
            {"kpd", t.pid.kpd},
            {"kid", t.pid.kid},
            {"kdd", t.pid.kdd}}}};
}

std::string RunProbe(const PageoutThresholds& t, size_t index, const Json& probe) {
  const int free = Natural(probe.at(0));
  const int inactive = Natural(probe.at(1)), laundry = Natural(probe.at(2));
  // The last column is always 0.
  return RowDifference(
      index, probe, 3,
      {vm::PagingTarget(t, free), int{vm::PagingNeeded(t, free)}, int{vm::PagingMin(t, free)},
       int{vm::PagingSevere(t, free)}, vm::LaundryTarget(t, free),
       vm::ActiveScanTarget(t, free, inactive, laundry), 0});
}

std::string RunIsqrt(const Json& pairs) {
  size_t index = 0;
  for (const Json& pair : pairs) {
    const auto n = static_cast<uint32_t>(Int(pair.at(0), 0, UINT32_MAX));
    const std::string difference = RowDifference(index++, pair, 1, Json::array({vm::Isqrt(n)}));
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace

std::string RunPageoutThresholds(const Json& vector) {
  if (vector.contains("isqrt")) return RunIsqrt(vector.at("isqrt"));
  const PageoutThresholds t =
      vm::ComputePageoutThresholds({.page_count = Natural(vector.at("page_count")),
                                    .free_count = Natural(vector.at("free_count")),
                                    .ncpus = Natural(vector.at("ncpus"), 1),
                                    .cpus_per_thread = Int32(vector.at("cpus_per_thread")),
                                    .hz = Natural(vector.at("hz"), 1)});
  const Json output = Output(t);
  for (const auto& [name, want] : vector.at("out").items()) {
    const std::string difference = Difference(name, want, output.value(name, Json()));
    if (!difference.empty()) return difference;
  }
  size_t index = 0;
  for (const Json& probe : vector.at("probe")) {
    const std::string difference = RunProbe(t, index++, probe);
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace vmsim::tests
