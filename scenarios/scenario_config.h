// scenarios/scenario_config.h: from the messages of a scenario to the plain structs of sim/ and
// vm/.
//
// Fields that are not set keep the structs' defaults, so the defaults are written down once, where
// they are used; tests compare them with what scenario.proto says. Nothing is checked here
// (scenarios/scenario_check.h): values are only narrowed to what the struct holds, never beyond it.
#ifndef VMSIM_SCENARIOS_SCENARIO_CONFIG_H_
#define VMSIM_SCENARIOS_SCENARIO_CONFIG_H_

#include "scenarios/generators.h"
#include "scenarios/scenario.pb.h"
#include "sim/disk.h"
#include "sim/engine.h"
#include "vm/config.h"

namespace vmsim::scenarios {

sim::EngineConfig ToEngineConfig(const v1::Cpus& cpus);
vm::Costs ToCosts(const v1::Costs& costs);
vm::Tunables ToTunables(const v1::Tunables& tunables);
vm::FreebsdRevision ToRevision(v1::FreeBsd::Revision revision);

// The disk, its model, and its injected faults. A size of 0 becomes the model's own.
sim::DiskConfig ToDiskConfig(const v1::Disk& disk);

// The recipe over a map of `pages`. `seed` is used if the step has none of its own.
GeneratorConfig ToGeneratorConfig(const v1::Generate& generate, int64_t pages, uint64_t seed);

// The recipe of the accesses to a pool's pages, without an end.
GeneratorConfig ToGeneratorConfig(const v1::MpoolAccess& access, uint64_t seed);

// Size of a disk whose model has none of its own.
inline constexpr int64_t kDefaultDiskBytes = int64_t{1} << 40;

// Limits with their defaults.
struct RunLimits {
  int64_t max_sim_time_ns = 86'400'000'000'000;
  int64_t max_events = 10'000'000'000;
  int64_t max_references = 100'000'000'000;
};
RunLimits ToRunLimits(const v1::Limits& limits);

inline constexpr int64_t kDefaultSampleIntervalNs = 100'000'000;

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SCENARIO_CONFIG_H_
