#include "vm/page_allocator.h"

namespace vmsim::vm {

FrameIndex PageAllocator::Alloc(Object& object, Pindex pindex, AllocClass alloc_class,
                                bool is_pageproc) {
  if (!domain_.Reserve(alloc_class, 1, is_pageproc)) {
    domain_.AddDeficit(1);
    if (!is_pageproc) reclaim_->Wakeup();
    return kNoFrame;
  }
  const FrameIndex frame = pages_.TakeFree();
  CHECK_NE(frame, kNoFrame, "the free count promised a page, free=", domain_.free_count());
  reclaim_->Allocated(frame);
  Page& page = pages_[frame];
  page.aflags = 0;
  page.oflags = 0;
  page.act_count = 0;
  page.valid = 0;
  page.dirty = 0;
  pages_.BusyInit(frame, kBusyExclusive);
  objects_.Insert(frame, object, pindex);
  return frame;
}

void PageAllocator::Free(FrameIndex frame) {
  Page& page = pages_[frame];
  CHECK_EQ(page.wire_count, 0, "frame=", frame);
  CHECK_EQ(page.mappings, 0u, "frame=", frame);
  ++counters_.v_tfree;
  if (page.object != kNoObject) {
    CHECK(pages_.xbusied(frame), "frame=", frame);
    if (page.has(kPgaSwapFree)) ReleaseStaleSwap(frame);
    objects_.Remove(frame);
  }
  reclaim_->Free(frame);
  page.valid = 0;
  page.dirty = 0;
  pages_.BusyFree(frame);
  pages_.PutFree(frame);
  domain_.FreecntInc(1);
}

void PageAllocator::Wire(FrameIndex frame) {
  Page& page = pages_[frame];
  CHECK_LT(page.wire_count, UINT16_MAX, "frame=", frame);
  if (page.wire_count++ == 0) {
    ++counters_.v_wire_count;
    if ((page.oflags & kVpoUnmanaged) == 0) reclaim_->Wire(frame);
  }
}

void PageAllocator::Release(FrameIndex frame, QueueId queue, bool noreuse) {
  Page& page = pages_[frame];
  CHECK_GT(page.wire_count, 0, "frame=", frame);
  if (page.wire_count > 1) {
    --page.wire_count;
    return;
  }
  const bool owned = page.object != kNoObject;
  if (owned && (page.oflags & kVpoUnmanaged) == 0) {
    reclaim_->UnwireToQueue(frame, queue, noreuse);
  }
  page.wire_count = 0;
  --counters_.v_wire_count;
  if (!owned) Free(frame);
}

void PageAllocator::Dirty(FrameIndex frame) {
  CHECK(pages_[frame].fully_valid(), "frame=", frame);
  pages_[frame].dirty = kPageBitsAll;
}

void PageAllocator::SetDirty(FrameIndex frame) {
  Page& page = pages_[frame];
  const bool was_clean = page.dirty == 0;
  Dirty(frame);
  if (was_clean && page.has(kPgaSwapSpace)) ReleaseStaleSwap(frame);
}

void PageAllocator::SetDirtyDeferred(FrameIndex frame) {
  Page& page = pages_[frame];
  const bool was_clean = page.dirty == 0;
  Dirty(frame);
  if (was_clean && page.has(kPgaSwapSpace) && !page.has(kPgaSwapFree)) {
    page.aflags |= kPgaSwapFree;
    ++counters_.swap_free_deferred;
  }
}

void PageAllocator::ReleaseStaleSwap(FrameIndex frame) {
  Page& page = pages_[frame];
  Object& object = objects_[page.object];
  if (page.has(kPgaSwapFree)) ++counters_.swap_free_completed;
  page.aflags &= ~(kPgaSwapSpace | kPgaSwapFree);
  object.pager->PageUnswapped(object, page.pindex);
}

}  // namespace vmsim::vm
