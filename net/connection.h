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
// Data may stand in pages that somebody else owns, and may be in the send buffer before it is there
// (net/send_buffer.h): then it waits, and all behind it. Pages are given back when their bytes
// leave the send buffer, be it for a link or for the receiver's buffer.
//
// Model: Linux net/unix/af_unix.c (stream sockets) without links; FreeBSD sys/kern/uipc_socket.c,
// uipc_sockbuf.c (low-water marks) and TCP's windows, reduced to bytes, with them.
#ifndef VMSIM_NET_CONNECTION_H_
#define VMSIM_NET_CONNECTION_H_

#include <cstdint>
#include <deque>
#include <span>

#include "net/file.h"
#include "net/link.h"
#include "net/ref.h"
#include "net/send_buffer.h"

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
  int64_t unsent(int end) const { return ends_[end].send.used(); }
  const SocketConfig& config(int end) const { return ends_[end].config; }
  void SetLowWater(int end, int64_t send, int64_t receive);

  // For sendfile. Whether the other end is there, as far as this one knows (SS_ISCONNECTED).
  bool connected(int end) const;
  // How much room there is, if it is `wanted` or at least the low-water mark; else EAGAIN. EPIPE,
  // the error that is to be returned once, ENOTCONN.
  IoResult SendSpace(int end, int64_t wanted);
  // Puts `plain` bytes and `external` behind what there is, whatever room there is for it, and
  // sends it; if `external` is not ready, as far as it goes without it. `*first` is the id of the
  // first of `external`. ECONNRESET, EPIPE: nothing was taken.
  int SendPages(int end, int64_t plain, std::span<const ExternalSegment> external, bool ready,
                SendBuffer::SegmentId* first);
  // pr_ready: `count` segments from `first` on have become ready.
  void MarkReady(int end, SendBuffer::SegmentId first, int count);
  // They never will be. Data is missing in the middle: resets the connection for both ends (this
  // one's error is EIO), and frees them. `count` may be 0.
  void AbortNotReady(int end, SendBuffer::SegmentId first, int count);
  const SendBuffer& send_buffer(int end) const { return ends_[end].send; }

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
    SendBuffer send;
    int64_t window = 0;            // What the other end has room for, beyond what is under way.
    bool fin_due = false;          // To be sent after what is unsent.
    bool in_line = false;          // Stands in the link's line.
    bool writing = false;          // Inside a write: what drains at once is nothing to be told of.
    std::deque<int64_t> segments;  // Received, in bytes not read yet.
    int64_t received_bytes = 0;
    bool read_shut = false;
    bool write_shut = false;
    bool reset = false;
    int error = 0;  // To be returned once.
  };

  bool linked() const { return ends_[0].link != nullptr; }
  static int64_t Space(const End& end) { return end.config.send_buffer - end.send.used(); }
  static bool Writable(const End& end) { return Space(end) >= end.config.send_low_water; }
  void Tell(int end, EventMask events);
  void TellWritable(int end);

  void Push(int from);
  void ReceiveData(int to, int64_t bytes);
  void ReceiveFin(int to);
  void ReceiveReset(int to);
  void Drop(int end, int error);
  void FinishIfDrained(int from);
  int64_t TakeReceived(End& end, int64_t n, int* finished);
  void OpenWindow(int to, int64_t bytes);

  End ends_[2];
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_CONNECTION_H_
