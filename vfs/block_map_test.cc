#include "vfs/block_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/random.h"

namespace vmsim::vfs {
namespace {

constexpr int32_t kBlock = 4096;
constexpr int64_t kPerBlock = kBlock / kSectorBytes;  // 8
constexpr int kMaxrun = 31;

std::string Text(const std::vector<Extent>& extents) {
  std::string text;
  for (const Extent& extent : extents) {
    text += (text.empty() ? "" : " ") + std::to_string(extent.first) + "+" +
            std::to_string(extent.count) + "@" + std::to_string(extent.sector);
  }
  return text;
}

std::string Text(const BlockMap::Run& run) {
  return std::to_string(run.sector) + " -" + std::to_string(run.before) + " +" +
         std::to_string(run.after);
}

// Extents are first+count@sector, blocks have 8 sectors.
struct Story {
  std::string name;
  std::vector<Extent> maps;
  std::string want;
};

const std::vector<Story> kStories = {
    {"Nothing", {}, ""},
    {"One", {{0, 3, 100}}, "0+3@100"},
    {"JoinsTheOneBefore", {{0, 3, 100}, {3, 2, 124}}, "0+5@100"},
    {"JoinsTheOneBehind", {{3, 2, 124}, {0, 3, 100}}, "0+5@100"},
    {"JoinsBoth", {{0, 2, 100}, {3, 2, 124}, {2, 1, 116}}, "0+5@100"},
    {"JoinsBothAmongOthers",
     {{0, 1, 900}, {2, 1, 100}, {4, 1, 116}, {6, 1, 800}, {3, 1, 108}},
     "0+1@900 2+3@100 6+1@800"},
    {"NeighboursInTheFileOnly", {{0, 2, 100}, {2, 2, 200}}, "0+2@100 2+2@200"},
    {"NeighboursOnTheDiskOnly", {{0, 2, 100}, {3, 2, 116}}, "0+2@100 3+2@116"},
    {"BackwardsOnTheDisk", {{0, 1, 108}, {1, 1, 100}}, "0+1@108 1+1@100"},
    {"BetweenTwoAndJoinsNone", {{0, 1, 0}, {2, 1, 16}, {1, 1, 80}}, "0+1@0 1+1@80 2+1@16"},
    {"BetweenTwoAndJoinsTheFirst", {{0, 1, 0}, {2, 1, 80}, {1, 1, 8}}, "0+2@0 2+1@80"},
    {"BetweenTwoAndJoinsTheSecond", {{0, 1, 0}, {2, 1, 80}, {1, 1, 72}}, "0+1@0 1+2@72"},
};

class MapTest : public testing::TestWithParam<Story> {};

TEST_P(MapTest, Story) {
  BlockMap map(kBlock, kMaxrun);
  int64_t blocks = 0;
  for (const Extent& extent : GetParam().maps) {
    map.Map(extent.first, extent.count, extent.sector);
    blocks += extent.count;
  }
  EXPECT_EQ(Text(map.extents()), GetParam().want);
  EXPECT_EQ(map.blocks(), blocks);
}

INSTANTIATE_TEST_SUITE_P(, MapTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return info.param.name; });

// The picture of the header, with a = 100 and b = 400.
TEST(BmapTest, SaysWhereABlockIsAndHowFarItsRunGoes) {
  BlockMap map(kBlock, kMaxrun);
  map.Map(0, 4, 100);
  map.Map(6, 3, 400);
  EXPECT_EQ(Text(map.Bmap(0)), "100 -0 +3");
  EXPECT_EQ(Text(map.Bmap(1)), "108 -1 +2");
  EXPECT_EQ(Text(map.Bmap(3)), "124 -3 +0");
  EXPECT_EQ(Text(map.Bmap(4)), "-1 -0 +0");
  EXPECT_EQ(Text(map.Bmap(5)), "-1 -0 +0");
  EXPECT_EQ(Text(map.Bmap(7)), "408 -1 +1");
  EXPECT_EQ(Text(map.Bmap(9)), "-1 -0 +0");
  EXPECT_TRUE(map.mapped(8));
  EXPECT_FALSE(map.mapped(9));
}

TEST(BmapTest, RunsAreCappedOnBothSides) {
  BlockMap map(kBlock, 2);
  map.Map(0, 10, 0);
  EXPECT_EQ(Text(map.Bmap(0)), "0 -0 +2");
  EXPECT_EQ(Text(map.Bmap(1)), "8 -1 +2");
  EXPECT_EQ(Text(map.Bmap(5)), "40 -2 +2");
  EXPECT_EQ(Text(map.Bmap(8)), "64 -2 +1");
  BlockMap alone(kBlock, 0);
  alone.Map(0, 10, 0);
  EXPECT_EQ(Text(alone.Bmap(5)), "40 -0 +0");
}

TEST(BmapTest, ARunLongerThanAnIntIsCappedBeforeItIsNarrowed) {
  BlockMap map(kMinBlockBytes, INT32_MAX);
  map.Map(0, int64_t{1} << 33, 0);
  EXPECT_EQ(Text(map.Bmap(int64_t{1} << 32)), "4294967296 -2147483647 +2147483647");
}

TEST(TruncateTest, GivesBackWhatWasThere) {
  BlockMap map(kBlock, kMaxrun);
  map.Map(0, 4, 100);
  map.Map(6, 3, 400);
  EXPECT_EQ(Text(map.Truncate(20)), "");
  EXPECT_EQ(Text(map.Truncate(9)), "");
  EXPECT_EQ(Text(map.Truncate(7)), "7+2@408");
  EXPECT_EQ(map.blocks(), 5);
  EXPECT_EQ(Text(map.Truncate(2)), "2+2@116 6+1@400");
  EXPECT_EQ(Text(map.extents()), "0+2@100");
  EXPECT_EQ(map.blocks(), 2);
  map.Map(2, 1, 116);
  EXPECT_EQ(Text(map.extents()), "0+3@100");
  EXPECT_EQ(Text(map.Truncate(0)), "0+3@100");
  EXPECT_EQ(map.blocks(), 0);
}

TEST(NextMappedTest, SkipsHoles) {
  BlockMap map(kBlock, kMaxrun);
  EXPECT_EQ(map.NextMapped(0), INT64_MAX);
  map.Map(2, 2, 100);
  map.Map(6, 1, 400);
  EXPECT_EQ(map.NextMapped(0), 2);
  EXPECT_EQ(map.NextMapped(3), 3);
  EXPECT_EQ(map.NextMapped(4), 6);
  EXPECT_EQ(map.NextMapped(7), INT64_MAX);
}

// Against a map of every block.
class BlockMapPropertyTest : public testing::TestWithParam<uint64_t> {
 protected:
  static constexpr int64_t kBlocks = 40;

  Daddr At(Lblkno lblkno) const {
    const auto it = naive_.find(lblkno);
    return it == naive_.end() ? kHole : it->second;
  }
  int RunFrom(Lblkno lblkno, int step) const {
    int n = 0;
    while (n < maxrun_ && At(lblkno + (n + 1) * step) != kHole &&
           At(lblkno + (n + 1) * step) == At(lblkno) + (n + 1) * step * kPerBlock) {
      ++n;
    }
    return n;
  }
  void MapSomething() {
    const auto first = static_cast<Lblkno>(random_.Below(kBlocks));
    int64_t count = 0;
    while (count < 4 && At(first + count) == kHole) ++count;
    if (count == 0) return;
    count = 1 + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(count)));
    // One of two places, so that many extents touch.
    const Daddr sector = (first + (random_.Below(4) == 0 ? 1000 : 0)) * kPerBlock;
    map_.Map(first, count, sector);
    for (int64_t i = 0; i < count; ++i) naive_[first + i] = sector + i * kPerBlock;
  }
  void TruncateSomewhere() {
    const auto end = static_cast<Lblkno>(random_.Below(kBlocks + 8));
    std::map<Lblkno, Daddr> gone(naive_.lower_bound(end), naive_.end());
    naive_.erase(naive_.lower_bound(end), naive_.end());
    Lblkno last = -1;
    for (const Extent& extent : map_.Truncate(end)) {
      ASSERT_GT(extent.first, last);
      last = extent.first;
      for (int64_t i = 0; i < extent.count; ++i) {
        ASSERT_EQ(gone.count(extent.first + i), 1u);
        ASSERT_EQ(gone[extent.first + i], extent.sector + i * kPerBlock);
        gone.erase(extent.first + i);
      }
    }
    ASSERT_TRUE(gone.empty());
  }
  void Compare() const {
    ASSERT_EQ(map_.blocks(), static_cast<int64_t>(naive_.size()));
    for (Lblkno b = 0; b < kBlocks + 8; ++b) {
      const BlockMap::Run run = map_.Bmap(b);
      ASSERT_EQ(run.sector, At(b)) << b;
      ASSERT_EQ(run.before, run.sector == kHole ? 0 : RunFrom(b, -1)) << b;
      ASSERT_EQ(run.after, run.sector == kHole ? 0 : RunFrom(b, 1)) << b;
      const auto next = naive_.lower_bound(b);
      ASSERT_EQ(map_.NextMapped(b), next == naive_.end() ? INT64_MAX : next->first) << b;
    }
    for (size_t i = 1; i < map_.extents().size(); ++i) {
      const Extent& a = map_.extents()[i - 1];
      const Extent& b = map_.extents()[i];
      ASSERT_LE(a.first + a.count, b.first);
      ASSERT_FALSE(a.first + a.count == b.first && a.sector + a.count * kPerBlock == b.sector)
          << Text(map_.extents());
    }
  }

  const int maxrun_ = 5;
  sim::SplitMix64 random_{GetParam()};
  BlockMap map_{kBlock, maxrun_};
  std::map<Lblkno, Daddr> naive_;
};

TEST_P(BlockMapPropertyTest, IsWhatAMapOfEveryBlockIs) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  for (int step = 0; step < 2000; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    if (random_.Below(12) == 0) {
      TruncateSomewhere();
    } else {
      MapSomething();
    }
    if (!HasFatalFailure()) Compare();
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, BlockMapPropertyTest, testing::Range(uint64_t{1}, uint64_t{9}));

TEST(BlockMapDeathTest, MisuseIsCaught) {
  BlockMap map(kBlock, kMaxrun);
  map.Map(4, 2, 100);
  EXPECT_DEATH(map.Map(4, 1, 900), "block 4 is mapped already");
  EXPECT_DEATH(map.Map(5, 1, 900), "mapped already");
  EXPECT_DEATH(map.Map(3, 2, 900), "mapped already");
  EXPECT_DEATH(map.Map(0, 10, 900), "mapped already");
  EXPECT_DEATH(map.Map(0, 0, 900), "count");
  EXPECT_DEATH(map.Map(-1, 1, 900), "first");
  EXPECT_DEATH(map.Map(0, 1, kHole), "sector");
  EXPECT_DEATH(map.Bmap(-1), "lblkno");
  EXPECT_DEATH(map.Truncate(-1), "blocks");
  EXPECT_DEATH(BlockMap(256, 0), "block_bytes=256");
  EXPECT_DEATH(BlockMap(1536, 0), "block_bytes=1536");
  EXPECT_DEATH(BlockMap(512, -1), "maxrun");
}

}  // namespace
}  // namespace vmsim::vfs
