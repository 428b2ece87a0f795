#include "sim/engine.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "sim/trace.h"
#include "sim/wait_channel.h"

namespace vmsim::sim {

Engine::Engine(const EngineConfig& config) : config_(config) {
  CHECK_GE(config.cpus, 1);
  CHECK_LE(config.cpus, kMaxCpus);
  for (const SimDuration ns : {config.slice_ns, config.grain_ns, config.context_switch_ns}) {
    CHECK_GE(ns, 0);
    CHECK_LT(ns, kNever);
  }
  CHECK_GT(config.slice_ns, 0);
  cpus_.resize(config.cpus);
}

Engine::~Engine() { DestroyThreads(); }

// Frames hold waiters that unlink themselves from channels, so threads go before what they wait on.
void Engine::DestroyThreads() {
  CHECK(current_ == nullptr, "a thread destroys the threads");
  // What frames hold may wake threads, so the books stay open until the last frame is gone.
  for (size_t i = 0; i < threads_.size(); ++i) threads_[i]->body_ = Task<void>();
  for (auto& thread : threads_) {
    thread->state_ = Thread::State::kDone;
    thread->cpu_ = -1;
    thread->waiter_ = nullptr;
    thread->wait_message_ = {};
  }
  run_queue_.clear();
  for (int i = 0; i < static_cast<int>(cpus_.size()); ++i) {
    if (cpus_[i].thread != nullptr) Release(i);
  }
}

Thread* Engine::Spawn(std::string_view name, int priority, Task<void> body) {
  CHECK(body.valid());
  threads_.push_back(std::make_unique<Thread>());
  Thread* thread = threads_.back().get();
  thread->name_ = name;
  thread->id_ = static_cast<uint32_t>(threads_.size() - 1);
  thread->priority_ = priority;
  thread->body_ = std::move(body);
  thread->resume_ = thread->body_.handle();
  MakeRunnable(thread);
  return thread;
}

void Engine::Run(SimTime limit) {
  stop_ = false;
  while (!stop_ && Step(limit)) {
  }
}

bool Engine::Step(SimTime limit) {
  const SimTime event_time = events_.NextTime();
  const int cpu = running_ > 0 ? EarliestCpu() : -1;
  const SimTime cpu_time = cpu >= 0 ? DueTime(cpus_[cpu]) : kNever;
  const SimTime next = std::min(event_time, cpu_time);
  if (next >= kNever || next > limit) return false;
  limit_ = std::min(limit, kNever);
  if (event_time <= cpu_time) {
    events_.RunNext();
  } else {
    RunCpu(cpu);
  }
  return true;
}

bool Engine::EqualsWait(const Cpu& cpu) const {
  return !run_queue_.empty() && run_queue_.front()->priority_ <= cpu.thread->priority_;
}

// When the loop has to attend to a CPU that runs a thread: when what it consumes is over, or its
// slice.
SimTime Engine::DueTime(const Cpu& cpu) const {
  return EqualsWait(cpu) ? std::min(cpu.time, std::max(cpu.slice_end, now())) : cpu.time;
}

// The CPU furthest behind; at one instant, the better priority, then the earlier ready.
int Engine::EarliestCpu() const {
  const auto order = [this](const Cpu& cpu) {
    return std::tuple(DueTime(cpu), cpu.thread->priority_, cpu.thread->ready_sequence_);
  };
  if (cpus_.size() == 1) return 0;
  int best = -1;
  for (int i = 0; i < static_cast<int>(cpus_.size()); ++i) {
    if (cpus_[i].thread == nullptr) continue;
    if (best < 0 || order(cpus_[i]) < order(cpus_[best])) best = i;
  }
  return best;
}

SimTime Engine::OtherCpusMin(int cpu) const {
  SimTime min = kNever;
  if (running_ < 2) return min;
  for (int i = 0; i < static_cast<int>(cpus_.size()); ++i) {
    if (i != cpu && cpus_[i].thread != nullptr) min = std::min(min, DueTime(cpus_[i]));
  }
  return min;
}

// How far the executing thread may advance the clock by itself. Called whenever who waits for a
// CPU, or who has one, changes under it.
void Engine::UpdateInlineBound() {
  if (current_ == nullptr || current_->cpu_ < 0) return;
  const Cpu& cpu = cpus_[current_->cpu_];
  if (stop_ || cpu.resched) {
    inline_bound_ = 0;
    return;
  }
  inline_bound_ = std::min(limit_ + 1, OtherCpusMin(current_->cpu_));
  if (EqualsWait(cpu)) inline_bound_ = std::min(inline_bound_, cpu.slice_end);
}

void Engine::RunCpu(int cpu_index) {
  const Cpu& cpu = cpus_[cpu_index];
  events_.AdvanceTo(DueTime(cpu));
  if (EqualsWait(cpu) && now() >= cpu.slice_end) {
    EndSlice(cpu_index);
  } else {
    RunThread(cpu_index);
  }
}

void Engine::RunThread(int cpu_index) {
  Cpu& cpu = cpus_[cpu_index];
  Thread* thread = cpu.thread;
  current_ = thread;
  UpdateInlineBound();
  if (trace_ != nullptr) trace_->set_cpu(static_cast<uint16_t>(cpu_index));
  ResumeChain(std::exchange(thread->resume_, nullptr));
  if (trace_ != nullptr) trace_->set_cpu(0);
  current_ = nullptr;
  inline_bound_ = 0;
  if (thread->body_.done()) {
    // What the frame still holds goes last: it may wake threads.
    const Task<void> finished = std::move(thread->body_);
    thread->state_ = Thread::State::kDone;
    thread->cpu_ = -1;
    cpu.last = nullptr;
    Release(cpu_index);
    DispatchNext(cpu_index);
    return;
  }
  CHECK(thread->resume_, "a thread suspended without saying how to go on: ", thread->name_);
  if (cpu.thread == thread && cpu.resched) Preempt(cpu_index);
}

SimDuration Engine::Budget() const {
  const Cpu& cpu = cpus_[current_->cpu_];
  if (cpu.resched || stop_) return 0;
  SimTime bound = std::min(events_.NextTime(), limit_ + 1);
  if (running_ > 1) bound = std::min(bound, OtherCpusMin(current_->cpu_) + config_.grain_ns);
  if (EqualsWait(cpu)) bound = std::min(bound, cpu.slice_end);
  return std::max<SimDuration>(bound - now(), 0);
}

SimDuration Engine::QuietTime() const {
  const Cpu& cpu = cpus_[current_->cpu_];
  if (cpu.resched || stop_) return 0;
  const SimTime bound = std::min({events_.NextTime(), limit_ + 1, OtherCpusMin(current_->cpu_)});
  return std::max<SimDuration>(bound - now(), 0);
}

void Engine::ConsumeSlow(SimDuration ns, std::coroutine_handle<> handle) {
  Thread* thread = current_;
  CHECK(thread != nullptr, "only a thread consumes CPU time");
  CHECK_GE(ns, 0);
  CHECK_LE(ns, kNever);
  thread->resume_ = handle;
  thread->cpu_time_ += ns;
  cpus_[thread->cpu_].time = std::min(now() + ns, kNever);
}

void Engine::YieldCurrent(std::coroutine_handle<> handle) {
  Thread* thread = current_;
  CHECK(thread != nullptr, "only a thread yields");
  thread->resume_ = handle;
  const int cpu = thread->cpu_;
  cpus_[cpu].time = now();
  EndSlice(cpu);
}

void Engine::SleepCurrent(Waiter* waiter, std::coroutine_handle<> resume,
                          std::string_view message) {
  Thread* thread = current_;
  CHECK(thread != nullptr,
        "only a thread sleeps: ", absl::string_view(message.data(), message.size()));
  thread->resume_ = resume;
  thread->waiter_ = waiter;
  thread->wait_message_ = message;
  thread->state_ = Thread::State::kSleeping;
  const int cpu = thread->cpu_;
  thread->cpu_ = -1;
  Release(cpu);
  DispatchNext(cpu);
}

void Engine::MakeRunnable(Thread* thread) {
  thread->waiter_ = nullptr;
  thread->wait_message_ = {};
  thread->ready_sequence_ = ready_sequence_++;
  thread->slice_left_ = config_.slice_ns;
  if (const int idle = IdleCpu(thread); idle >= 0) {
    Dispatch(idle, thread);
  } else {
    Enqueue(thread, /*at_head=*/false);
    const int worst = WorstCpu();
    if (worst >= 0 && cpus_[worst].thread->priority_ > thread->priority_) {
      if (cpus_[worst].thread == current_) {
        cpus_[worst].resched = true;
      } else {
        Preempt(worst);
      }
    }
  }
  UpdateInlineBound();
}

// An idle CPU for `thread`: the one where it ran last, or the first. -1 if all are busy.
int Engine::IdleCpu(const Thread* thread) const {
  int idle = -1;
  if (running_ == static_cast<int>(cpus_.size())) return idle;
  for (int i = 0; i < static_cast<int>(cpus_.size()); ++i) {
    if (cpus_[i].thread != nullptr) continue;
    if (idle < 0 || cpus_[i].last == thread) idle = i;
  }
  return idle;
}

// The CPU with the worst thread, the last among equals. One whose thread is about to leave counts
// no more: its place is promised to the head of the queue. -1 if there is no other.
int Engine::WorstCpu() const {
  int worst = -1;
  for (int i = 0; i < static_cast<int>(cpus_.size()); ++i) {
    if (cpus_[i].resched) continue;
    if (worst < 0 || cpus_[i].thread->priority_ >= cpus_[worst].thread->priority_) worst = i;
  }
  return worst;
}

void Engine::Release(int cpu_index) {
  cpus_[cpu_index].thread = nullptr;
  cpus_[cpu_index].resched = false;
  --running_;
}

// The thread of a CPU has had its slice and makes room for its equals.
void Engine::EndSlice(int cpu_index) {
  const Cpu& cpu = cpus_[cpu_index];
  Thread* thread = cpu.thread;
  thread->owed_ = cpu.time - now();
  thread->slice_left_ = config_.slice_ns;
  Release(cpu_index);
  Enqueue(thread, /*at_head=*/false);
  DispatchNext(cpu_index);
}

// Takes the CPU from a thread that is between two stretches. What it was still consuming it owes,
// and what is left of its slice it keeps: else equals behind it would starve while it is preempted
// often.
void Engine::Preempt(int cpu_index) {
  const Cpu& cpu = cpus_[cpu_index];
  ++stats_.preemptions;
  if (cpu.slice_end <= now()) {
    EndSlice(cpu_index);
    return;
  }
  Thread* loser = cpu.thread;
  loser->owed_ = cpu.time - now();
  loser->slice_left_ = std::min(cpu.slice_end - now(), config_.slice_ns);
  Release(cpu_index);
  Enqueue(loser, /*at_head=*/true);
  DispatchNext(cpu_index);
}

void Engine::Enqueue(Thread* thread, bool at_head) {
  thread->state_ = Thread::State::kRunnable;
  thread->cpu_ = -1;
  const auto position =
      at_head ? std::lower_bound(run_queue_.begin(), run_queue_.end(), thread->priority_,
                                 [](const Thread* t, int p) { return t->priority_ < p; })
              : std::upper_bound(run_queue_.begin(), run_queue_.end(), thread->priority_,
                                 [](int p, const Thread* t) { return p < t->priority_; });
  run_queue_.insert(position, thread);
}

void Engine::DispatchNext(int cpu) {
  if (run_queue_.empty()) return;
  Thread* next = run_queue_.front();
  run_queue_.erase(run_queue_.begin());
  Dispatch(cpu, next);
}

void Engine::Dispatch(int cpu_index, Thread* thread) {
  Cpu& cpu = cpus_[cpu_index];
  SimTime start = now();
  if (cpu.last != thread) {
    start += config_.context_switch_ns;
    ++stats_.context_switches;
  }
  thread->state_ = Thread::State::kRunning;
  thread->cpu_ = cpu_index;
  cpu.thread = thread;
  cpu.last = thread;
  cpu.time = start + std::exchange(thread->owed_, 0);
  cpu.slice_end = start + thread->slice_left_;
  cpu.resched = false;
  ++running_;
}

void Engine::Interrupt(Thread* thread) {
  if (thread->state_ == Thread::State::kSleeping) thread->waiter_->Interrupt();
}

}  // namespace vmsim::sim
