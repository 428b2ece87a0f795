#include "net/send_buffer.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace vmsim::net {
namespace {

// Segments that were sent are taken out of the list when there are as many as this, and as those
// that are left.
constexpr size_t kCompactAt = 64;

}  // namespace

SendBuffer::~SendBuffer() {
  for (Segment& segment : segments_) FreeNow(segment);
}

void SendBuffer::FreeNow(Segment& segment) {
  const ExternalSegment::Free free = std::exchange(segment.free, nullptr);
  if (free != nullptr) free(segment.context, segment.argument);
}

SendBuffer::Segment& SendBuffer::At(SegmentId id) {
  CHECK_GE(id, first_id_ + head_, "the segment has been sent");
  CHECK_LT(id - first_id_, segments_.size(), "no such segment");
  return segments_[id - first_id_];
}

void SendBuffer::Push(const Segment& segment) {
  const bool was_blocked = blocked();
  segments_.push_back(segment);
  if (!was_blocked && segment.ready) {
    ready_ += segment.bytes;
    first_not_ready_ = segments_.size();
  }
}

void SendBuffer::AppendBehindSegments(int64_t n) {
  CHECK(!cleared_, "the buffer was cleared");
  Segment& last = segments_.back();
  if (last.free != nullptr) return Push({.bytes = n});
  last.bytes += n;
  if (!blocked()) ready_ += n;
}

SendBuffer::SegmentId SendBuffer::AppendExternal(const ExternalSegment& segment, bool ready) {
  CHECK(!cleared_, "the buffer was cleared");
  CHECK_GT(segment.bytes, 0);
  if (segments_.empty() && used_ > 0) {
    ready_ = 0;
    Push({.bytes = used_});
  }
  used_ += segment.bytes;
  Push({.bytes = segment.bytes,
        .free = segment.free,
        .context = segment.context,
        .argument = segment.argument,
        .ready = ready});
  return first_id_ + segments_.size() - 1;
}

void SendBuffer::TakeFromSegments(int64_t n) {
  while (n > 0) {
    Segment& first = segments_[head_];
    const int64_t bytes = std::min(n, first.bytes);
    first.bytes -= bytes;
    n -= bytes;
    if (first.bytes > 0) break;
    FreeNow(first);
    ++head_;
  }
  DropSent();
}

// Keeps the list from growing for ever.
void SendBuffer::DropSent() {
  const bool all = head_ == segments_.size();
  if (!all && (head_ < kCompactAt || head_ < segments_.size() - head_)) return;
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<ptrdiff_t>(head_));
  first_id_ += head_;
  first_not_ready_ -= head_;
  head_ = 0;
}

// Moves the end of what is ready as far as it goes.
void SendBuffer::CountReady() {
  while (blocked() && segments_[first_not_ready_].ready) {
    ready_ += segments_[first_not_ready_++].bytes;
  }
}

void SendBuffer::MarkReady(SegmentId first, int count) {
  if (cleared_) return FreeNotReady(first, count);
  for (int i = 0; i < count; ++i) {
    Segment& segment = At(first + static_cast<SegmentId>(i));
    CHECK(segment.free != nullptr && !segment.ready, "the segment was ready, id=", first, "+", i);
    segment.ready = true;
  }
  CountReady();
}

void SendBuffer::Clear() {
  cleared_ = true;
  used_ = ready_ = 0;
  for (Segment& segment : segments_) {
    segment.bytes = 0;
    if (segment.ready) FreeNow(segment);
  }
}

void SendBuffer::FreeNotReady(SegmentId first, int count) {
  CHECK(cleared_, "the buffer is in use");
  for (int i = 0; i < count; ++i) {
    Segment& segment = At(first + static_cast<SegmentId>(i));
    CHECK(segment.free != nullptr && !segment.ready, "the segment was freed, id=", first, "+", i);
    FreeNow(segment);
  }
}

int64_t SendBuffer::external_segments() const {
  return std::count_if(segments_.begin(), segments_.end(),
                       [](const Segment& segment) { return segment.free != nullptr; });
}

}  // namespace vmsim::net
