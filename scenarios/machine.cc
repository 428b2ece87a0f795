#include "scenarios/machine.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "scenarios/machine_counters.h"
#include "scenarios/scenario_config.h"
#include "sim/random.h"
#include "sim/trace_types.h"
#include "vm/trace_types.h"

namespace vmsim::scenarios {
namespace {

vm::VmConfig ToVmConfig(const v1::Scenario& scenario, const vm::PlantedBugs& bugs) {
  vm::VmConfig config;
  config.frames = static_cast<uint32_t>(scenario.memory().pages());
  config.cpus = ToEngineConfig(scenario.cpus()).cpus;
  config.revision = ToRevision(scenario.freebsd().revision());
  config.tunables = ToTunables(scenario.tunables());
  config.costs = ToCosts(scenario.costs());
  config.planted_bugs = bugs;
  return config;
}

}  // namespace

Machine::Machine(const v1::Scenario& scenario, SharedInputs inputs, uint64_t seed,
                 const vm::PlantedBugs& bugs)
    : scenario_(scenario),
      inputs_(std::move(inputs)),
      seed_(seed),
      engine_(ToEngineConfig(scenario.cpus())),
      trace_(engine_.events().clock()),
      vm_(engine_, trace_, ToVmConfig(scenario, bugs)) {
  catalog_.Add(sim::trace::kTypes);
  catalog_.Add(vm::trace::kTypes);
  engine_.set_trace(&trace_);
  trace_.AddSink(&digest_);
}

Machine::~Machine() { engine_.DestroyThreads(); }

absl::StatusOr<std::unique_ptr<Machine>> Machine::Create(const v1::Scenario& scenario,
                                                         SharedInputs inputs, uint64_t seed,
                                                         const vm::PlantedBugs& bugs) {
  std::unique_ptr<Machine> machine(new Machine(scenario, std::move(inputs), seed, bugs));
  if (absl::Status status = machine->AddDisks(); !status.ok()) return status;
  if (absl::Status status = machine->AddSwap(); !status.ok()) return status;
  machine->AddSegments();
  machine->vm_.Start();
  machine->AddProcesses();
  RegisterMachineCounters(*machine, machine->counters_);
  const v1::Scenario& s = machine->scenario_;
  machine->sampler_ = std::make_unique<Sampler>(
      *machine, s.has_sample_interval_ns() ? s.sample_interval_ns() : kDefaultSampleIntervalNs);
  return machine;
}

absl::Status Machine::AddDisks() {
  for (const v1::Disk& disk : scenario_.disks()) {
    auto made = sim::Disk::Create(ToDiskConfig(disk), static_cast<uint32_t>(disks_.size()), seed_,
                                  engine_.events(), &trace_);
    if (!made.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("disks[", disks_.size(), "]: ", made.status().message()));
    }
    disks_.push_back(*std::move(made));
  }
  return absl::OkStatus();
}

absl::Status Machine::AddSwap() {
  for (int i = 0; i < scenario_.swap_size(); ++i) {
    const v1::SwapDevice& swap = scenario_.swap(i);
    sim::Disk* disk = nullptr;
    for (const auto& candidate : disks_) {
      if (candidate->name() == swap.disk()) disk = candidate.get();
    }
    CHECK(disk != nullptr, "the scenario check knows every disk: ", swap.disk());
    const int64_t disk_pages = disk->size_bytes() / vm::kPageSize;
    const int64_t pages =
        swap.size_pages() > 0 ? swap.size_pages() : disk_pages - swap.offset_pages();
    if (pages < 3 || swap.offset_pages() + pages > disk_pages ||
        !vm_.swap().space().CanSwapOn(static_cast<uint64_t>(pages) * (vm::kPageSize / 512))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "swap[", i, "].size_pages: ", pages, " pages from page ", swap.offset_pages(),
          " do not fit on disk \"", swap.disk(), "\" of ", disk_pages,
          " pages (or exceed 2^32 swap pages in all); make the area smaller or the disk larger"));
    }
    vm_.swap().SwapOn(*disk, swap.offset_pages() * vm::kPageSize, static_cast<uint32_t>(pages));
  }
  return absl::OkStatus();
}

void Machine::AddSegments() {
  for (const v1::SharedSegment& segment : scenario_.shared_segments()) {
    vm::Object& object = vm_.CreateAnonymous(static_cast<uint32_t>(segment.pages()));
    inputs_.segments[segment.name()] = object.id;
  }
}

void Machine::AddProcesses() {
  for (const v1::Process& process : scenario_.processes()) {
    const int count = process.has_count() ? process.count() : 1;
    for (int copy = 0; copy < count; ++copy) {
      AddProcess(process, count == 1 ? process.name() : absl::StrCat(process.name(), ".", copy));
    }
  }
}

void Machine::AddProcess(const v1::Process& config, const std::string& name) {
  vm::Process& process = vm_.CreateProcess(name, config.protect());
  runners_.push_back(std::make_unique<ProcessRunner>(engine_, vm_, process, config, inputs_,
                                                     sim::StreamSeed(seed_, name)));
  process.thread = engine_.Spawn(name, sim::kPriorityUser, RunProcess(*runners_.back()));
  ++processes_left_;
}

sim::Task<void> Machine::RunProcess(ProcessRunner& runner) {
  co_await runner.Run();
  if (--processes_left_ == 0) engine_.Stop();
}

bool Machine::Step(sim::SimTime limit) { return !done() && engine_.Step(limit); }

int64_t Machine::references() const {
  int64_t sum = 0;
  for (const auto& runner : runners_) sum += runner->references().references();
  return sum;
}

sim::SimDuration Machine::user_ns() const {
  sim::SimDuration sum = 0;
  for (const auto& runner : runners_) sum += runner->references().user_ns();
  return sum;
}

sim::SimDuration Machine::system_ns() const {
  sim::SimDuration sum = 0;
  for (const auto& thread : engine_.threads()) sum += thread->cpu_time();
  return sum - user_ns();
}

std::string Machine::FinishDigest() {
  trace_.Flush();
  digest_.Add("sim_time_ns", engine_.now());
  for (const sim::Counter* counter : counters_.SortedByName()) {
    digest_.Add(counter->name(), counter->value());
  }
  for (const auto& runner : runners_) {
    const vm::Process& process = runner->process();
    digest_.Add(absl::StrCat(process.name, ".majflt"), process.space.majflt);
    digest_.Add(absl::StrCat(process.name, ".minflt"), process.space.minflt);
    digest_.Add(absl::StrCat(process.name, ".references"), runner->references().references());
    digest_.Add(absl::StrCat(process.name, ".end_ns"), runner->ended());
  }
  return digest_.Hex();
}

}  // namespace vmsim::scenarios
