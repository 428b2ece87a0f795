#include "net/sink.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace vmsim::net {

Sink::Sink(sim::Engine& engine, Ref<StreamSocket> socket, const SinkConfig& config)
    : engine_(engine),
      socket_(std::move(socket)),
      config_(config),
      entry_(OnNotify, this, sim::kReadableEvents | sim::kUnaskedEvents | sim::kEventRdHUp) {
  CHECK_GE(config.bytes_per_second, 0);
  CHECK_GT(config.piece_bytes, 0);
  socket_->EventRegister(&entry_);
  Plan(0);
}

Sink::~Sink() {
  engine_.events().Cancel(turn_);
  socket_->EventUnregister(&entry_);
}

// Who is told may not read there and then: the sender is at work on the connection.
bool Sink::OnNotify(void* sink, sim::EventMask) {
  static_cast<Sink*>(sink)->Plan(0);
  return false;
}

void Sink::Plan(sim::SimDuration wait) {
  if (ended_ || turn_.valid()) return;
  const sim::SimTime now = engine_.now();
  turn_ = engine_.events().Schedule(wait < sim::kNever - now ? now + wait : sim::kNever,
                                    sim::EventClass::kDevice, OnTurn, this, 0);
}

void Sink::OnTurn(void* context, uint64_t) {
  auto* sink = static_cast<Sink*>(context);
  sink->turn_ = {};
  sink->Read();
}

void Sink::Read() {
  while (!ended_) {
    const IoResult result = socket_->TryRead(config_.piece_bytes, IoMode::kNonBlocking);
    if (result.error == kEagain) return;
    if (result.error != 0 || result.bytes == 0) {
      ended_ = true;
      error_ = result.error;
      return;
    }
    bytes_read_ += result.bytes;
    if (config_.bytes_per_second == 0) continue;
    // What it is told of while it reads waits until it has read.
    engine_.events().Cancel(turn_);
    turn_ = {};
    Plan(TimeFor(result.bytes));
    return;
  }
}

sim::SimDuration Sink::TimeFor(int64_t bytes) {
  const auto work = static_cast<__int128>(bytes) * sim::kSecond + remainder_;
  remainder_ = static_cast<int64_t>(work % config_.bytes_per_second);
  return static_cast<sim::SimDuration>(
      std::min<__int128>(work / config_.bytes_per_second, sim::kNever));
}

}  // namespace vmsim::net
