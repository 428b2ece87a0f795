#include "vm/page_array.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sim/engine.h"
#include "sim/random.h"

namespace vmsim::vm {
namespace {

TEST(PageArrayTest, StartsWithEveryPageFreeInAscendingOrder) {
  PageArray pages(4);
  EXPECT_EQ(pages.frames(), 4u);
  EXPECT_EQ(pages.free_list_length(), 4u);
  EXPECT_TRUE(pages.is_page(3));
  EXPECT_FALSE(pages.is_page(pages.marker_row(0)));
  for (FrameIndex frame = 0; frame < 4; ++frame) {
    EXPECT_EQ(pages[frame].object, kNoObject);
    EXPECT_EQ(pages[frame].busy, kBusyFreed);
    EXPECT_EQ(pages.TakeFree(), frame);
  }
  EXPECT_EQ(pages.TakeFree(), kNoFrame);
  EXPECT_EQ(pages.free_list_length(), 0u);
}

TEST(PageArrayTest, TheFreeListIsAQueue) {
  PageArray pages(3);
  for (int i = 0; i < 3; ++i) pages.TakeFree();
  pages.PutFree(1);  // On the empty list, it is head and tail.
  EXPECT_EQ(pages.TakeFree(), 1u);
  for (const FrameIndex frame : {2u, 0u, 1u}) pages.PutFree(frame);
  for (const FrameIndex frame : {2u, 0u, 1u}) EXPECT_EQ(pages.TakeFree(), frame);
}

TEST(PageArrayTest, TheFreeListAgreesWithADeque) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    sim::SplitMix64 random(seed);
    constexpr uint32_t kFrames = 17;
    PageArray pages(kFrames);
    std::deque<FrameIndex> free;
    for (FrameIndex frame = 0; frame < kFrames; ++frame) free.push_back(frame);
    std::vector<FrameIndex> taken;
    for (int step = 0; step < 500; ++step) {
      if (random.Below(2) == 0) {
        const FrameIndex frame = pages.TakeFree();
        ASSERT_EQ(frame, free.empty() ? kNoFrame : free.front());
        if (frame == kNoFrame) continue;
        free.pop_front();
        taken.push_back(frame);
      } else if (!taken.empty()) {
        const size_t which = random.Below(taken.size());
        pages.PutFree(taken[which]);
        free.push_back(taken[which]);
        taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(which));
      }
      ASSERT_EQ(pages.free_list_length(), free.size());
    }
  }
}

// What may be tried on a page, in order: x, s try to busy it exclusively or shared; X, S unbusy; d
// downgrades; f frees. A try that fails is followed by '!' in `want`; the rest is the state at the
// end.
struct BusyStory {
  std::string_view name, script, want;
};
constexpr BusyStory kBusyStories[] = {
    {"ExclusiveExcludesAll", "x x s", "x x! s! = X"},
    {"SharersExcludeExclusive", "s s x", "s s x! = S2"},
    {"ExclusiveAfterTheLastSharerLeft", "s s S x S x", "s s S x! S x = X"},
    {"DowngradeLeavesOneSharer", "x d s x", "x d s x! = S2"},
    {"UnbusyFrees", "x X s S x", "x X s S x = X"},
    {"NothingBusiesAFreedPage", "x f x s", "x f x! s! = F"},
};

class BusyTest : public testing::TestWithParam<BusyStory> {};

TEST_P(BusyTest, Story) {
  PageArray pages(1);
  pages.BusyInit(0, kUnbusied);
  std::string log;
  const std::vector<std::string> words = absl::StrSplit(std::string(GetParam().script), ' ');
  for (const std::string& word : words) {
    bool done = true;
    switch (word[0]) {
      case 'x':
        done = pages.TryXbusy(0);
        break;
      case 's':
        done = pages.TrySbusy(0);
        break;
      case 'X':
        pages.Xunbusy(0);
        break;
      case 'S':
        pages.Sunbusy(0);
        break;
      case 'd':
        pages.BusyDowngrade(0);
        break;
      case 'f':
        pages.BusyFree(0);
        break;
    }
    absl::StrAppend(&log, word, done ? " " : "! ");
  }
  const uint16_t busy = pages[0].busy;
  absl::StrAppend(&log, "= ",
                  pages.xbusied(0)     ? "X"
                  : pages.sbusied(0)   ? absl::StrCat("S", busy)
                  : busy == kBusyFreed ? "F"
                                       : "U");
  EXPECT_EQ(log, std::string(GetParam().want));
  EXPECT_EQ(pages.busied(0), pages.xbusied(0) || pages.sbusied(0));
}

INSTANTIATE_TEST_SUITE_P(, BusyTest, testing::ValuesIn(kBusyStories),
                         [](const auto& info) { return std::string(info.param.name); });

// Two threads wait for page 0; what ends its busy state wakes both, in the order in which they
// came.
class BusyWaitTest : public testing::Test {
 protected:
  ~BusyWaitTest() override { engine_.DestroyThreads(); }

  sim::Task<void> Wait(std::string name) {
    co_await pages_.BusyChannel(0).Sleep(engine_, sim::kPriorityDaemon, "vmpfw");
    log_ += name;
  }
  void StartWaiters() {
    engine_.Spawn("a", sim::kPriorityUser, Wait("a"));
    engine_.Spawn("b", sim::kPriorityUser, Wait("b"));
    engine_.Run();
    EXPECT_TRUE(pages_.busy_waiters(0));
    EXPECT_EQ(log_, "");
  }
  // Who was woken since the last time.
  std::string Woken() {
    engine_.Run();
    std::string log;
    std::swap(log, log_);
    return log;
  }

  PageArray pages_{2};
  std::string log_;
  sim::Engine engine_;
};

TEST_F(BusyWaitTest, XunbusyWakesAll) {
  pages_.BusyInit(0, kBusyExclusive);
  StartWaiters();
  EXPECT_TRUE(pages_.xbusied(0));  // Being waited for changes nothing else.
  pages_.Xunbusy(0);
  EXPECT_FALSE(pages_.busy_waiters(0));
  EXPECT_EQ(Woken(), "ab");
  EXPECT_TRUE(pages_.TryXbusy(0));
}

TEST_F(BusyWaitTest, OnlyTheLastSharerWakes) {
  pages_.BusyInit(0, 2);
  StartWaiters();
  EXPECT_TRUE(pages_.TrySbusy(0));  // Sharers may still join.
  pages_.Sunbusy(0);
  pages_.Sunbusy(0);
  EXPECT_EQ(Woken(), "");
  pages_.Sunbusy(0);
  EXPECT_EQ(Woken(), "ab");
}

TEST_F(BusyWaitTest, DowngradeWakesWhoOnlyWantsToShare) {
  pages_.BusyInit(0, kBusyExclusive);
  StartWaiters();
  pages_.BusyDowngrade(0);
  EXPECT_EQ(Woken(), "ab");
  EXPECT_TRUE(pages_.sbusied(0));
}

TEST_F(BusyWaitTest, FreeingWakesAll) {
  pages_.BusyInit(0, kBusyExclusive);
  StartWaiters();
  pages_.BusyFree(0);
  EXPECT_EQ(Woken(), "ab");
  EXPECT_EQ(pages_[0].busy, kBusyFreed);
}

TEST_F(BusyWaitTest, EachWaitIsAnew) {
  for (int round = 0; round < 3; ++round) {
    pages_.BusyInit(0, kBusyExclusive);
    StartWaiters();
    pages_.Xunbusy(0);
    EXPECT_EQ(Woken(), "ab");
  }
}

TEST(PageArrayDeathTest, RefusesMisuse) {
  PageArray pages(1);
  EXPECT_DEATH(pages.Xunbusy(0), "frame=0");
  EXPECT_DEATH(pages.Sunbusy(0), "frame=0");
  pages.TakeFree();
  pages.BusyInit(0, kUnbusied);
  EXPECT_DEATH(pages.BusyChannel(0), "nobody would wake who waits, frame=0");
  EXPECT_DEATH(pages.PutFree(0), "frame=0");
}

}  // namespace
}  // namespace vmsim::vm
