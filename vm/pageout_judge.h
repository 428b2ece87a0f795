// vm/pageout_judge.h: what a scan asks of one page.
//
// The inactive scan and the laundry scan decide in the same steps whether a page goes, stays or
// must be written; the active scan shares the first ones. `Pmap` is the machine-dependent layer, a
// compile-time parameter (vm/page_tables.h in the machine, a small recorded one under test):
//
//   int TsReferenced(frame)    references since last asked, which it forgets
//   bool IsModified(frame)     whether a mapping has its modified bit set
//   void RemoveAll(frame), RemoveWrite(frame)   fold what they remove into the page
//   int64_t TakeInvalidations()   translations that other CPUs must drop, since last asked
//   void Prefetch(page)        the page is going to be asked for soon
//
// The kernel looks again for a pending queue operation after asking for references and before
// freeing: here nothing else runs between Defer() and the verdict's execution.
//
// Model: FreeBSD sys/vm/vm_pageout.c (the common parts of vm_pageout_scan_inactive and
// vm_pageout_launder, vm_pageout_defer), vm_page.c (vm_page_test_dirty, vm_page_try_remove_all,
// vm_page_try_remove_write).
#ifndef VMSIM_VM_PAGEOUT_JUDGE_H_
#define VMSIM_VM_PAGEOUT_JUDGE_H_

#include <algorithm>
#include <cstdint>

#include "vm/pageout_context.h"
#include "vm/trace_types.h"

namespace vmsim::vm {

enum class Verdict : uint8_t {
  kKeep,         // Not now: leave it where it is.
  kReactivated,  // Referenced: it is on its way to the active queue.
  kFree,         // Clean or invalid, and unmapped.
  kDirty,        // Unreferenced, and has to be written first.
};

template <class Pmap>
class PageoutJudge {
 public:
  PageoutJudge(PageoutContext& ctx, Pmap& pmap) : ctx_(ctx), pmap_(pmap) {}

  // vm_pageout_defer: whether to pass over a page because it is not as the scan of `queue` expects,
  // or has a queue operation pending, which is submitted again so that it gets done.
  bool Defer(FrameIndex frame, QueueId queue, bool enqueued) {
    const Page& page = ctx_.pages[frame];
    if (page.queue != queue || page.has(kPgaEnqueued) != enqueued) return true;
    if ((page.aflags & kPgaQueueOpMask) == 0) return false;
    ctx_.queues.Submit(queue, frame);
    return true;
  }

  // References through mappings. An object that nobody references has none.
  int MappedReferences(FrameIndex frame, const Object& object) {
    return object.ref_count != 0 ? pmap_.TsReferenced(frame) : 0;
  }

  // Judges a page of the inactive or a laundry queue. Requires: exclusively busied by the caller,
  // and Defer() let it pass.
  Verdict Judge(FrameIndex frame, const Object& object) {
    Page& page = ctx_.pages[frame];
    if (page.wired()) return Verdict::kKeep;
    if (page.valid == 0) return Verdict::kFree;
    int references = MappedReferences(frame, object);
    if (page.has(kPgaReferenced)) ++references;
    if (references > 0) {
      if (object.ref_count != 0) {
        Reactivate(frame, references);
        return Verdict::kReactivated;
      }
      // A page of an unreferenced object goes round once more; a dead object's has no use for that.
      if (!object.dead()) {
        ctx_.queues.Commit(frame, page.queue, (page.aflags & ~kPgaReferenced) | kPgaRequeue);
        return Verdict::kKeep;
      }
    }
    if (object.ref_count != 0) {
      TestDirty(frame);
      if (page.dirty == 0 && !TryRemoveAll(frame)) return Verdict::kKeep;
    }
    // Removing the mappings may have shown that it is dirty after all.
    if (page.dirty == 0) return Verdict::kFree;
    return object.dead() ? Verdict::kKeep : Verdict::kDirty;
  }

  // vm_page_test_dirty: folds in modifications that so far only the mappings know of.
  void TestDirty(FrameIndex frame) {
    Page& page = ctx_.pages[frame];
    if (page.dirty != kPageBitsAll && pmap_.IsModified(frame)) page.dirty = kPageBitsAll;
  }

  // Both fail on a wired page.
  bool TryRemoveAll(FrameIndex frame) {
    if (ctx_.pages[frame].wired()) return false;
    pmap_.RemoveAll(frame);
    return true;
  }
  bool TryRemoveWrite(FrameIndex frame) {
    if (ctx_.pages[frame].wired()) return false;
    pmap_.RemoveWrite(frame);
    return true;
  }

  // Frees a page and says so. Requires: as PageAllocator::Free.
  void Evict(FrameIndex frame) {
    const Page& page = ctx_.pages[frame];
    ctx_.trace.Emit(trace::kEvict, page.object, page.pindex, frame);
    ctx_.allocator.Free(frame);
  }

  static uint8_t Advanced(uint8_t act_count, int references) {
    return static_cast<uint8_t>(std::min(act_count + kActAdvance + references, kActMax));
  }

 private:
  void Reactivate(FrameIndex frame, int references) {
    Page& page = ctx_.pages[frame];
    page.act_count = Advanced(page.act_count, references);
    const uint8_t aflags = page.aflags & ~(kPgaReferenced | kPgaQueueOpMask);
    ctx_.queues.Commit(frame, QueueId::kActive, aflags | kPgaRequeue);
    ++ctx_.counters.v_reactivated;
    ctx_.trace.Emit(trace::kActivate, page.object, page.pindex, frame);
  }

  PageoutContext& ctx_;
  Pmap& pmap_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGEOUT_JUDGE_H_
