// scenarios/machine.h: a simulated host, built from a scenario.
//
// Wires the parts together: CPUs and the event loop, the trace and its digest, disks, memory with
// its daemons, swap, files, clients, processes and what they do. Nothing else in the project knows
// all of them. What a scenario does not have is not there: no files, no buffer daemon.
//
// A Machine is deterministic: scenario and seed decide everything that its trace, counters and
// digest show. It is not thread-safe; different machines may run in different host threads.
#ifndef VMSIM_SCENARIOS_MACHINE_H_
#define VMSIM_SCENARIOS_MACHINE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "net/mail_relay.h"
#include "net/sendfile.h"
#include "scenarios/clients.h"
#include "scenarios/mpools.h"
#include "scenarios/process_host.h"
#include "scenarios/process_runner.h"
#include "scenarios/sampler.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/swap_devices.h"
#include "sim/counters.h"
#include "sim/disk.h"
#include "sim/engine.h"
#include "sim/trace.h"
#include "vfs/durability.h"
#include "vfs/vfs_system.h"
#include "vm/planted_bugs.h"
#include "vm/vm_system.h"

namespace vmsim::scenarios {

// What power failure found and left.
struct CrashReport {
  sim::SimTime time = 0;
  vfs::CrashOutcome writes;
  vfs::DurabilityReport files;
};

class Machine final : public ProcessHost {
 public:
  // Builds the machine of a scenario that CheckScenario accepted, with its traces loaded already.
  // Errors: what only building shows, such as a swap area that does not fit on its disk.
  static absl::StatusOr<std::unique_ptr<Machine>> Create(const v1::Scenario& scenario,
                                                         SharedInputs inputs, uint64_t seed,
                                                         const vm::PlantedBugs& bugs = {});
  ~Machine() override;

  // Runs one event or one stretch of a thread. False when all processes have ended, when nothing
  // can happen any more, or when the clock would pass `limit`.
  bool Step(sim::SimTime limit);
  // Whether every process has ended, or power has failed.
  bool done() const { return processes_left_ == 0 || crash_.has_value(); }
  const std::optional<CrashReport>& crash() const { return crash_; }

  sim::Engine& engine() override { return engine_; }
  sim::Trace& trace() { return trace_; }
  vm::VmSystem& vm() override { return vm_; }
  const std::vector<std::unique_ptr<sim::Disk>>& disks() const { return disks_; }
  // In the scenario's order, then children in the order of their forks.
  const std::vector<std::unique_ptr<ProcessRunner>>& runners() const { return runners_; }
  const sim::CounterRegistry& counters() const { return counters_; }
  const sim::TraceCatalog& catalog() const { return catalog_; }
  Sampler& sampler() { return *sampler_; }
  const v1::Scenario& scenario() const { return scenario_; }
  uint64_t seed() const override { return seed_; }

  // ProcessHost.
  const SharedInputs& inputs() const override { return inputs_; }
  UnexpectedCalls& unexpected_calls() override { return unexpected_calls_; }
  vm::Process* FindProcess(const std::string& name) override;
  ProcessRunner& StartChild(std::unique_ptr<ProcessRunner> child) override;
  sim::Task<int> SwapOff(int swap, bool force) override { return swap_devices_.Off(swap, force); }
  sim::Task<int> SwapOn(int swap) override { return swap_devices_.On(swap); }
  int SwapDeviceOn(const std::string& disk) const override;
  vfs::VfsSystem* vfs() override { return vfs_.get(); }
  Mpools* mpools() override { return mpools_.get(); }
  vfs::Mount& FileSystem(const std::string& name) override;
  net::Sendfile& sendfile() override { return *sendfile_; }
  const net::Ref<net::StreamSocket>& ClientSocket(const std::string& connection) override {
    return clients_->Socket(connection);
  }
  void Crash() override;

  // Null without one.
  const net::MailRelay* mail() const { return mail_.get(); }
  const vm::Process& mail_process() const { return *mail_process_; }
  // When the relay's last message had gone; -1: not yet.
  sim::SimTime mail_ended() const { return mail_ended_; }

  const net::SendfileStats& sendfile_stats() const { return sendfile_stats_; }
  // Null without connections.
  const Clients* clients() const { return clients_.get(); }

  // References of all processes so far.
  int64_t references() const;
  // CPU time of user references, and of everything else that ran.
  sim::SimDuration user_ns() const;
  sim::SimDuration system_ns() const;

  // Hands every counter and every process's figures to the digest and gives it: the digest of the
  // run.
  std::string FinishDigest();

 private:
  Machine(const v1::Scenario& scenario, SharedInputs inputs, uint64_t seed,
          const vm::PlantedBugs& bugs);
  absl::Status AddDisks();
  sim::Disk& DiskCalled(const std::string& name);
  void AddFiles();
  void AddSegments();
  void AddProcesses();
  void AddMailRelay();
  sim::Task<void> RunMailRelay();
  ProcessRunner& Start(std::unique_ptr<ProcessRunner> runner);
  sim::Task<void> RunProcess(ProcessRunner& runner);

  v1::Scenario scenario_;
  SharedInputs inputs_;
  uint64_t seed_;
  sim::Engine engine_;
  sim::Trace trace_;
  sim::TraceCatalog catalog_;
  sim::DigestSink digest_;
  std::vector<std::unique_ptr<sim::Disk>> disks_;
  vm::VmSystem vm_;
  std::unique_ptr<vfs::DurabilityOracle> durability_;  // If power can fail.
  std::unique_ptr<vfs::VfsSystem> vfs_;
  std::unique_ptr<Mpools> mpools_;  // If a step opens one.
  net::SendfileStats sendfile_stats_;
  std::unique_ptr<net::Sendfile> sendfile_;
  std::unique_ptr<Clients> clients_;
  vm::Process* mail_process_ = nullptr;
  std::unique_ptr<net::MailRelay> mail_;
  sim::SimTime mail_ended_ = -1;
  std::optional<CrashReport> crash_;
  SwapDevices swap_devices_;
  UnexpectedCalls unexpected_calls_;
  std::vector<std::unique_ptr<ProcessRunner>> runners_;
  std::map<std::string, ProcessRunner*> runners_by_name_;
  sim::CounterRegistry counters_;
  std::unique_ptr<Sampler> sampler_;
  int processes_left_ = 0;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MACHINE_H_
