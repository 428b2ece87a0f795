// tests/benchmarks/busy_machine.h: whole machines for benchmarks: clock, events, daemons, counters and
// the digest running; no other sink attached.
#ifndef VMSIM_TESTS_BENCHMARKS_BUSY_MACHINE_H_
#define VMSIM_TESTS_BENCHMARKS_BUSY_MACHINE_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "scenarios/invariant_watch.h"
#include "scenarios/machine.h"
#include "scenarios/scenario.pb.h"
#include "sim/check.h"
#include "sim/time.h"
#include "tests/benchmarks/floor.h"

namespace vmsim::benchmarks {

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

  // Reads a file of `pages` pages in order through a map, over and over; or, if `s10` is not 0,
  // refers to it by Zipf. Without a file, the same of memory.
  static BusyMachine Mapping(int64_t frames, uint32_t pages, bool file, int s10 = 0) {
    v1::Scenario scenario = WithSwap(frames, pages);
    v1::Process* process = scenario.mutable_processes(0);
    v1::Map* map = process->add_steps()->mutable_map();
    map->set_name("data");
    if (file) {
      AddFile(scenario, pages);
      map->set_file("file");
    } else {
      map->set_pages(pages);
      v1::Touch* touch = process->add_steps()->mutable_touch();
      touch->set_map("data");
      touch->set_write(true);
    }
    v1::Generate* generate = process->add_steps()->mutable_generate();
    generate->set_map("data");
    generate->set_kind(s10 == 0 ? v1::Generate::LOOP : v1::Generate::ZIPF);
    if (s10 == 0) generate->set_passes(int64_t{1} << 40);
    if (s10 != 0) generate->set_s10(s10);
    if (s10 != 0) generate->set_refs(int64_t{1} << 40);
    return BusyMachine(scenario, {});
  }
  // Reads a file of `pages` pages in order by read, 64 KiB a call, over and over.
  static BusyMachine Reading(int64_t frames, uint32_t pages) {
    v1::Scenario scenario = WithSwap(frames, pages);
    AddFile(scenario, pages);
    v1::Repeat* repeat = scenario.mutable_processes(0)->add_steps()->mutable_repeat();
    repeat->set_times(int64_t{1} << 40);
    v1::Read* read = repeat->add_steps()->mutable_read();
    read->set_file("file");
    read->set_length_bytes(64 << 10);
    read->set_times(int64_t{pages} / 16);
    repeat->add_steps()->mutable_close()->set_file("file");
    return BusyMachine(scenario, {});
  }

  // Goes on for `ns` of simulated time, and checks the cheap invariants.
  void RunFor(sim::SimDuration ns) {
    limit_ += ns;
    while (machine_->Step(limit_)) {
    }
    CHECK(watch_->CheckCheaply().ok());
  }
  // Goes on until the process has made `references` more, or somewhat more.
  void RunReferences(int64_t references) {
    const int64_t end = machine_->references() + references;
    while (machine_->references() < end) {
      CHECK(!machine_->done(), "the process ended, killed for memory perhaps");
      RunFor(kChunk);
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

  // Host ns per page that came from a file, over `ns` of simulated time.
  double MeasurePageInNs(sim::SimDuration ns) {
    const int64_t start = ThreadCpuNs();
    const int64_t before = pages_read();
    for (sim::SimDuration left = ns; left > 0; left -= kChunk) RunFor(kChunk);
    return static_cast<double>(ThreadCpuNs() - start) / static_cast<double>(pages_read() - before);
  }

  // Page tables are mapped, not on the heap.
  int64_t page_table_bytes() const {
    return static_cast<int64_t>(machine_->vm().page_tables().slots_in_use() * sizeof(vm::Pte));
  }
  int64_t majflt() const { return machine_->runners()[0]->process().space.majflt; }
  int64_t minflt() const { return machine_->runners()[0]->process().space.minflt; }
  int64_t cow_faults() const { return machine_->vm().counters().v_cow_faults; }
  // From files, be it for getpages or for buffers.
  int64_t pages_read() const { return machine_->disks().back()->stats().read_bytes / 4096; }
  int64_t references() const { return machine_->references(); }

 private:
  static constexpr char kTrace[] = "records";
  static constexpr sim::SimDuration kChunk = 10 * sim::kMillisecond;

  BusyMachine(const v1::Scenario& scenario, scenarios::SharedInputs inputs) {
    auto machine = scenarios::Machine::Create(scenario, std::move(inputs), scenario.seed());
    CHECK(machine.ok(), machine.status().ToString());
    machine_ = *std::move(machine);
    watch_ = std::make_unique<scenarios::InvariantWatch>(*machine_, vm::CheckLevel::kCheap, 0);
  }
  static void AddFile(v1::Scenario& scenario, uint32_t pages) {
    v1::Disk* disk = scenario.add_disks();
    disk->set_name("files0");
    disk->mutable_ssd();
    disk->set_size_bytes(int64_t{pages} * 4096 * 2);
    v1::FileSystem* fs = scenario.add_file_systems();
    fs->set_name("fs");
    fs->set_disk("files0");
    v1::File* file = scenario.add_files();
    file->set_name("file");
    file->set_size_bytes(int64_t{pages} * 4096);
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

  std::unique_ptr<scenarios::Machine> machine_;
  std::unique_ptr<scenarios::InvariantWatch> watch_;
  sim::SimTime limit_ = 0;
};

}  // namespace vmsim::benchmarks

#endif  // VMSIM_TESTS_BENCHMARKS_BUSY_MACHINE_H_
