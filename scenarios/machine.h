// scenarios/machine.h: a simulated host, built from a scenario.
//
// Wires the parts together: CPUs and the event loop, the trace and its digest, disks, memory with
// its daemons, swap, processes and what they do. Nothing else in the project knows all of them.
//
// A Machine is deterministic: scenario and seed decide everything that its trace, counters and
// digest show. It is not thread-safe; different machines may run in different host threads.
#ifndef VMSIM_SCENARIOS_MACHINE_H_
#define VMSIM_SCENARIOS_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scenarios/process_runner.h"
#include "scenarios/sampler.h"
#include "scenarios/scenario.pb.h"
#include "sim/counters.h"
#include "sim/disk.h"
#include "sim/engine.h"
#include "sim/trace.h"
#include "vm/planted_bugs.h"
#include "vm/vm_system.h"

namespace vmsim::scenarios {

class Machine {
 public:
  // Builds the machine of a scenario that CheckScenario accepted, with its traces loaded already.
  // Errors: what only building shows, such as a swap area that does not fit on its disk.
  static absl::StatusOr<std::unique_ptr<Machine>> Create(const v1::Scenario& scenario,
                                                         SharedInputs inputs, uint64_t seed,
                                                         const vm::PlantedBugs& bugs = {});
  ~Machine();

  // Runs one event or one stretch of a thread. False when all processes have ended, when nothing
  // can happen any more, or when the clock would pass `limit`.
  bool Step(sim::SimTime limit);
  // Whether every process has ended.
  bool done() const { return processes_left_ == 0; }

  sim::Engine& engine() { return engine_; }
  sim::Trace& trace() { return trace_; }
  vm::VmSystem& vm() { return vm_; }
  const std::vector<std::unique_ptr<sim::Disk>>& disks() const { return disks_; }
  const std::vector<std::unique_ptr<ProcessRunner>>& runners() const { return runners_; }
  const sim::CounterRegistry& counters() const { return counters_; }
  const sim::TraceCatalog& catalog() const { return catalog_; }
  Sampler& sampler() { return *sampler_; }
  const v1::Scenario& scenario() const { return scenario_; }
  uint64_t seed() const { return seed_; }

  // References of all processes so far.
  int64_t references() const;
  // CPU time of user references, and of everything else that ran.
  sim::SimDuration user_ns() const;
  sim::SimDuration system_ns() const;

  // Hands every counter and every process's figures to the digest and gives it: the digest of the
  // run.
  std::string FinishDigest();

 private:
  Machine(const v1::Scenario& scenario, SharedInputs inputs, uint64_t seed,
          const vm::PlantedBugs& bugs);
  absl::Status AddDisks();
  absl::Status AddSwap();
  void AddSegments();
  void AddProcesses();
  void AddProcess(const v1::Process& config, const std::string& name);
  sim::Task<void> RunProcess(ProcessRunner& runner);

  v1::Scenario scenario_;
  SharedInputs inputs_;
  uint64_t seed_;
  sim::Engine engine_;
  sim::Trace trace_;
  sim::TraceCatalog catalog_;
  sim::DigestSink digest_;
  std::vector<std::unique_ptr<sim::Disk>> disks_;
  vm::VmSystem vm_;
  std::vector<std::unique_ptr<ProcessRunner>> runners_;
  sim::CounterRegistry counters_;
  std::unique_ptr<Sampler> sampler_;
  int processes_left_ = 0;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MACHINE_H_
