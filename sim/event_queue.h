// sim/event_queue.h: the clock and the pending events, in total order.
//
// Events run by (time, class, sequence number). The class breaks ties between events of one instant
// the way a machine would see them: a device completion at the deadline beats the timeout, daemons
// run before ordinary threads. Within a class, first scheduled runs first. Nothing else orders
// events: no pointers, no hashes, no heap instability.
//
// Schedule and RunNext cost O(log n), Cancel O(1) amortised: a cancelled event stays in the heap as
// a husk until it surfaces or until husks outnumber live events, when they are swept. The top of
// the heap is never a husk, so the time of the next event is one load. No allocation in steady
// state: slots are reused.
//
// The heap has four children a node: a third fewer levels than a binary one, and the siblings are
// neighbours in memory. Which child is the smallest is computed without branches, because the
// answer is a coin toss that a branch predictor loses.
//
// Scheduling into the past fails a CHECK. The sequence has 2^61 numbers: at 30 million events a
// second of host time they last 2,400 years.
#ifndef VMSIM_SIM_EVENT_QUEUE_H_
#define VMSIM_SIM_EVENT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/check.h"
#include "sim/time.h"

namespace vmsim::sim {

// The order of events of one instant.
enum class EventClass : uint8_t { kDevice, kWakeup, kTimeout, kDaemon, kThread };

// Names one scheduled event. A handle whose event has run or was cancelled is stale: Cancel ignores
// it. (After 2^32 further uses of its slot a stale handle would be taken for a live one; whoever
// keeps a handle clears it when its event runs.)
struct EventId {
  uint32_t slot = UINT32_MAX;
  uint32_t generation = 0;

  bool valid() const { return slot != UINT32_MAX; }
};

class EventQueue {
 public:
  using Callback = void (*)(void* context, uint64_t argument);

  EventQueue() = default;
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  SimTime now() const { return now_; }
  // For whoever stamps records with the time.
  const SimTime* clock() const { return &now_; }

  // Runs `callback(context, argument)` at `when`. Requires: when >= now(), callback is not null.
  EventId Schedule(SimTime when, EventClass event_class, Callback callback, void* context,
                   uint64_t argument);

  // Withdraws an event. Returns whether it was still pending.
  bool Cancel(EventId id);

  bool empty() const { return live_ == 0; }
  size_t size() const { return live_; }
  uint64_t events_run() const { return events_run_; }

  // The time of the next event, or kNever if nothing is pending: this bounds how far a running
  // thread may go.
  SimTime NextTime() const { return heap_.empty() ? kNever : heap_[0].when; }

  // Moves the clock to the next event and runs it. Requires: !empty().
  void RunNext();

  // Moves the clock to `when`. Requires: no pending event is due before `when`, and when >= now().
  // Events at `when` itself may be pending.
  void AdvanceTo(SimTime when) {
    CHECK_GE(when, now_);
    CHECK_LE(when, NextTime(), "the clock would pass an event");
    now_ = when;
  }

 private:
  struct Entry {
    SimTime when;
    uint64_t key;  // class in the top 3 bits, then the sequence number.
    uint32_t slot;
  };
  struct Slot {
    Callback callback = nullptr;  // Null: cancelled or free.
    void* context = nullptr;
    uint64_t argument = 0;
    uint32_t generation = 0;
    uint32_t next_free = 0;
  };
  static constexpr int kClassShift = 61;
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  static constexpr size_t kArity = 4;
  static constexpr size_t kSweepSize = 64;  // Below this, husks are not worth a sweep.

  // Times are never negative, so that the two words compare as one number of 128 bits.
  static unsigned __int128 Rank(const Entry& entry) {
    return (static_cast<unsigned __int128>(entry.when) << 64) | entry.key;
  }
  static bool Before(const Entry& a, const Entry& b) { return Rank(a) < Rank(b); }
  uint32_t TakeSlot();
  size_t FirstChild(size_t position) const { return position * kArity + 1; }
  size_t BestChild(size_t first) const;
  void FreeSlot(uint32_t slot);
  void SiftUp(size_t position, Entry entry);
  void SiftDown(size_t position, Entry entry);
  void RemoveTop();
  void DropHusks();
  void Sweep();

  SimTime now_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t events_run_ = 0;
  size_t live_ = 0;
  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  uint32_t free_slot_ = kNoSlot;
};

inline EventId EventQueue::Schedule(SimTime when, EventClass event_class, Callback callback,
                                    void* context, uint64_t argument) {
  CHECK_GE(when, now_, "an event in the past");
  CHECK(callback != nullptr);
  const uint32_t slot = TakeSlot();
  Slot& s = slots_[slot];
  s.callback = callback;
  s.context = context;
  s.argument = argument;
  const uint64_t key = (static_cast<uint64_t>(event_class) << kClassShift) | next_sequence_++;
  heap_.emplace_back();
  SiftUp(heap_.size() - 1, Entry{when, key, slot});
  ++live_;
  return EventId{slot, s.generation};
}

inline bool EventQueue::Cancel(EventId id) {
  if (id.slot >= slots_.size()) return false;
  Slot& s = slots_[id.slot];
  if (s.generation != id.generation || s.callback == nullptr) return false;
  s.callback = nullptr;
  ++s.generation;
  --live_;
  if (heap_[0].slot == id.slot) {
    DropHusks();
  } else if (heap_.size() > kSweepSize && live_ < heap_.size() / 2) {
    Sweep();
  }
  return true;
}

inline uint32_t EventQueue::TakeSlot() {
  if (free_slot_ != kNoSlot) {
    const uint32_t slot = free_slot_;
    free_slot_ = slots_[slot].next_free;
    return slot;
  }
  slots_.emplace_back();
  return static_cast<uint32_t>(slots_.size() - 1);
}

inline void EventQueue::FreeSlot(uint32_t slot) {
  slots_[slot].next_free = free_slot_;
  free_slot_ = slot;
}

inline void EventQueue::SiftUp(size_t position, Entry entry) {
  while (position > 0) {
    const size_t parent = (position - 1) / kArity;
    if (!Before(entry, heap_[parent])) break;
    heap_[position] = heap_[parent];
    position = parent;
  }
  heap_[position] = entry;
}

// The smallest of the children that begin at `first`: a tournament, whose results are added up as
// numbers so that no compiler makes branches of them.
inline size_t EventQueue::BestChild(size_t first) const {
  const Entry* const child = heap_.data() + first;
  const size_t count = heap_.size() - first;
  if (count >= kArity) {
    const size_t low = Before(child[1], child[0]);
    const size_t high = 2 + static_cast<size_t>(Before(child[3], child[2]));
    return first + low + (high - low) * static_cast<size_t>(Before(child[high], child[low]));
  }
  size_t best = 0;
  for (size_t i = 1; i < count; ++i) {
    if (Before(child[i], child[best])) best = i;
  }
  return first + best;
}

inline void EventQueue::SiftDown(size_t position, Entry entry) {
  for (size_t first; (first = FirstChild(position)) < heap_.size();) {
    const size_t best = BestChild(first);
    if (!Before(heap_[best], entry)) break;
    heap_[position] = heap_[best];
    position = best;
  }
  heap_[position] = entry;
}

inline void EventQueue::RemoveTop() {
  const Entry last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) SiftDown(0, last);
}

inline void EventQueue::DropHusks() {
  while (!heap_.empty() && slots_[heap_[0].slot].callback == nullptr) {
    FreeSlot(heap_[0].slot);
    RemoveTop();
  }
}

inline void EventQueue::RunNext() {
  CHECK(!heap_.empty(), "RunNext without a pending event");
  const Entry top = heap_[0];
  Slot& s = slots_[top.slot];
  const Callback callback = s.callback;
  void* const context = s.context;
  const uint64_t argument = s.argument;
  s.callback = nullptr;
  ++s.generation;
  FreeSlot(top.slot);
  RemoveTop();
  DropHusks();
  --live_;
  ++events_run_;
  now_ = top.when;
  callback(context, argument);
}

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_EVENT_QUEUE_H_
