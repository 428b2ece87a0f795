// net/sink.h: a client at the other end of a connection, which reads all that comes.
//
// It is on a host of its own, whose processors are not simulated: it reads in device events, and
// takes no CPU. Without a rate it reads what is there as soon as it is told of it. With one it
// reads a piece, and comes back when a reader of that rate would be done with it:
//
//     arrivals   *   *  *                *
//     reads      ^......^....^           ^       (each as long as its piece takes)
//
// Meanwhile data stays in its receive buffer, the window closes, and the sender has to wait.
#ifndef VMSIM_NET_SINK_H_
#define VMSIM_NET_SINK_H_

#include <cstdint>

#include "net/ref.h"
#include "net/stream_socket.h"
#include "sim/engine.h"
#include "sim/event_queue.h"
#include "sim/waiter.h"

namespace vmsim::net {

struct SinkConfig {
  int64_t bytes_per_second = 0;    // 0: all there is, as it comes.
  int64_t piece_bytes = 16 << 10;  // The most that is read at a time.
};

class Sink {
 public:
  // Requires: the rate is not negative, the piece positive. `engine` outlives this.
  Sink(sim::Engine& engine, Ref<StreamSocket> socket, const SinkConfig& config = {});
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  int64_t bytes_read() const { return bytes_read_; }
  // Whether the data have ended, and with which error (0, ECONNRESET).
  bool ended() const { return ended_; }
  int error() const { return error_; }

 private:
  static bool OnNotify(void* sink, sim::EventMask which);
  static void OnTurn(void* sink, uint64_t);
  void Plan(sim::SimDuration wait);
  void Read();
  sim::SimDuration TimeFor(int64_t bytes);

  sim::Engine& engine_;
  const Ref<StreamSocket> socket_;
  const SinkConfig config_;
  sim::WaiterEntry entry_;
  sim::EventId turn_;      // The next look, if one is planned.
  int64_t remainder_ = 0;  // Byte-nanoseconds that did not make a nanosecond yet.
  int64_t bytes_read_ = 0;
  bool ended_ = false;
  int error_ = 0;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_SINK_H_
