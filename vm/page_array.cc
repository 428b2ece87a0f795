#include "vm/page_array.h"

namespace vmsim::vm {

PageArray::PageArray(uint32_t frames)
    : frames_(frames), rows_(frames + kMarkerRows), links_(frames + kMarkerRows) {
  CHECK_GT(frames, 0u);
  CHECK_LE(frames, kMaxFrames);
  // The free list is threaded through pindex, which a page without an owner does not use.
  for (FrameIndex f = 0; f < frames; ++f) rows_[f].pindex = f + 1 < frames ? f + 1 : kNoFrame;
  free_head_ = 0;
  free_tail_ = frames - 1;
  free_length_ = frames;
}

FrameIndex PageArray::TakeFree() {
  const FrameIndex frame = free_head_;
  if (frame == kNoFrame) return kNoFrame;
  free_head_ = rows_[frame].pindex;
  if (free_head_ == kNoFrame) free_tail_ = kNoFrame;
  --free_length_;
  return frame;
}

void PageArray::PutFree(FrameIndex frame) {
  Page& page = rows_[frame];
  CHECK_EQ(page.object, kNoObject, "frame=", frame);
  CHECK_EQ(page.busy, kBusyFreed, "frame=", frame);
  page.pindex = kNoFrame;
  (free_tail_ == kNoFrame ? free_head_ : rows_[free_tail_].pindex) = frame;
  free_tail_ = frame;
  ++free_length_;
}

void PageArray::Sunbusy(FrameIndex frame) {
  CHECK(sbusied(frame), "frame=", frame);
  if ((rows_[frame].busy & ~kBusyWaiters) == 1) {
    SetBusy(frame, kUnbusied);
  } else {
    --rows_[frame].busy;
  }
}

sim::WaitChannel& PageArray::BusyChannel(FrameIndex frame) {
  CHECK(busied(frame), "nobody would wake who waits, frame=", frame);
  rows_[frame].busy |= kBusyWaiters;
  auto& channel = busy_channels_[frame];
  if (channel == nullptr) channel = std::make_unique<sim::WaitChannel>();
  return *channel;
}

// The channel goes with its waiters: else in time every page would have one.
void PageArray::WakeBusyWaiters(FrameIndex frame) {
  const auto it = busy_channels_.find(frame);
  it->second->WakeAll();
  busy_channels_.erase(it);
}

}  // namespace vmsim::vm
