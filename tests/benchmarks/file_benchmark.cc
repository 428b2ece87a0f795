// tests/benchmarks/file_benchmark.cc: pages of files, on whole machines with cheap checks on.
//
//     benchmark             budget
//     GetpagesClustered     200 ns a page
//     ReadClustered         none
//     ResidentFileMapping   what memory without a file takes, 1.0 x
#include <cstdint>

#include "sim/check.h"
#include "sim/time.h"
#include "tests/benchmarks/busy_machine.h"
#include "tests/benchmarks/floor.h"
#include "tests/benchmarks/interleaved.h"

namespace vmsim::benchmarks {
namespace {

constexpr uint32_t kPages = 1 << 16;
constexpr int64_t kFrames = kPages / 4;

void MeasurePageIns(benchmark::State& state, BusyMachine machine) {
  machine.RunFor(2 * sim::kSecond);
  CompareWithFloor(state, [&] { return machine.MeasurePageInNs(sim::kSecond); });
}

// Faults in order through a map of four times the memory: getpages with what lies behind and ahead.
void GetpagesClustered(benchmark::State& state) {
  MeasurePageIns(state, BusyMachine::Mapping(kFrames, kPages, /*file=*/true));
}
VMSIM_BENCHMARK(GetpagesClustered);

// The same file by read: clusters of buffers, read ahead.
void ReadClustered(benchmark::State& state) {
  MeasurePageIns(state, BusyMachine::Reading(kFrames, kPages));
}
VMSIM_BENCHMARK(ReadClustered);

// Zipf references to a map of a file that is in memory as a whole, against the same of anonymous
// memory, both with what the recipe itself takes.
void ResidentFileMapping(benchmark::State& state) {
  constexpr int64_t kReferences = 4'000'000;
  constexpr int64_t kRoom = kPages * int64_t{5} / 4;
  BusyMachine file = BusyMachine::Mapping(kRoom, kPages, /*file=*/true, /*s10=*/10);
  BusyMachine memory = BusyMachine::Mapping(kRoom, kPages, /*file=*/false, /*s10=*/10);
  file.RunReferences(20 * kReferences);
  memory.RunReferences(kReferences);
  Comparison result;
  for (auto _ : state) {
    result = Interleave([&] { return memory.MeasureReferenceNs(kReferences); },
                        [&] { return file.MeasureReferenceNs(kReferences); });
    state.SetIterationTime(result.subject_ns * 1e-9);
  }
  state.counters["ns"] = result.subject_ns;
  state.counters["memory_ns"] = result.floor_ns;
  state.counters["x_memory"] = result.ratio;
}
VMSIM_BENCHMARK(ResidentFileMapping);

}  // namespace
}  // namespace vmsim::benchmarks
