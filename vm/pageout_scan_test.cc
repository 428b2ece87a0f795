// Stories about the three scans, with the production pmap. Pages are letters, queues print head
// first; H is where pages that will not be used again are inserted. An inactive scan never reaches
// the last page of its queue: H stands at the head and takes one place of the limit.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "vm/daemon_script.h"

namespace vmsim::vm {
namespace {

struct Story {
  std::string_view name, script, queues, freed;
};

constexpr Story kInactiveStories[] = {
    {"CleanPagesAreFreedNewestOfTheBatchFirst", "deactivate a b c d; inactive 2",
     "active: | inactive: H a d | laundry:", "c b"},
    {"WhatIsLeftOfABatchIsReversed", "deactivate a b c d e; inactive 1",
     "active: | inactive: H c b a e | laundry:", "d"},
    {"AReferencedPageIsReactivated", "touch a; deactivate a b; inactive 9",
     "active: a | inactive: H b | laundry:", ""},
    {"ARememberedReferenceCounts", "deactivate a b; reference a; inactive 9",
     "active: a | inactive: H b | laundry:", ""},
    {"ADirtyPageGoesToTheLaundry", "deactivate a b; dirty a; inactive 9",
     "active: | inactive: H b | laundry: a", ""},
    {"AWriteThatOnlyTheMappingKnowsOfIsFound", "write a; deactivate a b; inactive 9; inactive 9",
     "active: a | inactive: H b | laundry:", ""},
    {"AnInvalidPageIsFreed", "deactivate a b; invalid a; inactive 9",
     "active: | inactive: H b | laundry:", "a"},
    {"ABusyPageIsPutBackBeforeTheMarker", "deactivate a b c; busy a; inactive 9",
     "active: | inactive: H a c | laundry:", "b"},
    {"AMappedCleanPageIsUnmappedAndFreed", "map a; deactivate a b; inactive 9",
     "active: | inactive: H b | laundry:", "a"},
    {"AWiredPageLeaves", "deactivate a b c; wire a; inactive 9",
     "active: | inactive: H c | laundry:", "b"},
    {"AnUnreferencedObjectsPageGoesRound", "deactivate a b; reference a; unref a; inactive 9",
     "active: | inactive: H b a | laundry:", ""},
    {"TheSecondTimeItGoes", "deactivate a b; reference a; unref a; inactive 9; inactive 9",
     "active: | inactive: H a | laundry:", "b"},
    {"ADeadObjectsCleanPageGoesAtOnce", "deactivate a b; reference a; dead a; inactive 9",
     "active: | inactive: H b | laundry:", "a"},
    {"ADeadObjectsDirtyPageStaysOffTheList", "deactivate a b; dirty a; dead a; inactive 9",
     "active: | inactive: H b | laundry:", ""},
    {"ANoreusePageIsInReachOfAShortScan", "deactivate a b c; noreuse d; inactive 3",
     "active: | inactive: H c | laundry:", "b a d"},
    {"ANoreusePagePutBackLandsBehindH", "deactivate a b c; noreuse d; inactive 1",
     "active: | inactive: H a d c | laundry:", "b"},
};

class InactiveStoryTest : public testing::TestWithParam<Story> {};
TEST_P(InactiveStoryTest, Story) {
  DaemonScript script;
  ASSERT_TRUE(script.Run(GetParam().script));
  EXPECT_EQ(script.Queues(), GetParam().queues);
  EXPECT_EQ(script.Freed(), GetParam().freed);
  script.CheckInvariants();
}
INSTANTIATE_TEST_SUITE_P(, InactiveStoryTest, testing::ValuesIn(kInactiveStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(InactiveScanTest, CountsBusyPagesAndReactivations) {
  DaemonScript script;
  ASSERT_TRUE(script.Run("deactivate a b c d e; busy a b; reference c; inactive 9"));
  EXPECT_EQ(script.last_inactive().stuck, 2);
  EXPECT_EQ(script.last_inactive().freed, 1);
  EXPECT_EQ(script.counters().v_reactivated, 1);
  // H and four pages.
  EXPECT_EQ(script.counters().v_pdpages, 5);
}

TEST(InactiveScanTest, ReactivationAdvancesTheActivity) {
  DaemonScript script;
  ASSERT_TRUE(script.Run("touch a; deactivate a b; act a 2; reference a; inactive 9"));
  // 3 plus one mapped reference plus the remembered one.
  EXPECT_EQ(script.Clock(), "C0 C1 a7");
}

struct ClockStory {
  std::string_view name, script, clock, rest;
};

// act_count starts at 5; a visit adds 3 plus the references it saw (cap 64), or takes 1 from an
// idle page. Pages are activated behind the far hand C1. The limit of a scan is the length of the
// queue, whether there is a shortage (`active N`) or not (`active 0`), and meeting C1 costs one.
constexpr ClockStory kActiveStories[] = {
    {"TheFirstLapBeginsAtTheFarHand", "activate a b; active 0", "C0 a4 b5 C1", "H |"},
    {"IdlePagesDeclineAndDoNotMove", "activate a b; active 0; active 0", "a3 b4 C0 C1", "H |"},
    {"AReferencedPageAdvances", "activate a b; active 0; touch a; active 0", "a8 b4 C0 C1", "H |"},
    {"AReferenceIsForgottenOnceCounted", "activate a b; active 0; reference a; active 0; active 0",
     "a7 C0 b4 C1", "H |"},
    {"ActivityIsCapped", "activate a b; active 0; act a 63; touch a; active 0", "a64 b4 C0 C1",
     "H |"},
    {"WhatTheFarHandFindsUnprocessedIsDropped",
     "activate a b c; active 0; active 0; active 0; active 0", "a1 C0 b2 c4 C1", "H |"},
    {"AtZeroItIsDeactivatedNewestFirst", "activate a b; active 0; act a b 1; active 0", "C0 C1",
     "H b a |"},
    {"WithoutShortageADirtyPageIsOnlyDeactivated",
     "activate a b; active 0; act a b 1; dirty a; active 0", "C0 C1", "H b a |"},
    {"InAShortageADirtyPageGoesToTheLaundry",
     "activate a b; active 0; act a b 1; dirty a; active 9", "C0 C1", "H b | a"},
    {"ACleanPagePaysThreeOfTheShortage",
     "activate a b c; active 0; act a b c 1; dirty a b; active 4", "C0 C1", "H c a | b"},
    {"ADirtyPagePaysOne", "activate a b c; active 0; act a b c 1; dirty a b c; active 2", "C0 C1",
     "H a | c b"},
    {"MeetingTheShortageDoesNotEndTheScan", "activate a b c; active 0; act a b c 2; active 1",
     "a1 b1 c1 C0 C1", "H |"},
    {"AModificationIsFoundWithTheReference", "activate a b; active 0; act a 1; write a; active 9",
     "a5 b4 C0 C1", "H |"},
    {"ThenThePageIsKnownToBeDirty",
     "activate a b; active 0; write a; active 9; act a 1; active 9; active 9", "b3 C0 C1", "H | a"},
    {"AWiredPageLeaves", "activate a b; active 0; wire a; active 9", "b4 C0 C1", "H |"},
};

class ActiveStoryTest : public testing::TestWithParam<ClockStory> {};
TEST_P(ActiveStoryTest, Story) {
  DaemonScript script;
  ASSERT_TRUE(script.Run(GetParam().script));
  EXPECT_EQ(script.Clock(), GetParam().clock);
  EXPECT_EQ(script.InactiveAndLaundry(), GetParam().rest);
  script.CheckInvariants();
}
INSTANTIATE_TEST_SUITE_P(, ActiveStoryTest, testing::ValuesIn(kActiveStories),
                         [](const auto& info) { return std::string(info.param.name); });

struct LaundryStory {
  std::string_view name, script, writes, queues;
  int laundered;
};

constexpr LaundryStory kLaundryStories[] = {
    {"NeighboursGoAlong", "launder a b c; dirty a b c; laundry 1", "abc",
     "active: | inactive: a b c H | laundry:", 3},
    {"AGapEndsACluster", "launder a b d; dirty a b d; laundry 9", "d ab",
     "active: | inactive: d a b H | laundry:", 3},
    {"ACleanNeighbourEndsIt", "launder a b c; dirty a c; laundry 9", "c a",
     "active: | inactive: c a H | laundry:", 2},
    {"ABusyNeighbourEndsIt", "launder a b c; dirty a b c; busy b; laundry 9", "c a",
     "active: | inactive: c a H | laundry: b", 2},
    {"ANeighbourElsewhereEndsIt", "activate b; launder a c; dirty a b c; laundry 9", "c a",
     "active: b | inactive: c a H | laundry:", 2},
    {"AReferencedNeighbourGoesAlong", "launder a b; dirty a b; touch a; laundry 1", "ab",
     "active: | inactive: a b H | laundry:", 2},
    {"AWrittenPageIsFoundModified", "launder a b; dirty b; map a; write a; laundry 1", "ab",
     "active: | inactive: a b H | laundry:", 2},
    {"AReferencedPageIsReactivatedAndCounts", "launder a b; dirty a b; reference b; laundry 1", "",
     "active: b | inactive: H | laundry: a", 1},
    {"ButNotInAShortfall", "launder a b; dirty a b; reference b; shortfall 1", "a",
     "active: b | inactive: a H | laundry:", 1},
    {"ACleanPageIsFreedAndDoesNotCount", "launder a c; dirty a; laundry 1", "a",
     "active: | inactive: a H | laundry:", 1},
    {"AnInvalidPageIsFreed", "launder a; invalid a; laundry 1", "",
     "active: | inactive: H | laundry:", 0},
    {"WithoutSwapSpaceItIsPutAside", "launder a b; dirty a b; answer fail; laundry 9", "ab",
     "active: | inactive: H | laundry: | unswappable: a b", 2},
    {"AndTriedFirstTheNextTime",
     "launder a d; dirty a d; answer fail; laundry 1; answer ok; laundry 1", "d d",
     "active: | inactive: d H | laundry: a", 1},
    {"AWriteErrorReactivates", "launder a; dirty a; answer error; laundry 9", "a",
     "active: a | inactive: H | laundry:", 0},
    {"BeyondTheEndTheChangesAreLost", "launder a; dirty a; answer bad; laundry 9", "a",
     "active: | inactive: a H | laundry:", 0},
    {"TryAgainLeavesIt", "launder a; dirty a; answer again; laundry 9", "a",
     "active: | inactive: H | laundry: a", 0},
    {"AWriteUnderWayCountsAndStays", "launder a; dirty a; answer pend; laundry 9", "a",
     "active: | inactive: H | laundry: a", 1},
    {"AnUnreferencedObjectsPageGoesRound",
     "launder a c; dirty a c; reference c; unref c; laundry 1", "a",
     "active: | inactive: a H | laundry: c", 1},
    {"ADeadObjectsPageIsLeft", "launder a; dirty a; dead a; laundry 1", "",
     "active: | inactive: H | laundry: a", 0},
    {"AWiredPageLeaves", "launder a c; dirty a c; wire c; laundry 1", "a",
     "active: | inactive: a H | laundry:", 1},
};

class LaundryStoryTest : public testing::TestWithParam<LaundryStory> {};
TEST_P(LaundryStoryTest, Story) {
  DaemonScript script;
  ASSERT_TRUE(script.Run(GetParam().script));
  EXPECT_EQ(script.Writes(), GetParam().writes);
  EXPECT_EQ(script.Queues(), GetParam().queues);
  EXPECT_EQ(script.last_laundered(), GetParam().laundered);
  script.CheckInvariants();
}
INSTANTIATE_TEST_SUITE_P(, LaundryStoryTest, testing::ValuesIn(kLaundryStories),
                         [](const auto& info) { return std::string(info.param.name); });

// Clusters of at most four pages; d is page 3, e page 4.
TEST(LaunderingTest, ClustersEndOnBoundaries) {
  DaemonScript script({.page_count = 4});
  ASSERT_TRUE(script.Run("launder a b c d f g h e; dirty a b c d e f g h"));
  // From e, which is on a boundary, back to the one before it; what is left above goes next.
  ASSERT_TRUE(script.Run("laundry 1"));
  EXPECT_EQ(script.Writes(), "bcde");
  ASSERT_TRUE(script.Run("laundry 1"));
  EXPECT_EQ(script.Writes(), "bcde fgh");
}

TEST(LaunderingTest, FromTheMiddleBackForwardAndBackAgain) {
  DaemonScript script({.page_count = 4});
  // f is page 5: back to e (4), forward to g, then, the group not being full, back past the
  // boundary.
  ASSERT_TRUE(script.Run("launder a b c d e g f; dirty a b c d e f g; laundry 1"));
  EXPECT_EQ(script.Writes(), "defg");
}

TEST(LaunderingTest, WithoutSwapTheUnswappablePagesAreNotTried) {
  DaemonScript script({.swap_configured = false});
  ASSERT_TRUE(script.Run("launder a c; unswappable c; dirty a c; laundry 9"));
  EXPECT_EQ(script.Writes(), "a");
}

TEST(LaunderingTest, SwapPageoutsCanBeDisabled) {
  DaemonScriptConfig config;
  config.tunables.disable_swapspace_pageouts = true;
  DaemonScript script(config);
  ASSERT_TRUE(script.Run("launder a b c; dirty a b c; laundry 9"));
  EXPECT_EQ(script.Writes(), "");
  EXPECT_EQ(script.Queues(), "active: | inactive: H | laundry: c b a");
}

// 13.2: a pager that cannot place the page and leaves the object's type alone.
TEST(LaunderingTest, OnlySwapObjectsHaveUnswappablePages) {
  for (const ObjectType type : {ObjectType::kDefault, ObjectType::kVnode}) {
    DaemonScript script({.type = type});
    ASSERT_TRUE(script.Run("launder a; dirty a; answer fail; laundry 9"));
    EXPECT_EQ(script.Queues(), "active: a | inactive: H | laundry:");
    EXPECT_EQ(script.last_laundered(), 0);
  }
}

TEST(LaunderingTest, AFileWhoseVnodeIsLockedIsLeftToTheSyncer) {
  DaemonScript script({.type = ObjectType::kVnode});
  ASSERT_TRUE(script.Run("launder a b; dirty a b; answer locked; laundry 1"));
  EXPECT_EQ(script.Writes(), "");
  EXPECT_EQ(script.Queues(), "active: | inactive: H | laundry: a b");
  EXPECT_EQ(script.host().syncer_kicks, 1);
  ASSERT_TRUE(script.Run("answer ok; laundry 1"));
  EXPECT_EQ(script.Writes(), "ab");
  EXPECT_EQ(script.pager().unlocks(), 1);
}

}  // namespace
}  // namespace vmsim::vm
