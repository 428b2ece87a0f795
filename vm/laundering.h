// vm/laundering.h: writing dirty pages out.
//
// Takes pages from the head of the laundry queues. A dirty page is written together with its
// neighbours in the object that are dirty and in the laundry too:
//
//     page 37, clusters of 32:   back to 32 | forward from 38 | then back from 31 on
//
// The whole cluster goes to the object's pager in one call, and each page where the pager's answer
// sends it: vm/pageout_flush.h.
//
// Model: FreeBSD sys/vm/vm_pageout.c (vm_pageout_launder, vm_pageout_clean, vm_pageout_cluster).
#ifndef VMSIM_VM_LAUNDERING_H_
#define VMSIM_VM_LAUNDERING_H_

#include <cstdint>

#include "sim/task.h"
#include "vm/pageout_context.h"
#include "vm/pageout_flush.h"
#include "vm/pageout_judge.h"
#include "vm/queue_scan.h"

namespace vmsim::vm {

template <class Pmap>
class Laundering {
 public:
  Laundering(PageoutContext& ctx, Pmap& pmap) : ctx_(ctx), pmap_(pmap), judge_(ctx, pmap) {}

  // Launders about `target` pages and returns how many: clustering can exceed the target by a
  // cluster less 1. Outside a shortfall a page found referenced counts, too: it left the laundry.
  // Pages that are found clean are freed and do not count. Sleeps as the pagers do.
  sim::Task<int> Run(int target, bool in_shortfall);

  const ScanStats& stats() const { return stats_; }

 private:
  enum class CleanError : uint8_t { kNone, kLocked, kGone };
  struct Cleaned {
    CleanError error = CleanError::kNone;
    int pages = 0;
  };

  sim::Task<void> RunQueue(QueueId queue, bool in_shortfall);
  // Judges a page of the queue and deals with it, unless it must be written: then returns true and
  // leaves it exclusively busied.
  bool Process(QueueId queue, FrameIndex frame, bool in_shortfall);
  sim::Task<Cleaned> Clean(FrameIndex frame);
  sim::Task<int> WriteCluster(Object& object, FrameIndex frame);
  // Whether the page may join a cluster; if so it is busied and write-protected.
  bool Join(FrameIndex frame);
  void GrowBack(const Object& object, PageoutCluster& cluster, Pindex& front, bool& blocked);
  void GrowForward(const Object& object, PageoutCluster& cluster, Pindex& back);
  int page_count() const { return ctx_.domain.thresholds().pageout_page_count; }

  PageoutContext& ctx_;
  Pmap& pmap_;
  PageoutJudge<Pmap> judge_;
  ScanStats stats_;
  int left_ = 0;  // Of the target; below 0 when a cluster exceeded it.
  int vnodes_skipped_ = 0;
};

template <class Pmap>
sim::Task<int> Laundering<Pmap>::Run(int target, bool in_shortfall) {
  left_ = target;
  vnodes_skipped_ = 0;
  // Without swap there is no use in trying the pages that found no swap space.
  if (ctx_.swap_configured) co_await RunQueue(QueueId::kUnswappable, in_shortfall);
  if (left_ > 0) co_await RunQueue(QueueId::kLaundry, in_shortfall);
  if (vnodes_skipped_ > 0 && left_ > 0) ctx_.host.KickSyncer();
  co_return target - left_;
}

template <class Pmap>
sim::Task<void> Laundering<Pmap>::RunQueue(QueueId queue, bool in_shortfall) {
  QueueScan scan(ctx_, queue, ctx_.queues.head(queue), ctx_.queues.length(queue));
  const auto prefetch = [this](const Page& page) { pmap_.Prefetch(page); };
  const int left_before = left_;
  while (left_ > 0 && scan.Collect<CollectMode::kLook>(prefetch)) {
    while (left_ > 0 && !scan.batch().empty()) {
      const uint32_t row = scan.batch().Pop();
      if (!ctx_.pages.is_page(row) || !Process(queue, row, in_shortfall)) continue;
      const Cleaned cleaned = co_await Clean(row);
      if (cleaned.error == CleanError::kLocked) ++vnodes_skipped_;
      left_ -= cleaned.pages;
      scan.AddScanned(cleaned.pages);
    }
    const auto cost = scan.TakeCost(pmap_.TakeInvalidations());
    if (cost > 0) co_await ctx_.engine.Consume(cost);
  }
  ++stats_.scans;
  stats_.nodes += scan.scanned();
  stats_.pages += left_before - left_;
  scan.End(left_before - left_);
}

template <class Pmap>
bool Laundering<Pmap>::Process(QueueId queue, FrameIndex frame, bool in_shortfall) {
  if (judge_.Defer(frame, queue, /*enqueued=*/true)) return false;
  const Page& page = ctx_.pages[frame];
  if (page.object == kNoObject || !ctx_.pages.TryXbusy(frame)) return false;
  const Object& object = ctx_.objects[page.object];
  switch (judge_.Judge(frame, object)) {
    case Verdict::kFree:
      judge_.Evict(frame);
      ++ctx_.counters.v_dfree;
      return false;
    case Verdict::kReactivated:
      if (!in_shortfall) --left_;
      break;
    case Verdict::kDirty:
      if (object.type == ObjectType::kVnode || !ctx_.tunables.disable_swapspace_pageouts)
        return true;
      ctx_.queues.Launder(frame);
      break;
    case Verdict::kKeep:
      break;
  }
  ctx_.pages.Xunbusy(frame);
  return false;
}

template <class Pmap>
auto Laundering<Pmap>::Clean(FrameIndex frame) -> sim::Task<Cleaned> {
  const Page& page = ctx_.pages[frame];
  const Pindex pindex = page.pindex;
  Object& object = ctx_.objects[page.object];
  const bool is_file = object.type == ObjectType::kVnode;
  if (is_file) {
    // The lock comes before the page; the object stays because of the paging count.
    ctx_.pages.Xunbusy(frame);
    object.PipAdd();
    if (!co_await object.pager->LockForPageout(object)) {
      object.PipWakeup();
      co_return Cleaned{CleanError::kLocked, 0};
    }
  }
  // While it waited the page may have been moved, cleaned, freed or busied.
  const bool held =
      !is_file || (page.object == object.id && page.pindex == pindex && page.in_laundry() &&
                   page.dirty != 0 && ctx_.pages.TryXbusy(frame));
  Cleaned result;
  if (held && judge_.TryRemoveWrite(frame)) {
    result.pages = co_await WriteCluster(object, frame);
  } else {
    if (held) ctx_.pages.Xunbusy(frame);
    result.error = CleanError::kGone;
  }
  if (is_file) {
    object.pager->UnlockAfterPageout(object);
    object.PipWakeup();
  }
  co_return result;
}

// Backwards to a multiple of the cluster size first, so that clusters come to lie on such
// boundaries; then forwards; then, if there is room, backwards past the boundary.
template <class Pmap>
sim::Task<int> Laundering<Pmap>::WriteCluster(Object& object, FrameIndex frame) {
  PageoutCluster cluster(frame);
  Pindex front = ctx_.pages[frame].pindex;
  Pindex back = front;
  bool blocked = false;
  do {
    GrowBack(object, cluster, front, blocked);
    GrowForward(object, cluster, back);
  } while (!blocked && cluster.size() < page_count());
  const FlushResult flushed =
      co_await FlushPages(ctx_.pages, ctx_.queues, object, cluster.pages(), kPutNoReuse);
  ctx_.counters.laundered_pages += flushed.put_out;
  ctx_.counters.unswappable_pages += flushed.unswappable;
  co_return flushed.put_out;
}

template <class Pmap>
void Laundering<Pmap>::GrowBack(const Object& object, PageoutCluster& cluster, Pindex& front,
                                bool& blocked) {
  while (!blocked && cluster.size() < page_count()) {
    const FrameIndex neighbour = front > 0 ? object.Lookup(front - 1) : kNoFrame;
    if (neighbour == kNoFrame || !Join(neighbour)) {
      blocked = true;
      return;
    }
    cluster.PushFront(neighbour);
    if (--front % page_count() == 0) return;
  }
}

template <class Pmap>
void Laundering<Pmap>::GrowForward(const Object& object, PageoutCluster& cluster, Pindex& back) {
  while (cluster.size() < page_count() && back + 1 < object.size) {
    const FrameIndex neighbour = object.Lookup(back + 1);
    if (neighbour == kNoFrame || !Join(neighbour)) return;
    cluster.PushBack(neighbour);
    ++back;
  }
}

// Neighbours are not asked for references: if one is used, the inactive scan will find out.
template <class Pmap>
bool Laundering<Pmap>::Join(FrameIndex frame) {
  if (!ctx_.pages.TryXbusy(frame)) return false;
  const Page& page = ctx_.pages[frame];
  if (!page.wired()) {
    judge_.TestDirty(frame);
    if (page.dirty != 0 && page.in_laundry() && judge_.TryRemoveWrite(frame)) return true;
  }
  ctx_.pages.Xunbusy(frame);
  return false;
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_LAUNDERING_H_
