#include "vm/vm_test_world.h"

#include <cctype>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/check.h"
#include "vm/invariants.h"
#include "vm/vm_system_state.h"

namespace vmsim::vm {
namespace {

VmConfig ConfigOf(const VmTestWorld::Options& options) {
  VmConfig config;
  config.frames = options.frames;
  config.revision = options.revision;
  config.tunables = options.tunables;
  return config;
}

}  // namespace

VmTestWorld::VmTestWorld(const Options& options)
    : engine_({.context_switch_ns = 0}),
      trace_(engine_.events().clock()),
      vm_(engine_, trace_, ConfigOf(options)) {
  for (const uint32_t pages : options.swap_pages) {
    sim::DiskConfig config;
    config.name = absl::StrCat("disk", disks_.size());
    config.size_bytes = pages * kPageSize;
    config.model =
        sim::FixedDiskConfig{.base_ns = kDiskNs, .per_unit_ns = 0, .servers = options.disk_servers};
    if (disks_.empty()) config.faults = options.faults;
    const auto id = static_cast<uint32_t>(disks_.size());
    auto disk = sim::Disk::Create(config, id, /*run_seed=*/1, engine_.events(), nullptr);
    CHECK(disk.ok(), disk.status().ToString());
    disks_.push_back(*std::move(disk));
    vm_.swap().SwapOn(*disks_.back(), 0, pages);
  }
  if (options.daemons) vm_.Start();
}

VmTestWorld::~VmTestWorld() {
  CheckInvariants();
  engine_.DestroyThreads();
}

void VmTestWorld::CheckInvariants() {
  if (checking_) CheckAllInvariants(StateOf(vm_));
}

VmTestWorld::Area VmTestWorld::Map(uint32_t pages, std::string_view process) {
  Process& owner = vm_.CreateProcess(std::string(process), /*protect=*/false);
  Object& object = vm_.CreateAnonymous(pages);
  const PteSlot slot = vm_.page_tables().AllocateLeaf(pages);
  constexpr Vpage kStart = 4096;
  owner.space.Insert(kStart, pages, object, 0, slot, /*writable=*/true);
  return {&owner, &object, kStart, slot, pages};
}

VmTestWorld::Area VmTestWorld::Share(Object& object, uint32_t pages, Pindex offset, bool writable) {
  Process& owner = vm_.CreateProcess("sharer", /*protect=*/false);
  ++object.ref_count;
  object.flags &= static_cast<uint8_t>(~kObjOneMapping);
  const PteSlot slot = vm_.page_tables().AllocateLeaf(pages);
  constexpr Vpage kStart = 8192;
  owner.space.Insert(kStart, pages, object, offset, slot, writable);
  return {&owner, &object, kStart, slot, pages};
}

sim::Thread* VmTestWorld::Start(std::string_view name, sim::Task<void> body, bool is_pageproc) {
  const int priority = is_pageproc ? sim::kPriorityDaemon : sim::kPriorityUser;
  sim::Thread* thread = engine_.Spawn(name, priority, std::move(body));
  if (is_pageproc) thread->set_pageproc();
  return thread;
}

void VmTestWorld::Finish(const sim::Thread* thread) {
  while (!thread->done() && engine_.Step()) {
  }
}

void VmTestWorld::Run() {
  engine_.Run();
  CheckInvariants();
}

void VmTestWorld::RunFor(sim::SimDuration ns) {
  // Up to the time, even if nothing happens then.
  const sim::SimTime until = engine_.now() + ns;
  engine_.Run(until);
  if (engine_.events().NextTime() > until) engine_.events().AdvanceTo(until);
  CheckInvariants();
}

sim::Task<void> VmTestWorld::TouchBody(Area area, uint32_t page, bool write, FaultResult* result) {
  *result = co_await vm_.faults().Fault(area.process->space, area.slot + page, write);
}

sim::Thread* VmTestWorld::StartTouch(const Area& area, uint32_t page, bool write,
                                     FaultResult* result) {
  return Start("touch", TouchBody(area, page, write, result));
}

FaultResult VmTestWorld::Touch(const Area& area, uint32_t page, bool write) {
  Pte& pte = vm_.page_tables().entries()[area.slot + page];
  const Pte need = kPteValid | (write ? kPteWritable : 0);
  FaultResult result = FaultResult::kSuccess;
  if ((pte & need) == need) {
    pte |= kPteAccessed | (write ? kPteModified : 0);
  } else {
    Finish(StartTouch(area, page, write, &result));
  }
  return result;
}

void VmTestWorld::Write(const Area& area, uint32_t first, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    CHECK(Touch(area, first + i, /*write=*/true) == FaultResult::kSuccess, "page ", first + i);
  }
}

sim::Task<void> VmTestWorld::PageOutBody(Object& object, Pindex first, uint32_t count,
                                         std::vector<PagerResult>* results) {
  PageArray& pages = vm_.pages();
  std::vector<FrameIndex> frames;
  for (Pindex pindex = first; pindex < first + count; ++pindex) {
    const FrameIndex frame = object.Lookup(pindex);
    CHECK(frame != kNoFrame && pages.TryXbusy(frame), "pindex=", pindex);
    vm_.page_tables().RemoveWrite(frame);
    CHECK_EQ(pages[frame].dirty, kPageBitsAll, "pindex=", pindex);
    pages.BusyDowngrade(frame);
    frames.push_back(frame);
  }
  object.PipAdd(static_cast<int>(count));
  results->assign(count, PagerResult::kOk);
  co_await object.pager->PutPages(object, frames, kPutNoReuse, *results);
  for (uint32_t i = 0; i < count; ++i) {
    if ((*results)[i] == PagerResult::kPend) continue;
    pages.Sunbusy(frames[i]);
    object.PipWakeup();
  }
}

sim::Thread* VmTestWorld::StartPageOut(Object& object, Pindex first, uint32_t count, bool async,
                                       std::vector<PagerResult>* results) {
  return Start("pageout", PageOutBody(object, first, count, results), /*is_pageproc=*/async);
}

std::string VmTestWorld::PageOut(Object& object, Pindex first, uint32_t count, bool async) {
  std::vector<PagerResult> results;
  StartPageOut(object, first, count, async, &results);
  Run();
  std::string letters;
  for (const PagerResult result : results) letters += "OBFPEA"[static_cast<int>(result)];
  return letters;
}

void VmTestWorld::Evict(Object& object, Pindex pindex) {
  const FrameIndex frame = object.Lookup(pindex);
  CHECK(frame != kNoFrame && vm_.pages().TryXbusy(frame), "pindex=", pindex);
  vm_.page_tables().RemoveAll(frame);
  CHECK_EQ(vm_.pages()[frame].dirty, 0, "pindex=", pindex);
  vm_.allocator().Free(frame);
}

void VmTestWorld::SwapOut(const Area& area, uint32_t first, uint32_t count) {
  Write(area, first, count);
  const Pindex pindex = EntryOf(area).PindexOf(area.start + first);
  const std::string results = PageOut(*area.object, pindex, count);
  CHECK(results == std::string(count, 'P'), results);
  for (uint32_t i = 0; i < count; ++i) Evict(*area.object, pindex + i);
}

std::string VmTestWorld::Picture(const Object& object, Pindex first, uint32_t count) {
  std::string picture;
  for (Pindex pindex = first; pindex < first + count; ++pindex) {
    const FrameIndex frame = object.Lookup(pindex);
    if (frame == kNoFrame) {
      picture += object.swap.Lookup(pindex) == kNoSwapBlock ? '.' : ',';
      continue;
    }
    const Page& page = vm_.pages()[frame];
    const QueueId queue = page.effective_queue();
    char letter = queue == QueueId::kNone ? 'N' : "IALU"[static_cast<int>(queue)];
    if (vm_.pages().xbusied(frame)) letter = 'X';
    if (vm_.pages().sbusied(frame)) letter = 'S';
    picture += page.dirty != 0 ? static_cast<char>(std::tolower(letter)) : letter;
  }
  return picture;
}

}  // namespace vmsim::vm
