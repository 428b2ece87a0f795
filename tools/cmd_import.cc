// vmsim import: from other trace formats to VPT1.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "scenarios/byte_source.h"
#include "scenarios/human_units.h"
#include "scenarios/lackey.h"
#include "scenarios/run_collapser.h"
#include "scenarios/vpt1.h"
#include "scenarios/vpt1_writer.h"
#include "tools/command.h"
#include "tools/console.h"
#include "tools/exit_status.h"

namespace vmsim::tools {
namespace {

constexpr const char* kHelp =
    "Converts a trace to VPT1, vmsim's own compact form, and prints what it holds. Input may be\n"
    "compressed with zstd; output is if its name ends in .zst.\n\n"
    "Examples:\n"
    "  valgrind --tool=lackey --trace-mem=yes --log-file=ls.log ls\n"
    "  vmsim import ls.log --out ls.vpt.zst\n\n"
    "Formats: lackey (text of valgrind's lackey), vpt1 (checked and written again).";

struct Options {
  std::string input;
  std::string output;
  std::string format = "auto";
  std::string name;
  uint32_t fold = 1;
  bool drop_fetches = false;
  bool json = false;
  bool quiet = false;
};

void AddOptions(CLI::App& app, Options& options) {
  app.add_option("TRACE", options.input, "The trace; - for stdin.")->required();
  app.add_option("--out", options.output, "The file to write, replacing it.")->required();
  app.add_option("--format", options.format,
                 "lackey, vpt1 or auto (default: vpt1 if the file begins so, else lackey; stdin is "
                 "lackey).")
      ->check(CLI::IsMember({"auto", "lackey", "vpt1"}));
  app.add_option("--fold", options.fold,
                 "Fold references to the K most recent pages into those pages' records (lackey; "
                 "default 1: runs only).")
      ->check(CLI::Range(uint32_t{1}, scenarios::kMaxFilterDepth));
  app.add_flag("--drop-fetches", options.drop_fetches, "Leave instruction fetches out (lackey).");
  app.add_option("--name", options.name,
                 "Name in the header, at most 24 characters (default: from the input's name).");
  app.add_flag("--json", options.json, "Print what the trace holds as JSON.");
  app.add_flag("-q,--quiet", options.quiet, "Print nothing but errors.");
}

bool BeginsAsVpt1(const std::string& path) {
  auto source = scenarios::ByteSource::Open(path);
  if (!source.ok()) return false;  // Whoever reads it next says why.
  std::array<char, 4> magic;
  const absl::StatusOr<size_t> n = (*source)->Read(magic.data(), magic.size());
  return n.ok() && *n == magic.size() && absl::string_view(magic.data(), *n) == "VPT1";
}

// What was read went wrong, or what was written: one status for both needs telling apart.
struct Outcome {
  ExitStatus exit_status = kExitOk;
  scenarios::Vpt1Header header;
};

ExitStatus ImportExitStatus(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnavailable:
      return OutputExitStatus(error);
    default:
      return InputExitStatus(error);
  }
}

Outcome Failed(const absl::Status& status) {
  Complain(status.message());
  return {ImportExitStatus(status), {}};
}

Outcome FromLackey(const Options& options) {
  scenarios::LackeyOptions lackey;
  lackey.name = options.name;
  lackey.filter_depth = options.fold;
  lackey.drop_fetches = options.drop_fetches;
  const auto summary = scenarios::ImportLackey(options.input, options.output, lackey);
  if (!summary.ok()) return Failed(summary.status());
  return {kExitOk, summary->header};
}

Outcome FromVpt1(const Options& options) {
  auto reader = scenarios::Vpt1Reader::Open(options.input);
  if (!reader.ok()) return Failed(reader.status());
  const scenarios::Vpt1Header& header = (*reader)->header();
  scenarios::Vpt1WriterOptions writing;
  writing.name = options.name.empty() ? header.name : options.name;
  writing.filter_depth = header.filter_depth;
  writing.fetches_dropped = header.fetches_dropped;
  auto writer = scenarios::Vpt1Writer::Create(options.output, writing);
  if (!writer.ok()) return Failed(writer.status());
  std::array<uint64_t, 8192> words;
  while (true) {
    const absl::StatusOr<size_t> n = (*reader)->Read(words);
    if (!n.ok()) return Failed(n.status());
    if (*n == 0) break;
    const absl::Status status = (*writer)->Append({words.data(), *n});
    if (!status.ok()) return Failed(status);
  }
  auto written = (*writer)->Finish();
  if (!written.ok()) return Failed(written.status());
  return {kExitOk, *std::move(written)};
}

std::string Summary(const Options& options, const scenarios::Vpt1Header& header) {
  const auto grouped = [](uint64_t n) { return scenarios::Grouped(static_cast<int64_t>(n)); };
  if (options.json) {
    const nlohmann::ordered_json json = {{"schema_version", 1},
                                         {"file", options.output},
                                         {"name", header.name},
                                         {"records", header.records},
                                         {"references", header.references},
                                         {"distinct_pages", header.distinct_pages},
                                         {"filter_depth", header.filter_depth},
                                         {"fetches_dropped", header.fetches_dropped}};
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  return absl::StrCat(options.output, ": ", grouped(header.references), " references in ",
                      grouped(header.records), " records, ", grouped(header.distinct_pages),
                      " pages\n");
}

}  // namespace

int ImportCommand(const Arguments& arguments) {
  CLI::App app(kHelp, "vmsim import");
  Options options;
  AddOptions(app, options);
  if (const std::optional<int> status = ParseArguments(app, arguments)) return *status;
  const bool vpt1 = options.format == "vpt1" || (options.format == "auto" && options.input != "-" &&
                                                 BeginsAsVpt1(options.input));
  if (vpt1 && (options.fold != 1 || options.drop_fetches)) {
    Complain(
        "--fold and --drop-fetches need the single accesses, which a VPT1 trace no longer has; "
        "import the original");
    return kExitUsage;
  }
  if (options.output == "-") {
    Complain(
        "--out: a trace's header is written last, so it cannot go to standard output; name a "
        "file");
    return kExitUsage;
  }
  const Outcome outcome = vpt1 ? FromVpt1(options) : FromLackey(options);
  if (outcome.exit_status != kExitOk || options.quiet) return outcome.exit_status;
  return WriteStdout(Summary(options, outcome.header));
}

}  // namespace vmsim::tools
