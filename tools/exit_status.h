// tools/exit_status.h: what the vmsim command says to whoever called it. Those of sysexits.h where
// there is one.
#ifndef VMSIM_TOOLS_EXIT_STATUS_H_
#define VMSIM_TOOLS_EXIT_STATUS_H_

#include "absl/status/status.h"

namespace vmsim::tools {

enum ExitStatus : int {
  kExitOk = 0,
  kExitExpectation = 1,    // An expectation failed.
  kExitUsage = 64,         // The command line is wrong.
  kExitBadInput = 65,      // A scenario or a trace is wrong.
  kExitNoInput = 66,       // A file is missing or cannot be opened.
  kExitBug = 70,           // A broken invariant of vmsim itself.
  kExitCannotCreate = 73,  // An output file cannot be created.
  kExitOutput = 74,        // Output cannot be written.
  kExitLimit = 75,         // A limit was reached: events, time, memory.
  kExitInterrupted = 130,  // Ctrl-C.
};

// For errors of what is read.
ExitStatus InputExitStatus(const absl::Status& error);
// For errors of scenarios/atomic_file.h.
ExitStatus OutputExitStatus(const absl::Status& error);

}  // namespace vmsim::tools

#endif  // VMSIM_TOOLS_EXIT_STATUS_H_
