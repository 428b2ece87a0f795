#include "vm/fault.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/disk.h"
#include "vm/vm_test_world.h"

namespace vmsim::vm {
namespace {

using Area = VmTestWorld::Area;
using Options = VmTestWorld::Options;

constexpr auto kOk = FaultResult::kSuccess;

sim::DiskFaultRule OneReadError() {
  sim::DiskFaultRule rule;
  rule.kind = sim::DiskFaultKind::kEio;
  rule.ops = sim::OpBit(sim::DiskOp::kRead);
  rule.limit = 1;
  return rule;
}

std::string Repeat(char c, size_t n) { return std::string(n, c); }

// Read-ahead.

// 15 -> 23 -> 31 -> ... -> 255, eight more each time; but no read is longer than a cluster.
TEST(FaultReadAheadTest, ASequentialReadersWindowGrowsByEight) {
  VmTestWorld world;
  const Area area = world.Map(1000);
  world.SwapOut(area, 0, 1000);
  MapEntry& entry = world.EntryOf(area);
  EXPECT_EQ(entry.read_ahead, 15);
  uint32_t page = 0;
  for (int want = 23; want <= 255; want += 8) {
    const int64_t before = world.counters().v_swappgsin;
    ASSERT_EQ(world.Touch(area, page), kOk);
    ASSERT_EQ(entry.read_ahead, want);
    ASSERT_EQ(world.counters().v_swappgsin - before, want == 23 ? 24 : 32);
    page += want == 23 ? 24 : 32;
    ASSERT_EQ(entry.next_read, area.start + page);
  }
  ASSERT_EQ(page, 952u);
  // From now on the reader gives up what lies a superpage behind.
  EXPECT_EQ(world.Picture(*area.object, 0, 25), "A" + Repeat('I', 23) + "A");
  EXPECT_NE(world.PteAt(area, 0) & kPteAccessed, 0u);
  ASSERT_EQ(world.Touch(area, page), kOk);
  EXPECT_EQ(entry.read_ahead, 255);
  EXPECT_EQ(world.Picture(*area.object, 0, 512), Repeat('I', 512));
  EXPECT_NE(world.PteAt(area, 0) & kPteValid, 0u);
  EXPECT_EQ(world.PteAt(area, 0) & kPteAccessed, 0u);
  EXPECT_EQ(world.Picture(*area.object, 536, 1), "A");  // Not so far behind.
}

TEST(FaultReadAheadTest, AnIsolatedFaultReadsItsAlignedCluster) {
  VmTestWorld world;
  const Area area = world.Map(64);
  world.SwapOut(area, 0, 64);
  MapEntry& entry = world.EntryOf(area);
  ASSERT_EQ(world.Touch(area, 21), kOk);
  EXPECT_EQ(world.Picture(*area.object, 0, 64),
            Repeat(',', 16) + "IIIIIA" + Repeat('I', 10) + Repeat(',', 32));
  EXPECT_EQ(entry.read_ahead, 0);
  EXPECT_EQ(entry.next_read, area.start + 32);
  // Going on where it ended is sequential again, and starts small: 7, then 7 + 7 + 1.
  ASSERT_EQ(world.Touch(area, 32), kOk);
  EXPECT_EQ(entry.read_ahead, 7);
  EXPECT_EQ(world.Picture(*area.object, 32, 9), "AIIIIIII,");
  ASSERT_EQ(world.Touch(area, 40), kOk);
  EXPECT_EQ(entry.read_ahead, 15);
  EXPECT_EQ(world.Picture(*area.object, 40, 17), "A" + Repeat('I', 15) + ",");
}

TEST(FaultReadAheadTest, TheClusterIsAlignedInTheObjectAndEndsWithTheEntry) {
  VmTestWorld world;
  const Area area = world.Map(64);
  world.SwapOut(area, 0, 64);
  // Pages 18..22 of the object; page 3 is 21, which lies 5 behind 16.
  const Area part = world.Share(*area.object, 5, /*offset=*/18);
  ASSERT_EQ(world.Touch(part, 3), kOk);
  EXPECT_EQ(world.Picture(*area.object, 16, 8), ",,IIIAI,");
}

TEST(FaultReadAheadTest, AdviceOfRandomAccessReadsNothingElse) {
  VmTestWorld world;
  const Area area = world.Map(64);
  world.SwapOut(area, 0, 64);
  world.EntryOf(area).behavior = Behavior::kRandom;
  for (const uint32_t page : {0u, 1u, 21u}) ASSERT_EQ(world.Touch(area, page), kOk);
  EXPECT_EQ(world.counters().v_swappgsin, 3);
  EXPECT_EQ(world.EntryOf(area).read_ahead, 0);
}

TEST(FaultReadAheadTest, AdviceOfSequentialAccessReadsAsFarAsItCan) {
  VmTestWorld world;
  const Area area = world.Map(64);
  world.SwapOut(area, 0, 64);
  world.EntryOf(area).behavior = Behavior::kSequential;
  ASSERT_EQ(world.Touch(area, 5), kOk);
  EXPECT_EQ(world.Picture(*area.object, 4, 34), ",A" + Repeat('I', 31) + ",");
  EXPECT_EQ(world.EntryOf(area).read_ahead, 255);
}

TEST(FaultReadAheadTest, AKilledProcessReadsOnlyWhatItNeeds) {
  VmTestWorld world;
  const Area area = world.Map(64);
  world.SwapOut(area, 0, 64);
  area.process->space.killed = true;
  ASSERT_EQ(world.Touch(area, 0), kOk);
  EXPECT_EQ(world.counters().v_swappgsin, 1);
  EXPECT_EQ(world.EntryOf(area).read_ahead, 15);
}

// The pager of a swap object is asked while the object has any block; 13.2 asks once it had one. An
// attempt that fails moves the window all the same, but not next_read.
struct AskCase {
  FreebsdRevision revision;
  bool block_left;
  int read_ahead;
};
TEST(FaultReadAheadTest, AFailedAttemptMovesTheWindow) {
  for (const AskCase& c :
       {AskCase{FreebsdRevision::kR15, true, 0}, AskCase{FreebsdRevision::kR15, false, 15},
        AskCase{FreebsdRevision::kR13_2, true, 0}, AskCase{FreebsdRevision::kR13_2, false, 0}}) {
    Options options;
    options.revision = c.revision;
    VmTestWorld world(options);
    const Area area = world.Map(10);
    world.Write(area, 0, 1);
    EXPECT_EQ(world.EntryOf(area).read_ahead, 15);  // Never paged out: nobody is asked.
    world.PageOut(*area.object, 0, 1);
    EXPECT_EQ(area.object->type, ObjectType::kSwap);
    if (!c.block_left) world.vm().allocator().SetDirty(area.object->Lookup(0));
    ASSERT_EQ(world.Touch(area, 5), kOk);
    EXPECT_EQ(world.EntryOf(area).read_ahead, c.read_ahead);
    EXPECT_EQ(world.EntryOf(area).next_read, area.start);
    EXPECT_EQ(world.counters().v_io_faults, 0);
    EXPECT_EQ(world.counters().v_zfod, 2);
  }
}

// Kinds of faults.

TEST(FaultTest, AReadFillsWithZerosAndLeavesThePageClean) {
  VmTestWorld world;
  const Area area = world.Map(10);
  ASSERT_EQ(world.Touch(area, 3), kOk);
  EXPECT_EQ(world.Picture(*area.object, 2, 3), ".A.");
  EXPECT_EQ(world.PageAt(*area.object, 3).act_count, kActInit);
  EXPECT_EQ(world.PteAt(area, 3) & ~kPteFrameMask, kPteValid | kPteWritable | kPteAccessed);
  EXPECT_EQ(world.counters().v_zfod, 1);
  EXPECT_EQ(area.process->space.minflt, 1);
  EXPECT_EQ(area.process->space.majflt, 0);
  // Reclaim may just free it; the next touch fills it again.
  world.Evict(*area.object, 3);
  EXPECT_EQ(world.Picture(*area.object, 3, 1), ".");
  ASSERT_EQ(world.Touch(area, 3), kOk);
  EXPECT_EQ(world.counters().v_zfod, 2);
}

TEST(FaultTest, AWriteMakesThePageDirty) {
  VmTestWorld world;
  const Area area = world.Map(10);
  ASSERT_EQ(world.Touch(area, 3, /*write=*/true), kOk);
  EXPECT_EQ(world.Picture(*area.object, 3, 1), "a");
  EXPECT_NE(world.PteAt(area, 3) & kPteModified, 0u);
}

TEST(FaultTest, AHardFaultCountsAndMapsWhatCameAlong) {
  VmTestWorld world;
  const Area area = world.Map(32);
  world.SwapOut(area, 0, 32);
  const int64_t minflt = area.process->space.minflt;
  ASSERT_EQ(world.Touch(area, 20), kOk);
  EXPECT_EQ(area.process->space.majflt, 1);
  EXPECT_EQ(area.process->space.minflt, minflt);
  EXPECT_EQ(world.counters().v_io_faults, 1);
  EXPECT_EQ(world.counters().refaults, 1);
  EXPECT_EQ(world.counters().v_intrans, 1);
  EXPECT_EQ(world.PteAt(area, 20) & ~kPteFrameMask, kPteValid | kPteWritable | kPteAccessed);
  for (const uint32_t page : {16u, 31u}) {  // Mapped on the way: read-only and unreferenced.
    EXPECT_EQ(world.PteAt(area, page) & ~kPteFrameMask, kPteValid) << page;
  }
  EXPECT_EQ(world.PteAt(area, 15), 0u);
  // A write to one of those faults again, softly.
  ASSERT_EQ(world.Touch(area, 16, /*write=*/true), kOk);
  EXPECT_EQ(area.process->space.minflt, minflt + 1);
  EXPECT_TRUE(world.PageAt(*area.object, 16).has(kPgaSwapFree));
}

TEST(FaultTest, TheFastPathDoesNotActivate) {
  VmTestWorld world;
  const Area area = world.Map(10);
  world.Write(area, 0, 10);
  world.vm().reclaim().Deactivate(area.object->Lookup(5));
  const Area sharer = world.Share(*area.object, 10);
  ASSERT_EQ(world.Touch(sharer, 5), kOk);
  EXPECT_EQ(world.Picture(*area.object, 4, 3), "aia");
  EXPECT_EQ(sharer.process->space.minflt, 1);
  EXPECT_EQ(world.PteAt(sharer, 5) & ~kPteFrameMask, kPteValid | kPteWritable | kPteAccessed);
  for (uint32_t page = 0; page < 10; ++page) {
    if (page == 5) continue;
    const Pte want = page >= 1 && page <= 9 ? kPteValid : 0;  // Four each side.
    EXPECT_EQ(world.PteAt(sharer, page) & ~kPteFrameMask, want) << page;
  }
}

// Neighbours are tried nearest first, alternating: 4, 6, 3, and 7 is not there.
TEST(FaultTest, TheFirstAbsentNeighbourEndsThePrefault) {
  VmTestWorld world;
  const Area area = world.Map(10);
  world.Write(area, 0, 7);
  const Area sharer = world.Share(*area.object, 10);
  ASSERT_EQ(world.Touch(sharer, 5), kOk);
  std::string mapped;
  for (uint32_t page = 0; page < 10; ++page) {
    mapped += (world.PteAt(sharer, page) & kPteValid) != 0 ? 'm' : '.';
  }
  EXPECT_EQ(mapped, "...mmmm...");
}

TEST(FaultTest, TimesAddUp) {
  VmTestWorld world;
  const Area area = world.Map(2);
  const Costs costs;
  world.SwapOut(area, 0, 1);
  const FaultStats& stats = world.vm().faults().stats();
  EXPECT_EQ(stats.zero().max(), costs.soft_fault_ns + costs.page_zero_ns);
  ASSERT_EQ(world.Touch(area, 0), kOk);
  EXPECT_EQ(stats.hard().count(), 1);
  EXPECT_EQ(stats.hard().max(), costs.hard_fault_ns + costs.swap_io_setup_ns + kDiskNs);
  EXPECT_EQ(stats.waits(WaitCause::kDiskService).sum(), kDiskNs);
  EXPECT_EQ(stats.waits(WaitCause::kDiskQueue).count(), 0);
  const Area sharer = world.Share(*area.object, 2);
  ASSERT_EQ(world.Touch(sharer, 0), kOk);
  EXPECT_EQ(stats.soft().max(), costs.soft_fault_ns);
  EXPECT_EQ(stats.all().count(), 3);
  EXPECT_EQ(stats.SlowerThan(kDiskNs).faults, 1);
}

// Errors.

TEST(FaultTest, WhereNothingIsMapped) {
  VmTestWorld world;
  const Area area = world.Map(2);
  const Area other = world.Map(2);
  const Area beyond = {area.process, other.object, other.start, other.slot, 2};
  EXPECT_EQ(world.Touch(beyond, 0), FaultResult::kInvalidAddress);
  EXPECT_EQ(SignalOf(FaultResult::kInvalidAddress), kSigSegv);
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
}

TEST(FaultTest, AWriteNeedsPermission) {
  VmTestWorld world;
  const Area area = world.Map(2);
  const Area reader = world.Share(*area.object, 2, 0, /*writable=*/false);
  EXPECT_EQ(world.Touch(reader, 0, /*write=*/true), FaultResult::kProtectionFailure);
  EXPECT_EQ(SignalOf(FaultResult::kProtectionFailure), kSigSegv);
  EXPECT_EQ(world.Touch(reader, 0), kOk);
  EXPECT_EQ(world.PteAt(reader, 0) & kPteWritable, 0u);
  EXPECT_EQ(world.Touch(reader, 0, /*write=*/true), FaultResult::kProtectionFailure);
  EXPECT_EQ(world.Picture(*area.object, 0, 1), "A");
}

TEST(FaultTest, BehindTheObjectsEnd) {
  VmTestWorld world;
  const Area area = world.Map(4);
  area.object->size = 2;  // As when a file is truncated.
  EXPECT_EQ(world.Touch(area, 1), kOk);
  EXPECT_EQ(world.Touch(area, 2), FaultResult::kOutOfBounds);
  EXPECT_EQ(SignalOf(FaultResult::kOutOfBounds), kSigBus);
}

TEST(FaultTest, APagerErrorFreesThePageAndTheNextTryReadsAgain) {
  Options options;
  options.faults = {OneReadError()};
  VmTestWorld world(options);
  const Area area = world.Map(32);
  world.SwapOut(area, 0, 32);
  EXPECT_EQ(world.Touch(area, 20), FaultResult::kOutOfBounds);
  EXPECT_EQ(world.Picture(*area.object, 0, 32), Repeat(',', 32));
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
  EXPECT_EQ(area.object->paging_in_progress, 0);
  EXPECT_EQ(area.object->ref_count, 1);
  EXPECT_EQ(world.counters().v_io_faults, 0);
  world.vm().CheckInvariants();
  EXPECT_EQ(world.Touch(area, 20), kOk);
}

TEST(FaultTest, WhoWaitedForAReadThatFailedTriesItself) {
  Options options;
  options.faults = {OneReadError()};
  VmTestWorld world(options);
  const Area area = world.Map(32);
  world.SwapOut(area, 0, 32);
  const Area sharer = world.Share(*area.object, 32);
  FaultResult first = kOk;
  FaultResult second = FaultResult::kInvalidAddress;
  FaultResult neighbour = FaultResult::kInvalidAddress;
  world.StartTouch(area, 20, false, &first);
  world.RunFor(kDiskNs / 2);
  world.StartTouch(sharer, 20, false, &second);
  world.StartTouch(area, 25, false, &neighbour);
  world.Run();
  EXPECT_EQ(first, FaultResult::kOutOfBounds);
  EXPECT_EQ(second, kOk);
  EXPECT_EQ(neighbour, kOk);
  // The neighbour's page was freed first, so its thread reads first: up to page 20, which the first
  // still holds. When that lets go, the second reads what is left of the cluster.
  EXPECT_EQ(world.counters().v_swapin, 3);
  EXPECT_EQ(world.counters().v_swappgsin, 16 + 11 + 5);
}

// Busy pages.

TEST(FaultBusyTest, SeveralWaitForOneRead) {
  VmTestWorld world;
  const Area area = world.Map(64);
  world.SwapOut(area, 0, 64);
  const Area b = world.Share(*area.object, 64);
  const Area c = world.Share(*area.object, 64);
  std::vector<FaultResult> results(3, FaultResult::kInvalidAddress);
  world.StartTouch(area, 21, false, &results[0]);
  world.RunFor(kDiskNs / 2);
  EXPECT_EQ(world.Picture(*area.object, 16, 16), Repeat('X', 16));
  const sim::Thread* second = world.StartTouch(b, 21, false, &results[1]);
  const sim::Thread* third = world.StartTouch(c, 25, false, &results[2]);
  world.RunFor(kDiskNs / 4);
  EXPECT_EQ(second->wait_message(), "vmpfw");
  EXPECT_EQ(third->wait_message(), "vmpfw");
  EXPECT_TRUE(world.PageAt(*area.object, 21).has(kPgaReferenced));
  EXPECT_TRUE(world.PageAt(*area.object, 25).has(kPgaReferenced));
  EXPECT_EQ(area.object->ref_count, 3);
  world.vm().CheckInvariants();
  world.Run();
  EXPECT_EQ(results, std::vector<FaultResult>(3, kOk));
  // 25 was read ahead, but somebody wanted it.
  EXPECT_EQ(world.Picture(*area.object, 16, 16), "IIIIIAIIIAIIIIII");
  EXPECT_EQ(world.counters().v_intrans, 3);
  EXPECT_EQ(world.counters().v_swapin, 1);
  EXPECT_EQ(world.vm().faults().stats().waits(WaitCause::kPageBusy).count(), 2);
  EXPECT_EQ(b.process->space.minflt, 1);
}

// A page under writeback: a read through a writable mapping waits, for it could be stored to then;
// a read through a read-only one does not.
TEST(FaultBusyTest, PermissionDecidesWhoWaitsForAWrite) {
  VmTestWorld world;
  const Area area = world.Map(1);
  world.Write(area, 0, 1);
  const Area writer = world.Share(*area.object, 1);
  const Area reader = world.Share(*area.object, 1, 0, /*writable=*/false);
  std::vector<PagerResult> put;
  world.StartPageOut(*area.object, 0, 1, /*async=*/true, &put);
  world.RunFor(kDiskNs / 2);
  FaultResult slow = FaultResult::kInvalidAddress;
  const sim::Thread* waits = world.StartTouch(writer, 0, false, &slow);
  EXPECT_EQ(world.Touch(reader, 0), kOk);
  world.RunFor(kDiskNs / 4);
  EXPECT_EQ(world.Picture(*area.object, 0, 1), "s");
  EXPECT_EQ(waits->wait_message(), "vmpfw");
  world.Run();
  EXPECT_EQ(slow, kOk);
  EXPECT_EQ(world.Picture(*area.object, 0, 1), "I");
}

TEST(FaultBusyTest, AnEntryThatGoesMeanwhileEndsInAnInvalidAddress) {
  VmTestWorld world;
  const Area area = world.Map(64);
  world.SwapOut(area, 0, 64);
  FaultResult result = kOk;
  const ObjectId id = area.object->id;
  world.StartTouch(area, 21, false, &result);
  world.RunFor(kDiskNs / 2);
  const sim::Thread* unmap = world.Start("unmap", world.vm().Unmap(*area.process, area.start));
  world.RunFor(kDiskNs / 4);
  EXPECT_EQ(unmap->wait_message(), "objtrm");
  world.Run();
  EXPECT_EQ(result, FaultResult::kInvalidAddress);
  EXPECT_TRUE(unmap->done());
  EXPECT_FALSE(world.vm().objects().exists(id));
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
  EXPECT_EQ(world.vm().swap().space().used(), 0);
}

TEST(FaultBusyTest, PermissionThatGoesMeanwhileIsMissed) {
  VmTestWorld world;
  const Area area = world.Map(1);
  world.SwapOut(area, 0, 1);
  FaultResult result = kOk;
  world.StartTouch(area, 0, /*write=*/true, &result);
  world.RunFor(kDiskNs / 2);
  world.EntryOf(area).protection = kProtRead;
  world.Run();
  EXPECT_EQ(result, FaultResult::kProtectionFailure);
  EXPECT_EQ(world.Picture(*area.object, 0, 1), "I");  // Others may want what was read.
}

// No memory. 2,000 pages: reserved 68, severe 73, min 78.

class FaultMemoryTest : public testing::Test {
 protected:
  // Reads as many pages as leaves 72 free: below severe, though not below what may be allocated.
  static Area Exhaust(VmTestWorld& world, uint32_t pages = 1928) {
    const Area hog = world.Map(pages + 10, "hog");
    for (uint32_t page = 0; page < pages; ++page) EXPECT_EQ(world.Touch(hog, page), kOk);
    EXPECT_EQ(world.vm().domain().free_count(), 72);
    EXPECT_TRUE(world.vm().domain().severe_set());
    return hog;
  }
};

TEST_F(FaultMemoryTest, BelowSevereAFaultWaitsUntilMemoryIsBackAtMin) {
  VmTestWorld world;
  const Area hog = Exhaust(world);
  const Area area = world.Map(1);
  FaultResult result = FaultResult::kInvalidAddress;
  const sim::Thread* thread = world.StartTouch(area, 0, false, &result);
  world.RunFor(sim::kSecond);
  EXPECT_EQ(thread->wait_message(), "pfault");
  EXPECT_EQ(area.object->paging_in_progress, 0);
  EXPECT_EQ(world.vm().domain().deficit(), 0u);  // Nothing was asked of the allocator.
  for (Pindex pindex = 0; pindex < 5; ++pindex) world.Evict(*hog.object, pindex);
  world.RunFor(sim::kSecond);
  EXPECT_FALSE(thread->done());
  world.Evict(*hog.object, 5);
  world.RunFor(sim::kSecond);
  EXPECT_TRUE(thread->done());
  EXPECT_EQ(result, kOk);
  EXPECT_EQ(world.vm().domain().free_count(), 77);
  EXPECT_EQ(world.vm().faults().stats().waits(WaitCause::kFreeMemory).count(), 1);
}

TEST_F(FaultMemoryTest, SoftFaultsNeedNoMemory) {
  VmTestWorld world;
  const Area hog = Exhaust(world);
  const Area sharer = world.Share(*hog.object, 10);
  EXPECT_EQ(world.Touch(sharer, 3), kOk);
}

TEST_F(FaultMemoryTest, AfterThreeWaitsOfTenSecondsItAsksForAKill) {
  VmTestWorld world;
  const Area hog = Exhaust(world);
  const Area area = world.Map(1);
  world.RunFor(15 * sim::kSecond);  // The time counts from the first failure.
  FaultResult result = FaultResult::kInvalidAddress;
  const sim::Thread* thread = world.StartTouch(area, 0, false, &result);
  world.RunFor(30 * sim::kSecond - sim::kMillisecond);
  EXPECT_EQ(world.counters().oom_kills, 0);
  world.RunFor(2 * sim::kMillisecond);
  EXPECT_EQ(world.counters().oom_kills, 1);
  EXPECT_TRUE(hog.process->oom_killed);
  EXPECT_EQ(hog.process->signal, kSigKill);
  EXPECT_EQ(thread->wait_message(), "pfault");  // It tried again at once, and waits.
  world.Start("exit", world.vm().Exit(*hog.process, 0));
  world.RunFor(sim::kMillisecond);
  EXPECT_TRUE(thread->done());
  EXPECT_EQ(result, kOk);
  EXPECT_EQ(world.counters().oom_kills, 1);
}

TEST_F(FaultMemoryTest, WhoIsKilledItselfMayUseTheReserve) {
  VmTestWorld world;
  const Area hog = Exhaust(world);
  FaultResult result = FaultResult::kInvalidAddress;
  const sim::Thread* thread = world.StartTouch(hog, 1928, false, &result);
  world.RunFor(31 * sim::kSecond);
  EXPECT_TRUE(hog.process->oom_killed);
  EXPECT_TRUE(thread->done());
  EXPECT_EQ(result, kOk);
  EXPECT_EQ(world.vm().domain().free_count(), 71);
  // As far as the page daemon's own floor.
  for (uint32_t page = 1929; page < 1938; ++page) EXPECT_EQ(world.Touch(hog, page), kOk);
  EXPECT_EQ(world.vm().domain().free_count(), 62);
}

TEST_F(FaultMemoryTest, ANegativeNumberOfAttemptsNeverKills) {
  Options options;
  options.tunables.pfault_oom_attempts = -1;
  VmTestWorld world(options);
  Exhaust(world);
  const Area area = world.Map(1);
  FaultResult result = kOk;
  const sim::Thread* thread = world.StartTouch(area, 0, false, &result);
  world.RunFor(200 * sim::kSecond);
  EXPECT_EQ(world.counters().oom_kills, 0);
  EXPECT_EQ(thread->wait_message(), "pfault");
}

// The gate looks at the severe bit; without it the allocator's floor holds, and its refusals count.
TEST_F(FaultMemoryTest, ARefusedAllocationAddsToTheDeficit) {
  VmTestWorld world;
  const Area hog = world.Map(10, "hog");
  world.StopChecking();
  world.vm().domain().ForceFreeCount(68);
  FaultResult result = kOk;
  const sim::Thread* thread = world.StartTouch(hog, 0, false, &result);
  world.RunFor(10 * sim::kMicrosecond);
  EXPECT_FALSE(thread->done());
  EXPECT_GT(world.vm().domain().deficit(), 0u);
  world.vm().domain().ForceFreeCount(2000);
  world.RunFor(10 * sim::kMicrosecond);
  EXPECT_TRUE(thread->done());
  EXPECT_EQ(result, kOk);
}

}  // namespace
}  // namespace vmsim::vm
