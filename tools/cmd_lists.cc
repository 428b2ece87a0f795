// vmsim counters, vmsim invariants, vmsim policies: what exists, with one line each.
#include <optional>
#include <string>

#include "nlohmann/json.hpp"
#include "scenarios/invariant_list.h"
#include "scenarios/runner.h"
#include "scenarios/scenario_check.h"
#include "scenarios/text_table.h"
#include "sim/counters.h"
#include "tools/command.h"
#include "tools/console.h"
#include "tools/exit_status.h"
#include "vm/invariants.h"

namespace vmsim::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kCountersHelp =
    "Lists the counters that results have and expectations can use.\n\n"
    "Examples:\n"
    "  vmsim counters\n"
    "  vmsim counters --json";

constexpr const char* kInvariantsHelp =
    "Lists the invariants that `vmsim run --check` checks: those of level cheap always, those of\n"
    "level full with --check=full.\n\n"
    "Examples:\n"
    "  vmsim invariants\n"
    "  vmsim invariants --json";

constexpr const char* kPoliciesHelp =
    "Lists what a scenario's `policy` can name.\n\n"
    "Examples:\n"
    "  vmsim policies\n"
    "  vmsim policies --json";

// Where JSON goes: nowhere, to stdout (--json), or to a file (--json F).
struct ListOptions {
  CLI::Option* json = nullptr;
  std::string file;

  void AddTo(CLI::App& app) {
    json = app.add_option("--json", file, "Print JSON, or write it to this file.")->expected(0, 1);
  }
  int Write(const Json& list, const std::string& text) const {
    if (json->count() == 0) return WriteStdout(text);
    return WriteData(file.empty() ? "-" : file, list.dump(2) + "\n");
  }
};

}  // namespace

int CountersCommand(const Arguments& arguments) {
  CLI::App app(kCountersHelp, "vmsim counters");
  ListOptions options;
  options.AddTo(app);
  if (const std::optional<int> status = ParseArguments(app, arguments)) return *status;
  Json list = Json::array();
  scenarios::TextTable table(
      {{"name", "", true}, {"unit", "", true}, {"kind", "", true}, {"meaning", "", true}});
  for (const scenarios::CounterDescription& counter : scenarios::ListCounters()) {
    const std::string kind(sim::CounterKindName(counter.kind));
    list.push_back(Json{
        {"name", counter.name}, {"unit", counter.unit}, {"kind", kind}, {"help", counter.help}});
    table.AddRow({counter.name, counter.unit, kind, counter.help});
  }
  return options.Write(Json{{"schema_version", 1}, {"counters", list}}, table.Render());
}

int InvariantsCommand(const Arguments& arguments) {
  CLI::App app(kInvariantsHelp, "vmsim invariants");
  ListOptions options;
  options.AddTo(app);
  if (const std::optional<int> status = ParseArguments(app, arguments)) return *status;
  Json list = Json::array();
  scenarios::TextTable table({{"name", "", true}, {"level", "", true}, {"meaning", "", true}});
  for (const scenarios::InvariantInfo& invariant : scenarios::ListInvariants()) {
    const std::string name(invariant.name);
    const std::string level(vm::CheckLevelName(invariant.level));
    const std::string what(invariant.what);
    list.push_back(Json{{"name", name},
                        {"level", level},
                        {"help", what},
                        {"source", std::string(invariant.source)}});
    table.AddRow({name, level, what});
  }
  return options.Write(Json{{"schema_version", 1}, {"invariants", list}}, table.Render());
}

int PoliciesCommand(const Arguments& arguments) {
  CLI::App app(kPoliciesHelp, "vmsim policies");
  ListOptions options;
  options.AddTo(app);
  if (const std::optional<int> status = ParseArguments(app, arguments)) return *status;
  Json list = Json::array();
  scenarios::TextTable table({{"name", "", true}, {"meaning", "", true}});
  for (const scenarios::PolicyInfo& policy : scenarios::Policies()) {
    list.push_back(Json{{"name", policy.name}, {"help", policy.help}});
    table.AddRow({policy.name, policy.help});
  }
  return options.Write(Json{{"schema_version", 1}, {"policies", list}}, table.Render());
}

}  // namespace vmsim::tools
