#include "vm/read_ahead.h"

#include <algorithm>

namespace vmsim::vm {
namespace {

constexpr int kReadMax = 255;
constexpr int kReadDefault = 16;  // VM_FAULT_READ_DEFAULT: an isolated fault's cluster.
constexpr int64_t kDontNeedMinBytes = 1 << 20;  // VM_FAULT_DONTNEED_MIN

}  // namespace

ReadAhead::ReadAhead(PageArray& pages, PageTables& page_tables, int64_t maxphys,
                     int64_t superpage_bytes)
    : pages_(pages),
      page_tables_(page_tables),
      max_(static_cast<int>(std::min<int64_t>(maxphys / kPageSize - 1, kReadMax))),
      drop_step_(static_cast<Vpage>(std::max(kDontNeedMinBytes, superpage_bytes) / kPageSize)) {}

ReadAhead::Choice ReadAhead::Choose(MapEntry& entry, const Object& first_object,
                                    Vpage vpage) const {
  Choice choice;
  const int era = entry.read_ahead;
  const bool sequential = vpage == entry.next_read;
  bool drop = false;
  if (entry.behavior == Behavior::kSequential) {
    choice.pages = max_;
    drop = sequential;
  } else if (entry.behavior == Behavior::kNormal && sequential) {
    choice.pages = era > 0 ? std::min(kReadAheadMin + era + 1, max_) : kReadAheadMin;
    drop = era == max_;
  }
  entry.read_ahead = choice.pages;
  // Device pages cannot be reclaimed.
  if (drop && (first_object.flags & kObjFictitious) == 0) ChooseDrop(entry, vpage, choice);
  return choice;
}

// The superpage before the one that the window is about to leave, if it leaves one.
void ReadAhead::ChooseDrop(const MapEntry& entry, Vpage vpage, Choice& choice) const {
  const Vpage end = vpage / drop_step_ * drop_step_;
  if (vpage - end < drop_step_ - static_cast<Vpage>(choice.pages + 1)) return;
  if (entry.start >= end) return;
  choice.drop_start = std::max(entry.start, end - drop_step_);
  choice.drop_end = end;
}

void ReadAhead::Drop(const MapEntry& entry, const Object& first_object, Vpage start, Vpage end,
                     Reclaim& reclaim) const {
  for (Vpage vpage = start; vpage < end; ++vpage) {
    page_tables_.AdviseDontNeed(entry.SlotOf(vpage));
    const FrameIndex frame = first_object.Lookup(entry.PindexOf(vpage));
    if (frame == kNoFrame) continue;
    const Page& page = pages_[frame];
    if (page.fully_valid() && !pages_.busied(frame) && !page.inactive()) reclaim.Deactivate(frame);
  }
}

ReadAhead::Window ReadAhead::WindowOf(const MapEntry& entry, Vpage vpage, Pindex pindex,
                                      int pages) const {
  if (entry.behavior == Behavior::kRandom) return {};
  Window window{0, pages};
  if (pages == 0) {
    const int offset = static_cast<int>(pindex % kReadDefault);
    window.behind =
        static_cast<int>(std::min<Vpage>(static_cast<Vpage>(offset), vpage - entry.start));
    window.ahead = kReadDefault - 1 - offset;
  }
  window.ahead =
      static_cast<int>(std::min<Vpage>(static_cast<Vpage>(window.ahead), entry.end - 1 - vpage));
  return window;
}

}  // namespace vmsim::vm
