// sim/wait_channel.h: where threads sleep.
//
//   const int error = co_await channel.Sleep(engine, kPriorityDaemon, "vmwait");
//
// A channel's sleepers wake by sleep priority (smaller first), then first come. WakeAll and WakeOne
// make them runnable; they run when a CPU takes them up, so whoever sleeps must look again at what
// it waited for. A sleep may have a timeout and may be interruptible (PCATCH).
//
// Results: kAwakened, kTimedOut, kInterrupted (sim/engine.h). Model: FreeBSD sys/kern/kern_synch.c
// msleep and wakeup, subr_sleepqueue.c.
#ifndef VMSIM_SIM_WAIT_CHANNEL_H_
#define VMSIM_SIM_WAIT_CHANNEL_H_

#include <coroutine>
#include <string_view>

#include "sim/engine.h"

namespace vmsim::sim {

class WaitChannel;

// One sleeper, kept in its coroutine frame. Unlinks itself when the frame is destroyed.
struct Waiter {
  Waiter* prev = nullptr;
  Waiter* next = nullptr;
  WaitChannel* channel = nullptr;
  Engine* engine = nullptr;
  Thread* thread = nullptr;
  int priority = 0;
  bool interruptible = false;
  int result = kAwakened;
  EventId timeout;

  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter();

  // Ends the sleep with `why` and makes the thread runnable.
  void Wake(int why);
  void Interrupt() {
    if (interruptible) Wake(kInterrupted);
  }
};

struct SleepOptions {
  SimDuration timeout_ns = kNever;  // kNever: no timeout.
  bool interruptible = false;       // A signal ends the sleep.
};

class WaitChannel {
 public:
  WaitChannel() = default;
  WaitChannel(const WaitChannel&) = delete;
  WaitChannel& operator=(const WaitChannel&) = delete;
  ~WaitChannel() { CHECK(head_ == nullptr, "a wait channel goes away under its sleepers"); }

  bool empty() const { return head_ == nullptr; }

  struct SleepAwaiter {
    Engine& engine;
    WaitChannel& channel;
    int priority;
    std::string_view message;
    SleepOptions options;
    Waiter waiter;

    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle);
    int await_resume() const { return waiter.result; }
  };

  // `message` must outlive the sleep (a literal).
  SleepAwaiter Sleep(Engine& engine, int priority, std::string_view message,
                     SleepOptions options = {}) {
    return SleepAwaiter{engine, *this, priority, message, options, {}};
  }

  void WakeAll();
  // Wakes the best sleeper. Returns false if there was none.
  bool WakeOne();

 private:
  friend struct Waiter;
  void Link(Waiter* waiter);
  void Unlink(Waiter* waiter);

  Waiter* head_ = nullptr;
  Waiter* tail_ = nullptr;
};

// Sleeps for a time on nothing. `co_await Pause(engine, ns, "message")`.
struct PauseAwaiter {
  Engine& engine;
  SimDuration ns;
  std::string_view message;
  Waiter waiter;

  bool await_ready() const { return ns <= 0; }
  void await_suspend(std::coroutine_handle<> handle);
  void await_resume() const {}
};

inline PauseAwaiter Pause(Engine& engine, SimDuration ns, std::string_view message) {
  return PauseAwaiter{engine, ns, message, {}};
}

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_WAIT_CHANNEL_H_
