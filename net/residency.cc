#include "net/residency.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "net/residency_trace.h"
#include "sim/check.h"
#include "vm/syscalls.h"

namespace vmsim::net {

Residency::Residency(sim::Engine& engine, sim::Trace& trace, vm::VmSystem& vm, OpenFiles& files,
                     HookPoint& hooks, const ResidencyConfig& config)
    : engine_(engine),
      trace_(trace),
      vm_(vm),
      files_(files),
      hooks_(hooks),
      config_(config),
      test_(engine, vm, config.test),
      pool_(engine, *this, config.pool) {
  CHECK_GE(config.max_pulls, 0);
}

Residency::~Residency() {
  for (Message* message = first_; message != nullptr;) {
    Message* next = message->next_;
    UnwireBody(*message);
    message->residency_ = nullptr;
    message->hold_.reset();  // May end it.
    message = next;
  }
}

Ref<Message> Residency::NewMessage(vm::Process& process, std::span<const BodyRange> body,
                                   int* error) {
  uint64_t left = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  for (const BodyRange& range : body) {
    const bool inside =
        range.address <= vm::kMaxUserAddress && range.bytes <= vm::kMaxUserAddress - range.address;
    if (!inside || range.bytes > left) {
      *error = kEinval;
      return {};
    }
    left -= range.bytes;
  }
  if (!files_.HasRoom(1)) {
    *error = kEnfile;
    return {};
  }
  *error = 0;
  Ref<Message> message(new Message(files_, *this, next_number_++, process, body));
  message->prev_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = message.get();
  last_ = message.get();
  ++counts_[static_cast<size_t>(State::kReady)];
  ++stats_.messages;
  trace_.Emit(trace::kMessageState, message->number(), static_cast<uint64_t>(State::kReady), 0);
  return message;
}

// The last reference has gone: nobody works on it, or it would be held.
void Residency::Forget(Message& message) {
  UnwireBody(message);
  (message.prev_ != nullptr ? message.prev_->next_ : first_) = message.next_;
  (message.next_ != nullptr ? message.next_->prev_ : last_) = message.prev_;
  --counts_[static_cast<size_t>(message.state_)];
}

void Residency::SetState(Message& message, State state) {
  --counts_[static_cast<size_t>(message.state_)];
  ++counts_[static_cast<size_t>(state)];
  message.state_ = state;
  trace_.Emit(trace::kMessageState, message.number(), static_cast<uint64_t>(state),
              static_cast<uint64_t>(message.error_));
}

void Residency::Fail(Message& message, int error) {
  message.error_ = error;
  ++stats_.failed;
  SetState(message, State::kFailed);
  message.Notify(sim::kEventErr);
}

// What is to be said of a message that nobody asks about any more, or that cannot be asked about.
Verdict Residency::Settle(Message& message) {
  if (message.deleted_) {
    if (message.state_ == State::kCheck || message.state_ == State::kRecheck) {
      SetState(message, State::kRemoved);
    }
    return {.what = Verdict::What::kGone};
  }
  switch (message.state_) {
    case State::kSending:
      return {.what = Verdict::What::kSend};
    case State::kDone:
      return {.what = Verdict::What::kFailed, .error = kEinval};
    case State::kFailed:
      return {.what = Verdict::What::kFailed, .error = message.error_};
    default:
      return {.what = Verdict::What::kQueued};
  }
}

sim::Task<Verdict> Residency::Check(Message& message) {
  const Ref<Message> hold(&message);
  CHECK(!message.checking_, "two threads ask about message ", message.number());
  const bool again = message.state_ == State::kRecheck;
  if (message.deleted_ || (message.state_ != State::kReady && !again)) {
    const State state = message.state_;
    stats_.pulls_joined +=
        !message.deleted_ && (state == State::kQueued || state == State::kPulling);
    co_return Settle(message);
  }
  message.pulled_ = false;
  message.checking_ = true;
  if (!again) SetState(message, State::kCheck);
  const Resolution answer = co_await Resolve(message, /*pull=*/0);
  if (message.deleted_) {
    message.checking_ = false;
    co_return Settle(message);
  }
  NoteAnswer(message, answer, again);
  if (answer.error != 0) {
    message.checking_ = false;
    Fail(message, answer.error);
    co_return Settle(message);
  }
  if (WantsPull(message, answer.result, again)) {
    const Verdict verdict = co_await Submit(message);
    co_return verdict;
  }
  message.checking_ = false;
  StartSending(message);
  co_return Settle(message);
}

// It is checking until the pool takes it, which may be a while.
sim::Task<Verdict> Residency::Submit(Message& message) {
  ++message.pulls_;
  message.asked_at_ = engine_.now();
  message.hold_ = Ref<Message>(&message);
  const int64_t blocked = pool_.blocked();
  if (pool_.concurrency() > 0 && (blocked > 0 || pool_.Full())) {
    trace_.Emit(trace::kMessageBlock, message.number(), static_cast<uint64_t>(pool_.queued()), 0);
  }
  const bool queued = co_await pool_.Submit(message.job_);
  if (!queued) {
    message.checking_ = false;
    message.hold_.reset();
  }
  co_return Settle(message);
}

bool Residency::WantsPull(const Message& message, int result, bool again) {
  const bool literal = config_.pull_when == PullWhen::kLiteral;
  if (literal ? result != kInCore || again : result != kNotInCore) return false;
  if (message.pulls_ < config_.max_pulls) return true;
  ++stats_.bound_hits;
  return false;
}

void Residency::NoteAnswer(Message& message, const Resolution& answer, bool again) {
  message.last_result_ = answer.result;
  ++stats_.checks;
  stats_.rechecks += again;
  stats_.decided_default += answer.decided_by < 0;
  if (answer.error != 0) return;
  ++(answer.result == kInCore ? stats_.in_core : stats_.not_in_core);
  stats_.rechecks_failed += again && answer.result != kInCore;
}

// With pull 1 only a worker that has the message may ask, or its submitter for it; with pull 0 no
// worker may.
void Residency::NoteThread(const Message& message, int pull) {
  const int worker = message.worker();
  const bool mine = worker >= 0 ? pool_.thread(worker) == engine_.current()
                                : worker == kInlineWorker && !pool_.InWorker();
  wrong_threads_ += pull == 1 ? !mine : pool_.InWorker();
}

sim::Task<Resolution> Residency::Resolve(Message& message, int pull) {
  NoteThread(message, pull);
  Resolution answer;
  const int code = co_await hooks_.Call(message, pull, &answer.result, &answer.decided_by);
  if (pull == 1 && message.pull_error_ != 0) {
    defaults_ += code == kIoCont;
    answer.error = message.pull_error_;
    answer.result = kNotInCore;
  } else if (code == kIoCont) {
    ++defaults_;
    if (pull == 0) {
      answer = co_await DefaultTest(message);
    } else {
      answer.error = co_await PullPages(message);
      answer.result = answer.error == 0 ? kInCore : kNotInCore;
    }
  }
  trace_.Emit(trace::kMessageAnswer, message.number(), static_cast<uint64_t>(pull),
              answer.error == 0 ? static_cast<uint64_t>(answer.result)
                                : 2 + static_cast<uint64_t>(answer.error));
  co_return answer;
}

// EAGAIN says nothing about the body, so it counts as not in core: a pull is safe.
sim::Task<Resolution> Residency::DefaultTest(Message& message) {
  const CoreAnswer core = co_await test_.Ask(message.process_, message.body_);
  stats_.mincore_calls += core.calls;
  stats_.zero_fill_absent += core.zero_fill;
  stats_.mincore_again += core.error == kEagain;
  co_return Resolution{.error = core.error == kEagain ? 0 : core.error,
                       .result = core.in_core ? kInCore : kNotInCore};
}

void Residency::Delete(Message& message) {
  if (message.deleted_) return;
  const Ref<Message> hold(&message);
  message.deleted_ = true;
  message.pulled_ = false;
  ++stats_.deleted;
  const bool was_queued = message.state_ == State::kQueued;
  if (pool_.Cancel(message.job_) && was_queued) {
    ++stats_.pulls_cancelled;
    message.hold_.reset();
  }
  // Whoever asks or pulls finds out, and ends it.
  if (!message.checking_ && message.state_ != State::kPulling) {
    UnwireBody(message);
    SetState(message, State::kRemoved);
  }
  message.Notify(sim::kEventHUp);
}

void Residency::Again(Message& message) {
  if (message.state_ != State::kDone && message.state_ != State::kFailed) return;
  message.pulls_ = 0;
  message.last_result_ = kNoResult;
  message.error_ = 0;
  SetState(message, State::kReady);
}

void Residency::RegisterCounters(sim::CounterRegistry& registry) const {
  for (const ResidencyCounter& counter : kResidencyCounters) {
    registry.Register(counter.info, &(stats_.*counter.field));
  }
  const HookStats& hook = hooks_.stats();
  registry.Register({"hook.calls", "calls", "Calls of the chain of hooks."}, &hook.calls);
  registry.Register({"hook.decided", "calls", "Calls of the chain that a hook settled."},
                    &hook.settled);
  registry.Register({"hook.bad_result", "calls", "Hooks that were done without a result 0 or 1."},
                    &hook.bad_result);
  registry.Register({"hook.bad_return", "calls", "Hooks that said neither IO_CONT nor IO_DONE."},
                    &hook.bad_return);
  for (size_t i = 0; i < hooks_.chain().size(); ++i) {
    const std::string name = absl::StrCat("hook.", i, ".decided");
    registry.Register({name, "calls", "Calls that the function at this position settled."},
                      &hooks_.chain()[i]->decided);
  }
  pool_.RegisterCounters(registry);
}

}  // namespace vmsim::net
