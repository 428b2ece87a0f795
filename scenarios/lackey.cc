#include "scenarios/lackey.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "scenarios/distinct_pages.h"
#include "scenarios/line_reader.h"
#include "scenarios/run_collapser.h"
#include "scenarios/vpt1_writer.h"

namespace vmsim::scenarios {
namespace {

constexpr size_t kPrefixBytes = 3;
constexpr int kAddressBits = kPageBits + kVpt1PageShift;  // 48.
constexpr uint32_t kMaxAccessBytes = 4096;
constexpr size_t kPieceRecords = size_t{1} << 16;
// Reached only if, for millions of references to one page, each is followed by two or more to pages
// outside the K most recent ones.
constexpr size_t kMaxPendingRecords = size_t{1} << 25;

// The kind that a line's first three characters announce, or 0.
uint32_t KindOfPrefix(std::string_view line) {
  if (line.size() < kPrefixBytes || line[2] != ' ') return 0;
  if (line[0] == 'I' && line[1] == ' ') return kFetch;
  if (line[0] != ' ') return 0;
  switch (line[1]) {
    case 'L':
      return kLoad;
    case 'S':
      return kStore;
    case 'M':
      return kModify;
    default:
      return 0;
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::Status Broken(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "a broken access (", what,
      "); record the trace again, with --log-file so that nothing else is written to it"));
}

absl::Status CheckOptions(const LackeyOptions& options) {
  if (options.filter_depth < 1 || options.filter_depth > kMaxFilterDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter depth ", options.filter_depth, " is outside 1..", kMaxFilterDepth));
  }
  return absl::OkStatus();
}

std::string TraceName(const LackeyOptions& options, const std::string& input) {
  if (!options.name.empty()) return options.name;
  return input == "-" ? "lackey" : Vpt1NameFromPath(input);
}

// Feeds a collapser's records to the sink whenever enough of them wait.
class PieceFeeder {
 public:
  PieceFeeder(RunCollapser& collapser,
              absl::FunctionRef<absl::Status(std::span<const uint64_t>)> sink)
      : collapser_(collapser), sink_(sink) {}

  bool due() const { return collapser_.pending() >= threshold_; }

  absl::Status Feed(const LineReader& lines) {
    piece_.clear();
    collapser_.TakeSettled(piece_);
    // An old record may hold the others back: then look again only when there are twice as many.
    threshold_ = std::max(kPieceRecords, 2 * collapser_.pending());
    if (collapser_.pending() > kMaxPendingRecords) {
      return absl::ResourceExhaustedError(
          absl::StrCat(lines.Place(), ": more than ", kMaxPendingRecords,
                       " records wait for an older page; use a smaller filter depth"));
    }
    return sink_(piece_);
  }

  absl::Status Finish() {
    piece_.clear();
    collapser_.TakeAll(piece_);
    return sink_(piece_);
  }

 private:
  RunCollapser& collapser_;
  absl::FunctionRef<absl::Status(std::span<const uint64_t>)> sink_;
  std::vector<uint64_t> piece_;
  size_t threshold_ = kPieceRecords;
};

}  // namespace

absl::StatusOr<LackeyAccess> ParseLackeyLine(std::string_view line) {
  LackeyAccess access;
  access.kind = KindOfPrefix(line);
  if (access.kind == 0) return access;

  size_t at = kPrefixBytes;
  for (; at < line.size(); ++at) {
    const int digit = HexDigit(line[at]);
    if (digit < 0) break;
    access.address = access.address << 4 | static_cast<uint64_t>(digit);
    if (access.address >> kAddressBits != 0) return Broken("the address has more than 48 bits");
  }
  if (at == kPrefixBytes) return Broken("no hexadecimal address");
  if (at == line.size() || line[at] != ',') return Broken("no comma after the address");

  const size_t size_at = ++at;
  for (; at < line.size() && line[at] >= '0' && line[at] <= '9'; ++at) {
    access.bytes = access.bytes * 10 + static_cast<uint32_t>(line[at] - '0');
    if (access.bytes > kMaxAccessBytes) break;
  }
  if (at == size_at) return Broken("no size after the comma");
  if (access.bytes < 1 || access.bytes > kMaxAccessBytes)
    return Broken("the size is not 1 to 4096");
  if (at != line.size()) return Broken("something follows the size");
  if ((access.address + access.bytes - 1) >> kAddressBits != 0) {
    return Broken("it ends beyond 48 bits of address");
  }
  return access;
}

absl::StatusOr<LackeySummary> ReadLackeyRecords(
    ByteSource& input, const LackeyOptions& options,
    absl::FunctionRef<absl::Status(std::span<const uint64_t>)> sink) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  RunCollapser collapser(options.filter_depth);
  PieceFeeder feeder(collapser, sink);
  LackeySummary summary;
  LineReader lines(input);
  std::string_view line;
  while (lines.Next(&line)) {
    const absl::StatusOr<LackeyAccess> access = ParseLackeyLine(line);
    if (!access.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(lines.Place(), ": ", access.status().message()));
    }
    if (access->kind == 0) continue;
    ++summary.accesses;
    if (options.drop_fetches && access->kind == kFetch) continue;
    const uint64_t first = access->address >> kVpt1PageShift;
    const uint64_t last = (access->address + access->bytes - 1) >> kVpt1PageShift;
    for (uint64_t page = first; page <= last; ++page) collapser.Add(page, access->kind);
    if (feeder.due()) {
      if (absl::Status status = feeder.Feed(lines); !status.ok()) return status;
    }
  }
  if (!lines.status().ok()) return lines.status();
  summary.lines = lines.line_number();
  if (summary.accesses == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        input.name(), ": no memory accesses in ", summary.lines,
        " lines; record with: valgrind --tool=lackey --trace-mem=yes --log-file=FILE PROGRAM"));
  }
  if (absl::Status status = feeder.Finish(); !status.ok()) return status;
  return summary;
}

absl::StatusOr<LackeySummary> ImportLackey(const std::string& input, const std::string& output,
                                           const LackeyOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<ByteSource>> source = ByteSource::Open(input, options.byte_limits);
  if (!source.ok()) return source.status();
  Vpt1WriterOptions writer_options;
  writer_options.name = TraceName(options, input);
  writer_options.filter_depth = options.filter_depth;
  writer_options.fetches_dropped = options.drop_fetches;
  writer_options.limits = options.limits;
  absl::StatusOr<std::unique_ptr<Vpt1Writer>> writer = Vpt1Writer::Create(output, writer_options);
  if (!writer.ok()) return writer.status();

  absl::StatusOr<LackeySummary> summary = ReadLackeyRecords(
      **source, options,
      [&writer](std::span<const uint64_t> words) { return (*writer)->Append(words); });
  if (!summary.ok()) return summary.status();
  absl::StatusOr<Vpt1Header> header = (*writer)->Finish();
  if (!header.ok()) return header.status();
  summary->header = *std::move(header);
  return summary;
}

absl::StatusOr<Vpt1Trace> ReadLackey(const std::string& input, const LackeyOptions& options) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source = ByteSource::Open(input, options.byte_limits);
  if (!source.ok()) return source.status();
  Vpt1Trace trace;
  DistinctPages pages;
  const auto check_limits = [&](uint64_t distinct_pages) -> absl::Status {
    if (trace.records.size() <= options.limits.max_records &&
        distinct_pages <= options.limits.max_distinct_pages) {
      return absl::OkStatus();
    }
    return absl::ResourceExhaustedError(
        absl::StrCat((*source)->name(), ": more than ", options.limits.max_records, " records or ",
                     options.limits.max_distinct_pages,
                     " distinct pages; use a shorter trace or raise the limit"));
  };
  const auto keep = [&](std::span<const uint64_t> words) -> absl::Status {
    trace.records.insert(trace.records.end(), words.begin(), words.end());
    for (uint64_t word : words) {
      trace.header.references += VptRecord{word}.run();
      pages.Add(VptRecord{word}.page());
    }
    return check_limits(pages.AtLeast());
  };
  absl::StatusOr<LackeySummary> summary = ReadLackeyRecords(**source, options, keep);
  if (!summary.ok()) return summary.status();
  trace.header.name = TraceName(options, input);
  trace.header.filter_depth = options.filter_depth;
  trace.header.fetches_dropped = options.drop_fetches;
  trace.header.records = trace.records.size();
  trace.header.distinct_pages = pages.Count();
  if (absl::Status status = check_limits(pages.Count()); !status.ok()) return status;
  return trace;
}

}  // namespace vmsim::scenarios
