// vm/active_scan.h: the active scan: ages active pages and deactivates the idle ones.
//
// Two hands go round the queue. C0 is where the next scan starts, C1 where this lap ends: pages
// activated since the lap began are behind it. A page that is kept does not move, the hand does:
//
//     C0 1 2 3 4 5 C1 6 7      scan of three pages      1 2 3 C0 4 5 C1 6 7
//
// When the scan meets C1, the hands go back to the ends, and what was left of its batch is dropped:
// those pages stay unaged this time, though the limit was charged for them.
//
// The scan never stops because enough was deactivated. Its limit is the whole queue if there is a
// shortage, otherwise the share of the queue that visits each page once in
// vm.pageout_update_period.
//
// Model: FreeBSD sys/vm/vm_pageout.c (vm_pageout_scan_active).
#ifndef VMSIM_VM_ACTIVE_SCAN_H_
#define VMSIM_VM_ACTIVE_SCAN_H_

#include <cstdint>

#include "sim/task.h"
#include "vm/pageout_context.h"
#include "vm/pageout_judge.h"
#include "vm/queue_scan.h"

namespace vmsim::vm {

template <class Pmap>
class ActiveScan {
 public:
  ActiveScan(PageoutContext& ctx, Pmap& pmap)
      : ctx_(ctx),
        pmap_(pmap),
        judge_(ctx, pmap),
        decline_(ctx.bugs.no_act_decline ? 0 : kActDecline) {}

  // One scan at tick `ticks`. `shortage` is what vm_pageout_active_target asked for: a clean page
  // pays vm.act_scan_laundry_weight of it, a dirty one 1. It may be negative.
  sim::Task<void> Run(int shortage, int32_t ticks);

  int32_t last_active_scan() const { return last_active_scan_; }
  void set_last_active_scan(int32_t ticks) { last_active_scan_ = ticks; }
  const ScanStats& stats() const { return stats_; }

 private:
  int64_t MaxScan(int shortage, int32_t ticks);
  // Ages what is in the batch. True if it met the far hand.
  bool AgeBatch(RowBatch& batch, int& shortage);
  // Returns how much of the shortage the page pays.
  int Age(FrameIndex frame, int shortage);
  int Deactivate(FrameIndex frame, int shortage, uint8_t aflags);
  void ResetHands();

  PageoutContext& ctx_;
  Pmap& pmap_;
  PageoutJudge<Pmap> judge_;
  uint8_t decline_;               // What an idle page loses a scan.
  int32_t last_active_scan_ = 0;  // Ticks.
  ScanStats stats_;
};

template <class Pmap>
sim::Task<void> ActiveScan<Pmap>::Run(int shortage, int32_t ticks) {
  int64_t max_scan = MaxScan(shortage, ticks);
  const int64_t deactivated_before = stats_.pages;
  const auto prefetch = [this](const Page& page) { pmap_.Prefetch(page); };
  for (bool met = true; met;) {
    QueueScan scan(ctx_, QueueId::kActive, ctx_.queues.clock(0), max_scan);
    met = false;
    while (!met && scan.Collect<CollectMode::kLook>(prefetch)) {
      met = AgeBatch(scan.batch(), shortage);
      const auto cost = scan.TakeCost(pmap_.TakeInvalidations());
      if (cost > 0) co_await ctx_.engine.Consume(cost);
    }
    max_scan -= scan.scanned();
    if (met) {
      ResetHands();
    } else {
      ctx_.queues.Unlink(ctx_.queues.clock(0));
      ctx_.queues.LinkAfter(scan.marker(), ctx_.queues.clock(0));
    }
    stats_.nodes += scan.scanned();
    scan.End(stats_.pages - deactivated_before);
  }
  ++stats_.scans;
}

template <class Pmap>
int64_t ActiveScan<Pmap>::MaxScan(int shortage, int32_t ticks) {
  const int64_t length = ctx_.queues.length(QueueId::kActive);
  const int64_t period = int64_t{ctx_.tunables.pageout_update_period_s} * ctx_.tunables.hz;
  const auto elapsed =
      static_cast<int32_t>(static_cast<uint32_t>(ticks) - static_cast<uint32_t>(last_active_scan_));
  const int64_t min_scan = period != 0 ? length * elapsed / period : 0;
  if (min_scan > 0 || (shortage > 0 && length > 0)) last_active_scan_ = ticks;
  return shortage > 0 ? length : min_scan;
}

template <class Pmap>
bool ActiveScan<Pmap>::AgeBatch(RowBatch& batch, int& shortage) {
  while (!batch.empty()) {
    const uint32_t row = batch.Pop();
    if (__builtin_expect(!ctx_.pages.is_page(row), 0)) {
      if (row != ctx_.queues.clock(1)) continue;
      batch.Clear();
      return true;
    }
    shortage -= Age(row, shortage);
  }
  return false;
}

template <class Pmap>
int ActiveScan<Pmap>::Age(FrameIndex frame, int shortage) {
  if (judge_.Defer(frame, QueueId::kActive, /*enqueued=*/true)) return 0;
  Page& page = ctx_.pages[frame];
  if (page.object == kNoObject) return 0;
  if (page.has(kPgaSwapFree)) ctx_.allocator.ReleaseStaleSwap(frame);
  const int references = judge_.MappedReferences(frame, ctx_.objects[page.object]) +
                         (page.has(kPgaReferenced) ? 1 : 0);
  const uint8_t aflags = page.aflags & ~kPgaReferenced;
  const uint8_t advanced = PageoutJudge<Pmap>::Advanced(page.act_count, references);
  const uint8_t declined = page.act_count - std::min<uint8_t>(page.act_count, decline_);
  page.act_count = references > 0 ? advanced : declined;
  if (page.act_count == 0) return Deactivate(frame, shortage, aflags);
  page.aflags = aflags;
  return 0;
}

// While there is no shortage a dirty page passes through the inactive queue, where it may be saved;
// in a shortage it would not stay there long, and goes to the laundry at once. Modifications that
// only the mappings know of are not looked for.
template <class Pmap>
int ActiveScan<Pmap>::Deactivate(FrameIndex frame, int shortage, uint8_t aflags) {
  const Page& page = ctx_.pages[frame];
  const bool launder = shortage > 0 && page.dirty != 0;
  ctx_.queues.Commit(frame, launder ? QueueId::kLaundry : QueueId::kInactive,
                     (aflags & ~kPgaQueueOpMask) | kPgaRequeue);
  ++stats_.pages;
  ctx_.trace.Emit(launder ? trace::kLaunder : trace::kDeactivate, page.object, page.pindex, frame);
  if (shortage <= 0) return 0;
  return launder ? 1 : ctx_.tunables.act_scan_laundry_weight;
}

template <class Pmap>
void ActiveScan<Pmap>::ResetHands() {
  PageQueues& queues = ctx_.queues;
  const uint32_t head = queues.head(QueueId::kActive);
  queues.Unlink(queues.clock(0));
  queues.LinkAfter(head, queues.clock(0));
  queues.Unlink(queues.clock(1));
  queues.LinkBefore(head, queues.clock(1));
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_ACTIVE_SCAN_H_
