// tests/benchmarks/start_benchmark.cc: the vmsim command from exec to exit on a small scenario, as
// a script that calls it a thousand times sees it. Budget: 20 ms; goal: 10 ms.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/benchmarks/interleaved.h"

namespace vmsim::benchmarks {
namespace {

// Relative to the runfiles, where `bazel run` begins.
constexpr char kCommand[] = "tools/vmsim_bin";
constexpr char kScenario[] = "tests/benchmarks/start.txtpb";
constexpr int kStarts = 21;

double HostMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double Ms(const timeval& t) {
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3;
}

struct Start {
  double wall_ms = 0;
  double cpu_ms = 0;
  int status = -1;  // Exit status; -1: it did not start, or a signal ended it.
};

Start RunCommand() {
  std::string command = kCommand, verb = "run", scenario = kScenario;
  char* const arguments[] = {command.data(), verb.data(), scenario.data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  Start start;
  const double begin = HostMs();
  pid_t child = 0;
  if (posix_spawn(&child, kCommand, &files, nullptr, arguments, environ) == 0) {
    int status = 0;
    rusage usage{};
    wait4(child, &status, 0, &usage);
    start.wall_ms = HostMs() - begin;
    start.cpu_ms = Ms(usage.ru_utime) + Ms(usage.ru_stime);
    if (WIFEXITED(status)) start.status = WEXITSTATUS(status);
  }
  posix_spawn_file_actions_destroy(&files);
  return start;
}

void StartCommand(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<double> wall, cpu;
    for (int i = 0; i < kStarts; ++i) {
      const Start start = RunCommand();
      if (start.status != 0) {
        state.SkipWithError("vmsim run start.txtpb failed; start this with `bazel run`");
        return;
      }
      wall.push_back(start.wall_ms);
      cpu.push_back(start.cpu_ms);
    }
    state.counters["ms"] = Median(wall);
    state.counters["cpu_ms"] = Median(cpu);
    state.SetIterationTime(Median(wall) * 1e-3);
  }
}
VMSIM_BENCHMARK(StartCommand)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vmsim::benchmarks
