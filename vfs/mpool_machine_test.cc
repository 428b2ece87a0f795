// What a pool is on a simulated machine: calls that sleep, and buffers in memory that can be paged
// out.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/engine.h"
#include "sim/wait_channel.h"
#include "vfs/errno.h"
#include "vfs/mpool.h"
#include "vfs/mpool_story.h"

namespace vmsim::vfs {
namespace {

MpoolStory::Setup For(MpoolCompat compat) {
  MpoolStory::Setup setup;
  setup.options.compat = compat;
  return setup;
}

class MpoolMachineTest : public testing::TestWithParam<MpoolCompat> {};
INSTANTIATE_TEST_SUITE_P(, MpoolMachineTest, testing::Values(MpoolCompat::k85, MpoolCompat::k87),
                         [](const auto& info) {
                           return info.param == MpoolCompat::k85 ? "Revision85" : "Revision87";
                         });

// Threads.

constexpr sim::SimDuration kLatency = 1000;

sim::Task<void> GetAndPut(MpoolStory& story, MpoolPgno pgno, std::vector<std::string>& log) {
  const MpoolPageResult got = co_await story.pool().Get(pgno);
  log.push_back(std::to_string(story.engine().now()) + " page " + std::to_string(pgno) +
                (got.page ? "" : " failed"));
  if (got.page) co_await story.pool().Put(got.page);
}

TEST_P(MpoolMachineTest, CallsRunOneAtATimeInTheOrderTheyCame) {
  MpoolStory story(For(GetParam()));
  story.file().set_latency_ns(kLatency);
  std::vector<std::string> log;
  // Page 3 is read once: who comes second finds it, though he came before the read was done. The
  // last to be made has the best priority and gets the CPU first.
  int priority = sim::kPriorityUser;
  for (const MpoolPgno pgno : {3, 1, 3, 2}) {
    story.engine().Spawn("t", priority--, GetAndPut(story, pgno, log));
  }
  while (story.engine().Step()) story.pool().CheckInvariants();
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(story.pool().stats().cachehit + story.pool().stats().cachemiss, 4);
  const std::vector<MpoolCall> calls = story.file().TakeCalls();
  std::string order;
  for (const MpoolCall& call : calls) order += std::to_string(call.pgno);
  EXPECT_EQ(order, "231");
  EXPECT_EQ(story.pool().stats().cachehit, 1);
  EXPECT_EQ(log[0].substr(log[0].find(' ')), " page 2");
  EXPECT_EQ(log[1].substr(log[1].find(' ')), " page 3");
  EXPECT_EQ(log[2].substr(log[2].find(' ')), " page 1");
  EXPECT_EQ(log[3].substr(log[3].find(' ')), " page 3");
}

// Who has just had a turn comes after those who wait, though he is still on the CPU.
TEST_P(MpoolMachineTest, NobodyGetsInBetweenATurnAndTheNext) {
  MpoolStory story(For(GetParam()));
  story.file().set_latency_ns(kLatency);
  auto get = [](MpoolStory& story, MpoolPgno first, MpoolPgno second) -> sim::Task<void> {
    co_await story.pool().Get(first);
    co_await story.pool().Get(second);
  };
  story.engine().Spawn("odd", sim::kPriorityUser, get(story, 1, 3));
  story.engine().Spawn("even", sim::kPriorityUser, get(story, 2, 4));
  while (story.engine().Step()) story.pool().CheckInvariants();
  std::string order;
  for (const MpoolCall& call : story.file().TakeCalls()) order += std::to_string(call.pgno);
  EXPECT_EQ(order, "1234");
}

// A put does not slip in while another's sync is half done.
TEST_P(MpoolMachineTest, EvenCallsThatNeverSleepWaitTheirTurn) {
  MpoolStory story(For(GetParam()));
  story.Run("get a 0; put a dirty; get b 1");
  story.file().set_latency_ns(kLatency);
  story.file().TakeCalls();
  std::vector<sim::SimTime> done;
  auto sync = [](MpoolStory& story, std::vector<sim::SimTime>& done) -> sim::Task<void> {
    co_await story.pool().Sync();
    done.push_back(story.engine().now());
  };
  auto put = [](MpoolStory& story, std::vector<sim::SimTime>& done) -> sim::Task<void> {
    co_await story.pool().Put(story.page('b'), kMpoolDirty);
    done.push_back(story.engine().now());
  };
  story.engine().Spawn("sync", sim::kPriorityUser, sync(story, done));
  story.engine().Spawn("put", sim::kPriorityUser, put(story, done));
  story.engine().Run();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_GE(done[0], 2 * kLatency);  // A write and an fsync.
  EXPECT_GE(done[1], done[0]);
  EXPECT_EQ(story.Lru(), "0 1d");
  EXPECT_EQ(story.file().TakeCalls().size(), 2u);
}

TEST_P(MpoolMachineTest, WhoWaitsWhileThePoolIsClosedFails) {
  MpoolStory story(For(GetParam()));
  story.file().set_latency_ns(kLatency);
  std::vector<std::string> log;
  auto close = [](MpoolStory& story) -> sim::Task<void> { co_await story.pool().Close(); };
  story.engine().Spawn("get", sim::kPriorityUser, GetAndPut(story, 1, log));
  story.engine().Spawn("close", sim::kPriorityUser, close(story));
  story.engine().Spawn("late", sim::kPriorityUser, GetAndPut(story, 2, log));
  story.engine().Run();
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[0].substr(log[0].find(' ')), " page 1");
  EXPECT_EQ(log[1].substr(log[1].find(' ')), " page 2 failed");
  EXPECT_TRUE(story.pool().closed());
}

TEST_P(MpoolMachineTest, AMachineMayEndInTheMiddleOfACall) {
  MpoolStory story(For(GetParam()));
  story.file().set_latency_ns(kLatency);
  std::vector<std::string> log;
  for (const MpoolPgno pgno : {0, 1, 2}) {
    story.engine().Spawn("t", sim::kPriorityUser, GetAndPut(story, pgno, log));
  }
  story.engine().Run(kLatency / 2);
  story.pool().CheckInvariants();
  story.engine().DestroyThreads();
  EXPECT_TRUE(log.empty());
}

// Pageable buffers.

int64_t Touches(MpoolStory& story, std::string_view script, MpoolAccess access) {
  const int64_t before = story.memory().touches(access);
  story.Run(script);
  return story.memory().touches(access) - before;
}

TEST_P(MpoolMachineTest, BuffersAreTouchedByTransfersAlone) {
  MpoolStory story(For(GetParam()));
  EXPECT_EQ(Touches(story, "get a 0", MpoolAccess::kWrite), 1);  // The read goes there.
  EXPECT_EQ(Touches(story, "put a; get a 0; put a dirty", MpoolAccess::kWrite), 0);
  EXPECT_EQ(Touches(story, "sync", MpoolAccess::kRead), 1);
  EXPECT_EQ(Touches(story, "new b; put b", MpoolAccess::kWrite), 0);
  // Filters change what they convert: pgout before the write, pgin after it.
  EXPECT_EQ(Touches(story, "filter on; get a 0; put a dirty; sync", MpoolAccess::kWrite), 2);
}

TEST_P(MpoolMachineTest, ATouchThatReadsSwapIsCountedWhenAVictimNeedsIt) {
  MpoolStory story(For(GetParam()));
  EXPECT_EQ(story.Run("get a 0; put a dirty; touch swapped; sync; get a 0; put a dirty; get b 1; "
                      "touch swapped; get c 2"),
            "2 | pwrite 0 64 1000, pread 2 64 | 1P 2P");
  EXPECT_EQ(story.pool().stats().evict_swapins, 1);  // Not that of the sync.
}

TEST_P(MpoolMachineTest, ABufferThatCannotBeHadFailsTheRead) {
  MpoolStory story(For(GetParam()));
  EXPECT_EQ(story.Run("touch EFAULT; get a 0"), "EFAULT | pread 0 64 | ");
  EXPECT_EQ(story.Run("get a 0"), "0 | pread 0 64 | 0P");
}

TEST_P(MpoolMachineTest, ABufferThatCannotBeHadFailsTheWrite) {
  MpoolStory story(For(GetParam()));
  EXPECT_EQ(story.Run("get a 0; put a dirty; touch EFAULT; sync"), "EFAULT |  | 0d");
  EXPECT_EQ(story.Run("sync"), "ok | pwrite 0 64 1000, fsync 0 | 0");
}

TEST_P(MpoolMachineTest, ABufferLostDuringTheWriteStaysDirty) {
  MpoolStory story(For(GetParam()));
  story.Run("filter on; get a 0; put a dirty");
  story.memory().EndTouch({kEfault, false}, 1);  // After the write, for pgin.
  EXPECT_EQ(story.Run("sync"), "EFAULT | pgout 0 1515848680, pwrite 0 64 1000 | 0d");
}

TEST_P(MpoolMachineTest, TheHolderTouchesItsPage) {
  MpoolStory story(For(GetParam()));
  story.Run("get a 0; touch swapped");
  const MpoolTouch touch =
      story.pool().Touch(story.page('a'), MpoolAccess::kRead).RunToCompletion();
  EXPECT_TRUE(touch.swapped_in);
}

// Wiring.

TEST_P(MpoolMachineTest, PinnedBuffersAreNotWiredUnlessAskedFor) {
  MpoolStory story(For(GetParam()));
  story.Run("get a 0; new b");
  EXPECT_EQ(story.memory().wired(), 0);
}

TEST_P(MpoolMachineTest, BuffersAreWiredWhilePinned) {
  MpoolStory::Setup setup = For(GetParam());
  setup.options.wire_buffers = true;
  MpoolStory story(setup);
  story.Run("get a 0; get a 0; new b");
  EXPECT_EQ(story.memory().wired(), 2);
  story.Run("put a");
  EXPECT_EQ(story.memory().wired(), 1);
  story.Run("put a; get a 0; get c 2");
  EXPECT_EQ(story.memory().wired(), 3);
  story.Run("delete c");
  EXPECT_EQ(story.memory().wired(), GetParam() == MpoolCompat::k87 ? 2 : 3);
  story.Run("close");
  EXPECT_TRUE(story.memory().buffers().empty());
}

TEST_P(MpoolMachineTest, APageThatCannotBeWiredIsHandedOutAllTheSame) {
  MpoolStory::Setup setup = For(GetParam());
  setup.options.wire_buffers = true;
  MpoolStory story(setup);
  EXPECT_EQ(story.Run("fail wire ENOMEM; get a 0"), "0 | pread 0 64 | 0P");
  EXPECT_EQ(story.pool().stats().wire_failures, 1);
  EXPECT_EQ(story.memory().wired(), 0);
  story.Run("get a 0");  // Another chance.
  EXPECT_EQ(story.memory().wired(), 1);
  story.Run("put a");
  EXPECT_EQ(story.memory().wired(), 0);
}

}  // namespace
}  // namespace vmsim::vfs
