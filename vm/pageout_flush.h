// vm/pageout_flush.h: giving a run of dirty pages to their object's pager.
//
// The whole run goes to the pager in one call, each page shared-busied. What the pager answers for
// each page decides where it goes:
//
//     kOk     clean: before H on the inactive queue, if it is still in the laundry
//     kPend   being written: the pager finishes
//     kBad    beyond the object's end: as kOk, its changes are lost
//     kFail   no swap space: to the unswappable queue, which counts as progress
//     kFail (no swap object), kError   back to the active queue, still dirty
//     kAgain  left as it is
//
// Whoever asks for one page and takes neighbours along learns how far the write got from that page
// on (run_length), and whether a page of that part could not be written (eio):
//
//     neighbours before | page asked for, neighbours behind
//           3     4     |  5     6     7      kAgain for page 7: run_length 2
//
// Model: FreeBSD sys/vm/vm_pageout.c (vm_pageout_flush).
#ifndef VMSIM_VM_PAGEOUT_FLUSH_H_
#define VMSIM_VM_PAGEOUT_FLUSH_H_

#include <array>
#include <span>

#include "sim/task.h"
#include "vm/object.h"
#include "vm/page_array.h"
#include "vm/pager.h"

namespace vmsim::vm {

// The pages of one write, consecutive in the object. Grows at both ends.
class PageoutCluster {
 public:
  static constexpr int kMaxPages = 32;  // Largest vm_pageout_page_count.

  explicit PageoutCluster(FrameIndex frame) { frames_[kMaxPages] = frame; }
  int size() const { return end_ - first_; }
  // Pages before the one that it began with.
  int before() const { return kMaxPages - first_; }
  void PushFront(FrameIndex frame) { frames_[--first_] = frame; }
  void PushBack(FrameIndex frame) { frames_[end_++] = frame; }
  std::span<const FrameIndex> pages() const {
    return {frames_.data() + first_, static_cast<size_t>(size())};
  }

 private:
  int first_ = kMaxPages;
  int end_ = kMaxPages + 1;
  std::array<FrameIndex, 2 * kMaxPages + 1> frames_;
};

struct FlushResult {
  int put_out = 0;      // Pages that count as paged out.
  int unswappable = 0;  // Of these, for want of swap space.
  int run_length = 0;   // From the page asked for to the first that the pager put off.
  bool eio = false;     // A page of that run could not be written.
};

// Where one page goes. True: it counts as paged out. `Queues` has the verbs of vm/reclaim.h.
template <class Queues>
bool SettleFlushed(PageArray& pages, Queues& queues, const Object& object, FrameIndex frame,
                   PagerResult status) {
  Page& page = pages[frame];
  switch (status) {
    case PagerResult::kOk:
      // A file's page may be wired by the buffer that writes it, and goes there when that is done.
      if (page.in_laundry() && !page.wired()) queues.DeactivateNoreuse(frame);
      return true;
    case PagerResult::kPend:
      return true;
    case PagerResult::kBad:
      page.dirty = 0;
      if (page.in_laundry()) queues.DeactivateNoreuse(frame);
      return false;
    case PagerResult::kFail:
      // 13.2's default objects are swap objects by now, if their pager took them at all.
      if (object.type == ObjectType::kSwap) {
        queues.Unswappable(frame);
        return true;
      }
      queues.Activate(frame);
      return false;
    case PagerResult::kError:
      queues.Activate(frame);
      return false;
    case PagerResult::kAgain:
      return false;
  }
  return false;
}

// Writes `run`, at most PageoutCluster::kMaxPages pages, and settles every page but those that the
// pager is still writing; `before` of them precede the page asked for. `flags` are PutFlags.
// Sleeps as the pager does. Requires: the pages are exclusively busied, fully valid and not mapped
// for writing; `run` and the rest outlive the call.
template <class Queues>
sim::Task<FlushResult> FlushPages(PageArray& pages, Queues& queues, Object& object,
                                  std::span<const FrameIndex> run, int flags, int before = 0) {
  for (const FrameIndex frame : run) pages.BusyDowngrade(frame);
  object.PipAdd(static_cast<int>(run.size()));
  std::array<PagerResult, PageoutCluster::kMaxPages> results;
  const std::span<PagerResult> statuses(results.data(), run.size());
  co_await object.pager->PutPages(object, run, flags, statuses);
  FlushResult flushed;
  flushed.run_length = static_cast<int>(run.size()) - before;
  for (int i = 0; i < static_cast<int>(run.size()); ++i) {
    const PagerResult status = statuses[i];
    if (SettleFlushed(pages, queues, object, run[i], status)) {
      ++flushed.put_out;
      if (status == PagerResult::kFail) ++flushed.unswappable;
    }
    if (i >= before && i - before < flushed.run_length) {
      if (status == PagerResult::kAgain) flushed.run_length = i - before;
      if (status == PagerResult::kError || status == PagerResult::kFail) flushed.eio = true;
    }
    if (status == PagerResult::kPend) continue;
    pages.Sunbusy(run[i]);
    object.PipWakeup();
  }
  co_return flushed;
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGEOUT_FLUSH_H_
