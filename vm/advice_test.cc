// madvise on pages: what it makes of each state, through shadow chains, of busy pages.
#include "vm/advice.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "vm/vm_test_world.h"

namespace vmsim::vm {
namespace {

using Area = VmTestWorld::Area;
constexpr auto kOk = FaultResult::kSuccess;

class AdviceTest : public testing::Test {
 protected:
  void Advise(const Area& area, uint32_t first, uint32_t pages, PageAdvice advice) {
    world_.Finish(world_.Start("madvise",
                               world_.vm().advisor().Advise(area.process->space, area.start + first,
                                                            area.start + first + pages, advice)));
  }
  Area Fork(const Area& parent) {
    Process& child = world_.vm().CreateProcess("child", false);
    Forker::LeafMap leaves;
    auto fork = [&]() -> sim::Task<void> {
      const int error = co_await world_.vm().Fork(*parent.process, child, &leaves);
      CHECK_EQ(error, 0);
    };
    world_.Finish(world_.Start("fork", fork()));
    return {&child, nullptr, parent.start, child.space.Lookup(parent.start)->slot, parent.pages};
  }
  VmTestWorld world_;
};

// A page a letter, as VmTestWorld::Picture shows them: A, I, L, U, N are active, inactive, laundry,
// unswappable and wired, in lower case dirty; '.' is nothing, ',' in swap only.
struct Story {
  std::string_view name;
  PageAdvice advice;
  std::string_view before, after;
};
constexpr Story kStories[] = {
    {"WillNeed", PageAdvice::kWillNeed,  //
     ".,AaIiLluNn",                      //
     ".,AaAaAaaNn"},
    {"DontNeed", PageAdvice::kDontNeed,  //
     ".,AaIiLluNn",                      //
     ".,IlIlIluNn"},
    {"Free", PageAdvice::kFree,  //
     ".,AaIiLluNn",              //
     "..IIIIIIINn"},
};

class AdviceStoryTest : public AdviceTest, public testing::WithParamInterface<Story> {
 protected:
  // Brings page `page` of the area into the state that `letter` says.
  void Bring(const Area& area, uint32_t page, char letter) {
    if (letter == '.') return;
    if (letter == ',') return world_.SwapOut(area, page, 1);
    const bool dirty = letter >= 'a';
    ASSERT_EQ(world_.Touch(area, page, dirty), kOk);
    const FrameIndex frame = area.object->Lookup(page);
    FreebsdReclaim& reclaim = world_.vm().reclaim();
    switch (dirty ? letter - 'a' + 'A' : letter) {
      case 'I':
        return reclaim.Deactivate(frame);
      case 'L':
        return reclaim.Launder(frame);
      case 'U':
        return reclaim.Unswappable(frame);
      case 'N':
        return world_.vm().allocator().Wire(frame);
      default:
        return;
    }
  }
};

TEST_P(AdviceStoryTest, Story) {
  const std::string_view before = GetParam().before;
  const auto pages = static_cast<uint32_t>(before.size());
  const Area area = world_.Map(pages);
  for (uint32_t page = 0; page < pages; ++page) Bring(area, page, before[page]);
  world_.vm().reclaim().queues().Drain();
  ASSERT_EQ(world_.Picture(*area.object, 0, pages), before);
  const VmCounters counters = world_.counters();
  Advise(area, 0, pages, GetParam().advice);
  EXPECT_EQ(world_.Picture(*area.object, 0, pages), GetParam().after);
  // No advice faults, or reads or writes anything.
  EXPECT_EQ(world_.counters().v_vm_faults, counters.v_vm_faults);
  EXPECT_EQ(world_.counters().v_swapin, counters.v_swapin);
  EXPECT_EQ(world_.counters().v_swapout, counters.v_swapout);
  for (uint32_t page = 0; page < pages; ++page) {
    const FrameIndex frame = area.object->Lookup(page);
    if (frame == kNoFrame) continue;
    EXPECT_FALSE(world_.vm().pages().busied(frame)) << page;
    if (world_.vm().pages()[frame].wired()) {
      world_.vm().allocator().Unwire(frame, QueueId::kActive);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, AdviceStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// Three entries and a hole; of the outer two a part is advised.
//
//     before    a a a a|a a   a a a
//     advised       |- - - - - -|
TEST_F(AdviceTest, EntriesAreAdvisedAsFarAsTheRangeReaches) {
  const Area area = world_.Map(9);
  world_.Write(area, 0, 9);
  world_.vm().map_ops().Clip(area.process->space, area.start + 4, area.start + 6);
  world_.Finish(world_.Start(
      "unmap", world_.vm().map_ops().Delete(area.process->space, area.start + 6, area.start + 7)));
  Advise(area, 2, 6, PageAdvice::kDontNeed);
  EXPECT_EQ(world_.Picture(*area.object, 0, 9), "aallll.la");
  for (const uint32_t page : {0u, 1u, 8u}) {
    EXPECT_NE(world_.PteAt(area, page) & kPteAccessed, 0u) << page;
  }
  for (const uint32_t page : {2u, 3u, 4u, 5u, 7u}) {
    EXPECT_EQ(world_.PteAt(area, page) & kPteAccessed, 0u) << page;
  }
}

TEST_F(AdviceTest, MemoryThatNobodyTouchedIsLeftAlone) {
  Process& process = world_.vm().CreateProcess("p", false);
  ASSERT_EQ(world_.vm().Map(process, 100, 3, MapEntry()), 0);
  const Area area{&process, nullptr, 100, process.space.Lookup(100)->slot, 3};
  for (const auto advice : {PageAdvice::kWillNeed, PageAdvice::kDontNeed, PageAdvice::kFree}) {
    Advise(area, 0, 3, advice);
  }
  EXPECT_EQ(process.space.Lookup(100)->object, kNoObject);
}

// Page 0 of another process: its reference is not ours to forget, but what it modified makes the
// page dirty. A reference that the page itself remembers goes.
TEST_F(AdviceTest, DontNeedForgetsTheReferencesOfOneProcess) {
  const Area ours = world_.Map(2);
  const Area theirs = world_.Share(*ours.object, 2);
  for (const uint32_t page : {0u, 1u}) {
    ASSERT_EQ(world_.Touch(ours, page), kOk);
    ASSERT_EQ(world_.Touch(theirs, page), kOk);
    world_.vm().reclaim().Reference(ours.object->Lookup(page));
  }
  ASSERT_EQ(world_.Touch(theirs, 0, /*write=*/true), kOk);  // The mapping permits it: no fault.
  ASSERT_EQ(world_.Picture(*ours.object, 0, 2), "AA");
  Advise(ours, 0, 2, PageAdvice::kDontNeed);
  EXPECT_EQ(world_.Picture(*ours.object, 0, 2), "lI");
  for (const uint32_t page : {0u, 1u}) {
    EXPECT_EQ(world_.PteAt(ours, page) & kPteAccessed, 0u);
    EXPECT_NE(world_.PteAt(theirs, page) & kPteAccessed, 0u);
    EXPECT_FALSE(world_.PageAt(*ours.object, page).has(kPgaReferenced));
  }
  EXPECT_NE(world_.PteAt(theirs, 0) & kPteModified, 0u);
}

// The next victims: before everything that is inactive already.
TEST_F(AdviceTest, CleanPagesAreTheNextToGo) {
  const Area area = world_.Map(2);
  for (const uint32_t page : {0u, 1u}) ASSERT_EQ(world_.Touch(area, page), kOk);
  PageQueues& queues = world_.vm().reclaim().queues();
  queues.Deactivate(area.object->Lookup(0));
  queues.Drain();
  Advise(area, 1, 1, PageAdvice::kDontNeed);
  queues.Drain();
  EXPECT_EQ(queues.next(queues.head(QueueId::kInactive)), area.object->Lookup(1));
  EXPECT_EQ(queues.prev(queues.head(QueueId::kInactive)), area.object->Lookup(0));
}

// A store of ours through a mapping that permitted it is all that says that the page holds
// something. Free forgets it, as it shall, if the memory is private. The kernel clears the bit
// first and asks afterwards whether the advice applies to the object.
TEST_F(AdviceTest, FreeForgetsModifiedBitsOfSharedMemoryToo) {
  const Area ours = world_.Map(1);
  world_.Share(*ours.object, 1);
  ASSERT_EQ(world_.Touch(ours, 0), kOk);
  ASSERT_EQ(world_.Touch(ours, 0, /*write=*/true), kOk);
  ASSERT_NE(world_.PteAt(ours, 0) & kPteModified, 0u);
  Advise(ours, 0, 1, PageAdvice::kFree);
  EXPECT_EQ(world_.PteAt(ours, 0) & (kPteAccessed | kPteModified), 0u);
  EXPECT_EQ(world_.Picture(*ours.object, 0, 1), "A");
}

TEST_F(AdviceTest, FreeIsNotForNamedMemory) {
  const Area area = world_.Map(3);
  area.object->flags = kObjOneMapping;  // As a segment that one process maps.
  world_.SwapOut(area, 0, 1);
  world_.Write(area, 1, 1);
  Advise(area, 0, 3, PageAdvice::kFree);
  EXPECT_EQ(world_.Picture(*area.object, 0, 3), ",a.");
}

TEST_F(AdviceTest, DontNeedKeepsContentsAndMakesCandidates) {
  const Area area = world_.Map(3);
  world_.Write(area, 0, 2);
  ASSERT_EQ(world_.Touch(area, 2), kOk);
  ASSERT_EQ(world_.Picture(*area.object, 0, 3), "aaA");
  Advise(area, 0, 3, PageAdvice::kDontNeed);
  EXPECT_EQ(world_.Picture(*area.object, 0, 3), "llI");
  EXPECT_NE(world_.PteAt(area, 0) & kPteValid, 0u);
  EXPECT_EQ(world_.PteAt(area, 0) & (kPteAccessed | kPteModified), 0u);
}

TEST_F(AdviceTest, FreeMakesPagesCleanAndDropsTheirSwap) {
  const Area area = world_.Map(4);
  world_.SwapOut(area, 0, 4);
  ASSERT_EQ(world_.Touch(area, 0, /*write=*/true), kOk);  // Reads its neighbours along.
  ASSERT_EQ(world_.Picture(*area.object, 0, 4), "aIII");
  Advise(area, 0, 4, PageAdvice::kFree);
  EXPECT_EQ(world_.Picture(*area.object, 0, 4), "IIII");
  EXPECT_EQ(world_.vm().swap().space().used(), 0);
  // A store saves a page: its modified bit says that it holds something again.
  ASSERT_EQ(world_.Touch(area, 0, /*write=*/true), kOk);
  EXPECT_NE(world_.PteAt(area, 0) & kPteModified, 0u);
}

TEST_F(AdviceTest, FreeReleasesSwapOfPagesThatAreNotResident) {
  const Area area = world_.Map(4);
  world_.SwapOut(area, 0, 4);
  Advise(area, 1, 2, PageAdvice::kFree);
  EXPECT_EQ(world_.Picture(*area.object, 0, 4), ",..,");
  ASSERT_EQ(world_.Touch(area, 1), kOk);
  EXPECT_EQ(world_.counters().v_zfod, 4 + 1);
}

TEST_F(AdviceTest, FreeIsOnlyForPrivateMemoryThatShadowsNothing) {
  const Area parent = world_.Map(2);
  world_.Write(parent, 0, 2);
  const Area child = Fork(parent);
  Advise(parent, 0, 2, PageAdvice::kFree);  // Shared until somebody writes.
  EXPECT_EQ(world_.Picture(*parent.object, 0, 2), "aa");
  ASSERT_EQ(world_.Touch(child, 0, /*write=*/true), kOk);
  Advise(child, 0, 2, PageAdvice::kFree);  // It shadows now.
  const Object& shadow = world_.vm().objects()[child.process->space.Lookup(child.start)->object];
  EXPECT_EQ(world_.Picture(shadow, 0, 2), "a.");
}

TEST_F(AdviceTest, DontNeedReachesThroughTheShadowChain) {
  const Area parent = world_.Map(2);
  world_.Write(parent, 0, 2);
  const Area child = Fork(parent);
  ASSERT_EQ(world_.Touch(child, 0, /*write=*/true), kOk);
  Advise(child, 0, 2, PageAdvice::kDontNeed);
  const Object& shadow = world_.vm().objects()[child.process->space.Lookup(child.start)->object];
  EXPECT_EQ(world_.Picture(shadow, 0, 2), "l.");
  // Page 0 below is hidden by the child's own.
  EXPECT_EQ(world_.Picture(*parent.object, 0, 2), "il");
}

TEST_F(AdviceTest, WillNeedMapsWhatIsResidentAndReadsNothing) {
  const Area area = world_.Map(4);
  world_.SwapOut(area, 0, 4);
  world_.EntryOf(area).behavior = Behavior::kRandom;
  ASSERT_EQ(world_.Touch(area, 1), kOk);
  world_.vm().page_tables().Remove(area.slot + 1);
  world_.vm().reclaim().Deactivate(area.object->Lookup(1));
  const int64_t reads = world_.counters().v_swapin;
  Advise(area, 0, 4, PageAdvice::kWillNeed);
  EXPECT_EQ(world_.counters().v_swapin, reads);
  EXPECT_EQ(world_.Picture(*area.object, 0, 4), ",A,,");
  EXPECT_EQ(world_.PteAt(area, 1) & (kPteValid | kPteWritable | kPteAccessed), kPteValid);
  EXPECT_EQ(world_.PteAt(area, 0) & kPteValid, 0u);
}

TEST_F(AdviceTest, WiredPagesArePassedOver) {
  const Area area = world_.Map(1);
  world_.Write(area, 0, 1);
  const FrameIndex frame = area.object->Lookup(0);
  world_.vm().allocator().Wire(frame);
  Advise(area, 0, 1, PageAdvice::kFree);
  EXPECT_NE(world_.vm().pages()[frame].dirty, 0);
  world_.vm().allocator().Unwire(frame, QueueId::kActive);
}

TEST_F(AdviceTest, WillNeedActivatesDownTheChainAndMapsTheTop) {
  const Area parent = world_.Map(2);
  world_.Write(parent, 0, 2);
  const Area child = Fork(parent);
  ASSERT_EQ(world_.Touch(child, 0, /*write=*/true), kOk);
  const Object& shadow = world_.vm().objects()[child.process->space.Lookup(child.start)->object];
  world_.vm().reclaim().Deactivate(shadow.Lookup(0));
  world_.vm().reclaim().Deactivate(parent.object->Lookup(1));
  world_.vm().page_tables().RemoveRange(child.slot, 2);
  ASSERT_EQ(world_.Picture(shadow, 0, 2), "i.");
  ASSERT_EQ(world_.Picture(*parent.object, 0, 2), "ii");
  Advise(child, 0, 2, PageAdvice::kWillNeed);
  EXPECT_EQ(world_.Picture(shadow, 0, 2), "a.");
  EXPECT_EQ(world_.Picture(*parent.object, 0, 2), "ia");
  EXPECT_NE(world_.PteAt(child, 0) & kPteValid, 0u);
  EXPECT_EQ(world_.PteAt(child, 1) & kPteValid, 0u);
}

// What keeps WILLNEED from mapping a page that is there. It is activated all the same.
TEST_F(AdviceTest, WillNeedDoesNotMap) {
  const Area area = world_.Map(1);
  ASSERT_EQ(world_.Touch(area, 0), kOk);
  const auto maps = [&] {
    world_.vm().page_tables().Remove(area.slot);
    world_.vm().reclaim().Deactivate(area.object->Lookup(0));
    Advise(area, 0, 1, PageAdvice::kWillNeed);
    EXPECT_EQ(world_.Picture(*area.object, 0, 1), "A");
    return (world_.PteAt(area, 0) & kPteValid) != 0;
  };
  EXPECT_TRUE(maps());

  MapEntry& entry = world_.EntryOf(area);
  entry.protection = kProtNone;
  EXPECT_FALSE(maps());
  entry.protection = kProtWrite;
  EXPECT_FALSE(maps());
  entry.protection = kProtExecute;
  EXPECT_TRUE(maps());
  entry.protection = kProtDefault;

  entry.wired_count = 1;  // A wired entry is mapped already, or this would matter.
  EXPECT_FALSE(maps());
  entry.wired_count = 0;

  Domain& domain = world_.vm().domain();
  const int32_t taken = domain.free_count() - domain.thresholds().free_severe + 1;
  ASSERT_TRUE(domain.Reserve(AllocClass::kNormal, taken, /*is_pageproc=*/false));
  ASSERT_TRUE(domain.severe_set());
  EXPECT_FALSE(maps());
  domain.FreecntInc(taken);
  EXPECT_TRUE(maps());
}

// A page that is being read is not valid yet, and passed over; nobody waits for it.
TEST_F(AdviceTest, PagesBeingReadArePassedOver) {
  const Area area = world_.Map(1);
  world_.SwapOut(area, 0, 1);
  for (const auto advice : {PageAdvice::kWillNeed, PageAdvice::kDontNeed, PageAdvice::kFree}) {
    FaultResult result;
    world_.StartTouch(area, 0, /*write=*/false, &result);
    world_.RunFor(kDiskNs / 4);
    ASSERT_EQ(world_.Picture(*area.object, 0, 1), "X");
    const sim::Thread* thread = world_.Start(
        "madvise",
        world_.vm().advisor().Advise(area.process->space, area.start, area.start + 1, advice));
    world_.RunFor(kDiskNs / 4);
    EXPECT_TRUE(thread->done());
    EXPECT_EQ(world_.Picture(*area.object, 0, 1), "X");
    world_.Run();
    EXPECT_EQ(result, kOk);
    EXPECT_EQ(world_.Picture(*area.object, 0, 1), "A");
    EXPECT_EQ(world_.vm().swap().space().used(), 1);
    world_.Evict(*area.object, 0);
  }
}

// So that the page daemon is less likely to take it meanwhile, a page that WILLNEED waits for is
// referenced.
TEST_F(AdviceTest, WillNeedReferencesBusyPages) {
  const Area area = world_.Map(2);
  world_.Write(area, 0, 2);
  std::vector<PagerResult> results;
  world_.StartPageOut(*area.object, 0, 2, /*async=*/true, &results);
  world_.RunFor(kDiskNs / 4);
  ASSERT_EQ(world_.Picture(*area.object, 0, 2), "ss");
  ASSERT_FALSE(world_.PageAt(*area.object, 0).has(kPgaReferenced));
  const sim::Thread* thread =
      world_.Start("madvise", world_.vm().advisor().Advise(area.process->space, area.start,
                                                           area.start + 2, PageAdvice::kWillNeed));
  world_.RunFor(kDiskNs / 4);
  EXPECT_EQ(thread->wait_message(), "madvpo");
  EXPECT_TRUE(world_.PageAt(*area.object, 0).has(kPgaReferenced));
  EXPECT_FALSE(world_.PageAt(*area.object, 1).has(kPgaReferenced));
  world_.Run();
  EXPECT_TRUE(thread->done());
  EXPECT_EQ(world_.Picture(*area.object, 0, 2), "AA");
}

// Whoever wakes looks again: the page has gone to swap meanwhile. What Free finds there it drops.
TEST_F(AdviceTest, ABusyPageMayHaveGoneAfterwards) {
  const Area area = world_.Map(1);
  world_.Write(area, 0, 1);
  PageArray& pages = world_.vm().pages();
  ASSERT_EQ(world_.PageOut(*area.object, 0, 1), "P");
  const FrameIndex frame = area.object->Lookup(0);
  ASSERT_TRUE(pages.TryXbusy(frame));
  const sim::Thread* thread =
      world_.Start("madvise", world_.vm().advisor().Advise(area.process->space, area.start,
                                                           area.start + 1, PageAdvice::kFree));
  world_.Finish(thread);
  ASSERT_EQ(thread->wait_message(), "madvpo");
  world_.vm().page_tables().RemoveAll(frame);
  world_.vm().allocator().Free(frame);
  ASSERT_EQ(world_.Picture(*area.object, 0, 1), ",");
  world_.Finish(thread);
  EXPECT_TRUE(thread->done());
  EXPECT_EQ(world_.Picture(*area.object, 0, 1), ".");
  EXPECT_EQ(world_.vm().swap().space().used(), 0);
}

// A page that is being written out is waited for.
TEST_F(AdviceTest, BusyPagesAreWaitedFor) {
  const Area area = world_.Map(2);
  world_.Write(area, 0, 2);
  std::vector<PagerResult> results;
  world_.StartPageOut(*area.object, 0, 1, /*async=*/true, &results);
  world_.RunFor(kDiskNs / 4);
  const sim::Thread* thread =
      world_.Start("madvise", world_.vm().advisor().Advise(area.process->space, area.start,
                                                           area.start + 2, PageAdvice::kDontNeed));
  world_.RunFor(kDiskNs / 4);
  EXPECT_EQ(thread->wait_message(), "madvpo");
  EXPECT_EQ(world_.Picture(*area.object, 0, 2), "sa");
  world_.Run();
  EXPECT_TRUE(thread->done());
  EXPECT_EQ(world_.Picture(*area.object, 0, 2), "Il");
}

}  // namespace
}  // namespace vmsim::vm
