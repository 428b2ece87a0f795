// tools/command.h: the vmsim command's subcommands, and how they read their arguments.
#ifndef VMSIM_TOOLS_COMMAND_H_
#define VMSIM_TOOLS_COMMAND_H_

#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace vmsim::tools {

using Arguments = std::vector<std::string>;  // What follows the command's name.

// A subcommand: a file cmd_*.cc has one or two.
struct Command {
  const char* name;
  const char* summary;                     // One line for `vmsim help`.
  int (*run)(const Arguments& arguments);  // Returns an exit status.
};

int RunCommand(const Arguments& arguments);
int ImportCommand(const Arguments& arguments);
int CountersCommand(const Arguments& arguments);
int InvariantsCommand(const Arguments& arguments);
int PoliciesCommand(const Arguments& arguments);

// Parses the arguments of "vmsim NAME" by `app`, which has the command's options and its help text
// (purpose, then examples). Returns an exit status if the command ends here: help was printed, or
// the arguments are wrong, which stderr has been told with the nearest option. Adds -h and --help.
std::optional<int> ParseArguments(CLI::App& app, const Arguments& arguments);

}  // namespace vmsim::tools

#endif  // VMSIM_TOOLS_COMMAND_H_
