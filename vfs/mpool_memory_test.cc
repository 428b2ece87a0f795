// Buffers in processes' memory: where they lie, what touching them takes, who sees them.
#include "vfs/mpool_memory.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "vfs/errno.h"
#include "vfs/mpool.h"
#include "vfs/mpool_recorder.h"
#include "vm/vm_test_world.h"

namespace vmsim::vfs {
namespace {

class MpoolMemoryTest : public testing::Test {
 protected:
  template <typename T>
  T Do(vm::Process& process, sim::Task<T> call) {
    T result{};
    auto keep = [](sim::Task<T> call, T* result) -> sim::Task<void> { *result = co_await call; };
    process.thread = world_.Start("call", keep(std::move(call), &result));
    world_.Finish(process.thread);
    return result;
  }
  void Do(vm::Process& process, sim::Task<void> call) {
    process.thread = world_.Start("call", std::move(call));
    world_.Finish(process.thread);
  }
  uint64_t Allocate(VmMpoolMemory& memory, uint32_t bytes) {
    const MpoolMemory::Allocation got = Do(process_, memory.Allocate(bytes));
    EXPECT_EQ(got.error, 0);
    return got.address;
  }
  vm::Process& Fork() {
    vm::Process& child = world_.vm().CreateProcess("child", false);
    vm::Forker::LeafMap leaves;
    EXPECT_EQ(Do(process_, world_.vm().Fork(process_, child, &leaves)), 0);
    return child;
  }
  int64_t Resident(vm::Process& process) {
    return static_cast<int64_t>(process.space.ResidentPages());
  }
  // Pages out and evicts the page at `address`.
  void SwapOut(uint64_t address) {
    const vm::Vpage vpage = address >> vm::kPageShift;
    const vm::MapEntry& entry = *process_.space.Lookup(vpage);
    vm::Object& object = world_.vm().objects()[entry.object];
    world_.PageOut(object, entry.PindexOf(vpage), 1);
    world_.Evict(object, entry.PindexOf(vpage));
  }

  vm::VmTestWorld world_;
  vm::Process& process_ = world_.vm().CreateProcess("db", false);
  std::unique_ptr<VmMpoolMemory> heap_ = VmMpoolMemory::Heap(world_.vm(), process_);
};

constexpr uint64_t kPage = vm::kPageSize;

TEST_F(MpoolMemoryTest, SmallBuffersShareAPage) {
  std::set<uint64_t> pages;
  for (int i = 0; i < 16; ++i) pages.insert(Allocate(*heap_, 512) / kPage);
  EXPECT_EQ(pages.size(), 2u);
  // Those of another size have a page of their own.
  pages.insert(Allocate(*heap_, 1000) / kPage);
  EXPECT_EQ(pages.size(), 3u);
  EXPECT_EQ(heap_->mapped_pages(), 64);
}

TEST_F(MpoolMemoryTest, LargeBuffersHaveWholePages) {
  for (const uint32_t bytes : {2049u, 4096u, 4097u, 65536u}) {
    EXPECT_EQ(Allocate(*heap_, bytes) % kPage, 0u) << bytes;
  }
  const uint64_t a = Allocate(*heap_, 8192);
  EXPECT_EQ(Allocate(*heap_, 8192), a + 8192);
}

TEST_F(MpoolMemoryTest, NoTwoBuffersOverlap) {
  std::map<uint64_t, uint32_t> buffers;
  uint32_t bytes = 1;
  for (int i = 0; i < 600; ++i) {
    bytes = bytes * 7 % 9973 + 1;
    const uint64_t address = Allocate(*heap_, bytes);
    ASSERT_TRUE(buffers.emplace(address, bytes).second);
    if (i % 3 == 0) {
      const auto victim = buffers.begin();
      Do(process_, heap_->Free(victim->first, victim->second));
      buffers.erase(victim);
    }
    uint64_t end = 0;
    for (const auto& [start, length] : buffers) {
      ASSERT_GE(start, end) << "step " << i;
      end = start + length;
      ASSERT_NE(process_.space.Lookup((end - 1) / kPage), nullptr);
    }
  }
  EXPECT_EQ(heap_->allocated(), static_cast<int64_t>(buffers.size()));
}

TEST_F(MpoolMemoryTest, WhatIsFreedIsUsedAgain) {
  const uint64_t a = Allocate(*heap_, 512);
  const uint64_t b = Allocate(*heap_, 512);
  Do(process_, heap_->Free(a, 512));
  EXPECT_EQ(Allocate(*heap_, 512), a);
  Do(process_, heap_->Free(a, 512));
  Do(process_, heap_->Free(b, 512));
  // The page is free for others when its last slot is.
  EXPECT_EQ(Allocate(*heap_, 64 * 4096), a);
  EXPECT_EQ(heap_->mapped_pages(), 64);
  Do(process_, heap_->Free(a, 64 * 4096));
  EXPECT_EQ(Allocate(*heap_, 65 * 4096), a);  // In what is free and what was mapped behind it.
  EXPECT_EQ(heap_->mapped_pages(), 129);
}

TEST_F(MpoolMemoryTest, AllocatingTouchesNothing) {
  const uint64_t a = Allocate(*heap_, 8192);
  EXPECT_EQ(Resident(process_), 0);
  EXPECT_EQ(Do(process_, heap_->Touch(a, 8192, MpoolAccess::kWrite)).error, 0);
  EXPECT_EQ(Resident(process_), 2);
  EXPECT_EQ(process_.space.minflt, 2);
}

TEST_F(MpoolMemoryTest, TouchingWhatIsInSwapReadsIt) {
  const uint64_t a = Allocate(*heap_, 8192);
  EXPECT_FALSE(Do(process_, heap_->Touch(a, 8192, MpoolAccess::kWrite)).swapped_in);
  SwapOut(a + kPage);
  const sim::SimTime start = world_.engine().now();
  const MpoolTouch touch = Do(process_, heap_->Touch(a, 8192, MpoolAccess::kRead));
  EXPECT_EQ(touch.error, 0);
  EXPECT_TRUE(touch.swapped_in);
  EXPECT_GE(world_.engine().now() - start, vm::kDiskNs);
  EXPECT_FALSE(Do(process_, heap_->Touch(a, 8192, MpoolAccess::kRead)).swapped_in);
}

TEST_F(MpoolMemoryTest, TouchOfAKilledProcessFails) {
  const uint64_t a = Allocate(*heap_, 512);
  world_.vm().Kill(process_, vm::kSigKill);
  EXPECT_EQ(Do(process_, heap_->Touch(a, 512, MpoolAccess::kRead)).error, kEfault);
  EXPECT_EQ(heap_->last_signal(), vm::kSigKill);
}

TEST_F(MpoolMemoryTest, TouchOfWhatTheProgramHasUnmappedFails) {
  const uint64_t a = Allocate(*heap_, 512);
  EXPECT_EQ(Do(process_, world_.vm().syscalls().Munmap(process_, a, kPage)), 0);
  EXPECT_EQ(Do(process_, heap_->Touch(a, 512, MpoolAccess::kRead)).error, kEfault);
  EXPECT_EQ(heap_->last_signal(), vm::kSigSegv);
}

TEST_F(MpoolMemoryTest, AHeapHasALimit) {
  for (int64_t pages = 0; pages + (1 << 19) <= kMaxHeapPages; pages += 1 << 19) {
    Allocate(*heap_, 1u << 31);
  }
  EXPECT_EQ(heap_->mapped_pages(), kMaxHeapPages);
  EXPECT_EQ(Do(process_, heap_->Allocate(1)).error, kEnomem);
}

// --- Wiring ---

TEST_F(MpoolMemoryTest, BuffersOfOnePageAreWiredTogether) {
  const uint64_t a = Allocate(*heap_, 512);
  const uint64_t b = Allocate(*heap_, 512);
  EXPECT_EQ(Do(process_, heap_->Wire(a, 512)), 0);
  EXPECT_EQ(Do(process_, heap_->Wire(b, 512)), 0);
  EXPECT_EQ(world_.counters().user_wired_pages, 1);
  Do(process_, heap_->Unwire(a, 512));
  EXPECT_EQ(world_.counters().user_wired_pages, 1);
  Do(process_, heap_->Unwire(b, 512));
  EXPECT_EQ(world_.counters().user_wired_pages, 0);
}

TEST_F(MpoolMemoryTest, WiringMayFail) {
  process_.memlock_limit = 1;
  const uint64_t a = Allocate(*heap_, 8192);
  EXPECT_EQ(Do(process_, heap_->Wire(a, 8192)), kEnomem);
  EXPECT_EQ(world_.counters().user_wired_pages, 0);
  const uint64_t b = Allocate(*heap_, 4096);
  EXPECT_EQ(Do(process_, heap_->Wire(b, 4096)), 0);
  Do(process_, heap_->Unwire(b, 4096));
}

// --- Several processes ---

TEST_F(MpoolMemoryTest, AChildTouchesTheSameMemory) {
  const auto area = VmMpoolMemory::Area(world_.vm(), process_, 4096, 3);
  EXPECT_EQ(area->mapped_pages(), 3);
  const uint64_t a = Allocate(*area, 4096);
  EXPECT_EQ(Do(process_, area->Touch(a, 4096, MpoolAccess::kWrite)).error, 0);
  vm::Process& child = Fork();
  area->Attach(child);
  const uint32_t free_before = world_.vm().domain().free_count();
  EXPECT_EQ(Do(child, area->Touch(a, 4096, MpoolAccess::kWrite)).error, 0);
  EXPECT_EQ(world_.vm().domain().free_count(), free_before);  // No copy was made.
  // What the child allocates the parent can touch.
  const MpoolMemory::Allocation b = Do(child, area->Allocate(4096));
  EXPECT_EQ(Do(child, area->Touch(b.address, 4096, MpoolAccess::kWrite)).error, 0);
  const int64_t resident = Resident(process_);
  EXPECT_EQ(Do(process_, area->Touch(b.address, 4096, MpoolAccess::kRead)).error, 0);
  EXPECT_EQ(Resident(process_), resident + 1);
  EXPECT_EQ(world_.vm().domain().free_count(), free_before - 1);
}

TEST_F(MpoolMemoryTest, AnAreaIsFullWhenItIs) {
  const auto area = VmMpoolMemory::Area(world_.vm(), process_, 1000, 6);
  EXPECT_EQ(area->mapped_pages(), 2);
  for (int i = 0; i < 8; ++i) Allocate(*area, 1000);
  EXPECT_EQ(Do(process_, area->Allocate(1000)).error, kEnomem);
  EXPECT_EQ(Do(process_, area->Wire(kMpoolMemoryBase, 1000)), kEopnotsupp);
  EXPECT_EQ(VmMpoolMemory::Area(world_.vm(), process_, 4096, kMaxHeapPages + 1), nullptr);
}

TEST_F(MpoolMemoryTest, AChildsHeapIsItsOwn) {
  const uint64_t a = Allocate(*heap_, 4096);
  EXPECT_EQ(Do(process_, heap_->Touch(a, 4096, MpoolAccess::kWrite)).error, 0);
  vm::Process& child = Fork();
  const auto other = VmMpoolMemory::Heap(world_.vm(), child);
  const MpoolMemory::Allocation b = Do(child, other->Allocate(4096));
  EXPECT_NE(b.address, a);  // The child has the parent's heap, too, as a copy.
  EXPECT_NE(child.space.Lookup(a / kPage), nullptr);
}

// Parent and child use one pool, in turns, each through its own mapping. The file is in memory.
TEST_F(MpoolMemoryTest, OnePoolOfSeveralProcesses) {
  constexpr uint32_t kBytes = 4096;
  MpoolRecorder file(world_.engine(), kBytes, 64 * kBytes);
  const auto area = VmMpoolMemory::Area(world_.vm(), process_, kBytes, 4);
  MpoolOpenResult opened =
      Do(process_, Mpool::Open(world_.engine(), "", &file, *area, kBytes, 4, MpoolOptions{}));
  Mpool& pool = *opened.pool;
  vm::Process& child = Fork();
  area->Attach(child);
  file.set_latency_ns(1000);
  auto work = [](Mpool& pool, MpoolPgno first, int times) -> sim::Task<void> {
    for (int i = 0; i < times; ++i) {
      const MpoolPageResult got = co_await pool.Get((first + static_cast<uint32_t>(i) * 3) % 64);
      EXPECT_TRUE(got.page);
      const MpoolTouch touch = co_await pool.Touch(got.page, MpoolAccess::kWrite);
      EXPECT_EQ(touch.error, 0);
      for (MpoolTag& tag : pool.contents(got.page)) ++tag;
      co_await pool.Put(got.page, kMpoolDirty);
    }
  };
  process_.thread = world_.Start("parent", work(pool, 0, 100));
  child.thread = world_.Start("child", work(pool, 1, 100));
  while (world_.engine().Step()) pool.CheckInvariants();
  EXPECT_EQ(pool.stats().pageget, 200);
  EXPECT_EQ(pool.stats().curcache, 4);
  EXPECT_EQ(area->allocated(), 4);
  // They took turns, so each had half of the buffers.
  EXPECT_EQ(Resident(process_), 2);
  EXPECT_EQ(Resident(child), 2);
  Do(child, pool.Sync());
  int64_t changes = 0;
  for (int page = 0; page < 64; ++page) changes += file.tag(page) - (1000 + page);
  EXPECT_EQ(changes, 200);
  EXPECT_EQ(Do(process_, pool.Close()).result, 0);
  EXPECT_EQ(area->allocated(), 0);
}

}  // namespace
}  // namespace vmsim::vfs
