// scenarios/result_json.h: a result as JSON for other programs.
//
// The keys are the names of result.proto, in this order: schema_version, scenario, seed, digest,
// sim_time_ns, events_run, references, policy, revision, memory_pages, cpus, counters, processes,
// histograms, series, disks, fault_waits, slow_faults, reclaim, calls, crash, figures, variants,
// expectations. Numbers are numbers
// (seed and counters are whole, up to 64 bits), texts are escaped UTF-8, nothing that has no value
// is there.
//
//   counters     {"v_vm_faults": 12, ...}, sorted
//   histograms   {"fault_hard_ns": {"unit", "count", "min", "max", "mean", "p50", "p90", "p99",
//   "p999",
//                "buckets": [[first, last, count], ...]}, ...}
//   series       {"interval_ns", "time_ns": [...], "columns": {"v_free_count": {"unit", "kind",
//                "values": [...]}, ...}}
//   figures      [{"text": "fault_hard_ns p99", "values": {"hook": 12, ...}}, ...]
//   variants     {"hook": a whole result, ...}
#ifndef VMSIM_SCENARIOS_RESULT_JSON_H_
#define VMSIM_SCENARIOS_RESULT_JSON_H_

#include <string>

#include "scenarios/result.pb.h"

namespace vmsim::scenarios {

// On lines: a key of the two outer levels each. Ends with a newline.
std::string ResultToJson(const v1::Result& result);

// On one line, which a newline ends: for JSON Lines.
std::string ResultToJsonLine(const v1::Result& result);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_RESULT_JSON_H_
