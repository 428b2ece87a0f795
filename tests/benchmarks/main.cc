// tests/benchmarks/main.cc: runs the benchmarks and names the compiler.
#include "benchmark/benchmark.h"

#if defined(__clang__)
#define VMSIM_COMPILER "clang " __clang_version__
#else
#define VMSIM_COMPILER "gcc " __VERSION__
#endif

int main(int argc, char** argv) {
  benchmark::AddCustomContext("compiler", VMSIM_COMPILER);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 64;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
