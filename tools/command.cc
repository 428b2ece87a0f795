#include "tools/command.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scenarios/text_hints.h"
#include "tools/console.h"
#include "tools/exit_status.h"

namespace vmsim::tools {
namespace {

int Wrong(const CLI::App& app, const std::string& what) {
  Complain(absl::StrCat(what, "; `", app.get_name(), " --help` shows how to use it"));
  return kExitUsage;
}

// "unknown option --sed; did you mean "--seed"?"
std::string AboutExtra(CLI::App& app, const std::string& extra) {
  if (!absl::StartsWith(extra, "-")) {
    return absl::StrCat("unexpected argument ", scenarios::Quoted(extra));
  }
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(absl::StrCat("--", name));
  }
  const std::string word = extra.substr(0, extra.find('='));
  const std::string nearest = scenarios::Nearest(word, names);
  return absl::StrCat("unknown option ", scenarios::Quoted(word),
                      nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"));
}

}  // namespace

std::optional<int> ParseArguments(CLI::App& app, const Arguments& arguments) {
  app.set_help_flag("-h,--help", "Print this and exit.");
  app.allow_extras();
  app.get_formatter()->column_width(30);
  try {
    app.parse(Arguments(arguments.rbegin(), arguments.rend()));  // CLI11 takes them from the back.
  } catch (const CLI::CallForHelp&) {
    return WriteStdout(app.help());
  } catch (const CLI::ParseError& error) {
    const Arguments extras = app.remaining();
    return Wrong(app, extras.empty() ? error.what() : AboutExtra(app, extras.front()));
  }
  const Arguments extras = app.remaining();
  if (!extras.empty()) return Wrong(app, AboutExtra(app, extras.front()));
  return std::nullopt;
}

}  // namespace vmsim::tools
