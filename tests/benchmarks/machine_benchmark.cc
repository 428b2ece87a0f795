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
#include <memory>
#include <utility>
#include <vector>

#include "scenarios/generators.h"
#include "scenarios/machine.h"
#include "scenarios/reference_source.h"
#include "scenarios/scenario.pb.h"
#include "sim/check.h"
#include "sim/time.h"
#include "tests/benchmarks/floor.h"
#include "tests/benchmarks/interleaved.h"

namespace vmsim::benchmarks {
namespace {

using scenarios::Machine;

// A machine with one process and swap, whose work never ends.
class BusyMachine {
 public:
  // Replays `records` over `pages` pages from memory. `forked`: after the first time the process
  // forks, and shares what it does not write from then on with a child that sleeps.
  static BusyMachine Replaying(int64_t frames, std::vector<uint64_t> records, uint32_t pages,
                               bool forked = false) {
    v1::Scenario scenario = WithSwap(frames, pages);
    if (forked) {
      scenario.mutable_processes(0)->add_steps()->mutable_trace()->set_file(kTrace);
      v1::Fork* fork = scenario.mutable_processes(0)->add_steps()->mutable_fork();
      fork->set_name("child");
      fork->add_steps()->mutable_sleep()->set_ns(100'000'000'000'000'000);
    }
    v1::Trace* trace = scenario.mutable_processes(0)->add_steps()->mutable_trace();
    trace->set_file(kTrace);
    trace->set_repeat(int64_t{1} << 40);
    scenarios::SharedInputs inputs;
    scenarios::TraceLayout& layout = inputs.traces[kTrace];
    layout.entries = {{.start = 0x10000, .pages = pages, .first = 0}};
    layout.pages = pages;
    layout.references = records.size();
    layout.records = std::move(records);
    return BusyMachine(scenario, std::move(inputs));
  }
  // Writes all of `pages` pages once, then refers to them at random; write_pct of 100 write.
  static BusyMachine Uniform(int64_t frames, uint32_t pages, int write_pct) {
    v1::Scenario scenario = WithSwap(frames, pages);
    v1::Process* process = scenario.mutable_processes(0);
    v1::Map* map = process->add_steps()->mutable_map();
    map->set_name("heap");
    map->set_pages(pages);
    map->set_advice(v1::Map::RANDOM);  // One page a fault: no neighbours are read along.
    v1::Touch* touch = process->add_steps()->mutable_touch();
    touch->set_map("heap");
    touch->set_write(true);
    v1::Generate* generate = process->add_steps()->mutable_generate();
    generate->set_map("heap");
    generate->set_kind(v1::Generate::UNIFORM);
    generate->set_refs(int64_t{1} << 40);
    generate->set_write_pct(write_pct);
    return BusyMachine(scenario, {});
  }

  // Goes on for `ns` of simulated time.
  void RunFor(sim::SimDuration ns) {
    limit_ += ns;
    while (machine_->Step(limit_)) {
    }
  }
  // Goes on until the process has made `references` more, or somewhat more.
  void RunReferences(int64_t references) {
    const int64_t end = machine_->references() + references;
    while (machine_->references() < end) {
      CHECK(!machine_->done(), "the process ended, killed for memory perhaps");
      RunFor(10 * sim::kMillisecond);
    }
  }

  // Host ns per reference, over about `references`.
  double MeasureReferenceNs(int64_t references) {
    const int64_t start = ThreadCpuNs();
    const int64_t before = machine_->references();
    RunReferences(references);
    const auto made = static_cast<double>(machine_->references() - before);
    return static_cast<double>(ThreadCpuNs() - start) / made;
  }
  // Host ns per major fault, everything between two of them included.
  double MeasureFaultNs(int64_t references) {
    const int64_t start = ThreadCpuNs();
    const int64_t before = majflt();
    RunReferences(references);
    const auto faults = static_cast<double>(majflt() - before);
    return static_cast<double>(ThreadCpuNs() - start) / faults;
  }

  // Page tables are mapped, not on the heap.
  int64_t page_table_bytes() const {
    return static_cast<int64_t>(machine_->vm().page_tables().slots_in_use() * sizeof(vm::Pte));
  }
  int64_t majflt() const { return machine_->runners()[0]->process().space.majflt; }
  int64_t minflt() const { return machine_->runners()[0]->process().space.minflt; }
  int64_t cow_faults() const { return machine_->vm().counters().v_cow_faults; }
  int64_t references() const { return machine_->references(); }

 private:
  static constexpr char kTrace[] = "records";

  BusyMachine(const v1::Scenario& scenario, scenarios::SharedInputs inputs) {
    auto machine = Machine::Create(scenario, std::move(inputs), scenario.seed());
    CHECK(machine.ok(), machine.status().ToString());
    machine_ = *std::move(machine);
  }
  static v1::Scenario WithSwap(int64_t frames, uint32_t pages) {
    v1::Scenario scenario;
    scenario.set_seed(1);
    scenario.mutable_memory()->set_pages(frames);
    v1::Disk* disk = scenario.add_disks();
    disk->set_name("ssd0");
    disk->mutable_ssd();
    // Room for every page four times over: its bitmap is part of the machine, but not of its
    // memory.
    disk->set_size_bytes(int64_t{pages} * 4096 * 4);
    scenario.add_swap()->set_disk("ssd0");
    // Swap metadata for all pages: the default is for eight times the memory.
    scenario.mutable_tunables()->set_maxswzone(int64_t{pages} * 136);
    scenario.add_processes()->set_name("busy");
    return scenario;
  }

  std::unique_ptr<Machine> machine_;
  sim::SimTime limit_ = 0;
};

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
