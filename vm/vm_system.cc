#include "vm/vm_system.h"

#include <utility>

#include "sim/errno.h"
#include "vm/thresholds.h"
#include "vm/trace_types.h"
#include "vm/vm_system_state.h"

namespace vmsim::vm {
namespace {

PageoutThresholds Thresholds(const VmConfig& config) {
  PageoutConfig pageout;
  pageout.page_count = static_cast<int>(config.frames);
  pageout.free_count = static_cast<int>(config.frames);
  pageout.ncpus = config.cpus;
  pageout.cpus_per_thread = config.tunables.pageout_cpus_per_thread;
  pageout.hz = config.tunables.hz;
  return ComputePageoutThresholds(pageout);
}

}  // namespace

VmSystem::VmSystem(sim::Engine& engine, sim::Trace& trace, const VmConfig& config)
    : engine_(engine),
      trace_(trace),
      config_(config),
      pages_(config.frames),
      page_tables_(pages_),
      objects_(pages_),
      domain_(engine, Thresholds(config), static_cast<int32_t>(config.frames)),
      allocator_(pages_, domain_, objects_, counters_),
      swap_({engine, trace, pages_, objects_, allocator_, counters_, *this}, config_.tunables,
            config_.costs, config.cpus),
      reclaim_(
          {engine, trace, pages_, page_tables_, objects_, domain_, allocator_, counters_, *this},
          config_.tunables, config_.costs, config.revision, config.planted_bugs, config.cpus),
      reserve_(config_.tunables.overcommit, config.frames, swap_.space(), domain_, counters_),
      object_ops_(
          {engine, trace, pages_, page_tables_, objects_, allocator_, swap_, reserve_, counters_},
          SettingsOf(config.revision)),
      faults_({engine, trace, pages_, page_tables_, objects_, object_ops_, domain_, allocator_,
               swap_, reserve_, counters_, *this},
              config_.tunables, config_.costs, SettingsOf(config.revision)),
      wiring_({engine, pages_, page_tables_, objects_, object_ops_, allocator_, faults_, counters_},
              config.tunables.max_user_wired > 0 ? config.tunables.max_user_wired
                                                 : domain_.thresholds().max_user_wired),
      map_ops_({trace, page_tables_, objects_, object_ops_, reserve_, wiring_}),
      forker_({engine, trace, pages_, page_tables_, objects_, domain_, allocator_, object_ops_,
               map_ops_, reserve_, counters_},
              config_.costs),
      advisor_({engine, pages_, page_tables_, objects_, object_ops_, domain_, allocator_, swap_}),
      mincore_(pages_, page_tables_, objects_, config.tunables.mincore_mapped),
      sync_({engine, pages_, page_tables_, objects_, object_ops_, allocator_}),
      syscalls_({engine, map_ops_, wiring_, advisor_, mincore_, sync_}, config_.costs),
      swapoff_({engine, pages_, objects_, object_ops_, domain_, allocator_, swap_}, config_.costs),
      oom_(processes_, objects_, config_.tunables) {
  CHECK_GE(config.frames, kMinFrames);
  allocator_.set_reclaim(&reclaim_);
  swap_.set_reclaim(&reclaim_);
  faults_.set_reclaim(&reclaim_);
  wiring_.set_map_ops(&map_ops_);
  forker_.set_reclaim(&reclaim_);
  advisor_.set_reclaim(&reclaim_);
  sync_.set_reclaim(&reclaim_);
  sync_.set_cluster_pages(domain_.thresholds().pageout_page_count);
  swapoff_.set_reclaim(&reclaim_);
}

void VmSystem::Start() {
  reclaim_.set_swap_configured(swap_.configured());
  reclaim_.Start();
}

Object& VmSystem::CreateSegment(uint32_t pages) {
  Object& object = object_ops_.AllocateAnon(pages);
  object.flags = 0;
  object.charge = pages;
  reserve_.ReserveForce(pages);
  return object;
}

sim::Task<int> VmSystem::WireFuture(Process& process, Vpage start, uint32_t pages) {
  if (!process.space.wire_future) co_return 0;
  co_return co_await wiring_.Wire(process.space, start, start + pages, /*holes_ok=*/true);
}

Process& VmSystem::CreateProcess(std::string name, bool protect) {
  const int pid = kFirstUserPid + static_cast<int>(processes_.size());
  processes_.push_back(std::make_unique<Process>(pid, std::move(name), page_tables_));
  processes_.back()->protect = protect;
  return *processes_.back();
}

sim::Task<void> VmSystem::Unmap(Process& process, Vpage start) {
  const MapEntry* entry = process.space.Lookup(start);
  CHECK(entry != nullptr && entry->start == start, "no entry starts at page ", start);
  co_await map_ops_.Delete(process.space, start, entry->end);
}

sim::Task<void> VmSystem::Exit(Process& process, int status) {
  process.exiting = true;
  if (process.signal == 0) process.exit_status = status;
  while (!process.space.empty()) {
    co_await Unmap(process, process.space.entries().front().start);
  }
  process.exited = true;
  // As wait() shows it (W_EXITCODE).
  const uint32_t status_bits = static_cast<uint32_t>(process.exit_status & 0xff) << 8;
  trace_.Emit(trace::kProcessExit, process.space.id(),
              process.signal != 0 ? static_cast<uint32_t>(process.signal) : status_bits, 0);
}

sim::Task<int> VmSystem::SwapOff(int device, bool force) {
  const int error = co_await swapoff_.Run(device, force);
  reclaim_.set_swap_configured(swap_.configured());
  co_return error;
}

int VmSystem::SwapOn(int device, int* added) {
  if (swap_.space().device(device).on) return sim::kEbusy;
  *added = swap_.SwapOnAgain(device);
  reclaim_.set_swap_configured(true);
  return 0;
}

void VmSystem::Kill(Process& process, int signal) {
  if (process.exiting || process.killed()) return;
  process.signal = signal;
  process.space.killed = true;
  if (process.thread != nullptr) engine_.Interrupt(process.thread);
}

void VmSystem::OutOfMemory(OomReason reason) {
  const bool swap_available = swap_.space().avail() > 0;
  const OomKiller::Choice choice = oom_.Choose(reason, engine_.now(), swap_available);
  if (choice.victim == nullptr) return;
  ++counters_.oom_kills;
  choice.victim->oom_killed = true;
  trace_.Emit(trace::kOomKill, choice.victim->space.id(), static_cast<uint64_t>(reason),
              static_cast<uint64_t>(choice.size_pages));
  Kill(*choice.victim, kSigKill);
}

void VmSystem::CheckInvariants() { CheckAllInvariants(StateOf(*this)); }

}  // namespace vmsim::vm
