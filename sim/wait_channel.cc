#include "sim/wait_channel.h"

namespace vmsim::sim {

namespace {
void OnTimeout(void* context, uint64_t) {
  auto* waiter = static_cast<Waiter*>(context);
  waiter->timeout = {};
  waiter->Wake(kTimedOut);
}

void ArmTimeout(Waiter& waiter, SimDuration ns) {
  EventQueue& events = waiter.engine->events();
  waiter.timeout = events.Schedule(events.now() + ns, EventClass::kTimeout, OnTimeout, &waiter, 0);
}
}  // namespace

Waiter::~Waiter() {
  if (thread == nullptr) return;
  if (channel != nullptr) channel->Unlink(this);
  engine->events().Cancel(timeout);
}

void Waiter::Wake(int why) {
  if (channel != nullptr) channel->Unlink(this);
  engine->events().Cancel(timeout);
  result = why;
  Thread* sleeper = thread;
  thread = nullptr;
  engine->MakeRunnable(sleeper);
}

void WaitChannel::SleepAwaiter::await_suspend(std::coroutine_handle<> handle) {
  waiter.engine = &engine;
  waiter.thread = engine.current();
  waiter.priority = priority;
  waiter.interruptible = options.interruptible;
  channel.Link(&waiter);
  if (options.timeout_ns < kNever) ArmTimeout(waiter, options.timeout_ns);
  engine.SleepCurrent(&waiter, handle, message);
}

void PauseAwaiter::await_suspend(std::coroutine_handle<> handle) {
  waiter.engine = &engine;
  waiter.thread = engine.current();
  ArmTimeout(waiter, ns);
  engine.SleepCurrent(&waiter, handle, message);
}

void WaitChannel::Link(Waiter* waiter) {
  waiter->channel = this;
  Waiter* before = tail_;
  while (before != nullptr && before->priority > waiter->priority) before = before->prev;
  waiter->prev = before;
  waiter->next = before != nullptr ? before->next : head_;
  (waiter->prev != nullptr ? waiter->prev->next : head_) = waiter;
  (waiter->next != nullptr ? waiter->next->prev : tail_) = waiter;
}

void WaitChannel::Unlink(Waiter* waiter) {
  (waiter->prev != nullptr ? waiter->prev->next : head_) = waiter->next;
  (waiter->next != nullptr ? waiter->next->prev : tail_) = waiter->prev;
  waiter->prev = waiter->next = nullptr;
  waiter->channel = nullptr;
}

void WaitChannel::WakeAll() {
  while (WakeOne()) {
  }
}

bool WaitChannel::WakeOne() {
  if (head_ == nullptr) return false;
  head_->Wake(kAwakened);
  return true;
}

}  // namespace vmsim::sim
