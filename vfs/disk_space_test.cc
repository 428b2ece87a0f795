#include "vfs/disk_space.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/random.h"

namespace vmsim::vfs {
namespace {

constexpr int32_t kBlock = 1024;
constexpr int64_t kPerBlock = kBlock / kSectorBytes;  // 2
constexpr Daddr kStart = 100;

// A file system of ten blocks from sector 100 on, drawn as a row of '.' (free) and '#'. Steps take
// (n from p) or give back; p is a sector, or -1.
struct Step {
  enum class Do { kTake, kFree } what;
  int64_t count;
  Daddr sector;
  std::string want;  // Of a take: count@sector.
};
constexpr auto kTake = Step::Do::kTake;
constexpr auto kFree = Step::Do::kFree;

struct Story {
  std::string name;
  std::vector<Step> steps;
  std::string picture;
};

std::string Text(const DiskSpace::Run& run) {
  return std::to_string(run.count) + "@" + std::to_string(run.sector);
}

std::string Picture(const DiskSpace& space) {
  std::string row(static_cast<size_t>(space.blocks()), '#');
  for (const auto& [sector, count] : space.free_runs()) {
    const auto first = static_cast<size_t>((sector - kStart) / kPerBlock);
    row.replace(first, static_cast<size_t>(count), static_cast<size_t>(count), '.');
  }
  return row;
}

const std::vector<Story> kStories = {
    {"NoPreferenceGoesOnFromThere",
     {{kTake, 2, kHole, "2@100"}, {kTake, 3, kHole, "3@104"}},
     "#####....."},
    {"NoPreferenceDoesNotLookBack",
     {{kTake, 4, kHole, "4@100"}, {kFree, 4, 100, ""}, {kTake, 1, kHole, "1@108"}},
     "....#....."},
    {"NoPreferenceWraps",
     {{kTake, 8, kHole, "8@100"},
      {kFree, 3, 102, ""},
      {kTake, 9, kHole, "2@116"},
      {kTake, 9, kHole, "3@102"}},
     "##########"},
    {"APreferenceDoesNotMoveWhereNoPreferenceLooks",
     {{kTake, 1, kHole, "1@100"}, {kTake, 1, 110, "1@110"}, {kTake, 1, kHole, "1@102"}},
     "##...#...."},
    {"ThePreferredBlock", {{kTake, 2, 106, "2@106"}}, "...##....."},
    {"ThePreferredBlockBeginsItsRun",
     {{kTake, 3, kHole, "3@100"}, {kTake, 2, 106, "2@106"}},
     "#####....."},
    {"ThePreferredBlockEndsItsRun", {{kTake, 5, 118, "1@118"}}, ".........#"},
    {"APreferenceWithinABlockMeansTheBlock", {{kTake, 1, 107, "1@106"}}, "...#......"},
    {"WithinTheLastBlock", {{kTake, 1, 119, "1@118"}}, ".........#"},
    {"TheNextFreeRunBehindIt",
     {{kTake, 3, 104, "3@104"}, {kTake, 1, 104, "1@110"}, {kTake, 1, 108, "1@112"}},
     "..#####..."},
    {"BehindItNothingIsFreeSoTheLowest",
     {{kTake, 4, 112, "4@112"}, {kTake, 2, 112, "2@100"}},
     "##....####"},
    {"BehindTheEndMeansTheLowest",
     {{kTake, 1, 120, "1@100"}, {kTake, 1, 9999, "1@102"}},
     "##........"},
    {"BeforeTheStartMeansTheLowest", {{kTake, 1, 0, "1@100"}}, "#........."},
    {"LessThanWanted", {{kTake, 1, 106, "1@106"}, {kTake, 9, 100, "3@100"}}, "####......"},
    {"All",
     {{kTake, 99, kHole, "10@100"}, {kTake, 1, kHole, "0@-1"}, {kTake, 1, 104, "0@-1"}},
     "##########"},
    {"FreeJoinsBothSides",
     {{kTake, 10, kHole, "10@100"},
      {kFree, 2, 102, ""},
      {kFree, 2, 110, ""},
      {kFree, 2, 106, ""},
      {kTake, 5, 102, "5@102"}},
     "######.###"},
};

class DiskSpaceTest : public testing::TestWithParam<Story> {};

TEST_P(DiskSpaceTest, Story) {
  DiskSpace space(kStart, 10, kBlock);
  for (const Step& step : GetParam().steps) {
    if (step.what == kTake) {
      EXPECT_EQ(Text(space.Allocate(step.count, step.sector)), step.want);
    } else {
      space.Free(step.sector, step.count);
    }
  }
  EXPECT_EQ(Picture(space), GetParam().picture);
}

INSTANTIATE_TEST_SUITE_P(, DiskSpaceTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return info.param.name; });

TEST(DiskSpaceEdgeTest, AFileSystemWithoutBlocksIsFull) {
  DiskSpace space(kStart, 0, kBlock);
  EXPECT_EQ(Text(space.Allocate(1, kHole)), "0@-1");
  EXPECT_EQ(space.free_blocks(), 0);
}

// The rules on a row of bits.
class NaiveSpace {
 public:
  explicit NaiveSpace(int64_t blocks) : used_(static_cast<size_t>(blocks)) {}

  DiskSpace::Run Allocate(int64_t wanted, Daddr preferred) {
    int64_t block = FirstFree(BlockOf(preferred == kHole ? next_ : preferred));
    if (block < 0) block = FirstFree(0);
    if (block < 0) return {};
    int64_t count = 0;
    while (count < wanted && IsFree(block + count)) Set(block + count++, true);
    const Daddr sector = kStart + block * kPerBlock;
    if (preferred == kHole) next_ = sector + count * kPerBlock;
    return {sector, count};
  }
  void Set(int64_t block, bool used) { used_[static_cast<size_t>(block)] = used; }
  std::string Picture() const {
    std::string row;
    for (const bool used : used_) row += used ? '#' : '.';
    return row;
  }

 private:
  static int64_t BlockOf(Daddr sector) {
    return sector < kStart ? 0 : (sector - kStart) / kPerBlock;
  }
  bool IsFree(int64_t block) const {
    return block < static_cast<int64_t>(used_.size()) && !used_[static_cast<size_t>(block)];
  }
  int64_t FirstFree(int64_t block) const {
    for (; block < static_cast<int64_t>(used_.size()); ++block) {
      if (IsFree(block)) return block;
    }
    return -1;
  }

  std::vector<bool> used_;
  Daddr next_ = kStart;
};

class DiskSpacePropertyTest : public testing::TestWithParam<uint64_t> {};

TEST_P(DiskSpacePropertyTest, IsWhatARowOfBitsIs) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  constexpr int64_t kBlocks = 50;
  sim::SplitMix64 random(GetParam());
  DiskSpace space(kStart, kBlocks, kBlock);
  NaiveSpace naive(kBlocks);
  std::vector<DiskSpace::Run> taken;
  for (int step = 0; step < 3000; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    if (random.Below(2) == 0) {
      const auto wanted = 1 + static_cast<int64_t>(random.Below(6));
      const Daddr preferred =
          random.Below(3) == 0
              ? kHole
              : kStart - 5 + static_cast<Daddr>(random.Below(kBlocks * kPerBlock + 10));
      const DiskSpace::Run run = space.Allocate(wanted, preferred);
      ASSERT_EQ(Text(run), Text(naive.Allocate(wanted, preferred))) << preferred;
      if (run.sector != kHole) taken.push_back(run);
    } else if (!taken.empty()) {
      // Some blocks of what was taken, the rest stays.
      const auto at = static_cast<size_t>(random.Below(taken.size()));
      DiskSpace::Run& run = taken[at];
      const auto count = 1 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(run.count)));
      space.Free(run.sector, count);
      for (int64_t i = 0; i < count; ++i) {
        naive.Set((run.sector - kStart) / kPerBlock + i, false);
      }
      run = {run.sector + count * kPerBlock, run.count - count};
      if (run.count == 0) taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(at));
    }
    ASSERT_EQ(Picture(space), naive.Picture());
    int64_t free_blocks = 0;
    Daddr end = -1;
    for (const auto& [sector, count] : space.free_runs()) {
      ASSERT_GT(sector, end) << "two runs touch";
      end = sector + count * kPerBlock;
      free_blocks += count;
    }
    ASSERT_EQ(space.free_blocks(), free_blocks);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DiskSpacePropertyTest, testing::Range(uint64_t{1}, uint64_t{9}));

TEST(DiskSpaceDeathTest, MisuseIsCaught) {
  DiskSpace space(kStart, 10, kBlock);
  EXPECT_DEATH(space.Free(100, 1), "free already");
  space.Allocate(4, 104);
  EXPECT_DEATH(space.Free(102, 2), "free already");
  EXPECT_DEATH(space.Free(110, 2), "free already");
  EXPECT_DEATH(space.Free(105, 1), "sector=105");
  EXPECT_DEATH(space.Free(98, 1), "sector=98");
  EXPECT_DEATH(space.Free(104, 9), "sector=104 count=9");
  EXPECT_DEATH(space.Free(104, 0), "count");
  EXPECT_DEATH(space.Allocate(0, kHole), "wanted");
  EXPECT_DEATH(DiskSpace(0, -1, kBlock), "blocks");
  EXPECT_DEATH(DiskSpace(0, 1, 256), "block_bytes");
  EXPECT_DEATH(DiskSpace(-1, 1, kBlock), "sector");
}

}  // namespace
}  // namespace vmsim::vfs
