#include "vfs/sector_tags.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>

#include "sim/random.h"

namespace vmsim::vfs {
namespace {

constexpr int64_t kChunk = SectorTags::kChunkSectors;

// "tag*count tag*count ..." of [first, end).
std::string Text(const SectorTags& tags, int64_t first, int64_t end) {
  std::string text;
  for (int64_t s = first; s < end;) {
    int64_t n = 1;
    while (s + n < end && tags.Get(s + n) == tags.Get(s)) ++n;
    text += (text.empty() ? "" : " ") + std::to_string(tags.Get(s)) + "*" + std::to_string(n);
    s += n;
  }
  return text;
}

TEST(SectorTagsTest, TheRuleHoldsWhereNothingWasSet) {
  const SectorTags tags(300);
  EXPECT_EQ(Text(tags, 0, 1000), "1*300 0*700");
  EXPECT_EQ(tags.Get(int64_t{1} << 40), kZeroTag);
  EXPECT_FALSE(tags.HasChunk(0));
  EXPECT_EQ(tags.initial_sectors(), 300);
  EXPECT_EQ(Text(SectorTags(), 0, 10), "0*10");
}

TEST(SectorTagsTest, ASetSectorLeavesTheRuleAroundIt) {
  SectorTags tags(300);
  tags.Set(280, 7);
  EXPECT_EQ(Text(tags, 0, 1000), "1*280 7*1 1*19 0*700");
  EXPECT_FALSE(tags.HasChunk(0));
  EXPECT_TRUE(tags.HasChunk(256));
  EXPECT_FALSE(tags.HasChunk(512));
}

TEST(SectorTagsTest, ARangeOverSeveralChunks) {
  SectorTags tags;
  tags.SetRange(200, 400, 9);
  EXPECT_EQ(Text(tags, 0, 1000), "0*200 9*400 0*400");
  tags.SetRange(300, 0, 8);
  EXPECT_EQ(Text(tags, 0, 1000), "0*200 9*400 0*400");
  tags.SetRange(300, 10, kZeroTag);
  EXPECT_EQ(Text(tags, 0, 1000), "0*200 9*100 0*10 9*290 0*400");
}

TEST(SectorTagsTest, WhatTheRuleSaysAlreadyTakesNoMemory) {
  SectorTags tags(kChunk);
  tags.SetRange(0, kChunk, kInitialTag);
  tags.SetRange(kChunk, 100 * kChunk, kZeroTag);
  EXPECT_FALSE(tags.HasChunk(0));
  EXPECT_FALSE(tags.HasChunk(kChunk));
  tags.Set(kChunk, kInitialTag);
  EXPECT_EQ(Text(tags, 0, 2 * kChunk), "1*257 0*255");
}

TEST(SectorTagsTest, CutTagsAreZerosAlsoWhenTheFileGrowsAgain) {
  SectorTags tags(300);
  tags.SetRange(250, 20, 7);
  tags.SetRange(600, 10, 8);
  tags.Truncate(260);
  EXPECT_EQ(Text(tags, 0, 1000), "1*250 7*10 0*740");
  EXPECT_EQ(tags.initial_sectors(), 260);
  EXPECT_FALSE(tags.HasChunk(600));
  tags.Truncate(500);
  EXPECT_EQ(tags.initial_sectors(), 260);
  tags.Truncate(kChunk);
  EXPECT_EQ(Text(tags, 0, 1000), "1*250 7*6 0*744");
  EXPECT_TRUE(tags.HasChunk(0));
  EXPECT_FALSE(tags.HasChunk(kChunk));
  tags.Truncate(0);
  EXPECT_EQ(Text(tags, 0, 1000), "0*1000");
  EXPECT_FALSE(tags.HasChunk(0));
}

TEST(SectorTagsTest, ACutWithinTheRuleNeedsNoChunk) {
  SectorTags tags(1000);
  tags.Truncate(100);
  EXPECT_EQ(Text(tags, 0, 1000), "1*100 0*900");
  EXPECT_FALSE(tags.HasChunk(0));
}

TEST(CopyRangeTest, TakesTheSourcesTagsAndNoOthers) {
  SectorTags from(10);
  SectorTags to(600);
  from.SetRange(250, 10, 7);
  to.CopyRange(from, 5, 300);
  EXPECT_EQ(Text(to, 0, 600), "1*10 0*240 7*10 0*45 1*295");
  EXPECT_EQ(Text(from, 0, 600), "1*10 0*240 7*10 0*340");
}

TEST(CopyRangeTest, TheSourcesRuleReplacesTagsThatWereSet) {
  const SectorTags from(300);
  SectorTags to(300);
  to.SetRange(200, 200, 7);
  to.CopyRange(from, 250, 100);
  EXPECT_EQ(Text(to, 0, 500), "1*200 7*50 1*50 0*50 7*50 0*100");
}

TEST(CopyRangeTest, TakesNoMemoryWhereBothHaveTheSameRule) {
  const SectorTags from(300);
  SectorTags to(400);
  to.CopyRange(from, 0, 300);     // Initial in both.
  to.CopyRange(from, 400, 9000);  // Zeros in both.
  EXPECT_FALSE(to.HasChunk(0));
  EXPECT_FALSE(to.HasChunk(299));
  EXPECT_FALSE(to.HasChunk(600));
  to.CopyRange(from, 299, 2);  // Their bounds differ.
  EXPECT_TRUE(to.HasChunk(299));
  EXPECT_EQ(Text(to, 0, 500), "1*300 0*1 1*99 0*100");
}

// Two of them against maps of every sector.
constexpr int64_t kSectors = 3 * kChunk + 50;

struct Pair {
  explicit Pair(int64_t initial) : tags(initial) {
    for (int64_t s = 0; s < initial; ++s) naive[s] = kInitialTag;
  }
  Tag Naive(int64_t sector) const {
    const auto it = naive.find(sector);
    return it == naive.end() ? kZeroTag : it->second;
  }
  void SetRange(int64_t first, int64_t count, Tag tag) {
    tags.SetRange(first, count, tag);
    for (int64_t s = first; s < first + count; ++s) naive[s] = tag;
  }
  void CopyRange(const Pair& from, int64_t first, int64_t count) {
    tags.CopyRange(from.tags, first, count);
    for (int64_t s = first; s < first + count; ++s) naive[s] = from.Naive(s);
  }
  void Truncate(int64_t sector) {
    tags.Truncate(sector);
    naive.erase(naive.lower_bound(sector), naive.end());
  }
  void Compare() const {
    for (int64_t s = 0; s < kSectors + kChunk; ++s) ASSERT_EQ(tags.Get(s), Naive(s)) << s;
  }

  SectorTags tags;
  std::map<int64_t, Tag> naive;
};

class SectorTagsPropertyTest : public testing::TestWithParam<uint64_t> {};

TEST_P(SectorTagsPropertyTest, AreWhatMapsOfEverySectorAre) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  sim::SplitMix64 random(GetParam());
  const auto below = [&random](int64_t m) {
    return static_cast<int64_t>(random.Below(static_cast<uint64_t>(m)));
  };
  Pair pairs[2] = {Pair(below(kSectors)), Pair(below(kSectors))};
  for (int step = 0; step < 600; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const int64_t which = below(2);
    Pair& pair = pairs[which];
    const int64_t first = below(kSectors);
    const int64_t count = below(random.Below(3) == 0 ? kSectors - first + 1 : 20);
    const int64_t dice = below(16);
    if (dice == 0) {
      pair.Truncate(first);
    } else if (dice < 6) {
      pair.CopyRange(pairs[1 - which], first, count);
    } else {
      // The tags of the rule often, they have paths of their own.
      pair.SetRange(first, count, random.Below(10));
    }
    pairs[0].Compare();
    pairs[1].Compare();
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SectorTagsPropertyTest, testing::Range(uint64_t{1}, uint64_t{9}));

TEST(SectorTagsDeathTest, MisuseIsCaught) {
  SectorTags tags(10);
  EXPECT_DEATH(tags.Get(-1), "sector");
  EXPECT_DEATH(tags.Set(-1, 5), "first=-1 count=1");
  EXPECT_DEATH(tags.SetRange(0, -1, 5), "first=0 count=-1");
  EXPECT_DEATH(tags.CopyRange(SectorTags(), -2, 1), "first=-2 count=1");
  EXPECT_DEATH(tags.Truncate(-1), "sector");
}

}  // namespace
}  // namespace vmsim::vfs
