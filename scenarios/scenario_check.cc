#include "scenarios/scenario_check.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "scenarios/check_rules.h"
#include "scenarios/comparison.h"
#include "scenarios/expectations.h"
#include "scenarios/file_check.h"
#include "scenarios/machine_check.h"
#include "scenarios/mail_check.h"
#include "scenarios/process_check.h"
#include "scenarios/scenario_config.h"
#include "scenarios/status_macros.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kMaxMappedPages = int64_t{1} << 32;
constexpr int64_t kMaxPagesMappedInAll = int64_t{1} << 40;
constexpr int64_t kMaxStepRuns = 1'000'000'000;
constexpr int64_t kMaxLabelledCalls = 100'000;

absl::Status CheckGeneral(const v1::Scenario& scenario, const ScenarioPlace& place) {
  constexpr IntegerRule kLimitRules[] = {
      {"max_sim_time_ns", 1, 100'000'000'000'000'000},
      {"max_events", 1, std::numeric_limits<int64_t>::max()},
      {"max_references", 1, int64_t{1} << 60},
  };
  constexpr IntegerRule kScenarioRules[] = {
      {"sample_interval_ns", 100'000, 100'000'000'000'000'000},
  };
  const FieldRef root;
  if (!scenario.name().empty()) {
    VMSIM_RETURN_IF_ERROR(CheckName(place, {&root, "name"}, scenario.name()));
  }
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, {&root, "limits"}, scenario.limits(), kLimitRules));
  return CheckIntegers(place, root, scenario, kScenarioRules);
}

// The comparison's figures, and each of its scenarios by itself.
absl::Status CheckVariants(const v1::Scenario& scenario, const ScenarioPlace& place,
                           const CheckOptions& options, const FigureNames& names) {
  const FieldRef root, comparison{&root, "comparison"};
  for (int i = 0; i < scenario.comparison().figures_size(); ++i) {
    VMSIM_RETURN_IF_ERROR(
        CheckFigure(place, {&comparison, "figures", i}, scenario.comparison().figures(i), names));
  }
  auto variants = VariantsOf(scenario, place);
  if (!variants.ok()) return variants.status();
  for (const VariantScenario& variant : *variants) {
    VMSIM_RETURN_IF_ERROR(CheckScenario(variant.scenario, variant.place, options));
  }
  return absl::OkStatus();
}

// The part of a total that is counted without the traces.
TraceSize NoTraces(const std::string&) { return {}; }

}  // namespace

absl::Status CheckTotals(const v1::Scenario& scenario, const ScenarioTotals& totals,
                         const ScenarioPlace& place, const CheckOptions& options) {
  if (totals.mapped_pages > kMaxMappedPages) {
    return place.Error(
        "processes", absl::StrCat("all maps together have more than ", kMaxMappedPages,
                                  " pages, those of children counted; use fewer or smaller ones"));
  }
  if (totals.pages_mapped_in_all > kMaxPagesMappedInAll) {
    return place.Error("processes", absl::StrCat("repeats map more than ", kMaxPagesMappedInAll,
                                                 " pages one after another; repeat less"));
  }
  if (totals.step_runs > kMaxStepRuns) {
    return place.Error("processes", absl::StrCat("with repeats and copies, more than ",
                                                 kMaxStepRuns, " steps would run; repeat less"));
  }
  if (totals.labelled_calls > kMaxLabelledCalls) {
    return place.Error("processes",
                       absl::StrCat("with copies and children, more than ", kMaxLabelledCalls,
                                    " calls have a label; remove labels, or use fewer processes"));
  }
  const int64_t max_references = ToRunLimits(scenario.limits()).max_references;
  if (totals.references > max_references) {
    return place.Error(
        "processes", absl::StrCat("more than limits.max_references = ", max_references,
                                  " references would be made; make fewer, or raise ", "the limit"));
  }
  if (options.max_host_bytes != 0 && totals.host_bytes > options.max_host_bytes) {
    return place.Error("memory", absl::StrCat("the run may need ", totals.host_bytes >> 20,
                                              " MiB of this host's memory, which can give ",
                                              options.max_host_bytes >> 20,
                                              "; simulate less memory, smaller maps or less swap"));
  }
  return absl::OkStatus();
}

absl::Status CheckScenario(const v1::Scenario& scenario, const ScenarioPlace& place,
                           const CheckOptions& options) {
  KnownNames names;
  VMSIM_RETURN_IF_ERROR(CheckShape(place, scenario));
  VMSIM_RETURN_IF_ERROR(CheckGeneral(scenario, place));
  VMSIM_RETURN_IF_ERROR(CheckMachine(scenario, place));
  VMSIM_RETURN_IF_ERROR(CheckFiles(scenario, place));
  VMSIM_RETURN_IF_ERROR(CheckMailRelay(scenario, place));
  VMSIM_RETURN_IF_ERROR(CheckProcesses(scenario, place, options, names));
  const FigureNames figures{
      names, {options.counters.begin(), options.counters.end()}, HistogramNames(scenario)};
  VMSIM_RETURN_IF_ERROR(CheckExpectations(scenario, place, figures));
  VMSIM_RETURN_IF_ERROR(CheckTotals(scenario, CountTotals(scenario, NoTraces), place, options));
  VMSIM_RETURN_IF_ERROR(CheckComparison(scenario, place));
  return scenario.has_comparison() ? CheckVariants(scenario, place, options, figures)
                                   : absl::OkStatus();
}

const std::vector<PolicyInfo>& Policies() {
  static const auto* const policies = new std::vector<PolicyInfo>{
      {"freebsd",
       "FreeBSD's page daemon: active, inactive and laundry queues, PID controller, "
       "laundry thread, out-of-memory killer. The default."},
  };
  return *policies;
}

}  // namespace vmsim::scenarios
