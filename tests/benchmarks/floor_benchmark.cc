// tests/benchmarks/floor_benchmark.cc: the floor against itself (how much is noise) and the
// sequential floor, whose table the hardware prefetches.
#include "tests/benchmarks/floor.h"
#include "tests/benchmarks/interleaved.h"

namespace vmsim::benchmarks {
namespace {

void ZipfFloor(benchmark::State& state) {
  CompareWithFloor(state, [] { return Floor::Zipf().MeasureNs(); });
}
VMSIM_BENCHMARK(ZipfFloor);

void SequentialFloor(benchmark::State& state) {
  CompareWithFloor(state, [] { return Floor::Sequential().MeasureNs(); });
}
VMSIM_BENCHMARK(SequentialFloor);

}  // namespace
}  // namespace vmsim::benchmarks
