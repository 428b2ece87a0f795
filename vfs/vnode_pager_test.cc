#include "vfs/vnode_pager.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "vfs/errno.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

using vm::FaultResult;
using vm::FrameIndex;
using vm::PagerResult;

// Calls of the pager on the file "f", as VOP_GETPAGES(9) has them.
class Story {
 public:
  explicit Story(const VfsTestWorld::Options& options) : world(options) {}
  Story() = default;

  // Pages [first, first + count), absent so far, exclusively busied and invalid.
  std::vector<FrameIndex> Take(vm::Pindex first, uint32_t count) {
    std::vector<FrameIndex> pages;
    for (vm::Pindex pindex = first; pindex < first + count; ++pindex) {
      pages.push_back(
          world.vm().allocator().Alloc(*world.file().object, pindex, vm::AllocClass::kNormal));
    }
    return pages;
  }
  // Letters of FlushPages' results: O, B, F, P, E, A.
  static char Letter(PagerResult result) { return "OBFPEA"[static_cast<int>(result)]; }

  // getpages of [first, first + count): the result, and the pages read behind and ahead.
  std::string Get(vm::Pindex first, uint32_t count, int behind = 0, int ahead = 0) {
    const std::vector<FrameIndex> pages = Take(first, count);
    return GetInto(pages, behind, ahead);
  }
  std::string GetInto(const std::vector<FrameIndex>& pages, int behind = 0, int ahead = 0) {
    world.file().object->PipAdd();
    const PagerResult result = world.Do(Locked(pages, &behind, &ahead));
    world.file().object->PipWakeup();
    return std::string(1, Letter(result)) + " " + std::to_string(behind) + " " +
           std::to_string(ahead);
  }
  // Lets go of busied pages; invalid ones go.
  void Drop(vm::Pindex first, uint32_t count) {
    for (vm::Pindex pindex = first; pindex < first + count; ++pindex) {
      const FrameIndex frame = world.file().object->Lookup(pindex);
      if (frame == vm::kNoFrame || !world.vm().pages().xbusied(frame)) continue;
      if (world.vm().pages()[frame].valid == 0) {
        world.vm().allocator().Free(frame);
      } else {
        world.vm().reclaim().Deactivate(frame);
        world.vm().pages().Xunbusy(frame);
      }
    }
  }
  uint8_t Valid(vm::Pindex pindex) { return PageAt(pindex).valid; }
  vm::Page& PageAt(vm::Pindex pindex) { return world.world().PageAt(*world.file().object, pindex); }

  // putpages of [first, first + count), dirtied as a whole before. Results as letters.
  std::string Put(vm::Pindex first, uint32_t count, int flags) {
    std::vector<FrameIndex> pages;
    for (vm::Pindex pindex = first; pindex < first + count; ++pindex) {
      pages.push_back(world.file().object->Lookup(pindex));
    }
    return Put(pages, flags);
  }
  std::string Put(const std::vector<FrameIndex>& pages, int flags) {
    std::vector<PagerResult> results(pages.size(), PagerResult::kPend);
    world.Do(PutLocked(pages, flags, &results));
    std::string text;
    for (const PagerResult result : results) text += Letter(result);
    return text;
  }

  VfsTestWorld world;

 private:
  sim::Task<PagerResult> Locked(const std::vector<FrameIndex>& pages, int* behind, int* ahead) {
    Vnode& file = world.file();
    co_await file.lock.Lock(world.engine(), LockType::kShared);
    const PagerResult result =
        co_await world.vfs().pager().GetPages(*file.object, pages, behind, ahead);
    file.lock.Unlock(world.engine());
    co_return result;
  }
  sim::Task<void> PutLocked(const std::vector<FrameIndex>& pages, int flags,
                            std::vector<PagerResult>* results) {
    Vnode& file = world.file();
    co_await file.lock.Lock(world.engine(), LockType::kExclusive);
    for (const FrameIndex frame : pages) {
      CHECK(world.vm().pages().TrySbusy(frame), "frame=", frame);
    }
    file.object->PipAdd(static_cast<int>(pages.size()));
    co_await world.vfs().pager().PutPages(*file.object, pages, flags, *results);
    for (const FrameIndex frame : pages) world.vm().pages().Sunbusy(frame);
    file.object->PipWakeup(static_cast<int>(pages.size()));
    file.lock.Unlock(world.engine());
  }
};

VfsTestWorld::Options WithFile(int64_t bytes) {
  VfsTestWorld::Options options;
  options.file.bytes = bytes;
  return options;
}

sim::DiskFaultRule Fault(sim::DiskFaultKind kind, uint32_t ops, int64_t nth) {
  sim::DiskFaultRule rule;
  rule.kind = kind;
  rule.ops = ops;
  rule.nth = nth;
  return rule;
}

constexpr uint32_t kReads = sim::OpBit(sim::DiskOp::kRead);
constexpr uint32_t kWrites = sim::OpBit(sim::DiskOp::kWrite);

TEST(GetPagesTest, AFaultBringsTheClusterAroundItsPage) {
  VfsTestWorld world;
  const auto area = world.Map(256);
  EXPECT_EQ(world.world().Touch(area, 20), FaultResult::kSuccess);
  EXPECT_EQ(world.Picture(14, 20), "..IIIIAIIIIIIIIIII..");
  EXPECT_EQ(world.reads(), 1);
  EXPECT_EQ(world.counters().v_vnodein, 1);
  EXPECT_EQ(world.counters().v_vnodepgsin, 16);
  EXPECT_EQ(world.Memory(16 * 8, 3), "1 1 1");
}

// Blocks of 4 pages; clusters of 8 blocks, so a run reaches over 32 pages each side at most.
TEST(GetPagesTest, NeighboursAreReadAndReported) {
  struct Row {
    vm::Pindex first;
    uint32_t count;
    int behind, ahead;
    const char* result;
  };
  const Row rows[] = {
      {40, 1, 0, 0, "O 0 0"},   {40, 1, 3, 5, "O 3 5"},     {40, 4, 3, 5, "O 3 5"},
      {0, 1, 9, 0, "O 0 0"},    {250, 1, 0, 99, "O 0 5"},   {40, 1, 99, 99, "O 28 31"},
      {2, 1, 1000, 0, "O 2 0"}, {255, 1, 2, 1000, "O 2 0"},
  };
  for (const Row& row : rows) {
    Story s;
    EXPECT_EQ(s.Get(row.first, row.count, row.behind, row.ahead), row.result);
    EXPECT_EQ(s.world.reads(), 1);
    const std::string busy(row.count, 'X');
    EXPECT_EQ(s.world.Picture(row.first, row.count), busy);
    for (uint32_t i = 0; i < row.count; ++i) EXPECT_EQ(s.Valid(row.first + i), 0xff);
    s.Drop(row.first, row.count);
  }
}

TEST(GetPagesTest, AResidentPageEndsTheNeighboursEvenIfItIsInvalid) {
  Story s;
  const std::vector<FrameIndex> below = s.Take(36, 1);
  EXPECT_EQ(s.Get(44, 1, 0, 0), "O 0 0");
  s.Drop(44, 1);
  EXPECT_EQ(s.Get(40, 1, 8, 8), "O 3 3");
  EXPECT_EQ(s.world.Picture(36, 9), "XIIIXIIII");
  s.Drop(36, 5);
}

// maxphys of 8 pages.
TEST(GetPagesTest, WhatIsMoreThanMaxphysIsTrimmedInProportion) {
  VfsTestWorld::Options options;
  options.tunables.maxphys = 8 * 4096;
  struct Row {
    int behind, ahead;
    const char* result;
  };
  // Page 42 is the third of its block: 30 before it on the disk, and more behind it.
  // 10 + 10 + 1 - 8 = 13, and one more: each loses 14 * 10 / 20 = 7.
  // 30 behind, as many as there are: trimmed to whole blocks. 24 * 30 / 30 = 24.
  const Row rows[] = {{10, 10, "O 3 3"}, {3, 4, "O 3 4"}, {30, 0, "O 6 0"}, {0, 20, "O 0 6"}};
  for (const Row& row : rows) {
    Story s(options);
    EXPECT_EQ(s.Get(42, 1, row.behind, row.ahead), row.result) << row.behind << " " << row.ahead;
    s.Drop(42, 1);
  }
}

TEST(GetPagesTest, ThePageAtTheEndIsValidAsFarAsTheFileAndThenZeros) {
  Story s(WithFile(10 * 4096 + 700));
  // Read ahead: partly valid, and the sectors are the disk's.
  EXPECT_EQ(s.Get(9, 1, 0, 4), "O 0 1");
  EXPECT_EQ(s.Valid(10), 0x03);
  EXPECT_EQ(s.world.Picture(9, 2), "XI");
  s.Drop(9, 1);
  // Asked for afterwards: no I/O, no hints, the rest is zeros.
  const FrameIndex end = s.world.file().object->Lookup(10);
  ASSERT_TRUE(s.world.vm().pages().TryXbusy(end));
  EXPECT_EQ(s.GetInto({end}, 5, 5), "O 0 0");
  EXPECT_EQ(s.world.reads(), 1);
  EXPECT_EQ(s.Valid(10), 0xff);
  EXPECT_EQ(s.world.Memory(80, 8), "1 1 0 0 0 0 0 0");
  s.Drop(10, 1);
}

TEST(GetPagesTest, AHoleIsZerosWithoutTheDisk) {
  VfsTestWorld::Options options;
  options.file = {.bytes = 1 << 20, .fragment_blocks = 1, .hole_every = 2};
  Story s(options);
  EXPECT_EQ(s.Get(4, 1, 3, 3), "O 0 0");
  EXPECT_EQ(s.world.reads(), 0);
  EXPECT_EQ(s.world.Memory(32, 2), "0 0");
  s.Drop(4, 1);
  // A block that is there ends where the hole begins.
  EXPECT_EQ(s.Get(9, 1, 8, 8), "O 1 2");
  s.Drop(9, 1);
}

TEST(GetPagesTest, AFragmentedFileIsReadAFragmentAtATime) {
  VfsTestWorld::Options options;
  options.file = {.bytes = 1 << 20, .fragment_blocks = 2, .gap_blocks = 1};
  Story s(options);
  EXPECT_EQ(s.Get(9, 1, 15, 15), "O 1 6");
  s.Drop(9, 1);
}

TEST(GetPagesTest, AFailedReadFreesItsNeighboursAndLeavesThePagesToTheCaller) {
  VfsTestWorld::Options options;
  options.faults = {Fault(sim::DiskFaultKind::kEio, kReads, 1)};
  Story s(options);
  EXPECT_EQ(s.Get(40, 2, 3, 3), "E 3 3");
  EXPECT_EQ(s.world.Picture(36, 10), "....XX....");
  EXPECT_EQ(s.Valid(40), 0);
  s.Drop(40, 2);
  EXPECT_EQ(s.world.Picture(36, 10), "..........");
}

TEST(GetPagesTest, AFaultOnABadSectorIsABusErrorEachTime) {
  VfsTestWorld::Options options;
  sim::DiskFaultRule rule;
  rule.kind = sim::DiskFaultKind::kBadRange;
  options.faults = {rule};
  VfsTestWorld world(options);
  const auto area = world.Map(16);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(world.world().Touch(area, 1), FaultResult::kOutOfBounds);
  EXPECT_EQ(world.reads(), 3);
  EXPECT_EQ(world.Picture(0, 16), "................");
  EXPECT_FALSE(world.file().lock.held());
}

TEST(GetPagesTest, BeyondTheEndIsABusError) {
  VfsTestWorld world(WithFile(3 * 4096 + 1));
  const auto area = world.Map(8);
  EXPECT_EQ(world.world().Touch(area, 3), FaultResult::kSuccess);
  EXPECT_EQ(world.world().Touch(area, 4), FaultResult::kOutOfBounds);
}

TEST(GetPagesTest, ADoomedVnodeHasNothing) {
  Story s;
  s.world.file().doomed = true;
  EXPECT_EQ(s.Get(40, 1, 3, 3), "B 0 0");
  s.Drop(40, 1);
  int before;
  int after;
  EXPECT_FALSE(s.world.vfs().pager().HasPage(*s.world.file().object, 40, &before, &after));
}

TEST(GetPagesTest, SmallBlocksAreReadOneAfterTheOther) {
  VfsTestWorld::Options options = WithFile(4 * 4096);
  options.mount.block_bytes = 1024;
  Story s(options);
  EXPECT_EQ(s.Get(1, 2, 1, 1), "O 0 0");
  EXPECT_EQ(s.world.reads(), 8);
  EXPECT_EQ(s.world.counters().v_vnodein, 2);
  EXPECT_EQ(s.world.counters().v_vnodepgsin, 2);
  EXPECT_EQ(s.world.vfs().sf_bufs().stats().sf_buf_maps, 2);
  s.Drop(1, 2);
}

TEST(GetPagesTest, OfSmallBlocksOnlyWhatIsMissingIsRead) {
  VfsTestWorld::Options options = WithFile(4096 - 1024);
  options.mount.block_bytes = 1024;
  options.file.fragment_blocks = 1;
  options.file.hole_every = 2;
  Story s(options);
  const std::vector<FrameIndex> page = s.Take(0, 1);
  // Block 0 is valid already, block 1 a hole, block 3 behind the end.
  s.PageAt(0).valid = 0x03;
  EXPECT_EQ(s.GetInto(page), "O 0 0");
  EXPECT_EQ(s.world.reads(), 1);
  EXPECT_EQ(s.world.Memory(2, 6), "0 0 1 1 0 0");
  s.Drop(0, 1);
}

TEST(GetPagesTest, ASmallBlockThatFailsLeavesTheEarlierOnesValid) {
  VfsTestWorld::Options options = WithFile(4 * 4096);
  options.mount.block_bytes = 1024;
  options.faults = {Fault(sim::DiskFaultKind::kEio, kReads, 3)};
  Story s(options);
  EXPECT_EQ(s.Get(0, 1), "E 0 0");
  EXPECT_EQ(s.Valid(0), 0x0f);
  EXPECT_EQ(s.world.vfs().sf_bufs().stats().nsfbufsused, 0);
  s.Drop(0, 1);
}

TEST(GetPagesTest, TheBufferPagerReadsWholeBlocksWhateverIsAsked) {
  VfsTestWorld::Options options;
  options.mount.style = PagerStyle::kBuffer;
  Story s(options);
  EXPECT_EQ(s.Get(9, 1, 15, 15), "O 1 2");
  EXPECT_EQ(s.world.reads(), 1);
  EXPECT_EQ(s.world.Picture(7, 6), ".IXII.");
  s.Drop(9, 1);
  EXPECT_EQ(s.world.counters().v_vnodepgsin, 4);
}

TEST(GetPagesTest, TheBufferPagerReportsErrors) {
  VfsTestWorld::Options options;
  options.mount.style = PagerStyle::kBuffer;
  options.faults = {Fault(sim::DiskFaultKind::kEio, kReads, 1)};
  Story s(options);
  EXPECT_EQ(s.Get(9, 1).front(), 'E');
  EXPECT_EQ(s.world.Picture(8, 4), ".X..");
  s.Drop(9, 1);
}

TEST(GetPagesTest, NegativeWishesAndNoPagesFailAnAssertion) {
  Story s;
  const std::vector<FrameIndex> page = s.Take(3, 1);
  EXPECT_DEATH(s.GetInto(page, -1, 0), "behind");
  EXPECT_DEATH(s.GetInto(page, 0, -1), "ahead");
  EXPECT_DEATH(s.GetInto(std::vector<FrameIndex>(), 0, 0), "no pages");
  s.Drop(3, 1);
}

TEST(HasPageTest, RunsAreInPagesAndEndWithTheFile) {
  struct Row {
    int32_t block_bytes;
    vm::Pindex pindex;
    bool present;
    int before, after;
  };
  // A file of 20 pages and a bit; clusters of 128 KiB.
  const Row rows[] = {
      {16384, 0, true, 0, 20},  {16384, 5, true, 5, 15}, {16384, 20, true, 20, 0},
      {16384, 21, false, 0, 0}, {4096, 7, true, 7, 13},  {1024, 2, true, 2, 18},
      {65536, 17, true, 17, 3},
  };
  for (const Row& row : rows) {
    VfsTestWorld::Options options = WithFile(20 * 4096 + 100);
    options.mount.block_bytes = row.block_bytes;
    VfsTestWorld world(options);
    int before;
    int after;
    EXPECT_EQ(world.vfs().pager().HasPage(*world.file().object, row.pindex, &before, &after),
              row.present);
    EXPECT_EQ(before, row.before) << row.block_bytes << " " << row.pindex;
    EXPECT_EQ(after, row.after) << row.block_bytes << " " << row.pindex;
  }
}

TEST(HasPageTest, APageOfSmallBlocksIsThereIfAnyOfThemIs) {
  VfsTestWorld::Options options = WithFile(3 * 4096);
  options.mount.block_bytes = 2048;
  options.file.fragment_blocks = 3;
  options.file.hole_every = 2;
  // Blocks 0 to 2 are on the disk, 3 to 5 are not.
  VfsTestWorld world(options);
  int before;
  int after;
  const auto has_page = [&](vm::Pindex pindex) {
    return world.vfs().pager().HasPage(*world.file().object, pindex, &before, &after);
  };
  EXPECT_TRUE(has_page(0));
  EXPECT_TRUE(has_page(1));
  EXPECT_FALSE(has_page(2));
  // Block 3 in place of 2.
  world.file().map.Map(3, 1, world.file().map.Truncate(2).front().sector);
  EXPECT_TRUE(has_page(1));
  EXPECT_EQ(before, 0);
  EXPECT_EQ(after, 0);
}

// --- Asynchronous reads.

struct Done {
  int calls = 0;
  int error = 0;
  std::vector<FrameIndex> pages;
  static void Call(void* context, uint64_t, std::span<const FrameIndex> pages, int error) {
    auto* done = static_cast<Done*>(context);
    ++done->calls;
    done->error = error;
    done->pages.assign(pages.begin(), pages.end());
  }
};

PagerResult GetAsync(Story& s, const std::vector<FrameIndex>& pages, int* ahead, Done* done) {
  return s.world.Do(s.world.vfs().pager().GetPagesAsync(*s.world.file().object, pages, ahead,
                                                        Done::Call, done, 0));
}

TEST(GetPagesAsyncTest, ReturnsBeforeTheDiskAndCallsOnceForThePagesAskedFor) {
  Story s;
  const std::vector<FrameIndex> pages = s.Take(40, 2);
  Done done;
  int ahead = 3;
  EXPECT_EQ(GetAsync(s, pages, &ahead, &done), PagerResult::kOk);
  EXPECT_EQ(ahead, 3);
  EXPECT_EQ(done.calls, 0);
  s.world.engine().Run();
  EXPECT_EQ(done.calls, 1);
  EXPECT_EQ(done.error, 0);
  EXPECT_EQ(done.pages, pages);
  EXPECT_EQ(s.world.Picture(39, 7), ".XXIII.");
  s.Drop(40, 2);
}

TEST(GetPagesAsyncTest, ABogusPageKeepsOneReadForARunWithAValidPage) {
  Story s;
  EXPECT_EQ(s.Get(41, 1), "O 0 0");
  s.world.StopChecking();
  s.world.file().memory.Set(41 * 8, 77);
  s.Drop(41, 1);
  std::vector<FrameIndex> pages = s.Take(40, 1);
  pages.push_back(kBogusFrame);
  pages.push_back(s.Take(42, 1)[0]);
  Done done;
  int ahead = 0;
  EXPECT_EQ(GetAsync(s, pages, &ahead, &done), PagerResult::kOk);
  s.world.engine().Run();
  EXPECT_EQ(done.calls, 1);
  EXPECT_EQ(s.world.reads(), 2);
  EXPECT_EQ(s.world.Memory(41 * 8, 1), "77");
  EXPECT_EQ(s.Valid(42), 0xff);
  s.Drop(40, 1);
  s.Drop(42, 1);
}

TEST(GetPagesAsyncTest, EveryWayOutCallsOnce) {
  struct Row {
    const char* what;
    PagerResult result;
    int error;
  };
  const Row rows[] = {{"hole", PagerResult::kOk, 0},   {"end", PagerResult::kOk, 0},
                      {"small", PagerResult::kOk, 0},  {"doomed", PagerResult::kBad, 5},
                      {"buffer", PagerResult::kOk, 0}, {"error", PagerResult::kOk, 5}};
  for (const Row& row : rows) {
    const std::string what = row.what;
    VfsTestWorld::Options options = WithFile(8 * 4096 + 5);
    if (what == "hole")
      options.file = {.bytes = 8 * 4096 + 5, .fragment_blocks = 1, .hole_every = 1};
    if (what == "small") options.mount.block_bytes = 512;
    if (what == "buffer") options.mount.style = PagerStyle::kBuffer;
    if (what == "error") options.faults = {Fault(sim::DiskFaultKind::kEio, kReads, 1)};
    Story s(options);
    s.world.file().doomed = what == "doomed";
    const vm::Pindex pindex = what == "end" ? 8 : 5;
    const std::vector<FrameIndex> pages = s.Take(pindex, 1);
    if (what == "end") s.PageAt(8).valid = 0x01;
    Done done;
    int ahead = 0;
    EXPECT_EQ(GetAsync(s, pages, &ahead, &done), row.result) << what;
    s.world.engine().Run();
    EXPECT_EQ(done.calls, 1) << what;
    EXPECT_EQ(done.error, row.error) << what;
    EXPECT_TRUE(s.world.vm().pages().xbusied(pages[0])) << what;
    s.Drop(pindex, 1);
  }
}

TEST(GetPagesAsyncTest, AFileCutDuringTheReadMakesLessValid) {
  Story s;
  const std::vector<FrameIndex> pages = s.Take(40, 2);
  Done done;
  int ahead = 0;
  EXPECT_EQ(GetAsync(s, pages, &ahead, &done), PagerResult::kOk);
  // The cut waits for the pages, which are busy. The read sees the size that it finds.
  s.world.file().size = 40 * 4096 + 600;
  s.world.engine().Run();
  EXPECT_EQ(done.error, 0);
  EXPECT_EQ(s.Valid(40), 0x03);
  EXPECT_EQ(s.Valid(41), 0x00);
  s.world.file().size = 1 << 20;
  s.Drop(40, 2);
}

// --- Writing.

// Pages [first, first + count) of "f" read and stored to through a mapping.
vm::VmTestWorld::Area Store(Story& s, vm::Pindex first, uint32_t count) {
  const auto area = s.world.Map(s.world.file().object->size);
  s.world.world().Write(area, first, count);
  for (vm::Pindex pindex = first; pindex < first + count; ++pindex) {
    s.world.vm().page_tables().RemoveWrite(s.world.file().object->Lookup(pindex));
  }
  return area;
}

TEST(PutPagesTest, ARunOfDirtySectorsGoesOutWithItsBlock) {
  Story s;
  Store(s, 4, 4);  // One block.
  s.PageAt(5).dirty = 0x0f;
  s.PageAt(6).dirty = 0xf0;
  EXPECT_EQ(s.Put(4, 4, vm::kPutSync), "OOOO");
  // The first run takes its whole block with it, so that the second has nothing left to write.
  EXPECT_EQ(s.world.writes(), 1);
  EXPECT_EQ(s.world.counters().v_vnodeout, 1);
  EXPECT_EQ(s.world.counters().v_vnodepgsout, 4);
  for (vm::Pindex pindex = 4; pindex < 8; ++pindex) EXPECT_EQ(s.PageAt(pindex).dirty, 0);
}

TEST(PutPagesTest, AnAsynchronousWriteIsOkAndThePagesAreCleanBeforeItEnds) {
  Story s;
  Store(s, 0, 4);
  EXPECT_EQ(s.Put(0, 4, vm::kPutNoReuse), "OOOO");
  EXPECT_EQ(s.PageAt(0).dirty, 0);
  EXPECT_EQ(s.world.file().writes_in_flight, 1);
  EXPECT_EQ(s.world.Picture(0, 4), "SSSS");
  EXPECT_EQ(s.world.Medium(0, 1), "1");
  s.world.engine().Run();
  EXPECT_EQ(s.world.file().writes_in_flight, 0);
  EXPECT_EQ(s.world.Picture(0, 4), "IIII");
  EXPECT_NE(s.world.Medium(0, 1), "1");
}

TEST(PutPagesTest, WithClusterOkTheWriteIsDelayed) {
  Story s;
  Store(s, 0, 4);
  EXPECT_EQ(s.Put(0, 4, vm::kPutClusterOk), "OOOO");
  s.world.engine().Run();
  EXPECT_EQ(s.world.writes(), 0);
  EXPECT_EQ(s.world.file().dirty_bufs, 1);
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Fsync(s.world.open())), 0);
  EXPECT_EQ(s.world.writes(), 1);
}

TEST(PutPagesTest, FlagsThatDoNotExistHaveNoEffect) {
  Story s;
  Store(s, 0, 4);
  EXPECT_EQ(s.Put(0, 4, vm::kPutSync | 0x1230), "OOOO");
  EXPECT_EQ(s.world.writes(), 1);
}

TEST(PutPagesTest, BehindTheEndIsBadAndTheEndIsCutAtItsSector) {
  Story s(WithFile(6 * 4096));
  Store(s, 2, 4);
  s.world.file().size = 3 * 4096 + 700;
  EXPECT_EQ(s.Put(2, 4, vm::kPutSync), "OOBB");
  EXPECT_EQ(s.PageAt(3).dirty, 0);
  EXPECT_EQ(s.Valid(3), 0xff);
  EXPECT_EQ(s.PageAt(4).dirty, 0xff);
  EXPECT_EQ(s.world.stats().putpages_bad, 2);
  EXPECT_EQ(s.world.Medium(26, 2), "1 1");
  s.world.file().size = 6 * 4096;
}

TEST(PutPagesTest, ASynchronousWriteThatFailsIsAnErrorAndThePagesStayDirty) {
  VfsTestWorld::Options options;
  options.faults = {Fault(sim::DiskFaultKind::kEio, kWrites, 2)};
  Story s(options);
  Store(s, 0, 12);  // Three blocks; the second fails.
  EXPECT_EQ(s.Put(0, 12, vm::kPutSync), "OOOOEEEEEEEE");
  EXPECT_EQ(s.PageAt(3).dirty, 0);
  EXPECT_EQ(s.PageAt(4).dirty, 0xff);
  EXPECT_EQ(s.PageAt(8).dirty, 0xff);
  EXPECT_EQ(s.world.file().dirty_bufs, 0);
  EXPECT_EQ(s.Put(0, 12, vm::kPutSync), "OOOOOOOOOOOO");
  EXPECT_EQ(s.PageAt(11).dirty, 0);
}

TEST(PutPagesTest, AnAsynchronousWriteThatFailsStaysInItsBuffer) {
  VfsTestWorld::Options options;
  options.faults = {Fault(sim::DiskFaultKind::kEio, kWrites, 1)};
  Story s(options);
  Store(s, 0, 4);
  EXPECT_EQ(s.Put(0, 4, 0), "OOOO");
  s.world.engine().Run();
  EXPECT_EQ(s.world.file().dirty_bufs, 1);
  EXPECT_EQ(s.world.stats().buf_write_errors, 1);
  EXPECT_EQ(s.world.Medium(0, 1), "1");
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Fsync(s.world.open())), 0);
  EXPECT_NE(s.world.Medium(0, 1), "1");
}

TEST(PutPagesTest, ADeviceThatIsGoneLosesTheDataAndFsyncSaysSo) {
  VfsTestWorld::Options options;
  options.faults = {Fault(sim::DiskFaultKind::kGone, kWrites, 1)};
  Story s(options);
  Store(s, 0, 4);
  EXPECT_EQ(s.Put(0, 4, 0), "OOOO");
  s.world.engine().Run();
  EXPECT_EQ(s.world.file().dirty_bufs, 0);
  EXPECT_EQ(s.world.stats().buf_write_giveups, 1);
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Fsync(s.world.open())), kEnxio);
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Fsync(s.world.open())), 0);
}

TEST(PutPagesTest, AFullDiskIsAnErrorForTheHole) {
  VfsTestWorld::Options options;
  options.disk_bytes = 8 * 16384;
  options.file = {.bytes = 8 * 16384};
  Story s(options);
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Truncate(s.world.open(), 9 * 16384)), 0);
  Store(s, 32, 4);
  EXPECT_EQ(s.Put(32, 4, vm::kPutSync), "EEEE");
  EXPECT_EQ(s.PageAt(32).dirty, 0xff);
}

// One write of everything: the page in which it ended short is begun, and has to come again.
TEST(PutPagesTest, OneWriteThatCameShortLeavesThePageItBeganForAnotherTime) {
  VfsTestWorld::Options options;
  options.mount.block_bytes = 1024;
  options.mount.put_style = PutStyle::kWhole;
  options.faults = {Fault(sim::DiskFaultKind::kEio, kWrites, 7)};
  Story s(options);
  Store(s, 0, 3);
  EXPECT_EQ(s.Put(0, 3, vm::kPutSync), "OAE");
  EXPECT_EQ(s.PageAt(0).dirty, 0);
  EXPECT_EQ(s.PageAt(1).dirty, 0xf0);
  EXPECT_EQ(s.PageAt(2).dirty, 0xff);
}

TEST(UndirtyPagesTest, EachPageByWhatWasWrittenAndWhereTheFileEnds) {
  struct Row {
    int64_t written, eof;
    const char* results;
    uint8_t dirty[3];
  };
  const Row rows[] = {
      {0, 12288, "EEE", {0xff, 0xff, 0xff}}, {12288, 12288, "OOO", {0, 0, 0}},
      {4096, 12288, "OEE", {0, 0xff, 0xff}}, {5120, 12288, "OAE", {0, 0xfc, 0xff}},
      {5121, 12288, "OAE", {0, 0xf8, 0xff}}, {0, 5000, "EEB", {0xff, 0x03, 0xff}},
      {5000, 5000, "OOB", {0, 0, 0xff}},     {4608, 5000, "OAB", {0, 0x02, 0xff}},
      {4096, 4096, "OBB", {0, 0xff, 0xff}},
  };
  for (const Row& row : rows) {
    Story s(WithFile(3 * 4096));
    EXPECT_EQ(s.Get(0, 3), "O 0 0");
    std::vector<FrameIndex> pages;
    for (vm::Pindex pindex = 0; pindex < 3; ++pindex) {
      pages.push_back(s.world.file().object->Lookup(pindex));
      s.PageAt(pindex).dirty = 0xff;
    }
    std::vector<PagerResult> results(3, PagerResult::kError);
    s.world.vfs().pager().UndirtyPages(pages, results, row.written, row.eof, 12288);
    std::string text;
    for (const PagerResult result : results) text += Story::Letter(result);
    EXPECT_EQ(text, row.results) << row.written << " " << row.eof;
    for (vm::Pindex pindex = 0; pindex < 3; ++pindex) {
      EXPECT_EQ(s.PageAt(pindex).dirty, row.dirty[pindex]) << row.written << " " << row.eof;
    }
    s.Drop(0, 3);
  }
}

// --- Cutting files.

TEST(SetSizeTest, PagesBehindTheEndGoAndTheEndIsZeroed) {
  Story s(WithFile(8 * 4096));
  const auto area = Store(s, 2, 4);
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Truncate(s.world.open(), 3 * 4096 + 700)), 0);
  EXPECT_EQ(s.world.file().object->size, 4u);
  EXPECT_EQ(s.world.stats().truncated_pages, 4);
  // Sector 25 keeps its first 188 bytes, and so its name; what follows is zeros and clean.
  EXPECT_EQ(s.PageAt(3).dirty, 0x03);
  EXPECT_EQ(s.world.Memory(26, 6), "0 0 0 0 0 0");
  EXPECT_EQ(s.world.world().Touch(area, 4), FaultResult::kOutOfBounds);
  EXPECT_EQ(s.world.world().Touch(area, 3, true), FaultResult::kSuccess);
}

TEST(SetSizeTest, AWiredPageBehindTheEndStaysInvalid) {
  Story s(WithFile(8 * 4096));
  Store(s, 6, 1);
  const FrameIndex frame = s.world.file().object->Lookup(6);
  s.world.vm().allocator().Wire(frame);
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Truncate(s.world.open(), 4096)), 0);
  EXPECT_EQ(s.world.vm().pages()[frame].valid, 0);
  EXPECT_EQ(s.world.file().object->Lookup(6), frame);
  s.world.vm().allocator().Unwire(frame, vm::QueueId::kInactive);
}

TEST(SetSizeTest, ACutFileThatGrowsAgainHasZeros) {
  Story s(WithFile(8 * 4096));
  Store(s, 0, 8);
  OpenFile& file = s.world.open();
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Fsync(file)), 0);
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Truncate(file, 4096)), 0);
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Truncate(file, 8 * 4096)), 0);
  std::vector<Tag> tags;
  EXPECT_EQ(s.world.Do(s.world.vfs().ops().Read(file, 4096, 7 * 4096, &tags)).bytes, 7 * 4096);
  EXPECT_EQ(tags, std::vector<Tag>(56, kZeroTag));
}

TEST(PurgeRangeTest, WholePagesGoAndRaggedEndsAreZeroed) {
  Story s(WithFile(8 * 4096));
  Store(s, 0, 8);
  s.world.Do(s.world.vfs().pager().PurgeRange(s.world.file(), 1024, 3 * 4096 + 512));
  EXPECT_EQ(s.world.Picture(0, 8).substr(1, 2), "..");
  EXPECT_EQ(s.PageAt(0).dirty, 0x03);
  EXPECT_EQ(s.PageAt(3).dirty, 0xfe);
  s.world.Do(s.world.vfs().pager().PurgeRange(s.world.file(), 4 * 4096 + 512, 4 * 4096 + 1024));
  EXPECT_EQ(s.PageAt(4).dirty, 0xfd);
  s.world.Do(s.world.vfs().pager().PurgeRange(s.world.file(), 5 * 4096, 0));
  EXPECT_EQ(s.world.Picture(5, 3), "...");
}

// --- Locks and the laundry.

TEST(VnodeLockTest, AFaultWaitsForWhoChangesTheFileAndHoldsNothingMeanwhile) {
  VfsTestWorld world;
  const auto area = world.Map(16);
  IoResult wrote;
  world.Begin(world.vfs().ops().Write(world.open(), 4096, 100), &wrote);
  FaultResult fault = FaultResult::kInvalidAddress;
  world.world().StartTouch(area, 8, false, &fault);
  world.Run();
  EXPECT_EQ(wrote.bytes, 100);
  EXPECT_EQ(fault, FaultResult::kSuccess);
  EXPECT_EQ(world.stats().vnode_lock_misses, 1);
  EXPECT_FALSE(world.file().lock.held());
}

TEST(LaundryTest, ALockedFileIsSkippedAfterFiftyMilliseconds) {
  VfsTestWorld world;
  sim::Engine& engine = world.engine();
  VnodeLock& lock = world.file().lock;
  const auto hold = [](sim::Engine& e, VnodeLock& l) -> sim::Task<void> {
    co_await l.Lock(e, LockType::kShared);
    co_await sim::Pause(e, sim::kSecond, "hold");
    l.Unlock(e);
  };
  world.world().Start("holder", hold(engine, lock));
  bool locked = true;
  sim::SimTime since = 0;
  const auto launder = [](VfsTestWorld& w, bool* got, sim::SimTime* when) -> sim::Task<void> {
    *got = co_await w.vfs().pager().LockForPageout(*w.file().object);
    *when = w.engine().now();
  };
  world.world().Start("laundry", launder(world, &locked, &since));
  world.Run();
  EXPECT_FALSE(locked);
  EXPECT_EQ(since, 51 * sim::kMillisecond);
  EXPECT_FALSE(lock.held());
}

}  // namespace
}  // namespace vmsim::vfs
