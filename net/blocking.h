// net/blocking.h: reads and writes of simulated threads that sleep until they can.
//
// The idiom of sim/waiter.h: try, register, try again, sleep. The file lives until the call ends,
// whoever closes its descriptor meanwhile. Several threads that sleep on one file all wake, and try
// again in the order in which they came.
//
// Errors: those of the file's TryRead and TryWrite; EINTR if a signal came first; EAGAIN if the
// timeout did (SO_RCVTIMEO, SO_SNDTIMEO). A call that has moved some bytes returns how many.
#ifndef VMSIM_NET_BLOCKING_H_
#define VMSIM_NET_BLOCKING_H_

#include <cstdint>
#include <string_view>

#include "net/file.h"
#include "sim/task.h"
#include "sim/time.h"

namespace vmsim::net {

// Returns as soon as there is something: up to `n` bytes, 0 at the end of the file.
sim::Task<IoResult> Read(Ref<File> file, int64_t n, sim::SimDuration timeout_ns = sim::kNever);

// Returns when all `n` bytes are taken.
sim::Task<IoResult> Write(Ref<File> file, int64_t n, sim::SimDuration timeout_ns = sim::kNever);

// Calls `attempt`, which returns an IoResult, until it returns anything but EAGAIN, and sleeps
// until the file notifies one of `events` in between. `message` is what the thread sleeps on. The
// file and `attempt` must outlive it.
template <typename Attempt>
sim::Task<IoResult> Retry(File& file, EventMask events, sim::SimDuration timeout_ns,
                          std::string_view message, Attempt& attempt) {
  if (const IoResult first = attempt(); first.error != kEagain) co_return first;
  sim::Engine& engine = file.files().engine();
  const sim::SimTime now = engine.now();
  const sim::SimTime deadline = timeout_ns < sim::kNever - now ? now + timeout_ns : sim::kNever;
  sim::ThreadWaiter waiter(events | sim::kUnaskedEvents | sim::kEventRdHUp);
  file.EventRegister(waiter.entry());
  for (int why = sim::kAwakened;;) {
    const IoResult result = attempt();
    if (result.error != kEagain) co_return result;
    // After a sleep that did not end well there is that one more attempt.
    if (why == sim::kInterrupted) co_return IoResult{.error = kEintr};
    if (why == sim::kTimedOut || engine.now() >= deadline) co_return result;
    const sim::SimDuration left = deadline < sim::kNever ? deadline - engine.now() : sim::kNever;
    why = co_await waiter.Sleep(engine, sim::kPriorityUser, message,
                                {.timeout_ns = left, .interruptible = true});
  }
}

}  // namespace vmsim::net

#endif  // VMSIM_NET_BLOCKING_H_
