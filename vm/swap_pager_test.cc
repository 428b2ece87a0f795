#include "vm/swap_pager.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/disk.h"
#include "vm/vm_test_world.h"

namespace vmsim::vm {
namespace {

using Area = VmTestWorld::Area;
using Options = VmTestWorld::Options;

// Lets go of a page that was asked for, as a fault does.
void Release(VmTestWorld& world, FrameIndex frame) {
  if (world.vm().pages()[frame].valid == 0) {
    world.vm().allocator().Free(frame);
    return;
  }
  world.vm().reclaim().Activate(frame);
  world.vm().pages().Xunbusy(frame);
}

std::vector<SwapBlock> Blocks(const Object& object) {
  std::vector<SwapBlock> blocks;
  object.swap.ForEach([&](Pindex, SwapBlock block) { blocks.push_back(block); });
  return blocks;
}

sim::DiskFaultRule Fault(sim::DiskFaultKind kind, sim::DiskOp op) {
  sim::DiskFaultRule rule;
  rule.kind = kind;
  rule.ops = sim::OpBit(op);
  rule.limit = 1;
  return rule;
}

// Writing.

TEST(SwapPagerWriteTest, PagesGoOutInRunsOfAClusterAndComeBackCleanAndInactive) {
  VmTestWorld world;
  const Area area = world.Map(40);
  world.Write(area, 0, 40);
  EXPECT_EQ(world.Picture(*area.object, 0, 4), "aaaa");
  EXPECT_EQ(world.PageOut(*area.object, 0, 40), std::string(40, 'P'));
  EXPECT_EQ(world.counters().v_swapout, 2);
  EXPECT_EQ(world.counters().v_swappgsout, 40);
  EXPECT_EQ(world.disk().stats().writes(), 2);
  EXPECT_EQ(world.disk().stats().write_bytes, 40 * kPageSize);
  EXPECT_EQ(world.Picture(*area.object, 0, 40), std::string(40, 'I'));
  // Blocks 0 and 1 are the device's label.
  for (Pindex pindex = 0; pindex < 40; ++pindex) {
    EXPECT_EQ(area.object->swap.Lookup(pindex), pindex + 2);
    EXPECT_TRUE(world.PageAt(*area.object, pindex).has(kPgaSwapSpace));
  }
  // They lie where pages go that will not be used again: before the marker, oldest first.
  PageQueues& queues = world.vm().reclaim().queues();
  queues.Drain();
  uint32_t row = queues.head(QueueId::kInactive);
  for (Pindex pindex = 0; pindex < 40; ++pindex) {
    row = queues.next(row);
    EXPECT_EQ(row, area.object->Lookup(pindex));
  }
  EXPECT_EQ(queues.next(row), queues.inacthead());
  EXPECT_EQ(area.object->paging_in_progress, 0);
  EXPECT_EQ(world.vm().swap().write_tokens(), 4);
  EXPECT_EQ(world.vm().swap().space().used(), 40);
}

TEST(SwapPagerWriteTest, ASmallMaxphysMakesSmallClusters) {
  Options options;
  options.tunables.maxphys = 8 * kPageSize;
  VmTestWorld world(options);
  const Area area = world.Map(20);
  world.Write(area, 0, 20);
  world.PageOut(*area.object, 0, 20);
  EXPECT_EQ(world.counters().v_swapout, 3);
}

TEST(SwapPagerWriteTest, WhileItIsWrittenAPageIsSharedBusy) {
  VmTestWorld world;
  const Area area = world.Map(2);
  world.Write(area, 0, 2);
  std::vector<PagerResult> results;
  world.StartPageOut(*area.object, 0, 2, /*async=*/true, &results);
  world.RunFor(kDiskNs / 2);
  EXPECT_EQ(world.Picture(*area.object, 0, 2), "ss");
  EXPECT_EQ(area.object->paging_in_progress, 2);
  EXPECT_NE(world.PageAt(*area.object, 0).oflags & kVpoSwapInProg, 0);
  EXPECT_FALSE(world.PageAt(*area.object, 0).has(kPgaSwapSpace));
  world.vm().CheckInvariants();
  world.Run();
  EXPECT_EQ(world.Picture(*area.object, 0, 2), "II");
}

// One server: each write takes 100 us. Four are under way, the laundry thread waits to start the
// fifth.
TEST(SwapPagerWriteTest, FourAsynchronousWritesAreInFlight) {
  VmTestWorld world;
  const Area area = world.Map(5 * 32);
  world.Write(area, 0, 5 * 32);
  std::vector<PagerResult> results;
  const sim::Thread* thread = world.StartPageOut(*area.object, 0, 5 * 32, true, &results);
  world.RunFor(kDiskNs / 2);
  EXPECT_EQ(world.counters().v_swapout, 4);
  EXPECT_EQ(world.vm().swap().write_tokens(), 0);
  EXPECT_EQ(thread->wait_message(), "swpwait");
  world.RunFor(kDiskNs);  // The first has completed.
  EXPECT_EQ(world.counters().v_swapout, 5);
  EXPECT_TRUE(thread->done());
  EXPECT_EQ(world.vm().swap().write_tokens(), 0);
  world.Run();
  EXPECT_EQ(world.vm().swap().write_tokens(), 4);
  EXPECT_EQ(results, std::vector<PagerResult>(5 * 32, PagerResult::kPend));
}

TEST(SwapPagerWriteTest, OthersWriteSynchronouslyAndWithoutTokens) {
  VmTestWorld world;
  const Area area = world.Map(64);
  world.Write(area, 0, 64);
  std::vector<PagerResult> results;
  const sim::Thread* thread = world.StartPageOut(*area.object, 0, 64, /*async=*/false, &results);
  world.RunFor(kDiskNs / 2);
  EXPECT_EQ(world.vm().swap().write_tokens(), 4);
  EXPECT_EQ(world.counters().v_swapout, 1);  // The second waits until the first is done.
  EXPECT_EQ(thread->wait_message(), "wswbuf");
  world.RunFor(kDiskNs);
  EXPECT_EQ(world.counters().v_swapout, 2);
  EXPECT_FALSE(thread->done());
  world.Run();
  EXPECT_TRUE(thread->done());
  EXPECT_EQ(results[63], PagerResult::kPend);  // Completion has done the caller's part.
  EXPECT_EQ(area.object->paging_in_progress, 0);
  EXPECT_EQ(world.vm().swap().write_tokens(), 4);
}

// 2,000 pages make 27 physical buffers, a quarter of them for swap writes.
TEST(SwapPagerWriteTest, SynchronousWritersWaitForAPhysicalBuffer) {
  VmTestWorld world;
  const Area area = world.Map(8);
  world.Write(area, 0, 8);
  std::vector<std::vector<PagerResult>> results(8);
  std::vector<sim::Thread*> threads;
  for (uint32_t i = 0; i < 8; ++i) {
    threads.push_back(world.StartPageOut(*area.object, i, 1, /*async=*/false, &results[i]));
  }
  world.RunFor(kDiskNs / 2);
  EXPECT_EQ(world.counters().v_swapout, 6);
  EXPECT_EQ(threads[6]->wait_message(), "pbufwait");
  EXPECT_EQ(threads[7]->wait_message(), "pbufwait");
  world.Run();
  EXPECT_EQ(world.counters().v_swapout, 8);
  EXPECT_EQ(world.Picture(*area.object, 0, 8), "IIIIIIII");
}

TEST(SwapPagerWriteTest, EveryPageOutTakesNewBlocksAndFreesTheOld) {
  VmTestWorld world;
  const Area area = world.Map(4);
  world.Write(area, 0, 4);
  world.PageOut(*area.object, 0, 4);
  EXPECT_EQ(Blocks(*area.object), (std::vector<SwapBlock>{2, 3, 4, 5}));
  // The fault does not have the object at hand: the blocks are stale, but still there.
  world.Write(area, 0, 4);
  EXPECT_TRUE(world.PageAt(*area.object, 0).has(kPgaSwapFree));
  EXPECT_EQ(world.counters().swap_free_deferred, 4);
  EXPECT_EQ(world.vm().swap().space().used(), 4);
  world.PageOut(*area.object, 0, 4);
  EXPECT_EQ(Blocks(*area.object), (std::vector<SwapBlock>{6, 7, 8, 9}));
  EXPECT_FALSE(world.PageAt(*area.object, 0).has(kPgaSwapFree));
  EXPECT_EQ(world.vm().swap().space().used(), 4);
}

// 32 blocks, all used; 8 and 4 of them are freed again. Twelve pages fit nowhere at once: half of
// that asks for 6 at least and finds 8, the rest finds 4.
TEST(SwapPagerWriteTest, FragmentedSwapMakesSmallerRuns) {
  Options options;
  options.swap_pages = {34};
  VmTestWorld world(options);
  const Area area = world.Map(44);
  world.Write(area, 0, 44);
  world.PageOut(*area.object, 0, 32);
  for (const Pindex pindex : {8u, 9u, 10u, 11u, 12u, 13u, 14u, 15u, 20u, 21u, 22u, 23u}) {
    world.vm().allocator().SetDirty(area.object->Lookup(pindex));
  }
  EXPECT_EQ(world.PageOut(*area.object, 32, 12), "PPPPPPPPPPPP");
  EXPECT_EQ(world.counters().v_swapout, 1 + 2);
  EXPECT_EQ(area.object->swap.Lookup(32), 10u);
  EXPECT_EQ(area.object->swap.Lookup(39), 17u);
  EXPECT_EQ(area.object->swap.Lookup(40), 22u);
  EXPECT_EQ(area.object->swap.Lookup(43), 25u);
}

TEST(SwapPagerWriteTest, WhatFindsNoRoomFails) {
  Options options;
  options.swap_pages = {6};
  VmTestWorld world(options);
  const Area area = world.Map(10);
  world.Write(area, 0, 10);
  EXPECT_EQ(world.PageOut(*area.object, 0, 10), "PPPPFFFFFF");
  EXPECT_EQ(world.Picture(*area.object, 0, 10), "IIIIaaaaaa");
  EXPECT_EQ(area.object->paging_in_progress, 0);
  EXPECT_EQ(world.vm().swap().write_tokens(), 4);
  EXPECT_EQ(world.vm().swap().space().avail(), 0);
  EXPECT_EQ(world.PageOut(*area.object, 4, 1), "F");
  EXPECT_EQ(world.PageOut(*area.object, 4, 1, /*async=*/false), "F");
  EXPECT_EQ(world.vm().swap().write_tokens(), 4);
}

TEST(SwapPagerWriteTest, WithoutADeviceEverythingFails) {
  Options options;
  options.swap_pages = {};
  VmTestWorld world(options);
  EXPECT_FALSE(world.vm().swap().configured());
  const Area area = world.Map(2);
  world.Write(area, 0, 2);
  EXPECT_EQ(world.PageOut(*area.object, 0, 2), "FF");
}

TEST(SwapPagerWriteTest, AWriteErrorLeavesThePagesDirtyAndActiveOnTheirNewBlocks) {
  Options options;
  options.faults = {Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite)};
  VmTestWorld world(options);
  const Area area = world.Map(3);
  world.Write(area, 0, 3);
  EXPECT_EQ(world.PageOut(*area.object, 0, 3), "PPP");
  EXPECT_EQ(world.Picture(*area.object, 0, 3), "aaa");
  EXPECT_EQ(world.counters().swap_write_errors, 1);
  EXPECT_TRUE(world.PageAt(*area.object, 0).has(kPgaSwapSpace));
  EXPECT_EQ(Blocks(*area.object), (std::vector<SwapBlock>{2, 3, 4}));
  EXPECT_EQ(world.vm().swap().write_tokens(), 4);
  // The next attempt succeeds elsewhere and gives the bad blocks back.
  EXPECT_EQ(world.PageOut(*area.object, 0, 3), "PPP");
  EXPECT_EQ(world.Picture(*area.object, 0, 3), "III");
  EXPECT_EQ(Blocks(*area.object), (std::vector<SwapBlock>{5, 6, 7}));
  EXPECT_EQ(world.vm().swap().space().used(), 3);
}

TEST(SwapPagerWriteTest, ADeviceThatGoesAwayIsClosed) {
  Options options;
  options.swap_pages = {100, 100};
  options.faults = {Fault(sim::DiskFaultKind::kGone, sim::DiskOp::kWrite)};
  VmTestWorld world(options);
  const Area area = world.Map(6);
  world.Write(area, 0, 6);
  EXPECT_EQ(world.PageOut(*area.object, 0, 2), "PP");
  EXPECT_EQ(world.Picture(*area.object, 0, 2), "aa");
  EXPECT_TRUE(world.vm().swap().space().device(0).closing);
  // Allocations alternate between the devices; now all go to the second. Its numbers begin at 101.
  EXPECT_EQ(world.PageOut(*area.object, 2, 2), "PP");
  EXPECT_EQ(world.PageOut(*area.object, 4, 2), "PP");
  EXPECT_EQ(world.PageOut(*area.object, 0, 2), "PP");
  EXPECT_EQ(world.Picture(*area.object, 0, 6), "IIIIII");
  EXPECT_EQ(Blocks(*area.object), (std::vector<SwapBlock>{107, 108, 103, 104, 105, 106}));
  EXPECT_EQ(world.disk(1).stats().writes(), 3);
}

TEST(SwapPagerWriteTest, ShortAndTornWritesLookLikeSuccess) {
  Options options;
  options.faults = {Fault(sim::DiskFaultKind::kShort, sim::DiskOp::kWrite),
                    Fault(sim::DiskFaultKind::kTorn, sim::DiskOp::kWrite)};
  options.faults[0].nth = 1;
  options.faults[1].nth = 2;
  for (sim::DiskFaultRule& rule : options.faults) {
    rule.limit = 0;
    rule.prefix_sectors = 1;
  }
  VmTestWorld world(options);
  const Area area = world.Map(2);
  world.Write(area, 0, 2);
  world.PageOut(*area.object, 0, 1);
  world.PageOut(*area.object, 1, 1);
  EXPECT_EQ(world.counters().swap_short_transfers, 1);
  EXPECT_EQ(world.counters().swap_torn_writes, 1);
  EXPECT_EQ(world.counters().swap_write_errors, 0);
  EXPECT_EQ(world.Picture(*area.object, 0, 2), "II");
}

// Two records describe 32 neighbouring pages. 20 and then 20 more need three: the second page-out
// waits with its last 8 pages, and asks for a process to be killed, ten ticks after ten ticks.
TEST(SwapPagerWriteTest, WithoutMetadataRecordsAProcessHasToGo) {
  Options options;
  options.tunables.maxswzone = 2 * kSwblkBytes;
  VmTestWorld world(options);
  const Area area = world.Map(40);
  world.Write(area, 0, 40);
  world.PageOut(*area.object, 0, 20);
  std::vector<PagerResult> results;
  const sim::Thread* thread = world.StartPageOut(*area.object, 20, 20, true, &results);
  world.RunFor(15 * sim::kMillisecond);
  EXPECT_EQ(thread->wait_message(), "swzonxh");
  EXPECT_EQ(world.counters().oom_kills, 1);
  EXPECT_TRUE(area.process->oom_killed);
  EXPECT_EQ(world.counters().v_swapout, 1);
  world.vm().CheckInvariants();
  // The victim's end waits for the page-out, which gives up on what it has no records for.
  const ObjectId id = area.object->id;
  world.Start("exit", world.vm().Exit(*area.process, 0));
  world.Run();
  EXPECT_TRUE(area.process->exited);
  EXPECT_FALSE(world.vm().objects().exists(id));
  const std::vector<PagerResult> first(results.begin(), results.begin() + 12);
  const std::vector<PagerResult> rest(results.begin() + 12, results.end());
  EXPECT_EQ(first, std::vector<PagerResult>(12, PagerResult::kPend));
  EXPECT_EQ(rest, std::vector<PagerResult>(8, PagerResult::kAgain));
  EXPECT_EQ(world.vm().swap().space().used(), 0);
  EXPECT_EQ(world.vm().swap().meta().records, 0u);
  EXPECT_EQ(world.vm().swap().write_tokens(), 4);
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
}

TEST(SwapPagerWriteTest, RecordsThatComeFreeLetItGoOn) {
  Options options;
  options.tunables.maxswzone = kSwblkBytes;
  VmTestWorld world(options);
  const Area hog = world.Map(1, "hog");
  const Area area = world.Map(1);
  world.Write(hog, 0, 1);
  world.Write(area, 0, 1);
  world.PageOut(*hog.object, 0, 1);
  std::vector<PagerResult> results;
  world.StartPageOut(*area.object, 0, 1, true, &results);
  world.RunFor(5 * sim::kMillisecond);
  EXPECT_TRUE(hog.process->oom_killed);
  world.Start("exit", world.vm().Exit(*hog.process, 0));
  world.Run();
  EXPECT_EQ(results, std::vector<PagerResult>{PagerResult::kPend});
  EXPECT_EQ(world.Picture(*area.object, 0, 1), "I");
  EXPECT_EQ(world.counters().oom_kills, 1);
}

// Reading, as a fault does.

class SwapPagerReadTest : public testing::Test {
 protected:
  // Busies a new page at `pindex` and has it read, with `behind` and `ahead` wished for.
  struct Read {
    PagerResult result;
    int behind;
    int ahead;
  };
  static sim::Task<void> ReadBody(VmTestWorld& world, Object& object, Pindex pindex, Read& read) {
    const FrameIndex frames[] = {world.vm().allocator().Alloc(object, pindex, AllocClass::kNormal)};
    object.PipAdd();
    read.result = co_await world.vm().swap().GetPages(object, frames, &read.behind, &read.ahead);
    object.PipWakeup();
  }
  static Read ReadPage(VmTestWorld& world, Object& object, Pindex pindex, int behind, int ahead) {
    Read read{PagerResult::kAgain, behind, ahead};
    world.Finish(world.Start("read", ReadBody(world, object, pindex, read)));
    return read;
  }
};

struct WindowCase {
  std::string name;
  uint32_t resident;  // A page left resident.
  Pindex pindex;
  int behind, ahead;          // Asked for,
  int got_behind, got_ahead;  // and got.
};

// 64 pages on 64 neighbouring blocks.
TEST_F(SwapPagerReadTest, TheWindowIsClipped) {
  const WindowCase kCases[] = {
      {"AsAsked", 63, 30, 3, 5, 3, 5},
      {"AtTheObjectsStart", 63, 2, 10, 0, 2, 0},
      {"AtAResidentPageBehind", 8, 10, 10, 0, 1, 0},
      {"AtAResidentPageAhead", 12, 10, 0, 10, 0, 1},
      {"NextToOne", 11, 10, 0, 10, 0, 0},
      {"ToACluster", 63, 10, 0, 255, 0, 31},
      {"ToAClusterOnEachSide", 63, 40, 20, 30, 20, 22},
  };
  for (const WindowCase& c : kCases) {
    SCOPED_TRACE(c.name);
    VmTestWorld world;
    const Area area = world.Map(64);
    world.SwapOut(area, 0, 64);
    ReadPage(world, *area.object, c.resident, 0, 0);
    Release(world, area.object->Lookup(c.resident));
    const int64_t before = world.counters().v_swappgsin;
    const Read read = ReadPage(world, *area.object, c.pindex, c.behind, c.ahead);
    EXPECT_EQ(read.result, PagerResult::kOk);
    EXPECT_EQ(read.behind, c.got_behind);
    EXPECT_EQ(read.ahead, c.got_ahead);
    EXPECT_EQ(world.counters().v_swappgsin - before, c.got_behind + 1 + c.got_ahead);
    Release(world, area.object->Lookup(c.pindex));
  }
}

TEST_F(SwapPagerReadTest, OnlyNeighboursOnNeighbouringBlocksComeAlong) {
  VmTestWorld world;
  const Area area = world.Map(8);
  world.SwapOut(area, 0, 4);
  world.SwapOut(area, 6, 2);
  world.SwapOut(area, 4, 2);
  // Blocks 2 3 4 5 | 8 9 | 6 7.
  EXPECT_EQ(Blocks(*area.object), (std::vector<SwapBlock>{2, 3, 4, 5, 8, 9, 6, 7}));
  const Read read = ReadPage(world, *area.object, 5, 5, 2);
  EXPECT_EQ(read.behind, 1);
  EXPECT_EQ(read.ahead, 0);
  EXPECT_EQ(world.Picture(*area.object, 0, 8), ",,,,IX,,");
  int before = 0;
  int after = 0;
  EXPECT_TRUE(world.vm().swap().HasPage(*area.object, 2, &before, &after));
  EXPECT_EQ(before, 2);
  EXPECT_EQ(after, 1);
  Release(world, area.object->Lookup(5));
}

TEST_F(SwapPagerReadTest, TheCopyInSwapIsKept) {
  VmTestWorld world;
  const Area area = world.Map(1);
  world.SwapOut(area, 0, 1);
  EXPECT_EQ(ReadPage(world, *area.object, 0, 0, 0).result, PagerResult::kOk);
  const Page& page = world.PageAt(*area.object, 0);
  EXPECT_EQ(page.valid, kPageBitsAll);
  EXPECT_EQ(page.dirty, 0);
  EXPECT_TRUE(page.has(kPgaSwapSpace));
  EXPECT_EQ(world.vm().swap().space().used(), 1);
  Release(world, area.object->Lookup(0));
}

TEST_F(SwapPagerReadTest, WithoutABlockItFailsWithoutIo) {
  VmTestWorld world;
  const Area area = world.Map(2);
  world.SwapOut(area, 0, 1);
  EXPECT_EQ(ReadPage(world, *area.object, 1, 1, 0).result, PagerResult::kFail);
  EXPECT_EQ(world.Picture(*area.object, 0, 2), ",X");
  EXPECT_EQ(world.counters().v_swapin, 0);
  world.vm().allocator().Free(area.object->Lookup(1));
}

TEST_F(SwapPagerReadTest, AReadErrorFreesTheNeighboursAndKeepsTheBlocks) {
  Options options;
  options.faults = {Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kRead)};
  VmTestWorld world(options);
  const Area area = world.Map(8);
  world.SwapOut(area, 0, 8);
  EXPECT_EQ(ReadPage(world, *area.object, 3, 2, 2).result, PagerResult::kError);
  EXPECT_EQ(world.Picture(*area.object, 0, 8), ",,,X,,,,");
  EXPECT_EQ(world.PageAt(*area.object, 3).valid, 0);
  EXPECT_EQ(world.counters().swap_read_errors, 1);
  EXPECT_EQ(area.object->paging_in_progress, 0);
  EXPECT_EQ(world.vm().swap().space().used(), 8);
  world.vm().allocator().Free(area.object->Lookup(3));
  // The device is not closed for an error, and the next try gets the data.
  EXPECT_EQ(ReadPage(world, *area.object, 3, 2, 2).result, PagerResult::kOk);
  EXPECT_EQ(world.Picture(*area.object, 0, 8), ",IIXII,,");
  Release(world, area.object->Lookup(3));
}

TEST_F(SwapPagerReadTest, WhatADeviceTookAwayWithItStaysLost) {
  Options options;
  options.faults = {Fault(sim::DiskFaultKind::kGone, sim::DiskOp::kRead)};
  VmTestWorld world(options);
  const Area area = world.Map(2);
  world.SwapOut(area, 0, 2);
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_EQ(ReadPage(world, *area.object, 0, 0, 0).result, PagerResult::kError);
    world.vm().allocator().Free(area.object->Lookup(0));
  }
  EXPECT_TRUE(world.vm().swap().space().device(0).closing);
  EXPECT_EQ(world.counters().swap_read_errors, 2);
  EXPECT_EQ(world.vm().swap().space().used(), 2);
}

TEST_F(SwapPagerReadTest, NeighboursStopWhereMemoryEnds) {
  VmTestWorld world;
  const Area area = world.Map(32);
  world.SwapOut(area, 0, 32);
  // Three above free_reserved (68): the page, then two of its neighbours. The fourth adds to the
  // deficit.
  const Area filler = world.Map(2000 - 68 - 3, "filler");
  for (uint32_t i = 0; i < filler.pages; ++i) {
    const FrameIndex frame = world.vm().allocator().Alloc(*filler.object, i, AllocClass::kNormal);
    world.vm().pages()[frame].valid = kPageBitsAll;
    Release(world, frame);
  }
  world.vm().domain().TakeDeficit();
  const Read read = ReadPage(world, *area.object, 10, 1, 10);
  EXPECT_EQ(read.result, PagerResult::kOk);
  EXPECT_EQ(read.behind, 1);
  EXPECT_EQ(read.ahead, 1);
  EXPECT_EQ(world.vm().domain().free_count(), 68);
  EXPECT_EQ(world.vm().domain().deficit(), 1u);
  Release(world, area.object->Lookup(10));
}

TEST_F(SwapPagerReadTest, ADyingObjectReadsNoNeighbours) {
  VmTestWorld world;
  const Area area = world.Map(8);
  world.SwapOut(area, 0, 8);
  world.StopChecking();  // It would not be mapped any more.
  area.object->flags |= kObjDead;
  const Read read = ReadPage(world, *area.object, 4, 3, 3);
  EXPECT_EQ(read.behind, 0);
  EXPECT_EQ(read.ahead, 0);
  Release(world, area.object->Lookup(4));
}

TEST_F(SwapPagerReadTest, ASlowReadIsNotedEveryTwentySeconds) {
  Options options;
  options.faults = {Fault(sim::DiskFaultKind::kLatency, sim::DiskOp::kRead)};
  options.faults[0].delay_ns = 45 * sim::kSecond;
  VmTestWorld world(options);
  const Area area = world.Map(1);
  world.SwapOut(area, 0, 1);
  EXPECT_EQ(ReadPage(world, *area.object, 0, 0, 0).result, PagerResult::kOk);
  EXPECT_EQ(world.counters().swap_slow_reads, 2);
  EXPECT_EQ(world.counters().v_intrans, 3);
  Release(world, area.object->Lookup(0));
}

TEST_F(SwapPagerReadTest, TimesOfTheLastReadAddUpToItsIo) {
  VmTestWorld world;
  const Area area = world.Map(8);
  world.SwapOut(area, 0, 8);
  // Two at once on one server: the second waits for the first.
  Read first{PagerResult::kAgain, 0, 0};
  Read second{PagerResult::kAgain, 0, 0};
  world.Start("first", ReadBody(world, *area.object, 0, first));
  const sim::Thread* thread = world.Start("second", ReadBody(world, *area.object, 4, second));
  world.Finish(thread);
  const Costs costs;
  EXPECT_EQ(world.vm().swap().last_read().queue_ns, kDiskNs - costs.swap_io_setup_ns);
  EXPECT_EQ(world.vm().swap().last_read().service_ns, kDiskNs);
  Release(world, area.object->Lookup(0));
  Release(world, area.object->Lookup(4));
}

}  // namespace
}  // namespace vmsim::vm
