// tests/benchmarks/epoll_bench.cc: what an event costs when very many files are watched and few of
// them are active. The few come round again and again; at the end one that was idle all the time
// fires, and must be delivered. With 100 files watched instead of 100,000 the cost should be about
// the same: a read costs what it returns (what is left is the memory that the 10 are spread over).
#include <cstdint>
#include <vector>

#include "net/epoll.h"
#include "net/eventfd.h"
#include "net/file.h"
#include "sim/check.h"
#include "sim/engine.h"
#include "tests/benchmarks/floor.h"
#include "tests/benchmarks/interleaved.h"

namespace vmsim::benchmarks {
namespace {

constexpr size_t kActive = 10;
constexpr int kReads = 20'000;

struct Watched {
  explicit Watched(size_t count) : set(net::EventPoll::Create(files)) {
    for (size_t i = 0; i < count; ++i) {
      counters.push_back(net::EventFd::Create(files, 0));
      CHECK_EQ(set->AddEntry({counters.back().get(), static_cast<int32_t>(i)}, net::kLevelTriggered,
                             sim::kEventIn, i),
               0);
    }
    for (size_t i = 0; i < kActive; ++i) active.push_back(i * (count / kActive));
  }

  // Each round: the active ones fire, one read delivers them, they are drained. ns an event.
  double MeasureNs() {
    const int64_t start = ThreadCpuNs();
    for (int round = 0; round < kReads; ++round) {
      for (const size_t i : active) counters[i]->TryAdd(1);
      events.clear();
      CHECK_EQ(set->ReadEvents(64, &events), static_cast<int64_t>(kActive));
      for (const net::EpollEvent& event : events) counters[event.data]->TryTake();
    }
    return static_cast<double>(ThreadCpuNs() - start) / (kReads * static_cast<double>(kActive));
  }

  // The last file, idle until now.
  void FireAnIdleOne() {
    const size_t idle = counters.size() - 1;
    events.clear();
    counters[idle]->TryAdd(1);
    CHECK_EQ(set->ReadEvents(64, &events), 1);
    CHECK_EQ(events.front().data, idle);
  }

  sim::Engine engine;
  net::OpenFiles files{engine};
  net::Ref<net::EventPoll> set;
  std::vector<net::Ref<net::EventFd>> counters;
  std::vector<size_t> active;
  std::vector<net::EpollEvent> events;
};

void RunEpoll(benchmark::State& state, size_t count) {
  Watched watched(count);
  CompareWithFloor(state, [&] { return watched.MeasureNs(); });
  watched.FireAnIdleOne();
  state.counters["watched"] = static_cast<double>(count);
}

void EpollTenActiveOf100(benchmark::State& state) { RunEpoll(state, 100); }
VMSIM_BENCHMARK(EpollTenActiveOf100);

void EpollTenActiveOf100000(benchmark::State& state) { RunEpoll(state, 100'000); }
VMSIM_BENCHMARK(EpollTenActiveOf100000);

}  // namespace
}  // namespace vmsim::benchmarks
