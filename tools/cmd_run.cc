// vmsim run: simulates scenarios.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "scenarios/expectations.h"
#include "scenarios/report.h"
#include "scenarios/result_json.h"
#include "scenarios/runner.h"
#include "scenarios/scenario_reader.h"
#include "tools/command.h"
#include "tools/console.h"
#include "tools/exit_status.h"
#include "tools/progress_line.h"
#include "tools/replay.h"

namespace vmsim::tools {
namespace {

constexpr const char* kHelp =
    "Simulates scenarios and prints what came, or JSON.\n\n"
    "Examples:\n"
    "  vmsim run scenarios/quickstart.txtpb\n"
    "  vmsim run a.txtpb --set memory.pages=2000 --seed 7 --json out.json\n\n"
    "Exit status: 0 all went well, 1 an expectation failed, 64 usage, 65 a bad scenario or trace,\n"
    "66 a missing file, 70 a bug in vmsim, 73 or 74 output, 75 a limit was reached. Of several\n"
    "scenarios, the highest.";

struct Options {
  std::vector<std::string> scenarios;
  std::vector<std::string> sets;
  std::optional<uint64_t> seed;
  std::string variant;
  std::string json;  // Empty: none.
  std::string output = "text";
  std::string color = "auto";
  bool quiet = false;
  bool allow_any_path = false;
  int64_t max_events = 0;
  double max_wall_s = 0;
  int64_t max_scenario_bytes = scenarios::ReadOptions().max_file_bytes;
  std::string check = "cheap";
  int64_t check_interval_events = 0;
};

void AddOptions(CLI::App& app, Options& options) {
  app.add_option("SCENARIO", options.scenarios, "Scenario files (.txtpb, .binpb), - for stdin.")
      ->required();
  app.add_option("--set", options.sets,
                 "path=value: replaces a field, as in memory.pages=2000 or "
                 "processes[0].steps[1].generate.refs=10; may be given several times.")
      ->allow_extra_args(false);
  // CLI11 itself would take -1 for the largest number.
  app.add_option_function<std::string>(
         "--seed",
         [&options](const std::string& text) {
           uint64_t seed = 0;
           if (!absl::SimpleAtoi(text, &seed)) {
             throw CLI::ValidationError("--seed", "not a whole number from 0 to 2^64 - 1: " + text);
           }
           options.seed = seed;
         },
         "Seed, in place of the scenario's.")
      ->type_name("UINT");
  app.add_option("--variant", options.variant,
                 "Of a scenario with a comparison: run only this variant, with its whole report.");
  app.add_option("--json", options.json,
                 "Write the result as JSON to this file, replacing it; - is stdout. Of several "
                 "scenarios, one line each.");
  app.add_option("--output", options.output, "What stdout gets: text (default) or json.")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_flag("-q,--quiet", options.quiet, "No report and no progress; errors only.");
  app.add_option("--max-events", options.max_events,
                 "Stop after so many events, in place of limits.max_events.")
      ->check(CLI::Range(int64_t{1}, INT64_MAX));
  app.add_option("--max-wall-time", options.max_wall_s, "Stop each run after so many seconds.")
      ->check(CLI::Range(0.001, 1e9));
  app.add_option("--color", options.color, "auto (default), always or never.")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_flag("--allow-any-path", options.allow_any_path,
               "Let scenarios name traces outside their folder.");
  app.add_option("--max-scenario-bytes", options.max_scenario_bytes,
                 "Refuse larger scenario files (default 4 MiB).")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
  app.add_option("--check", options.check,
                 "Which invariants to check during the run: off, cheap (default) or full; `vmsim "
                 "invariants` lists them.")
      ->check(CLI::IsMember({"off", "cheap", "full"}));
  app.add_option("--check-interval-events", options.check_interval_events,
                 "With --check=full: check each time so many events have run (default one for "
                 "every 64 pages of memory, at least 16).")
      ->check(CLI::Range(int64_t{1}, INT64_MAX));
}

volatile sig_atomic_t interrupted = 0;
void OnInterrupt(int) { interrupted = 1; }

// While it lives, Ctrl-C stops the run in an orderly way; a second one ends the process.
class InterruptGuard {
 public:
  InterruptGuard() {
    struct sigaction action = {};
    action.sa_handler = OnInterrupt;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &before_);
  }
  ~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_;
};

// Four fifths of what this process may have: beyond that the host swaps for the simulator.
int64_t HostMemoryBytes() {
  int64_t bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE);
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    bytes = std::min(bytes, static_cast<int64_t>(limit.rlim_cur));
  }
  return std::max<int64_t>(bytes, 0) / 5 * 4;
}

class Runs {
 public:
  explicit Runs(const Options& options) : options_(options) {}

  int Run() {
    if (!options_.json.empty()) {
      if (const ExitStatus status = ProbeOutput(options_.json); status != kExitOk) return status;
    }
    for (const std::string& path : options_.scenarios) {
      worst_ = std::max(worst_, static_cast<int>(RunOne(path)));
      if (interrupted != 0) return kExitInterrupted;
    }
    if (!options_.json.empty()) WriteJson();
    return worst_;
  }

 private:
  bool stdout_is_json() const { return options_.json == "-"; }

  ExitStatus RunOne(const std::string& path) {
    scenarios::ReadOptions read;
    read.max_file_bytes = options_.max_scenario_bytes;
    read.overrides = options_.sets;
    read.check.allow_any_path = options_.allow_any_path;
    read.check.max_host_bytes = HostMemoryBytes();
    const absl::StatusOr<scenarios::ScenarioFile> file = scenarios::ReadScenario(path, read);
    if (!file.ok()) return Failed(file.status());
    const std::string replay = ReplayCommand(path, options_.seed.value_or(file->scenario.seed()));
    SetReplayCommand(replay);
    const absl::StatusOr<v1::Result> result = Simulate(*file);
    SetReplayCommand("");
    if (!result.ok()) return RunFailed(result.status(), replay);
    results_.push_back(*result);
    return Report(path, *result, replay);
  }

  absl::StatusOr<v1::Result> Simulate(const scenarios::ScenarioFile& file) {
    ProgressLine line(file.scenario.name(), !options_.quiet && StderrIsTerminal());
    const InterruptGuard guard;
    scenarios::RunOptions run;
    run.seed = options_.seed;
    run.variant = options_.variant;
    run.max_events = options_.max_events;
    run.max_wall_ms = static_cast<int64_t>(options_.max_wall_s * 1000);
    run.base_dir = file.base_dir;
    run.allow_any_path = options_.allow_any_path;
    run.check = vm::ParseCheckLevel(options_.check).value_or(vm::CheckLevel::kCheap);
    run.check_interval_events = options_.check_interval_events;
    run.progress = [&line](const scenarios::Progress& progress) {
      line.Update(progress);
      return interrupted == 0;
    };
    return scenarios::RunScenario(file.scenario, run, file.place);
  }

  ExitStatus Failed(const absl::Status& status) {
    Complain(status.message());
    all_finished_ = false;
    return InputExitStatus(status);
  }

  ExitStatus RunFailed(const absl::Status& status, const std::string& replay) {
    const ExitStatus exit_status = Failed(status);
    if (exit_status == kExitBug) {
      Complain(absl::StrCat(
          "this is a bug in vmsim; please report the line above and this command: ", replay));
    }
    return exit_status;
  }

  ExitStatus Report(const std::string& path, const v1::Result& result, const std::string& replay) {
    ExitStatus status = kExitOk;
    if (!options_.quiet && !stdout_is_json()) {
      scenarios::ReportOptions report;
      report.color = UseColor(options_.color);
      status = WriteStdout(
          absl::StrCat(results_.size() > 1 ? "\n" : "", scenarios::TextReport(result, report)));
    }
    if (scenarios::AllExpectationsPassed(result)) return status;
    for (const v1::ExpectationResult& outcome : result.expectations()) {
      if (outcome.passed()) continue;
      Complain(absl::StrCat(path, ": expected ", outcome.text(), ", got ",
                            outcome.has_got() ? absl::StrCat(outcome.got()) : "no such figure",
                            "; to see it again: ", replay));
    }
    return std::max(status, kExitExpectation);
  }

  // A file holds the results of all scenarios, or is left as it was; stdout gets what there is.
  void WriteJson() {
    if (results_.empty()) return;
    if (!stdout_is_json() && !all_finished_) {
      Complain(
          absl::StrCat(options_.json, ": not written, because not every scenario has a result"));
      return;
    }
    const bool one = options_.scenarios.size() == 1;
    std::string text;
    for (const v1::Result& result : results_) {
      text += one ? scenarios::ResultToJson(result) : scenarios::ResultToJsonLine(result);
    }
    worst_ = std::max(worst_, static_cast<int>(WriteData(options_.json, text)));
  }

  std::string ReplayCommand(const std::string& path, uint64_t seed) const {
    std::string command = absl::StrCat("vmsim run ", ShellQuoted(path), " --seed ", seed);
    for (const std::string& set : options_.sets) {
      absl::StrAppend(&command, " --set ", ShellQuoted(set));
    }
    if (!options_.variant.empty()) {
      absl::StrAppend(&command, " --variant ", ShellQuoted(options_.variant));
    }
    if (options_.allow_any_path) absl::StrAppend(&command, " --allow-any-path");
    if (options_.check != "cheap") absl::StrAppend(&command, " --check ", options_.check);
    if (options_.check_interval_events > 0) {
      absl::StrAppend(&command, " --check-interval-events ", options_.check_interval_events);
    }
    return command;
  }

  const Options& options_;
  std::vector<v1::Result> results_;
  bool all_finished_ = true;
  int worst_ = kExitOk;
};

}  // namespace

int RunCommand(const Arguments& arguments) {
  CLI::App app(kHelp, "vmsim run");
  Options options;
  AddOptions(app, options);
  if (const std::optional<int> status = ParseArguments(app, arguments)) return *status;
  if (options.output == "json") {
    if (!options.json.empty() && options.json != "-") {
      Complain("--output json and --json FILE exclude each other; use one of them");
      return kExitUsage;
    }
    options.json = "-";
  }
  return Runs(options).Run();
}

}  // namespace vmsim::tools
