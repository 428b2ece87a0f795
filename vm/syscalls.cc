#include "vm/syscalls.h"

#include <algorithm>

#include "sim/check.h"
#include "sim/errno.h"

namespace vmsim::vm {
namespace {

constexpr uint64_t kPageMask = kPageSize - 1;
constexpr Vpage kEndOfSpace = kMaxVpage + 1;

// Pages of [start, end) that some entry maps.
int64_t PagesMapped(const AddressSpace& space, Vpage start, Vpage end) {
  int64_t pages = 0;
  const std::vector<MapEntry>& entries = space.entries();
  for (size_t i = space.FirstEndingBehind(start); i < entries.size() && entries[i].start < end;
       ++i) {
    pages +=
        static_cast<int64_t>(std::min(end, entries[i].end) - std::max(start, entries[i].start));
  }
  return pages;
}

void SetAdvice(MapEntry& entry, MadviseAdvice advice) {
  switch (advice) {
    case MadviseAdvice::kNormal:
      entry.behavior = Behavior::kNormal;
      break;
    case MadviseAdvice::kRandom:
      entry.behavior = Behavior::kRandom;
      break;
    case MadviseAdvice::kSequential:
      entry.behavior = Behavior::kSequential;
      break;
    case MadviseAdvice::kNoSync:
      entry.nosync = true;
      break;
    case MadviseAdvice::kAutoSync:
      entry.nosync = false;
      break;
    default:
      CHECK(false, "not advice to an entry: ", static_cast<int>(advice));
  }
}

}  // namespace

// Whole pages. In bytes as the kernel computes them, so that `end` may have wrapped; in pages
// cut off at the end of user addresses (VM_MAP_RANGE_CHECK), so that start <= end unless it has.
struct Syscalls::Range {
  uint64_t start_byte;
  uint64_t end_byte;
  Vpage start;
  Vpage end;

  bool empty() const { return start_byte == end_byte; }
  bool wraps() const { return end_byte < start_byte; }
};

Syscalls::Range Syscalls::RangeOf(uint64_t addr, uint64_t length) {
  const uint64_t start = addr & ~kPageMask;
  const uint64_t end = (addr + length + kPageMask) & ~kPageMask;
  return {start, end, std::min(start >> kPageShift, kEndOfSpace),
          std::min(end >> kPageShift, kEndOfSpace)};
}

auto Syscalls::Look(const AddressSpace& space, const Range& range) {
  return p_.engine.Consume(costs_.pte_ns * PagesMapped(space, range.start, range.end));
}

sim::Task<int> Syscalls::Munmap(Process& process, uint64_t addr, uint64_t length) {
  co_await Enter();
  const Range range = RangeOf(addr, length);
  if (length == 0 || range.wraps() || range.end_byte > kMaxUserAddress) co_return sim::kEinval;
  if (range.empty()) co_return 0;
  co_await Look(process.space, range);
  co_await p_.map_ops.Delete(process.space, range.start, range.end);
  co_return 0;
}

void Syscalls::AdviseEntries(AddressSpace& space, const Range& range, MadviseAdvice advice) {
  std::vector<MapEntry>& entries = space.entries();
  for (size_t i = p_.map_ops.Clip(space, range.start, range.end);
       i < entries.size() && entries[i].start < range.end; ++i) {
    SetAdvice(entries[i], advice);
  }
  p_.map_ops.Simplify(space, range.start, range.end);
}

sim::Task<int> Syscalls::Madvise(Process& process, uint64_t addr, uint64_t length,
                                 MadviseAdvice advice) {
  co_await Enter();
  if (advice == MadviseAdvice::kProtect) {
    process.protect = true;
    co_return 0;
  }
  // Of the bytes themselves, not of their pages.
  if (addr + length < addr || addr + length > kMaxUserAddress) co_return sim::kEinval;
  const Range range = RangeOf(addr, length);
  if (range.empty()) co_return 0;
  AddressSpace& space = process.space;
  switch (advice) {
    case MadviseAdvice::kNormal:
    case MadviseAdvice::kRandom:
    case MadviseAdvice::kSequential:
    case MadviseAdvice::kNoSync:
    case MadviseAdvice::kAutoSync:
      AdviseEntries(space, range, advice);
      co_return 0;
    case MadviseAdvice::kNoCore:
    case MadviseAdvice::kCore:
      // Nobody dumps core here.
      co_return 0;
    case MadviseAdvice::kWillNeed:
      co_await Look(space, range);
      co_await p_.advisor.Advise(space, range.start, range.end, PageAdvice::kWillNeed);
      co_return 0;
    case MadviseAdvice::kDontNeed:
      co_await Look(space, range);
      co_await p_.advisor.Advise(space, range.start, range.end, PageAdvice::kDontNeed);
      co_return 0;
    case MadviseAdvice::kFree:
      co_await Look(space, range);
      co_await p_.advisor.Advise(space, range.start, range.end, PageAdvice::kFree);
      co_return 0;
    case MadviseAdvice::kProtect:
      break;
  }
  co_return sim::kEinval;
}

sim::Task<int> Syscalls::Mlock(Process& process, uint64_t addr, uint64_t length) {
  co_await Enter();
  const Range range = RangeOf(addr, length);
  if (addr + length < addr || range.wraps()) co_return sim::kEinval;
  const auto pages = static_cast<int64_t>((range.end_byte - range.start_byte) >> kPageShift);
  if (pages > p_.wiring.max_user_wired()) co_return sim::kEnomem;
  if (pages + p_.wiring.WiredCount(process.space) > process.memlock_limit) co_return sim::kEnomem;
  if (range.empty()) co_return 0;
  if (range.start == range.end) co_return sim::kEnomem;  // All of it beyond user addresses.
  co_await Look(process.space, range);
  const int error =
      co_await p_.wiring.Wire(process.space, range.start, range.end, /*holes_ok=*/false);
  co_return error == 0 ? 0 : sim::kEnomem;
}

sim::Task<int> Syscalls::Munlock(Process& process, uint64_t addr, uint64_t length) {
  co_await Enter();
  const Range range = RangeOf(addr, length);
  if (addr + length < addr || range.wraps()) co_return sim::kEinval;
  if (range.empty()) co_return 0;
  if (range.start == range.end) co_return sim::kEnomem;
  co_await Look(process.space, range);
  const int error =
      co_await p_.wiring.Unwire(process.space, range.start, range.end, /*holes_ok=*/false);
  co_return error == 0 ? 0 : sim::kEnomem;
}

sim::Task<int> Syscalls::Mlockall(Process& process, int how) {
  co_await Enter();
  AddressSpace& space = process.space;
  if (how == 0 || (how & ~(kMclCurrent | kMclFuture)) != 0) co_return sim::kEinval;
  const bool current = (how & kMclCurrent) != 0;
  if (current && static_cast<int64_t>(space.mapped_pages()) > process.memlock_limit) {
    co_return sim::kEnomem;
  }
  if ((how & kMclFuture) != 0) space.wire_future = true;
  if (!current) co_return 0;
  co_await Look(space, RangeOf(0, kMaxUserAddress));
  const int error = co_await p_.wiring.Wire(space, 0, kEndOfSpace, /*holes_ok=*/true);
  co_return error == 0 || error == sim::kEnomem ? error : sim::kEagain;
}

sim::Task<int> Syscalls::Munlockall(Process& process) {
  co_await Enter();
  process.space.wire_future = false;
  co_await Look(process.space, RangeOf(0, kMaxUserAddress));
  co_return co_await p_.wiring.Unwire(process.space, 0, kEndOfSpace, /*holes_ok=*/true);
}

sim::Task<int> Syscalls::Msync(Process& process, uint64_t addr, uint64_t length, int flags) {
  co_await Enter();
  const Range range = RangeOf(addr, length);
  if (range.wraps()) co_return sim::kEinval;
  const bool async = (flags & kMsAsync) != 0;
  const bool invalidate = (flags & kMsInvalidate) != 0;
  if (async && invalidate) co_return sim::kEinval;
  co_await Look(process.space, range);
  co_return co_await p_.sync.SyncMap(process.space, range.start, range.end, !async, invalidate);
}

sim::Task<int> Syscalls::Mincore(Process& process, uint64_t addr, uint64_t length,
                                 std::vector<uint8_t>* vec) {
  co_await Enter();
  const Range range = RangeOf(addr, length);
  if (range.end_byte > kMaxUserAddress || range.wraps()) co_return sim::kEnomem;
  if (process.space.Lookup(range.start) == nullptr) co_return sim::kEnomem;
  if (range.empty()) {
    vec->clear();
    co_return 0;
  }
  co_await Look(process.space, range);
  co_return p_.mincore.Ask(process.space, range.start, range.end, vec) ? 0 : sim::kEnomem;
}

sim::Task<int> Syscalls::Mprotect(Process& process, uint64_t addr, uint64_t length,
                                  int protection) {
  co_await Enter();
  if ((protection & ~int{kProtAll}) != 0) co_return sim::kEinval;
  const Range range = RangeOf(addr, length);
  if (range.wraps()) co_return sim::kEinval;
  if (range.start == range.end) co_return 0;
  co_await Look(process.space, range);
  co_return p_.map_ops.Protect(process.space, range.start, range.end,
                               static_cast<uint8_t>(protection));
}

sim::Task<int> Syscalls::Minherit(Process& process, uint64_t addr, uint64_t length,
                                  Inheritance inheritance) {
  co_await Enter();
  const Range range = RangeOf(addr, length);
  if (range.wraps()) co_return sim::kEinval;
  switch (inheritance) {
    case Inheritance::kShare:
    case Inheritance::kCopy:
    case Inheritance::kNone:
    case Inheritance::kZero:
      if (range.start < range.end) {
        p_.map_ops.Inherit(process.space, range.start, range.end, inheritance);
      }
      co_return 0;
  }
  co_return sim::kEinval;
}

}  // namespace vmsim::vm
