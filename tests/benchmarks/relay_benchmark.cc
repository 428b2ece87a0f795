// tests/benchmarks/relay_benchmark.cc: a mail relay with 10,000 connections whose bodies, 1 GiB a
// minute, do not fit in memory. Budget: 20 s of host time for a simulated minute.
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "scenarios/invariant_watch.h"
#include "scenarios/runner.h"
#include "scenarios/scenario_reader.h"
#include "sim/check.h"
#include "sim/time.h"
#include "tests/benchmarks/floor.h"
#include "tests/benchmarks/interleaved.h"

namespace vmsim::benchmarks {
namespace {

// Relative to the runfiles, where `bazel run` begins.
constexpr char kScenario[] = "tests/benchmarks/relay.txtpb";
constexpr sim::SimDuration kMinute = 60 * sim::kSecond;
constexpr sim::SimDuration kLook = 50 * sim::kMillisecond;

// Seconds of CPU time for the first minute, cheap checks on.
double MinuteSeconds(const scenarios::ScenarioFile& file) {
  const auto machine = scenarios::BuildMachine(file.scenario, {}, file.place);
  CHECK(machine.ok(), machine.status().ToString());
  const scenarios::InvariantWatch watch(**machine, vm::CheckLevel::kCheap, 0);
  const int64_t start = ThreadCpuNs();
  for (sim::SimTime limit = kLook; limit <= kMinute; limit += kLook) {
    while ((*machine)->Step(limit)) {
    }
    CHECK(watch.CheckCheaply().ok());
  }
  const auto took = static_cast<double>(ThreadCpuNs() - start) * 1e-9;
  CHECK_GT((*machine)->mail()->stats().received_bytes, int64_t{1} << 30);
  return took;
}

void MailRelayMinute(benchmark::State& state) {
  const absl::StatusOr<scenarios::ScenarioFile> file = scenarios::ReadScenario(kScenario, {});
  if (!file.ok()) {
    state.SkipWithError("relay.txtpb cannot be read; start this with `bazel run`");
    return;
  }
  double seconds = 0;
  for (auto _ : state) {
    std::vector<double> rounds;
    for (int i = 0; i < 3; ++i) rounds.push_back(MinuteSeconds(*file));
    seconds = Median(rounds);
    state.SetIterationTime(seconds);
  }
  state.counters["seconds"] = seconds;
}
VMSIM_BENCHMARK(MailRelayMinute);

}  // namespace
}  // namespace vmsim::benchmarks
