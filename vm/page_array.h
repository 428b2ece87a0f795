// vm/page_array.h: all pages of the machine, the free list, and the busy states.
//
// Rows 0..frames()-1 are pages. Behind them stand kMarkerRows rows for the page queues' list heads
// and markers, so that a list link is always a row number.
//
// The free list is first in, first out, as FreeBSD's buddy lists are in effect for single pages: an
// allocation takes the head of the order-0 list, a free inserts at the tail. Superpage reservations
// and larger orders are not modelled; counts behave identically without them.
//
// Busy states (FreeBSD sys/vm/vm_page.c, vm_page_tryxbusy and its family): a page is unbusied,
// shared by n, or exclusively held. Free pages are kBusyFreed, on which every try fails. Who has to
// wait sets kBusyWaiters and sleeps on BusyChannel(frame); the last unbusy wakes all of them, and
// they must look everything up again.
#ifndef VMSIM_VM_PAGE_ARRAY_H_
#define VMSIM_VM_PAGE_ARRAY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "sim/check.h"
#include "sim/wait_channel.h"
#include "vm/page.h"

namespace vmsim::vm {

class PageArray {
 public:
  static constexpr uint32_t kMarkerRows = 16;

  // All pages start without an owner, busy = kBusyFreed, and on the free list in ascending order.
  explicit PageArray(uint32_t frames);
  PageArray(const PageArray&) = delete;
  PageArray& operator=(const PageArray&) = delete;

  uint32_t frames() const { return frames_; }
  PageLinks& links(uint32_t row) { return links_[row]; }
  const PageLinks& links(uint32_t row) const { return links_[row]; }
  Page& operator[](uint32_t row) { return rows_[row]; }
  const Page& operator[](uint32_t row) const { return rows_[row]; }
  // First row behind the pages: markers and list heads.
  uint32_t marker_row(uint32_t n) const { return frames_ + n; }
  bool is_page(uint32_t row) const { return row < frames_; }

  // The free list. TakeFree returns kNoFrame when it is empty.
  FrameIndex TakeFree();
  void PutFree(FrameIndex frame);
  uint32_t free_list_length() const { return free_length_; }
  // The page to be taken next, or kNoFrame; the link of a free page is its pindex.
  FrameIndex free_head() const { return free_head_; }

  // Busy. The try operations return whether they succeeded.
  bool TryXbusy(FrameIndex frame) {
    if (rows_[frame].busy != kUnbusied) return false;
    rows_[frame].busy = kBusyExclusive;
    return true;
  }
  bool TrySbusy(FrameIndex frame) {
    const uint16_t state = rows_[frame].busy & ~kBusyWaiters;
    if (state >= kBusyMaxShared) return false;
    ++rows_[frame].busy;
    return true;
  }
  void Xunbusy(FrameIndex frame) {
    CHECK(xbusied(frame), "frame=", frame);
    SetBusy(frame, kUnbusied);
  }
  // The last sharer leaving wakes whoever waits.
  void Sunbusy(FrameIndex frame);
  // Exclusive to shared by one; waiters wake, for some may only want to share.
  void BusyDowngrade(FrameIndex frame) {
    CHECK(xbusied(frame), "frame=", frame);
    SetBusy(frame, 1);
  }
  // Shared by one, the caller, to exclusive; false if others share it.
  bool TryUpgrade(FrameIndex frame) {
    if ((rows_[frame].busy & ~kBusyWaiters) != 1) return false;
    rows_[frame].busy = kBusyExclusive | (rows_[frame].busy & kBusyWaiters);
    return true;
  }
  // Marks the page freed; whoever waits for it wakes and finds it gone.
  void BusyFree(FrameIndex frame) { SetBusy(frame, kBusyFreed); }
  // A page fresh from the free list.
  void BusyInit(FrameIndex frame, uint16_t state) { rows_[frame].busy = state; }

  bool xbusied(FrameIndex frame) const {
    return (rows_[frame].busy & ~kBusyWaiters) == kBusyExclusive;
  }
  bool sbusied(FrameIndex frame) const {
    const uint16_t state = rows_[frame].busy & ~kBusyWaiters;
    return state >= 1 && state <= kBusyMaxShared;
  }
  bool busied(FrameIndex frame) const { return xbusied(frame) || sbusied(frame); }
  bool busy_waiters(FrameIndex frame) const { return (rows_[frame].busy & kBusyWaiters) != 0; }

  // The channel to sleep on until `frame` is unbusied. Sets kBusyWaiters.
  sim::WaitChannel& BusyChannel(FrameIndex frame);
  // Whether there is one, because somebody waits or has waited for the page.
  bool has_busy_channel(FrameIndex frame) const {
    return busy_channels_.find(frame) != busy_channels_.end();
  }

 private:
  void SetBusy(FrameIndex frame, uint16_t state) {
    const bool waiters = busy_waiters(frame);
    rows_[frame].busy = state;
    if (__builtin_expect(waiters, 0)) WakeBusyWaiters(frame);
  }
  void WakeBusyWaiters(FrameIndex frame);

  uint32_t frames_;
  std::vector<Page> rows_;
  std::vector<PageLinks> links_;
  FrameIndex free_head_ = kNoFrame;
  FrameIndex free_tail_ = kNoFrame;
  uint32_t free_length_ = 0;
  // Only pages that somebody waits for have one; never iterated.
  std::map<FrameIndex, std::unique_ptr<sim::WaitChannel>> busy_channels_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGE_ARRAY_H_
