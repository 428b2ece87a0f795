// net/link.h: one direction of a network link.
//
//     senders in turn --> [ queue, bounded in bytes ] --> wire at a rate --> delay --> receiver
//
// A sender with something to send gets in line; the link takes a segment from the first in line
// whenever its queue has room, and puts the sender at the end of the line if it has more. So
// connections that share a link share its rate, and a full queue leaves data with its sender.
// The segment that is on the wire still counts against the queue.
//
// Rates round to whole nanoseconds per segment and carry the rest over, so that no rate drifts.
// Arrivals are device events, in the order of sending. Control packets (acknowledgements, resets) take
// the delay but neither room nor time on the wire.
#ifndef VMSIM_NET_LINK_H_
#define VMSIM_NET_LINK_H_

#include <cstdint>
#include <deque>

#include "net/ref.h"
#include "sim/engine.h"
#include "sim/event_queue.h"
#include "sim/time.h"

namespace vmsim::net {

class Connection;

struct LinkConfig {
  int64_t bytes_per_second = 0;   // 0: as fast as one likes.
  sim::SimDuration delay_ns = 0;  // One way, after the last byte has left. Less than kNever.
  int64_t queue_bytes = 256 << 10;
  int64_t segment_bytes = 16 << 10;  // The most taken from one sender at a time.
};

// The way back of `link`, for acknowledgements only: the same delay, and all the room there is.
inline LinkConfig BackOf(const LinkConfig& link) {
  LinkConfig back;
  back.delay_ns = link.delay_ns;
  return back;
}

enum class PacketKind : uint8_t {
  kData,
  kFin,     // The sender will send no more.
  kWindow,  // The receiver has room for `bytes` more.
  kReset,   // The other side does not know, or does not want, the connection.
};

// On its way to the end `to` of a connection, which it keeps alive.
struct Packet {
  Ref<Connection> connection;
  int to = 0;
  PacketKind kind = PacketKind::kData;
  int64_t bytes = 0;
};

struct LinkStats {
  int64_t segments = 0;
  int64_t bytes = 0;             // Sent, and on the wire or beyond.
  int64_t longest_queue = 0;     // Bytes.
  sim::SimDuration busy_ns = 0;  // Time with something on the wire.
};

// Outlives the files of its connections. Connections that still have packets on it when it goes end
// with them.
class Link {
 public:
  // Requires: the rate and the delay are not negative, the sizes positive.
  Link(sim::Engine& engine, const LinkConfig& config);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  const LinkConfig& config() const { return config_; }
  const LinkStats& stats() const { return stats_; }
  int64_t queued_bytes() const { return queued_bytes_; }

  // End `from` of a connection has something to send. Requires: it is not in line already.
  void StandInLine(Ref<Connection> connection, int from);
  // Sends a control packet, at once.
  void SendControl(Packet packet);

 private:
  struct Sender {
    Ref<Connection> connection;
    int from = 0;
  };
  struct Flight {
    Packet packet;
    sim::SimTime arrival = 0;
  };

  void Pump();
  bool TakeFromFirst();
  void Transmit();
  static void OnSent(void* context, uint64_t);
  static void OnArrival(void* context, uint64_t);
  sim::SimDuration TimeOnWire(int64_t bytes);
  void Launch(Packet packet);
  void AwaitArrival();

  sim::Engine& engine_;
  const LinkConfig config_;
  LinkStats stats_;
  std::deque<Sender> line_;
  std::deque<Packet> queue_;  // The first is on the wire if sent_ is pending.
  int64_t queued_bytes_ = 0;
  std::deque<Flight> flights_;
  int64_t wire_remainder_ = 0;  // Byte-nanoseconds that did not make a nanosecond yet.
  sim::EventId sent_;
  sim::EventId arrival_;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_LINK_H_
