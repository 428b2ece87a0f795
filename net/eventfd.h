// net/eventfd.h: a counter that threads add to and take from, and wait for.
//
// Adding notifies `in` every time, also when the counter was not 0 and when 0 is added; taking
// notifies `out` every time. So an edge-triggered watcher hears of each. What is refused notifies
// nobody.
//
// Model: Linux fs/eventfd.c.
#ifndef VMSIM_NET_EVENTFD_H_
#define VMSIM_NET_EVENTFD_H_

#include <cstdint>
#include <limits>
#include <string_view>

#include "net/file.h"
#include "sim/task.h"

namespace vmsim::net {

class EventFd final : public File {
 public:
  static constexpr int64_t kBytes = 8;  // What a read or write moves.
  // The most that the counter holds. One more cannot be added at all (EINVAL).
  static constexpr uint64_t kMostCount = std::numeric_limits<uint64_t>::max() - 1;

  enum class Kind : uint8_t {
    kCounter,    // A read takes everything.
    kSemaphore,  // A read takes one (EFD_SEMAPHORE).
  };

  // Null if the host has all the files it may have (ENFILE). Requires: initial <= kMostCount.
  static Ref<EventFd> Create(OpenFiles& files, uint64_t initial, Kind kind = Kind::kCounter);

  uint64_t count() const { return count_; }

  struct Taken {
    int error = 0;
    uint64_t value = 0;
  };
  // EAGAIN if the counter is 0.
  Taken TryTake();
  // EAGAIN if the counter would exceed kMostCount.
  int TryAdd(uint64_t value);

  // The same for threads: sleeps instead of EAGAIN. Errors of net/blocking.h.
  static sim::Task<Taken> Take(Ref<EventFd> file, sim::SimDuration timeout_ns = sim::kNever);
  static sim::Task<int> Add(Ref<EventFd> file, uint64_t value,
                            sim::SimDuration timeout_ns = sim::kNever);

  std::string_view kind() const override { return "eventfd"; }
  EventMask Peek(EventMask mask) const override;
  // Less than kBytes is EINVAL. What bytes say is not modelled: a write adds 1.
  IoResult TryRead(int64_t n, IoMode mode) override;
  IoResult TryWrite(int64_t n, IoMode mode) override;

 private:
  EventFd(OpenFiles& files, uint64_t initial, Kind kind)
      : File(files), kind_(kind), count_(initial) {}
  ~EventFd() override = default;

  const Kind kind_;
  uint64_t count_;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_EVENTFD_H_
