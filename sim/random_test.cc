#include "sim/random.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace vmsim::sim {
namespace {

constexpr uint64_t kMax = ~uint64_t{0};

// The wanted values of this file come from the published recipes, computed apart in Python.
TEST(SplitMix64Test, FollowsThePublishedSequence) {
  struct Row {
    uint64_t seed;
    std::vector<uint64_t> want;
  };
  const Row rows[] = {
      {0,
       {0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC,
        0x1B39896A51A8749B}},
      {1234567,
       {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u,
        16408922859458223821u}},
  };
  for (const Row& row : rows) {
    SplitMix64 random(row.seed);
    for (const uint64_t want : row.want) EXPECT_EQ(random.Next(), want) << "seed " << row.seed;
  }
}

TEST(SplitMix64Test, BelowIsTheHighHalfOfTheProduct) {
  SplitMix64 random(1234567);
  for (const uint64_t want : {35, 17, 53, 24, 88, 42, 59, 27, 43, 81, 42, 44}) {
    EXPECT_EQ(random.Below(100), want);
  }
}

TEST(SplitMix64Test, BelowStaysInRangeAndDrawsOnce) {
  for (const uint64_t m : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{3}, uint64_t{1000},
                           uint64_t{1} << 32, (uint64_t{1} << 63) + 1, kMax}) {
    SplitMix64 random(m), shadow(m);
    for (int i = 0; i < 1000; ++i) {
      const uint64_t draw = random.Below(m);
      if (m == 0) {
        EXPECT_EQ(draw, 0u);
      } else {
        ASSERT_LT(draw, m);
      }
      shadow.Next();
    }
    EXPECT_EQ(random.Next(), shadow.Next()) << "m=" << m;
  }
}

TEST(SplitMix64Test, BelowIsEven) {
  constexpr int kDraws = 60'000, kFaces = 6;
  std::vector<int> seen(kFaces);
  SplitMix64 random(1);
  for (int i = 0; i < kDraws; ++i) ++seen[random.Below(kFaces)];
  for (int face = 0; face < kFaces; ++face) {
    // 10000 wanted, standard deviation 91: five of them on either side.
    EXPECT_NEAR(seen[face], kDraws / kFaces, 456) << "face " << face;
  }
}

TEST(NamedStreamTest, SeedsAreFixedForEver) {
  struct Row {
    uint64_t seed;
    std::string_view name;
    uint64_t want;
  };
  const Row rows[] = {
      {0, "", 0xAEBE53F85CDC3C4C},        {0, "disk", 0xFAEC1FFFCF549157},
      {1, "disk", 0x9DD6C79C15BAEC83},    {1, "ada0.faults", 0x7973BEE63A8E28BD},
      {kMax, "zipf", 0xC5FB6011E576BE27},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(StreamSeed(row.seed, row.name), row.want) << row.seed << " " << row.name;
    EXPECT_EQ(NamedStream(row.seed, row.name).Next(), SplitMix64(row.want).Next());
  }
}

TEST(NamedStreamTest, ADrawInOneStreamShiftsNoOther) {
  const auto draws_of_disk = [](int draws_of_others) {
    SplitMix64 others = NamedStream(7, "workload");
    SplitMix64 disk = NamedStream(7, "disk");
    std::vector<uint64_t> draws;
    for (int i = 0; i < 10; ++i) {
      for (int j = 0; j < draws_of_others; ++j) others.Next();
      draws.push_back(disk.Next());
    }
    return draws;
  };
  EXPECT_EQ(draws_of_disk(0), draws_of_disk(3));
}

TEST(NamedStreamTest, NeighbouringSeedsAndNamesShareNothing) {
  std::vector<uint64_t> draws;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (int disk = 0; disk < 20; ++disk) {
      SplitMix64 random = NamedStream(seed, "disk" + std::to_string(disk));
      for (int i = 0; i < 50; ++i) draws.push_back(random.Next());
    }
  }
  // 20000 draws of 64 bits: two alike would mean streams that overlap.
  EXPECT_EQ(std::set<uint64_t>(draws.begin(), draws.end()).size(), draws.size());
}

TEST(NamedStreamTest, BytesAbove127CountAsUnsigned) {
  // FNV-1a of "\xFF" is the same whether the compiler's char is signed or not.
  const uint64_t fnv = (0xCBF29CE484222325 ^ 0xFF) * 0x100000001B3;
  EXPECT_EQ(StreamSeed(3, "\xFF"), MixBits(SplitMix64(3).Next() ^ fnv));
}

}  // namespace
}  // namespace vmsim::sim
