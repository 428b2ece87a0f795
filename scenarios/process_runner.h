// scenarios/process_runner.h: a process of a scenario at work: its steps, one after the other.
//
// Each process has one thread. Scenarios are checked before they run, so what can fail here is what
// the model itself decides: a call ends with an errno, a fault ends in a signal, or the process is
// killed for memory.
//
//     parent ----fork---- . . . ----wait (sleeps)-------> goes on
//                  \                              ^
//                   child: the fork's steps, exit-'
#ifndef VMSIM_SCENARIOS_PROCESS_RUNNER_H_
#define VMSIM_SCENARIOS_PROCESS_RUNNER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "scenarios/call_log.h"
#include "scenarios/file_calls.h"
#include "scenarios/mpool_calls.h"
#include "scenarios/process_host.h"
#include "scenarios/process_maps.h"
#include "scenarios/reference_runner.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/steps.h"
#include "scenarios/system_calls.h"
#include "sim/engine.h"
#include "sim/task.h"
#include "sim/wait_channel.h"
#include "vm/vm_system.h"

namespace vmsim::scenarios {

class ProcessRunner {
 public:
  // One of `members` processes that run the same steps. All that is referred to outlives the
  // runner.
  struct Program {
    const Steps& steps;
    sim::SimTime start_ns = 0;
    int64_t members = 1;
    int64_t index = 0;  // Which of them it is.
  };
  ProcessRunner(ProcessHost& host, vm::Process& process, const Program& program);

  // The thread's body: waits for the start time, does all steps, exits.
  sim::Task<void> Run();

  vm::Process& process() { return process_; }
  const ReferenceRunner& references() const { return references_; }
  const CallLog& calls() const { return calls_; }
  const Steps& steps() const { return program_.steps; }
  // -1: not yet.
  sim::SimTime started() const { return started_; }
  sim::SimTime ended() const { return ended_; }

 private:
  // Which of all runs of a step in this process it is, repeats multiplied out (saturating).
  struct Turn {
    int64_t run = 0;
    int64_t runs = 1;
  };

  bool finished() const { return exit_called_ || process_.killed(); }
  sim::Task<void> RunSteps(const Steps& steps, Turn turn);
  sim::Task<void> RunStep(const v1::Step& step, Turn turn);
  sim::Task<void> RestIfStuck();
  sim::Task<void> Repeat(const v1::Repeat& repeat, Turn turn);
  sim::Task<void> SleepFor(sim::SimDuration ns);
  sim::Task<void> Touch(const v1::Touch& touch);
  sim::Task<void> Generate(const v1::Generate& generate);
  sim::Task<void> Replay(const v1::Trace& trace);
  sim::Task<void> RunCalls(const v1::Step& step, Turn turn);
  sim::Task<void> RunCall(const v1::Step& step, Turn turn);
  sim::Task<void> Crash();
  sim::Task<int> Fork(const v1::Fork& fork, Turn turn);
  sim::Task<int> Wait();
  void Inherit(ProcessRunner& parent, const vm::Forker::LeafMap& leaves);
  bool AllChildrenEnded() const;
  bool MapTraces(const Steps& steps);
  void KeepClearOfTraces(const Steps& steps);
  void FaultOutside();
  uint64_t NextSeed();

  ProcessHost& host_;
  sim::Engine& engine_;
  vm::VmSystem& vm_;
  vm::Process& process_;
  const Program program_;
  const uint64_t seed_;
  uint64_t generators_run_ = 0;
  ReferenceRunner references_;
  ProcessMaps maps_;
  FileCalls file_calls_;
  MpoolCalls mpool_calls_;
  SystemCalls system_calls_;
  CallLog calls_;
  ProcessRunner* parent_ = nullptr;
  std::vector<const ProcessRunner*> children_;  // Not yet waited for.
  sim::WaitChannel child_ended_;
  sim::WaitChannel sleep_channel_;
  sim::SimTime instant_ = -1;  // When the last step ended,
  int steps_in_instant_ = 0;   // and how many before it ended then, too.
  bool exit_called_ = false;
  int exit_status_ = 0;
  sim::SimTime started_ = -1;
  sim::SimTime ended_ = -1;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_PROCESS_RUNNER_H_
