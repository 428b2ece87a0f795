#include "vm/domain.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "sim/engine.h"

namespace vmsim::vm {
namespace {

// The thresholds of 4096 pages: interrupt 2, pageout 34, reserved 71, severe 81, min 91, wakeup
// 135.
PageoutThresholds Thresholds() {
  return ComputePageoutThresholds({.page_count = 4096, .free_count = 4096});
}

// A story begins with a free count and takes and gives pages: n, s, i allocate (normal, system,
// interrupt), p is a normal allocation of a page daemon thread, + gives back. After each step
// `want` has the free count and what holds: m, s the min and severe bits, w the page daemon is
// wanted; "!" stands for a refused allocation.
struct Story {
  std::string_view name;
  int free;
  std::string_view script, want;
};
constexpr Story kStories[] = {
    {"CrossingTheWakeupThresholdWakesTheDaemon", 137, "n2 n1", "135 134w"},
    {"OnlyTheCrossingDoes", 134, "n1", "133"},
    {"ADaemonsOwnAllocationDoesNot", 136, "p3", "133"},
    {"BitsAreSetBelowTheirThresholds", 92, "n1 n1 n9 n1", "91 90m 81m 80ms"},
    {"OneStepCanCrossBoth", 92, "n12", "80ms"},
    {"TheSevereCrossingSetsTheMinBitToo", 82, "n1 n1 +11", "81 80ms 91"},
    {"SevereIsClearedFirst", 92, "n15 +3 +1 +9 +1", "77ms 80ms 81m 90m 91"},
    {"BothAreClearedInOneStep", 92, "n20 +30", "72ms 102"},
    {"NormalStopsAtReserved", 73, "n2 n1 n3", "71 ! !"},
    {"AWholeRequestMustFit", 73, "n3 n2", "! 71"},
    {"SystemStopsAtTwo", 72, "n2 s69 s1 s1", "! 3 2 !"},
    {"ADaemonsNormalIsSystem", 71, "n1 p69 p1", "! 2 !"},
    {"InterruptTakesTheLast", 3, "i2 i1 i1", "1 0 !"},
};

class DomainStoryTest : public testing::TestWithParam<Story> {};

TEST_P(DomainStoryTest, Story) {
  sim::Engine engine;
  Domain domain(engine, Thresholds(), GetParam().free);
  std::vector<std::string> log;
  const std::vector<std::string> steps = absl::StrSplit(std::string(GetParam().script), ' ');
  for (const std::string& step : steps) {
    const int n = std::stoi(step.substr(1));
    bool done = true;
    if (step[0] == '+') {
      domain.FreecntInc(n);
    } else {
      const AllocClass alloc_class = step[0] == 's'   ? AllocClass::kSystem
                                     : step[0] == 'i' ? AllocClass::kInterrupt
                                                      : AllocClass::kNormal;
      done = domain.Reserve(alloc_class, n, /*is_pageproc=*/step[0] == 'p');
    }
    log.push_back(done ? absl::StrCat(domain.free_count(), domain.min_set() ? "m" : "",
                                      domain.severe_set() ? "s" : "",
                                      domain.pageout_wanted() ? "w" : "")
                       : "!");
  }
  EXPECT_EQ(absl::StrJoin(log, " "), std::string(GetParam().want));
}

INSTANTIATE_TEST_SUITE_P(, DomainStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// Threads that wait for memory write name@ns when they go on.
class DomainWaitTest : public testing::Test {
 protected:
  ~DomainWaitTest() override { engine_.DestroyThreads(); }

  enum class Kind { kWait, kPfault, kPageproc, kWanted };
  void Spawn(std::string name, Kind kind) {
    const std::string label = name;
    engine_.Spawn(label, sim::kPriorityUser, Body(std::move(name), kind));
    engine_.Run(engine_.now());
  }
  sim::Task<void> Body(std::string name, Kind kind) {
    switch (kind) {
      case Kind::kWait:
        co_await domain_.Wait();
        break;
      case Kind::kPfault:
        co_await domain_.WaitPfault(1000);
        break;
      case Kind::kPageproc:
        co_await domain_.WaitPageproc();
        break;
      case Kind::kWanted:
        co_await domain_.pageout_wanted_channel().Sleep(engine_, sim::kPriorityDaemon, "psleep");
        break;
    }
    absl::StrAppend(&log_, log_.empty() ? "" : " ", name, "@", engine_.now());
  }
  std::string Log() {
    engine_.Run();
    return std::exchange(log_, "");
  }

  sim::Engine engine_{{.context_switch_ns = 0}};
  Domain domain_{engine_, Thresholds(), 92};
  std::string log_;
};

TEST_F(DomainWaitTest, NobodyWaitsWhileTheMinBitIsClear) {
  Spawn("a", Kind::kWait);
  Spawn("b", Kind::kPfault);
  Spawn("c", Kind::kPageproc);
  EXPECT_EQ(Log(), "a@0 b@0 c@0");
}

TEST_F(DomainWaitTest, VmWaitWakesBeforeAFaultThatCameFirst) {
  ASSERT_TRUE(domain_.Reserve(AllocClass::kNormal, 2, false));
  Spawn("fault1", Kind::kPfault);
  Spawn("wait1", Kind::kWait);
  Spawn("fault2", Kind::kPfault);
  Spawn("wait2", Kind::kWait);
  EXPECT_EQ(domain_.waiting(), 4);
  domain_.FreecntInc(1);
  EXPECT_EQ(Log(), "wait1@0 wait2@0 fault1@0 fault2@0");
  EXPECT_EQ(domain_.waiting(), 0);
}

TEST_F(DomainWaitTest, OnlyAFaultTiresOfWaiting) {
  ASSERT_TRUE(domain_.Reserve(AllocClass::kNormal, 5, false));
  Spawn("fault", Kind::kPfault);
  Spawn("wait", Kind::kWait);
  EXPECT_EQ(Log(), "fault@1000");
  domain_.FreecntInc(3);  // 90: still below min.
  EXPECT_EQ(Log(), "");
  domain_.FreecntInc(1);
  EXPECT_EQ(Log(), "wait@1000");
}

TEST_F(DomainWaitTest, TheDaemonsThreadsWaitForTheirOwnMark) {
  domain_.ForceFreeCount(72);
  ASSERT_TRUE(domain_.Reserve(AllocClass::kSystem, 50, false));  // 22.
  Spawn("laundry", Kind::kPageproc);
  domain_.FreecntInc(11);
  EXPECT_EQ(Log(), "");
  domain_.FreecntInc(1);  // 34: pageout_free_min.
  EXPECT_EQ(Log(), "laundry@0");
}

TEST_F(DomainWaitTest, TheWakeupLatchWakesOnce) {
  Spawn("daemon", Kind::kWanted);
  domain_.WakePageDaemon();
  EXPECT_TRUE(domain_.pageout_wanted());
  EXPECT_EQ(Log(), "daemon@0");
  // The daemon has not put the latch back: it works, and needs no call.
  Spawn("again", Kind::kWanted);
  domain_.WakePageDaemon();
  EXPECT_EQ(Log(), "");
  domain_.set_pageout_wanted(false);
  domain_.WakePageDaemon();
  EXPECT_EQ(Log(), "again@0");
}

TEST_F(DomainWaitTest, TheDeficitAddsUpAndIsTakenOnce) {
  domain_.AddDeficit(1);
  domain_.AddDeficit(4);
  EXPECT_EQ(domain_.deficit(), 5u);
  EXPECT_EQ(domain_.TakeDeficit(), 5u);
  EXPECT_EQ(domain_.TakeDeficit(), 0u);
}

}  // namespace
}  // namespace vmsim::vm
