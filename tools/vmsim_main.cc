// The vmsim command: finds the subcommand and lets it run. `vmsim help` says what there is.
#include <signal.h>

#include <iterator>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scenarios/text_hints.h"
#include "tools/command.h"
#include "tools/console.h"
#include "tools/exit_status.h"
#include "tools/replay.h"

namespace vmsim::tools {
namespace {

constexpr Command kCommands[] = {
    {"run", "simulate scenarios; print a summary, or JSON", RunCommand},
    {"import", "convert a trace to vmsim's own compact form", ImportCommand},
    {"counters", "list the counters that results have", CountersCommand},
    {"invariants", "list what a run checks of the simulated memory", InvariantsCommand},
    {"policies", "list the reclaim policies that a scenario can name", PoliciesCommand},
};

std::string Help() {
  std::string text =
      "vmsim: a deterministic simulator of virtual-memory paging.\n\n"
      "Examples:\n"
      "  vmsim run scenarios/quickstart.txtpb\n"
      "  vmsim run scenarios/quickstart.txtpb --set memory.pages=2000 --json out.json\n\n"
      "Commands:\n";
  for (const Command& command : kCommands) {
    absl::StrAppendFormat(&text, "  %-10s %s\n", command.name, command.summary);
  }
  absl::StrAppend(&text, "  help       print this, or with a command's name its help\n\n",
                  "`vmsim COMMAND --help` shows a command's options.\n");
  return text;
}

const Command* FindCommand(const std::string& name) {
  for (const Command& command : kCommands) {
    if (name == command.name) return &command;
  }
  return nullptr;
}

int UnknownCommand(const std::string& word) {
  std::vector<std::string> names = {"help"};
  for (const Command& command : kCommands) names.push_back(command.name);
  Complain(absl::StrCat("unknown ", word[0] == '-' ? "option " : "command ",
                        scenarios::Quoted(word), "; ", scenarios::Suggestion(word, names),
                        " (`vmsim help` explains them)"));
  return kExitUsage;
}

int HelpCommand(const Arguments& arguments) {
  if (arguments.empty() || arguments[0] == "help" || arguments[0] == "-h" ||
      arguments[0] == "--help") {
    return WriteStdout(Help());
  }
  const Command* command = FindCommand(arguments[0]);
  return command == nullptr ? UnknownCommand(arguments[0]) : command->run({"--help"});
}

int Main(Arguments words) {
  if (words.empty()) return HelpCommand({});
  const std::string word = words[0];
  const Arguments arguments(words.begin() + 1, words.end());
  if (word == "help" || word == "-h" || word == "--help") return HelpCommand(arguments);
  const Command* command = FindCommand(word);
  if (command == nullptr) return UnknownCommand(word.empty() ? " " : word);
  return command->run(arguments);
}

}  // namespace
}  // namespace vmsim::tools

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // A closed pipe is noticed by the write.
  vmsim::tools::InstallFailureHandlers();
  try {
    return vmsim::tools::Main({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::bad_alloc&) {
    vmsim::tools::Complain("out of memory of this host; simulate less memory or smaller maps");
    return vmsim::tools::kExitLimit;
  }
}
