// scenarios/scenario_totals.h: how much a scenario asks for, all in all.
//
// Counted from the messages alone, before anything is allocated. Repeats, copies and forks
// multiply, so the sums saturate at INT64_MAX: a total that is too large is never mistaken for a
// small one. Children count as if they all lived at the same time.
#ifndef VMSIM_SCENARIOS_SCENARIO_TOTALS_H_
#define VMSIM_SCENARIOS_SCENARIO_TOTALS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/functional/function_ref.h"
#include "scenarios/scenario.pb.h"

namespace vmsim::scenarios {

// What a trace file adds up to; all of it is 0 while that is not known.
struct TraceSize {
  int64_t records = 0;
  int64_t references = 0;
  int64_t mapped_pages = 0;  // Of the maps that its pages make.
};
using TraceSizes = absl::FunctionRef<TraceSize(const std::string& file)>;

struct ScenarioTotals {
  int64_t processes = 0;            // Copies and children counted.
  int64_t step_runs = 0;            // Steps run by all processes.
  int64_t references = 0;           // Made by all processes.
  int64_t mapped_pages = 0;         // Of all maps, as if they existed at the same time.
  int64_t pages_mapped_in_all = 0;  // By all runs of map and fork steps, one after another.
  int64_t labelled_calls = 0;       // Rows of the result's calls.
  int64_t swap_pages = 0;           // Of all swap devices.
  int64_t file_pages = 0;           // Of all files, as large as any step can make them.
  int64_t host_bytes = 0;  // Memory of the host that the run may need: a rough upper bound.
};

// Requires: the numbers in `scenario` are in their ranges and its names are known
// (scenarios/scenario_check.h).
ScenarioTotals CountTotals(const v1::Scenario& scenario, TraceSizes traces);

// Pages of what maps can be of, by name.
struct MappableSizes {
  std::map<std::string, int64_t> segments;
  std::map<std::string, int64_t> files;
};
MappableSizes SizesOf(const v1::Scenario& scenario);

// The pages that a map step maps.
int64_t MappedPages(const v1::Map& map, const MappableSizes& sizes);

// Pages of the shared segments, and of the files that there are at the beginning.
std::map<std::string, int64_t> SegmentSizes(const v1::Scenario& scenario);
std::map<std::string, int64_t> FilePages(const v1::Scenario& scenario);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SCENARIO_TOTALS_H_
