#include "sim/waiter.h"

#include <utility>

namespace vmsim::sim {

WaiterEntry::~WaiterEntry() {
  if (queue_ != nullptr) queue_->Unregister(this);
}

void WaiterEntry::set_exclusive(bool exclusive) {
  CHECK(queue_ == nullptr, "an entry changes while it is in a queue");
  exclusive_ = exclusive;
}

void WaiterQueue::Link(WaiterEntry* entry, WaiterEntry* prev, WaiterEntry* next) {
  CHECK(entry->queue_ == nullptr, "an entry is in one queue at most");
  CHECK(!notifying_, "a callback touches the queue that called it");
  entry->queue_ = this;
  entry->prev_ = prev;
  entry->next_ = next;
  (prev != nullptr ? prev->next_ : head_) = entry;
  (next != nullptr ? next->prev_ : tail_) = entry;
}

void WaiterQueue::Register(WaiterEntry* entry) { Link(entry, tail_, nullptr); }

void WaiterQueue::RegisterFirst(WaiterEntry* entry) { Link(entry, nullptr, head_); }

void WaiterQueue::Unregister(WaiterEntry* entry) {
  CHECK(entry->queue_ == this, "an entry leaves a queue that it is not in");
  CHECK(!notifying_, "a callback touches the queue that called it");
  (entry->prev_ != nullptr ? entry->prev_->next_ : head_) = entry->next_;
  (entry->next_ != nullptr ? entry->next_->prev_ : tail_) = entry->prev_;
  entry->prev_ = entry->next_ = nullptr;
  entry->queue_ = nullptr;
}

void WaiterQueue::Notify(EventMask events) {
  CHECK(!notifying_, "a callback touches the queue that called it");
  notifying_ = true;
  for (WaiterEntry* entry = head_; entry != nullptr; entry = entry->next_) {
    const EventMask which = events & entry->mask_;
    if (events != 0 && which == 0) continue;
    const bool woke = entry->callback_(entry->context_, which);
    if (woke && entry->exclusive_) break;
  }
  notifying_ = false;
}

EventMask WaiterQueue::Events() const {
  EventMask all = 0;
  for (const WaiterEntry* entry = head_; entry != nullptr; entry = entry->next_) {
    all |= entry->mask_;
  }
  return all;
}

bool ThreadWaiter::OnNotify(void* context, EventMask) {
  auto* waiter = static_cast<ThreadWaiter*>(context);
  waiter->token_ = true;
  return waiter->channel_.WakeOne();
}

Task<int> ThreadWaiter::Sleep(Engine& engine, int priority, std::string_view message,
                              SleepOptions options) {
  int result = kAwakened;
  if (!token_) result = co_await channel_.Sleep(engine, priority, message, options);
  token_ = false;
  co_return result;
}

}  // namespace vmsim::sim
