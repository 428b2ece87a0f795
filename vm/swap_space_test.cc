#include "vm/swap_space.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "sim/random.h"
#include "vm/invariants.h"

namespace vmsim::vm {
namespace {

// A device of `pages` pages.
int AddPages(SwapSpace& space, uint64_t pages) { return space.SwapOn(pages * 8); }

// A story is a line of steps; each allocation adds "first+count" or "none" to the result.
//   on P     device of P pages           get N    ask for N
//   free B N give back                   close D / open D
std::string Play(SwapSpace& space, const std::string& script) {
  std::vector<std::string> results;
  bool reopened = false;
  for (const std::string& step : std::vector<std::string>(absl::StrSplit(script, "; "))) {
    const std::vector<std::string> words = absl::StrSplit(step, ' ');
    const auto number = [&words](size_t i) { return static_cast<uint32_t>(std::stoul(words[i])); };
    if (words[0] == "on") AddPages(space, number(1));
    if (words[0] == "free") space.Free(number(1), number(2));
    if (words[0] == "close") space.SetClosing(number(1), true);
    if (words[0] == "open") space.SetClosing(number(1), false);
    if (words[0] == "get") {
      const SwapSpace::Extent got = space.Get(number(1));
      results.push_back(got.count == 0 ? "none" : absl::StrCat(got.first, "+", got.count));
    }
    // What a device missed while it was closed it does not make up for.
    reopened |= words[0] == "open";
    if (!reopened) CheckAllInvariants({.swap_space = &space});
  }
  return absl::StrJoin(results, " ");
}

struct Story {
  const char *name, *script, *want;
};
constexpr Story kStories[] = {
    {"TheLabelIsNeverGivenAway", "on 10; get 8; get 1", "2+8 none"},
    {"OneNumberIsLeftBetweenDevices", "on 10; on 10; get 4; get 4", "2+4 13+4"},
    {"DevicesTakeTurns", "on 20; on 20; on 20; get 2; get 2; get 2; get 2", "2+2 23+2 44+2 4+2"},
    {"ALaterDeviceServesWhatDoesNotFit", "on 6; on 40; get 16; get 16", "9+16 25+16"},
    {"HalvedOnlyAfterAFullRound", "on 12; on 30; get 28; get 28; get 28", "15+28 2+10 none"},
    {"TheMaximumAfterHalvingIsWhatFailedLessOne", "on 25; get 30", "2+23"},
    {"AClosingDeviceIsPassedOver", "on 20; on 20; close 0; get 3; get 3; open 0; get 3",
     "23+3 26+3 2+3"},
    {"ALoneClosingDeviceIsFull", "on 700; close 0; get 1; open 0; get 1", "none 2+1"},
    {"WhatComesBackToAClosingDeviceIsLost", "on 6; get 4; close 0; free 2 4; open 0; get 4",
     "2+4 none"},
    {"FreedBlocksAreReusedAfterTheCursorComesRound", "on 12; get 4; free 2 4; get 4; get 4; get 4",
     "2+4 6+4 2+4 10+2"},
    {"NoDevice", "get 1", "none"},
};
class SwapSpaceStory : public testing::TestWithParam<Story> {};
TEST_P(SwapSpaceStory, Play) {
  SwapSpace space;
  EXPECT_EQ(Play(space, GetParam().script), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(, SwapSpaceStory, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(SwapSpaceTest, FullAndAlmostFullHaveHysteresis) {
  SwapSpace space;
  EXPECT_EQ(space.full(), 2);
  EXPECT_EQ(space.almost_full(), 1);
  AddPages(space, 602);  // 600 free.
  EXPECT_EQ(space.full(), 0);
  EXPECT_EQ(space.almost_full(), 0);
  while (space.avail() > 128) space.Get(static_cast<uint32_t>(space.avail() - 128));
  EXPECT_EQ(space.almost_full(), 0);  // 128 is still enough.
  const SwapBlock last = space.Get(1).first;
  EXPECT_EQ(space.almost_full(), 1);
  EXPECT_EQ(space.low_messages(), 1);
  EXPECT_EQ(space.full(), 0);
  while (space.Get(64).count > 0) continue;
  EXPECT_EQ(space.full(), 2);
  EXPECT_EQ(space.full_messages(), 1);
  space.Get(1);
  EXPECT_EQ(space.full_messages(), 1);  // Said once.
  space.Free(2, 127);
  EXPECT_EQ(space.full(), 2);
  space.Free(129, 1);
  EXPECT_EQ(space.full(), 0);
  space.Free(130, last - 130);
  EXPECT_EQ(space.avail(), last - 2);
  EXPECT_EQ(space.almost_full(), 1);  // 472 free: not above 512.
  space.Free(last, 41);
  EXPECT_EQ(space.avail(), 513);
  EXPECT_EQ(space.almost_full(), 0);
}

TEST(SwapSpaceTest, BlocksHaveAPlaceOnADevice) {
  SwapSpace space;
  AddPages(space, 10);
  AddPages(space, 10);
  EXPECT_EQ(space.Locate(9).device, 0);
  EXPECT_EQ(space.Locate(9).offset, 9 * 4096);
  EXPECT_EQ(space.Locate(13).device, 1);
  EXPECT_EQ(space.Locate(13).offset, 2 * 4096);
  EXPECT_DEATH(space.Locate(10), "on no device");
}

TEST(SwapSpaceTest, SwapOffTakesADeviceOut) {
  SwapSpace space;
  AddPages(space, 1000);
  AddPages(space, 1000);
  EXPECT_EQ(Play(space, "get 10; get 10"), "2+10 1003+10");
  EXPECT_FALSE(space.CanSwapOff(0, 0 - 1996 + 20 + 1127));
  EXPECT_TRUE(space.CanSwapOff(0, 0 - 1996 + 20 + 1128));
  space.BeginSwapOff(0);
  CheckAllInvariants({.swap_space = &space});
  EXPECT_EQ(space.total(), 1000);
  EXPECT_EQ(space.avail(), 988);
  EXPECT_EQ(space.used(), 20);
  EXPECT_EQ(space.Locate(2).device, 0);  // Still to be read from.
  EXPECT_DEATH(space.FinishSwapOff(0), "still in use");
  space.Free(2, 10);
  EXPECT_EQ(space.avail(), 988);
  space.FinishSwapOff(0);
  CheckAllInvariants({.swap_space = &space});
  EXPECT_EQ(Play(space, "get 5; get 5"), "1013+5 1018+5");
  EXPECT_DEATH(space.Free(2, 1), "on no device");

  EXPECT_EQ(AddPages(space, 50), 2);
  EXPECT_EQ(space.device(2).first, 2002u);
  space.BeginSwapOff(1);
  space.Free(1003, 20);
  space.FinishSwapOff(1);
  space.BeginSwapOff(2);
  space.FinishSwapOff(2);
  EXPECT_EQ(space.full(), 2);
  EXPECT_EQ(space.almost_full(), 1);
  EXPECT_EQ(space.Get(1).count, 0u);
  AddPages(space, 50);
  EXPECT_EQ(space.device(3).first, 0u);  // The numbers are free again, the index is not.
}

TEST(SwapSpaceTest, SizesAreRoundedDownToPagesAndLimited) {
  SwapSpace space;
  EXPECT_FALSE(space.CanSwapOn(15));
  EXPECT_TRUE(space.CanSwapOn(16));
  EXPECT_FALSE(space.CanSwapOn(uint64_t{1} << 35));
  EXPECT_FALSE(space.CanSwapOn(UINT64_MAX));
  space.SwapOn(803);
  EXPECT_EQ(space.device(0).nblks(), 100u);
}

TEST(SwapSpaceTest, NeighboursGoBackInOnePiece) {
  SwapSpace space;
  AddPages(space, 100);
  space.Get(20);
  SwapFreeRange freed(space);
  for (SwapBlock block : {5u, 6u, 7u, 3u, 9u}) freed.Add(block);
  EXPECT_EQ(space.used(), 16);  // 9 is still held.
  freed.Flush();
  EXPECT_EQ(space.used(), 15);
  freed.Flush();
  EXPECT_EQ(space.used(), 15);
}

// Random use of up to four devices: no block is given twice, all that comes back can be had again.
TEST(SwapSpaceTest, EveryBlockHasOneOwner) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    sim::SplitMix64 random(seed);
    SwapSpace space;
    int64_t capacity = 0;
    for (uint64_t devices = 1 + random.Below(4); devices > 0; --devices) {
      const uint64_t pages = 3 + random.Below(400);
      AddPages(space, pages);
      capacity += static_cast<int64_t>(pages) - 2;
    }
    std::vector<bool> owned(2000, false);
    std::vector<SwapSpace::Extent> held;
    for (int op = 0; op < 500; ++op) {
      if (random.Below(5) < 3) {
        const SwapSpace::Extent got = space.Get(static_cast<uint32_t>(1 + random.Below(80)));
        if (got.count == 0) {
          ASSERT_EQ(space.avail(), 0) << "a single block must be found, op " << op;
          continue;
        }
        ASSERT_EQ(space.Locate(got.first).device, space.Locate(got.first + got.count - 1).device);
        for (SwapBlock block = got.first; block < got.first + got.count; ++block) {
          ASSERT_FALSE(owned[block]) << "op " << op << " block " << block;
          owned[block] = true;
        }
        held.push_back(got);
      } else if (!held.empty()) {
        std::swap(held[random.Below(held.size())], held.back());
        space.Free(held.back().first, held.back().count);
        for (uint32_t i = 0; i < held.back().count; ++i) owned[held.back().first + i] = false;
        held.pop_back();
      }
      CheckAllInvariants({.swap_space = &space});
      ASSERT_EQ(space.used() + space.avail(), capacity) << "op " << op;
    }
  }
}

}  // namespace
}  // namespace vmsim::vm
