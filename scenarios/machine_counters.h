// scenarios/machine_counters.h: every counter of a machine, by name.
//
// Names are those of FreeBSD's sysctl vm.stats.vm and vm.* where there is one. `vmsim counters`
// lists them. Each disk adds its own: disk.NAME.reads and so on, and disk.NAME.faults.KIND for each
// kind of injected fault that can strike it. Files, sf_bufs and sendfile are counted if there are
// file systems; each connection adds connection.NAME.sent_bytes and so on, each buffer pool
// mpool.NAME.cachehit and so on.
#ifndef VMSIM_SCENARIOS_MACHINE_COUNTERS_H_
#define VMSIM_SCENARIOS_MACHINE_COUNTERS_H_

#include <string>
#include <vector>

#include "sim/counters.h"

namespace vmsim::scenarios {

class Machine;

// Registers the machine's counters, levels and targets; the registry reads the machine from then
// on.
void RegisterMachineCounters(Machine& machine, sim::CounterRegistry& registry);

// The names of the counters that a disk of this name adds.
std::vector<std::string> DiskCounterNames(const std::string& disk);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MACHINE_COUNTERS_H_
