#include "scenarios/runner.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scenarios/comparison.h"
#include "scenarios/invariant_watch.h"
#include "scenarios/machine_counters.h"
#include "scenarios/result_builder.h"
#include "scenarios/scenario_check.h"
#include "scenarios/scenario_config.h"
#include "scenarios/scenario_totals.h"
#include "scenarios/text_hints.h"
#include "scenarios/trace_loader.h"

namespace vmsim::scenarios {
namespace {

// How often a run looks up from its work: at limits, at the host's clock.
// A step is an event or a stretch of a thread, so few steps can be long: the simulated clock counts
// too.
constexpr int64_t kStepsBetweenLooks = 4096;
constexpr sim::SimDuration kTimeBetweenLooks = 50 * sim::kMillisecond;
constexpr auto kProgressPeriod = std::chrono::milliseconds(100);

using HostClock = std::chrono::steady_clock;

// Watches the limits of one run.
class RunWatch {
 public:
  RunWatch(const v1::Scenario& scenario, const RunOptions& options, int64_t references_total)
      : limits_(ToRunLimits(scenario.limits())),
        options_(options),
        references_total_(references_total),
        start_(HostClock::now()),
        last_progress_(start_) {
    if (options.max_events > 0) limits_.max_events = options.max_events;
  }

  sim::SimTime time_limit() const { return limits_.max_sim_time_ns; }

  absl::Status Look(Machine& machine) {
    const auto events = static_cast<int64_t>(machine.engine().events().events_run());
    if (events > limits_.max_events) {
      return absl::ResourceExhaustedError(
          absl::StrCat("stopped after ", events, " events at ", machine.engine().now(),
                       " ns: limits.max_events is ", limits_.max_events,
                       "; raise it, or --max-events, or shorten the scenario"));
    }
    const HostClock::time_point now = HostClock::now();
    if (options_.max_wall_ms > 0 &&
        now - start_ > std::chrono::milliseconds(options_.max_wall_ms)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("stopped after ", options_.max_wall_ms, " ms of host time at ",
                       machine.engine().now(), " ns of simulated time; raise --max-wall-time"));
    }
    if (options_.progress && now - last_progress_ >= kProgressPeriod) {
      last_progress_ = now;
      if (!options_.progress(
              {machine.engine().now(), events, machine.references(), references_total_})) {
        return absl::CancelledError("stopped on request");
      }
    }
    return absl::OkStatus();
  }

  absl::Status TimeLimit() const {
    return absl::ResourceExhaustedError(
        absl::StrCat("stopped at ", limits_.max_sim_time_ns,
                     " ns of simulated time with processes still running: that is "
                     "limits.max_sim_time_ns; raise it, or find out what they wait for"));
  }

 private:
  RunLimits limits_;
  const RunOptions& options_;
  int64_t references_total_;
  HostClock::time_point start_;
  HostClock::time_point last_progress_;
};

absl::Status RunToEnd(Machine& machine, RunWatch& watch, InvariantWatch& invariants) {
  while (true) {
    const sim::SimTime looked = machine.engine().now();
    for (int64_t i = 0;
         i < kStepsBetweenLooks && machine.engine().now() - looked < kTimeBetweenLooks; ++i) {
      const bool went_on = machine.Step(watch.time_limit());
      if (!went_on || invariants.Due()) {
        if (absl::Status status = invariants.Check(); !status.ok()) return status;
      }
      if (!went_on) return machine.done() ? absl::OkStatus() : watch.TimeLimit();
    }
    if (absl::Status status = invariants.CheckCheaply(); !status.ok()) return status;
    if (absl::Status status = watch.Look(machine); !status.ok()) return status;
  }
}

// Whether some disk stored less of a write than it said, or brought less of a block: who writes a
// part of the block then stores what was in memory in place of the rest. A write that is short says
// so, and is made again.
bool DisksLied(const Machine& machine) {
  const auto lied = [](const sim::Disk& disk) {
    if (disk.faults().count(sim::DiskFaultKind::kTorn) > 0) return true;
    if (disk.faults().count(sim::DiskFaultKind::kShort) == 0) return false;
    const std::vector<sim::DiskFaultRule>& rules = disk.config().faults;
    return std::any_of(rules.begin(), rules.end(), [](const sim::DiskFaultRule& rule) {
      return rule.kind == sim::DiskFaultKind::kShort &&
             (rule.ops & sim::OpBit(sim::DiskOp::kRead)) != 0;
    });
  };
  return std::any_of(machine.disks().begin(), machine.disks().end(),
                     [&lied](const auto& disk) { return lied(*disk); });
}

// Data that were promised to be safe are, after power has failed, unless a disk was made to lie.
absl::Status CheckDurability(Machine& machine) {
  if (!machine.crash().has_value() || machine.crash()->files.violations == 0 ||
      DisksLied(machine)) {
    return absl::OkStatus();
  }
  const CrashReport& crash = *machine.crash();
  return absl::InternalError(
      absl::StrCat("at ", crash.time, " ns, after ", machine.engine().events().events_run(),
                   " events: invariant durability broken: ", crash.files.violations, " sectors; ",
                   crash.files.first));
}

TraceSize SizeOf(const std::map<std::string, TraceLayout>& traces, const std::string& file) {
  const auto it = traces.find(file);
  if (it == traces.end()) return {};
  return {static_cast<int64_t>(it->second.records.size()),
          static_cast<int64_t>(it->second.references), static_cast<int64_t>(it->second.pages)};
}

struct Loaded {
  SharedInputs inputs;
  int64_t references = 0;
};

// Of the smallest machine there is, with files or a mail relay or without; those of disks left out.
std::vector<CounterDescription> CountersOf(bool with_files, bool with_mail) {
  v1::Scenario smallest;
  smallest.mutable_memory()->set_pages(kMinMemoryPages);
  if (with_mail) smallest.mutable_mail_relay()->add_remotes();
  if (with_files) {
    smallest.add_disks()->set_name("d");
    smallest.add_file_systems()->set_disk("d");
  }
  const auto machine = Machine::Create(smallest, {}, 0);
  std::vector<CounterDescription> counters;
  for (const sim::Counter* counter : (*machine)->counters().SortedByName()) {
    if (absl::StartsWith(counter->name(), "disk.")) continue;
    counters.push_back({counter->name(), counter->unit(), counter->kind(), counter->help()});
  }
  return counters;
}

// Each list is made once a process.
const std::vector<CounterDescription>& CountersFor(const v1::Scenario& scenario) {
  static const auto* const lists = new std::array<std::vector<CounterDescription>, 4>{
      CountersOf(false, false), CountersOf(false, true), CountersOf(true, false),
      CountersOf(true, true)};
  const bool with_files = !scenario.file_systems().empty();
  return (*lists)[(with_files ? 2 : 0) + (scenario.has_mail_relay() ? 1 : 0)];
}

// What expectations may name.
std::vector<std::string> CounterNames(const v1::Scenario& scenario) {
  std::vector<std::string> names;
  for (const auto& counter : CountersFor(scenario)) names.push_back(counter.name);
  const auto add = [&names](std::vector<std::string> more) {
    for (std::string& name : more) names.push_back(std::move(name));
  };
  for (const v1::Disk& disk : scenario.disks()) add(DiskCounterNames(disk.name()));
  for (const v1::Connection& connection : scenario.connections()) {
    add(Clients::CounterNames(connection.name()));
  }
  for (const std::string& pool : PoolNames(scenario)) add(Mpools::CounterNames(pool));
  return names;
}

// Everything that can be wrong is found here, before anything is built.
absl::StatusOr<Loaded> CheckAndLoad(const v1::Scenario& scenario, const RunOptions& options,
                                    const ScenarioPlace& place) {
  CheckOptions check;
  check.allow_any_path = options.allow_any_path;
  check.counters = CounterNames(scenario);
  if (absl::Status status = CheckScenario(scenario, place, check); !status.ok()) return status;
  auto traces = LoadTraces(scenario, options.base_dir);
  if (!traces.ok()) return traces.status();
  if (absl::Status status = CheckTraceSpace(scenario, *traces, place); !status.ok()) return status;
  const ScenarioTotals totals =
      CountTotals(scenario, [&](const std::string& file) { return SizeOf(*traces, file); });
  if (absl::Status status = CheckTotals(scenario, totals, place, check); !status.ok())
    return status;
  Loaded loaded;
  loaded.inputs.traces = *std::move(traces);
  loaded.references = totals.references;
  return loaded;
}

absl::StatusOr<std::unique_ptr<Machine>> Build(const v1::Scenario& scenario,
                                               const RunOptions& options, Loaded loaded,
                                               const ScenarioPlace& place) {
  auto machine = Machine::Create(scenario, std::move(loaded.inputs),
                                 options.seed.value_or(scenario.seed()), options.planted_bugs);
  if (machine.ok()) return machine;
  return absl::Status(machine.status().code(),
                      absl::StrCat(place.file(), ": ", machine.status().message()));
}

absl::StatusOr<v1::Result> RunOne(const v1::Scenario& scenario, const RunOptions& options,
                                  const ScenarioPlace& place) {
  auto loaded = CheckAndLoad(scenario, options, place);
  if (!loaded.ok()) return loaded.status();
  RunWatch watch(scenario, options, loaded->references);
  auto machine = Build(scenario, options, *std::move(loaded), place);
  if (!machine.ok()) return machine.status();
  InvariantWatch invariants(**machine, options.check, options.check_interval_events);
  if (absl::Status status = RunToEnd(**machine, watch, invariants); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(place.file(), ": ", status.message()));
  }
  if (absl::Status status = CheckDurability(**machine); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(place.file(), ": ", status.message()));
  }
  return BuildResult(**machine);
}

absl::StatusOr<v1::Result> RunVariant(const std::vector<VariantScenario>& variants,
                                      const RunOptions& options, const ScenarioPlace& place) {
  std::vector<std::string> names;
  for (const VariantScenario& variant : variants) {
    if (variant.name == options.variant) return RunOne(variant.scenario, options, variant.place);
    names.push_back(variant.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      place.file(), ": there is no variant ", Quoted(options.variant), "; ",
      names.empty() ? "the scenario has no comparison" : Suggestion(options.variant, names)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Machine>> BuildMachine(const v1::Scenario& scenario,
                                                      const RunOptions& options,
                                                      const ScenarioPlace& place) {
  auto loaded = CheckAndLoad(scenario, options, place);
  if (!loaded.ok()) return loaded.status();
  return Build(scenario, options, *std::move(loaded), place);
}

absl::StatusOr<v1::Result> RunScenario(const v1::Scenario& scenario, const RunOptions& options,
                                       const ScenarioPlace& place) {
  if (!scenario.has_comparison() && options.variant.empty()) {
    return RunOne(scenario, options, place);
  }
  CheckOptions check;
  check.allow_any_path = options.allow_any_path;
  check.counters = CounterNames(scenario);
  if (absl::Status status = CheckScenario(scenario, place, check); !status.ok()) return status;
  auto variants = VariantsOf(scenario, place);
  if (!variants.ok()) return variants.status();
  if (!options.variant.empty()) return RunVariant(*variants, options, place);
  std::vector<v1::Result> results;
  for (const VariantScenario& variant : *variants) {
    auto result = RunOne(variant.scenario, options, variant.place);
    if (!result.ok()) {
      return absl::Status(result.status().code(),
                          absl::StrCat(result.status().message(), " (variant ", variant.name, ")"));
    }
    results.push_back(*std::move(result));
  }
  return CombineResults(scenario, options.seed.value_or(scenario.seed()), std::move(results));
}

const std::vector<CounterDescription>& ListCounters() {
  static const auto* const list = new std::vector<CounterDescription>(CountersOf(true, true));
  return *list;
}

}  // namespace vmsim::scenarios
