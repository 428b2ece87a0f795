// What the scheduler does once a body may be sent: wiring, touching, the end.
#include <algorithm>

#include "net/residency.h"
#include "sim/check.h"
#include "vfs/page_release.h"

namespace vmsim::net {
namespace {

// A page may have so many wirings; the rest is for others.
constexpr uint16_t kMostWirings = UINT16_MAX / 2;

}  // namespace

void Residency::StartSending(Message& message) {
  SetState(message, State::kSending);
  if (config_.wire_during_send) WireBody(message);
}

// All pages that are in core, or none. Nothing can have happened since the answer.
void Residency::WireBody(Message& message) {
  std::vector<vm::FrameIndex> frames;
  bool room = true;
  for (const BodyRange& range : message.body_) {
    const vm::Vpage mapped =
        MappedPages(message.process_.space, range.first_page(), range.end_page());
    for (vm::Vpage i = 0; i < mapped; ++i) {
      FoundPage found;
      const vm::Vpage vpage = range.first_page() + i;
      if (PlaceOf(vm_, message.process_.space, vpage, &found) != PagePlace::kInCore) continue;
      room = room && vm_.pages()[found.frame].wire_count < kMostWirings;
      frames.push_back(found.frame);
    }
  }
  const int64_t wired = stats_.wired_pages + vm_.counters().user_wired_pages;
  if (!room || wired + static_cast<int64_t>(frames.size()) > vm_.wiring().max_user_wired()) {
    ++stats_.wires_refused;
    return;
  }
  for (const vm::FrameIndex frame : frames) vm_.allocator().Wire(frame);
  stats_.wired_pages += static_cast<int64_t>(frames.size());
  message.wired_ = std::move(frames);
}

void Residency::UnwireBody(Message& message) {
  for (const vm::FrameIndex frame : message.wired_)
    vfs::ReleasePage(vm_, frame, /*try_free=*/false);
  stats_.wired_pages -= static_cast<int64_t>(message.wired_.size());
  message.wired_ = {};
}

sim::Task<SendTouch> Residency::TouchBody(Message& message, int64_t first_byte, int64_t bytes) {
  const Ref<Message> hold(&message);
  SendTouch touch;
  const bool inside = first_byte >= 0 && bytes >= 0 && first_byte <= message.bytes_ &&
                      bytes <= message.bytes_ - first_byte;
  if (message.deleted_) {
    touch.error = kEbadf;
  } else if (message.state_ != State::kSending || !inside) {
    touch.error = kEinval;
  }
  if (touch.error != 0) co_return touch;
  int64_t at = 0;  // Of the body, where the range begins.
  for (const BodyRange& range : message.body_) {
    const auto length = static_cast<int64_t>(range.bytes);
    const int64_t from = std::max(first_byte, at);
    const int64_t to = std::min(first_byte + bytes, at + length);
    if (from < to) {
      const BodyRange part{range.address + static_cast<uint64_t>(from - at),
                           static_cast<uint64_t>(to - from)};
      for (vm::Vpage vpage = part.first_page(); vpage < part.end_page(); ++vpage) {
        const bool more = co_await TouchToSend(message, vpage, &touch);
        if (!more) co_return touch;
      }
    }
    at += length;
  }
  co_return touch;
}

// Whether to go on.
sim::Task<bool> Residency::TouchToSend(Message& message, vm::Vpage vpage, SendTouch* touch) {
  const PageTouch page = co_await TouchPage(engine_, vm_, message.process_, vpage, /*write=*/false);
  ++touch->pages;
  ++stats_.sent_pages;
  if (page.place == PagePlace::kInTransit || page.place == PagePlace::kOnDisk) {
    ++touch->sync_faults;
    ++stats_.sync_faults;
  }
  stats_.sync_zero_fills += page.place == PagePlace::kZeroFill;
  if (page.place != PagePlace::kInCore) {
    touch->lost_ns += page.ns;
    stats_.sync_fault_ns += page.ns;
  }
  if (message.deleted_) {
    touch->error = kEbadf;
    co_return false;
  }
  touch->error = message.process_.killed() ? kEintr : ErrnoOf(page.result);
  if (touch->error == 0) co_return true;
  ++stats_.send_errors;
  message.error_ = touch->error;
  co_return false;
}

void Residency::Done(Message& message, bool ok) {
  if (message.state_ != State::kSending) return;
  UnwireBody(message);
  if (ok) {
    SetState(message, State::kDone);
    return;
  }
  Fail(message, message.error_ != 0 ? message.error_ : kEio);
}

}  // namespace vmsim::net
