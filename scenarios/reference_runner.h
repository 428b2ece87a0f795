// scenarios/reference_runner.h: a user thread's references.
//
// References to resident pages are a loop, not events: up to the next event, the end of the time
// slice or the first page that is not mapped, each costs one load from the page table, and a store
// only if its accessed or modified bit was not set yet. Then the time they took is consumed at
// once.
//
//     Budget --> RunResident (tight loop) --> Consume --> fault? --> FaultHandler::Fault --> again
//
// A record that stands for many references is split where the budget ends; what is left of it runs,
// and sets its bits, afterwards.
#ifndef VMSIM_SCENARIOS_REFERENCE_RUNNER_H_
#define VMSIM_SCENARIOS_REFERENCE_RUNNER_H_

#include <cstddef>
#include <cstdint>

#include "scenarios/reference_source.h"
#include "sim/engine.h"
#include "sim/task.h"
#include "vm/fault.h"
#include "vm/page_tables.h"
#include "vm/process.h"
#include "vm/vm_system.h"

namespace vmsim::scenarios {

class ReferenceRunner {
 public:
  ReferenceRunner(sim::Engine& engine, vm::VmSystem& vm, vm::Process& process);

  // Makes the references of `source`, whose page 0 is at page-table slot `base`. Ends early when
  // the process is killed, by a failed fault too (its signal is then set).
  sim::Task<void> Run(ReferenceSource& source, vm::PteSlot base);

  // References made so far, and the CPU time they took.
  int64_t references() const { return references_; }
  sim::SimDuration user_ns() const { return user_ns_; }
  // Time from fault to return, summed.
  sim::SimDuration stall_ns() const { return stall_ns_; }

 private:
  struct Stretch {
    size_t next;   // First record not finished.
    int64_t part;  // References of it that are done.
    int64_t used;  // References made.
    bool fault;    // Record `next` misses the page table.
  };
  static Stretch RunResident(vm::Pte* entries, const uint64_t* words, size_t i, size_t n,
                             int64_t part, int64_t limit);

  sim::Engine& engine_;
  vm::VmSystem& vm_;
  vm::Process& process_;
  sim::SimDuration reference_ns_;
  int64_t references_ = 0;
  sim::SimDuration user_ns_ = 0;
  sim::SimDuration stall_ns_ = 0;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_REFERENCE_RUNNER_H_
