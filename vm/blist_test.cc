#include "vm/blist.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "sim/random.h"

namespace vmsim::vm {
namespace {

// A list drawn as text: '#' allocated, '.' free, '^' in a second line at the cursor.
Blist Draw(std::string_view blocks) {
  Blist list(static_cast<uint32_t>(blocks.size()));
  for (uint32_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i] == '.') list.Free(i, 1);
  }
  return list;
}

std::string Picture(const Blist& list) {
  std::string out(list.blocks(), '#');
  for (auto e = list.NextFree(0); e.count > 0; e = list.NextFree(e.first + e.count)) {
    out.replace(e.first, e.count, e.count, '.');
  }
  return out;
}

// One request on a list drawn with its cursor; `want` is the list afterwards.
struct Story {
  std::string_view name, list, cursor;
  uint32_t min, max, first, count;
  std::string_view want, want_cursor;
};
constexpr Story kStories[] = {
    {"FirstFit", "##....##", "^", 2, 2, 2, 2, "####..##", "    ^"},
    {"TakesUpToTheMaximum", "##....##", "^", 2, 3, 2, 3, "#####.##", "     ^"},
    {"TakesTheWholeRunIfShorter", "##....##", "^", 2, 9, 2, 4, "########", "      ^"},
    {"RunTooShortIsPassedOver", "#.#...##", "^", 2, 2, 3, 2, "#.###.##", "     ^"},
    {"StartsInsideAFreeExtent", "......##", "   ^", 2, 2, 3, 2, "...##.##", "     ^"},
    {"WrapsToTheStart", "....##..", "      ^", 3, 3, 0, 3, "###.##..", "   ^"},
    {"AfterWrappingTheStraddlingRunCountsWhole", "#....###", "   ^", 4, 4, 1, 4, "########",
     "     ^"},
    {"CursorAtTheVeryEndIsZero", "####....", "^", 4, 4, 4, 4, "########", "^"},
    {"NothingFitsLeavesAll", "..#..#..", "   ^", 3, 3, 0, 0, "..#..#..", "   ^"},
};
class BlistStory : public testing::TestWithParam<Story> {};
TEST_P(BlistStory, Alloc) {
  const Story& story = GetParam();
  // A cursor stands where an allocation ended: fill up all before it, take one block, restore.
  const uint32_t cursor = static_cast<uint32_t>(story.cursor.find('^'));
  Blist list(static_cast<uint32_t>(story.list.size()));
  if (cursor > 0) {
    list.Free(cursor - 1, 1);
    list.Alloc(1, 1);
  }
  ASSERT_EQ(list.cursor(), cursor);
  for (uint32_t i = 0; i < story.list.size(); ++i) {
    if (story.list[i] == '.') list.Free(i, 1);
  }
  const Blist::Extent got = list.Alloc(story.min, story.max);
  EXPECT_EQ(got.count, story.count);
  EXPECT_EQ(got.first, story.first);
  EXPECT_EQ(Picture(list), story.want);
  EXPECT_EQ(list.cursor(), story.want_cursor.find('^'));
}
INSTANTIATE_TEST_SUITE_P(, BlistStory, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(BlistTest, FillCountsOnlyWhatWasFree) {
  Blist list = Draw("#.#..#");
  EXPECT_EQ(list.Fill(0, 4), 2u);
  EXPECT_EQ(Picture(list), "####.#");
  EXPECT_EQ(list.avail(), 1u);
}

TEST(BlistTest, ResizeKeepsWhatBothSizesHold) {
  Blist list = Draw("#..#..");
  list.Alloc(1, 1);
  list.Resize(5, false);
  EXPECT_EQ(Picture(list), "##.#.");
  EXPECT_EQ(list.cursor(), 0u);
  list.Resize(7, true);
  EXPECT_EQ(Picture(list), "##.#...");
  list.Resize(9, false);
  EXPECT_EQ(Picture(list), "##.#...##");
  EXPECT_EQ(list.avail(), 4u);
}

TEST(BlistTest, RadixIsTheSmallestPowerThatCovers) {
  struct Row {
    uint32_t blocks;
    uint64_t radix;
  };
  for (const Row& row : {Row{1, 1}, Row{64, 1}, Row{65, 64}, Row{4096, 64}, Row{4097, 4096},
                         Row{262144, 4096}, Row{262145, 262144}, Row{16777217, 16777216}}) {
    EXPECT_EQ(Blist::Radix(row.blocks), row.radix) << row.blocks;
  }
}

TEST(BlistTest, RunsCrossWordsAndExceedTheMinimumLimit) {
  Blist list(1000);
  list.Free(50, 300);
  EXPECT_EQ(list.Alloc(64, 5000).count, 300u);
  EXPECT_EQ(list.cursor(), 350u);
}

TEST(BlistDeathTest, MisuseFailsACheck) {
  Blist list = Draw("#.");
  EXPECT_DEATH(list.Free(1, 1), "freeing a free block");
  EXPECT_DEATH(list.Free(1, 2), "past the end");
  EXPECT_DEATH(list.Fill(2, 1), "past the end");
  EXPECT_DEATH(list.Alloc(0, 1), "bad request");
  EXPECT_DEATH(list.Alloc(65, 65), "bad request");
  EXPECT_DEATH(list.Alloc(3, 2), "bad request");
}

// The flat rule, on a vector of flags.
class NaiveBlist {
 public:
  explicit NaiveBlist(uint32_t blocks) : free_(blocks, false) {}
  Blist::Extent Alloc(uint32_t min, uint32_t max) {
    for (uint32_t start : {cursor_, 0u}) {
      for (uint32_t first = start; first + min <= free_.size(); ++first) {
        uint32_t count = 0;
        while (count < max && first + count < free_.size() && free_[first + count]) ++count;
        if (count < min) continue;
        for (uint32_t i = 0; i < count; ++i) free_[first + i] = false;
        cursor_ = (first + count) % static_cast<uint32_t>(free_.size());
        return {first, count};
      }
    }
    return {};
  }
  uint32_t Set(uint32_t first, uint32_t count, bool to) {
    uint32_t changed = 0;
    for (uint32_t i = first; i < first + count; ++i) {
      changed += free_[i] != to;
      free_[i] = to;
    }
    return changed;
  }
  void Resize(uint32_t blocks, bool free_new) {
    free_.resize(blocks, free_new);
    cursor_ = 0;
  }
  bool free(uint32_t block) const { return free_[block]; }
  uint32_t blocks() const { return static_cast<uint32_t>(free_.size()); }
  uint32_t cursor() const { return cursor_; }
  std::string Picture() const {
    std::string out;
    for (bool free : free_) out += free ? '.' : '#';
    return out;
  }

 private:
  std::vector<bool> free_;
  uint32_t cursor_ = 0;
};

uint32_t Below(sim::SplitMix64& random, uint64_t bound) {
  return static_cast<uint32_t>(random.Below(bound));
}

// Frees the allocated blocks of a random range, run by run.
void FreeRandomRange(sim::SplitMix64& random, Blist& list, NaiveBlist& naive) {
  const uint32_t first = Below(random, naive.blocks());
  const uint32_t end = std::min(naive.blocks(), first + 1 + Below(random, 1 + Below(random, 300)));
  for (uint32_t at = first; at < end;) {
    uint32_t count = 0;
    while (at + count < end && !naive.free(at + count)) ++count;
    list.Free(at, count);
    naive.Set(at, count, true);
    at += count + 1;
  }
}

TEST(BlistTest, AgreesWithTheFlatRule) {
  for (uint64_t seed = 1; seed <= 250; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    sim::SplitMix64 random(seed);
    const uint32_t blocks = 1 + Below(random, seed % 5 == 0 ? 20000 : 1 + Below(random, 700));
    Blist list(blocks);
    NaiveBlist naive(blocks);
    for (int op = 0; op < 400; ++op) {
      const uint32_t what = Below(random, 100);
      if (what < 60) {
        const uint32_t min = 1 + Below(random, 1 + Below(random, 64));
        const uint32_t max = min + Below(random, 1 + Below(random, 400));
        const Blist::Extent got = list.Alloc(min, max), want = naive.Alloc(min, max);
        ASSERT_EQ(got.count, want.count) << "op " << op << " min " << min << " max " << max;
        ASSERT_EQ(got.first, want.first) << "op " << op << " min " << min << " max " << max;
      } else if (what < 90) {
        FreeRandomRange(random, list, naive);
      } else if (what < 99) {
        const uint32_t first = Below(random, naive.blocks());
        const uint32_t count = Below(random, std::min(100u, naive.blocks() - first) + 1);
        ASSERT_EQ(list.Fill(first, count), naive.Set(first, count, false)) << "op " << op;
      } else {
        const uint32_t size = 1 + Below(random, 2 * naive.blocks());
        const bool free_new = Below(random, 2) == 1;
        list.Resize(size, free_new);
        naive.Resize(size, free_new);
      }
      ASSERT_EQ(list.cursor(), naive.cursor()) << "op " << op;
    }
    ASSERT_EQ(Picture(list), naive.Picture());
    const std::string picture = naive.Picture();
    ASSERT_EQ(list.avail(), std::count(picture.begin(), picture.end(), '.'));
  }
}

// 64 GiB of swap in pieces of one block, then one piece of 32 at the end: every request looks past
// millions of pieces that are too short. With a walk over the bitmap each would cost 256 Ki words,
// and this test minutes.
TEST(BlistTest, ManyShortPiecesAreNotWalkedTwice) {
  constexpr uint32_t kBlocks = 1u << 24;
  Blist list(kBlocks);
  for (uint32_t block = 0; block < kBlocks - 64; block += 16) list.Free(block, 1);
  list.Free(kBlocks - 64, 32);
  for (int round = 0; round < 200'000; ++round) {
    const Blist::Extent got = list.Alloc(32, 32);
    ASSERT_EQ(got.first, kBlocks - 64);
    ASSERT_EQ(got.count, 32u);
    list.Free(got.first, got.count);
  }
}

}  // namespace
}  // namespace vmsim::vm
