#include "scenarios/sampler.h"

#include <string_view>

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
    blocked += on != "start" && on != "nanslp" && on != "instant" && on != "wait";
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

// Counters of the machine that are columns as they are.
constexpr std::string_view kCounterColumns[] = {
    "v_free_count", "v_active_count", "v_inactive_count", "v_laundry_count", "v_vm_faults",
    "v_io_faults",  "v_reactivated",  "v_swapin",         "v_swappgsin",     "v_swapout",
    "v_swappgsout", "v_tfree",        "v_pdpages",        "cpu_user_ns",     "cpu_system_ns",
};

// And if there are files.
constexpr std::string_view kFileColumns[] = {"v_vnodein", "v_vnodepgsin", "v_vnodeout",
                                             "v_vnodepgsout", "vfs.numdirtybuffers"};

}  // namespace

std::vector<Sampler::Column> Sampler::Columns(Machine& machine) {
  std::vector<Column> columns = {
      {"threads_runnable", "threads", CounterKind::kLevel, Runnable, 0, nullptr},
      {"threads_blocked", "threads", CounterKind::kLevel, Blocked, 0, nullptr},
      {"avm_pages", "pages", CounterKind::kLevel, MappedPages, 0, nullptr},
  };
  const auto add = [&](std::string_view name) {
    const sim::Counter* counter = machine.counters().FindCounter(name);
    CHECK(counter != nullptr, "no counter ", std::string(name));
    columns.push_back({counter->name(), counter->unit(), counter->kind(), nullptr, 0, counter});
  };
  for (const std::string_view name : kCounterColumns) add(name);
  if (machine.vfs() != nullptr) {
    for (const std::string_view name : kFileColumns) add(name);
  }
  columns.push_back({"cpu_idle_ns", "ns", CounterKind::kCounter, IdleNs, 0, nullptr});
  for (size_t i = 0; i < machine.disks().size(); ++i) {
    columns.push_back({absl::StrCat("disk.", machine.disks()[i]->name(), ".transfers"), "requests",
                       CounterKind::kCounter, DiskTransfers, static_cast<int>(i), nullptr});
  }
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
    const Column& column = columns_[i];
    row_[i] = column.counter != nullptr ? column.counter->value()
                                        : column.read(machine_, column.argument);
  }
  series_.Append(machine_.engine().now(), row_);
}

void Sampler::Finish() {
  const auto& times = series_.times();
  if (times.empty() || times.back() < machine_.engine().now()) Sample();
}

}  // namespace vmsim::scenarios
