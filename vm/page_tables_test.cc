#include "vm/page_tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/random.h"

namespace vmsim::vm {
namespace {

// Pages that are fully valid, and a leaf of 16 slots; slots are told from the leaf's base.
class PageTablesTest : public testing::Test {
 protected:
  static constexpr uint32_t kFrames = 8;
  static constexpr uint32_t kSlots = 16;

  PageTablesTest() : base_(tables_.AllocateLeaf(kSlots)) {
    for (FrameIndex frame = 0; frame < kFrames; ++frame) pages_[frame].valid = kPageBitsAll;
  }

  void Enter(uint32_t slot, FrameIndex frame, bool writable, bool write) {
    tables_.Enter(base_ + slot, frame, writable, write);
  }
  // What the hardware does.
  void Load(uint32_t slot) { tables_.entries()[base_ + slot] |= kPteAccessed; }
  void Store(uint32_t slot) { tables_.entries()[base_ + slot] |= kPteAccessed | kPteModified; }
  // "3wam": frame, writable, accessed, modified; "-": not valid.
  std::string Entry(uint32_t slot) const {
    const Pte pte = tables_.entry(base_ + slot);
    if ((pte & kPteValid) == 0) return "-";
    return absl::StrCat(pte & kPteFrameMask, (pte & kPteWritable) != 0 ? "w" : "",
                        (pte & kPteAccessed) != 0 ? "a" : "", (pte & kPteModified) != 0 ? "m" : "");
  }
  // "RDW": referenced, dirty, writeable.
  std::string Page(FrameIndex frame) const {
    const vm::Page& page = pages_[frame];
    return absl::StrCat(page.has(kPgaReferenced) ? "R" : "", page.dirty == kPageBitsAll ? "D" : "",
                        page.has(kPgaWriteable) ? "W" : "");
  }
  void CheckInvariants() const {
    for (FrameIndex frame = 0; frame < kFrames; ++frame) tables_.CheckMappings(frame);
  }

  PageArray pages_{kFrames};
  PageTables tables_{pages_};
  PteSlot base_;
};

TEST_F(PageTablesTest, EnterSetsWhatTheAccessDid) {
  Enter(0, 3, /*writable=*/true, /*write=*/false);
  Enter(1, 4, true, true);
  Enter(2, 5, false, false);
  EXPECT_EQ(Entry(0), "3wa");
  EXPECT_EQ(Entry(1), "4wam");
  EXPECT_EQ(Entry(2), "5a");
  EXPECT_EQ(Page(3), "W");
  EXPECT_EQ(Page(4), "W");  // The modified bit is folded when somebody asks.
  EXPECT_EQ(Page(5), "");
  CheckInvariants();
}

TEST_F(PageTablesTest, PrefaultMapsReadOnlyUnreferencedAndNeverReplaces) {
  tables_.EnterQuick(base_, 3);
  EXPECT_EQ(Entry(0), "3");
  tables_.EnterQuick(base_, 4);
  EXPECT_EQ(Entry(0), "3");
  EXPECT_FALSE(tables_.IsMapped(4));
  EXPECT_EQ(Page(3), "");
  CheckInvariants();
}

TEST_F(PageTablesTest, EnterReplacesAndFoldsWhatWasThere) {
  Enter(0, 3, true, true);
  Enter(0, 4, true, false);
  EXPECT_EQ(Entry(0), "4wa");
  EXPECT_EQ(Page(3), "RD");
  EXPECT_FALSE(tables_.IsMapped(3));
  CheckInvariants();
}

TEST_F(PageTablesTest, EnteringTheSamePageAgainKeepsItsBits) {
  Enter(0, 3, true, true);
  Enter(0, 3, true, false);
  EXPECT_EQ(Entry(0), "3wam");
  EXPECT_EQ(tables_.MappingCount(3), 1);
  EXPECT_EQ(Page(3), "W");
}

TEST_F(PageTablesTest, LosingPermissionFoldsTheModifiedBit) {
  Enter(0, 3, true, true);
  Enter(0, 3, false, false);
  EXPECT_EQ(Entry(0), "3a");
  EXPECT_EQ(Page(3), "D");
  CheckInvariants();
}

TEST_F(PageTablesTest, RemoveFoldsBothBits) {
  Enter(0, 3, true, false);
  tables_.Remove(base_);
  EXPECT_EQ(Page(3), "R");
  tables_.EnterQuick(base_, 4);
  tables_.Remove(base_);
  EXPECT_EQ(Page(4), "");
  tables_.Remove(base_);  // Nothing there: nothing happens.
  EXPECT_EQ(Entry(0), "-");
}

TEST_F(PageTablesTest, TheLastWritableMappingTakesWriteableAlong) {
  Enter(0, 3, true, false);
  Enter(1, 3, true, false);
  Enter(2, 3, false, false);
  tables_.Remove(base_);
  EXPECT_EQ(Page(3), "RW");
  tables_.Remove(base_ + 1);
  EXPECT_EQ(Page(3), "R");
  EXPECT_EQ(tables_.MappingCount(3), 1);
  CheckInvariants();
}

TEST_F(PageTablesTest, RemoveWriteFoldsAndKeepsTheMappings) {
  Enter(0, 3, true, true);
  Enter(1, 3, true, false);
  tables_.RemoveWrite(3);
  EXPECT_EQ(Entry(0), "3a");
  EXPECT_EQ(Entry(1), "3a");
  EXPECT_EQ(Page(3), "D");
}

TEST_F(PageTablesTest, RemoveAllAndRange) {
  for (uint32_t slot = 0; slot < 6; ++slot) Enter(slot, slot / 3, true, slot == 2);
  tables_.RemoveAll(0);
  EXPECT_EQ(Page(0), "RD");
  EXPECT_EQ(tables_.MappingCount(1), 3);
  tables_.RemoveRange(base_ + 3, 2);
  EXPECT_EQ(tables_.MappingCount(1), 1);
  EXPECT_EQ(Entry(5), "1wa");
  CheckInvariants();
}

TEST_F(PageTablesTest, TsReferencedClearsCountsAndFoldsButKeepsModified) {
  Enter(0, 3, true, true);
  Enter(1, 3, false, false);
  tables_.EnterQuick(base_ + 2, 3);
  EXPECT_TRUE(tables_.IsReferenced(3));
  EXPECT_EQ(tables_.TsReferenced(3), 2);
  EXPECT_EQ(Entry(0), "3wm");
  EXPECT_EQ(Page(3), "DW");
  EXPECT_EQ(tables_.TsReferenced(3), 0);
  EXPECT_FALSE(tables_.IsReferenced(3));
  EXPECT_EQ(tables_.TsReferenced(4), 0);  // Not mapped.
}

// What another CPU may hold a translation of: entries whose accessed bit a scan cleared, that it
// write-protected, or that it removed while they were accessed. A process's own unmapping does not
// count.
TEST_F(PageTablesTest, CountsTheTranslationsThatOthersMustDrop) {
  Enter(0, 3, true, true);
  Enter(1, 3, true, false);
  tables_.EnterQuick(base_ + 2, 3);
  EXPECT_EQ(tables_.TakeInvalidations(), 0);
  tables_.TsReferenced(3);  // Two were accessed.
  EXPECT_EQ(tables_.TakeInvalidations(), 2);
  tables_.RemoveWrite(3);  // Two were writable.
  EXPECT_EQ(tables_.TakeInvalidations(), 2);
  Load(1);
  tables_.RemoveAll(3);  // One was accessed again.
  EXPECT_EQ(tables_.TakeInvalidations(), 1);
  Enter(0, 3, true, true);
  tables_.Remove(base_);
  Enter(4, 5, false, false);
  tables_.TsReferenced(5);  // The same with a page of one mapping.
  EXPECT_EQ(tables_.TakeInvalidations(), 1);
  EXPECT_EQ(tables_.TakeInvalidations(), 0);
}

// Eight referenced mappings: the first call looks at 0..4 and moves them behind 5..7, so the second
// begins with 5.
TEST_F(PageTablesTest, TsReferencedStopsAtFiveAndRotates) {
  for (uint32_t slot = 0; slot < 8; ++slot) Enter(slot, 3, false, false);
  EXPECT_EQ(tables_.TsReferenced(3), kTsReferencedMax);
  for (uint32_t slot = 0; slot < 8; ++slot) EXPECT_EQ(Entry(slot), slot < 5 ? "3" : "3a");
  Load(0);
  // 5, 6, 7, 0 are referenced: the whole list is walked.
  EXPECT_EQ(tables_.TsReferenced(3), 4);
  EXPECT_EQ(tables_.TsReferenced(3), 0);
  for (uint32_t slot = 0; slot < 8; ++slot) Load(slot);
  // Whole walks leave the order: 5 6 7 0 1 2 3 4.
  EXPECT_EQ(tables_.TsReferenced(3), 5);
  for (uint32_t slot = 0; slot < 8; ++slot) {
    EXPECT_EQ(Entry(slot), slot >= 2 && slot <= 4 ? "3a" : "3") << slot;
  }
  CheckInvariants();
}

TEST_F(PageTablesTest, AWiredPagesReferencesCountAndStay) {
  Enter(0, 3, false, false);
  Enter(1, 3, false, false);
  pages_[3].wire_count = 1;
  EXPECT_EQ(tables_.TsReferenced(3), 2);
  EXPECT_EQ(tables_.TsReferenced(3), 2);
  EXPECT_EQ(Entry(0), "3a");
}

TEST_F(PageTablesTest, ClearModifyForgetsAndAdviseFolds) {
  Enter(0, 3, true, true);
  EXPECT_TRUE(tables_.IsModified(3));
  tables_.ClearModify(3);
  EXPECT_FALSE(tables_.IsModified(3));
  EXPECT_EQ(Page(3), "W");
  Store(0);
  tables_.AdviseDontNeed(base_);
  EXPECT_EQ(Entry(0), "3w");
  EXPECT_EQ(Page(3), "DW");
  tables_.AdviseDontNeed(base_ + 1);  // Not mapped.
}

TEST_F(PageTablesTest, LeavesOfOneLengthAreReused) {
  const size_t used = tables_.slots_in_use();
  const PteSlot a = tables_.AllocateLeaf(100);
  const PteSlot b = tables_.AllocateLeaf(100);
  EXPECT_NE(a, 0u);
  EXPECT_GE(b, a + 100);
  EXPECT_EQ(tables_.slots_in_use(), used + 200);
  tables_.FreeLeaf(a);
  EXPECT_NE(tables_.AllocateLeaf(99), a);
  EXPECT_EQ(tables_.AllocateLeaf(100), a);
  EXPECT_EQ(tables_.slots_in_use(), used + 299);
}

TEST_F(PageTablesTest, TheArenaGrowsUnderWhatIsMapped) {
  Enter(7, 3, true, true);
  const PteSlot far = tables_.AllocateLeaf(1 << 22);
  EXPECT_EQ(Entry(7), "3wam");
  EXPECT_EQ(tables_.entry(far + (1 << 22) - 1), 0u);
}

TEST_F(PageTablesTest, SlotsHaveAnEnd) {
  // 2^31 in all, of which 17 are gone. Nothing of the refused leaf is taken.
  EXPECT_EQ(tables_.AllocateLeaf(0x7fffffff), 0u);
  EXPECT_NE(tables_.AllocateLeaf(1), 0u);
}

// The same, told naively: a map from slots to entries, and a list of slots for each page.
class NaivePmap {
 public:
  struct Entry {
    FrameIndex frame;
    bool writable, accessed, modified;
  };
  struct Bits {
    bool referenced = false, dirty = false, wired = false;
    std::vector<uint32_t> slots;
  };

  void Enter(uint32_t slot, FrameIndex frame, bool writable, bool write) {
    const auto it = entries.find(slot);
    if (it != entries.end() && it->second.frame != frame) Remove(slot);
    if (entries.count(slot) == 0) pages[frame].slots.push_back(slot);
    Entry& entry = entries.try_emplace(slot, Entry{frame, false, false, false}).first->second;
    if (entry.modified && !writable) pages[frame].dirty = true;
    entry = {frame, writable, true, writable && (entry.modified || write)};
  }
  void EnterQuick(uint32_t slot, FrameIndex frame) {
    if (entries.try_emplace(slot, Entry{frame, false, false, false}).second) {
      pages[frame].slots.push_back(slot);
    }
  }
  void Remove(uint32_t slot) {
    const auto it = entries.find(slot);
    if (it == entries.end()) return;
    Bits& page = pages[it->second.frame];
    page.referenced |= it->second.accessed;
    page.dirty |= it->second.modified;
    page.slots.erase(std::find(page.slots.begin(), page.slots.end(), slot));
    entries.erase(it);
  }
  void RemoveAll(FrameIndex frame) {
    while (!pages[frame].slots.empty()) Remove(pages[frame].slots.front());
  }
  void RemoveWrite(FrameIndex frame) {
    for (const uint32_t slot : pages[frame].slots) {
      pages[frame].dirty |= entries.at(slot).modified;
      entries.at(slot).writable = entries.at(slot).modified = false;
    }
  }
  int TsReferenced(FrameIndex frame) {
    Bits& page = pages[frame];
    int referenced = 0;
    size_t visited = 0;
    while (visited < page.slots.size() && referenced < 5) {
      Entry& entry = entries.at(page.slots[visited++]);
      page.dirty |= entry.modified;
      referenced += entry.accessed;
      if (!page.wired) entry.accessed = false;
    }
    std::rotate(page.slots.begin(), page.slots.begin() + static_cast<std::ptrdiff_t>(visited),
                page.slots.end());
    return referenced;
  }
  void AdviseDontNeed(uint32_t slot) {
    const auto it = entries.find(slot);
    if (it == entries.end()) return;
    pages[it->second.frame].dirty |= it->second.modified;
    it->second.accessed = it->second.modified = false;
  }
  bool Writeable(FrameIndex frame) const {
    const auto& slots = pages.at(frame).slots;
    return std::any_of(slots.begin(), slots.end(),
                       [&](uint32_t slot) { return entries.at(slot).writable; });
  }

  std::map<uint32_t, Entry> entries;
  std::map<FrameIndex, Bits> pages;
};

class PageTablesPropertyTest : public PageTablesTest {
 protected:
  void Step(sim::SplitMix64& random) {
    const auto slot = static_cast<uint32_t>(random.Below(kSlots));
    const auto frame = static_cast<FrameIndex>(random.Below(3));  // Few pages: many mappings each.
    switch (random.Below(12)) {
      case 0:
      case 1:
      case 2: {
        const bool writable = random.Below(2) != 0;
        const bool write = writable && random.Below(2) != 0;
        Enter(slot, frame, writable, write);
        naive_.Enter(slot, frame, writable, write);
        break;
      }
      case 3:
        tables_.EnterQuick(base_ + slot, frame);
        naive_.EnterQuick(slot, frame);
        break;
      case 4:
      case 5:
        Access(slot, random.Below(2) != 0);
        break;
      case 6:
        tables_.Remove(base_ + slot);
        naive_.Remove(slot);
        break;
      case 7:
        if (random.Below(8) != 0) break;
        tables_.RemoveAll(frame);
        naive_.RemoveAll(frame);
        break;
      case 8:
        tables_.RemoveWrite(frame);
        naive_.RemoveWrite(frame);
        break;
      case 9:
        ASSERT_EQ(tables_.TsReferenced(frame), naive_.TsReferenced(frame));
        break;
      case 10:
        tables_.AdviseDontNeed(base_ + slot);
        naive_.AdviseDontNeed(slot);
        break;
      case 11:
        pages_[frame].wire_count = random.Below(2) != 0;
        naive_.pages[frame].wired = pages_[frame].wired();
        break;
    }
  }
  // A load, or a store if the entry permits it.
  void Access(uint32_t slot, bool write) {
    const auto it = naive_.entries.find(slot);
    if (it == naive_.entries.end() || (write && !it->second.writable)) return;
    it->second.accessed = true;
    it->second.modified |= write;
    write ? Store(slot) : Load(slot);
  }
  void Compare() {
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const auto it = naive_.entries.find(slot);
      std::string want = "-";
      if (it != naive_.entries.end()) {
        const NaivePmap::Entry& e = it->second;
        want = absl::StrCat(e.frame, e.writable ? "w" : "", e.accessed ? "a" : "",
                            e.modified ? "m" : "");
      }
      ASSERT_EQ(Entry(slot), want) << "slot " << slot;
    }
    for (FrameIndex frame = 0; frame < 3; ++frame) {
      const NaivePmap::Bits& bits = naive_.pages[frame];
      ASSERT_EQ(Page(frame), absl::StrCat(bits.referenced ? "R" : "", bits.dirty ? "D" : "",
                                          naive_.Writeable(frame) ? "W" : ""))
          << "frame " << frame;
      ASSERT_EQ(tables_.MappingCount(frame), static_cast<int>(bits.slots.size()));
    }
    CheckInvariants();
  }

  NaivePmap naive_;
};

TEST_F(PageTablesPropertyTest, AgreesWithANaiveModel) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    sim::SplitMix64 random(seed);
    for (int step = 0; step < 400; ++step) {
      SCOPED_TRACE(absl::StrCat("step ", step));
      Step(random);
      if (HasFatalFailure()) return;
      Compare();
      if (HasFatalFailure()) return;
    }
    // The bits of pages start afresh; mappings, and the order of their lists, go on.
    for (FrameIndex frame = 0; frame < 3; ++frame) {
      pages_[frame].aflags &= ~kPgaReferenced;
      pages_[frame].dirty = 0;
      naive_.pages[frame].referenced = naive_.pages[frame].dirty = false;
    }
  }
}

}  // namespace
}  // namespace vmsim::vm
