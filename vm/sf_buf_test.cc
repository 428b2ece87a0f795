#include "vm/sf_buf.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/counters.h"
#include "vm/sf_buf_test_world.h"

namespace vmsim::vm {
namespace {

using Call = SfBufWorld::Call;

std::string Name(SfBufIndex buf) { return buf == kNoSfBuf ? "none" : absl::StrCat(buf); }

// Stories. Commands between semicolons happen one after the other, each with all that it causes;
// those between commas in one instant, before any thread runs:
//
//   alloc NAME PAGE [catch] [nowait] [private]   a thread allocates
//   try CPU PAGE [private]                       the same without a thread
//   free BUF, ref BUF, touch CPU BUF, signal NAME
//
// Calls print as "a~" (a sleeps), "a=0" (a got buffer 0), "=none" (try). The TLB prints as
// "map 0:7" (buffer 0, page 7; "map! 0:7" if the old mapping had been used), "inv 1:0" (CPU 1 drops
// buffer 0), "shoot 0:{2 3}" (CPUs 2 and 3 are made to), "+21" (cost: 1 for inv, 10 for each CPU).
class Script : public SfBufObserver {
 public:
  Script(int cpus, uint32_t nsfbufs) : world_(cpus, {.nsfbufs = nsfbufs, .costs = {1, 10}}, this) {}

  void Run(std::string_view script) {
    std::istringstream steps{std::string(script)};
    for (std::string step; std::getline(steps, step, ';');) {
      std::istringstream commands(step);
      for (std::string command; std::getline(commands, command, ',');) Do(command);
      world_.Run();
      ReportReturned();
      world_.bufs().CheckInvariants();
    }
  }

  const std::string& calls() const { return calls_; }
  const std::string& tlb() const { return tlb_; }
  std::string State() {
    const SfBufStats& stats = world_.bufs().stats();
    return absl::StrCat("free ", world_.FreeList(), " | used ", stats.nsfbufsused, " peak ",
                        stats.nsfbufspeak, " wait ", stats.sf_allocwait, " want ",
                        world_.bufs().alloc_want());
  }

 private:
  void Do(const std::string& command) {
    std::istringstream in(command);
    std::string verb, name;
    uint32_t number = 0;
    FrameIndex page = 0;
    in >> verb;
    if (verb == "alloc") {
      in >> name >> page;
      world_.Start(name, page, Flags(in));
    } else if (verb == "try") {
      in >> number >> page;
      const SfBufGrant got = world_.bufs().TryAlloc(page, Flags(in), static_cast<int>(number));
      Say(calls_, "=" + Name(got.buf));
      if (got.cost_ns > 0) Say(tlb_, absl::StrCat("+", got.cost_ns));
    } else if (verb == "signal") {
      in >> name;
      world_.engine().Interrupt(world_.Find(name)->thread);
    } else if (verb == "touch") {
      SfBufIndex buf = 0;
      in >> number >> buf;
      world_.bufs().Touch(buf, static_cast<int>(number));
    } else {
      in >> number;
      ASSERT_TRUE(verb == "free" || verb == "ref") << command;
      verb == "free" ? world_.bufs().Free(number) : world_.bufs().Ref(number);
    }
    ASSERT_FALSE(in.fail() && !in.eof()) << command;
  }

  static uint32_t Flags(std::istringstream& in) {
    uint32_t flags = 0;
    for (std::string word; in >> word;) {
      if (word == "catch") flags |= kSfbCatch;
      if (word == "nowait") flags |= kSfbNoWait;
      if (word == "private") flags |= kSfbCpuPrivate;
    }
    return flags;
  }

  // Sleeps were reported as they began.
  void ReportReturned() {
    for (; reported_ < world_.returned().size(); ++reported_) {
      const Call& call = *world_.returned()[reported_];
      Say(calls_, call.name + "=" + Name(call.got));
    }
  }
  static void Say(std::string& log, const std::string& what) {
    absl::StrAppend(&log, log.empty() ? "" : " ", what);
  }

  void OnSleep(int priority, bool) override {
    EXPECT_EQ(priority, sim::kPriorityDaemon);
    ReportReturned();
    Say(calls_, world_.engine().current()->name() + "~");
  }
  void OnMap(SfBufIndex buf, FrameIndex page, bool was_used) override {
    Say(tlb_, absl::StrCat(was_used ? "map! " : "map ", buf, ":", page));
  }
  void OnInvalidate(int cpu, SfBufIndex buf) override {
    Say(tlb_, absl::StrCat("inv ", cpu, ":", buf));
  }
  void OnShootdown(int, SfBufIndex buf, const CpuSet& others) override {
    Say(tlb_, absl::StrCat("shoot ", buf, ":", others.ToString()));
  }

  SfBufWorld world_;
  std::string calls_, tlb_;
  size_t reported_ = 0;
};

struct PoolStory {
  std::string_view name;
  uint32_t nsfbufs;
  std::string_view script, calls, state;
};
constexpr PoolStory kPoolStories[] = {
    {"WhoWantsOnePageSharesOneBuffer", 2, "try 0 7; try 0 7; free 0", "=0 =0",
     "free 1 | used 1 peak 1 wait 0 want 0"},
    {"ABufferIsFreeWhenTheLastReferenceGoes", 2, "try 0 7; ref 0; free 0; free 0", "=0",
     "free 1 0 | used 0 peak 1 wait 0 want 0"},
    {"AFreeBufferIsRevivedFromTheMiddle", 3,
     "try 0 1; try 0 2; try 0 3; free 1; free 0; free 2; try 0 1", "=0 =1 =2 =0",
     "free 1 2 | used 1 peak 3 wait 0 want 0"},
    {"RevivingCountsTowardsThePeak", 3, "try 0 1; free 0; try 0 2; try 0 1", "=0 =1 =0",
     "free 2 | used 2 peak 2 wait 0 want 0"},
    {"TheLongestFreeIsRecycled", 3, "try 0 1; try 0 2; try 0 3; free 1; free 0; try 0 9; try 0 1",
     "=0 =1 =2 =1 =0", "free  | used 3 peak 3 wait 0 want 0"},
    {"ARecycledBufferShowsItsOldPageNoMore", 1, "try 0 1; free 0; try 0 5; free 0; try 0 1, free 0",
     "=0 =0 =0", "free 0 | used 0 peak 1 wait 0 want 0"},
    {"AHitNeverWaits", 1, "try 0 7; alloc a 7; try 0 8", "=0 a=0 =none",
     "free  | used 1 peak 1 wait 0 want 0"},
    {"NoWaitBeatsCatch", 1, "try 0 7; alloc a 8 catch nowait", "=0 a=none",
     "free  | used 1 peak 1 wait 0 want 0"},
    // Each free buffer wakes all who sleep.
    {"SleepersAreServedInTheirOrder", 1,
     "try 0 1; alloc a 2; alloc b 3; alloc c 4; free 0; free 0; free 0",
     "=0 a~ b~ c~ a=0 b~ c~ b=0 c~ c=0", "free  | used 1 peak 1 wait 6 want 0"},
    {"ASharedBufferFreedOnceWakesNobody", 1, "try 0 1; ref 0; alloc a 2; free 0; free 0",
     "=0 a~ a=0", "free  | used 1 peak 1 wait 1 want 0"},
    {"WhoWokeFirstMayFindTheBufferTaken", 1, "try 0 1; alloc a 2; free 0, try 0 9; free 0",
     "=0 a~ =0 a~ a=0", "free  | used 1 peak 1 wait 2 want 0"},
    {"ARevivedBufferIsTakenFromTheSleeper", 1, "try 0 1; alloc a 2; free 0, try 0 1; free 0",
     "=0 a~ =0 a~ a=0", "free  | used 1 peak 1 wait 2 want 0"},
    // a and b want page 5. Neither looks for it again.
    {"AfterASleepOnePageMayHaveTwoBuffers", 2,
     "try 0 1; try 0 2; alloc a 5; alloc b 5; free 0, free 1; try 0 5; free 1; free 1",
     "=0 =1 a~ b~ a=0 b=1 =1", "free 1 | used 1 peak 2 wait 2 want 0"},
    {"TheNewerOfTwoIsFoundUntilItIsRecycled", 2,
     "try 0 1; try 0 2; alloc a 5; alloc b 5; free 0, free 1; free 1; try 0 9; try 0 5",
     "=0 =1 a~ b~ a=0 b=1 =1 =0", "free  | used 2 peak 2 wait 2 want 0"},
    {"ASignalEndsAWaitThatCatches", 1, "try 0 1; alloc a 2 catch; signal a; free 0", "=0 a~ a=none",
     "free 0 | used 0 peak 1 wait 1 want 0"},
    {"ASignalDoesNotEndOneThatDoesNot", 1, "try 0 1; alloc a 2; signal a", "=0 a~",
     "free  | used 1 peak 1 wait 1 want 1"},
    {"WhoWasInterruptedDoesNotLookAgain", 1, "try 0 1; alloc a 2 catch; signal a, free 0",
     "=0 a~ a=none", "free 0 | used 0 peak 1 wait 1 want 0"},
    {"WhoWasWokenFirstGetsTheBuffer", 1, "try 0 1; alloc a 2 catch; free 0, signal a", "=0 a~ a=0",
     "free  | used 1 peak 1 wait 1 want 0"},
    {"TheNextInLineGetsWhatTheInterruptedLeft", 1,
     "try 0 1; alloc a 2 catch; alloc b 3; signal a, free 0", "=0 a~ b~ a=none b=0",
     "free  | used 1 peak 1 wait 2 want 0"},
};
class PoolStoryTest : public testing::TestWithParam<PoolStory> {};
TEST_P(PoolStoryTest, Story) {
  Script script(2, GetParam().nsfbufs);
  script.Run(GetParam().script);
  EXPECT_EQ(script.calls(), GetParam().calls);
  EXPECT_EQ(script.State(), GetParam().state);
}
INSTANTIATE_TEST_SUITE_P(, PoolStoryTest, testing::ValuesIn(kPoolStories),
                         [](const auto& info) { return std::string(info.param.name); });

// One buffer, four CPUs.
struct TlbStory {
  std::string_view name, script, tlb;
};
constexpr TlbStory kTlbStories[] = {
    {"ANewMappingIsMadeKnownToAll", "try 1 7", "map 0:7 inv 1:0 shoot 0:{0 2 3} +31"},
    {"APrivateOneOnlyToItsCpu", "try 2 7 private", "map 0:7 inv 2:0 +1"},
    {"WhatAllKnowCostsNothing", "try 0 7; try 3 7; try 1 7 private",
     "map 0:7 inv 0:0 shoot 0:{1 2 3} +31"},
    {"ASecondPrivateUserDropsItsOwn", "try 2 7 private; try 3 7 private",
     "map 0:7 inv 2:0 +1 inv 3:0 +1"},
    {"SharingAPrivateOneInterruptsTheRest", "try 2 7 private; try 0 7",
     "map 0:7 inv 2:0 +1 inv 0:0 shoot 0:{1 3} +21"},
    {"RevivingCostsNothing", "try 0 7; touch 3 0; free 0; try 2 7",
     "map 0:7 inv 0:0 shoot 0:{1 2 3} +31"},
    {"AMappingNeverTouchedLeavesNothingStale", "try 0 7; free 0; try 1 8",
     "map 0:7 inv 0:0 shoot 0:{1 2 3} +31 map 0:8"},
    {"ATouchedOneLeavesAllStale", "try 0 7; touch 3 0; free 0; try 1 8",
     "map 0:7 inv 0:0 shoot 0:{1 2 3} +31 map! 0:8 inv 1:0 shoot 0:{0 2 3} +31"},
    {"TheNewMappingIsUntouched", "try 0 7; touch 3 0; free 0; try 1 8; free 0; try 2 9",
     "map 0:7 inv 0:0 shoot 0:{1 2 3} +31 map! 0:8 inv 1:0 shoot 0:{0 2 3} +31 map 0:9"},
};
class TlbStoryTest : public testing::TestWithParam<TlbStory> {};
TEST_P(TlbStoryTest, Story) {
  Script script(4, 1);
  script.Run(GetParam().script);
  EXPECT_EQ(script.tlb(), GetParam().tlb);
}
INSTANTIATE_TEST_SUITE_P(, TlbStoryTest, testing::ValuesIn(kTlbStories),
                         [](const auto& info) { return std::string(info.param.name); });

// Costs.

TEST(SfBufTest, TheThreadThatAllocatesPays) {
  SfBufWorld world(3, {.nsfbufs = 2, .costs = {100, 1500}});
  const Call* first = world.Start("first", 7);
  world.Run();
  const Call* hit = world.Start("hit", 7);
  world.Run();
  EXPECT_EQ(first->thread->cpu_time(), 100 + 2 * 1500);
  EXPECT_EQ(hit->thread->cpu_time(), 0);
  EXPECT_EQ(world.engine().now(), 3100);
  const SfBufStats& stats = world.bufs().stats();
  EXPECT_EQ(stats.sf_buf_maps, 1);
  EXPECT_EQ(stats.sf_buf_hits, 1);
  EXPECT_EQ(stats.sf_buf_invalidations, 1);
  EXPECT_EQ(stats.sf_buf_shootdowns, 2);
}

TEST(SfBufTest, EachCpuKnowsWhatItDidAndSuffered) {
  SfBufWorld world(3, SfBufWorld::Pool(2));
  world.bufs().TryAlloc(7, 0, 1);               // Interrupts 0 and 2.
  world.bufs().TryAlloc(8, kSfbCpuPrivate, 2);  // Interrupts nobody,
  world.bufs().TryAlloc(8, 0, 1);               // but this does 0.
  std::string text;
  for (const SfBufCpuStats& cpu : world.bufs().cpu_stats()) {
    absl::StrAppend(&text, cpu.invalidations, "/", cpu.shootdowns_sent, "/",
                    cpu.shootdowns_received, " ");
  }
  EXPECT_EQ(text, "0/0/2 2/3/0 1/0/1 ");
}

sim::Task<void> Busy(sim::Engine& engine, sim::SimDuration ns) { co_await engine.Consume(ns); }

// While the thread pays for its private mapping on CPU 0, a daemon takes the CPU from it; it goes
// on on CPU 1, which has to drop its translation, too.
TEST(SfBufTest, APrivateMappingFollowsAThreadThatIsMoved) {
  SfBufWorld world(2, {.nsfbufs = 1, .costs = {100, 1500}});
  const Call* call = world.Start("mover", 7, kSfbCpuPrivate);
  world.engine().Spawn("neighbour", sim::kPriorityUser - 1, Busy(world.engine(), 60));
  world.engine().Run(50);
  ASSERT_FALSE(call->done);
  world.engine().Spawn("daemon", sim::kPriorityDaemon, Busy(world.engine(), 1000));
  world.Run();
  EXPECT_EQ(call->cpu, 1);
  EXPECT_EQ(world.bufs().pool().buf(0).cpumask.ToString(), "{0 1}");
  EXPECT_EQ(call->thread->cpu_time(), 200);
  EXPECT_EQ(world.bufs().stats().sf_buf_shootdowns, 0);
  world.bufs().Touch(call->got, call->cpu);
  world.bufs().CheckInvariants();
}

// The machine with a direct map.

TEST(SfBufTest, WithADirectMapTheHandleIsThePage) {
  SfBufWorld world(2, {.direct_map = true, .nsfbufs = 1, .costs = {}});
  std::vector<const Call*> calls;
  for (FrameIndex page = 0; page < 40; ++page) calls.push_back(world.Start("c", page, kSfbNoWait));
  world.Run();
  for (FrameIndex page = 0; page < 40; ++page) {
    EXPECT_EQ(calls[page]->got, page);
    EXPECT_EQ(world.bufs().PageOf(page), page);
    EXPECT_EQ(world.bufs().Kva(page), 0xfffff80000000000 + page * 4096);
    world.bufs().Ref(page);
    world.bufs().Touch(page, 1);
    world.bufs().Free(page);
  }
  EXPECT_TRUE(world.bufs().direct_map());
  EXPECT_FALSE(world.bufs().InvalidateCache(3));
  world.bufs().NoteAllocFail();
  for (const SfBufCounter& counter : kSfBufCounters) {
    EXPECT_EQ(world.bufs().stats().*counter.field, 0) << counter.info.name;
  }
  EXPECT_EQ(world.engine().now(), 0);
  world.bufs().CheckInvariants();
}

// Accessors and figures.

TEST(SfBufTest, ABufferHasAnAddressOfItsOwn) {
  SfBufWorld world(1, SfBufWorld::Pool(3));
  EXPECT_EQ(world.bufs().TryAlloc(9, 0, 0).buf, 0u);
  EXPECT_EQ(world.bufs().TryAlloc(4, 0, 0).buf, 1u);
  EXPECT_EQ(world.bufs().PageOf(1), 4u);
  EXPECT_EQ(world.bufs().Kva(0), kSfBufPoolBase);
  EXPECT_EQ(world.bufs().Kva(1) - world.bufs().Kva(0), 4096u);
}

TEST(SfBufTest, TheCacheIsFlushedOfAnyMappedPageFreeOrNot) {
  SfBufWorld world(1, SfBufWorld::Pool(2));
  world.bufs().TryAlloc(9, 0, 0);
  EXPECT_TRUE(world.bufs().InvalidateCache(9));
  EXPECT_FALSE(world.bufs().InvalidateCache(8));
  world.bufs().Free(0);
  EXPECT_TRUE(world.bufs().InvalidateCache(9));
  EXPECT_EQ(world.bufs().stats().nsfbufsused, 0);
}

TEST(SfBufTest, TheDefaultSizeGoesByMemory) {
  EXPECT_EQ(DefaultSfBufs(1), 512u + 16 * 32);             // At least 32 users,
  EXPECT_EQ(DefaultSfBufs(33 * 512 - 1), 512u + 16 * 32);  // one for 2 MiB,
  EXPECT_EQ(DefaultSfBufs(33 * 512), 512u + 16 * 33);      //
  EXPECT_EQ(DefaultSfBufs(kMaxFrames), 512u + 16 * 384);   // at most 384.
  SfBufWorld world(1, {});
  EXPECT_EQ(world.bufs().stats().nsfbufs, 1024);
  EXPECT_EQ(world.bufs().pool().hash_mask(), 1023u);
  EXPECT_EQ(SfBufWorld(1, SfBufWorld::Pool(1023)).bufs().pool().hash_mask(), 511u);
}

TEST(SfBufTest, CountersHaveTheirSysctlNames) {
  SfBufWorld world(1, SfBufWorld::Pool(2));
  sim::CounterRegistry registry;
  RegisterSfBufCounters(registry, world.bufs().stats());
  EXPECT_EQ(registry.size() * sizeof(int64_t), sizeof(SfBufStats));
  world.bufs().TryAlloc(1, 0, 0);
  world.bufs().TryAlloc(2, 0, 0);
  world.bufs().Free(0);
  world.Start("a", 3);
  world.Start("b", 4);
  world.Run();
  world.bufs().NoteAllocFail();
  EXPECT_EQ(registry.Find("kern.ipc.nsfbufs"), 2);
  EXPECT_EQ(registry.Find("kern.ipc.nsfbufsused"), 2);
  world.bufs().Free(1);
  world.bufs().Free(0);
  EXPECT_EQ(registry.Find("kern.ipc.nsfbufsused"), 0);
  EXPECT_EQ(registry.Find("kern.ipc.nsfbufspeak"), 2);
  EXPECT_EQ(registry.Find("sf_allocwait"), 1);
  EXPECT_EQ(registry.Find("sf_allocfail"), 1);
}

TEST(SfBufTest, AMachineMayEndWhileThreadsSleep) {
  SfBufWorld world(1, SfBufWorld::Pool(1));
  world.bufs().TryAlloc(1, 0, 0);
  world.Start("a", 2);
  world.Start("b", 3);
  world.Run();
  EXPECT_EQ(world.bufs().alloc_want(), 2u);
  EXPECT_EQ(world.Find("a")->thread->wait_message(), "sfbufa");
  world.engine().DestroyThreads();
  EXPECT_EQ(world.bufs().alloc_want(), 0u);
}

// Misuse.

class SfBufDeathTest : public testing::Test {
 protected:
  SfBufWorld world_{2, SfBufWorld::Pool(2)};
  SfBufs& bufs_ = world_.bufs();
};

TEST_F(SfBufDeathTest, FreeingTwice) {
  const SfBufIndex buf = bufs_.TryAlloc(7, 0, 0).buf;
  bufs_.Free(buf);
  EXPECT_DEATH(bufs_.Free(buf), "sf_buf 0 is not allocated");
}

TEST_F(SfBufDeathTest, FreeingWhatWasNeverAllocated) {
  EXPECT_DEATH(bufs_.Free(1), "sf_buf 1 is not allocated");
  EXPECT_DEATH(bufs_.Free(2), "no such sf_buf");
  EXPECT_DEATH(bufs_.Free(kNoSfBuf), "no such sf_buf");
}

TEST_F(SfBufDeathTest, UsingWhatIsNotAllocated) {
  bufs_.Free(bufs_.TryAlloc(7, 0, 0).buf);
  EXPECT_DEATH(bufs_.Ref(0), "sf_buf 0 is not allocated");
  EXPECT_DEATH(bufs_.Kva(0), "sf_buf 0 is not allocated");
  EXPECT_DEATH(bufs_.PageOf(0), "sf_buf 0 is not allocated");
  EXPECT_DEATH(bufs_.Touch(0, 0), "sf_buf 0 is not allocated");
}

TEST_F(SfBufDeathTest, TouchingFromACpuThatMayHaveAStaleTranslation) {
  bufs_.TryAlloc(7, kSfbCpuPrivate, 1);
  bufs_.Touch(0, 1);
  EXPECT_DEATH(bufs_.Touch(0, 0), "CPU 0 may have a stale translation of sf_buf 0");
}

TEST_F(SfBufDeathTest, PagesAndCpusThatAreNotThere) {
  EXPECT_DEATH(bufs_.TryAlloc(SfBufWorld::kFrames, 0, 0), "no such page");
  EXPECT_DEATH(bufs_.TryAlloc(7, 0, 2), "cpu=2");
  SfBufWorld direct(1, {.direct_map = true, .costs = {}});
  EXPECT_DEATH(direct.bufs().Free(SfBufWorld::kFrames), "no such page");
}

TEST_F(SfBufDeathTest, APoolTooLarge) {
  EXPECT_DEATH(SfBufWorld(1, SfBufWorld::Pool(kMaxSfBufs + 1)), "65537 vs 65536");
}

}  // namespace
}  // namespace vmsim::vm
