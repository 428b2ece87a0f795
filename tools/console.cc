#include "tools/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "scenarios/atomic_file.h"

namespace vmsim::tools {
namespace {

ExitStatus Told(const absl::Status& status) {
  if (!status.ok()) Complain(status.message());
  return OutputExitStatus(status);
}

}  // namespace

ExitStatus WriteStdout(absl::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EPIPE) return kExitOk;
    if (n < 0) {
      Complain(absl::StrCat("standard output cannot be written: ", strerror(errno),
                            "; make room, or send it elsewhere"));
      return kExitOutput;
    }
    text.remove_prefix(static_cast<size_t>(n));
  }
  return kExitOk;
}

ExitStatus WriteData(const std::string& path, absl::string_view text) {
  if (path == "-") return WriteStdout(text);
  return Told(scenarios::WriteFileAtomically(path, {text.data(), text.size()}));
}

ExitStatus ProbeOutput(const std::string& path) {
  if (path == "-") return kExitOk;
  // The temporary file is gone again with the object.
  return Told(scenarios::AtomicFile::Create(path).status());
}

void Complain(absl::string_view message) {
  const std::string line =
      absl::StrCat("vmsim: ", absl::StrReplaceAll(message, {{"\n", " "}, {"\r", " "}}), "\n");
  fputs(line.c_str(), stderr);
}

bool StdoutIsTerminal() { return isatty(STDOUT_FILENO) != 0; }

bool StderrIsTerminal() {
  const char* term = getenv("TERM");
  return isatty(STDERR_FILENO) != 0 && term != nullptr && strcmp(term, "dumb") != 0;
}

bool UseColor(const std::string& when) {
  if (when != "auto") return when == "always";
  const char* no_color = getenv("NO_COLOR");
  const char* term = getenv("TERM");
  const bool dumb = term == nullptr || strcmp(term, "dumb") == 0;
  return StdoutIsTerminal() && !dumb && (no_color == nullptr || *no_color == '\0');
}

std::string ShellQuoted(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-./=:,+@%") == std::string::npos;
  return plain ? word : absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

}  // namespace vmsim::tools
