#include "vm/swap_blocks.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sim/random.h"
#include "vm/invariants.h"

namespace vmsim::vm {
namespace {

// An object of 1000 pages, and a device that has handed out all its blocks (2..499), so that any of
// them can be entered and freed.
class SwapBlocksTest : public testing::Test {
 protected:
  SwapBlocksTest() : blocks_(1000) {
    space_.SwapOn(500 * 8);
    while (space_.Get(64).count > 0) continue;
  }

  // Enters `count` blocks from `block` on for the pages from `pindex` on.
  void Enter(Pindex pindex, SwapBlock block, uint32_t count = 1) {
    for (uint32_t i = 0; i < count; ++i) blocks_.Build(meta_, pindex + i, block + i);
  }
  // All entries: "pindex:block pindex:block".
  static std::string Picture(const SwapBlocks& blocks) {
    std::string out;
    blocks.ForEach([&out](Pindex pindex, SwapBlock block) {
      absl::StrAppend(&out, out.empty() ? "" : " ", pindex, ":", block);
    });
    return out;
  }

  SwapMeta meta_;
  SwapSpace space_;
  SwapBlocks blocks_;
};

TEST_F(SwapBlocksTest, ARecordExistsWhileOneOfItsSixteenEntriesHasABlock) {
  EXPECT_EQ(blocks_.Lookup(15), kNoSwapBlock);
  Enter(15, 40);
  Enter(16, 41);
  Enter(17, 42);
  EXPECT_EQ(blocks_.records(), 2u);
  EXPECT_EQ(meta_.records, 2u);
  EXPECT_EQ(blocks_.Build(meta_, 16, 50), 41u);  // Returned, not freed.
  EXPECT_EQ(blocks_.Build(meta_, 16, kNoSwapBlock), 50u);
  EXPECT_EQ(blocks_.Build(meta_, 16, kNoSwapBlock), kNoSwapBlock);
  EXPECT_EQ(meta_.records, 2u);
  EXPECT_EQ(blocks_.Build(meta_, 17, kNoSwapBlock), 42u);
  EXPECT_EQ(meta_.records, 1u);
  EXPECT_EQ(Picture(blocks_), "15:40");
  EXPECT_EQ(blocks_.Inconsistency(), "");
}

TEST_F(SwapBlocksTest, WithoutARecordToBeHadNothingChanges) {
  meta_.limit = 1;
  EXPECT_EQ(blocks_.Build(meta_, 0, 7), kNoSwapBlock);
  EXPECT_EQ(blocks_.Build(meta_, 15, 8), kNoSwapBlock);  // Same record.
  EXPECT_EQ(blocks_.Build(meta_, 16, 9), std::nullopt);
  EXPECT_EQ(blocks_.Build(meta_, 16, kNoSwapBlock), kNoSwapBlock);  // Removing needs none.
  EXPECT_EQ(Picture(blocks_), "0:7 15:8");
}

TEST_F(SwapBlocksTest, ARunMustBeContiguousInPagesAndInBlocks) {
  Enter(10, 100, 3);  // 10..12 -> 100..102
  Enter(13, 104, 2);  // 13..14 -> 104..105: a gap in the blocks
  Enter(16, 107);     // a gap in the pages
  const auto run = [this](Pindex pindex) {
    const SwapBlocks::Neighbours n = blocks_.HasPage(pindex);
    return n.present ? absl::StrCat(n.before, " ", n.after) : "none";
  };
  EXPECT_EQ(run(10), "0 2");
  EXPECT_EQ(run(12), "2 0");
  EXPECT_EQ(run(13), "0 1");
  EXPECT_EQ(run(15), "none");
  EXPECT_EQ(run(16), "0 0");
  Enter(200, 200, 100);
  EXPECT_EQ(run(205), "5 31");
  EXPECT_EQ(run(250), "31 31");
  EXPECT_EQ(run(299), "31 0");
  EXPECT_EQ(run(999), "none");
  EXPECT_EQ(run(UINT32_MAX), "none");
}

TEST_F(SwapBlocksTest, TheStartAndEndOfNumbersEndARun) {
  Enter(0, 3);
  Enter(1, 0);    // Block 0: what lies before it is no block.
  Enter(999, 9);  // The last page.
  EXPECT_EQ(blocks_.HasPage(0).before, 0);
  EXPECT_EQ(blocks_.HasPage(1).before, 0);
  EXPECT_EQ(blocks_.HasPage(999).after, 0);
}

TEST_F(SwapBlocksTest, FindLeastSkipsEmptyRecords) {
  EXPECT_EQ(blocks_.FindLeast(0), 1000u);
  Enter(3, 5);
  Enter(900, 6);
  EXPECT_EQ(blocks_.FindLeast(0), 3u);
  EXPECT_EQ(blocks_.FindLeast(3), 3u);
  EXPECT_EQ(blocks_.FindLeast(4), 900u);
  EXPECT_EQ(blocks_.FindLeast(901), 1000u);
  EXPECT_EQ(blocks_.FindLeast(5000), 1000u);
}

TEST_F(SwapBlocksTest, FreeRangeFreesAscendingAndDropsEmptyRecords) {
  Enter(14, 20, 4);  // Two records.
  Enter(40, 30);
  const int64_t used = space_.used();
  blocks_.FreeRange(meta_, space_, 15, 2);
  EXPECT_EQ(Picture(blocks_), "14:20 17:23 40:30");
  EXPECT_EQ(space_.used(), used - 2);
  EXPECT_EQ(meta_.records, 3u);
  blocks_.FreeRange(meta_, space_, 17, UINT64_MAX);
  EXPECT_EQ(Picture(blocks_), "14:20");
  EXPECT_EQ(meta_.records, 1u);
  blocks_.FreeRange(meta_, space_, 0, 0);
  blocks_.FreeRange(meta_, space_, 4000, 5);
  EXPECT_EQ(meta_.records, 1u);
  EXPECT_EQ(blocks_.Inconsistency(), "");
}

// The page asked about is that of the running index plus the slot: right for aligned and adjacent
// records, shifted otherwise.
TEST_F(SwapBlocksTest, FreeRangeAsksAboutTheKernelsIndex) {
  Enter(5, 20);
  Enter(17, 21);
  Enter(66, 22);
  std::vector<uint64_t> asked;
  EXPECT_EQ(blocks_.FreeRange(meta_, space_, 3, 100,
                              [&asked](uint64_t pindex) {
                                asked.push_back(pindex);
                                return pindex != 17;
                              }),
            2u);
  // 3 + slot 5; then 16 + slot 1; then 32 (the end of the record before) + slot 2.
  EXPECT_EQ(asked, (std::vector<uint64_t>{8, 17, 34}));
}

TEST_F(SwapBlocksTest, TransferKeepsWhatTheDestinationHas) {
  SwapBlocks dst(100);
  Enter(30, 20, 4);  // Before, at and behind the range of 31..: 0, 1, 2 of dst.
  Enter(150, 60);
  dst.Build(meta_, 1, 99);
  const int64_t used = space_.used();
  blocks_.Transfer(meta_, space_, dst, 31, 100);
  EXPECT_EQ(Picture(blocks_), "30:20 150:60");
  EXPECT_EQ(Picture(dst), "0:21 1:99 2:23");
  EXPECT_EQ(space_.used(), used - 1);  // Block 22.
  EXPECT_EQ(meta_.records, 3u);
  EXPECT_EQ(dst.Inconsistency(), "");
  EXPECT_EQ(blocks_.Inconsistency(), "");
}

TEST_F(SwapBlocksTest, ReserveAssignsNewBlocksAndFreesTheOldOnes) {
  Enter(10, 20, 3);
  space_.Free(100, 8);
  space_.Free(300, 2);
  EXPECT_TRUE(blocks_.Reserve(meta_, space_, 8, 10));
  EXPECT_EQ(Picture(blocks_),
            "8:100 9:101 10:102 11:103 12:104 13:105 14:106 15:107 16:300 17:301");
  EXPECT_EQ(space_.avail(), 3);  // 20..22.
}

TEST_F(SwapBlocksTest, ReserveIsAllOrNothing) {
  space_.Free(100, 8);
  EXPECT_FALSE(blocks_.Reserve(meta_, space_, 8, 10));
  EXPECT_EQ(Picture(blocks_), "");
  EXPECT_EQ(space_.avail(), 8);
  meta_.limit = 1;  // The pages lie in two records.
  EXPECT_FALSE(blocks_.Reserve(meta_, space_, 12, 8));
  EXPECT_EQ(Picture(blocks_), "");
  EXPECT_EQ(space_.avail(), 8);
  EXPECT_EQ(meta_.records, 0u);
}

TEST_F(SwapBlocksTest, FreeAllFreesMemoryToo) {
  Enter(0, 20, 40);
  const int64_t used = space_.used();
  blocks_.FreeAll(meta_, space_);
  EXPECT_EQ(space_.used(), used - 40);
  EXPECT_EQ(meta_.records, 0u);
  EXPECT_TRUE(blocks_.empty());
  EXPECT_EQ(blocks_.Lookup(0), kNoSwapBlock);
  Enter(3, 2);
  EXPECT_EQ(Picture(blocks_), "3:2");
}

TEST_F(SwapBlocksTest, ObjectsGrowAndShrink) {
  Enter(999, 20);
  blocks_.Resize(100'000);
  EXPECT_EQ(blocks_.FindLeast(1000), 100'000u);
  Enter(99'999, 21);
  EXPECT_EQ(Picture(blocks_), "999:20 99999:21");
  EXPECT_DEATH(blocks_.Resize(99'999), "behind the new end");
  blocks_.FreeRange(meta_, space_, 99'999, 1);
  blocks_.Resize(1000);
  EXPECT_EQ(blocks_.FindLeast(1000), 1000u);
  EXPECT_DEATH(Enter(1000, 5), "outside its object");
  EXPECT_EQ(blocks_.Inconsistency(), "");
}

TEST(SwapBlocksMemoryTest, AHugeObjectCostsWhatIsUsedOfIt) {
  SwapMeta meta;
  SwapSpace space;
  constexpr uint32_t kPages = 1u << 26;  // 256 GiB of address space.
  SwapBlocks blocks(kPages);
  blocks.Build(meta, kPages - 1, 5);
  EXPECT_EQ(blocks.FindLeast(0), kPages - 1);
  EXPECT_EQ(blocks.HasPage(kPages - 1).after, 0);
  EXPECT_EQ(blocks.records(), 1u);
}

TEST(SwapParamsTest, ClustersAndRecords) {
  EXPECT_EQ(ComputeSwapParams(4096, 1000, 0).cluster_max, 1);
  EXPECT_EQ(ComputeSwapParams(1 << 20, 1000, 0).cluster_max, 32);
  EXPECT_EQ(ComputeSwapParams(1 << 20, 1001, 0).meta_records, 500u);
  EXPECT_EQ(ComputeSwapParams(1 << 20, 1000, 0).swap_maxpages, 8000u);
  EXPECT_EQ(ComputeSwapParams(1 << 20, 1000, 1370).meta_records, 10u);
}

// Random building, freeing and moving between two objects, against maps. Each block in use has
// exactly one owner.
TEST(SwapBlocksPropertyTest, AgreesWithAMap) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    sim::SplitMix64 random(seed);
    SwapMeta meta;
    SwapSpace space;
    space.SwapOn(2000 * 8);
    constexpr uint32_t kPages = 300;
    SwapBlocks objects[2] = {SwapBlocks(kPages), SwapBlocks(kPages)};
    std::map<Pindex, SwapBlock> models[2];
    for (int op = 0; op < 300; ++op) {
      const size_t which = random.Below(2);
      SwapBlocks& object = objects[which];
      std::map<Pindex, SwapBlock>& model = models[which];
      const auto first = static_cast<Pindex>(random.Below(kPages));
      const auto count = static_cast<uint32_t>(random.Below(kPages - first + 1));
      const uint64_t what = random.Below(20);
      if (what < 12) {
        const SwapSpace::Extent got = space.Get(1 + static_cast<uint32_t>(random.Below(20)));
        for (uint32_t i = 0; i < got.count; ++i) {
          if (first + i >= kPages) {
            space.Free(got.first + i, got.count - i);
            break;
          }
          const auto previous = object.Build(meta, first + i, got.first + i);
          const auto known = model.find(first + i);
          ASSERT_EQ(*previous, known == model.end() ? kNoSwapBlock : known->second);
          if (*previous != kNoSwapBlock) space.Free(*previous, 1);
          model[first + i] = got.first + i;
        }
      } else if (what < 17) {
        const uint32_t shorter = count / 4;
        object.FreeRange(meta, space, first, shorter);
        model.erase(model.lower_bound(first), model.lower_bound(first + shorter));
      } else if (what < 19) {
        object.Transfer(meta, space, objects[1 - which], first, count);
        for (auto it = model.lower_bound(first); it != model.lower_bound(first + count);) {
          models[1 - which].emplace(it->first - first, it->second);
          it = model.erase(it);
        }
      } else {
        object.FreeAll(meta, space);
        model.clear();
      }
      for (int i = 0; i < 2; ++i) {
        std::map<Pindex, SwapBlock> entries;
        objects[i].ForEach([&](Pindex pindex, SwapBlock block) { entries[pindex] = block; });
        ASSERT_EQ(entries, models[i]) << "op " << op;
        EXPECT_EQ(objects[i].Inconsistency(), "");
        const auto least = models[i].lower_bound(first);
        ASSERT_EQ(objects[i].FindLeast(first), least == models[i].end() ? kPages : least->first);
      }
      ASSERT_EQ(meta.records, objects[0].records() + objects[1].records());
      ASSERT_EQ(space.used(), static_cast<int64_t>(models[0].size() + models[1].size()));
      CheckAllInvariants({.swap_space = &space});
    }
  }
}

}  // namespace
}  // namespace vmsim::vm
