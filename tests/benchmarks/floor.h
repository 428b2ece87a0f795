// tests/benchmarks/floor.h: the least that a resident reference can cost.
//
// The floor reads records of 8 bytes (scenarios/reference_source.h) from memory, loads one entry of
// a dense table for each, sets its accessed and modified bits, and adds up the references. A
// simulator that hears of every reference and keeps accessed bits cannot do less. Budgets are
// ratios to it, so that they mean the same on every machine.
//
// It is written as the hit path should be: flags without a branch, a store only where an entry
// changes, the table prefetched some records ahead.
#ifndef VMSIM_TESTS_BENCHMARKS_FLOOR_H_
#define VMSIM_TESTS_BENCHMARKS_FLOOR_H_

#include <cstdint>
#include <span>
#include <vector>

namespace vmsim::benchmarks {

inline constexpr uint32_t kAccessed = 1;
inline constexpr uint32_t kModified = 2;

// Applies `records` to `table`, one entry a page. Returns the number of references.
// Requires: every record's page is below table.size().
uint64_t TouchPages(std::span<const uint64_t> records, std::span<uint32_t> table);

// The floor's workload: a million pages, referenced eight million times, a fifth of them stores.
class Floor {
 public:
  enum class Pattern { kZipf, kSequential };

  static constexpr uint64_t kPages = uint64_t{1} << 20;
  static constexpr uint64_t kReferences = uint64_t{1} << 23;

  explicit Floor(Pattern pattern);

  const std::vector<uint64_t>& records() const { return records_; }

  // Goes through all records once. The bits are set already, as in a machine that runs for a while.
  // Returns host ns per reference.
  double MeasureNs();

  // The one that budgets are quoted against.
  static Floor& Zipf();
  static Floor& Sequential();

 private:
  std::vector<uint64_t> records_;
  std::vector<uint32_t> table_;
};

// CPU time that the calling thread has used, in ns. It does not count what others on a shared
// machine use (but their cache misses do count: measure in turns, tests/benchmarks/interleaved.h).
int64_t ThreadCpuNs();

}  // namespace vmsim::benchmarks

#endif  // VMSIM_TESTS_BENCHMARKS_FLOOR_H_
