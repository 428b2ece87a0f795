// scenarios/sampler.h: rows of figures over simulated time, what vmstat would print.
//
// A sample is an event like any other, but it only reads: it changes no trajectory. When the series
// is full every second row goes and the interval doubles (sim/series.h).
#ifndef VMSIM_SCENARIOS_SAMPLER_H_
#define VMSIM_SCENARIOS_SAMPLER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sim/counters.h"
#include "sim/series.h"
#include "sim/time.h"

namespace vmsim::scenarios {

class Machine;

class Sampler {
 public:
  static constexpr size_t kMaxRows = 4096;

  // Samples `machine`, which must outlive the sampler and have all its counters, every `interval_ns`
  // from now on.
  Sampler(Machine& machine, sim::SimDuration interval_ns);

  const sim::Series& series() const { return series_; }
  sim::SimDuration interval() const { return interval_ns_ * series_.stride(); }
  struct Column {
    std::string name;
    std::string unit;
    sim::CounterKind kind;
    int64_t (*read)(Machine& machine, int argument);
    int argument;
    const sim::Counter* counter;  // Read in place of `read`, if not null.
  };
  // In the order of the series.
  const std::vector<Column>& columns() const { return columns_; }

  // A last row at the end of the run, unless there is one for this instant.
  void Finish();

 private:
  static std::vector<Column> Columns(Machine& machine);
  static std::vector<std::string> Names(const std::vector<Column>& columns);
  static void OnTimer(void* context, uint64_t);
  void Arm();
  void Sample();

  Machine& machine_;
  sim::SimDuration interval_ns_;
  std::vector<Column> columns_;
  sim::Series series_;
  std::vector<int64_t> row_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SAMPLER_H_
