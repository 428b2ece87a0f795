#include "net/pipe.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace vmsim::net {

Pipe Pipe::Create(OpenFiles& files, int slots) {
  CHECK(slots >= 1 && slots <= kMostPipeSlots, "a pipe of ", slots, " slots");
  if (!files.HasRoom(2)) return {};
  const Ref<PipeRing> ring(new PipeRing(slots));
  Pipe pipe;
  pipe.reader = Ref<PipeEnd>(new PipeEnd(files, ring, false));
  pipe.writer = Ref<PipeEnd>(new PipeEnd(files, ring, true));
  return pipe;
}

int64_t PipeRing::Take(int64_t n, bool* freed) {
  int64_t taken = 0;
  while (taken < n && !empty()) {
    Page& page = At(0);
    const int64_t bytes = std::min(n - taken, page.end - page.begin);
    page.begin += bytes;
    taken += bytes;
    if (page.begin < page.end) break;
    *freed |= full();
    first_ = (first_ + 1) % pages_.size();
    --used_;
  }
  return taken;
}

int64_t PipeRing::Put(int64_t n) {
  int64_t put = 0;
  const int64_t beyond_pages = n % kPipePageBytes;
  if (beyond_pages > 0 && !empty() && At(used_ - 1).end + beyond_pages <= kPipePageBytes) {
    At(used_ - 1).end += beyond_pages;
    put = beyond_pages;
  }
  for (; put < n && !full(); ++used_) {
    const int64_t bytes = std::min(n - put, kPipePageBytes);
    At(used_) = {.begin = 0, .end = bytes};
    put += bytes;
  }
  return put;
}

PipeEnd::PipeEnd(OpenFiles& files, Ref<PipeRing> ring, bool writes)
    : File(files), ring_(std::move(ring)), writes_(writes) {
  (writes_ ? ring_->writer_ : ring_->reader_) = this;
}

void PipeEnd::OnLastClose() {
  (writes_ ? ring_->writer_ : ring_->reader_) = nullptr;
  PipeEnd* other = writes_ ? ring_->reader_ : ring_->writer_;
  if (other != nullptr) other->Notify(0);
}

EventMask PipeEnd::Peek(EventMask mask) const {
  EventMask ready = 0;
  if (writes_) {
    if (!ring_->full()) ready |= sim::kWritableEvents;
    if (ring_->reader_ == nullptr) ready |= sim::kEventErr;
  } else {
    if (!ring_->empty()) ready |= sim::kReadableEvents;
    if (ring_->writer_ == nullptr) ready |= sim::kEventHUp;
  }
  return ready & (mask | sim::kUnaskedEvents);
}

IoResult PipeEnd::TryRead(int64_t n, IoMode) {
  if (writes_) return {.error = kEbadf};
  if (n == 0) return {};
  bool freed = false;
  const int64_t taken = ring_->Take(n, &freed);
  if (taken == 0 && ring_->writer_ != nullptr) return {.error = kEagain};
  if (freed && ring_->writer_ != nullptr) ring_->writer_->Notify(sim::kWritableEvents);
  return {.bytes = taken};
}

IoResult PipeEnd::TryWrite(int64_t n, IoMode mode) {
  if (!writes_) return {.error = kEbadf};
  if (n == 0) return {};
  if (ring_->reader_ == nullptr) return {.error = kEpipe};
  const int64_t put = ring_->Put(n);
  // One that sleeps makes no call more than the one that it is in.
  if (put > 0 || mode == IoMode::kNonBlocking) ring_->reader_->Notify(sim::kReadableEvents);
  if (put == 0) return {.error = kEagain};
  return {.bytes = put};
}

}  // namespace vmsim::net
