// scenarios/process_runner.h: a process of a scenario at work: its steps, one after the other.
//
// Each process has one thread. Scenarios are checked before they run, so what can fail here is what
// the model itself decides: a fault ends in a signal, or the process is killed for memory.
#ifndef VMSIM_SCENARIOS_PROCESS_RUNNER_H_
#define VMSIM_SCENARIOS_PROCESS_RUNNER_H_

#include <cstdint>
#include <map>
#include <string>

#include "google/protobuf/repeated_ptr_field.h"
#include "scenarios/reference_runner.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/trace_layout.h"
#include "scenarios/trace_loader.h"
#include "sim/engine.h"
#include "sim/task.h"
#include "sim/wait_channel.h"
#include "vm/vm_system.h"

namespace vmsim::scenarios {

// What processes of one machine share: traces by file name, segments by name.
struct SharedInputs {
  std::map<std::string, TraceLayout> traces;
  std::map<std::string, vm::ObjectId> segments;
};

class ProcessRunner {
 public:
  // `config`, `inputs` and `process` outlive the runner. `seed` is the scenario's, mixed with the
  // process's name: what its generators derive theirs from.
  ProcessRunner(sim::Engine& engine, vm::VmSystem& vm, vm::Process& process,
                const v1::Process& config, const SharedInputs& inputs, uint64_t seed);

  // The thread's body: waits for the start time, does all steps, exits.
  sim::Task<void> Run();

  vm::Process& process() { return process_; }
  const ReferenceRunner& references() const { return references_; }
  // -1: not yet.
  sim::SimTime started() const { return started_; }
  sim::SimTime ended() const { return ended_; }

 private:
  using Steps = google::protobuf::RepeatedPtrField<v1::Step>;

  bool finished() const { return exit_called_ || process_.killed(); }
  sim::Task<void> RunSteps(const Steps& steps);
  sim::Task<void> RunStep(const v1::Step& step);
  void Map(const v1::Map& map);
  sim::Task<void> Unmap(const std::string& name);
  sim::Task<void> SleepFor(sim::SimDuration ns);
  sim::Task<void> Touch(const v1::Touch& touch);
  sim::Task<void> Generate(const v1::Generate& generate);
  sim::Task<void> Replay(const v1::Trace& trace);
  void MapTraces(const Steps& steps);
  void MapTrace(const std::string& file, const TraceLayout& layout);
  uint64_t NextSeed();

  sim::Engine& engine_;
  vm::VmSystem& vm_;
  vm::Process& process_;
  const v1::Process& config_;
  const SharedInputs& inputs_;
  uint64_t seed_;
  uint64_t generators_run_ = 0;
  ReferenceRunner references_;
  sim::WaitChannel sleep_channel_;
  std::map<std::string, vm::Vpage> maps_;           // Name -> first page.
  std::map<std::string, vm::PteSlot> trace_slots_;  // File -> base of its leaf.
  vm::Vpage map_base_ = kMapBase;                   // Maps without an address begin here or above.
  sim::SimTime instant_ = -1;                       // When the last step ended,
  int steps_in_instant_ = 0;                        // and how many before it ended then, too.
  bool exit_called_ = false;
  int exit_status_ = 0;
  sim::SimTime started_ = -1;
  sim::SimTime ended_ = -1;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_PROCESS_RUNNER_H_
