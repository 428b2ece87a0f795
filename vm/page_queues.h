// vm/page_queues.h: the queues of pages that the page daemon and the laundry thread scan.
//
//     fault --> ACTIVE --act_count reaches 0--> INACTIVE --clean--> free
//                 ^                               |   | dirty
//                 +--------- referenced ----------+   v
//                 +--------- referenced ---------- LAUNDRY --written--> INACTIVE, before H
//                                                     | no swap space
//                                                     v
//                                                 UNSWAPPABLE
//
// Each queue is a circular list through rows of the page array; the head is the next page to be
// scanned, the tail the newest. Rows behind the pages serve as list heads and markers:
//
//     INACTIVE  H         where pages that will not be used again are inserted (inacthead)
//     ACTIVE    C0, C1    the two hands of the clock
//     each      M         how far a running scan has come
//
// A page's place is in two fields: `queue` names the queue it logically belongs to, kPgaEnqueued
// says that it is linked there. Leaving a queue for another one unlinks at once; everything else
// (linking, requeueing, leaving because of wiring or freeing) is only noted as a pending operation
// in the page's flags, and the page goes into a batch, one for each CPU and queue. A batch is
// applied, in order of submission, when it is as full as the release allows: see held_entries().
// There is no timer: a page can stay in a batch for ever. Lengths count linked pages only.
//
// Misuse fails a CHECK or goes undetected until somebody checks the invariants
// (vm/invariants_queues.cc); nothing here is an outcome.
// Model: FreeBSD sys/vm/vm_page.c (vm_page_mvqueue and its callers, vm_page_pqstate_commit,
// vm_page_pqbatch_submit, vm_pqbatch_process_page, vm_page_release_toq), sys/vm/vm_pagequeue.h.
#ifndef VMSIM_VM_PAGE_QUEUES_H_
#define VMSIM_VM_PAGE_QUEUES_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/engine.h"
#include "vm/config.h"
#include "vm/page_array.h"

namespace vmsim::vm {

// The largest batch of any release (BATCHQUEUE_SIZE).
inline constexpr int kMaxBatchSlots = 63;

class PageQueues {
 public:
  // `engine` says which of the `cpus` CPUs executes. Both outlive the queues.
  PageQueues(PageArray& pages, const sim::Engine& engine, int cpus,
             const RevisionSettings& settings);
  PageQueues(const PageQueues&) = delete;
  PageQueues& operator=(const PageQueues&) = delete;

  // vm_page_mvqueue. All of these do nothing to a page that is wired, unmanaged or about to leave.
  // To the tail of ACTIVE with an act_count of at least kActInit; a page linked there does not
  // move.
  void Activate(FrameIndex frame) { Move(frame, QueueId::kActive, kPgaRequeue); }
  // To the tail of INACTIVE, even if it is there already.
  void Deactivate(FrameIndex frame) { Move(frame, QueueId::kInactive, kPgaRequeue); }
  // Before H.
  void DeactivateNoreuse(FrameIndex frame) { Move(frame, QueueId::kInactive, kPgaRequeueHead); }
  void Launder(FrameIndex frame) { Move(frame, QueueId::kLaundry, kPgaRequeue); }
  // Off its queue now, to the tail of UNSWAPPABLE later. Requires: not wired.
  void Unswappable(FrameIndex frame);
  // Remembers a reference. Moves nothing.
  void Reference(FrameIndex frame) { pages_[frame].aflags |= kPgaReferenced; }

  // First wiring: marks the page as leaving. A scan or a batch that meets it unlinks it.
  void Wire(FrameIndex frame) { pages_[frame].aflags |= kPgaDequeue; }
  // Last wiring gone (vm_page_release_toq): to `queue`, or before H if the page is invalid or
  // `noreuse`. A page still linked in ACTIVE only has a reference noted.
  void Release(FrameIndex frame, QueueId queue, bool noreuse);

  // Off its queue, now.
  void Dequeue(FrameIndex frame);
  // Off its queue when the batch is applied.
  void DequeueDeferred(FrameIndex frame);

  // vm_page_pqstate_commit: gives the page this queue and these flags, unlinking it if the queue
  // changes and submitting it to a batch if an operation became pending.
  void Commit(FrameIndex frame, QueueId queue, uint8_t aflags);
  // vm_page_pqbatch_submit: has the page's pending operation on `queue` done, some time.
  void Submit(QueueId queue, FrameIndex frame) {
    Batch& batch = BatchOf(queue);
    if (__builtin_expect(batch.count < held_entries_, 1)) {
      batch.slots[batch.count++] = frame;
    } else {
      Apply(batch, queue);
      ApplyOne(queue, frame);
    }
  }
  // Applies all batches of all CPUs (vm_page_pqbatch_drain).
  void Drain();

  // How many entries a batch holds unapplied: the next one applies them and itself. 13.2 flushes
  // when an entry finds no slot; 15 when it finds no more than kFlushFreeSlots of them free.
  int held_entries() const { return held_entries_; }
  int cpus() const { return static_cast<int>(batches_.size()) / kQueueCount; }
  std::span<const FrameIndex> pending(int cpu, QueueId queue) const;

  // Linked pages (pq_cnt).
  int32_t length(QueueId queue) const { return lengths_[Index(queue)]; }
  // List nodes that scans of the queue have passed so far (pq_pdpages).
  int64_t scanned(QueueId queue) const { return scanned_[Index(queue)]; }

  // The lists, for scans. Rows are pages or markers; the head row of a queue ends it on both sides.
  uint32_t head(QueueId queue) const { return pages_.marker_row(kHeadRows + Index(queue)); }
  uint32_t scan_marker(QueueId queue) const { return pages_.marker_row(kScanRows + Index(queue)); }
  uint32_t inacthead() const { return pages_.marker_row(kInactheadRow); }
  uint32_t clock(int hand) const { return pages_.marker_row(kClockRows + hand); }
  uint32_t next(uint32_t row) const { return pages_.links(row).next; }
  uint32_t prev(uint32_t row) const { return pages_.links(row).prev; }
  void LinkBefore(uint32_t position, uint32_t row) { Link(prev(position), row, position); }
  void LinkAfter(uint32_t position, uint32_t row) { Link(position, row, next(position)); }
  void Unlink(uint32_t row) { Join(prev(row), next(row)); }
  // Makes `left` and `right` neighbours; what was between them is no longer linked.
  void Join(uint32_t left, uint32_t right) {
    pages_.links(left).next = right;
    pages_.links(right).prev = left;
  }
  void AddLength(QueueId queue, int32_t n) { lengths_[Index(queue)] += n; }
  void AddScanned(QueueId queue, int64_t nodes) { scanned_[Index(queue)] += nodes; }

  PageArray& pages() { return pages_; }
  const PageArray& pages() const { return pages_; }

 private:
  friend struct InvariantsTestPeer;  // Plants defects.

  // Rows behind the pages.
  static constexpr uint32_t kHeadRows = 0;
  static constexpr uint32_t kScanRows = kHeadRows + kQueueCount;
  static constexpr uint32_t kInactheadRow = kScanRows + kQueueCount;
  static constexpr uint32_t kClockRows = kInactheadRow + 1;
  static_assert(kClockRows + 2 <= PageArray::kMarkerRows);

  struct Batch {
    int32_t count = 0;
    std::array<FrameIndex, kMaxBatchSlots> slots;
  };

  static constexpr int Index(QueueId queue) { return static_cast<int>(queue); }
  Batch& BatchOf(QueueId queue) {
    return batches_[engine_.current_cpu() * kQueueCount + Index(queue)];
  }
  void Link(uint32_t left, uint32_t row, uint32_t right) {
    Join(left, row);
    Join(row, right);
  }
  void Move(FrameIndex frame, QueueId queue, uint8_t operation);
  void Apply(Batch& batch, QueueId queue);
  void ApplyOne(QueueId queue, FrameIndex frame);

  PageArray& pages_;
  const sim::Engine& engine_;
  int32_t held_entries_;
  std::array<int32_t, kQueueCount> lengths_{};
  std::array<int64_t, kQueueCount> scanned_{};
  std::vector<Batch> batches_;  // By CPU, then queue.
};

inline void PageQueues::Commit(FrameIndex frame, QueueId queue, uint8_t aflags) {
  Page& page = pages_[frame];
  if (page.queue != queue && page.queue != QueueId::kNone) {
    if (page.has(kPgaEnqueued)) {
      Unlink(frame);
      AddLength(page.queue, -1);
    }
    page.queue = queue;
    page.aflags = aflags & ~kPgaEnqueued;
    if (queue != QueueId::kNone) Submit(queue, frame);
    return;
  }
  // An operation that was pending already has its place in a batch.
  const bool submit = (aflags & ~page.aflags & kPgaQueueOpMask) != 0;
  page.queue = queue;
  page.aflags = aflags;
  if (submit && queue != QueueId::kNone) Submit(queue, frame);
}

inline void PageQueues::Move(FrameIndex frame, QueueId queue, uint8_t operation) {
  Page& page = pages_[frame];
  if (page.wired() || (page.oflags & kVpoUnmanaged) != 0 || page.has(kPgaDequeue)) return;
  if (queue == QueueId::kActive && page.act_count < kActInit) page.act_count = kActInit;
  uint8_t aflags = page.aflags & ~kPgaQueueOpMask;
  const bool stays = queue == QueueId::kActive && page.queue == queue && page.has(kPgaEnqueued);
  if (!stays) aflags |= operation;
  Commit(frame, queue, aflags);
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGE_QUEUES_H_
