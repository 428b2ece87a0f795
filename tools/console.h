// tools/console.h: stdout is data, stderr is talk.
#ifndef VMSIM_TOOLS_CONSOLE_H_
#define VMSIM_TOOLS_CONSOLE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "tools/exit_status.h"

namespace vmsim::tools {

// Writes data to stdout. A reader that went away is no error (`vmsim run ... | head`); anything
// else that goes wrong is told on stderr and is kExitOutput.
ExitStatus WriteStdout(absl::string_view text);

// Writes data to a file, whole or not at all, or to stdout if `path` is "-".
ExitStatus WriteData(const std::string& path, absl::string_view text);

// Finds out early whether WriteData can create `path`; tells stderr if not.
ExitStatus ProbeOutput(const std::string& path);

// "vmsim: message" on stderr, on one line.
void Complain(absl::string_view message);

bool StdoutIsTerminal();
// Whether stderr can take a line that is rewritten in place.
bool StderrIsTerminal();

// `when` is "auto", "always" or "never"; auto: on a terminal, unless NO_COLOR is set.
bool UseColor(const std::string& when);

// A word as a shell reads it back: in single quotes unless it is plain.
std::string ShellQuoted(const std::string& word);

}  // namespace vmsim::tools

#endif  // VMSIM_TOOLS_CONSOLE_H_
