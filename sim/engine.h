// sim/engine.h: threads on simulated CPUs, and the loop that runs everything.
//
// A Thread is a coroutine that competes for one of the machine's CPUs. On a CPU it consumes time
// (`co_await engine.Consume(ns)`) or runs ahead in a tight loop within Budget(); off it, it sleeps
// on a WaitChannel (sim/wait_channel.h) or for a time. Waiting threads queue by priority (lower
// number first), then first come. A thread that becomes runnable with a better priority than a
// running one takes its CPU at once; the loser goes to the head of its priority and keeps the rest
// of its slice. An equal one waits until a running one has had its slice, even in the middle of
// what that one consumes; the loser goes to the tail of its priority. What a loser was still
// consuming it owes, and pays when it has a CPU again.
//
// Each CPU has a clock of its own, the instant up to which its thread has consumed time. The loop
// always takes the earliest of: the next event, the CPU that is furthest behind. At one instant
// events go first (daemons and threads are the last two event classes), then CPUs by priority, then
// by the order in which their threads became ready. So whatever a thread does to shared state
// happens in time order; only a loop over resident references may run ahead of the other CPUs, by
// at most the grain.
//
// Whether a Consume() suspends, and how a run is cut by limits, changes nothing that can be
// observed.
//
// Model: FreeBSD sys/kern/sched_ule.c reduced to one queue, and subr_sleepqueue.c.
#ifndef VMSIM_SIM_ENGINE_H_
#define VMSIM_SIM_ENGINE_H_

#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/event_queue.h"
#include "sim/task.h"
#include "sim/time.h"

namespace vmsim::sim {

// Priorities, smaller is better. FreeBSD sys/sys/priority.h gives the names and the order.
inline constexpr int kPriorityDaemon = 84;  // PVM: page daemon, laundry; vm_wait sleeps at it too.
inline constexpr int kPriorityUser = 120;   // PUSER: ordinary threads; a fault's wait for memory.

// What a sleep returns. Errno values of FreeBSD sys/sys/errno.h that sleeps produce.
inline constexpr int kAwakened = 0;
inline constexpr int kInterrupted = 4;  // EINTR: Engine::Interrupt ended an interruptible sleep.
inline constexpr int kTimedOut = 35;    // EWOULDBLOCK: the timeout passed first.

class Engine;
class Trace;
struct Waiter;

// One simulated thread. Owned by the engine; addresses are stable.
class Thread {
 public:
  enum class State : uint8_t { kRunnable, kRunning, kSleeping, kDone };

  uint32_t id() const { return id_; }
  const std::string& name() const { return name_; }
  int priority() const { return priority_; }
  State state() const { return state_; }
  bool done() const { return state_ == State::kDone; }
  // Time consumed on CPUs.
  SimDuration cpu_time() const { return cpu_time_; }
  // What the thread sleeps on, for reports ("swread", "vmwait"); "" when it does not sleep.
  std::string_view wait_message() const { return wait_message_; }
  // Whether it belongs to the page daemon's process (FreeBSD: curproc == pageproc).
  bool is_pageproc() const { return is_pageproc_; }
  void set_pageproc() { is_pageproc_ = true; }

 private:
  friend class Engine;
  friend struct Waiter;

  std::string name_;
  uint32_t id_ = 0;
  int priority_ = kPriorityUser;
  State state_ = State::kRunnable;
  bool is_pageproc_ = false;
  int cpu_ = -1;
  uint64_t ready_sequence_ = 0;  // When it became runnable or running, for ties.
  SimDuration owed_ = 0;         // Consumed but not yet elapsed when it lost its CPU.
  SimDuration slice_left_ = 0;   // Of its slice, while it waits for a CPU.
  SimDuration cpu_time_ = 0;
  std::coroutine_handle<> resume_;  // The innermost suspended coroutine.
  Waiter* waiter_ = nullptr;        // Set while it sleeps.
  std::string_view wait_message_;
  Task<void> body_;
};

inline constexpr int kMaxCpus = 256;

// Durations are at least 0 (the slice: 1) and less than kNever.
struct EngineConfig {
  int cpus = 1;                              // 1..kMaxCpus.
  SimDuration slice_ns = 10 * kMillisecond;  // How long equals run before they take turns.
  SimDuration grain_ns = 10 * kMicrosecond;  // How far one CPU may run ahead of another.
  SimDuration context_switch_ns = 2 * kMicrosecond;
};

struct EngineStats {
  int64_t context_switches = 0;  // v_swtch: a CPU took up another thread than it ran before.
  int64_t preemptions = 0;       // A running thread lost its CPU to a better one.
};

class Engine {
 public:
  explicit Engine(const EngineConfig& config = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  EventQueue& events() { return events_; }
  const EventQueue& events() const { return events_; }
  SimTime now() const { return events_.now(); }
  const EngineConfig& config() const { return config_; }
  const EngineStats& stats() const { return stats_; }

  // Tells `trace`, from now on, on which CPU the records to come are made (event callbacks count as
  // CPU 0). Null: nobody. Not owned.
  void set_trace(Trace* trace) { trace_ = trace; }

  // Creates a thread, runnable now. `body` runs when a CPU takes it up. Requires: body.valid().
  Thread* Spawn(std::string_view name, int priority, Task<void> body);

  // The thread that is executing, or null in an event callback.
  Thread* current() const { return current_; }
  // The CPU that executes, 0 in an event callback: which per-CPU queue batch to use.
  int current_cpu() const { return current_ != nullptr ? current_->cpu_ : 0; }

  // Runs until the clock would pass `limit`, or nothing can happen any more, or Stop() was called.
  // What happens at `limit` itself does happen. The clock stays where the last step left it. Run
  // may be called again: a run cut in pieces is the same run.
  void Run(SimTime limit = kNever);
  // Runs one event or one stretch of one thread. False: nothing is left to happen up to `limit`.
  bool Step(SimTime limit = kNever);
  // Makes Run return after the current step, which ends at the executing thread's next Consume().
  // The next Run goes on from there.
  void Stop() {
    stop_ = true;
    inline_bound_ = 0;
  }
  bool stopped() const { return stop_; }

  // Ends all threads: destroys their frames, wherever they sleep, and withdraws their timeouts. For
  // owners whose parts (wait channels above all) would otherwise go before the engine does.
  void DestroyThreads();

  // How long the executing thread may run over resident references before it has to look up: until
  // the next event, the end of its slice if equals wait, the run's limit, or the grain past the
  // other CPU that is furthest behind. May be 0; a loop that does one reference all the same goes
  // on.
  SimDuration Budget() const;
  // How long the executing thread may be sure that nothing else happens: until the next event, the
  // other CPU that is furthest behind, or the run's limit. May be 0.
  SimDuration QuietTime() const;

  // Spends CPU time of the executing thread. Usage: co_await engine.Consume(ns). Returns without
  // suspending if nothing else is due before the time has passed. Requires: 0 <= ns <= kNever; a
  // thread that would consume beyond kNever runs for ever.
  auto Consume(SimDuration ns) { return ConsumeAwaiter{*this, ns}; }

  // Lets equals run: gives up the CPU and queues at the tail of its priority, with a new slice.
  auto YieldCpu() { return YieldAwaiter{*this}; }

  // Ends an interruptible sleep with kInterrupted. Does nothing for a thread that does not sleep
  // so.
  void Interrupt(Thread* thread);

  const std::vector<std::unique_ptr<Thread>>& threads() const { return threads_; }
  // Threads waiting for a CPU, and threads on one.
  size_t run_queue_length() const { return run_queue_.size(); }
  int running() const { return running_; }

  // For WaitChannel: suspends the executing thread; the caller keeps the waiter.
  void SleepCurrent(Waiter* waiter, std::coroutine_handle<> resume, std::string_view message);
  // For WaitChannel: makes a sleeper runnable.
  void MakeRunnable(Thread* thread);

 private:
  struct Cpu {
    Thread* thread = nullptr;
    Thread* last = nullptr;  // Ran here last: no switch cost to take it up again.
    SimTime time = 0;        // Its thread has consumed time up to here, now or later.
    SimTime slice_end = 0;   // Equals that wait take over from here.
    bool resched = false;  // Its thread, the executing one, leaves for a better at the next chance.
  };
  struct ConsumeAwaiter {
    Engine& engine;
    SimDuration ns;
    bool await_ready() const { return engine.ConsumeInline(ns); }
    void await_suspend(std::coroutine_handle<> handle) const { engine.ConsumeSlow(ns, handle); }
    void await_resume() const {}
  };
  struct YieldAwaiter {
    Engine& engine;
    bool await_ready() const { return engine.run_queue_.empty(); }
    void await_suspend(std::coroutine_handle<> handle) const { engine.YieldCurrent(handle); }
    void await_resume() const {}
  };

  bool ConsumeInline(SimDuration ns) {
    const SimTime then = events_.now() + ns;
    if (then >= inline_bound_ || then >= events_.NextTime()) return false;
    events_.AdvanceTo(then);
    current_->cpu_time_ += ns;
    return true;
  }
  void ConsumeSlow(SimDuration ns, std::coroutine_handle<> handle);
  void YieldCurrent(std::coroutine_handle<> handle);
  bool EqualsWait(const Cpu& cpu) const;
  SimTime DueTime(const Cpu& cpu) const;
  int EarliestCpu() const;
  SimTime OtherCpusMin(int cpu) const;
  void UpdateInlineBound();
  void RunCpu(int cpu);
  void RunThread(int cpu);
  void Dispatch(int cpu, Thread* thread);
  void DispatchNext(int cpu);
  void Enqueue(Thread* thread, bool at_head);
  void Release(int cpu);
  void EndSlice(int cpu);
  void Preempt(int cpu);
  int WorstCpu() const;
  int IdleCpu(const Thread* thread) const;

  EngineConfig config_;
  EngineStats stats_;
  EventQueue events_;
  std::vector<Cpu> cpus_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<Thread*> run_queue_;  // Ordered by (priority, arrival), next to run first.
  Thread* current_ = nullptr;
  Trace* trace_ = nullptr;
  SimTime limit_ = kNever;    // Of the step that runs.
  SimTime inline_bound_ = 0;  // The executing thread may advance the clock to before this.
  uint64_t ready_sequence_ = 0;
  int running_ = 0;
  bool stop_ = false;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_ENGINE_H_
