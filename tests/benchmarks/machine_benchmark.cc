// tests/benchmarks/machine_benchmark.cc: whole machines: clock, events, daemons, counters and the
// digest running; no other sink attached.
//
//     benchmark             budget                          goal
//     ResidentReference     1.6 x the floor                 1.3
//     MajorFault            400 ns a fault                  250
//     ZipfWithSwap          100 ns a reference              75
//     MemoryPerFrame        64 bytes                        48
#include <malloc.h>

#include <cstdint>
#include <vector>

#include "scenarios/reference_source.h"
#include "sim/check.h"
#include "tests/benchmarks/busy_machine.h"
#include "tests/benchmarks/floor.h"
#include "tests/benchmarks/interleaved.h"

namespace vmsim::benchmarks {
namespace {

constexpr auto kFloorPages = static_cast<uint32_t>(Floor::kPages);

// The floor's own records, all of whose pages fit. What is measured is the second pass and on.
void ResidentReference(benchmark::State& state) {
  constexpr auto kReferences = static_cast<int64_t>(Floor::kReferences);
  BusyMachine machine =
      BusyMachine::Replaying(Floor::kPages * 5 / 4, Floor::Zipf().records(), kFloorPages);
  machine.RunReferences(kReferences);
  const int64_t faults = machine.majflt();
  CompareWithFloor(state, [&] { return machine.MeasureReferenceNs(kReferences); });
  CHECK_EQ(machine.majflt(), faults);
}
VMSIM_BENCHMARK(ResidentReference);

// The same of a process whose pages are in part a child's, too. Measured when all that it writes
// has been copied.
void ResidentReferenceForked(benchmark::State& state) {
  constexpr auto kReferences = static_cast<int64_t>(Floor::kReferences);
  BusyMachine machine = BusyMachine::Replaying(Floor::kPages * 5 / 2, Floor::Zipf().records(),
                                               kFloorPages, /*forked=*/true);
  machine.RunReferences(3 * kReferences);
  const int64_t faults = machine.minflt();
  CHECK_GT(machine.cow_faults(), 0);
  CompareWithFloor(state, [&] { return machine.MeasureReferenceNs(kReferences); });
  CHECK_EQ(machine.minflt(), faults);
}
VMSIM_BENCHMARK(ResidentReferenceForked);

// Uniform references to ten times the memory: nearly each waits for a page from swap, for which
// another has to go.
void MeasureMajorFaults(benchmark::State& state, int write_pct) {
  constexpr uint32_t kPages = kFloorPages / 4;
  constexpr int64_t kReferences = 200'000;
  BusyMachine machine = BusyMachine::Uniform(kPages / 10, kPages, write_pct);
  machine.RunReferences(3 * kPages);
  const int64_t faults = machine.majflt();
  const int64_t references = machine.references();
  CompareWithFloor(state, [&] { return machine.MeasureFaultNs(kReferences); });
  state.counters["majflt_per_ref"] = static_cast<double>(machine.majflt() - faults) /
                                     static_cast<double>(machine.references() - references);
}

// The page that goes has a copy in swap.
void MajorFault(benchmark::State& state) { MeasureMajorFaults(state, 0); }
VMSIM_BENCHMARK(MajorFault);

// Half of the references store, so that most pages that go have to be written first.
void MajorFaultAndPageOut(benchmark::State& state) { MeasureMajorFaults(state, 50); }
VMSIM_BENCHMARK(MajorFaultAndPageOut);

// The floor's records with frames for a tenth of the pages.
void ZipfWithSwap(benchmark::State& state) {
  constexpr int64_t kReferences = 2'000'000;
  BusyMachine machine =
      BusyMachine::Replaying(Floor::kPages / 10, Floor::Zipf().records(), kFloorPages);
  machine.RunReferences(2 * kReferences);
  const int64_t faults = machine.majflt();
  const int64_t references = machine.references();
  CompareWithFloor(state, [&] { return machine.MeasureReferenceNs(kReferences); });
  state.counters["majflt_per_ref"] = static_cast<double>(machine.majflt() - faults) /
                                     static_cast<double>(machine.references() - references);
}
VMSIM_BENCHMARK(ZipfWithSwap);

// What the heap holds, mapped blocks included.
int64_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

std::vector<uint64_t> SequentialStores(int64_t pages) {
  std::vector<uint64_t> records;
  for (uint64_t page = 0; page < static_cast<uint64_t>(pages); ++page) {
    records.push_back(scenarios::MakeRecord(page, scenarios::kStore, 1).word);
  }
  records.shrink_to_fit();
  return records;
}

// All that a machine allocates, page tables and swap metadata included, when a process has written
// to as many pages as there are frames, and part of them is in swap.
void MemoryPerFrame(benchmark::State& state) {
  constexpr int64_t kFrames = int64_t{1} << 20;
  double bytes = 0;
  for (auto _ : state) {
    const int64_t before = HeapBytes();
    BusyMachine machine =
        BusyMachine::Replaying(kFrames, SequentialStores(kFrames), static_cast<uint32_t>(kFrames));
    constexpr int64_t kRecords = kFrames * static_cast<int64_t>(sizeof(uint64_t));
    machine.RunReferences(2 * kFrames);
    const int64_t held = HeapBytes() - before - kRecords + machine.page_table_bytes();
    bytes = static_cast<double>(held) / kFrames;
    CHECK_GT(machine.majflt(), 0, "nothing was swapped");
    state.SetIterationTime(bytes * 1e-9);
  }
  state.counters["bytes"] = bytes;
}
VMSIM_BENCHMARK(MemoryPerFrame);

}  // namespace
}  // namespace vmsim::benchmarks
