#include "vm/vm_system.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/random.h"
#include "sim/trace.h"
#include "vm/trace_types.h"
#include "vm/vm_test_world.h"

namespace vmsim::vm {
namespace {

using Area = VmTestWorld::Area;
using Options = VmTestWorld::Options;

TEST(VmSystemTest, ExitGivesBackMemoryAndSwap) {
  VmTestWorld world;
  const Area area = world.Map(50);
  world.SwapOut(area, 0, 30);
  world.Write(area, 20, 30);
  world.Start("exit", world.vm().Exit(*area.process, 3));
  world.Run();
  EXPECT_TRUE(area.process->exited);
  EXPECT_EQ(area.process->exit_status, 3);
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
  EXPECT_EQ(world.vm().swap().space().used(), 0);
  EXPECT_EQ(world.vm().objects().count(), 0u);
  // The 30 written last, and 16..19, which the read of 20 brought along.
  EXPECT_EQ(world.counters().v_pfree, 34);
}

TEST(VmSystemTest, ASharedObjectLivesAsLongAsItsLastMap) {
  VmTestWorld world;
  const Area area = world.Map(4);
  const Area sharer = world.Share(*area.object, 4);
  world.Write(area, 0, 4);
  ASSERT_EQ(world.Touch(sharer, 0), FaultResult::kSuccess);
  world.Start("unmap", world.vm().Unmap(*area.process, area.start));
  world.Run();
  EXPECT_EQ(world.Picture(*sharer.object, 0, 4), "aaaa");
  EXPECT_TRUE(world.PageAt(*sharer.object, 1).has(kPgaReferenced));  // What the mapping knew.
  world.vm().CheckInvariants();
  world.Start("unmap", world.vm().Unmap(*sharer.process, sharer.start));
  world.Run();
  EXPECT_EQ(world.vm().objects().count(), 0u);
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
}

TEST(VmSystemTest, TheEndWaitsForPagesOnTheirWayOut) {
  VmTestWorld world;
  const Area area = world.Map(4);
  world.Write(area, 0, 4);
  std::vector<PagerResult> results;
  world.StartPageOut(*area.object, 0, 4, /*async=*/true, &results);
  world.RunFor(kDiskNs / 2);
  const sim::Thread* exit = world.Start("exit", world.vm().Exit(*area.process, 0));
  world.RunFor(kDiskNs / 4);
  EXPECT_EQ(exit->wait_message(), "objtrm");
  EXPECT_TRUE(area.object->dead());
  world.vm().CheckInvariants();
  world.Run();
  EXPECT_TRUE(area.process->exited);
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
  EXPECT_EQ(world.vm().swap().space().used(), 0);
}

TEST(VmSystemTest, AWiredPageOutlivesItsObject) {
  VmTestWorld world;
  const Area area = world.Map(4);
  world.Write(area, 0, 4);
  const FrameIndex wired = area.object->Lookup(2);
  world.vm().allocator().Wire(wired);
  world.Start("exit", world.vm().Exit(*area.process, 0));
  world.Run();
  EXPECT_EQ(world.vm().domain().free_count(), 1999);
  EXPECT_EQ(world.vm().pages()[wired].object, kNoObject);
  world.vm().CheckInvariants();
  world.vm().allocator().Unwire(wired, QueueId::kInactive);
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
}

TEST(VmSystemTest, TheFirstSignalCounts) {
  VmTestWorld world;
  const Area area = world.Map(4);
  world.vm().Kill(*area.process, kSigBus);
  world.vm().Kill(*area.process, kSigKill);
  EXPECT_TRUE(area.process->killed());
  EXPECT_EQ(area.process->signal, kSigBus);
  world.Start("exit", world.vm().Exit(*area.process, 5));
  world.Run();
  EXPECT_EQ(area.process->exit_status, 0);
}

// What a record of the trace says of an end: the wait status.
TEST(VmSystemTest, AnEndIsTracedWithItsWaitStatus) {
  sim::Engine engine;
  sim::Trace trace(engine.events().clock());
  sim::VectorSink sink;
  trace.AddSink(&sink);
  VmConfig config;
  config.frames = 1000;
  VmSystem vm(engine, trace, config);
  Process& first = vm.CreateProcess("first", false);
  Process& second = vm.CreateProcess("second", false);
  vm.Kill(second, kSigKill);
  engine.Spawn("exit", sim::kPriorityUser, vm.Exit(first, 3));
  engine.Spawn("exit", sim::kPriorityUser, vm.Exit(second, 3));
  engine.Run();
  trace.Flush();
  ASSERT_EQ(sink.records().size(), 2u);
  EXPECT_EQ(sink.records()[0].type, trace::kProcessExit);
  EXPECT_EQ(sink.records()[0].actor, 100u);
  EXPECT_EQ(sink.records()[0].a, 3u << 8);
  EXPECT_EQ(sink.records()[1].actor, 101u);
  EXPECT_EQ(sink.records()[1].a, 9u);
}

TEST(VmSystemTest, AKillForMemoryTakesTheLargestThatMayGo) {
  VmTestWorld world;
  const Area small = world.Map(10, "small");
  const Area large = world.Map(20, "large");
  const Area spared = world.Map(30, "spared");
  spared.process->protect = true;
  for (const Area& area : {small, large, spared}) world.Write(area, 0, area.pages);
  world.vm().OutOfMemory(OomReason::kMem);
  EXPECT_TRUE(large.process->oom_killed);
  world.vm().OutOfMemory(OomReason::kMem);
  EXPECT_TRUE(small.process->oom_killed);
  world.vm().OutOfMemory(OomReason::kMem);  // Nobody is left.
  EXPECT_FALSE(spared.process->oom_killed);
  EXPECT_EQ(world.counters().oom_kills, 2);
}

// Threads touch pages at random in more memory than there is, with the daemons running and, for
// every other seed, a disk that fails now and then. Throughout, what was written is either in
// memory or in swap, and all books agree.
class PressureTest : public testing::TestWithParam<uint64_t> {
 protected:
  static constexpr uint32_t kPages = 600;

  struct Memory {
    Object* object;
    std::vector<bool> written = std::vector<bool>(kPages);
  };

  static Options OptionsOf(uint64_t seed) {
    Options options;
    options.frames = kMinFrames;
    options.swap_pages = {1500, 1500};
    options.revision = seed % 4 < 2 ? FreebsdRevision::kR15 : FreebsdRevision::kR13_2;
    options.daemons = true;
    if (seed % 2 == 1) {
      sim::DiskFaultRule rule;
      rule.probability_ppm = 50'000;
      options.faults = {rule};
    }
    return options;
  }

  // Half of the touches go to an eighth of the pages, a third of them write.
  sim::Task<void> Toucher(VmTestWorld& world, Area area, uint64_t seed, Memory& memory) {
    sim::SplitMix64 random(seed);
    for (int i = 0; i < 12000; ++i) {
      const bool hot = random.Below(2) == 0;
      const auto page = static_cast<uint32_t>(random.Below(hot ? kPages / 8 : kPages));
      const bool write = random.Below(3) == 0;
      co_await world.engine().Consume(1000);
      Pte& pte = world.vm().page_tables().entries()[area.slot + page];
      const Pte need = kPteValid | (write ? kPteWritable : 0);
      FaultResult result = FaultResult::kSuccess;
      if ((pte & need) == need) {
        pte |= kPteAccessed | (write ? kPteModified : 0);
      } else {
        result = co_await world.vm().faults().Fault(area.process->space, area.slot + page, write);
      }
      if (result != FaultResult::kSuccess) ++errors_;
      if (result == FaultResult::kSuccess && write) memory.written[page] = true;
    }
  }

  static void CheckNothingIsLost(const Memory& memory) {
    for (Pindex pindex = 0; pindex < kPages; ++pindex) {
      if (!memory.written[pindex]) continue;
      ASSERT_TRUE(memory.object->Lookup(pindex) != kNoFrame ||
                  memory.object->swap.Lookup(pindex) != kNoSwapBlock)
          << "pindex " << pindex;
    }
  }

  int errors_ = 0;
};

TEST_P(PressureTest, NothingWrittenIsLost) {
  const uint64_t seed = GetParam();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  VmTestWorld world(OptionsOf(seed));
  const Area a = world.Map(kPages, "a");
  const Area b = world.Map(kPages, "b");
  const Area c = world.Map(kPages, "c");
  const Area d = world.Share(*c.object, kPages);
  std::vector<Memory> memories = {{a.object}, {b.object}, {c.object}};
  sim::SplitMix64 seeds(seed);
  std::vector<sim::Thread*> threads;
  threads.push_back(world.Start("a", Toucher(world, a, seeds.Next(), memories[0])));
  threads.push_back(world.Start("b", Toucher(world, b, seeds.Next(), memories[1])));
  threads.push_back(world.Start("c", Toucher(world, c, seeds.Next(), memories[2])));
  threads.push_back(world.Start("d", Toucher(world, d, seeds.Next(), memories[2])));
  for (size_t i = 0; i < threads.size();) {
    world.RunFor(10 * sim::kMillisecond);
    ASSERT_LT(world.engine().now(), 600 * sim::kSecond) << "no progress";
    world.vm().CheckInvariants();
    for (const Memory& memory : memories) CheckNothingIsLost(memory);
    if (HasFatalFailure()) return;
    while (i < threads.size() && threads[i]->done()) ++i;
  }
  EXPECT_GT(world.counters().v_swapin, 100);
  EXPECT_GT(world.counters().v_swapout, 10);
  EXPECT_GT(world.counters().v_dfree, 100);
  EXPECT_EQ(world.counters().oom_kills, 0);
  EXPECT_EQ(errors_ > 0, seed % 2 == 1);
  for (const Area& area : {a, b, c, d}) world.Start("exit", world.vm().Exit(*area.process, 0));
  world.RunFor(sim::kSecond);
  EXPECT_EQ(world.vm().objects().count(), 0u);
  EXPECT_EQ(world.vm().domain().free_count(), static_cast<int32_t>(kMinFrames));
  EXPECT_EQ(world.vm().swap().space().used(), 0);
  EXPECT_EQ(world.vm().swap().write_tokens(), 4);
}

INSTANTIATE_TEST_SUITE_P(, PressureTest, testing::Range(uint64_t{0}, uint64_t{12}));

}  // namespace
}  // namespace vmsim::vm
