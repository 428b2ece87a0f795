#include "vfs/vnode_lock.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sim/engine.h"
#include "sim/random.h"
#include "sim/wait_channel.h"

namespace vmsim::vfs {
namespace {

constexpr auto kS = LockType::kShared;
constexpr auto kX = LockType::kExclusive;

// A thread comes at `at`, asks for the lock, keeps it for `keep` ns if it gets it, and goes.
struct Visit {
  enum class How { kLock, kTry, kFor };
  std::string name;
  sim::SimTime at;
  LockType type;
  sim::SimDuration keep;
  How how = How::kLock;
  sim::SimDuration timeout = 0;
};
constexpr auto kTry = Visit::How::kTry;
constexpr auto kFor = Visit::How::kFor;

// Every thread has a CPU, so that nobody waits for anything but the lock.
class LockStory {
 public:
  ~LockStory() { engine.DestroyThreads(); }

  void Say(const std::string& what) {
    log += (log.empty() ? "" : " ") + what + "@" + std::to_string(engine.now());
  }
  void Come(const Visit& visit) { engine.Spawn(visit.name, sim::kPriorityUser, Body(this, visit)); }
  static sim::Task<void> Body(LockStory* s, Visit visit) {
    co_await sim::Pause(s->engine, visit.at, "visit");
    bool got = true;
    switch (visit.how) {
      case Visit::How::kLock:
        co_await s->lock.Lock(s->engine, visit.type);
        break;
      case Visit::How::kTry:
        got = s->lock.TryLock(s->engine, visit.type);
        break;
      case Visit::How::kFor:
        got = co_await s->lock.LockFor(s->engine, visit.type, visit.timeout);
        break;
    }
    s->Say(visit.name + (got ? "" : ":no"));
    if (!got) co_return;
    co_await sim::Pause(s->engine, visit.keep, "keep");
    s->lock.Unlock(s->engine);
  }
  void ExpectIdle() const {
    EXPECT_FALSE(lock.held());
    EXPECT_EQ(lock.waiting(), 0);
  }

  sim::Engine engine{{.cpus = 16, .context_switch_ns = 0}};
  VnodeLock lock;
  std::string log;
};

// The log has name@when for who got the lock, name:no@when for who did not.
struct Story {
  std::string name;
  std::vector<Visit> visits;
  std::string want;
};

const std::vector<Story> kStories = {
    {"ReadersTogether", {{"a", 0, kS, 10}, {"b", 1, kS, 10}, {"c", 2, kS, 10}}, "a@0 b@1 c@2"},
    {"WritersOneByOne", {{"a", 0, kX, 10}, {"b", 1, kX, 10}, {"c", 2, kX, 10}}, "a@0 b@10 c@20"},
    {"AWriterWaitsForTheLastReader",
     {{"a", 0, kS, 10}, {"b", 1, kS, 20}, {"w", 2, kX, 5}},
     "a@0 b@1 w@21"},
    {"LaterReadersDoNotPassAWaitingWriter",
     {{"a", 0, kS, 10}, {"w", 1, kX, 5}, {"b", 2, kS, 5}, {"c", 3, kS, 5}},
     "a@0 w@10 b@15 c@15"},
    {"ReadersThatStandTogetherComeInTogether",
     {{"w", 0, kX, 10},
      {"a", 1, kS, 5},
      {"b", 2, kS, 7},
      {"v", 3, kX, 5},
      {"c", 4, kS, 5},
      {"d", 5, kS, 5}},
     "w@0 a@10 b@10 v@17 c@22 d@22"},

    {"TryTakesAFreeLock", {{"a", 0, kX, 5, kTry}}, "a@0"},
    {"TrySharesWithReaders", {{"a", 0, kS, 10}, {"t", 1, kS, 5, kTry}}, "a@0 t@1"},
    {"TryFailsAgainstReaders", {{"a", 0, kS, 10}, {"t", 1, kX, 5, kTry}}, "a@0 t:no@1"},
    {"TryFailsAgainstAWriter",
     {{"a", 0, kX, 10}, {"t", 1, kS, 5, kTry}, {"u", 2, kX, 5, kTry}},
     "a@0 t:no@1 u:no@2"},
    {"TryFailsWhenSomebodyWaits",
     {{"a", 0, kS, 10}, {"w", 1, kX, 5}, {"t", 2, kS, 5, kTry}},
     "a@0 t:no@2 w@10"},

    {"InTime", {{"a", 0, kX, 10}, {"f", 1, kX, 5, kFor, 20}}, "a@0 f@10"},
    {"TooLate", {{"a", 0, kX, 10}, {"f", 1, kX, 5, kFor, 5}, {"b", 2, kX, 5}}, "a@0 f:no@6 b@10"},
    {"ATimeoutOfNothingStillTakesAFreeLock", {{"f", 0, kX, 5, kFor, 0}}, "f@0"},
    {"ATimeoutOfNothing", {{"a", 0, kX, 10}, {"f", 1, kX, 5, kFor, 0}}, "a@0 f:no@1"},
    {"ReadersBehindAWriterThatGivesUpComeInAtOnce",
     {{"a", 0, kS, 30}, {"f", 1, kX, 5, kFor, 8}, {"b", 2, kS, 5}, {"c", 3, kS, 5}},
     "a@0 f:no@9 b@9 c@9"},
    {"OnlyUpToTheNextWriter",
     {{"a", 0, kS, 30},
      {"f", 1, kX, 5, kFor, 8},
      {"b", 2, kS, 5},
      {"w", 3, kX, 5},
      {"c", 4, kS, 5}},
     "a@0 f:no@9 b@9 w@30 c@35"},
    {"AWriterInTheMiddleGivesUp",
     {{"a", 0, kX, 30}, {"b", 1, kS, 5}, {"f", 2, kX, 5, kFor, 8}, {"c", 3, kS, 5}},
     "a@0 f:no@10 b@30 c@30"},
    {"TheLastInTheQueueGivesUpAndOthersQueueBehind",
     {{"a", 0, kX, 30}, {"b", 1, kX, 5}, {"f", 2, kX, 5, kFor, 8}, {"c", 12, kX, 5}},
     "a@0 f:no@10 b@30 c@35"},
    {"AReaderThatGivesUpLetsNobodyIn",
     {{"a", 0, kX, 30}, {"f", 1, kS, 5, kFor, 8}, {"b", 2, kX, 5}},
     "a@0 f:no@9 b@30"},
    {"AllGiveUp",
     {{"a", 0, kX, 30}, {"f", 1, kS, 5, kFor, 8}, {"g", 2, kX, 5, kFor, 4}, {"b", 40, kX, 5}},
     "a@0 g:no@6 f:no@9 b@40"},
};

class VnodeLockStoryTest : public testing::TestWithParam<Story> {};

TEST_P(VnodeLockStoryTest, Story) {
  LockStory story;
  for (const Visit& visit : GetParam().visits) story.Come(visit);
  story.engine.Run();
  EXPECT_EQ(story.log, GetParam().want);
  story.ExpectIdle();
}

INSTANTIATE_TEST_SUITE_P(, VnodeLockStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return info.param.name; });

TEST(VnodeLockTest, TheExclusiveHolderMayTakeItAgain) {
  LockStory s;
  const auto recurse = [](LockStory* t) -> sim::Task<void> {
    co_await t->lock.Lock(t->engine, kX);
    co_await sim::Pause(t->engine, 5, "keep");
    // Somebody waits by now, which is nothing to the holder.
    EXPECT_EQ(t->lock.waiting(), 1);
    EXPECT_TRUE(t->lock.TryLock(t->engine, kX));
    co_await t->lock.Lock(t->engine, kX);
    const bool again = co_await t->lock.LockFor(t->engine, kX, 0);
    EXPECT_TRUE(again);
    for (int i = 0; i < 3; ++i) {
      t->lock.Unlock(t->engine);
      EXPECT_EQ(t->lock.writer(), t->engine.current());
      co_await sim::Pause(t->engine, 5, "keep");
    }
    t->Say("last");
    t->lock.Unlock(t->engine);
  };
  s.engine.Spawn("r", sim::kPriorityUser, recurse(&s));
  s.Come({"b", 1, kS, 5});
  s.engine.Run();
  EXPECT_EQ(s.log, "last@20 b@20");
  s.ExpectIdle();
}

TEST(VnodeLockTest, WhoWaitsSleepsOnVnodeAsADaemonDoes) {
  LockStory s;
  s.Come({"a", 0, kX, 10});
  s.Come({"b", 1, kS, 10});
  s.engine.Run(5);
  EXPECT_EQ(s.engine.threads()[1]->wait_message(), "vnode");
  EXPECT_EQ(s.lock.writer(), s.engine.threads()[0].get());
  EXPECT_EQ(s.lock.readers(), 0);
  EXPECT_EQ(s.lock.waiting(), 1);
  s.engine.Run(15);
  EXPECT_EQ(s.lock.writer(), nullptr);
  EXPECT_EQ(s.lock.readers(), 1);
}

// With one CPU the sleeper cannot run before the one who unlocked lets it; the lock is its own all
// the same.
TEST(VnodeLockTest, TheLockIsHandedOverAndCannotBeStolen) {
  sim::Engine engine{{.context_switch_ns = 0}};
  VnodeLock lock;
  std::string log;
  const auto holder = [](sim::Engine* e, VnodeLock* l, std::string* said) -> sim::Task<void> {
    co_await l->Lock(*e, kX);
    co_await sim::Pause(*e, 10, "keep");
    l->Unlock(*e);
    EXPECT_TRUE(l->held());
    EXPECT_EQ(l->writer(), e->threads()[1].get());
    EXPECT_FALSE(l->TryLock(*e, kX));
    co_await l->Lock(*e, kX);
    *said += "holder@" + std::to_string(e->now());
    l->Unlock(*e);
  };
  const auto waiter = [](sim::Engine* e, VnodeLock* l, std::string* said) -> sim::Task<void> {
    co_await l->Lock(*e, kX);
    *said += "waiter@" + std::to_string(e->now()) + " ";
    co_await e->Consume(3);
    l->Unlock(*e);
  };
  engine.Spawn("holder", sim::kPriorityUser, holder(&engine, &lock, &log));
  engine.Spawn("waiter", sim::kPriorityUser, waiter(&engine, &lock, &log));
  engine.Run();
  EXPECT_EQ(log, "waiter@10 holder@13");
  EXPECT_FALSE(lock.held());
}

// The timeout passes while a better thread has the only CPU, and before the sleeper can run and
// leave the queue it is its turn: then it has the lock, late as it is.
TEST(VnodeLockTest, ATurnThatComesBeforeTheLateSleeperRunsIsTaken) {
  sim::Engine engine{{.context_switch_ns = 0}};
  VnodeLock lock;
  std::string log;
  const auto holder = [](sim::Engine* e, VnodeLock* l) -> sim::Task<void> {
    co_await l->Lock(*e, kX);
    co_await sim::Pause(*e, 5, "keep");
    co_await e->Consume(20);
    l->Unlock(*e);
  };
  const auto late = [](sim::Engine* e, VnodeLock* l, std::string* said) -> sim::Task<void> {
    const bool got = co_await l->LockFor(*e, kX, 10);
    *said = std::string(got ? "got" : "no") + "@" + std::to_string(e->now());
    if (got) l->Unlock(*e);
  };
  engine.Spawn("holder", sim::kPriorityDaemon, holder(&engine, &lock));
  engine.Spawn("late", sim::kPriorityUser, late(&engine, &lock, &log));
  engine.Run();
  EXPECT_EQ(log, "got@25");
  EXPECT_FALSE(lock.held());
  EXPECT_EQ(lock.waiting(), 0);
}

TEST(VnodeLockTest, TeardownWhileThreadsSleepLeavesNobodyInTheQueue) {
  LockStory s;
  s.Come({"a", 0, kX, 1000});
  s.Come({"b", 1, kS, 10});
  s.Come({"c", 2, kX, 10, kFor, 500});
  s.Come({"d", 3, kS, 10});
  s.engine.Run(50);
  EXPECT_EQ(s.lock.waiting(), 3);
  s.engine.DestroyThreads();
  EXPECT_EQ(s.lock.waiting(), 0);
  EXPECT_EQ(s.log, "a@0");
  s.engine.Run();  // No timeout is left that would touch a frame.
  EXPECT_EQ(s.log, "a@0");
}

TEST(VnodeLockTest, TeardownOfOneWhoHasTheLockAndHasNotRunYet) {
  sim::Engine engine{{.context_switch_ns = 0}};
  VnodeLock lock;
  const auto holder = [](sim::Engine* e, VnodeLock* l) -> sim::Task<void> {
    co_await l->Lock(*e, kX);
    co_await sim::Pause(*e, 5, "keep");
    l->Unlock(*e);
    co_await e->Consume(100);
  };
  const auto waiter = [](sim::Engine* e, VnodeLock* l) -> sim::Task<void> {
    co_await l->Lock(*e, kX);
    ADD_FAILURE() << "it ran";
  };
  engine.Spawn("holder", sim::kPriorityDaemon, holder(&engine, &lock));
  engine.Spawn("waiter", sim::kPriorityUser, waiter(&engine, &lock));
  engine.Run(20);
  EXPECT_EQ(lock.writer(), engine.threads()[1].get());
  EXPECT_EQ(lock.waiting(), 0);
  engine.DestroyThreads();
  EXPECT_EQ(lock.waiting(), 0);
}

// Random visitors. Whoever is inside counts; nobody may be inside with a writer, everybody gets
// an answer, and nobody waits longer than it said.
class VnodeLockPropertyTest : public testing::TestWithParam<uint64_t> {
 protected:
  static sim::Task<void> Visitor(VnodeLockPropertyTest* t, uint64_t seed) {
    sim::SplitMix64 random(seed);
    LockStory& s = t->story_;
    for (int i = 0; i < 40; ++i) {
      co_await sim::Pause(s.engine, 1 + static_cast<sim::SimDuration>(random.Below(60)), "away");
      const LockType type = random.Below(3) == 0 ? kX : kS;
      const uint64_t how = random.Below(4);
      const sim::SimTime since = s.engine.now();
      bool got = true;
      if (how == 0) {
        const bool free = s.lock.waiting() == 0 && s.lock.writer() == nullptr &&
                          (type == kS || s.lock.readers() == 0);
        got = s.lock.TryLock(s.engine, type);
        EXPECT_EQ(got, free);
      } else if (how == 1) {
        const auto timeout = static_cast<sim::SimDuration>(random.Below(30));
        got = co_await s.lock.LockFor(s.engine, type, timeout);
        EXPECT_LE(s.engine.now(), since + timeout);
        if (!got) {
          EXPECT_EQ(s.engine.now(), since + timeout);
        }
      } else {
        co_await s.lock.Lock(s.engine, type);
      }
      ++t->answers_;
      if (!got) continue;
      int& inside = type == kX ? t->writers_ : t->readers_;
      ++inside;
      t->ExpectCountsAgree();
      co_await sim::Pause(s.engine, 1 + static_cast<sim::SimDuration>(random.Below(8)), "inside");
      t->ExpectCountsAgree();
      --inside;
      s.lock.Unlock(s.engine);
    }
  }
  // Who was let in and has not run yet is not counted here.
  void ExpectCountsAgree() const {
    EXPECT_TRUE(writers_ == 0 || (writers_ == 1 && readers_ == 0));
    EXPECT_LE(readers_, story_.lock.readers());
    EXPECT_EQ(writers_ == 1, story_.lock.writer() != nullptr);
  }

  LockStory story_;
  int readers_ = 0;
  int writers_ = 0;
  int answers_ = 0;
};

TEST_P(VnodeLockPropertyTest, ReadersOrOneWriter) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  constexpr int kVisitors = 12;
  for (uint64_t i = 0; i < kVisitors; ++i) {
    story_.engine.Spawn("v", sim::kPriorityUser, Visitor(this, GetParam() * 1000 + i));
  }
  story_.engine.Run();
  EXPECT_EQ(answers_, kVisitors * 40);
  story_.ExpectIdle();
}

INSTANTIATE_TEST_SUITE_P(Seeds, VnodeLockPropertyTest, testing::Range(uint64_t{1}, uint64_t{9}));

TEST(VnodeLockDeathTest, MisuseIsCaught) {
  sim::Engine engine{{.context_switch_ns = 0}};
  VnodeLock lock;
  EXPECT_DEATH(lock.TryLock(engine, kS), "only threads lock vnodes");
  EXPECT_DEATH(lock.Unlock(engine), "not locked");
  const auto misuse = [](sim::Engine* e, VnodeLock* l) -> sim::Task<void> {
    EXPECT_DEATH(l->Unlock(*e), "not locked");
    EXPECT_TRUE(l->TryLock(*e, kX));
    EXPECT_DEATH(l->TryLock(*e, kS), "asks to share it");
    co_await sim::Pause(*e, 10, "keep");
    l->Unlock(*e);
  };
  const auto other = [](sim::Engine* e, VnodeLock* l) -> sim::Task<void> {
    co_await sim::Pause(*e, 5, "visit");
    EXPECT_DEATH(l->Unlock(*e), "has not locked it");
  };
  engine.Spawn("misuse", sim::kPriorityUser, misuse(&engine, &lock));
  engine.Spawn("other", sim::kPriorityUser, other(&engine, &lock));
  engine.Run();
  EXPECT_FALSE(lock.held());
}

}  // namespace
}  // namespace vmsim::vfs
