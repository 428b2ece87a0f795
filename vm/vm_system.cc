#include "vm/vm_system.h"

#include <utility>

#include "vm/thresholds.h"
#include "vm/trace_types.h"

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
      faults_({engine, trace, pages_, page_tables_, objects_, domain_, allocator_, swap_, counters_,
               *this},
              config_.tunables, config_.costs, SettingsOf(config.revision)),
      oom_(processes_, objects_, config_.tunables) {
  CHECK_GE(config.frames, kMinFrames);
  allocator_.set_reclaim(&reclaim_);
  swap_.set_reclaim(&reclaim_);
  faults_.set_reclaim(&reclaim_);
}

void VmSystem::Start() {
  reclaim_.set_swap_configured(swap_.configured());
  reclaim_.Start();
}

Object& VmSystem::CreateAnonymous(uint32_t pages) {
  const bool as_default = SettingsOf(config_.revision).default_objects;
  Object& object = objects_.Create(as_default ? ObjectType::kDefault : ObjectType::kSwap, pages);
  object.flags = kObjAnon | kObjOneMapping;
  object.pager = &swap_;
  return object;
}

Process& VmSystem::CreateProcess(std::string name, bool protect) {
  const int pid = kFirstUserPid + static_cast<int>(processes_.size());
  processes_.push_back(std::make_unique<Process>(pid, std::move(name), page_tables_));
  processes_.back()->protect = protect;
  return *processes_.back();
}

sim::Task<void> VmSystem::Deallocate(ObjectId id) {
  Object& object = objects_[id];
  CHECK_GT(object.ref_count, 0, "object=", id);
  if (--object.ref_count > 0) co_return;
  co_await Terminate(object);
}

sim::Task<void> VmSystem::Terminate(Object& object) {
  object.flags |= kObjDead;
  while (object.paging_in_progress > 0) {
    co_await object.pip_channel.Sleep(engine_, sim::kPriorityDaemon, "objtrm");
  }
  for (Pindex pindex = 0; object.resident_page_count > 0; ++pindex) {
    const FrameIndex frame = object.Lookup(pindex);
    if (frame == kNoFrame) continue;
    CHECK(pages_.TryXbusy(frame), "a dead object's page is busy, frame=", frame);
    if (pages_[frame].wired()) {
      // Whoever unwires it last frees it.
      objects_.Remove(frame);
      pages_.Xunbusy(frame);
      continue;
    }
    allocator_.Free(frame);
    ++counters_.v_pfree;
  }
  if (object.pager != nullptr) object.pager->Dealloc(object);
  objects_.Destroy(object.id);
}

sim::Task<void> VmSystem::Unmap(Process& process, Vpage start) {
  const ObjectId object = process.space.Remove(start);
  co_await Deallocate(object);
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

void VmSystem::CheckInvariants() const {
  reclaim_.CheckInvariants();
  swap_.CheckInvariants();
  int64_t wired = 0;
  for (FrameIndex frame = 0; frame < pages_.frames(); ++frame) {
    page_tables_.CheckMappings(frame);
    wired += pages_[frame].wired();
  }
  CHECK_EQ(wired, counters_.v_wire_count);
  CHECK_EQ(static_cast<int64_t>(pages_.free_list_length()), domain_.free_count());
}

}  // namespace vmsim::vm
