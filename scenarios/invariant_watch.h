// scenarios/invariant_watch.h: checks a machine's invariants (scenarios/invariant_list.h) while it
// runs.
//
// Between two steps of the engine nothing is half done, so that is when to look. The cheap ones are
// looked at whenever the runner looks up (after 50 ms of simulated time, or 4096 steps); all of
// them, at level full, each time that so many events have run; and the level's once more at the
// end. Nothing of it changes the run: its digest is the same at every level.
#ifndef VMSIM_SCENARIOS_INVARIANT_WATCH_H_
#define VMSIM_SCENARIOS_INVARIANT_WATCH_H_

#include <cstdint>

#include "absl/status/status.h"
#include "scenarios/machine.h"
#include "vm/invariants.h"

namespace vmsim::scenarios {

class InvariantWatch {
 public:
  // A full check costs in proportion to memory. By default one event goes by for every 64 pages
  // before the next, so that an event costs about as much in any machine; but at least 16 do.
  static int64_t DefaultIntervalEvents(int64_t memory_pages);

  // `interval_events` is for level full; 0: the default. `machine` outlives the watch.
  InvariantWatch(Machine& machine, vm::CheckLevel level, int64_t interval_events);

  // Whether so many events have run that Check is to be called. Cheap: to be asked after each step.
  bool Due() const { return machine_.engine().events().events_run() >= due_; }
  // Checks all invariants of the level. Internal: one is broken; the message names it, says when
  // and has the values.
  absl::Status Check();
  // The same for the cheap ones; at level off, nothing.
  absl::Status CheckCheaply() const;

 private:
  absl::Status CheckAt(vm::CheckLevel level) const;

  Machine& machine_;
  vm::CheckLevel level_;
  uint64_t interval_;  // Events.
  uint64_t due_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_INVARIANT_WATCH_H_
