#include "net/eventfd.h"

#include "net/blocking.h"
#include "sim/check.h"

namespace vmsim::net {

Ref<EventFd> EventFd::Create(OpenFiles& files, uint64_t initial, Kind kind) {
  CHECK_LE(initial, kMostCount);
  return Ref<EventFd>(files.HasRoom(1) ? new EventFd(files, initial, kind) : nullptr);
}

EventMask EventFd::Peek(EventMask mask) const {
  EventMask ready = 0;
  if (count_ > 0) ready |= sim::kEventIn;
  if (count_ < kMostCount) ready |= sim::kEventOut;
  return ready & mask;
}

EventFd::Taken EventFd::TryTake() {
  if (count_ == 0) return {.error = kEagain};
  const uint64_t value = kind_ == Kind::kSemaphore ? 1 : count_;
  count_ -= value;
  Notify(sim::kEventOut);
  return {.value = value};
}

int EventFd::TryAdd(uint64_t value) {
  if (value > kMostCount) return kEinval;
  if (value > kMostCount - count_) return kEagain;
  count_ += value;
  Notify(sim::kEventIn);
  return 0;
}

sim::Task<EventFd::Taken> EventFd::Take(Ref<EventFd> file, sim::SimDuration timeout_ns) {
  Taken taken;
  auto attempt = [&] {
    taken = file->TryTake();
    return IoResult{.error = taken.error};
  };
  const IoResult result =
      co_await Retry(*file, sim::kReadableEvents, timeout_ns, "eventfd", attempt);
  taken.error = result.error;
  co_return taken;
}

sim::Task<int> EventFd::Add(Ref<EventFd> file, uint64_t value, sim::SimDuration timeout_ns) {
  auto attempt = [&] { return IoResult{.error = file->TryAdd(value)}; };
  const IoResult result =
      co_await Retry(*file, sim::kWritableEvents, timeout_ns, "eventfd", attempt);
  co_return result.error;
}

IoResult EventFd::TryRead(int64_t n, IoMode) {
  if (n < kBytes) return {.error = kEinval};
  const Taken taken = TryTake();
  return {.error = taken.error, .bytes = taken.error == 0 ? kBytes : 0};
}

IoResult EventFd::TryWrite(int64_t n, IoMode) {
  if (n < kBytes) return {.error = kEinval};
  const int error = TryAdd(1);
  return {.error = error, .bytes = error == 0 ? kBytes : 0};
}

}  // namespace vmsim::net
