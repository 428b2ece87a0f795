// tools/replay.h: how to see a failure again.
#ifndef VMSIM_TOOLS_REPLAY_H_
#define VMSIM_TOOLS_REPLAY_H_

#include <string>

namespace vmsim::tools {

// From now on a broken invariant ends the process with status 70, and tells stderr this command.
// Empty: there is none.
void SetReplayCommand(std::string command);

// Makes broken invariants (sim/check.h) end the process that way. Called once, by main.
void InstallFailureHandlers();

}  // namespace vmsim::tools

#endif  // VMSIM_TOOLS_REPLAY_H_
