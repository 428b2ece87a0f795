// What workers do: the pull.
#include <utility>

#include "net/residency.h"

namespace vmsim::net {

void Residency::OnQueued(PoolJob& job) {
  Message& message = *static_cast<Message::Job&>(job).message;
  message.checking_ = false;
  ++stats_.pulls_queued;
  SetState(message, State::kQueued);
}

void Residency::OnStarted(PoolJob& job) {
  Message& message = *static_cast<Message::Job&>(job).message;
  if (job.worker == kInlineWorker) {
    message.checking_ = false;
    ++stats_.pulls_queued;
  }
  SetState(message, State::kPulling);
}

sim::Task<void> Residency::Run(PoolJob& job) {
  Message& message = *static_cast<Message::Job&>(job).message;
  message.pull_error_ = 0;
  if (message.deleted_) co_return;
  const Resolution answer = co_await Resolve(message, /*pull=*/1);
  message.pull_error_ = answer.error;
}

// A hook that says "not in core" after its pull has had no error; the scheduler will ask again.
void Residency::OnFinished(PoolJob& job) {
  Message& message = *static_cast<Message::Job&>(job).message;
  const Ref<Message> hold = std::exchange(message.hold_, {});
  pull_latency_.Record(engine_.now() - message.asked_at_);
  if (message.deleted_) {
    ++stats_.pulls_cancelled;
    SetState(message, State::kRemoved);
  } else if (message.pull_error_ != 0) {
    ++stats_.pulls_failed;
    Fail(message, message.pull_error_);
  } else {
    ++stats_.pulls_completed;
    message.pulled_ = true;
    SetState(message, State::kRecheck);
    message.Notify(sim::kEventIn);
  }
}

// Each page in ascending order, up to the first that cannot be had.
sim::Task<int> Residency::PullPages(Message& message) {
  for (const BodyRange& range : message.body_) {
    const vm::Vpage end = range.end_page();
    for (vm::Vpage vpage = range.first_page(); vpage < end; ++vpage) {
      if (message.deleted_) co_return 0;
      const int error = co_await PullPage(message, vpage, /*write=*/false);
      if (error != 0) co_return error;
    }
  }
  co_return 0;
}

sim::Task<int> Residency::PullPage(Message& message, vm::Vpage vpage, bool write) {
  const PageTouch touch =
      co_await TouchPage(engine_, vm_, message.process_, vpage, write, &message.reading_);
  ++stats_.pages_touched;
  stats_.page_hits += touch.place == PagePlace::kInCore;
  stats_.transit_waits += touch.place == PagePlace::kInTransit;
  stats_.zero_fills += touch.place == PagePlace::kZeroFill;
  if (touch.place == PagePlace::kOnDisk && touch.result == vm::FaultResult::kSuccess) {
    ++stats_.pageins;
    stats_.clustered_pages += touch.ahead;
  }
  if (message.process_.killed()) co_return kEintr;
  co_return ErrnoOf(touch.result);
}

sim::Task<int> Residency::Reference(Message& message, uint64_t address, bool write) {
  const vm::Vpage vpage = address >> vm::kPageShift;
  if (message.state_ == State::kPulling) {
    const int error = co_await PullPage(message, vpage, write);
    if (message.pull_error_ == 0) message.pull_error_ = error;
    co_return error;
  }
  const PageTouch touch = co_await TouchPage(engine_, vm_, message.process_, vpage, write);
  if (message.checking_ && touch.faulted) {
    ++stats_.fault_in_test;
    stats_.fault_in_test_ns += touch.ns;
  }
  co_return ErrnoOf(touch.result);
}

}  // namespace vmsim::net
