// vm/inactive_scan.h: the inactive scan: frees clean pages that nobody has used.
//
//     collected --> referenced       --> ACTIVE
//               --> dirty            --> LAUNDRY
//               --> clean            --> free: only these count towards the target
//               --> busy             --> back before the scan marker, at the end
//               --> the rest, once the target is met: back before the marker, in reverse order
//
// Each page is looked at most once in a scan. Pages are off the list while they are held, but the
// scan lets time pass only when its batch is used up (stuck pages stay off until it ends).
//
// Model: FreeBSD sys/vm/vm_pageout.c (vm_pageout_scan_inactive, vm_pageout_reinsert_inactive).
#ifndef VMSIM_VM_INACTIVE_SCAN_H_
#define VMSIM_VM_INACTIVE_SCAN_H_

#include <cstdint>

#include "sim/task.h"
#include "vm/pageout_context.h"
#include "vm/pageout_judge.h"
#include "vm/queue_scan.h"

namespace vmsim::vm {

struct InactiveResult {
  int freed = 0;
  int stuck = 0;  // Pages that were busy: addl_page_shortage.
};

template <class Pmap>
class InactiveScan {
 public:
  InactiveScan(PageoutContext& ctx, Pmap& pmap) : ctx_(ctx), pmap_(pmap), judge_(ctx, pmap) {}

  // Frees up to `target` pages.
  sim::Task<InactiveResult> Run(int target);

  const ScanStats& stats() const { return stats_; }

 private:
  void ProcessBatch(QueueScan& scan, RowBatch& stuck, int target, InactiveResult& result);
  // True if it freed the page.
  bool Process(QueueScan& scan, RowBatch& stuck, FrameIndex frame, InactiveResult& result);
  void HoldStuck(QueueScan& scan, RowBatch& stuck, FrameIndex frame);
  void Reinsert(QueueScan& scan, RowBatch& batch);
  void ReinsertOne(QueueScan& scan, FrameIndex frame);

  PageoutContext& ctx_;
  Pmap& pmap_;
  PageoutJudge<Pmap> judge_;
  ScanStats stats_;
};

template <class Pmap>
sim::Task<InactiveResult> InactiveScan<Pmap>::Run(int target) {
  InactiveResult result;
  QueueScan scan(ctx_, QueueId::kInactive, ctx_.queues.head(QueueId::kInactive),
                 ctx_.queues.length(QueueId::kInactive));
  RowBatch stuck(ctx_);
  const auto prefetch = [this](const Page& page) { pmap_.Prefetch(page); };
  while (result.freed < target && scan.Collect<CollectMode::kUnlink>(prefetch)) {
    ProcessBatch(scan, stuck, target, result);
    if (result.freed >= target) break;
    const auto cost = scan.TakeCost(pmap_.TakeInvalidations());
    if (cost > 0) co_await ctx_.engine.Consume(cost);
  }
  Reinsert(scan, stuck);
  Reinsert(scan, scan.batch());
  scan.End(result.freed);
  ++stats_.scans;
  stats_.nodes += scan.scanned();
  stats_.pages += result.freed;
  const auto cost = scan.TakeCost(pmap_.TakeInvalidations());
  if (cost > 0) co_await ctx_.engine.Consume(cost);
  co_return result;
}

template <class Pmap>
void InactiveScan<Pmap>::ProcessBatch(QueueScan& scan, RowBatch& stuck, int target,
                                      InactiveResult& result) {
  while (result.freed < target && !scan.batch().empty()) {
    if (Process(scan, stuck, scan.batch().Pop(), result)) ++result.freed;
  }
}

template <class Pmap>
bool InactiveScan<Pmap>::Process(QueueScan& scan, RowBatch& stuck, FrameIndex frame,
                                 InactiveResult& result) {
  if (judge_.Defer(frame, QueueId::kInactive, /*enqueued=*/false)) return false;
  Page& page = ctx_.pages[frame];
  if (page.object == kNoObject) return false;
  if (!ctx_.pages.TryXbusy(frame)) {
    ++result.stuck;
    HoldStuck(scan, stuck, frame);
    return false;
  }
  if (page.has(kPgaSwapFree)) ctx_.allocator.ReleaseStaleSwap(frame);
  const Verdict verdict = judge_.Judge(frame, ctx_.objects[page.object]);
  if (verdict == Verdict::kFree) {
    page.queue = QueueId::kNone;  // It is off the list already.
    judge_.Evict(frame);
    return true;
  }
  if (verdict == Verdict::kDirty) {
    ctx_.queues.Launder(frame);
    ctx_.trace.Emit(trace::kLaunder, page.object, page.pindex, frame);
  }
  ctx_.pages.Xunbusy(frame);
  return false;
}

// Busy pages are most likely about to leave the queue: they wait until the end of the scan, or
// until there are more of them than a batch holds.
template <class Pmap>
void InactiveScan<Pmap>::HoldStuck(QueueScan& scan, RowBatch& stuck, FrameIndex frame) {
  if (!stuck.full()) {
    stuck.Push(frame);
    return;
  }
  ReinsertOne(scan, frame);
  Reinsert(scan, stuck);
}

template <class Pmap>
void InactiveScan<Pmap>::Reinsert(QueueScan& scan, RowBatch& batch) {
  while (!batch.empty()) ReinsertOne(scan, batch.Pop());
  batch.Clear();
}

template <class Pmap>
void InactiveScan<Pmap>::ReinsertOne(QueueScan& scan, FrameIndex frame) {
  Page& page = ctx_.pages[frame];
  if (page.queue != QueueId::kInactive || page.has(kPgaEnqueued)) return;
  page.aflags |= kPgaEnqueued;
  ctx_.queues.LinkBefore(scan.marker(), frame);
  if (!ctx_.bugs.uncounted_reinsert) ctx_.queues.AddLength(QueueId::kInactive, 1);
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_INACTIVE_SCAN_H_
