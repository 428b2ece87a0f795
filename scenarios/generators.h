// scenarios/generators.h: synthetic page reference streams.
//
// With n pages, a reference's number i from 0, and R the SplitMix64 of the seed:
//
//   kind         length       page of reference i
//   sequential   n            i
//   loop         passes * n   i mod n
//   zigzag       passes * n   i mod n in even passes, backwards in odd ones
//   strided      passes * n   k = (i mod n) * stride; (k + k / n) mod n: each page once a pass if
//                             stride divides n
//   chase        passes * n   along one random cycle through all pages, from page 0 (Sattolo, R)
//   uniform      refs         R.Below(n)
//   zipf         refs         page of rank r with a weight of r^-(s10/10) (scenarios/zipf.h, R);
//                             ranks are spread over the pages by a shuffle of its own
//   hotset       refs         in hot_pct of 100 cases one of the first n/8 pages, else the next
//                             page of a scan round the others
//   phases       refs         uniform in a window of 3n/8 pages, which moves by n/4 each quarter
//
// Each reference is a store in write_pct of 100 cases, else a load; these draws have their own
// stream, so that they change no page. Records are runs of 1. The recipes are integer arithmetic
// throughout and are the ones that the runs on real Linux kernels used (tests/vectors/), so that a
// scenario can replay those reference for reference.
#ifndef VMSIM_SCENARIOS_GENERATORS_H_
#define VMSIM_SCENARIOS_GENERATORS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scenarios/reference_source.h"

namespace vmsim::scenarios {

enum class GeneratorKind {
  kSequential,
  kLoop,
  kZigzag,
  kStrided,
  kChase,
  kUniform,
  kZipf,
  kHotset,
  kPhases,
};

// "sequential", "loop", ...: the words of the table above.
std::string_view GeneratorKindName(GeneratorKind kind);
std::optional<GeneratorKind> GeneratorKindFromName(std::string_view name);

// Fields that a kind's row above does not mention are ignored (but `passes` of sequential is 1).
struct GeneratorConfig {
  GeneratorKind kind = GeneratorKind::kSequential;
  uint64_t pages = 0;      // 1 to 2^32-1; hotset from 8, phases from 4; zipf and chase to 2^28.
  uint64_t passes = 1;     // 1 or more; pages * passes is at most kMaxReferences.
  uint64_t refs = 0;       // 1 to kMaxReferences.
  uint64_t stride = 1;     // Pages, 1 to 2^32-1.
  uint32_t s10 = 10;       // Ten times the Zipf exponent: 8, 10 or 12.
  uint32_t hot_pct = 90;   // 0 to 100.
  uint32_t write_pct = 0;  // 0 to 100.
  uint64_t seed = 0;
};

inline constexpr uint64_t kMaxReferences = uint64_t{1} << 60;

// InvalidArgument, naming the field and its range, if MakeGenerator would fail.
absl::Status ValidateGenerator(const GeneratorConfig& config);

// How many references the stream has. Requires: a valid config.
uint64_t GeneratorLength(const GeneratorConfig& config);

// Bytes of the tables that the generator holds, at most. Requires: a valid config. For limits on
// the sum of all generators before any is made.
uint64_t GeneratorTableBytes(const GeneratorConfig& config);

// The errors of ValidateGenerator.
absl::StatusOr<std::unique_ptr<ReferenceSource>> MakeGenerator(const GeneratorConfig& config);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_GENERATORS_H_
