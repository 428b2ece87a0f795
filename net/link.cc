#include "net/link.h"

#include <algorithm>
#include <utility>

#include "net/connection.h"
#include "sim/check.h"

namespace vmsim::net {

Link::Link(sim::Engine& engine, const LinkConfig& config) : engine_(engine), config_(config) {
  CHECK_GE(config_.bytes_per_second, 0);
  CHECK(config_.delay_ns >= 0 && config_.delay_ns < sim::kNever, "delay ", config_.delay_ns);
  CHECK_GT(config_.queue_bytes, 0);
  CHECK_GT(config_.segment_bytes, 0);
}

Link::~Link() {
  engine_.events().Cancel(sent_);
  engine_.events().Cancel(arrival_);
}

void Link::StandInLine(Ref<Connection> connection, int from) {
  line_.push_back({std::move(connection), from});
  Pump();
}

// Fills the queue from the line.
void Link::Pump() {
  while (!line_.empty() && TakeFromFirst()) {
  }
  if (!sent_.valid() && !queue_.empty()) Transmit();
}

// False if the queue is full.
bool Link::TakeFromFirst() {
  const int64_t room = std::min(config_.queue_bytes - queued_bytes_, config_.segment_bytes);
  if (room <= 0) return false;
  const Sender sender = std::move(line_.front());
  line_.pop_front();
  Packet packet{sender.connection, 1 - sender.from, PacketKind::kData, 0};
  const Connection::Taken taken = sender.connection->TakeSegment(sender.from, room);
  if (taken.more) line_.push_back(sender);
  if (taken.bytes > 0) {
    packet.bytes = taken.bytes;
    queued_bytes_ += taken.bytes;
    stats_.longest_queue = std::max(stats_.longest_queue, queued_bytes_);
    queue_.push_back(packet);
  }
  if (taken.fin) {
    packet.kind = PacketKind::kFin;
    packet.bytes = 0;
    queue_.push_back(std::move(packet));
  }
  return true;
}

sim::SimDuration Link::TimeOnWire(int64_t bytes) {
  const int64_t rate = config_.bytes_per_second;
  if (rate == 0) return 0;
  const auto work = static_cast<__int128>(bytes) * sim::kSecond + wire_remainder_;
  wire_remainder_ = static_cast<int64_t>(work % rate);
  return static_cast<sim::SimDuration>(std::min<__int128>(work / rate, sim::kNever));
}

void Link::Transmit() {
  const sim::SimDuration time = TimeOnWire(queue_.front().bytes);
  const sim::SimTime now = engine_.now();
  stats_.busy_ns += time;
  sent_ = engine_.events().Schedule(time < sim::kNever - now ? now + time : sim::kNever,
                                    sim::EventClass::kDevice, OnSent, this, 0);
}

void Link::OnSent(void* context, uint64_t) {
  auto* link = static_cast<Link*>(context);
  link->sent_ = {};
  Packet packet = std::move(link->queue_.front());
  link->queue_.pop_front();
  link->queued_bytes_ -= packet.bytes;
  link->stats_.bytes += packet.bytes;
  link->stats_.segments += packet.kind == PacketKind::kData;
  link->Launch(std::move(packet));
  link->Pump();
}

void Link::SendControl(Packet packet) { Launch(std::move(packet)); }

void Link::Launch(Packet packet) {
  const sim::SimTime now = engine_.now();
  const sim::SimTime arrival =
      config_.delay_ns < sim::kNever - now ? now + config_.delay_ns : sim::kNever;
  flights_.push_back({std::move(packet), arrival});
  AwaitArrival();
}

// The delay is the same for all, so they arrive in the order of sending.
void Link::AwaitArrival() {
  if (arrival_.valid() || flights_.empty()) return;
  arrival_ = engine_.events().Schedule(flights_.front().arrival, sim::EventClass::kDevice,
                                       OnArrival, this, 0);
}

void Link::OnArrival(void* context, uint64_t) {
  auto* link = static_cast<Link*>(context);
  link->arrival_ = {};
  const Packet packet = std::move(link->flights_.front().packet);
  link->flights_.pop_front();
  link->AwaitArrival();
  packet.connection->Arrive(packet);
}

}  // namespace vmsim::net
