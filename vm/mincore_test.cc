// mincore: what it says of one page in every state, of ranges and of holes.
#include "vm/mincore.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sim/check.h"
#include "vm/vm_test_world.h"

namespace vmsim::vm {
namespace {

using Area = VmTestWorld::Area;
constexpr auto kOk = FaultResult::kSuccess;

class MincoreTest : public testing::Test {
 protected:
  // Two hexadecimal digits a page of [first, first + pages), or "ENOMEM".
  std::string Ask(const Area& area, uint32_t first, uint32_t pages, bool mapped_only) {
    VmSystem& vm = world_.vm();
    Mincore mincore(vm.pages(), vm.page_tables(), vm.objects(), mapped_only);
    const Vpage start = area.start + first;
    std::vector<uint8_t> vec;
    if (!mincore.Ask(area.process->space, start, start + pages, &vec)) return "ENOMEM";
    CHECK_EQ(vec.size(), pages);
    std::string text;
    for (const uint8_t bits : vec) {
      if (!text.empty()) text += ' ';
      text += "0123456789abcdef"[bits >> 4];
      text += "0123456789abcdef"[bits & 15];
    }
    return text;
  }
  std::string Ask(const Area& area, bool mapped_only) {
    return Ask(area, 0, area.pages, mapped_only);
  }
  Area Fork(const Area& parent) {
    Process& child = world_.vm().CreateProcess("child", false);
    Forker::LeafMap leaves;
    auto fork = [&]() -> sim::Task<void> {
      const int error = co_await world_.vm().Fork(*parent.process, child, &leaves);
      CHECK_EQ(error, 0);
    };
    world_.Finish(world_.Start("fork", fork()));
    return {&child, nullptr, parent.start, leaves.at(parent.slot), parent.pages};
  }
  void Unmap(const Area& area, uint32_t first, uint32_t pages) {
    const Vpage start = area.start + first;
    world_.Finish(world_.Start(
        "unmap", world_.vm().map_ops().Delete(area.process->space, start, start + pages)));
  }

  VmTestWorld world_;
};

// What happens to one page that two processes map, a letter a step. We are the small letters.
//
//     r w R W  read, written
//     u U      unmapped from the page tables: what they know goes to the page
//     n N      madvise(DONTNEED): our accessed bit, and theirs, are forgotten
//     c        made clean, though somebody may have modified it
//     m        mapped along with a neighbour, not accessed
//     s        written, paged out and evicted
//     i p      brought in by nobody: with no valid block, with one
//
// And the result with vm.mincore_mapped = 1 and 0. Bits: 1 in core, 2 and 8 referenced by us and by
// anybody, 4 and 10 modified by us and by anybody.
struct Story {
  std::string_view name, steps, mapped, any;
};
constexpr Story kStories[] = {
    {"Untouched", "", "00", "00"},
    {"Read", "r", "0b", "0b"},
    {"Written", "w", "1f", "1f"},
    {"ReadByTheOther", "R", "00", "09"},
    {"WrittenByTheOther", "W", "00", "19"},
    {"ReadByUsWrittenByTheOther", "rW", "0b", "1b"},
    {"MappedAlongReadByTheOther", "Rm", "01", "09"},
    {"MappedAlongReadByNobodySince", "RNm", "01", "01"},
    {"ReadOnceAndUnmapped", "ru", "00", "09"},
    {"WrittenOnceAndUnmapped", "wu", "00", "19"},
    {"WrittenByTheOtherAndUnmapped", "WU", "00", "19"},
    {"ForgottenByUs", "rn", "01", "01"},
    {"ForgottenByUsNotByTheOther", "rRn", "01", "09"},
    {"WrittenAndForgotten", "wn", "01", "11"},
    {"ModifiedThoughClean", "wc", "1f", "1f"},
    {"ModifiedByTheOtherThoughClean", "rWc", "0b", "1b"},
    {"CleanAfterUnmapping", "wuc", "00", "09"},
    {"InSwap", "s", "00", "00"},
    {"NoValidBlock", "i", "00", "00"},
    {"OneValidBlock", "p", "00", "01"},
};

class MincoreStoryTest : public MincoreTest, public testing::WithParamInterface<Story> {
 protected:
  void Step(const Area& ours, const Area& theirs, char step) {
    Object& object = *ours.object;
    PageTables& page_tables = world_.vm().page_tables();
    switch (step) {
      case 'r':
      case 'w':
        ASSERT_EQ(world_.Touch(ours, 0, step == 'w'), kOk);
        break;
      case 'R':
      case 'W':
        ASSERT_EQ(world_.Touch(theirs, 0, step == 'W'), kOk);
        break;
      case 'u':
      case 'U':
        page_tables.Remove(step == 'u' ? ours.slot : theirs.slot);
        break;
      case 'n':
      case 'N':
        page_tables.AdviseDontNeed(step == 'n' ? ours.slot : theirs.slot);
        break;
      case 'c':
        world_.PageAt(object, 0).dirty = 0;
        break;
      case 'm':
        page_tables.EnterQuick(ours.slot, object.Lookup(0));
        break;
      case 's':
        world_.SwapOut(ours, 0, 1);
        break;
      case 'i':
      case 'p': {
        const FrameIndex frame = world_.vm().allocator().Alloc(object, 0, AllocClass::kNormal);
        world_.vm().pages()[frame].valid = step == 'p' ? 1 : 0;
        world_.vm().reclaim().Deactivate(frame);
        world_.vm().pages().Xunbusy(frame);
        break;
      }
      default:
        FAIL() << "no such step: " << step;
    }
  }
};

TEST_P(MincoreStoryTest, Story) {
  const Area ours = world_.Map(1);
  const Area theirs = world_.Share(*ours.object, 1);
  for (const char step : GetParam().steps) Step(ours, theirs, step);
  const std::string before = world_.Picture(*ours.object, 0, 1);
  EXPECT_EQ(Ask(ours, /*mapped_only=*/true), GetParam().mapped);
  EXPECT_EQ(world_.Picture(*ours.object, 0, 1), before);
  EXPECT_EQ(Ask(ours, /*mapped_only=*/false), GetParam().any);
}

INSTANTIATE_TEST_SUITE_P(, MincoreStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// Asking moves no page to another queue; what the other process has modified is dirty from now on.
TEST_F(MincoreTest, AskingFoldsModifiedBits) {
  const Area ours = world_.Map(1);
  const Area theirs = world_.Share(*ours.object, 1);
  ASSERT_EQ(world_.Touch(theirs, 0), kOk);
  ASSERT_EQ(world_.Touch(theirs, 0, /*write=*/true), kOk);  // The mapping permits it: no fault.
  ASSERT_EQ(world_.Picture(*ours.object, 0, 1), "A");
  EXPECT_EQ(Ask(ours, /*mapped_only=*/true), "00");
  EXPECT_EQ(world_.Picture(*ours.object, 0, 1), "A");
  EXPECT_EQ(Ask(ours, /*mapped_only=*/false), "19");
  EXPECT_EQ(world_.Picture(*ours.object, 0, 1), "a");
}

// The page below would be found by a fault, but is not looked for.
TEST_F(MincoreTest, LooksAtTheTopObjectOnly) {
  const Area parent = world_.Map(2);
  world_.Write(parent, 0, 2);
  const Area child = Fork(parent);
  ASSERT_EQ(world_.Touch(child, 0, /*write=*/true), kOk);
  world_.vm().page_tables().Remove(child.slot + 1);
  EXPECT_EQ(Ask(child, /*mapped_only=*/false), "1f 00");
}

// While parent and child share the object, each sees in it what the other did.
TEST_F(MincoreTest, AfterForkTheObjectIsShared) {
  const Area parent = world_.Map(2);
  world_.Write(parent, 0, 1);
  const Area child = Fork(parent);
  // Mapped in the child by fork, not accessed there. The parent's write was to the shared page.
  EXPECT_EQ(Ask(child, /*mapped_only=*/true), "01 00");
  EXPECT_EQ(Ask(child, /*mapped_only=*/false), "19 00");
}

TEST_F(MincoreTest, MemoryThatNobodyTouchedHasNoObject) {
  Process& process = world_.vm().CreateProcess("p", false);
  ASSERT_EQ(world_.vm().Map(process, 100, 3, MapEntry()), 0);
  const Area area{&process, nullptr, 100, process.space.Lookup(100)->slot, 3};
  ASSERT_EQ(process.space.Lookup(100)->object, kNoObject);
  EXPECT_EQ(Ask(area, /*mapped_only=*/true), "00 00 00");
  EXPECT_EQ(Ask(area, /*mapped_only=*/false), "00 00 00");
}

// Pages 0..9, written those of odd number; the map is in three entries and lacks page 6.
//
//     |0 1 2|3 4 5| |7 8 9|
TEST_F(MincoreTest, RangesAndHoles) {
  const Area area = world_.Map(10);
  for (uint32_t page = 1; page < 10; page += 2) world_.Write(area, page, 1);
  world_.vm().map_ops().Clip(area.process->space, area.start + 3, area.start + 6);
  Unmap(area, 6, 1);
  ASSERT_EQ(area.process->space.entries().size(), 3u);
  for (const bool mapped_only : {true, false}) {
    EXPECT_EQ(Ask(area, 0, 6, mapped_only), "00 1f 00 1f 00 1f");
    EXPECT_EQ(Ask(area, 2, 2, mapped_only), "00 1f");
    EXPECT_EQ(Ask(area, 7, 3, mapped_only), "1f 00 1f");
    EXPECT_EQ(Ask(area, 5, 1, mapped_only), "1f");
    EXPECT_EQ(Ask(area, 5, 2, mapped_only), "ENOMEM");   // The hole at the end,
    EXPECT_EQ(Ask(area, 6, 2, mapped_only), "ENOMEM");   // at the beginning,
    EXPECT_EQ(Ask(area, 0, 10, mapped_only), "ENOMEM");  // within,
    EXPECT_EQ(Ask(area, 8, 3, mapped_only), "ENOMEM");   // and behind everything.
  }
}

}  // namespace
}  // namespace vmsim::vm
