#include "scenarios/machine_counters.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "scenarios/machine.h"
#include "vm/sf_buf_stats.h"

namespace vmsim::scenarios {
namespace {

using sim::CounterInfo;
using sim::CounterKind;
using vm::VmCounters;

// Fields of VmCounters.
struct FieldCounter {
  CounterInfo info;
  int64_t VmCounters::*field;
};

constexpr FieldCounter kFieldCounters[] = {
    {{"v_vm_faults", "faults", "Page faults, not counting retries."}, &VmCounters::v_vm_faults},
    {{"v_io_faults", "faults", "Faults that a pager filled from backing store."},
     &VmCounters::v_io_faults},
    {{"v_zfod", "pages", "Pages filled with zeros on demand."}, &VmCounters::v_zfod},
    {{"v_ozfod", "pages", "Zero-fill pages that were known to be zero already."},
     &VmCounters::v_ozfod},
    {{"v_cow_faults", "faults", "Copy-on-write faults."}, &VmCounters::v_cow_faults},
    {{"v_cow_optim", "faults", "Copy-on-write faults that moved the page instead."},
     &VmCounters::v_cow_optim},
    {{"v_intrans", "sleeps", "Sleeps on a page in transit, or on a swap read."},
     &VmCounters::v_intrans},
    {{"v_swapin", "reads", "Swap reads started."}, &VmCounters::v_swapin},
    {{"v_swappgsin", "pages", "Pages swapped in."}, &VmCounters::v_swappgsin},
    {{"v_swapout", "writes", "Swap writes started."}, &VmCounters::v_swapout},
    {{"v_swappgsout", "pages", "Pages swapped out."}, &VmCounters::v_swappgsout},
    {{"v_vnodein", "reads", "File reads by the vnode pager."}, &VmCounters::v_vnodein},
    {{"v_vnodepgsin", "pages", "Pages read by the vnode pager."}, &VmCounters::v_vnodepgsin},
    {{"v_vnodeout", "writes", "File writes by the vnode pager."}, &VmCounters::v_vnodeout},
    {{"v_vnodepgsout", "pages", "Pages written by the vnode pager."}, &VmCounters::v_vnodepgsout},
    {{"v_reactivated", "pages", "Pages that reclaim found referenced and made active again."},
     &VmCounters::v_reactivated},
    {{"v_pdwakeups", "wakeups", "Times the page daemon was woken."}, &VmCounters::v_pdwakeups},
    {{"v_pdpages", "nodes", "List nodes that scans passed, markers included."},
     &VmCounters::v_pdpages},
    {{"v_pdshortfalls", "requests", "Requests to launder pages because memory is short."},
     &VmCounters::v_pdshortfalls},
    {{"v_dfree", "pages", "Pages freed by the page daemon and the laundry thread."},
     &VmCounters::v_dfree},
    {{"v_pfree", "pages", "Pages freed by the end of what they belonged to."},
     &VmCounters::v_pfree},
    {{"v_tfree", "pages", "Pages freed in all."}, &VmCounters::v_tfree},
    {{"v_wire_count", "pages", "Wired pages.", CounterKind::kLevel}, &VmCounters::v_wire_count},
    {{"user_wired_pages", "pages", "Pages of maps that processes have wired.", CounterKind::kLevel},
     &VmCounters::user_wired_pages},
    {{"v_forks", "forks", "Address spaces copied."}, &VmCounters::v_forks},
    {{"v_forkpages", "pages", "Pages of the address spaces that were copied."},
     &VmCounters::v_forkpages},
    {{"object_collapses", "objects", "Shadow chains made shorter by taking an object over."},
     &VmCounters::object_collapses},
    {{"object_bypasses", "objects", "Shadow chains made shorter by going past an object."},
     &VmCounters::object_bypasses},
    {{"oom_kills", "processes", "Processes killed for want of memory."}, &VmCounters::oom_kills},
    {{"refaults", "pages", "Pages read back after they had been evicted."}, &VmCounters::refaults},
    {{"swap_read_errors", "reads", "Swap reads that failed."}, &VmCounters::swap_read_errors},
    {{"swap_write_errors", "writes", "Swap writes that failed."}, &VmCounters::swap_write_errors},
    {{"swap_short_transfers", "transfers", "Swap transfers that ended early without an error."},
     &VmCounters::swap_short_transfers},
    {{"swap_torn_writes", "writes", "Swap writes of which the disk kept a prefix only."},
     &VmCounters::swap_torn_writes},
    {{"swap_slow_reads", "waits", "Waits of 20 s for one swap read."},
     &VmCounters::swap_slow_reads},
    {{"swap_free_deferred", "blocks", "Stale swap blocks whose release was put off."},
     &VmCounters::swap_free_deferred},
    {{"swap_free_completed", "blocks", "Stale swap blocks released after that."},
     &VmCounters::swap_free_completed},
    {{"laundered_pages", "pages", "Pages that laundering put out, or found no swap space for."},
     &VmCounters::laundered_pages},
    {{"unswappable_pages", "pages", "Pages set aside because there was no swap space."},
     &VmCounters::unswappable_pages},
    {{"tlb_shootdowns", "translations", "Translations that scans made another CPU drop."},
     &VmCounters::tlb_shootdowns},
    {{"pdpasses", "passes", "Trips round the page daemon's loop."}, &VmCounters::pdpasses},
};

// Figures that are worked out when somebody asks.
struct ComputedCounter {
  CounterInfo info;
  int64_t (*compute)(const void* machine);
};

Machine& Of(const void* machine) { return *static_cast<Machine*>(const_cast<void*>(machine)); }
vm::VmSystem& Vm(const void* machine) { return Of(machine).vm(); }
const vm::PageoutThresholds& Limits(const void* machine) {
  return Vm(machine).domain().thresholds();
}

constexpr ComputedCounter kComputedCounters[] = {
    {{"v_page_count", "pages", "Pages of memory.", CounterKind::kTarget},
     [](const void* m) -> int64_t { return Vm(m).pages().frames(); }},
    {{"v_free_count", "pages", "Free pages.", CounterKind::kLevel},
     [](const void* m) -> int64_t { return Vm(m).domain().free_count(); }},
    {{"v_active_count", "pages", "Pages on the active queue.", CounterKind::kLevel},
     [](const void* m) { return Vm(m).reclaim().QueueLength(vm::QueueId::kActive); }},
    {{"v_inactive_count", "pages", "Pages on the inactive queue.", CounterKind::kLevel},
     [](const void* m) { return Vm(m).reclaim().QueueLength(vm::QueueId::kInactive); }},
    {{"v_laundry_count", "pages", "Pages on the laundry queue.", CounterKind::kLevel},
     [](const void* m) { return Vm(m).reclaim().QueueLength(vm::QueueId::kLaundry); }},
    {{"v_unswappable_count", "pages", "Pages on the unswappable queue.", CounterKind::kLevel},
     [](const void* m) { return Vm(m).reclaim().QueueLength(vm::QueueId::kUnswappable); }},
    {{"v_free_target", "pages", "What the page daemon aims for.", CounterKind::kTarget},
     [](const void* m) -> int64_t { return Limits(m).free_target; }},
    {{"v_free_min", "pages", "Below it allocations that can wait do.", CounterKind::kTarget},
     [](const void* m) -> int64_t { return Limits(m).free_min; }},
    {{"v_free_severe", "pages", "Below it faults do not allocate.", CounterKind::kTarget},
     [](const void* m) -> int64_t { return Limits(m).free_severe; }},
    {{"v_free_reserved", "pages", "Below it ordinary allocations fail.", CounterKind::kTarget},
     [](const void* m) -> int64_t { return Limits(m).free_reserved; }},
    {{"v_inactive_target", "pages", "Wanted length of the inactive queue.", CounterKind::kTarget},
     [](const void* m) -> int64_t { return Limits(m).inactive_target; }},
    {{"v_pageout_free_min", "pages", "Kept for the page daemon itself.", CounterKind::kTarget},
     [](const void* m) -> int64_t { return Limits(m).pageout_free_min; }},
    {{"swap_total", "pages", "Swap space, disk labels included.", CounterKind::kLevel},
     [](const void* m) { return Vm(m).swap().space().total(); }},
    {{"swap_used", "pages", "Swap blocks in use.", CounterKind::kLevel},
     [](const void* m) { return Vm(m).swap().space().used(); }},
    {{"swap_avail", "pages", "Swap blocks free.", CounterKind::kLevel},
     [](const void* m) { return Vm(m).swap().space().avail(); }},
    {{"swap_reserved", "pages", "Swap promised to memory, whether it is used or not.",
      CounterKind::kLevel},
     [](const void* m) { return static_cast<int64_t>(Vm(m).reserve().reserved()); }},
    {{"v_swtch", "switches", "Context switches."},
     [](const void* m) { return Of(m).engine().stats().context_switches; }},
    {{"preemptions", "switches", "Threads that lost their CPU to a better one."},
     [](const void* m) { return Of(m).engine().stats().preemptions; }},
    {{"cpu_user_ns", "ns", "CPU time of user references."},
     [](const void* m) { return Of(m).user_ns(); }},
    {{"cpu_system_ns", "ns", "CPU time of faults and daemons."},
     [](const void* m) { return Of(m).system_ns(); }},
    {{"references", "references", "Page references made by processes."},
     [](const void* m) { return Of(m).references(); }},
};

// What devstat shows of a disk.
struct DiskCounter {
  CounterInfo info;
  int64_t (*compute)(const void* disk);
};

const sim::DiskStats& StatsOf(const void* disk) {
  return static_cast<sim::Disk*>(const_cast<void*>(disk))->stats();
}

constexpr DiskCounter kDiskCounters[] = {
    {{"reads", "requests", "Reads that entered the device."},
     [](const void* d) { return StatsOf(d).reads(); }},
    {{"writes", "requests", "Writes that entered the device."},
     [](const void* d) { return StatsOf(d).writes(); }},
    {{"read_bytes", "bytes", "Bytes read."}, [](const void* d) { return StatsOf(d).read_bytes; }},
    {{"write_bytes", "bytes", "Bytes written."},
     [](const void* d) { return StatsOf(d).write_bytes; }},
    {{"errors", "requests", "Requests that the device ended with an error."},
     [](const void* d) { return StatsOf(d).errors; }},
    {{"refused", "requests", "Requests that never reached the device."},
     [](const void* d) { return StatsOf(d).refused; }},
    {{"busy_ns", "ns", "Time with at least one request inside."},
     [](const void* d) { return StatsOf(d).busy_ns; }},
};

template <sim::DiskFaultKind kKind>
int64_t FaultCount(const void* disk) {
  return static_cast<const sim::Disk*>(disk)->faults().count(kKind);
}

struct DiskFaultCounter {
  sim::DiskFaultKind kind;
  int64_t (*compute)(const void* disk);
};

constexpr DiskFaultCounter kDiskFaultCounters[] = {
    {sim::DiskFaultKind::kEio, FaultCount<sim::DiskFaultKind::kEio>},
    {sim::DiskFaultKind::kBadRange, FaultCount<sim::DiskFaultKind::kBadRange>},
    {sim::DiskFaultKind::kGone, FaultCount<sim::DiskFaultKind::kGone>},
    {sim::DiskFaultKind::kNoMemory, FaultCount<sim::DiskFaultKind::kNoMemory>},
    {sim::DiskFaultKind::kShort, FaultCount<sim::DiskFaultKind::kShort>},
    {sim::DiskFaultKind::kTorn, FaultCount<sim::DiskFaultKind::kTorn>},
    {sim::DiskFaultKind::kLatency, FaultCount<sim::DiskFaultKind::kLatency>},
};

std::string DiskCounterName(const std::string& disk, std::string_view counter) {
  return "disk." + disk + "." + std::string(counter);
}

std::string FaultCounterName(const std::string& disk, sim::DiskFaultKind kind) {
  return DiskCounterName(disk, "faults." + std::string(sim::DiskFaultName(kind)));
}

void RegisterDiskCounters(const sim::Disk& disk, sim::CounterRegistry& registry) {
  for (const DiskCounter& counter : kDiskCounters) {
    const std::string name = DiskCounterName(disk.name(), counter.info.name);
    registry.Register({name, counter.info.unit, counter.info.help}, counter.compute, &disk);
  }
  for (const DiskFaultCounter& counter : kDiskFaultCounters) {
    const std::string name = FaultCounterName(disk.name(), counter.kind);
    registry.Register({name, "requests", "Requests struck by an injected fault of this kind."},
                      counter.compute, &disk);
  }
}

}  // namespace

std::vector<std::string> DiskCounterNames(const std::string& disk) {
  std::vector<std::string> names;
  for (const DiskCounter& counter : kDiskCounters) {
    names.push_back(DiskCounterName(disk, counter.info.name));
  }
  for (const DiskFaultCounter& counter : kDiskFaultCounters) {
    names.push_back(FaultCounterName(disk, counter.kind));
  }
  return names;
}

void RegisterMachineCounters(Machine& machine, sim::CounterRegistry& registry) {
  const VmCounters& counters = machine.vm().counters();
  for (const FieldCounter& counter : kFieldCounters) {
    registry.Register(counter.info, &(counters.*counter.field));
  }
  for (const ComputedCounter& counter : kComputedCounters) {
    registry.Register(counter.info, counter.compute, &machine);
  }
  for (const auto& disk : machine.disks()) RegisterDiskCounters(*disk, registry);
  if (machine.vfs() != nullptr) {
    vfs::RegisterFileCounters(registry, machine.vfs()->stats());
    vm::RegisterSfBufCounters(registry, machine.vfs()->sf_bufs().stats());
    net::RegisterSendfileCounters(registry, machine.sendfile_stats());
  }
  if (machine.mpools() != nullptr) machine.mpools()->RegisterCounters(registry);
  if (machine.clients() != nullptr) machine.clients()->RegisterCounters(registry);
  if (machine.mail() != nullptr) machine.mail()->RegisterCounters(registry);
}

}  // namespace vmsim::scenarios
