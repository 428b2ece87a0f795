// sim/waiter.h: who is told when a file, a pool or a socket becomes ready.
//
// A Waitable (a pollable thing) has a queue of entries. Whoever wants to know registers an entry
// with a mask of events; when the thing changes it notifies its queue, and every entry whose mask
// shares a bit with the notification has its callback called, there and then, in queue order:
//
//     register a(in), b(out), c(in|out)        Notify(in):  a c        Notify(0):  a b c
//
// A notification of 0 says that something changed, not what: everybody is called. Entries are
// intrusive: registering, leaving and notifying allocate nothing, and cost O(1) an entry.
//
// A callback must not touch the queue that it is called from (a CHECK; a kernel holds its lock
// there), but may notify another. All entries are called, with one exception that only entries
// marked `exclusive` know: the first of them that wakes a sleeping thread is the last to be called.
//
// To block until a thing is ready: try; register; try again; only then sleep; unregister. What
// happens between the first try and the registration is seen by the second. ThreadWaiter is the
// entry to do it with.
//
// Model: gVisor pkg/waiter/waiter.go, where entries are told oldest first; Linux
// kernel/sched/wait.c, where most register at the head (newest first) and exclusive ones at the
// tail: the registrant decides, by RegisterFirst or Register.
#ifndef VMSIM_SIM_WAITER_H_
#define VMSIM_SIM_WAITER_H_

#include <cstdint>
#include <string_view>

#include "sim/check.h"
#include "sim/engine.h"
#include "sim/task.h"
#include "sim/wait_channel.h"

namespace vmsim::sim {

// Events, with the bits that poll(2) has on Linux and that gVisor uses inside.
using EventMask = uint32_t;
inline constexpr EventMask kEventIn = 0x0001;
inline constexpr EventMask kEventPri = 0x0002;
inline constexpr EventMask kEventOut = 0x0004;
inline constexpr EventMask kEventErr = 0x0008;
inline constexpr EventMask kEventHUp = 0x0010;
inline constexpr EventMask kEventRdNorm = 0x0040;
inline constexpr EventMask kEventWrNorm = 0x0100;
inline constexpr EventMask kEventRdHUp = 0x2000;

inline constexpr EventMask kReadableEvents = kEventIn | kEventRdNorm;
inline constexpr EventMask kWritableEvents = kEventOut | kEventWrNorm;
// Reported whether or not they were asked for.
inline constexpr EventMask kUnaskedEvents = kEventErr | kEventHUp;
inline constexpr EventMask kAllEvents =
    kReadableEvents | kWritableEvents | kUnaskedEvents | kEventPri | kEventRdHUp;

class WaiterQueue;

// One who waits; in at most one queue, which it leaves when it is destroyed.
class WaiterEntry {
 public:
  // `which` is what the notification and the mask share, 0 if the notification was 0. Returns
  // whether a sleeping thread was woken by it, which matters for exclusive entries only.
  using Callback = bool (*)(void* context, EventMask which);

  WaiterEntry(Callback callback, void* context, EventMask mask)
      : callback_(callback), context_(context), mask_(mask) {}
  WaiterEntry(const WaiterEntry&) = delete;
  WaiterEntry& operator=(const WaiterEntry&) = delete;
  ~WaiterEntry();

  EventMask mask() const { return mask_; }
  bool registered() const { return queue_ != nullptr; }
  const WaiterQueue* queue() const { return queue_; }
  // Requires: not registered.
  void set_exclusive(bool exclusive);

 private:
  friend class WaiterQueue;

  Callback callback_;
  void* context_;
  EventMask mask_;
  bool exclusive_ = false;
  WaiterEntry* prev_ = nullptr;
  WaiterEntry* next_ = nullptr;
  WaiterQueue* queue_ = nullptr;
};

class WaiterQueue {
 public:
  WaiterQueue() = default;
  WaiterQueue(const WaiterQueue&) = delete;
  WaiterQueue& operator=(const WaiterQueue&) = delete;
  ~WaiterQueue() { CHECK(head_ == nullptr, "a waiter queue goes away under its entries"); }

  bool empty() const { return head_ == nullptr; }

  // Puts `entry` at the tail: it is called after all others. Requires: it is in no queue.
  void Register(WaiterEntry* entry);
  // Puts `entry` at the head: it is called before all others. Requires: it is in no queue.
  void RegisterFirst(WaiterEntry* entry);
  // Requires: `entry` is in this queue.
  void Unregister(WaiterEntry* entry);

  // Calls the entries whose mask shares a bit with `events`; all of them if `events` is 0.
  void Notify(EventMask events);

  // The union of the masks: what anybody here waits for. O(entries).
  EventMask Events() const;

 private:
  void Link(WaiterEntry* entry, WaiterEntry* prev, WaiterEntry* next);

  WaiterEntry* head_ = nullptr;
  WaiterEntry* tail_ = nullptr;
  bool notifying_ = false;
};

// A thing whose readiness can be asked for and waited for.
class Waitable {
 public:
  virtual ~Waitable() = default;

  // The events of `mask` that hold now. kEventErr and kEventHUp may be there though not asked for.
  // May tidy up what it finds out of date on the way, which nobody can observe otherwise.
  virtual EventMask Readiness(EventMask mask) { return Peek(mask); }
  // The same, without tidying up: for reports and invariants.
  virtual EventMask Peek(EventMask mask) const = 0;

  void EventRegister(WaiterEntry* entry) { queue_.Register(entry); }
  void EventRegisterFirst(WaiterEntry* entry) { queue_.RegisterFirst(entry); }
  void EventUnregister(WaiterEntry* entry) { queue_.Unregister(entry); }
  const WaiterQueue& queue() const { return queue_; }

 protected:
  void Notify(EventMask events) { queue_.Notify(events); }

 private:
  WaiterQueue queue_;
};

// The entry of a thread that is about to sleep. It holds one token: any number of notifications
// before the sleep are one wake-up, and none of them is lost.
class ThreadWaiter {
 public:
  explicit ThreadWaiter(EventMask mask) : entry_(OnNotify, this, mask) {}

  WaiterEntry* entry() { return &entry_; }

  // Returns kAwakened at once if there was a notification since the last Sleep; else sleeps as
  // WaitChannel::Sleep does, with its results.
  Task<int> Sleep(Engine& engine, int priority, std::string_view message,
                  SleepOptions options = {});

 private:
  static bool OnNotify(void* context, EventMask which);

  WaitChannel channel_;
  bool token_ = false;
  WaiterEntry entry_;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_WAITER_H_
