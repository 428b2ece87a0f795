// Stories about the laundry thread's targets. 10000 pages: free_target 279, free_min 129, so a
// background run starts when dirty pages * isqrt((freed + 150) / 150) reach the clean ones, and is
// 15 pages.
#include "vm/laundry_thread.h"

#include <gtest/gtest.h>

#include <coroutine>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vm/invariants.h"

namespace vmsim::vm {
namespace {

// The levels the thread wakes to, what the page daemon posted meanwhile, and what the next
// laundering gets done of its target.
struct Moment {
  LaundryRequest request = LaundryRequest::kIdle;
  uint32_t clean_pages_freed = 0;
  LaundryLevels levels;
  int laundered = -1;  // -1: all that was asked for.
};

struct Never {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<>) const {}
  void await_resume() const {}
};

// Logs what the thread does: "15" launders in the background, "s100" in a shortfall, "-" sleeps.
class Script {
 public:
  Script(std::vector<Moment> moments, LaundryMailbox& mailbox)
      : moments_(std::move(moments)), mailbox_(mailbox) {
    Load();
  }

  const std::string& log() const { return log_; }

  LaundryLevels levels() const { return moments_[index_].levels; }
  std::suspend_never BeginRound() const { return {}; }
  sim::Task<int> Launder(int target, bool in_shortfall) {
    absl::StrAppend(&log_, log_.empty() ? "" : " ", in_shortfall ? "s" : "", target);
    const int laundered = moments_[index_].laundered;
    co_return laundered < 0 ? target : laundered;
  }
  sim::Task<void> Pause(int ticks) {
    EXPECT_EQ(ticks, 100);
    return Next();
  }
  sim::Task<void> SleepUntilKicked() {
    absl::StrAppend(&log_, log_.empty() ? "" : " ", "-");
    return Next();
  }

 private:
  sim::Task<void> Next() {
    if (index_ + 1 == moments_.size()) co_await Never();
    ++index_;
    Load();
  }
  void Load() {
    mailbox_.request = moments_[index_].request;
    mailbox_.clean_pages_freed = moments_[index_].clean_pages_freed;
  }

  std::vector<Moment> moments_;
  LaundryMailbox& mailbox_;
  size_t index_ = 0;
  std::string log_;
};

constexpr auto kIdle = LaundryRequest::kIdle;
constexpr auto kBackground = LaundryRequest::kBackground;
constexpr auto kShortfall = LaundryRequest::kShortfall;

// free, inactive, laundry, deficit
constexpr LaundryLevels kClean = {279, 1000, 100, 0};
constexpr LaundryLevels kDirty = {279, 1000, 2000, 0};
constexpr LaundryLevels kShort = {200, 0, 500, 0};
constexpr LaundryLevels kShortWithDeficit = {200, 0, 500, 7};

struct Story {
  std::string_view name;
  std::vector<Moment> moments;
  std::string_view log;
};

// The thread looks at what was posted when it wakes, so each story begins with a sleep.
const Story kStories[] = {
    {"NothingToDo", {{kIdle, 0, kClean}}, "-"},
    {"ManyDirtyPagesAloneDoNotStartARun", {{kIdle, 0, kDirty}, {kIdle, 0, kDirty}}, "- -"},
    {"ManyDirtyPagesAndAScanThatFreedSomeDo",
     {{kIdle, 0, kDirty}, {kIdle, 10, kDirty}, {kIdle, 0, kDirty}},
     "- 15 -"},
    {"ABackgroundRequestIsNotEnough",
     {{kIdle, 0, kClean}, {kBackground, 50, kClean}, {kIdle, 0, kClean}},
     "- - -"},
    // 100 dirty against 1279 clean: isqrt must reach 13, so 169 * 150 - 150 pages must have been
    // freed.
    {"FreedPagesLowerTheBar",
     {{kIdle, 0, kClean}, {kIdle, 25199, kClean}, {kIdle, 1, kClean}, {kIdle, 0, kClean}},
     "- - 15 -"},
    {"WhatWasNotLaunderedIsTriedAgain",
     {{kIdle, 0, kDirty}, {kIdle, 1, kDirty, 10}, {kIdle, 0, kDirty}, {kIdle, 0, kDirty}},
     "- 15 5 -"},
    {"ClustersMayExceedTheTarget",
     {{kIdle, 0, kDirty}, {kIdle, 1, kDirty, 40}, {kIdle, 0, kDirty}},
     "- 15 -"},
    {"AShortfallLaundersWhatIsMissing",
     {{kIdle, 0, kClean}, {kShortfall, 0, kShort}, {kIdle, 0, kClean}},
     "- s79 -"},
    {"FailedAllocationsAreMissingToo",
     {{kIdle, 0, kClean}, {kShortfall, 0, kShortWithDeficit}, {kIdle, 0, kClean}},
     "- s86 -"},
    {"AShortfallThatIsOverIsNone",
     {{kIdle, 0, kClean}, {kShortfall, 0, kClean}, {kIdle, 0, kClean}},
     "- - -"},
    {"RequestsThatKeepComingStartOver",
     {{kIdle, 0, kClean}, {kShortfall, 0, kShort}, {kShortfall, 0, kShort}, {kIdle, 0, kClean}},
     "- s79 s79 -"},
    {"AShortfallPreEmptsABackgroundRun",
     {{kIdle, 0, kDirty}, {kIdle, 1, kDirty, 3}, {kShortfall, 0, kShort}, {kIdle, 0, kClean}},
     "- 15 s79 -"},
};

// The log of a thread that lives through `moments`.
std::string Live(const std::vector<Moment>& moments, const Tunables& tunables) {
  PageoutThresholds thresholds;
  thresholds.free_target = 279;
  thresholds.free_min = 129;
  thresholds.background_launder_target = 15;
  LaundryMailbox mailbox;
  Script script(moments, mailbox);
  LaundryThread laundry(thresholds, tunables, mailbox);
  sim::Task<void> thread = laundry.Run(script);
  sim::ResumeChain(thread.handle());
  CheckAllInvariants({.laundry = &laundry});
  return script.log();
}

class LaundryStoryTest : public testing::TestWithParam<Story> {};
TEST_P(LaundryStoryTest, Story) { EXPECT_EQ(Live(GetParam().moments, {}), GetParam().log); }
INSTANTIATE_TEST_SUITE_P(, LaundryStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(LaundryThreadTest, TheBackgroundRateIsTimesFourInsteadOfDividedByFour) {
  Tunables tunables;
  tunables.background_launder_rate_kb = 10;  // 40 pages a second, 4 in each tenth.
  const std::vector<Moment> moments = {{kIdle, 0, kDirty}, {kIdle, 1, kDirty}, {kIdle, 0, kDirty},
                                       {kIdle, 0, kDirty}, {kIdle, 0, kDirty}, {kIdle, 0, kDirty}};
  EXPECT_EQ(Live(moments, tunables), "- 4 4 4 3 -");
}

TEST(LaundryThreadTest, ABackgroundRunStopsWhenNobodyFreesPages) {
  Tunables tunables;
  tunables.background_launder_max_kb = 2;  // 8 pages.
  const std::vector<Moment> stops = {{kIdle, 0, kDirty}, {kIdle, 1, kDirty, 9}, {kIdle, 0, kDirty}};
  EXPECT_EQ(Live(stops, tunables), "- 15 -");
  const std::vector<Moment> goes_on = {
      {kIdle, 0, kDirty}, {kIdle, 1, kDirty, 9}, {kIdle, 1, kDirty}, {kIdle, 0, kDirty}};
  EXPECT_EQ(Live(goes_on, tunables), "- 15 6 -");
}

}  // namespace
}  // namespace vmsim::vm
