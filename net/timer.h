// net/timer.h: a file that becomes readable when a time has come (timerfd).
//
// A read takes the number of expirations since the last one. A periodic timer notifies `in` at its
// first expiration after it was set or read, and then no more until it is read: the expirations in
// between are counted, but nobody is woken for them, and no event is spent.
//
// Expirations are events of class kTimeout. A time beyond the end of time never comes. Model: Linux
// fs/timerfd.c.
#ifndef VMSIM_NET_TIMER_H_
#define VMSIM_NET_TIMER_H_

#include <cstdint>
#include <string_view>

#include "net/file.h"
#include "sim/event_queue.h"
#include "sim/time.h"

namespace vmsim::net {

class Timer final : public File {
 public:
  static constexpr int64_t kBytes = 8;  // What a read moves.

  struct Setting {
    sim::SimDuration value_ns = 0;     // To the next expiration; 0: not armed.
    sim::SimDuration interval_ns = 0;  // Between expirations after it; 0: there is one only.
  };
  enum class From : uint8_t { kNow, kStart };  // What value_ns counts from (TFD_TIMER_ABSTIME).

  // Null if the host has all the files it may have (ENFILE).
  static Ref<Timer> Create(OpenFiles& files);

  // Forgets expirations not read, and arms or disarms the timer. An absolute time that has passed
  // expires at once. `old`, if not null, gets what Get() would have said. EINVAL for a negative time.
  int Set(const Setting& setting, From from = From::kNow, Setting* old = nullptr);
  // What is left to the next expiration; at least 1 if the timer is armed.
  Setting Get() const;

  struct Taken {
    int error = 0;
    int64_t expirations = 0;
  };
  // EAGAIN if there was none.
  Taken TryTake();

  std::string_view kind() const override { return "timer"; }
  EventMask Peek(EventMask mask) const override;
  // Less than kBytes is EINVAL.
  IoResult TryRead(int64_t n, IoMode mode) override;

 private:
  explicit Timer(OpenFiles& files) : File(files) {}
  ~Timer() override = default;
  void OnLastClose() override { Disarm(); }

  static void OnExpiry(void* context, uint64_t);
  void Arm(sim::SimTime when);
  void Disarm();
  sim::SimTime now() const { return files().engine().now(); }

  sim::SimTime next_ = sim::kNever;  // The next expiration that is not counted yet.
  sim::SimDuration interval_ns_ = 0;
  int64_t expirations_ = 0;
  sim::EventId event_;  // Pending, unless the timer expired and was not read.
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_TIMER_H_
