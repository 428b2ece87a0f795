// tests/benchmarks/interleaved.h: ratios that mean something on a shared machine.
//
// Floor and subject run in turns: floor, subject, floor, subject... Neighbours on the host slow
// both alike for a while, so each round has a ratio of its own, and the median round is quoted.
#ifndef VMSIM_TESTS_BENCHMARKS_INTERLEAVED_H_
#define VMSIM_TESTS_BENCHMARKS_INTERLEAVED_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/floor.h"

namespace vmsim::benchmarks {

inline constexpr int kRounds = 9;

struct Comparison {
  double subject_ns = 0;  // Medians.
  double floor_ns = 0;
  double ratio = 0;
};

// The middle one; of an even number the upper of the two in the middle. Requires: not empty.
inline double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Calls both in turns, `rounds` times after one round that warms caches and pools and is not
// counted. Each measures itself and returns ns a unit of its own.
template <typename MeasureFloor, typename MeasureSubject>
Comparison Interleave(MeasureFloor&& measure_floor, MeasureSubject&& measure_subject,
                      int rounds = kRounds) {
  measure_floor();
  measure_subject();
  std::vector<double> floors, subjects, ratios;
  for (int i = 0; i < rounds; ++i) {
    floors.push_back(measure_floor());
    subjects.push_back(measure_subject());
    ratios.push_back(subjects.back() / floors.back());
  }
  return {Median(subjects), Median(floors), Median(ratios)};
}

// Runs `measure_subject` against the Zipf floor and reports: ns (a unit of the subject's), floor_ns
// (a reference) and x_floor, their ratio. The benchmark has to be registered with VMSIM_BENCHMARK.
template <typename MeasureSubject>
Comparison CompareWithFloor(benchmark::State& state, MeasureSubject&& measure_subject) {
  Comparison result;
  for (auto _ : state) {
    result = Interleave([] { return Floor::Zipf().MeasureNs(); }, measure_subject);
    state.SetIterationTime(result.subject_ns * 1e-9);
  }
  state.counters["ns"] = result.subject_ns;
  state.counters["floor_ns"] = result.floor_ns;
  state.counters["x_floor"] = result.ratio;
  return result;
}

}  // namespace vmsim::benchmarks

// One iteration is all rounds; the time column is the median of a unit.
#define VMSIM_BENCHMARK(function) \
  BENCHMARK(function)->Iterations(1)->UseManualTime()->Unit(benchmark::kNanosecond)

#endif  // VMSIM_TESTS_BENCHMARKS_INTERLEAVED_H_
