// vm/queue_scan.h: how a scan walks a queue: in batches, newest page of a batch first.
//
//     before   head  M 1 2 3 4 5 ... tail       M: the queue's scan marker
//     Collect  head  1 2 3 4 M 5 ... tail       batch: 1 2 3 4 (of batch_slots)
//     Pop      4, then 3, then 2, then 1
//
// A batch takes the nodes behind the marker, and the marker moves past them. A scan that will take
// pages off the queue collects with kUnlink: pages leave the list as they are collected (but keep
// their logical queue), markers stay and use no slot. Otherwise markers are collected like pages.
// Every node passed counts towards the scan's limit, markers too.
//
// Pages are only looked at when popped; by then they may have changed queue, or owner, or been
// freed, if the scan slept after collecting. Whoever pops checks.
//
// Model: FreeBSD sys/vm/vm_pageout.c (vm_pageout_init_scan, vm_pageout_end_scan,
// vm_pageout_collect_batch, vm_pageout_next), sys/vm/vm_pagequeue.h (vm_batchqueue).
#ifndef VMSIM_VM_QUEUE_SCAN_H_
#define VMSIM_VM_QUEUE_SCAN_H_

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "vm/pageout_context.h"
#include "vm/trace_types.h"

namespace vmsim::vm {

// Rows held for a while: a stack of batch_slots places.
class RowBatch {
 public:
  explicit RowBatch(const PageoutContext& ctx)
      : slots_(ctx.revision.batch_slots), fifo_(ctx.bugs.fifo_batches) {}

  bool empty() const { return first_ == end_; }
  bool full() const { return end_ == slots_; }
  int size() const { return end_ - first_; }
  // Oldest first.
  std::span<const uint32_t> rows() const {
    return {rows_.data() + first_, static_cast<size_t>(end_ - first_)};
  }
  void Clear() { first_ = end_ = 0; }
  // Requires: !full().
  void Push(uint32_t row) { rows_[end_++] = row; }
  // The newest. Requires: !empty().
  uint32_t Pop() {
    const uint32_t row = __builtin_expect(fifo_, 0) ? rows_[first_++] : rows_[--end_];
    if (first_ == end_) Clear();
    return row;
  }

 private:
  int slots_;
  int first_ = 0;  // Not 0 only with fifo_.
  int end_ = 0;
  bool fifo_;  // A planted bug: the oldest first.
  std::array<uint32_t, kMaxBatchSlots> rows_;
};

enum class CollectMode { kLook, kUnlink };

class QueueScan {
 public:
  // A scan of `queue` from behind row `after` on, of at most `max_scan` nodes. Between construction
  // and End() its marker is in the list: one scan of a queue at a time.
  QueueScan(PageoutContext& ctx, QueueId queue, uint32_t after, int64_t max_scan)
      : ctx_(ctx), queue_(queue), max_scan_(max_scan), batch_(ctx) {
    ctx.queues.LinkAfter(after, marker());
  }

  // Takes the next batch; `prefetch(page)` is called for each page in it. False: there is nothing
  // left, or the limit is reached. Requires: the batch is empty.
  template <CollectMode kMode, typename Prefetch>
  bool Collect(Prefetch&& prefetch);

  RowBatch& batch() { return batch_; }
  int64_t scanned() const { return scanned_; }
  // Pages of a cluster count as scanned too.
  void AddScanned(int64_t nodes) { scanned_ += nodes; }
  uint32_t marker() const { return ctx_.queues.scan_marker(queue_); }

  // Takes the marker out and counts what was scanned; `done` is what came of it, for the trace.
  void End(int64_t done) {
    ctx_.queues.Unlink(marker());
    ctx_.queues.AddScanned(queue_, scanned_);
    ctx_.counters.v_pdpages += scanned_;
    if (scanned_ == 0) return;
    ctx_.trace.Emit(trace::kScanDone, static_cast<uint32_t>(queue_),
                    static_cast<uint64_t>(scanned_), static_cast<uint64_t>(done));
  }

  // The CPU time of what was collected since the last call, and of telling another CPU, if any is
  // at work, to drop `invalidations` translations.
  sim::SimDuration TakeCost(int64_t invalidations) {
    if (invalidations > 0 && ctx_.engine.running() > 1) {
      ctx_.counters.tlb_shootdowns += invalidations;
      cost_ += invalidations * ctx_.costs.tlb_shootdown_ns;
    }
    return std::exchange(cost_, 0);
  }

 private:
  PageoutContext& ctx_;
  QueueId queue_;
  int64_t max_scan_;
  int64_t scanned_ = 0;
  sim::SimDuration cost_ = 0;
  RowBatch batch_;
};

template <CollectMode kMode, typename Prefetch>
bool QueueScan::Collect(Prefetch&& prefetch) {
  PageQueues& queues = ctx_.queues;
  const int64_t scanned_before = scanned_;
  const uint32_t end = queues.head(queue_);
  uint32_t kept = queues.prev(marker());  // The last node that stays in the list.
  uint32_t row = queues.next(marker());
  while (row != end && scanned_ < max_scan_ && !batch_.full()) {
    ++scanned_;
    const bool is_page = ctx_.pages.is_page(row);
    if (is_page || kMode == CollectMode::kLook) {
      __builtin_prefetch(&ctx_.pages[row], 1);
      batch_.Push(row);
    } else {
      queues.Join(kept, row);
      kept = row;
    }
    row = queues.next(row);
  }
  // The rows are on their way into the host's cache by now; what they refer to follows.
  for (const uint32_t collected : batch_.rows()) {
    if (!ctx_.pages.is_page(collected)) continue;
    Page& page = ctx_.pages[collected];
    if constexpr (kMode == CollectMode::kUnlink) page.aflags &= ~kPgaEnqueued;
    prefetch(page);
  }
  if constexpr (kMode == CollectMode::kLook) {
    queues.Unlink(marker());
  } else {
    queues.Join(kept, row);
    queues.AddLength(queue_, -batch_.size());
  }
  queues.LinkBefore(row, marker());
  if (scanned_ != scanned_before) {
    cost_ += ctx_.costs.scan_batch_ns + (scanned_ - scanned_before) * ctx_.costs.page_scan_ns;
  }
  return !batch_.empty();
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_QUEUE_SCAN_H_
