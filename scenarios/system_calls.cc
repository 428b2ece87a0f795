#include "scenarios/system_calls.h"

#include <cstdint>
#include <vector>

#include "scenarios/steps.h"
#include "sim/errno.h"

namespace vmsim::scenarios {
namespace {

constexpr int kSigTerm = 15;

vm::Behavior BehaviorOf(v1::Map::Advice advice) {
  switch (advice) {
    case v1::Map::RANDOM:
      return vm::Behavior::kRandom;
    case v1::Map::SEQUENTIAL:
      return vm::Behavior::kSequential;
    default:
      return vm::Behavior::kNormal;
  }
}

vm::Inheritance InheritanceOf(v1::Minherit::Inheritance inheritance) {
  switch (inheritance) {
    case v1::Minherit::SHARE:
      return vm::Inheritance::kShare;
    case v1::Minherit::NONE:
      return vm::Inheritance::kNone;
    case v1::Minherit::ZERO:
      return vm::Inheritance::kZero;
    default:
      return vm::Inheritance::kCopy;
  }
}

vm::MadviseAdvice AdviceOf(v1::Madvise::Advice advice) {
  switch (advice) {
    case v1::Madvise::RANDOM:
      return vm::MadviseAdvice::kRandom;
    case v1::Madvise::SEQUENTIAL:
      return vm::MadviseAdvice::kSequential;
    case v1::Madvise::WILLNEED:
      return vm::MadviseAdvice::kWillNeed;
    case v1::Madvise::DONTNEED:
      return vm::MadviseAdvice::kDontNeed;
    case v1::Madvise::FREE:
      return vm::MadviseAdvice::kFree;
    case v1::Madvise::NOSYNC:
      return vm::MadviseAdvice::kNoSync;
    case v1::Madvise::AUTOSYNC:
      return vm::MadviseAdvice::kAutoSync;
    case v1::Madvise::NOCORE:
      return vm::MadviseAdvice::kNoCore;
    case v1::Madvise::CORE:
      return vm::MadviseAdvice::kCore;
    case v1::Madvise::PROTECT:
      return vm::MadviseAdvice::kProtect;
    default:
      return vm::MadviseAdvice::kNormal;
  }
}

int MlockallFlags(const v1::Mlockall& call) {
  return (call.current() ? vm::kMclCurrent : 0) | (call.future() ? vm::kMclFuture : 0);
}

int MsyncFlags(const v1::Msync& call) {
  return (call.async() ? vm::kMsAsync : vm::kMsSync) | (call.invalidate() ? vm::kMsInvalidate : 0);
}

int ProtectionOf(const v1::Mprotect& call) {
  return (call.read() ? vm::kProtRead : 0) | (call.write() ? vm::kProtWrite : 0) |
         (call.execute() ? vm::kProtExecute : 0);
}

}  // namespace

sim::Task<int> SystemCalls::Run(const v1::Step& step, MincoreSums* pages) {
  vm::Syscalls& calls = vm_.syscalls();
  const auto bytes = [this](const auto& call) { return maps_.ToBytes(call.span()); };
  switch (step.step_case()) {
    case v1::Step::kMap:
      co_return co_await Map(step.map());
    case v1::Step::kUnmap:
      co_return co_await Unmap(step.unmap());
    case v1::Step::kKill:
      co_return co_await Kill(step.kill());
    case v1::Step::kMadvise:
      co_return co_await Madvise(step.madvise());
    case v1::Step::kMlock: {
      const ByteRange range = bytes(step.mlock());
      co_return co_await calls.Mlock(process_, range.address, range.length);
    }
    case v1::Step::kMunlock: {
      const ByteRange range = bytes(step.munlock());
      co_return co_await calls.Munlock(process_, range.address, range.length);
    }
    case v1::Step::kMlockall:
      co_return co_await calls.Mlockall(process_, MlockallFlags(step.mlockall()));
    case v1::Step::kMunlockall:
      co_return co_await calls.Munlockall(process_);
    case v1::Step::kMsync: {
      const ByteRange range = bytes(step.msync());
      co_return co_await calls.Msync(process_, range.address, range.length,
                                     MsyncFlags(step.msync()));
    }
    case v1::Step::kMincore:
      co_return co_await Mincore(step.mincore().span(), pages);
    case v1::Step::kMprotect: {
      const ByteRange range = bytes(step.mprotect());
      co_return co_await calls.Mprotect(process_, range.address, range.length,
                                        ProtectionOf(step.mprotect()));
    }
    case v1::Step::kMinherit: {
      const ByteRange range = bytes(step.minherit());
      co_return co_await calls.Minherit(process_, range.address, range.length,
                                        InheritanceOf(step.minherit().inheritance()));
    }
    case v1::Step::kSwapoff:
      co_return co_await host_.SwapOff(SwapDevice(step.swapoff()), step.swapoff().force());
    case v1::Step::kSwapon:
      co_return co_await host_.SwapOn(SwapDevice(step.swapon()));
    default:
      break;
  }
  CHECK(false, "step ", StepName(step), " is no call for here");
  co_return 0;
}

uint64_t SystemCalls::PagesOf(const v1::Map& map) const {
  if (map.pages() != 0) return static_cast<uint64_t>(map.pages());
  const SharedInputs& inputs = host_.inputs();
  const int64_t all = KindOf(map) == v1::Map::FILE
                          ? inputs.file_pages.at(map.file())
                          : vm_.objects()[inputs.segments.at(map.shared_segment())].size;
  return static_cast<uint64_t>(all - map.first_page());
}

// What the map is made of; takes a reference to a segment's or a file's pages. 0 or ENOENT.
int SystemCalls::EntryOf(const v1::Map& map, vm::MapEntry* entry) {
  entry->behavior = BehaviorOf(map.advice());
  entry->inheritance = InheritanceOf(map.inherit());
  if (map.read_only()) entry->protection = vm::kProtRead;
  const v1::Map::Kind kind = KindOf(map);
  if (kind == v1::Map::ANONYMOUS) return 0;
  if (kind == v1::Map::FILE) {
    if (const int error = files_.Reference(map.file(), &entry->object); error != 0) return error;
  } else {
    vm::Object& object = vm_.objects()[host_.inputs().segments.at(map.shared_segment())];
    vm_.object_ops().Reference(object);
    entry->object = object.id;
  }
  entry->offset = static_cast<vm::Pindex>(map.first_page());
  entry->cow = entry->needs_copy = map.private_();
  if (!map.private_() && map.inherit() == v1::Minherit::INHERITANCE_UNSPECIFIED) {
    entry->inheritance = vm::Inheritance::kShare;
  }
  return 0;
}

// kern_mmap. With MAP_WIREFUTURE the limit is looked at before anything is mapped, but whether the
// wiring then succeeds changes nothing.
sim::Task<int> SystemCalls::Map(const v1::Map& map) {
  const uint64_t pages = PagesOf(map);
  const vm::AddressSpace& space = process_.space;
  maps_.Add(map.name(), {.pages = pages, .failed = true});
  if (space.wire_future &&
      vm_.wiring().WiredCount(space) + static_cast<int64_t>(pages) > process_.memlock_limit) {
    co_return sim::kEnomem;
  }
  // More than page tables have room for, and than the kernel below can count.
  if (pages > UINT32_MAX) co_return sim::kEnomem;
  const vm::Vpage start = maps_.FindSpace(space, pages);
  vm::MapEntry entry;
  int error = EntryOf(map, &entry);
  if (error != 0) co_return error;
  error = vm_.Map(process_, start, static_cast<uint32_t>(pages), entry);
  if (error != 0) {
    if (entry.object != vm::kNoObject) co_await vm_.Deallocate(entry.object);
    co_return error;
  }
  maps_.Add(map.name(), {start, pages, process_.space.Lookup(start)->SlotOf(start)});
  co_await vm_.WireFuture(process_, start, static_cast<uint32_t>(pages));
  co_return 0;
}

sim::Task<int> SystemCalls::Unmap(const v1::Unmap& unmap) {
  const ByteRange range = maps_.ToBytes(SpanOf(unmap));
  if (IsWhole(unmap)) maps_.Remove(unmap.map());
  co_return co_await vm_.syscalls().Munmap(process_, range.address, range.length);
}

sim::Task<int> SystemCalls::Kill(const v1::Kill& kill) {
  co_await host_.engine().Consume(vm_.config().costs.syscall_ns);
  vm::Process* const target = host_.FindProcess(kill.process());
  if (target == nullptr) co_return sim::kEsrch;
  const int signal = kill.has_signal() ? kill.signal() : kSigTerm;
  if (signal != 0) vm_.Kill(*target, signal);
  co_return 0;
}

sim::Task<int> SystemCalls::Madvise(const v1::Madvise& madvise) {
  const vm::MadviseAdvice advice = AdviceOf(madvise.advice());
  if (advice != vm::MadviseAdvice::kProtect) {
    const ByteRange range = maps_.ToBytes(madvise.span());
    co_return co_await vm_.syscalls().Madvise(process_, range.address, range.length, advice);
  }
  vm::Process* const target =
      madvise.process().empty() ? &process_ : host_.FindProcess(madvise.process());
  if (target != nullptr) co_return co_await vm_.syscalls().Madvise(*target, 0, 0, advice);
  co_await host_.engine().Consume(vm_.config().costs.syscall_ns);
  co_return sim::kEsrch;
}

sim::Task<int> SystemCalls::Mincore(const v1::Span& span, MincoreSums* pages) {
  const ByteRange range = maps_.ToBytes(span);
  std::vector<uint8_t> bytes;
  const int error = co_await vm_.syscalls().Mincore(process_, range.address, range.length, &bytes);
  if (error == 0) *pages = SumMincore(bytes);
  co_return error;
}

template <typename Call>
int SystemCalls::SwapDevice(const Call& call) const {
  return call.has_swap() ? call.swap() : host_.SwapDeviceOn(call.disk());
}

}  // namespace vmsim::scenarios
