#include "vm/page_queues.h"

#include <algorithm>

#include "sim/check.h"

namespace vmsim::vm {

PageQueues::PageQueues(PageArray& pages, const sim::Engine& engine, int cpus,
                       const RevisionSettings& settings)
    : pages_(pages),
      engine_(engine),
      held_entries_(settings.flush_when_full ? settings.batch_slots
                                             : std::max(settings.batch_slots - kFlushFreeSlots, 0)),
      batches_(static_cast<size_t>(cpus) * kQueueCount) {
  CHECK_GE(settings.batch_slots, 1);
  CHECK_LE(settings.batch_slots, kMaxBatchSlots);
  for (int q = 0; q < kQueueCount; ++q) {
    const uint32_t head_row = head(static_cast<QueueId>(q));
    Join(head_row, head_row);
  }
  LinkAfter(head(QueueId::kInactive), inacthead());
  LinkAfter(head(QueueId::kActive), clock(0));
  LinkBefore(head(QueueId::kActive), clock(1));
}

void PageQueues::Unswappable(FrameIndex frame) {
  CHECK(!pages_[frame].wired(), "frame=", frame);
  Dequeue(frame);
  Commit(frame, QueueId::kUnswappable, pages_[frame].aflags | kPgaRequeue);
}

void PageQueues::Release(FrameIndex frame, QueueId queue, bool noreuse) {
  Page& page = pages_[frame];
  const bool to_head = noreuse || page.valid == 0;
  const uint8_t aflags = page.aflags & ~kPgaQueueOpMask;
  if (!to_head && page.queue == QueueId::kActive && page.has(kPgaEnqueued)) {
    page.aflags = aflags | kPgaReferenced;
  } else if (to_head) {
    Commit(frame, QueueId::kInactive, aflags | kPgaRequeueHead);
  } else {
    Commit(frame, queue, aflags | kPgaRequeue);
  }
}

void PageQueues::Dequeue(FrameIndex frame) {
  const Page& page = pages_[frame];
  if (page.queue == QueueId::kNone) return;
  Commit(frame, QueueId::kNone, page.aflags & ~kPgaQueueOpMask);
}

void PageQueues::DequeueDeferred(FrameIndex frame) {
  const Page& page = pages_[frame];
  if (page.queue == QueueId::kNone) return;
  Commit(frame, page.queue, page.aflags | kPgaDequeue);
}

void PageQueues::Drain() {
  for (size_t i = 0; i < batches_.size(); ++i) {
    Apply(batches_[i], static_cast<QueueId>(i % kQueueCount));
  }
}

std::span<const FrameIndex> PageQueues::pending(int cpu, QueueId queue) const {
  const Batch& batch = batches_[cpu * kQueueCount + Index(queue)];
  return {batch.slots.data(), static_cast<size_t>(batch.count)};
}

void PageQueues::Apply(Batch& batch, QueueId queue) {
  for (int i = 0; i < batch.count; ++i) ApplyOne(queue, batch.slots[i]);
  batch.count = 0;
}

// The page may have moved on since it was submitted, or been submitted twice: its flags decide.
void PageQueues::ApplyOne(QueueId queue, FrameIndex frame) {
  Page& page = pages_[frame];
  if (page.queue != queue || (page.aflags & kPgaQueueOpMask) == 0) return;
  const int was_linked = page.has(kPgaEnqueued) ? 1 : 0;
  if (was_linked) Unlink(frame);
  if (page.has(kPgaDequeue)) {
    page.queue = QueueId::kNone;
    page.aflags &= ~(kPgaQueueOpMask | kPgaEnqueued);
    AddLength(queue, -was_linked);
    return;
  }
  LinkBefore(page.has(kPgaRequeueHead) ? inacthead() : head(queue), frame);
  page.aflags = (page.aflags & ~kPgaQueueOpMask) | kPgaEnqueued;
  AddLength(queue, 1 - was_linked);
}

}  // namespace vmsim::vm
