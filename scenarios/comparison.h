// scenarios/comparison.h: one scenario in several variants, side by side.
//
//     comparison { variants { name: "hook" }                                the scenario as it is
//                  variants { name: "off" set: "memory.pages=2000" } ... }  with fields changed
//
// A variant is the scenario without its comparison, after what it sets, and with the expectations
// that are its own or everybody's. Its run is the run of that scenario, no more: digests are equal.
#ifndef VMSIM_SCENARIOS_COMPARISON_H_
#define VMSIM_SCENARIOS_COMPARISON_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scenarios/result.pb.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

inline constexpr int kMinVariants = 2;
inline constexpr int kMaxVariants = 64;
inline constexpr int kMaxComparedFigures = 256;

struct VariantScenario {
  std::string name;
  v1::Scenario scenario;
  ScenarioPlace place;  // Knows what the variant has set.
};

// The names, the settings and the figures' number are in order, and expectations name variants that
// there are. What the figures name is checked with the rest of each variant.
absl::Status CheckComparison(const v1::Scenario& scenario, const ScenarioPlace& place);

// The variants, in order. Requires: CheckComparison accepts the scenario. InvalidArgument: a path
// or a value that does not fit.
absl::StatusOr<std::vector<VariantScenario>> VariantsOf(const v1::Scenario& scenario,
                                                        const ScenarioPlace& place);

// The results of all variants as one: sums of times, events and references; a digest of their
// digests; their expectations, each "[variant] text"; and the table of figures.
v1::Result CombineResults(const v1::Scenario& scenario, uint64_t seed,
                          std::vector<v1::Result> results);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_COMPARISON_H_
