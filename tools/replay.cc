#include "tools/replay.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "sim/check.h"
#include "tools/exit_status.h"

namespace vmsim::tools {
namespace {

std::string& Command() {
  static auto* const command = new std::string;
  return *command;
}

void OnCheckFailure(std::string_view) {
  fputs("vmsim: this is a bug in vmsim; please report the line above", stderr);
  if (!Command().empty()) fprintf(stderr, " and this command: %s", Command().c_str());
  fputs("\n", stderr);
  fflush(stderr);
  std::_Exit(kExitBug);
}

}  // namespace

void SetReplayCommand(std::string command) { Command() = std::move(command); }

void InstallFailureHandlers() { sim::SetCheckFailureHandler(OnCheckFailure); }

}  // namespace vmsim::tools
