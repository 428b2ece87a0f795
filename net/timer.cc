#include "net/timer.h"

#include <algorithm>

namespace vmsim::net {

Ref<Timer> Timer::Create(OpenFiles& files) {
  return Ref<Timer>(files.HasRoom(1) ? new Timer(files) : nullptr);
}

int Timer::Set(const Setting& setting, From from, Setting* old) {
  if (setting.value_ns < 0 || setting.interval_ns < 0) return kEinval;
  if (old != nullptr) *old = Get();
  Disarm();
  expirations_ = 0;
  interval_ns_ = std::min(setting.interval_ns, sim::kNever);
  if (setting.value_ns == 0) return 0;
  const sim::SimTime start = from == From::kNow ? now() : 0;
  Arm(setting.value_ns < sim::kNever - start ? start + setting.value_ns : sim::kNever);
  return 0;
}

Timer::Setting Timer::Get() const {
  if (next_ == sim::kNever) return {.interval_ns = interval_ns_};
  sim::SimTime next = next_;
  if (next <= now() && interval_ns_ > 0) next += ((now() - next) / interval_ns_ + 1) * interval_ns_;
  return {.value_ns = std::max<sim::SimDuration>(next - now(), 1), .interval_ns = interval_ns_};
}

void Timer::Arm(sim::SimTime when) {
  next_ = when;
  if (when == sim::kNever) return;
  event_ = files().engine().events().Schedule(std::max(when, now()), sim::EventClass::kTimeout,
                                              OnExpiry, this, 0);
}

void Timer::Disarm() {
  files().engine().events().Cancel(event_);
  event_ = {};
  next_ = sim::kNever;
}

void Timer::OnExpiry(void* context, uint64_t) {
  auto* timer = static_cast<Timer*>(context);
  timer->event_ = {};
  timer->expirations_ = 1;
  timer->next_ = timer->interval_ns_ < sim::kNever - timer->next_ && timer->interval_ns_ > 0
                     ? timer->next_ + timer->interval_ns_
                     : sim::kNever;
  timer->Notify(sim::kEventIn);
}

Timer::Taken Timer::TryTake() {
  if (expirations_ == 0) return {.error = kEagain};
  Taken taken{.expirations = expirations_};
  expirations_ = 0;
  if (next_ == sim::kNever) return taken;
  // Those that passed unheard since the first, and on to the one to come.
  if (next_ <= now()) {
    const int64_t passed = (now() - next_) / interval_ns_ + 1;
    taken.expirations += passed;
    const sim::SimDuration ahead = interval_ns_ - (now() - next_) % interval_ns_;
    next_ = ahead < sim::kNever - now() ? now() + ahead : sim::kNever;
  }
  Arm(next_);
  return taken;
}

EventMask Timer::Peek(EventMask mask) const { return expirations_ > 0 ? mask & sim::kEventIn : 0; }

IoResult Timer::TryRead(int64_t n, IoMode) {
  if (n < kBytes) return {.error = kEinval};
  const Taken taken = TryTake();
  return {.error = taken.error, .bytes = taken.error == 0 ? kBytes : 0};
}

}  // namespace vmsim::net
