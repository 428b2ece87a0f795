#include "sim/engine.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "sim/engine_story.h"
#include "sim/random.h"
#include "sim/trace.h"

namespace vmsim::sim {
namespace {

struct Story {
  std::string_view name, text, want;
};

// Defaults: one CPU, slices of 10 ns, switches for nothing.
constexpr Story kStories[] = {
    {"OneThread", "thread a 120: say x, run 5, say y", "x@0 y@5"},
    {"EqualsComeInOrder", "thread a 120: run 5, say a; thread b 120: run 5, say b", "a@5 b@10"},
    {"TheBetterGoesFirst", "thread a 120: run 5, say a; thread d 84: run 5, say d", "d@5 a@10"},
    {"ADaemonTakesTheCpuAtOnce",
     "thread d 84: sleep c 84, run 3, say d; thread a 120: run 20, say a; at 7 device: wake c",
     "d:woken@7 d@10 a@23"},
    {"AWorseOneWaitsForTheEnd",
     "thread a 120: pause 1, run 20, say a; thread b 130: sleep c 84, run 3, say b;"
     "at 7 device: wake c",
     "a@21 b:woken@21 b@24"},
    {"TheWakerGoesOnToItsNextConsume",
     "thread d 84: sleep c 84, run 3; thread a 120: run 5, wake c, say a1, run 5, say a2",
     "a1@5 d:woken@5 a2@13"},
    {"ADaemonDoesNotTakeFromADaemon",
     "thread d 84: sleep c 84, say d; thread e 84: run 8, say e; at 3 device: wake c",
     "e@8 d:woken@8 d@8"},

    // Slices. In the first, a runs 0-10, b 10-20, a 20-30, b 30-35, a 35-40.
    {"SlicesTakeTurns", "thread a 120: run 25, say a; thread b 120: run 15, say b", "b@35 a@40"},
    {"SwitchesCost",
     // a from 2, b from 14, a from 26, b from 38 for its last 5, a from 45 for its last 5.
     "switch 2; thread a 120: run 25, say a; thread b 120: run 15, say b", "b@43 a@50"},
    {"NobodyWaitsNoTurn", "switch 2; thread a 120: run 95, say a", "a@97"},
    {"ThePreemptedKeepsTheRestOfItsSlice",
     // a 0-6, d 6-11, a 11-15 (the rest of its 10), b 15-19, a 19-21.
     "thread d 84: sleep c 84, run 5; thread a 120: run 12, say a; thread b 120: run 4, say b;"
     "at 6 device: wake c",
     "d:woken@6 b@19 a@21"},
    {"FrequentPreemptionStarvesNobody",
     // a 0-6, d 6-7, a 7-11 (end of slice), b 11-12, d 12-13, b 13-15, a 15-...
     "thread d 84: sleep c 84, run 1, sleep c 84, run 1, sleep c 84, run 1;"
     "thread a 120: run 30, say a; thread b 120: run 3, say b;"
     "at 6 device: wake c; at 12 device: wake c; at 18 device: wake c",
     "d:woken@6 d:woken@12 b@15 d:woken@18 a@36"},
    {"APreemptedOneThatHadItsSliceGoesToTheTail",
     // d until 1, a from 2. At 12 the slice of a is over and d comes in the same instant: d from 13
     // to 18, then b is first, from 19, and a pays the 2 that it owes from 24.
     "switch 1; thread d 84: sleep c 84, run 5; thread a 120: run 12, say a;"
     "thread b 120: run 4, say b; at 12 device: wake c",
     "d:woken@13 b@23 a@26"},
    {"AnEqualWaitsNoLongerThanASlice",
     "thread b 120: sleep c 84, say b; thread a 120: run 50, say a; at 3 device: wake c",
     "b:woken@10 b@10 a@50"},
    {"WhoHadItsSliceYieldsToTheFirstEqual",
     "thread b 120: sleep c 84, run 2, say b; thread a 120: run 50, say a; at 33 device: wake c",
     "b:woken@33 b@35 a@52"},
    {"Yield", "thread a 120: run 1, yield, say a; thread b 120: say b", "b@1 a@1"},
    {"YieldAloneIsFree", "switch 2; thread a 120: run 1, yield, run 1, say a", "a@4"},
    {"YieldDoesNotServeTheWorse", "thread a 120: yield, say a; thread b 121: say b", "a@0 b@0"},

    // Several CPUs.
    {"TwoCpus", "cpus 2; thread a 120: run 5, say a; thread b 120: run 3, say b", "b@3 a@5"},
    {"ATieGoesToTheBetter", "cpus 2; thread a 120: run 5, say a; thread d 84: run 5, say d",
     "d@5 a@5"},
    {"ATieOfEqualsGoesToTheEarlierReady",
     "cpus 2; thread a 120: run 5, say a; thread b 120: run 5, say b", "a@5 b@5"},
    {"AnEventGoesBeforeThreads", "thread a 120: run 5, say a; at 5 thread: say e", "e@5 a@5"},
    {"ThreeTakeTurnsOnTwoCpus",
     // a and b 0-10; at 10 both have had their slices: c takes a's CPU, then a takes b's. a is
     // through at 20, and b and c share the CPUs until 30.
     "cpus 2; thread a 120: run 20, say a; thread b 120: run 20, say b;"
     "thread c 120: run 20, say c",
     "a@20 b@30 c@30"},
    {"TheWorstLosesItsCpu",
     "cpus 2; thread d 84: sleep c 84, run 4; thread a 110: run 9, say a;"
     "thread b 120: run 9, say b; at 3 device: wake c",
     "d:woken@3 a@9 b@13"},
    {"OfEqualsTheLastCpusThreadLoses",
     // b took the first CPU when d went to sleep.
     "cpus 2; thread d 84: sleep c 84, run 4; thread a 120: run 9, say a;"
     "thread b 120: run 9, say b; at 3 device: wake c",
     "d:woken@3 b@9 a@13"},
    {"TwoDaemonsTakeBothCpus",
     // The first is promised the waker's CPU, so the second takes the other at once.
     "cpus 2; thread d 84: sleep c 84, run 2; thread e 84: sleep c 84, run 2;"
     "thread a 120: run 20, say a; thread b 120: run 5, wakeall c, say b1, run 5, say b2",
     "b1@5 d:woken@5 e:woken@5 b2@12 a@22"},
    {"AnIdleCpuTakesAWaiter",
     "cpus 2; thread a 120: run 2; thread b 120: run 9, say b; thread c 120: run 3, say c",
     "c@5 b@9"},
    {"ASleeperReturnsToItsCpuWithoutASwitch",
     // Switches: a and b at the start. Each later finds its own CPU idle.
     "cpus 2; switch 1; thread a 120: pause 10, say a, run 1; thread b 120: pause 5, say b, run 1",
     "b@6 a@11"},
};

class EngineStoryTest : public testing::TestWithParam<Story> {};

TEST_P(EngineStoryTest, Whole) { EXPECT_EQ(RunStory(GetParam().text), GetParam().want); }
TEST_P(EngineStoryTest, InPieces) {
  EXPECT_EQ(RunStory(GetParam().text, ConsumeStyle::kPieces), GetParam().want);
}
TEST_P(EngineStoryTest, AsReferences) {
  EXPECT_EQ(RunStory(GetParam().text, ConsumeStyle::kReferences), GetParam().want);
}
TEST_P(EngineStoryTest, CutByLimits) {
  EngineStory story(GetParam().text);
  for (SimTime limit = 0; limit < 200; ++limit) {
    story.engine().Run(limit);
    EXPECT_LE(story.engine().now(), limit);
  }
  EXPECT_EQ(story.log(), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(, EngineStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// ---- Properties of random stories.

std::string Number(SplitMix64& random, uint64_t low, uint64_t high) {
  return std::to_string(low + random.Below(high - low + 1));
}

std::string RandomAction(SplitMix64& random, const std::string& thread, int serial) {
  const std::string channel = "c" + Number(random, 0, 1);
  switch (random.Below(10)) {
    case 0:
      return "wake " + channel;
    case 1:
      return "wakeall " + channel;
    case 2:
      return "sleep " + channel + (random.Below(2) == 0 ? " 84" : " 120") + " timeout " +
             Number(random, 1, 40);
    case 3:
      return "sleep " + channel + " 84 intr timeout " + Number(random, 1, 40);
    case 4:
      return "pause " + Number(random, 1, 25);
    case 5:
      return "yield";
    case 6:
      return "say " + thread + std::to_string(serial);
    default:
      return "run " + Number(random, 1, 30);
  }
}

std::string RandomStory(SplitMix64& random) {
  std::string text = "cpus " + Number(random, 1, 3) + "; slice " + Number(random, 3, 15) +
                     "; grain " + Number(random, 0, 5) + "; switch " + Number(random, 0, 2);
  const uint64_t threads = 2 + random.Below(5);
  for (uint64_t t = 0; t < threads; ++t) {
    constexpr std::string_view kPriorities[] = {"84", "120", "120", "121"};
    const std::string name(1, static_cast<char>('a' + t));
    text += "\nthread " + name + " " + std::string(kPriorities[random.Below(4)]) + ": ";
    for (int i = 0; i < 12; ++i) text += RandomAction(random, name, i) + ", ";
    text += "say " + name + "_ends";
  }
  for (uint64_t e = random.Below(6); e > 0; --e) {
    constexpr std::string_view kClasses[] = {"device", "wakeup", "timeout", "daemon", "thread"};
    text += "\nat " + Number(random, 0, 150) + " " + std::string(kClasses[random.Below(5)]) + ": ";
    text += random.Below(2) == 0 ? "wakeall c0" : "wake c1";
    text += ", interrupt a";
  }
  return text;
}

TEST(EnginePropertyTest, HowWorkIsCutChangesNothing) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SplitMix64 random(seed);
    const std::string text = RandomStory(random);
    SCOPED_TRACE("seed " + std::to_string(seed) + ":\n" + text);
    const std::string log = RunStory(text);
    ASSERT_EQ(RunStory(text), log) << "the same run twice";
    ASSERT_EQ(RunStory(text, ConsumeStyle::kPieces), log);
    ASSERT_EQ(RunStory(text, ConsumeStyle::kReferences), log);

    EngineStory cut(text, ConsumeStyle::kReferences);
    for (SimTime limit = 0; limit < 2000; limit += static_cast<SimTime>(random.Below(20))) {
      cut.engine().Run(limit);
      ASSERT_LE(cut.engine().now(), limit);
    }
    ASSERT_EQ(cut.log(), log) << "cut by limits";
  }
}

TEST(EnginePropertyTest, AllWorkIsDoneAndPaidFor) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SplitMix64 random(seed);
    const std::string text = RandomStory(random);
    SCOPED_TRACE("seed " + std::to_string(seed) + ":\n" + text);
    EngineStory story(text);
    story.engine().Run();
    SimDuration work = 0;
    for (const auto& thread : story.engine().threads()) {
      ASSERT_TRUE(thread->done()) << thread->name();
      EXPECT_EQ(thread->cpu_time(), story.WorkOf(thread->name()));
      work += thread->cpu_time();
    }
    const EngineConfig& config = story.engine().config();
    EXPECT_GE(story.engine().now() * config.cpus, work);
    EXPECT_EQ(story.engine().running(), 0);
    EXPECT_EQ(story.engine().run_queue_length(), 0u);
  }
}

TEST(EnginePropertyTest, OneBusyCpuIsNeverIdle) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SplitMix64 random(seed);
    std::string text = "switch 3; slice " + Number(random, 1, 20);
    for (const char* name : {"a", "b", "c"}) {
      text += std::string("\nthread ") + name + (random.Below(2) == 0 ? " 120" : " 84") + ": run " +
              Number(random, 1, 99) + ", run " + Number(random, 1, 99);
    }
    SCOPED_TRACE("seed " + std::to_string(seed) + ":\n" + text);
    EngineStory story(text);
    story.engine().Run();
    SimDuration work = 0;
    for (const auto& thread : story.engine().threads()) work += thread->cpu_time();
    EXPECT_EQ(story.engine().now(), work + 3 * story.engine().stats().context_switches);
  }
}

// ---- What stories cannot tell.

Task<void> Forever(Engine& engine, SimDuration ns, int64_t* rounds) {
  while (true) {
    co_await engine.Consume(ns);
    ++*rounds;
  }
}

TEST(EngineTest, RunStopsAtItsLimitAndGoesOn) {
  Engine engine({.context_switch_ns = 0});
  int64_t rounds = 0;
  engine.Spawn("forever", kPriorityUser, Forever(engine, 10, &rounds));
  engine.Run(99);
  EXPECT_EQ(rounds, 9);
  engine.Run(99);
  EXPECT_EQ(rounds, 9);
  engine.Run(100);  // What happens at the limit does happen.
  EXPECT_EQ(rounds, 10);
  engine.Run(1000);
  EXPECT_EQ(rounds, 100);
  EXPECT_EQ(engine.now(), 1000);
}

TEST(EngineTest, AThreadThatConsumesForEverDoesNotRunAgain) {
  Engine engine({.context_switch_ns = 0});
  int64_t rounds = 0;
  engine.Spawn("forever", kPriorityUser, Forever(engine, kNever, &rounds));
  engine.Run();
  EXPECT_EQ(rounds, 0);
}

Task<void> StopAfter(Engine& engine, int64_t stop_at, int64_t* rounds) {
  while (true) {
    co_await engine.Consume(1);
    if (++*rounds == stop_at) engine.Stop();
    if (engine.stopped()) {
      EXPECT_EQ(engine.Budget(), 0);
    }
  }
}

TEST(EngineTest, AThreadStopsTheRun) {
  Engine engine({.context_switch_ns = 0});
  int64_t rounds = 0;
  engine.Spawn("stopper", kPriorityUser, StopAfter(engine, 7, &rounds));
  engine.Run();
  EXPECT_TRUE(engine.stopped());
  EXPECT_EQ(rounds, 7);
  engine.Run(20);
  EXPECT_FALSE(engine.stopped());
  EXPECT_EQ(rounds, 20);
}

TEST(EngineTest, AnEventStopsTheRun) {
  EngineStory story("thread a 120: run 10, say a; at 5 device: say e, stop; at 6 device: say f");
  story.engine().Run();
  EXPECT_EQ(story.log(), "e@5");
  story.engine().Run();
  EXPECT_EQ(story.log(), "e@5 f@6 a@10");
}

Task<void> RecordBudgets(Engine& engine, std::vector<SimDuration>* budgets) {
  for (int i = 0; i < 4; ++i) {
    budgets->push_back(engine.Budget());
    co_await engine.Consume(std::max<SimDuration>(engine.Budget(), 1));
  }
}

TEST(EngineTest, TheBudgetEndsAtTheNextEventAndTheLimit) {
  Engine engine({.context_switch_ns = 0});
  std::vector<SimDuration> budgets;
  engine.Spawn("a", kPriorityUser, RecordBudgets(engine, &budgets));
  const auto nothing = [](void*, uint64_t) {};
  const EventId cancelled = engine.events().Schedule(5, EventClass::kDevice, nothing, nullptr, 0);
  engine.events().Schedule(30, EventClass::kDevice, nothing, nullptr, 0);
  engine.events().Cancel(cancelled);
  engine.Run(99);
  EXPECT_EQ(budgets, (std::vector<SimDuration>{30, 70}));  // To 30, then past the limit.
  engine.Run(199);
  EXPECT_EQ(budgets, (std::vector<SimDuration>{30, 70, 100}));
}

TEST(EngineTest, TheBudgetEndsAGrainPastTheOthers) {
  Engine engine({.cpus = 3, .grain_ns = 7, .context_switch_ns = 0});
  std::vector<SimDuration> budgets;
  int64_t rounds = 0;
  engine.Spawn("a", kPriorityUser, RecordBudgets(engine, &budgets));
  engine.Spawn("b", kPriorityUser, Forever(engine, 20, &rounds));
  engine.Spawn("c", kPriorityUser, Forever(engine, 50, &rounds));
  engine.Run(40);
  // At 0 the others stand at 0; at 7 the nearest stands at 20, at 27 at 40; then comes the limit.
  EXPECT_EQ(budgets, (std::vector<SimDuration>{7, 20, 14}));
}

TEST(EngineTest, TheBudgetEndsWithTheSliceWhenEqualsWait) {
  Engine engine({.slice_ns = 100, .context_switch_ns = 0});
  std::vector<SimDuration> budgets;
  int64_t rounds = 0;
  engine.Spawn("a", kPriorityUser, RecordBudgets(engine, &budgets));
  engine.Spawn("worse", kPriorityUser + 1, Forever(engine, 30, &rounds));
  engine.Run(9);
  EXPECT_EQ(budgets, std::vector<SimDuration>{10});  // The limit: worse ones do not matter.
  engine.Spawn("equal", kPriorityUser, Forever(engine, 30, &rounds));
  engine.Run(150);
  EXPECT_EQ(budgets, (std::vector<SimDuration>{10, 90}));
}

TEST(EngineTest, ThreadsReportWhereTheyAre) {
  EngineStory story(
      "thread s 120: sleep c 84; thread r 120: run 50; thread w 120: run 5; thread n 84: say n");
  Engine& engine = story.engine();
  engine.Run(20);
  using State = Thread::State;
  EXPECT_EQ(story.thread("s")->state(), State::kSleeping);
  EXPECT_EQ(story.thread("s")->wait_message(), "story");
  EXPECT_EQ(story.thread("r")->state(), State::kRunning);
  EXPECT_EQ(story.thread("r")->wait_message(), "");
  EXPECT_EQ(story.thread("w")->state(), State::kDone);
  EXPECT_EQ(story.thread("n")->state(), State::kDone);
  EXPECT_EQ(story.thread("n")->id(), 3u);
  EXPECT_EQ(engine.running(), 1);
  EXPECT_EQ(engine.current(), nullptr);
  EXPECT_EQ(engine.current_cpu(), 0);
  EXPECT_EQ(engine.stats().preemptions, 1);  // n took the CPU that s was to have first.
}

Task<void> EmitTwice(Engine& engine, Trace& trace, uint32_t actor) {
  trace.Emit(1, actor, 0, 0);
  co_await engine.Consume(10);
  trace.Emit(1, actor, 0, 0);
}

TEST(EngineTest, TheTraceKnowsTheCpu) {
  Engine engine({.cpus = 2, .context_switch_ns = 0});
  Trace trace(engine.events().clock());
  VectorSink sink;
  trace.AddSink(&sink);
  engine.set_trace(&trace);
  engine.Spawn("a", kPriorityUser, EmitTwice(engine, trace, 100));
  engine.Spawn("b", kPriorityUser, EmitTwice(engine, trace, 101));
  engine.events().Schedule(
      10, EventClass::kDevice,
      [](void* context, uint64_t) { static_cast<Trace*>(context)->Emit(1, 7, 0, 0); }, &trace, 0);
  engine.Run();
  trace.Flush();
  std::string seen;
  for (const TraceRecord& r : sink.records()) {
    seen += std::to_string(r.actor) + "@" + std::to_string(r.time) + "/" + std::to_string(r.cpu);
    seen += ' ';
  }
  EXPECT_EQ(seen, "100@0/0 101@0/1 7@10/0 100@10/0 101@10/1 ");
}

Task<void> SpawnChild(Engine& engine, int64_t* rounds) {
  co_await engine.Consume(5);
  engine.Spawn("child", kPriorityUser, Forever(engine, 10, rounds));
}

TEST(EngineTest, ThreadsSpawnThreads) {
  Engine engine({.context_switch_ns = 0});
  int64_t rounds = 0;
  engine.Spawn("parent", kPriorityUser, SpawnChild(engine, &rounds));
  engine.Run(100);
  EXPECT_EQ(rounds, 9);
  EXPECT_TRUE(engine.threads()[0]->done());
}

// A million calls of a thread, each of which consumes and every other of which sleeps.
Task<int> Call(Engine& engine, int i) {
  co_await engine.Consume(1);
  if (i % 2 == 0) co_await Pause(engine, 1, "pause");
  co_return 1;
}
Task<void> MillionCalls(Engine& engine, int* calls) {
  for (int i = 0; i < 1'000'000; ++i) *calls += co_await Call(engine, i);
}

TEST(EngineTest, AMillionCallsOfAThread) {
  Engine engine({.context_switch_ns = 0});
  int calls = 0;
  engine.Spawn("a", kPriorityUser, MillionCalls(engine, &calls));
  engine.Run();
  EXPECT_EQ(calls, 1'000'000);
  EXPECT_EQ(engine.now(), 1'500'000);
}

using EngineDeathTest = testing::Test;

TEST(EngineDeathTest, Misuse) {
  EXPECT_DEATH(Engine({.cpus = 0}), "config.cpus");
  EXPECT_DEATH(Engine({.cpus = kMaxCpus + 1}), "config.cpus");
  EXPECT_DEATH(Engine({.slice_ns = 0}), "config.slice_ns");
  EXPECT_DEATH(Engine({.grain_ns = -1}), "ns >= 0");
  Engine engine;
  EXPECT_DEATH(engine.Spawn("nobody", kPriorityUser, Task<void>()), "body.valid");
  int64_t rounds = 0;
  engine.Spawn("back", kPriorityUser, Forever(engine, -1, &rounds));
  EXPECT_DEATH(engine.Run(), ">=");
}

}  // namespace
}  // namespace vmsim::sim
