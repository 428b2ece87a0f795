// scenarios/trace_loader.h: reads the traces that a scenario replays, each once.
#ifndef VMSIM_SCENARIOS_TRACE_LOADER_H_
#define VMSIM_SCENARIOS_TRACE_LOADER_H_

#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/trace_layout.h"

namespace vmsim::scenarios {

// The trace files that steps name.
std::set<std::string> TraceFiles(const v1::Scenario& scenario);

// Loads and lays out all of them. Relative names begin at `base_dir` ("": the current directory).
// Errors are those of ReadVpt1 and LayOutTrace.
absl::StatusOr<std::map<std::string, TraceLayout>> LoadTraces(const v1::Scenario& scenario,
                                                              const std::string& base_dir);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_TRACE_LOADER_H_
