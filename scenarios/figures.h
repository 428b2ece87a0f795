// scenarios/figures.h: single numbers of a result, by name: what expectations bound and comparisons
// show.
#ifndef VMSIM_SCENARIOS_FIGURES_H_
#define VMSIM_SCENARIOS_FIGURES_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "scenarios/known_names.h"
#include "scenarios/result.pb.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// The histograms that every result has, in its order.
inline constexpr const char* kHistogramNames[] = {"fault_soft_ns", "fault_zero_ns", "fault_hard_ns",
                                                  "fault_ns"};
// Those of a mail relay's result, behind them; then one for each remote: "mail_delivery_ns[fast]".
inline constexpr const char* kMailHistogramNames[] = {"mail_delivery_ns", "mail_turn_ns",
                                                      "mail_pull_ns"};
std::string RemoteHistogramName(const std::string& remote);
// Of the scenario's result.
std::set<std::string> HistogramNames(const v1::Scenario& scenario);

// What a figure may name.
struct FigureNames {
  const KnownNames& known;
  std::set<std::string> counters;  // Empty: any.
  std::set<std::string> histograms;
};

// What an expectation is about.
v1::Figure FigureOf(const v1::Expectation& expectation);

// The number; nothing if the result does not have it.
std::optional<int64_t> FindFigure(const v1::Result& result, const v1::Figure& figure);

// "v_swappgsin", "fault_hard_ns p99", "process[cc1] majflt", "call[cc1 lock] failures".
std::string FigureText(const v1::Figure& figure);

// Whether it is set and names what there is. `at` is what the figure belongs to.
absl::Status CheckFigure(const ScenarioPlace& place, const FieldRef& at, const v1::Figure& figure,
                         const FigureNames& names);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_FIGURES_H_
