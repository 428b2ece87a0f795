#include "net/connection.h"

#include <algorithm>
#include <utility>

#include "net/stream_socket.h"
#include "sim/check.h"

namespace vmsim::net {

namespace {
void Validate(SocketConfig& config) {
  CHECK_GE(config.send_buffer, 1);
  CHECK_GE(config.receive_buffer, 1);
  CHECK_GE(config.send_low_water, 1);
  CHECK_GE(config.receive_low_water, 1);
  config.send_low_water = std::min(config.send_low_water, config.send_buffer);
  config.receive_low_water = std::min(config.receive_low_water, config.receive_buffer);
}
}  // namespace

Connection::Connection(const SocketConfig (&configs)[2], Link* const (&links)[2]) {
  CHECK_EQ(links[0] == nullptr, links[1] == nullptr, "a connection with one link");
  for (int end = 0; end < 2; ++end) {
    ends_[end].config = configs[end];
    Validate(ends_[end].config);
    ends_[end].link = links[end];
  }
  ends_[0].window = ends_[1].config.receive_buffer;
  ends_[1].window = ends_[0].config.receive_buffer;
}

void Connection::SetLowWater(int end, int64_t send, int64_t receive) {
  ends_[end].config.send_low_water = send;
  ends_[end].config.receive_low_water = receive;
  Validate(ends_[end].config);
}

void Connection::Tell(int end, EventMask events) {
  if (ends_[end].socket != nullptr) ends_[end].socket->Tell(events);
}

void Connection::TellWritable(int end) {
  if (Writable(ends_[end])) Tell(end, sim::kWritableEvents);
}

EventMask Connection::Peek(int index) const {
  const End& end = ends_[index];
  EventMask ready = 0;
  if (end.error != 0) ready |= sim::kEventErr;
  if (end.read_shut && end.write_shut) ready |= sim::kEventHUp;
  if (end.read_shut) ready |= sim::kEventRdHUp;
  if (end.read_shut || end.received_bytes >= end.config.receive_low_water) {
    ready |= sim::kReadableEvents;
  }
  if (Writable(end)) ready |= sim::kWritableEvents;
  return ready;
}

// ---- Sending.

IoResult Connection::Write(int index, int64_t n) {
  End& end = ends_[index];
  if (linked() && end.error != 0) return {.error = std::exchange(end.error, 0)};
  if (end.write_shut) return {.error = kEpipe};
  if (n == 0) return {};
  if (n > Space(end) && !Writable(end)) return {.error = kEagain};
  const int64_t taken = std::min(n, Space(end));
  if (taken > 0) end.send.Append(taken);
  end.writing = true;
  Push(index);
  end.writing = false;
  return {.bytes = taken};
}

// Sends what end `from` has to send, as far as it can be sent now.
void Connection::Push(int from) {
  End& end = ends_[from];
  const bool has_some =
      std::min(end.send.ready(), end.window) > 0 || (end.fin_due && end.send.used() == 0);
  if (!has_some || end.in_line) return;
  if (linked()) {
    end.in_line = true;
    end.link->StandInLine(Ref<Connection>(this), from);
    return;
  }
  const Taken taken = TakeSegment(from, end.window);
  if (taken.bytes > 0) ReceiveData(1 - from, taken.bytes);
  if (taken.fin) ReceiveFin(1 - from);
}

Connection::Taken Connection::TakeSegment(int from, int64_t room) {
  End& end = ends_[from];
  Taken taken;
  const bool was_writable = Writable(end);
  taken.bytes = std::min({end.send.ready(), end.window, room});
  end.send.Take(taken.bytes);
  end.window -= taken.bytes;
  taken.fin = end.fin_due && end.send.used() == 0;
  if (taken.fin) end.fin_due = false;
  taken.more = end.link != nullptr && std::min(end.send.ready(), end.window) > 0;
  end.in_line = taken.more;
  if (!was_writable && !end.writing) TellWritable(from);
  return taken;
}

// ---- Sending of pages.

bool Connection::connected(int index) const {
  return !ends_[index].reset && (linked() || ends_[1 - index].socket != nullptr);
}

IoResult Connection::SendSpace(int index, int64_t wanted) {
  End& end = ends_[index];
  if (end.write_shut) return {.error = kEpipe};
  if (end.error != 0) return {.error = std::exchange(end.error, 0)};
  if (!connected(index)) return {.error = kEnotconn};
  if (Space(end) < wanted && !Writable(end)) return {.error = kEagain};
  return {.bytes = Space(end)};
}

int Connection::SendPages(int index, int64_t plain, std::span<const ExternalSegment> external,
                          bool ready, SendBuffer::SegmentId* first) {
  End& end = ends_[index];
  if (end.reset) return kEconnreset;
  if (end.write_shut) return kEpipe;
  if (plain > 0) end.send.Append(plain);
  for (size_t i = 0; i < external.size(); ++i) {
    const SendBuffer::SegmentId id = end.send.AppendExternal(external[i], ready);
    if (i == 0) *first = id;
  }
  end.writing = true;
  Push(index);
  end.writing = false;
  return 0;
}

void Connection::MarkReady(int index, SendBuffer::SegmentId first, int count) {
  ends_[index].send.MarkReady(first, count);
  Push(index);
}

void Connection::AbortNotReady(int index, SendBuffer::SegmentId first, int count) {
  const bool was_reset = ends_[index].reset;
  Drop(index, kEio);
  ends_[index].send.FreeNotReady(first, count);
  if (was_reset) return;
  if (linked()) {
    ends_[index].link->SendControl({Ref<Connection>(this), 1 - index, PacketKind::kReset, 0});
  } else {
    ReceiveReset(1 - index);
  }
}

// ---- Receiving.

void Connection::Arrive(const Packet& packet) {
  const int to = packet.to;
  const bool closed = ends_[to].socket == nullptr;
  switch (packet.kind) {
    case PacketKind::kData:
      if (closed) {
        ends_[to].link->SendControl({packet.connection, 1 - to, PacketKind::kReset, 0});
      } else {
        ReceiveData(to, packet.bytes);
      }
      break;
    case PacketKind::kFin:
      ReceiveFin(to);
      break;
    case PacketKind::kReset:
      ReceiveReset(to);
      break;
    case PacketKind::kWindow:
      ends_[to].window += packet.bytes;
      Push(to);
      TellWritable(to);
      break;
  }
}

void Connection::ReceiveData(int to, int64_t bytes) {
  End& end = ends_[to];
  if (end.read_shut && linked()) {  // Nobody will read it.
    OpenWindow(to, bytes);
    return;
  }
  end.segments.push_back(bytes);
  end.received_bytes += bytes;
  // Linux sock_def_readable: data may be urgent for all it knows.
  if (end.received_bytes >= end.config.receive_low_water) {
    Tell(to, sim::kReadableEvents | sim::kEventPri);
  }
}

void Connection::ReceiveFin(int to) {
  ends_[to].read_shut = true;
  Tell(to, 0);
}

void Connection::ReceiveReset(int to) {
  if (!ends_[to].reset) Drop(to, kEconnreset);
}

// The connection is over: nothing will be sent any more, nothing will come.
void Connection::Drop(int index, int error) {
  End& end = ends_[index];
  end.reset = true;
  end.error = error;
  end.read_shut = end.write_shut = true;
  end.send.Clear();
  end.fin_due = false;
  Tell(index, 0);
}

int64_t Connection::TakeReceived(End& end, int64_t n, int* finished) {
  int64_t taken = 0;
  while (taken < n && !end.segments.empty()) {
    int64_t& segment = end.segments.front();
    const int64_t bytes = std::min(n - taken, segment);
    segment -= bytes;
    taken += bytes;
    if (segment > 0) break;
    end.segments.pop_front();
    ++*finished;
  }
  end.received_bytes -= taken;
  return taken;
}

// End `to` has room for `bytes` more; its sender learns of it.
void Connection::OpenWindow(int to, int64_t bytes) {
  End& end = ends_[to];
  End& sender = ends_[1 - to];
  if (linked()) {
    end.link->SendControl({Ref<Connection>(this), 1 - to, PacketKind::kWindow, bytes});
    return;
  }
  sender.window += bytes;
  Push(1 - to);
}

IoResult Connection::Read(int index, int64_t n, IoMode mode) {
  End& end = ends_[index];
  if (n == 0) return {};
  if (end.received_bytes == 0) {
    if (end.error != 0) return {.error = std::exchange(end.error, 0)};
    return end.read_shut ? IoResult{} : IoResult{.error = kEagain};
  }
  const int64_t enough = std::min(n, end.config.receive_low_water);
  const bool more_may_come = !end.read_shut && end.error == 0;
  if (mode == IoMode::kBlocking && end.received_bytes < enough && more_may_come) {
    return {.error = kEagain};
  }
  int finished = 0;
  const int64_t taken = TakeReceived(end, n, &finished);
  OpenWindow(index, taken);
  if (!linked()) {
    for (; finished > 0; --finished) TellWritable(1 - index);
  }
  return {.bytes = taken};
}

// ---- The end.

void Connection::Shutdown(int index, ShutdownHow how) {
  End& end = ends_[index];
  End& other = ends_[1 - index];
  const bool reading = how != ShutdownHow::kWrite, writing = how != ShutdownHow::kRead;
  if (reading) end.read_shut = true;
  if (writing && !end.write_shut) {
    end.write_shut = true;
    end.fin_due = true;
  }
  Tell(index, 0);
  if (linked()) {
    Push(index);
    return;
  }
  if (reading) other.write_shut = true;
  FinishIfDrained(index);
  Tell(1 - index, 0);
}

// Without links: ends the other end's data if all of it has got there. Else that happens when the
// rest does.
void Connection::FinishIfDrained(int from) {
  End& end = ends_[from];
  if (!end.fin_due || end.send.used() > 0) return;
  end.fin_due = false;
  ends_[1 - from].read_shut = true;
}

void Connection::Close(int index) {
  End& end = ends_[index];
  End& other = ends_[1 - index];
  end.socket = nullptr;
  const bool reset = end.received_bytes > 0;
  int finished = 0;
  TakeReceived(end, end.received_bytes, &finished);
  end.read_shut = true;
  if (!end.write_shut) end.fin_due = true;
  end.write_shut = true;
  if (linked()) {
    if (reset) {
      end.send.Clear();
      end.fin_due = false;
      end.link->SendControl({Ref<Connection>(this), 1 - index, PacketKind::kReset, 0});
    }
    Push(index);
    return;
  }
  other.write_shut = true;
  other.send.Clear();
  other.fin_due = false;
  if (reset) other.error = kEconnreset;
  FinishIfDrained(index);
  Tell(1 - index, 0);
  for (; finished > 0; --finished) TellWritable(1 - index);
}

}  // namespace vmsim::net
