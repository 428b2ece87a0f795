#include "vm/map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/random.h"

namespace vmsim::vm {
namespace {

class MapTest : public testing::Test {
 protected:
  MapTest() {
    for (FrameIndex frame = 0; frame < 8; ++frame) pages_[frame].valid = kPageBitsAll;
  }
  MapEntry& Insert(Vpage start, uint32_t pages, Pindex offset = 0, bool writable = true) {
    Object& object = objects_.Create(ObjectType::kSwap, offset + pages);
    return space_.Insert(start, pages, object, offset, tables_.AllocateLeaf(pages), writable);
  }

  PageArray pages_{8};
  PageTables tables_{pages_};
  ObjectTable objects_{pages_};
  AddressSpace space_{7, tables_};
};

TEST_F(MapTest, AnEntryTranslatesBetweenPagesSlotsAndPindexes) {
  const MapEntry& entry = Insert(1000, 10, /*offset=*/5);
  EXPECT_EQ(entry.pages(), 10u);
  EXPECT_EQ(entry.PindexOf(1003), 8u);
  EXPECT_EQ(entry.SlotOf(1003), entry.slot + 3);
  EXPECT_EQ(entry.VpageOf(entry.slot + 3), 1003u);
  // A fresh entry expects a sequential reader from its start on.
  EXPECT_EQ(entry.read_ahead, kReadAheadInit);
  EXPECT_EQ(entry.next_read, 1000u);
  EXPECT_EQ(space_.mapped_pages(), 10u);
}

TEST_F(MapTest, LookupFindsTheEntryThatHoldsThePage) {
  Insert(20, 5);
  Insert(10, 5);
  Insert(15, 5);  // Between two neighbours.
  ASSERT_EQ(space_.entries().size(), 3u);
  for (Vpage v = 0; v < 30; ++v) {
    const MapEntry* entry = space_.Lookup(v);
    if (v < 10 || v >= 25) {
      EXPECT_EQ(entry, nullptr) << v;
    } else {
      ASSERT_NE(entry, nullptr) << v;
      EXPECT_EQ(entry->start, v / 5 * 5);
    }
  }
}

// Leaves need not lie in the order of addresses, nor next to each other.
TEST_F(MapTest, LookupSlotFindsTheEntryThatOwnsIt) {
  const PteSlot high = Insert(300, 4).slot;
  tables_.AllocateLeaf(10);  // Somebody else's.
  const PteSlot low = Insert(100, 4).slot;
  EXPECT_EQ(space_.LookupSlot(high + 3)->start, 300u);
  EXPECT_EQ(space_.LookupSlot(low)->start, 100u);
  EXPECT_EQ(space_.LookupSlot(high + 4), nullptr);
  EXPECT_EQ(space_.LookupSlot(low + 4), nullptr);
  EXPECT_EQ(space_.LookupSlot(high - 1), nullptr);
  EXPECT_EQ(space_.LookupSlot(low + 3)->start, 100u);
  space_.Remove(100);
  EXPECT_EQ(space_.LookupSlot(low), nullptr);
  EXPECT_EQ(space_.LookupSlot(high)->start, 300u);
}

TEST_F(MapTest, FindSpaceTakesTheLowestGap) {
  Insert(10, 10);
  Insert(25, 10);
  EXPECT_EQ(space_.FindSpace(0, 10), 0u);
  EXPECT_EQ(space_.FindSpace(0, 11), 35u);
  EXPECT_EQ(space_.FindSpace(5, 5), 5u);
  EXPECT_EQ(space_.FindSpace(5, 6), 35u);
  EXPECT_EQ(space_.FindSpace(12, 5), 20u);
  EXPECT_EQ(space_.FindSpace(22, 3), 22u);
  EXPECT_EQ(space_.FindSpace(22, 4), 35u);
  EXPECT_EQ(space_.FindSpace(100, 4), 100u);
}

TEST_F(MapTest, RemoveUnmapsFoldsAndHandsOverTheReference) {
  const MapEntry entry = Insert(10, 4);
  tables_.Enter(entry.SlotOf(11), 3, true, true);
  tables_.EnterQuick(entry.SlotOf(12), 4);
  EXPECT_EQ(space_.ResidentPages(), 2u);
  EXPECT_EQ(space_.Remove(10), entry.object);
  EXPECT_TRUE(space_.empty());
  EXPECT_EQ(space_.Lookup(11), nullptr);
  EXPECT_EQ(pages_[3].dirty, kPageBitsAll);
  EXPECT_FALSE(tables_.IsMapped(3));
  EXPECT_FALSE(tables_.IsMapped(4));
  EXPECT_EQ(objects_[entry.object].ref_count, 1);
}

TEST_F(MapTest, AgreesWithANaiveListOfRanges) {
  struct Range {
    Vpage start;
    uint32_t pages;
    PteSlot slot;
  };
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    sim::SplitMix64 random(seed);
    AddressSpace space(1, tables_);
    std::vector<Range> naive;
    const auto taken = [&](Vpage from, Vpage to) {
      return std::any_of(naive.begin(), naive.end(),
                         [&](const Range& r) { return r.start < to && from < r.start + r.pages; });
    };
    for (int step = 0; step < 400; ++step) {
      const Vpage at = random.Below(100);
      const auto pages = static_cast<uint32_t>(1 + random.Below(8));
      switch (random.Below(4)) {
        case 0: {
          if (taken(at, at + pages)) break;
          Object& object = objects_.Create(ObjectType::kSwap, pages);
          const PteSlot slot = tables_.AllocateLeaf(pages);
          space.Insert(at, pages, object, 0, slot, true);
          naive.push_back({at, pages, slot});
          break;
        }
        case 1: {
          if (naive.empty() || random.Below(2) == 0) break;
          const size_t which = random.Below(naive.size());
          space.Remove(naive[which].start);
          naive.erase(naive.begin() + static_cast<std::ptrdiff_t>(which));
          break;
        }
        case 2: {
          const MapEntry* entry = space.Lookup(at);
          ASSERT_EQ(entry != nullptr, taken(at, at + 1));
          if (entry != nullptr) {
            ASSERT_EQ(space.LookupSlot(entry->SlotOf(at)), entry);
          }
          break;
        }
        case 3: {
          Vpage want = at;
          while (taken(want, want + pages)) ++want;
          ASSERT_EQ(space.FindSpace(at, pages), want);
          break;
        }
      }
      ASSERT_EQ(space.entries().size(), naive.size());
    }
  }
}

using MapDeathTest = MapTest;
TEST_F(MapDeathTest, RefusesMisuse) {
  Insert(10, 10);
  EXPECT_DEATH(Insert(19, 5), "overlapping");
  EXPECT_DEATH(Insert(5, 6), "overlapping");
  EXPECT_DEATH(space_.Remove(11), "no entry starts at page 11");
  Object& object = objects_.Create(ObjectType::kSwap, 4);
  EXPECT_DEATH(space_.Insert(100, 4, object, 1, 1, true), "object=");
}

}  // namespace
}  // namespace vmsim::vm
