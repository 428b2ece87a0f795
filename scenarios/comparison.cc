#include "scenarios/comparison.h"

#include <cstdint>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scenarios/check_rules.h"
#include "scenarios/figures.h"
#include "scenarios/scenario_override.h"
#include "scenarios/status_macros.h"
#include "sim/trace.h"

namespace vmsim::scenarios {
namespace {

absl::Status CheckVariants(const v1::Comparison& comparison, const ScenarioPlace& place,
                           const FieldRef& at, std::set<std::string>& names) {
  if (comparison.variants_size() < kMinVariants || comparison.variants_size() > kMaxVariants) {
    return place.Error({&at, "variants"}, absl::StrCat("has ", comparison.variants_size(),
                                                       " variants; use ", kMinVariants, " to ",
                                                       kMaxVariants, ", or remove the comparison"));
  }
  for (int i = 0; i < comparison.variants_size(); ++i) {
    const FieldRef variant{&at, "variants", i};
    VMSIM_RETURN_IF_ERROR(
        CheckNewName(place, {&variant, "name"}, comparison.variants(i).name(), "variant", names));
    for (int j = 0; j < comparison.variants(i).set_size(); ++j) {
      const std::string& set = comparison.variants(i).set(j);
      if (absl::StartsWith(set, "comparison") || absl::StartsWith(set, "expectations")) {
        return place.Error({&variant, "set", j},
                           "changes the comparison itself; set what is simulated");
      }
    }
  }
  return absl::OkStatus();
}

// Drops those of other variants.
void KeepExpectations(const std::string& variant, v1::Scenario* scenario) {
  google::protobuf::RepeatedPtrField<v1::Expectation> kept;
  for (v1::Expectation& expectation : *scenario->mutable_expectations()) {
    if (!expectation.variant().empty() && expectation.variant() != variant) continue;
    expectation.clear_variant();
    kept.Add(std::move(expectation));
  }
  scenario->mutable_expectations()->Swap(&kept);
}

std::string DigestOf(const std::vector<v1::Result>& results) {
  sim::DigestSink digest;
  for (const v1::Result& result : results) digest.Add(result.digest(), 0);
  return digest.Hex();
}

}  // namespace

absl::Status CheckComparison(const v1::Scenario& scenario, const ScenarioPlace& place) {
  const FieldRef root, at{&root, "comparison"};
  std::set<std::string> names;
  if (scenario.has_comparison()) {
    VMSIM_RETURN_IF_ERROR(CheckVariants(scenario.comparison(), place, at, names));
    const int figures = scenario.comparison().figures_size();
    if (figures < 1 || figures > kMaxComparedFigures) {
      return place.Error({&at, "figures"},
                         absl::StrCat("has ", figures, " figures; use 1 to ", kMaxComparedFigures));
    }
  }
  for (int i = 0; i < scenario.expectations_size(); ++i) {
    const std::string& variant = scenario.expectations(i).variant();
    const FieldRef expectation{&root, "expectations", i}, field{&expectation, "variant"};
    if (variant.empty()) continue;
    VMSIM_RETURN_IF_ERROR(CheckKnownName(place, field, variant, "variant", names));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<VariantScenario>> VariantsOf(const v1::Scenario& scenario,
                                                        const ScenarioPlace& place) {
  std::vector<VariantScenario> variants;
  const FieldRef root, at{&root, "comparison"};
  for (int i = 0; i < scenario.comparison().variants_size(); ++i) {
    const v1::Variant& variant = scenario.comparison().variants(i);
    variants.push_back({variant.name(), scenario, place});
    VariantScenario& made = variants.back();
    made.scenario.clear_comparison();
    KeepExpectations(variant.name(), &made.scenario);
    for (int j = 0; j < variant.set_size(); ++j) {
      absl::StatusOr<std::string> field = ApplyOverride(variant.set(j), &made.scenario);
      if (!field.ok()) {
        const FieldRef element{&at, "variants", i};
        return place.Error({&element, "set", j}, field.status().message());
      }
      made.place.AddOverride(*std::move(field), variant.set(j));
    }
  }
  return variants;
}

v1::Result CombineResults(const v1::Scenario& scenario, uint64_t seed,
                          std::vector<v1::Result> results) {
  v1::Result combined;
  combined.set_schema_version(results.front().schema_version());
  combined.set_scenario(scenario.name());
  combined.set_seed(seed);
  combined.set_digest(DigestOf(results));
  for (const v1::Figure& figure : scenario.comparison().figures()) {
    v1::ComparedFigure* row = combined.add_figures();
    row->set_text(FigureText(figure));
    for (const v1::Result& result : results) {
      const std::optional<int64_t> value = FindFigure(result, figure);
      v1::FigureValue* cell = row->add_values();
      if (value.has_value()) cell->set_value(*value);
    }
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string& name = scenario.comparison().variants(static_cast<int>(i)).name();
    combined.set_sim_time_ns(combined.sim_time_ns() + results[i].sim_time_ns());
    combined.set_events_run(combined.events_run() + results[i].events_run());
    combined.set_references(combined.references() + results[i].references());
    for (const v1::ExpectationResult& outcome : results[i].expectations()) {
      v1::ExpectationResult* copy = combined.add_expectations();
      *copy = outcome;
      copy->set_text(absl::StrCat("[", name, "] ", outcome.text()));
    }
    v1::VariantResult* variant = combined.add_variants();
    variant->set_name(name);
    *variant->mutable_result() = std::move(results[i]);
  }
  return combined;
}

}  // namespace vmsim::scenarios
