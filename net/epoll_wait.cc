// Threads that sleep in EventPoll::Wait.
#include "net/epoll.h"
#include "sim/engine.h"

namespace vmsim::net {

namespace {

constexpr std::string_view kWaitMessage = "ep_poll";  // What the thread sleeps on, for reports.

sim::SleepOptions Until(sim::SimTime deadline, sim::SimTime now) {
  return {.timeout_ns = deadline < sim::kNever ? deadline - now : sim::kNever,
          .interruptible = true};
}

}  // namespace

// One that leaves events behind hands on to the next in line.
void EventPoll::WakeNext() {
  if (!list(EntryPlace::kReady).empty()) sleepers_.WakeOne();
}

sim::Task<int> EventPoll::Wait(int64_t max, sim::SimDuration timeout_ns,
                               std::vector<EpollEvent>* out) {
  const Ref<EventPoll> hold(this);
  if (ReadEvents(max, out) > 0 || timeout_ns <= 0) co_return 0;
  const sim::SimTime now = files().engine().now();
  const sim::SimTime deadline = timeout_ns < sim::kNever - now ? now + timeout_ns : sim::kNever;
  if (rules_.wakes_one) co_return co_await WaitInLine(max, deadline, out);
  co_return co_await WaitInCrowd(max, deadline, out);
}

// Linux ep_poll: sleepers stand in line, and a notification wakes the first. Whoever timed out or
// was interrupted looks once more, for what came while it waited for a CPU.
sim::Task<int> EventPoll::WaitInLine(int64_t max, sim::SimTime deadline,
                                     std::vector<EpollEvent>* out) {
  sim::Engine& engine = files().engine();
  for (;;) {
    const int why = co_await sleepers_.Sleep(engine, sim::kPriorityUser, kWaitMessage,
                                             Until(deadline, engine.now()));
    if (ReadEvents(max, out) > 0 || why == sim::kTimedOut) co_return 0;
    if (why == sim::kInterrupted) co_return kEintr;
    if (engine.now() >= deadline) co_return 0;
  }
}

// gVisor: sleepers watch the set as any other watcher does, and all of them wake.
sim::Task<int> EventPoll::WaitInCrowd(int64_t max, sim::SimTime deadline,
                                      std::vector<EpollEvent>* out) {
  sim::Engine& engine = files().engine();
  sim::ThreadWaiter waiter(sim::kEventIn);
  EventRegister(waiter.entry());
  for (;;) {
    if (ReadEvents(max, out) > 0 || engine.now() >= deadline) co_return 0;
    const int why = co_await waiter.Sleep(engine, sim::kPriorityUser, kWaitMessage,
                                          Until(deadline, engine.now()));
    if (why == sim::kInterrupted && ReadEvents(max, out) == 0) co_return kEintr;
    if (why == sim::kInterrupted) co_return 0;
  }
}

}  // namespace vmsim::net
