#include "vfs/mpool_memory.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "sim/check.h"
#include "vfs/errno.h"

namespace vmsim::vfs {
namespace {

constexpr uint32_t kLeastSlot = 16;
constexpr int64_t kChunkPages = 64;  // Mapped at a time, if no more are needed.

bool IsSmall(uint32_t bytes) { return bytes <= vm::kPageSize / 2; }
uint32_t SlotBytes(uint32_t bytes) { return std::max(kLeastSlot, std::bit_ceil(bytes)); }
int64_t PagesFor(uint32_t bytes) { return (int64_t{bytes} + vm::kPageSize - 1) / vm::kPageSize; }

// The pages that a buffer lies in.
struct PageRange {
  PageRange(uint64_t address, uint32_t bytes)
      : first(address >> vm::kPageShift), last((address + bytes - 1) >> vm::kPageShift) {}
  uint64_t bytes() const { return (last - first + 1) << vm::kPageShift; }

  vm::Vpage first;
  vm::Vpage last;
};

}  // namespace

VmMpoolMemory::VmMpoolMemory(vm::VmSystem& vm, vm::Process& process, bool is_shared)
    : vm_(vm), is_shared_(is_shared), processes_{&process} {}

std::unique_ptr<VmMpoolMemory> VmMpoolMemory::Heap(vm::VmSystem& vm, vm::Process& process) {
  return std::unique_ptr<VmMpoolMemory>(new VmMpoolMemory(vm, process, /*is_shared=*/false));
}

std::unique_ptr<VmMpoolMemory> VmMpoolMemory::Area(vm::VmSystem& vm, vm::Process& process,
                                                   uint32_t bytes, int64_t buffers) {
  std::unique_ptr<VmMpoolMemory> area(new VmMpoolMemory(vm, process, /*is_shared=*/true));
  const int64_t per_page = IsSmall(bytes) ? vm::kPageSize / SlotBytes(bytes) : 1;
  const int64_t pages =
      IsSmall(bytes) ? (buffers + per_page - 1) / per_page : buffers * PagesFor(bytes);
  if (!area->MapMore(process, pages)) return nullptr;
  return area;
}

void VmMpoolMemory::Attach(vm::Process& process) {
  CHECK(is_shared_, "a heap has one process");
  processes_.push_back(&process);
}

void VmMpoolMemory::Detach(vm::Process& process) {
  processes_.erase(std::remove(processes_.begin(), processes_.end(), &process), processes_.end());
}

vm::Process& VmMpoolMemory::Caller() {
  if (!is_shared_) return *processes_.front();
  const sim::Thread* const thread = vm_.engine().current();
  const auto it = std::find_if(processes_.begin(), processes_.end(),
                               [&](const vm::Process* p) { return p->thread == thread; });
  CHECK(it != processes_.end(), "a process that does not have the area");
  return **it;
}

// --- Places ---

bool VmMpoolMemory::MapMore(vm::Process& process, int64_t pages) {
  if (pages > kMaxHeapPages - mapped_pages_) return false;
  const vm::Vpage start = process.space.FindSpace(kMpoolMemoryBase, static_cast<uint64_t>(pages));
  vm::MapEntry entry;
  if (is_shared_) entry.inheritance = vm::Inheritance::kShare;
  if (vm_.Map(process, start, static_cast<uint32_t>(pages), entry) != 0) return false;
  mapped_pages_ += pages;
  GivePages(start, pages);
  return true;
}

vm::Vpage VmMpoolMemory::TakePages(int64_t pages) {
  for (auto it = free_pages_.begin(); it != free_pages_.end(); ++it) {
    const auto [start, count] = *it;
    if (count < pages) continue;
    free_pages_.erase(it);
    if (count > pages) free_pages_[start + static_cast<uint64_t>(pages)] = count - pages;
    return start;
  }
  return 0;
}

void VmMpoolMemory::GivePages(vm::Vpage start, int64_t pages) {
  auto next = free_pages_.lower_bound(start);
  if (next != free_pages_.end() && start + static_cast<uint64_t>(pages) == next->first) {
    pages += next->second;
    next = free_pages_.erase(next);
  }
  if (next != free_pages_.begin()) {
    const auto before = std::prev(next);
    if (before->first + static_cast<uint64_t>(before->second) == start) {
      before->second += pages;
      return;
    }
  }
  free_pages_[start] = pages;
}

// 0: there is none, and no page to make some of.
uint64_t VmMpoolMemory::TakeSlot(uint32_t slot_bytes) {
  std::set<uint64_t>& slots = free_slots_[slot_bytes];
  if (slots.empty()) {
    const vm::Vpage page = TakePages(1);
    if (page == 0) return 0;
    slot_pages_[page] = {slot_bytes, 0};
    const uint64_t start = page << vm::kPageShift;
    for (uint32_t at = 0; at < vm::kPageSize; at += slot_bytes) slots.insert(start + at);
  }
  const uint64_t address = *slots.begin();
  slots.erase(slots.begin());
  ++slot_pages_[address >> vm::kPageShift].used;
  return address;
}

void VmMpoolMemory::GiveSlot(uint64_t address) {
  const auto it = slot_pages_.find(address >> vm::kPageShift);
  CHECK(it != slot_pages_.end(), "no buffer at ", address);
  const uint32_t slot_bytes = it->second.slot_bytes;
  std::set<uint64_t>& slots = free_slots_[slot_bytes];
  slots.insert(address);
  if (--it->second.used > 0) return;
  const uint64_t start = it->first << vm::kPageShift;
  slots.erase(slots.lower_bound(start), slots.lower_bound(start + vm::kPageSize));
  GivePages(it->first, 1);
  slot_pages_.erase(it);
}

sim::Task<MpoolMemory::Allocation> VmMpoolMemory::Allocate(uint32_t bytes) {
  vm::Process& process = Caller();
  const bool small = IsSmall(bytes);
  for (bool mapped = false;; mapped = true) {
    const uint64_t address =
        small ? TakeSlot(SlotBytes(bytes)) : TakePages(PagesFor(bytes)) << vm::kPageShift;
    if (address != 0) {
      ++allocated_;
      co_return {0, address};
    }
    const int64_t pages = small ? 1 : PagesFor(bytes);
    if (mapped || is_shared_) co_return {kEnomem, 0};
    co_await vm_.engine().Consume(vm_.config().costs.syscall_ns);
    // At the limit, what is needed and no more.
    if (!MapMore(process, std::max(pages, kChunkPages)) && !MapMore(process, pages)) {
      co_return {kEnomem, 0};
    }
  }
}

sim::Task<void> VmMpoolMemory::Free(uint64_t address, uint32_t bytes) {
  CHECK_GT(allocated_, 0, "no buffer at ", address);
  --allocated_;
  if (IsSmall(bytes)) {
    GiveSlot(address);
  } else {
    GivePages(address >> vm::kPageShift, PagesFor(bytes));
  }
  co_return;
}

// --- Accesses ---

sim::Task<MpoolTouch> VmMpoolMemory::Touch(uint64_t address, uint32_t bytes, MpoolAccess access) {
  vm::Process& process = Caller();
  const PageRange range(address, bytes);
  MpoolTouch all;
  for (vm::Vpage vpage = range.first; vpage <= range.last && all.error == 0; ++vpage) {
    const MpoolTouch one = co_await TouchPage(process, vpage, access == MpoolAccess::kWrite);
    all.error = one.error;
    all.swapped_in |= one.swapped_in;
  }
  co_return all;
}

// The page may be gone again when its fault returns.
sim::Task<MpoolTouch> VmMpoolMemory::TouchPage(vm::Process& process, vm::Vpage vpage, bool write) {
  const vm::Pte need = vm::kPteValid | (write ? vm::kPteWritable : 0);
  const vm::Pte mark = vm::kPteAccessed | (write ? vm::kPteModified : 0);
  const int64_t hard_before = process.space.majflt;
  co_await vm_.engine().Consume(vm_.config().costs.reference_ns);
  while (!process.killed()) {
    const vm::MapEntry* const entry = process.space.Lookup(vpage);
    if (entry == nullptr) {
      last_signal_ = vm::SignalOf(vm::FaultResult::kInvalidAddress);
      co_return {kEfault, false};
    }
    const vm::PteSlot slot = entry->SlotOf(vpage);
    vm::Pte& pte = vm_.page_tables().entries()[slot];
    if ((pte & need) == need) {
      pte |= mark;
      co_return {0, process.space.majflt > hard_before};
    }
    const vm::FaultResult result = co_await vm_.faults().Fault(process.space, slot, write);
    if (result == vm::FaultResult::kSuccess) continue;
    last_signal_ = vm::SignalOf(result);
    co_return {kEfault, false};
  }
  last_signal_ = vm::kSigKill;
  co_return {kEfault, false};
}

// --- Wiring ---

// Those pages of the buffer that no other has wired yet are few, so all are given to mlock; pages
// that are wired already it passes over.
sim::Task<int> VmMpoolMemory::Wire(uint64_t address, uint32_t bytes) {
  if (is_shared_) co_return kEopnotsupp;
  vm::Process& process = Caller();
  const PageRange range(address, bytes);
  bool wired_already = true;
  for (vm::Vpage v = range.first; v <= range.last; ++v) wired_already &= wired_.count(v) != 0;
  if (!wired_already) {
    const int error =
        co_await vm_.syscalls().Mlock(process, range.first << vm::kPageShift, range.bytes());
    if (error != 0) co_return error;
  }
  for (vm::Vpage v = range.first; v <= range.last; ++v) ++wired_[v];
  co_return 0;
}

sim::Task<void> VmMpoolMemory::Unwire(uint64_t address, uint32_t bytes) {
  vm::Process& process = Caller();
  const PageRange range(address, bytes);
  for (vm::Vpage v = range.first; v <= range.last; ++v) {
    const auto it = wired_.find(v);
    CHECK(it != wired_.end(), "page ", v, " is not wired");
    if (--it->second > 0) continue;
    wired_.erase(it);
    co_await vm_.syscalls().Munlock(process, v << vm::kPageShift, vm::kPageSize);
  }
}

}  // namespace vmsim::vfs
