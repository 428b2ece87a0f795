// tests/benchmarks/task_benchmark.cc: what a fault's control flow costs: four nested coroutine
// frames, alone, around an event, and around a sleep of a simulated thread.
#include <coroutine>
#include <cstdint>

#include "sim/engine.h"
#include "sim/event_queue.h"
#include "sim/task.h"
#include "sim/wait_channel.h"
#include "tests/benchmarks/floor.h"
#include "tests/benchmarks/interleaved.h"

namespace vmsim::benchmarks {
namespace {

constexpr int kCalls = 1'000'000;

// Waits for nothing.
struct Nothing {
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) const {}
  void await_resume() const {}
};

// Waits for an event 10 ns ahead, as a request to a device does.
struct Event {
  sim::EventQueue& queue;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) const {
    queue.Schedule(queue.now() + 10, sim::EventClass::kDevice, OnEvent, handle.address(), 0);
  }
  void await_resume() const {}

  static void OnEvent(void* context, uint64_t) {
    sim::ResumeChain(std::coroutine_handle<>::from_address(context));
  }
};

// `Wait` makes the awaitable that the innermost of four frames waits for.
template <typename Wait>
sim::Task<int> Frame4(Wait& wait, int x) {
  co_await wait();
  co_return x + 1;
}
template <typename Wait>
sim::Task<int> Frame3(Wait& wait, int x) {
  co_return co_await Frame4(wait, x) + 1;
}
template <typename Wait>
sim::Task<int> Frame2(Wait& wait, int x) {
  co_return co_await Frame3(wait, x) + 1;
}
template <typename Wait>
sim::Task<int> Frame1(Wait& wait, int x) {
  co_return co_await Frame2(wait, x) + 1;
}
template <typename Wait>
sim::Task<void> CallRepeatedly(Wait& wait) {
  int x = 0;
  for (int i = 0; i < kCalls; ++i) x = co_await Frame1(wait, x);
  benchmark::DoNotOptimize(x);
}

double PerCall(int64_t start) { return static_cast<double>(ThreadCpuNs() - start) / kCalls; }

void TaskFourFrames(benchmark::State& state) {
  CompareWithFloor(state, [] {
    auto wait = [] { return Nothing{}; };
    const int64_t start = ThreadCpuNs();
    CallRepeatedly(wait).RunToCompletion();
    return PerCall(start);
  });
}
VMSIM_BENCHMARK(TaskFourFrames);

void TaskFourFramesAndAnEvent(benchmark::State& state) {
  CompareWithFloor(state, [] {
    sim::EventQueue queue;
    auto wait = [&queue] { return Event{queue}; };
    const sim::Task<void> task = CallRepeatedly(wait);
    const int64_t start = ThreadCpuNs();
    sim::ResumeChain(task.handle());
    while (!queue.empty()) queue.RunNext();
    return PerCall(start);
  });
}
VMSIM_BENCHMARK(TaskFourFramesAndAnEvent);

void ThreadFourFramesAndASleep(benchmark::State& state) {
  CompareWithFloor(state, [] {
    sim::Engine engine;
    auto wait = [&engine] { return sim::Pause(engine, 10, "pause"); };
    engine.Spawn("caller", sim::kPriorityUser, CallRepeatedly(wait));
    const int64_t start = ThreadCpuNs();
    engine.Run();
    return PerCall(start);
  });
}
VMSIM_BENCHMARK(ThreadFourFramesAndASleep);

void ThreadConsumes(benchmark::State& state) {
  CompareWithFloor(state, [] {
    sim::Engine engine;
    auto wait = [&engine] { return engine.Consume(10); };
    engine.Spawn("caller", sim::kPriorityUser, CallRepeatedly(wait));
    const int64_t start = ThreadCpuNs();
    engine.Run();
    return PerCall(start);
  });
}
VMSIM_BENCHMARK(ThreadConsumes);

}  // namespace
}  // namespace vmsim::benchmarks
