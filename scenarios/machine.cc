#include "scenarios/machine.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "net/residency_trace.h"
#include "scenarios/file_config.h"
#include "scenarios/machine_counters.h"
#include "scenarios/mail_config.h"
#include "scenarios/scenario_config.h"
#include "scenarios/scenario_totals.h"
#include "scenarios/steps.h"
#include "sim/trace_types.h"
#include "vfs/trace_types.h"
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
      vm_(engine_, trace_, ToVmConfig(scenario, bugs)),
      swap_devices_(vm_) {
  catalog_.Add(sim::trace::kTypes);
  catalog_.Add(vm::trace::kTypes);
  catalog_.Add(vfs::trace::kTypes);
  engine_.set_trace(&trace_);
  trace_.AddSink(&digest_);
}

Machine::~Machine() { engine_.DestroyThreads(); }

absl::StatusOr<std::unique_ptr<Machine>> Machine::Create(const v1::Scenario& scenario,
                                                         SharedInputs inputs, uint64_t seed,
                                                         const vm::PlantedBugs& bugs) {
  std::unique_ptr<Machine> machine(new Machine(scenario, std::move(inputs), seed, bugs));
  if (absl::Status status = machine->AddDisks(); !status.ok()) return status;
  if (absl::Status status = machine->swap_devices_.AddAll(machine->scenario_, machine->disks_);
      !status.ok()) {
    return status;
  }
  machine->AddFiles();
  machine->AddSegments();
  machine->vm_.Start();
  if (machine->vfs_ != nullptr) machine->vfs_->Start();
  machine->AddProcesses();
  machine->AddMailRelay();
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

sim::Disk& Machine::DiskCalled(const std::string& name) {
  for (const auto& disk : disks_) {
    if (disk->name() == name) return *disk;
  }
  CHECK(false, "the scenario check knows every disk: ", name);
  return *disks_.front();
}

void Machine::AddFiles() {
  inputs_.file_pages = FilePages(scenario_);
  if (!scenario_.connections().empty()) {
    clients_ = std::make_unique<Clients>(scenario_, engine_);
  }
  if (scenario_.file_systems().empty()) return;
  vfs_ = std::make_unique<vfs::VfsSystem>(engine_, trace_, vm_, ToVfsConfig(scenario_));
  sendfile_ = std::make_unique<net::Sendfile>(*vfs_, sendfile_stats_);
  if (!PoolNames(scenario_).empty()) mpools_ = std::make_unique<Mpools>(scenario_, *vfs_);
  if (HasCrash(scenario_)) {
    durability_ = std::make_unique<vfs::DurabilityOracle>();
    vfs_->ops().set_durability_observer(durability_.get());
  }
  std::map<std::string, std::vector<DiskArea>> areas;
  const std::vector<vfs::MountConfig> mounts = PlaceFileSystems(scenario_, &areas);
  for (size_t i = 0; i < mounts.size(); ++i) {
    vfs_->AddMount(mounts[i], DiskCalled(scenario_.file_systems(static_cast<int>(i)).disk()));
  }
  for (const v1::File& file : scenario_.files()) {
    vfs::Vnode* vnode =
        vfs_->AddFile(FileSystem(file.file_system()), file.name(), ToFileLayout(file));
    CHECK(vnode != nullptr, "the scenario check knows what fits: ", file.name());
  }
}

vfs::Mount& Machine::FileSystem(const std::string& name) {
  const int found = FindFileSystem(scenario_, name);
  CHECK_GE(found, 0, "the scenario check knows every file system: ", name);
  return *vfs_->mounts()[static_cast<size_t>(found)];
}

void Machine::Crash() {
  CrashReport report;
  report.time = engine_.now();
  if (vfs_ != nullptr) {
    report.writes = vfs_->Crash(seed_);
    report.files = durability_->Check(*vfs_);
  }
  crash_ = report;
  engine_.Stop();
}

void Machine::AddSegments() {
  for (const v1::SharedSegment& segment : scenario_.shared_segments()) {
    vm::Object& object = vm_.CreateSegment(static_cast<uint32_t>(segment.pages()));
    inputs_.segments[segment.name()] = object.id;
  }
}

void Machine::AddProcesses() {
  for (const v1::Process& config : scenario_.processes()) {
    const int64_t count = config.has_count() ? config.count() : 1;
    for (int64_t copy = 0; copy < count; ++copy) {
      vm::Process& process =
          vm_.CreateProcess(MemberName(config.name(), count, copy), config.protect());
      if (config.has_rlimit_memlock_pages()) process.memlock_limit = config.rlimit_memlock_pages();
      Start(std::make_unique<ProcessRunner>(
          *this, process, ProcessRunner::Program{config.steps(), config.start_ns(), count, copy}));
    }
  }
}

void Machine::AddMailRelay() {
  if (!scenario_.has_mail_relay()) return;
  const v1::MailRelay& relay = scenario_.mail_relay();
  catalog_.Add(net::trace::kResidencyTypes);
  mail_process_ = &vm_.CreateProcess(MailProcessName(relay), /*protect=*/false);
  vfs::Mount* const spool =
      relay.body() == v1::MailRelay::SPOOL ? &FileSystem(relay.spool_file_system()) : nullptr;
  mail_ = std::make_unique<net::MailRelay>(
      net::MailRelay::Parts{engine_, trace_, vm_, vfs_.get(), spool, *mail_process_},
      ToMailConfig(relay, vm_.config().costs), seed_);
  ++processes_left_;
  mail_process_->thread = engine_.Spawn(mail_process_->name, sim::kPriorityUser, RunMailRelay());
}

sim::Task<void> Machine::RunMailRelay() {
  co_await mail_->Run();
  co_await vm_.Exit(*mail_process_, 0);
  mail_ended_ = engine_.now();
  if (--processes_left_ == 0) engine_.Stop();
}

ProcessRunner& Machine::Start(std::unique_ptr<ProcessRunner> runner) {
  runners_.push_back(std::move(runner));
  ProcessRunner& started = *runners_.back();
  vm::Process& process = started.process();
  runners_by_name_[process.name] = &started;
  ++processes_left_;
  process.thread = engine_.Spawn(process.name, sim::kPriorityUser, RunProcess(started));
  return started;
}

ProcessRunner& Machine::StartChild(std::unique_ptr<ProcessRunner> child) {
  return Start(std::move(child));
}

vm::Process* Machine::FindProcess(const std::string& name) {
  const auto it = runners_by_name_.find(name);
  if (it == runners_by_name_.end()) return nullptr;
  ProcessRunner& runner = *it->second;
  return runner.started() >= 0 && runner.ended() < 0 ? &runner.process() : nullptr;
}

int Machine::SwapDeviceOn(const std::string& disk) const {
  const std::vector<int> devices = SwapDevicesOn(scenario_, disk);
  CHECK_EQ(devices.size(), 1u, "the scenario check knows the swap devices: ", disk);
  return devices[0];
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
    for (const CallLog::Labelled& call : runner->calls().labelled()) {
      const std::string name = absl::StrCat(process.name, ".", call.step->label());
      digest_.Add(absl::StrCat(name, ".times"), call.times);
      digest_.Add(absl::StrCat(name, ".failures"), call.failures);
      digest_.Add(absl::StrCat(name, ".last_errno"), call.last_error);
      if (MovesBytes(*call.step)) digest_.Add(absl::StrCat(name, ".bytes"), call.bytes);
    }
  }
  if (mail_ != nullptr) digest_.Add("mail.end_ns", mail_ended_);
  if (crash_.has_value()) digest_.Add("crash.torn", crash_->writes.torn);
  return digest_.Hex();
}

}  // namespace vmsim::scenarios
