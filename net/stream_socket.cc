#include "net/stream_socket.h"

#include <utility>

#include "sim/check.h"

namespace vmsim::net {

StreamSocket::StreamSocket(OpenFiles& files, Ref<Connection> connection, int end)
    : File(files), connection_(std::move(connection)), end_(end) {
  connection_->set_socket(end_, this);
}

SocketPair StreamSocket::Connect(OpenFiles& a, OpenFiles& b, const Ref<Connection>& connection) {
  const bool same = &a == &b;
  if (!a.HasRoom(same ? 2 : 1) || !b.HasRoom(1)) return {};
  SocketPair pair;
  pair.a = Ref<StreamSocket>(new StreamSocket(a, connection, 0));
  pair.b = Ref<StreamSocket>(new StreamSocket(b, connection, 1));
  return pair;
}

SocketPair StreamSocket::CreatePair(OpenFiles& files, const SocketConfig& config) {
  const SocketConfig configs[2] = {config, config};
  Link* const links[2] = {nullptr, nullptr};
  return Connect(files, files, Ref<Connection>(new Connection(configs, links)));
}

SocketPair StreamSocket::CreatePair(const EndConfig& a, const EndConfig& b) {
  const SocketConfig configs[2] = {a.config, b.config};
  Link* const links[2] = {&a.sends_on, &b.sends_on};
  return Connect(a.files, b.files, Ref<Connection>(new Connection(configs, links)));
}

IoResult StreamSocket::TryRead(int64_t n, IoMode mode) { return connection_->Read(end_, n, mode); }

IoResult StreamSocket::TryWrite(int64_t n, IoMode) { return connection_->Write(end_, n); }

int StreamSocket::SetSendLowWater(int64_t bytes) {
  if (bytes < 1) return kEinval;
  connection_->SetLowWater(end_, bytes, connection_->config(end_).receive_low_water);
  return 0;
}

int StreamSocket::SetReceiveLowWater(int64_t bytes) {
  if (bytes < 1) return kEinval;
  connection_->SetLowWater(end_, connection_->config(end_).send_low_water, bytes);
  return 0;
}

sim::Task<int> StreamSocket::LockSend() {
  while (send_locked_) {
    const int error = co_await send_lock_.Sleep(files().engine(), sim::kPriorityUser, "sblock",
                                                {.interruptible = true});
    if (error != sim::kAwakened) co_return error;
  }
  send_locked_ = true;
  co_return 0;
}

void StreamSocket::UnlockSend() {
  CHECK(send_locked_, "the socket is not locked");
  send_locked_ = false;
  send_lock_.WakeOne();
}

EventMask StreamSocket::Peek(EventMask mask) const {
  return connection_->Peek(end_) & (mask | sim::kUnaskedEvents);
}

}  // namespace vmsim::net
