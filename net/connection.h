// net/connection.h: two ends with buffers, and what travels between them.
//
//     Write --> [send buffer] --window--> link --> [receive buffer] --> Read
//                                  <------ window ------'
//
// A write fills the sender's buffer. From there data leaves as the receiver has room (its window,
// which a read opens again) and the link has. Without links, data is in the receiver's buffer at
// once, and what one end does the other sees at once.
//
// Each piece that arrives is a segment. The receiver is told `in` of each. The sender is told `out`
// when its buffer has drained enough, and also if it was writable before: without links each time
// that the receiver has finished a segment, with links each time that it hears of a larger window.
// Shutting an end down or closing it tells both that something changed (0): first the end itself.
//
// A shutdown for writing reaches the other end after all data. Without links, a shutdown for reading
// also shuts the other end's writing side; with links it is the end's own affair, and data that
// arrives is thrown away. To close an end that has data unread resets the connection, and so does
// data that arrives at a closed one: the other end reads what it has, then gets ECONNRESET once.
//
// Model: Linux net/unix/af_unix.c (stream sockets) without links; FreeBSD sys/kern/uipc_socket.c,
// uipc_sockbuf.c (low-water marks) and TCP's windows, reduced to bytes, with them.
#ifndef VMSIM_NET_CONNECTION_H_
#define VMSIM_NET_CONNECTION_H_

#include <cstdint>
#include <deque>

#include "net/file.h"
#include "net/link.h"
#include "net/ref.h"

namespace vmsim::net {

class StreamSocket;

// Sizes in bytes, at least 1. Low-water marks above their buffer's size count as that size.
struct SocketConfig {
  int64_t send_buffer = 212'992;  // Linux net.core.wmem_default and rmem_default.
  int64_t receive_buffer = 212'992;
  int64_t send_low_water = 2048;  // FreeBSD's: MCLBYTES. Space from which on it is writable.
  int64_t receive_low_water = 1;  // Data from which on it is readable.
};

enum class ShutdownHow : uint8_t { kRead = 1, kWrite = 2, kBoth = 3 };

class Connection : public RefCounted<Connection> {
 public:
  // `links[e]` carries what end `e` sends; both null, or neither.
  Connection(const SocketConfig (&configs)[2], Link* const (&links)[2]);

  // The socket of an end, to be told of its events; null once it is closed.
  void set_socket(int end, StreamSocket* socket) { ends_[end].socket = socket; }

  // The calls of StreamSocket, by end.
  IoResult Read(int end, int64_t n, IoMode mode);
  IoResult Write(int end, int64_t n);
  EventMask Peek(int end) const;
  void Shutdown(int end, ShutdownHow how);
  void Close(int end);
  int64_t unread(int end) const { return ends_[end].received_bytes; }
  int64_t unsent(int end) const { return ends_[end].unsent; }
  const SocketConfig& config(int end) const { return ends_[end].config; }
  void SetLowWater(int end, int64_t send, int64_t receive);

  // For Link: the next segment of end `from`, of at most `room` bytes; whether the end of its data
  // comes after it; and whether the sender has more to send now and stays in line.
  struct Taken {
    int64_t bytes = 0;
    bool fin = false;
    bool more = false;
  };
  Taken TakeSegment(int from, int64_t room);
  // For Link: a packet is there.
  void Arrive(const Packet& packet);

 private:
  struct End {
    SocketConfig config;
    Link* link = nullptr;
    StreamSocket* socket = nullptr;
    int64_t unsent = 0;            // In the send buffer.
    int64_t window = 0;            // What the other end has room for, beyond what is under way.
    bool fin_due = false;          // To be sent after what is unsent.
    bool in_line = false;          // Stands in the link's line.
    bool writing = false;          // Inside Write: what drains at once is nothing to be told of.
    std::deque<int64_t> segments;  // Received, in bytes not read yet.
    int64_t received_bytes = 0;
    bool read_shut = false;
    bool write_shut = false;
    bool reset = false;
    int error = 0;  // To be returned once.
  };

  bool linked() const { return ends_[0].link != nullptr; }
  static int64_t Space(const End& end) { return end.config.send_buffer - end.unsent; }
  static bool Writable(const End& end) { return Space(end) >= end.config.send_low_water; }
  void Tell(int end, EventMask events);
  void TellWritable(int end);

  void Push(int from);
  void ReceiveData(int to, int64_t bytes);
  void ReceiveFin(int to);
  void ReceiveReset(int to);
  void FinishIfDrained(int from);
  int64_t TakeReceived(End& end, int64_t n, int* finished);
  void OpenWindow(int to, int64_t bytes);

  End ends_[2];
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_CONNECTION_H_
