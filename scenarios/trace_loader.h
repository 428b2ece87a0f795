// scenarios/trace_loader.h: reads the traces that a scenario replays, each once.
#ifndef VMSIM_SCENARIOS_TRACE_LOADER_H_
#define VMSIM_SCENARIOS_TRACE_LOADER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/scenario_place.h"
#include "scenarios/trace_layout.h"

namespace vmsim::scenarios {

// The trace files that steps name, those of children included.
std::set<std::string> TraceFiles(const v1::Scenario& scenario);

// Loads and lays out all of them. Relative names begin at `base_dir` ("": the current directory).
// Errors are those of ReadVpt1 and LayOutTrace.
absl::StatusOr<std::map<std::string, TraceLayout>> LoadTraces(const v1::Scenario& scenario,
                                                              const std::string& base_dir);

// Where maps without an address of their own begin: above what traces of 64-bit programs use.
inline constexpr uint64_t kMapBase = uint64_t{1} << 35;
// What a process that has both leaves to its maps at the end of the address space.
inline constexpr uint64_t kMapRoom = uint64_t{1} << 33;

// InvalidArgument if a process has two traces mapped that touch the same pages, its own and its
// parents', or has maps and a trace that leaves no room for them.
absl::Status CheckTraceSpace(const v1::Scenario& scenario,
                             const std::map<std::string, TraceLayout>& traces,
                             const ScenarioPlace& place);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_TRACE_LOADER_H_
