// python/guarded_run.h: runs a simulation so that not even a bug in vmsim ends the interpreter.
//
// A broken invariant (sim/check.h) ends the process of the vmsim command. An interpreter has other
// work to lose, and a simulation cannot be unwound from the middle of its coroutines. So it runs on
// a host thread of its own: a CHECK that fails there is reported to the waiting caller, and the
// thread is parked for good, with its memory. Nothing of the simulation is shared with other
// threads.
#ifndef VMSIM_PYTHON_GUARDED_RUN_H_
#define VMSIM_PYTHON_GUARDED_RUN_H_

#include <atomic>
#include <functional>

#include "absl/status/status.h"

namespace vmsim::python {

// What is run. It must own all that it uses, since its thread may outlive the caller. It should
// return soon, with any status, once `stop` is true.
using GuardedWork = std::function<absl::Status(const std::atomic<bool>& stop)>;

// Runs `work` on a thread of its own and returns its status: INTERNAL if it broke an invariant,
// RESOURCE_EXHAUSTED if the host's memory did not suffice. Meanwhile the calling thread asks
// `interrupted` every 50 ms; once that is true the work is told to stop, and the status is
// CANCELLED unless the work was already done.
absl::Status RunGuarded(GuardedWork work, const std::function<bool()>& interrupted);

}  // namespace vmsim::python

#endif  // VMSIM_PYTHON_GUARDED_RUN_H_
