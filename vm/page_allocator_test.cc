#include "vm/page_allocator.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/engine.h"
#include "vm/recording_reclaim.h"

namespace vmsim::vm {
namespace {

// 4096 pages, of which a test says how many are free: reserved 71, interrupt 2.
class PageAllocatorTest : public testing::Test {
 protected:
  PageAllocatorTest() : object_(objects_.Create(ObjectType::kSwap, 100)) {
    allocator_.set_reclaim(&reclaim_);
    object_.pager = &pager_;
  }
  FrameIndex Alloc(Pindex pindex, AllocClass alloc_class = AllocClass::kNormal) {
    return allocator_.Alloc(object_, pindex, alloc_class);
  }
  // A page with contents, clean, not busy.
  FrameIndex Resident(Pindex pindex) {
    const FrameIndex frame = Alloc(pindex);
    pages_[frame].valid = kPageBitsAll;
    pages_.Xunbusy(frame);
    reclaim_.Take();
    return frame;
  }
  void Free(FrameIndex frame) {
    ASSERT_TRUE(pages_.TryXbusy(frame));
    allocator_.Free(frame);
  }

  sim::Engine engine_;
  PageArray pages_{4096};
  ObjectTable objects_{pages_};
  Domain domain_{engine_, ComputePageoutThresholds({.page_count = 4096, .free_count = 4096}), 4096};
  VmCounters counters_;
  RecordingReclaim reclaim_;
  RecordingPager pager_;
  PageAllocator allocator_{pages_, domain_, objects_, counters_};
  Object& object_;
};

TEST_F(PageAllocatorTest, AFreshPageIsBusyInvalidAndOnNoQueue) {
  pages_[0].aflags = kPgaReferenced | kPgaSwapSpace;
  pages_[0].oflags = kVpoNoSync;
  pages_[0].act_count = 9;
  const FrameIndex frame = Alloc(7);
  EXPECT_EQ(frame, 0u);
  EXPECT_EQ(object_.Lookup(7), frame);
  const Page& page = pages_[frame];
  EXPECT_TRUE(pages_.xbusied(frame));
  EXPECT_EQ(page.aflags, 0);
  EXPECT_EQ(page.oflags, 0);
  EXPECT_EQ(page.act_count, 0);
  EXPECT_EQ(page.valid, 0);
  EXPECT_EQ(page.dirty, 0);
  EXPECT_EQ(page.queue, QueueId::kNone);
  EXPECT_EQ(domain_.free_count(), 4095);
  EXPECT_EQ(reclaim_.Take(), "allocated 0");
}

struct FloorCase {
  AllocClass alloc_class;
  bool is_pageproc;
  int floor;
};

TEST_F(PageAllocatorTest, EachClassHasItsFloor) {
  constexpr FloorCase kCases[] = {{AllocClass::kNormal, false, 71},
                                  {AllocClass::kNormal, true, 2},
                                  {AllocClass::kSystem, false, 2},
                                  {AllocClass::kInterrupt, false, 0}};
  Pindex pindex = 0;
  for (const FloorCase& c : kCases) {
    SCOPED_TRACE(c.floor);
    domain_.ForceFreeCount(c.floor + 1);
    EXPECT_NE(allocator_.Alloc(object_, pindex++, c.alloc_class, c.is_pageproc), kNoFrame);
    domain_.TakeDeficit();
    reclaim_.Take();
    EXPECT_EQ(allocator_.Alloc(object_, pindex, c.alloc_class, c.is_pageproc), kNoFrame);
    EXPECT_EQ(object_.Lookup(pindex), kNoFrame);
    EXPECT_EQ(domain_.free_count(), c.floor);
    // A failure adds to the deficit, and calls for the page daemon unless that is who asks.
    EXPECT_EQ(domain_.deficit(), 1u);
    EXPECT_EQ(reclaim_.Take(), c.is_pageproc ? "" : "wakeup");
  }
}

TEST_F(PageAllocatorTest, FreeingGivesBackEverything) {
  const FrameIndex frame = Resident(3);
  pages_[frame].dirty = kPageBitsAll;
  Free(frame);
  EXPECT_EQ(object_.Lookup(3), kNoFrame);
  EXPECT_EQ(object_.resident_page_count, 0u);
  EXPECT_EQ(pages_[frame].busy, kBusyFreed);
  EXPECT_EQ(pages_[frame].valid, 0);
  EXPECT_EQ(pages_[frame].dirty, 0);
  EXPECT_EQ(domain_.free_count(), 4096);
  EXPECT_EQ(pages_.free_list_length(), 4096u);
  EXPECT_EQ(counters_.v_tfree, 1);
  EXPECT_EQ(reclaim_.Take(), "free 0");
  EXPECT_TRUE(pager_.unswapped.empty());
  // First in, first out: the page comes back last.
  EXPECT_EQ(Alloc(3), 1u);
}

TEST_F(PageAllocatorTest, ACleanPagesSwapBlockOutlivesIt) {
  const FrameIndex frame = Resident(3);
  pages_[frame].aflags |= kPgaSwapSpace;
  Free(frame);
  EXPECT_TRUE(pager_.unswapped.empty());
}

TEST_F(PageAllocatorTest, DirtyingAtHandReleasesTheBlockAtOnce) {
  const FrameIndex frame = Resident(3);
  pages_[frame].aflags |= kPgaSwapSpace;
  allocator_.SetDirty(frame);
  EXPECT_EQ(pages_[frame].dirty, kPageBitsAll);
  EXPECT_FALSE(pages_[frame].has(kPgaSwapSpace));
  ASSERT_EQ(pager_.unswapped.size(), 1u);
  EXPECT_EQ(pager_.unswapped[0].second, 3u);
  allocator_.SetDirty(frame);  // Dirty already: nothing to release.
  EXPECT_EQ(pager_.unswapped.size(), 1u);
  EXPECT_EQ(counters_.swap_free_deferred, 0);
  EXPECT_EQ(counters_.swap_free_completed, 0);
}

TEST_F(PageAllocatorTest, DirtyingFromAfarMarksTheBlockStale) {
  const FrameIndex frame = Resident(3);
  allocator_.SetDirtyDeferred(frame);  // Without a block nothing is marked.
  EXPECT_FALSE(pages_[frame].has(kPgaSwapFree));
  pages_[frame].dirty = 0;
  pages_[frame].aflags |= kPgaSwapSpace;
  allocator_.SetDirtyDeferred(frame);
  EXPECT_TRUE(pages_[frame].has(kPgaSwapFree));
  EXPECT_TRUE(pages_[frame].has(kPgaSwapSpace));
  EXPECT_EQ(counters_.swap_free_deferred, 1);
  EXPECT_TRUE(pager_.unswapped.empty());
  allocator_.ReleaseStaleSwap(frame);
  EXPECT_EQ(pages_[frame].aflags & (kPgaSwapFree | kPgaSwapSpace), 0);
  EXPECT_EQ(pager_.unswapped.size(), 1u);
  EXPECT_EQ(counters_.swap_free_completed, 1);
}

TEST_F(PageAllocatorTest, APageDirtyBeforeItHadABlockMarksNothing) {
  const FrameIndex frame = Resident(3);
  allocator_.Dirty(frame);
  pages_[frame].aflags |= kPgaSwapSpace;  // As after a failed write.
  allocator_.SetDirtyDeferred(frame);
  allocator_.SetDirty(frame);
  EXPECT_FALSE(pages_[frame].has(kPgaSwapFree));
  EXPECT_TRUE(pager_.unswapped.empty());
}

TEST_F(PageAllocatorTest, FreeingReleasesAStaleBlock) {
  const FrameIndex frame = Resident(3);
  pages_[frame].aflags |= kPgaSwapSpace;
  allocator_.SetDirtyDeferred(frame);
  Free(frame);
  ASSERT_EQ(pager_.unswapped.size(), 1u);
  EXPECT_EQ(pager_.unswapped[0].first, object_.id);
  EXPECT_EQ(pager_.unswapped[0].second, 3u);
}

TEST_F(PageAllocatorTest, TheFirstWiringAndTheLastUnwiringCount) {
  const FrameIndex frame = Resident(3);
  allocator_.Wire(frame);
  allocator_.Wire(frame);
  EXPECT_EQ(pages_[frame].wire_count, 2);
  EXPECT_EQ(counters_.v_wire_count, 1);
  EXPECT_EQ(reclaim_.Take(), "wire 0");
  allocator_.Unwire(frame, QueueId::kInactive);
  EXPECT_EQ(counters_.v_wire_count, 1);
  EXPECT_EQ(reclaim_.Take(), "");
  allocator_.Unwire(frame, QueueId::kActive);
  EXPECT_EQ(counters_.v_wire_count, 0);
  EXPECT_EQ(reclaim_.Take(), "unwire 0 to 1");
  EXPECT_EQ(object_.Lookup(3), frame);
}

TEST_F(PageAllocatorTest, AnUnmanagedPageKnowsNoQueue) {
  const FrameIndex frame = Resident(3);
  pages_[frame].oflags |= kVpoUnmanaged;
  allocator_.Wire(frame);
  allocator_.Unwire(frame, QueueId::kActive);
  EXPECT_EQ(reclaim_.Take(), "");
  EXPECT_EQ(counters_.v_wire_count, 0);
}

TEST_F(PageAllocatorTest, TheLastUnwiringOfAnOrphanFreesIt) {
  const FrameIndex frame = Resident(3);
  allocator_.Wire(frame);
  objects_.Remove(frame);
  reclaim_.Take();
  allocator_.Unwire(frame, QueueId::kActive);
  EXPECT_EQ(reclaim_.Take(), "free 0");
  EXPECT_EQ(domain_.free_count(), 4096);
  EXPECT_EQ(counters_.v_wire_count, 0);
}

TEST_F(PageAllocatorTest, FreeingWakesWhoWaitsForMemory) {
  domain_.ForceFreeCount(91);
  const FrameIndex frame = Alloc(0);  // 90: min is set.
  EXPECT_TRUE(domain_.min_set());
  bool awake = false;
  const auto wait = [&]() -> sim::Task<void> {
    co_await domain_.Wait();
    awake = true;
  };
  engine_.Spawn("wait", sim::kPriorityUser, wait());
  engine_.Run();
  EXPECT_FALSE(awake);
  allocator_.Free(frame);
  engine_.Run();
  EXPECT_TRUE(awake);
}

using PageAllocatorDeathTest = PageAllocatorTest;
TEST_F(PageAllocatorDeathTest, RefusesMisuse) {
  const FrameIndex frame = Alloc(3);
  EXPECT_DEATH(allocator_.Dirty(frame), "frame=0");  // Not valid.
  EXPECT_DEATH(allocator_.Unwire(frame, QueueId::kActive), "frame=0");
  allocator_.Wire(frame);
  EXPECT_DEATH(allocator_.Free(frame), "frame=0");
  allocator_.Unwire(frame, QueueId::kActive);
  pages_.Xunbusy(frame);
  EXPECT_DEATH(allocator_.Free(frame), "frame=0");  // Not busied.
}

}  // namespace
}  // namespace vmsim::vm
