// scenarios/lackey.h: memory traces of valgrind's lackey tool, as text.
//
//   valgrind --tool=lackey --trace-mem=yes --log-file=trace.log PROGRAM
//
// One access a line: two characters of kind, a space, the virtual address in hexadecimal, a comma,
// the size in bytes in decimal.
//
//   I  04001090,3     fetch          S 1fff000628,8    store (with a space before the S)
//    L 04021e40,8     load           M 0402a010,4      modify: a load and a store to one place
//
// Each access is one reference on each 4 KiB page that it touches. A line that starts as an access
// ("I  ", " S ", " L ", " M ") but does not go on as one is an error: a damaged trace should not
// pass for a shorter one. All other lines (valgrind's own "==1234==", the program's) are skipped. A
// size is 1 to 4096; an address has at most 48 bits.
//
// Errors are absl::Status and name the file, the line and the fix: InvalidArgument for a broken
// line or a text without accesses, ResourceExhausted beyond the limits, and those of
// scenarios/byte_source.h and scenarios/vpt1_writer.h.
// Source: valgrind lackey/lk_main.c, trace_load() and its neighbours (3.19).
#ifndef VMSIM_SCENARIOS_LACKEY_H_
#define VMSIM_SCENARIOS_LACKEY_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scenarios/byte_source.h"
#include "scenarios/vpt1.h"

namespace vmsim::scenarios {

struct LackeyAccess {
  uint32_t kind = 0;  // One ReferenceKind; 0 = the line is not an access.
  uint64_t address = 0;
  uint32_t bytes = 0;
};

// Parses one line, without its end. The error says what is broken, not where.
absl::StatusOr<LackeyAccess> ParseLackeyLine(std::string_view line);

struct LackeyOptions {
  std::string name;           // Of the trace; empty: made from the input's path.
  uint32_t filter_depth = 1;  // K, 1 to kMaxFilterDepth (scenarios/run_collapser.h).
  bool drop_fetches = false;  // Leave instruction fetches out.
  Vpt1Limits limits;
  ByteLimits byte_limits;
};

struct LackeySummary {
  uint64_t lines = 0;
  uint64_t accesses = 0;  // Lines that are accesses, fetches that were dropped included.
  Vpt1Header header;      // Of what was written or read.
};

// Hands the trace's records to `sink`, in order and in pieces. `lines` and `accesses` of the result
// are set. Memory is that of a piece and of the records that can still change.
absl::StatusOr<LackeySummary> ReadLackeyRecords(
    ByteSource& input, const LackeyOptions& options,
    absl::FunctionRef<absl::Status(std::span<const uint64_t>)> sink);

// Converts the text in `input` (plain or zstd, "-": standard input) to the VPT1 file `output`.
absl::StatusOr<LackeySummary> ImportLackey(const std::string& input, const std::string& output,
                                           const LackeyOptions& options = {});

// Reads the text in `input` into memory.
absl::StatusOr<Vpt1Trace> ReadLackey(const std::string& input, const LackeyOptions& options = {});

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_LACKEY_H_
