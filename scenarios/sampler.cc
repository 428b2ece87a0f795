#include "scenarios/sampler.h"

#include "absl/strings/str_cat.h"
#include "scenarios/machine.h"

namespace vmsim::scenarios {
namespace {

using sim::CounterKind;

int64_t Runnable(Machine& m, int) {
  return static_cast<int64_t>(m.engine().run_queue_length()) + m.engine().running();
}

// Processes asleep for I/O or memory, vmstat's b.
int64_t Blocked(Machine& m, int) {
  int64_t blocked = 0;
  for (const auto& runner : m.runners()) {
    const sim::Thread* thread = runner->process().thread;
    if (thread->state() != sim::Thread::State::kSleeping) continue;
    const std::string_view on = thread->wait_message();
    blocked += on != "start" && on != "nanslp";
  }
  return blocked;
}

int64_t MappedPages(Machine& m, int) {
  int64_t pages = 0;
  for (const auto& runner : m.runners()) {
    pages += static_cast<int64_t>(runner->process().space.mapped_pages());
  }
  return pages;
}

int64_t DiskTransfers(Machine& m, int disk) {
  const sim::DiskStats& stats = m.disks()[disk]->stats();
  return stats.reads() + stats.writes();
}

int64_t IdleNs(Machine& m, int) {
  const int64_t all = m.engine().now() * m.engine().config().cpus;
  return all - m.user_ns() - m.system_ns();
}

}  // namespace

std::vector<Sampler::Column> Sampler::Columns(Machine& machine) {
  constexpr CounterKind kCounter = CounterKind::kCounter;
  constexpr CounterKind kLevel = CounterKind::kLevel;
  std::vector<Column> columns = {
      {"threads_runnable", "threads", kLevel, Runnable, 0},
      {"threads_blocked", "threads", kLevel, Blocked, 0},
      {"avm_pages", "pages", kLevel, MappedPages, 0},
      {"v_free_count", "pages", kLevel,
       [](Machine& m, int) -> int64_t { return m.vm().domain().free_count(); }, 0},
      {"v_active_count", "pages", kLevel,
       [](Machine& m, int) { return m.vm().reclaim().QueueLength(vm::QueueId::kActive); }, 0},
      {"v_inactive_count", "pages", kLevel,
       [](Machine& m, int) { return m.vm().reclaim().QueueLength(vm::QueueId::kInactive); }, 0},
      {"v_laundry_count", "pages", kLevel,
       [](Machine& m, int) { return m.vm().reclaim().QueueLength(vm::QueueId::kLaundry); }, 0},
      {"v_vm_faults", "faults", kCounter,
       [](Machine& m, int) { return m.vm().counters().v_vm_faults; }, 0},
      {"v_io_faults", "faults", kCounter,
       [](Machine& m, int) { return m.vm().counters().v_io_faults; }, 0},
      {"v_reactivated", "pages", kCounter,
       [](Machine& m, int) { return m.vm().counters().v_reactivated; }, 0},
      {"v_swapin", "reads", kCounter, [](Machine& m, int) { return m.vm().counters().v_swapin; },
       0},
      {"v_swappgsin", "pages", kCounter,
       [](Machine& m, int) { return m.vm().counters().v_swappgsin; }, 0},
      {"v_swapout", "writes", kCounter, [](Machine& m, int) { return m.vm().counters().v_swapout; },
       0},
      {"v_swappgsout", "pages", kCounter,
       [](Machine& m, int) { return m.vm().counters().v_swappgsout; }, 0},
      {"v_tfree", "pages", kCounter, [](Machine& m, int) { return m.vm().counters().v_tfree; }, 0},
      {"v_pdpages", "pages", kCounter, [](Machine& m, int) { return m.vm().counters().v_pdpages; },
       0},
  };
  for (size_t i = 0; i < machine.disks().size(); ++i) {
    columns.push_back({absl::StrCat("disk.", machine.disks()[i]->name(), ".transfers"), "requests",
                       kCounter, DiskTransfers, static_cast<int>(i)});
  }
  columns.push_back(
      {"cpu_user_ns", "ns", kCounter, [](Machine& m, int) { return m.user_ns(); }, 0});
  columns.push_back(
      {"cpu_system_ns", "ns", kCounter, [](Machine& m, int) { return m.system_ns(); }, 0});
  columns.push_back({"cpu_idle_ns", "ns", kCounter, IdleNs, 0});
  return columns;
}

std::vector<std::string> Sampler::Names(const std::vector<Column>& columns) {
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

Sampler::Sampler(Machine& machine, sim::SimDuration interval_ns)
    : machine_(machine),
      interval_ns_(interval_ns),
      columns_(Columns(machine)),
      series_(Names(columns_), kMaxRows),
      row_(columns_.size()) {
  for (const Column& column : columns_) {
    units_.push_back(column.unit);
    kinds_.push_back(column.kind);
  }
  Arm();
}

void Sampler::Arm() {
  sim::EventQueue& events = machine_.engine().events();
  events.Schedule(events.now() + interval(), sim::EventClass::kDaemon, OnTimer, this, 0);
}

void Sampler::OnTimer(void* context, uint64_t) {
  auto* sampler = static_cast<Sampler*>(context);
  sampler->Sample();
  sampler->Arm();
}

void Sampler::Sample() {
  for (size_t i = 0; i < columns_.size(); ++i) {
    row_[i] = columns_[i].read(machine_, columns_[i].argument);
  }
  series_.Append(machine_.engine().now(), row_);
}

void Sampler::Finish() {
  const auto& times = series_.times();
  if (times.empty() || times.back() < machine_.engine().now()) Sample();
}

}  // namespace vmsim::scenarios
