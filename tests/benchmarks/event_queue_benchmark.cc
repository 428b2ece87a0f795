// tests/benchmarks/event_queue_benchmark.cc: pop and push with 1,000 events pending.
// Budget: 15 million a second; goal: past 20 million.
#include <cstdint>

#include "sim/event_queue.h"
#include "sim/random.h"
#include "tests/benchmarks/floor.h"
#include "tests/benchmarks/interleaved.h"

namespace vmsim::benchmarks {
namespace {

constexpr int kPending = 1000;
constexpr int kPops = 1'000'000;

// Every event that runs schedules the next of its kind.
struct Churn {
  explicit Churn(uint64_t delays) : delays(delays) {
    for (uint64_t i = 0; i < kPending; ++i) Reschedule(this, i);
  }
  static void Reschedule(void* context, uint64_t kind) {
    auto* churn = static_cast<Churn*>(context);
    const auto delay = static_cast<sim::SimDuration>(1 + churn->random.Below(churn->delays));
    churn->queue.Schedule(churn->queue.now() + delay, static_cast<sim::EventClass>(kind % 5),
                          Reschedule, context, kind);
  }
  double MeasureNs() {
    const int64_t start = ThreadCpuNs();
    for (int i = 0; i < kPops; ++i) queue.RunNext();
    return static_cast<double>(ThreadCpuNs() - start) / kPops;
  }

  uint64_t delays;
  sim::EventQueue queue;
  sim::SplitMix64 random{1};
};

void RunChurn(benchmark::State& state, uint64_t delays) {
  Churn churn(delays);
  const Comparison result = CompareWithFloor(state, [&] { return churn.MeasureNs(); });
  state.counters["M_per_s"] = 1000 / result.subject_ns;
}

// Times hardly ever equal.
void EventQueuePopPush(benchmark::State& state) { RunChurn(state, 1'000'000); }
VMSIM_BENCHMARK(EventQueuePopPush);

// About 30 events in every instant, so that classes and sequence numbers decide.
void EventQueuePopPushTied(benchmark::State& state) { RunChurn(state, 64); }
VMSIM_BENCHMARK(EventQueuePopPushTied);

// Each pop pushes an event and its timeout, and withdraws the timeout of an earlier one: what a
// disk request with a deadline does.
struct Timeouts {
  Timeouts() {
    for (uint64_t i = 0; i < kPending; ++i) Complete(this, i);
  }
  static void Ignore(void*, uint64_t) {}
  static void Complete(void* context, uint64_t request) {
    auto* t = static_cast<Timeouts*>(context);
    t->queue.Cancel(t->timeouts[request]);
    const auto delay = static_cast<sim::SimDuration>(1 + t->random.Below(1'000'000));
    t->timeouts[request] = t->queue.Schedule(t->queue.now() + 5'000'000, sim::EventClass::kTimeout,
                                             Ignore, t, request);
    t->queue.Schedule(t->queue.now() + delay, sim::EventClass::kDevice, Complete, t, request);
  }

  sim::EventQueue queue;
  sim::SplitMix64 random{1};
  sim::EventId timeouts[kPending];
};

void EventQueueTimeouts(benchmark::State& state) {
  Timeouts timeouts;
  CompareWithFloor(state, [&] {
    const int64_t start = ThreadCpuNs();
    for (int i = 0; i < kPops; ++i) timeouts.queue.RunNext();
    return static_cast<double>(ThreadCpuNs() - start) / kPops;
  });
}
VMSIM_BENCHMARK(EventQueueTimeouts);

}  // namespace
}  // namespace vmsim::benchmarks
