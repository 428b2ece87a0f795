#include "sim/wait_channel.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "sim/engine.h"
#include "sim/engine_story.h"

namespace vmsim::sim {
namespace {

struct Story {
  std::string_view name, text, want;
};

constexpr Story kStories[] = {
    {"WakeOneTakesTheBetterSleeperThenTheFirst",
     "thread a 120: sleep c 120; thread b 120: sleep c 120; thread d 120: sleep c 84;"
     "at 1 device: wake c; at 2 device: wake c; at 3 device: wake c",
     "d:woken@1 a:woken@2 b:woken@3"},
    {"WakeAllInTheSameOrder",
     "thread a 120: sleep c 120; thread b 120: sleep c 120; thread d 120: sleep c 84;"
     "thread e 120: sleep c 84; at 1 device: wakeall c",
     "d:woken@1 e:woken@1 a:woken@1 b:woken@1"},
    {"TheThreadsPriorityDecidesWhoRuns",
     "thread a 120: sleep c 84; thread d 84: sleep c 120; at 1 device: wakeall c",
     "d:woken@1 a:woken@1"},
    {"WhoSleepsAgainIsLast",
     "thread a 120: sleep c 84, sleep c 84; thread b 120: sleep c 84;"
     "at 1 device: wake c; at 2 device: wake c; at 3 device: wake c",
     "a:woken@1 b:woken@2 a:woken@3"},
    {"WakingNobodyIsLost", "at 1 device: wake c; thread a 120: pause 2, sleep c 84 timeout 5",
     "a:timeout@7"},
    {"ChannelsAreApart",
     "thread a 120: sleep c 84; thread b 120: sleep e 84; at 1 device: wakeall e; at 2 device: "
     "wakeall c",
     "b:woken@1 a:woken@2"},

    // Timeouts.
    {"ATimeoutEndsASleep", "thread a 120: run 3, sleep c 84 timeout 10", "a:timeout@13"},
    {"ATimeoutOfNothing", "thread a 120: sleep c 84 timeout 0", "a:timeout@0"},
    {"AWakeupCancelsTheTimeout",
     "thread a 120: sleep c 84 timeout 10, sleep c 84; at 5 device: wake c; at 30 device: wake c",
     "a:woken@5 a:woken@30"},
    {"ACompletionAtTheDeadlineBeatsTheTimeout",
     "thread a 120: sleep c 84 timeout 10; at 10 device: wake c", "a:woken@10"},
    {"SoDoesAWakeup", "thread a 120: sleep c 84 timeout 10; at 10 wakeup: wake c", "a:woken@10"},
    {"ADaemonsEventAtTheDeadlineIsLate",
     "thread a 120: sleep c 84 timeout 10; at 10 daemon: wake c", "a:timeout@10"},
    {"AThreadAtTheDeadlineIsLate",
     "cpus 2; thread a 120: sleep c 84 timeout 10; thread b 120: run 10, wake c, say b",
     "b@10 a:timeout@10"},
    {"ATimedOutSleeperIsNotWoken",
     "thread a 120: sleep c 84 timeout 5; thread b 120: sleep c 84; at 9 device: wake c",
     "a:timeout@5 b:woken@9"},
    {"TimeoutsOfOneInstantInOrderOfSleep",
     "thread b 120: sleep c 84 timeout 5; thread a 120: sleep c 84 timeout 5",
     "b:timeout@5 a:timeout@5"},

    // Interrupts.
    {"ASignalEndsAnInterruptibleSleep", "thread a 120: sleep c 84 intr; at 4 device: interrupt a",
     "a:eintr@4"},
    {"NotAnother", "thread a 120: sleep c 84 timeout 10; at 4 device: interrupt a", "a:timeout@10"},
    {"NotAPause", "thread a 120: pause 10, say a; at 4 device: interrupt a", "a@10"},
    {"NorOneThatRuns", "thread a 120: run 10, say a; at 4 device: interrupt a", "a@10"},
    {"NorOneThatIsDone", "thread a 120: say a; at 4 device: interrupt a", "a@0"},
    {"ASignalBeforeTheWakeup",
     "thread a 120: sleep c 84 intr timeout 9; thread b 120: sleep c 84;"
     "at 4 device: interrupt a, wake c",
     "a:eintr@4 b:woken@4"},
    {"ASignalAfterTheWakeup",
     "thread a 120: sleep c 84 intr timeout 9; thread b 120: sleep c 84;"
     "at 4 device: wake c, interrupt a; at 5 device: wake c",
     "a:woken@4 b:woken@5"},
    {"AThreadInterruptsAnother",
     "thread a 84: sleep c 84 intr, run 1; thread b 120: run 5, interrupt a, say b, run 1, say z",
     "b@5 a:eintr@5 z@7"},

    // Sleeping gives up the CPU; being woken only makes runnable.
    {"OthersRunMeanwhile", "thread a 120: pause 10, say a; thread b 120: run 4, say b", "b@4 a@10"},
    {"TheWokenWaitsForACpu",
     "thread b 120: run 3; thread a 120: pause 1, say a; thread z 120: run 9, say z",
     // a sleeps 3-4 while z runs; at 12 z is through before its slice is over.
     "z@12 a@12"},
    {"APauseOfNothing", "thread a 120: pause 0, say a; thread b 120: say b", "a@0 b@0"},
};

class WaitChannelStoryTest : public testing::TestWithParam<Story> {};
TEST_P(WaitChannelStoryTest, Whole) { EXPECT_EQ(RunStory(GetParam().text), GetParam().want); }
TEST_P(WaitChannelStoryTest, InPieces) {
  EXPECT_EQ(RunStory(GetParam().text, ConsumeStyle::kPieces), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(, WaitChannelStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// ---- Teardown. AddressSanitizer and LeakSanitizer see what these leave behind.

TEST(TeardownTest, SleepersThreeFramesDeep) {
  // Body, Do and Sleep of each thread; on channels with and without timeouts, paused, waiting for a
  // CPU, in the middle of consuming, not yet started.
  constexpr std::string_view kText =
      "thread a 120: sleep c 84; thread b 120: sleep c 84 timeout 1000; thread d 120: sleep e 84 "
      "intr; thread f 120: pause 1000; thread g 120: run 1000; thread h 120: run 1000;"
      "thread i 121: say never";
  for (const SimTime limit : {-1, 0, 5, 15, 999}) {
    EngineStory story(kText);
    story.engine().Run(limit);
    EXPECT_EQ(story.log(), "");
    if (limit == 15) {  // Their timeouts go with them; else the engine's end does the same.
      EXPECT_EQ(story.engine().events().size(), 2u);
      story.engine().DestroyThreads();
      EXPECT_TRUE(story.engine().events().empty());
    }
  }
}

struct WakesOnExit {
  WaitChannel* channel;
  ~WakesOnExit() { channel->WakeAll(); }
};

Task<void> SleepHolding(Engine& engine, WaitChannel& slept_on, WaitChannel& held) {
  const WakesOnExit guard{&held};
  co_await slept_on.Sleep(engine, kPriorityUser, "hold");
}

TEST(TeardownTest, FramesMayWakeOthers) {
  WaitChannel a, b;
  Engine engine({.context_switch_ns = 0});
  engine.Spawn("a", kPriorityUser, SleepHolding(engine, a, b));
  engine.Spawn("b", kPriorityUser, SleepHolding(engine, b, a));
  engine.Spawn("c", kPriorityUser, SleepHolding(engine, b, b));
  engine.Run();
  EXPECT_FALSE(a.empty());
  engine.DestroyThreads();
  EXPECT_TRUE(a.empty());
  EXPECT_TRUE(b.empty());
  for (const auto& thread : engine.threads()) EXPECT_TRUE(thread->done());
  EXPECT_EQ(engine.running(), 0);
  EXPECT_EQ(engine.run_queue_length(), 0u);
  engine.Run();  // Nothing is left.
}

Task<void> EndHolding(WakesOnExit) { co_return; }

TEST(TeardownTest, AThreadsLastActIsToWakeABetterOne) {
  // The guard is a parameter: it goes with the frame, when its thread is done already.
  WaitChannel a, b;
  Engine engine({.context_switch_ns = 0});
  engine.Spawn("daemon", kPriorityDaemon, SleepHolding(engine, a, b));
  Thread* last = engine.Spawn("last", kPriorityUser, EndHolding(WakesOnExit{&a}));
  engine.Run();
  EXPECT_TRUE(last->done());
  for (const auto& thread : engine.threads()) EXPECT_TRUE(thread->done()) << thread->name();
}

TEST(TeardownTest, ChannelsMayGoAfterDestroyThreads) {
  Engine engine;
  auto channel = std::make_unique<WaitChannel>();
  engine.Spawn("a", kPriorityUser, SleepHolding(engine, *channel, *channel));
  engine.Run();
  engine.DestroyThreads();
  channel.reset();
  EXPECT_TRUE(engine.events().empty());
}

using WaitChannelDeathTest = testing::Test;

TEST(WaitChannelDeathTest, Misuse) {
  Engine engine;
  auto channel = std::make_unique<WaitChannel>();
  engine.Spawn("a", kPriorityUser, SleepHolding(engine, *channel, *channel));
  engine.Run();
  EXPECT_DEATH(channel.reset(), "under its sleepers");
  Task<void> nobody = SleepHolding(engine, *channel, *channel);
  EXPECT_DEATH(ResumeChain(nobody.handle()), "only a thread sleeps");
  engine.DestroyThreads();
}

}  // namespace
}  // namespace vmsim::sim
