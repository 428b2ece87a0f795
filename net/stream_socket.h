// net/stream_socket.h: an end of a connection as a file.
//
// A pair is connected from the start. Without links it is a local one (socketpair); with two links
// its ends are on two hosts, or on one whose link leads back.
#ifndef VMSIM_NET_STREAM_SOCKET_H_
#define VMSIM_NET_STREAM_SOCKET_H_

#include <cstdint>
#include <string_view>

#include "net/connection.h"
#include "net/file.h"
#include "net/link.h"
#include "net/ref.h"
#include "sim/task.h"
#include "sim/wait_channel.h"

namespace vmsim::net {

struct SocketPair {
  Ref<StreamSocket> a, b;
};

class StreamSocket final : public File {
 public:
  // Both null if the host has all the files it may have (ENFILE).
  static SocketPair CreatePair(OpenFiles& files, const SocketConfig& config = {});
  // `a_to_b` carries what `a` sends. The ends may be files of different hosts, on one engine. The
  // links outlive the sockets.
  struct EndConfig {
    OpenFiles& files;
    const SocketConfig& config;
    Link& sends_on;
  };
  static SocketPair CreatePair(const EndConfig& a, const EndConfig& b);

  // EAGAIN if there is nothing; in mode kBlocking, also if there is less than the low-water mark and
  // less than `n`. 0 bytes at the end of data. ECONNRESET, once.
  IoResult TryRead(int64_t n, IoMode mode) override;
  // Takes what fits, if that is all or at least the low-water mark; else EAGAIN. EPIPE if either
  // side of the way is shut. ECONNRESET, once, with links.
  IoResult TryWrite(int64_t n, IoMode mode) override;
  void Shutdown(ShutdownHow how) { connection_->Shutdown(end_, how); }

  // SO_SNDLOWAT, SO_RCVLOWAT. EINVAL below 1.
  int SetSendLowWater(int64_t bytes);
  int SetReceiveLowWater(int64_t bytes);

  int64_t unread() const { return connection_->unread(end_); }
  int64_t unsent() const { return connection_->unsent(end_); }

  // For sendfile. One call at a time may send its file (SOCK_IO_SEND_LOCK); plain writes do not
  // ask. EINTR if a signal came first: not locked.
  sim::Task<int> LockSend();
  void UnlockSend();
  bool connected() const { return connection_->connected(end_); }
  // Connection::SendSpace.
  IoResult SendSpace(int64_t wanted) { return connection_->SendSpace(end_, wanted); }
  // What is left of the connection when the socket is closed; and which end this is.
  const Ref<Connection>& connection() const { return connection_; }
  int end() const { return end_; }

  std::string_view kind() const override { return "socket"; }
  EventMask Peek(EventMask mask) const override;

 private:
  friend class Connection;

  StreamSocket(OpenFiles& files, Ref<Connection> connection, int end);
  ~StreamSocket() override = default;
  void OnLastClose() override { connection_->Close(end_); }
  static SocketPair Connect(OpenFiles& a, OpenFiles& b, const Ref<Connection>& connection);
  void Tell(EventMask events) { Notify(events); }

  const Ref<Connection> connection_;
  const int end_;
  bool send_locked_ = false;
  sim::WaitChannel send_lock_;  // "sblock"
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_STREAM_SOCKET_H_
