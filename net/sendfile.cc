// The loop of sendfile: room, a span of the file, its pages, the send buffer.
#include "net/sendfile.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "net/blocking.h"
#include "sim/check.h"

namespace vmsim::net {
namespace {

constexpr int64_t kPage = vm::kPageSize;

constexpr int64_t TruncPage(int64_t bytes) { return bytes / kPage * kPage; }

int Readahead(uint32_t flags) { return static_cast<int>(flags >> 16); }

// Bytes from `off` on that the call still has to send of a file of `size` bytes; 0 or less: none.
int64_t Remaining(const SendfileRequest& request, int64_t off, int64_t size) {
  const bool to_the_end =
      request.nbytes == 0 || request.nbytes > std::numeric_limits<int64_t>::max() - request.offset;
  return (to_the_end ? size : std::min(request.offset + request.nbytes, size)) - off;
}

// As much as there is room for, in whole pages but for the first and the last of the file's.
SendfileSpan ChooseSpan(int64_t off, int64_t rem, int64_t space) {
  if (space >= rem) return {off, rem};
  if (space <= kPage) return {off, space};
  const int64_t lead = off % kPage != 0 ? kPage - off % kPage : 0;
  return {off, TruncPage(space - lead) + lead};
}

// So that rounds are large (sendfile raises sb_lowat for good).
void RaiseSendLowWater(StreamSocket& socket) {
  const SocketConfig& config = socket.connection()->config(socket.end());
  const int64_t half = config.send_buffer / 2;
  if (config.send_low_water < half) socket.SetSendLowWater(half);
}

}  // namespace

int SendfileSpan::pages() const { return static_cast<int>(vfs::CeilDiv(len + off % kPage, kPage)); }

vm::Pindex SendfileSpan::pindex(int page) const {
  return static_cast<vm::Pindex>(off / kPage + page);
}

int64_t SendfileSpan::InPage(int page) const { return page == 0 ? off % kPage : 0; }

int64_t SendfileSpan::Bytes(int page) const {
  const int64_t start = int64_t{pindex(page)} * kPage;
  return std::min(off + len, start + kPage) - std::max(off, start);
}

SendfileSpan SendfileSpan::First(int count) const {
  if (count == 0) return {off, 0};
  return {off, std::min(len, count * kPage - off % kPage)};
}

Sendfile::Sendfile(vfs::VfsSystem& vfs, SendfileStats& stats)
    : engine_(vfs.engine()), vm_(vfs.vm()), vfs_(vfs), stats_(stats) {}

// Connections of rounds that are cut short may go now, and their mbufs with them; mbufs that no
// connection has, when a thread ended in the middle, go as they are.
Sendfile::~Sendfile() {
  for (const auto& sfio : sfios_) sfio->connection.reset();
  for (const auto& sfio : sfios_) {
    const bool unqueued =
        sfio->state == Sfio::State::kPaging || sfio->state == Sfio::State::kRefused;
    if (sfio->in_use && unqueued) mbufs_ -= sfio->mbufs;
  }
  CHECK_EQ(mbufs_, 0, "a connection outlives the sendfile whose pages it carries");
}

int64_t Sendfile::rounds_reading() const {
  return std::count_if(sfios_.begin(), sfios_.end(), [](const auto& sfio) {
    return sfio->in_use && sfio->nios > (sfio->call_holds ? 1 : 0);
  });
}

sim::Task<SendfileResult> Sendfile::Send(SendfileRequest request) {
  co_await engine_.Consume(vm_.config().costs.syscall_ns);
  const bool negative = request.offset < 0 || request.nbytes < 0 || request.header_bytes < 0 ||
                        request.trailer_bytes < 0;
  if (negative || request.vnode == nullptr || request.socket == nullptr) {
    co_return SendfileResult{kEinval, 0};
  }
  Ref<StreamSocket> socket(request.socket);
  co_await request.vnode->lock.Lock(engine_, vfs::LockType::kShared);
  if (request.vnode->doomed) {
    request.vnode->lock.Unlock(engine_);
    co_return SendfileResult{kEnoent, 0};
  }
  Call call{.request = request, .socket = std::move(socket), .object = *request.vnode->object};
  vm_.object_ops().Reference(call.object);
  call.size = request.vnode->size;
  request.vnode->lock.Unlock(engine_);
  call.off = request.offset;
  call.rem = Remaining(request, call.off, call.size);
  call.header = request.header_bytes;
  if ((request.flags & kSfSync) != 0) call.sync = std::make_shared<Sync>();
  int error = kEnotconn;
  if (call.socket->connected()) {
    ++stats_.sf_syscalls;
    stats_.sf_rhpages_requested += Readahead(request.flags);
    error = co_await Locked(call);
  }
  if (error == 0 && !call.cut) error = co_await SendTrailer(call);
  // Not even a signal ends this.
  while (call.sync != nullptr && call.sync->count > 0) {
    co_await call.sync->channel.Sleep(engine_, sim::kPriorityUser, "sfsync");
  }
  co_await vm_.Deallocate(call.object.id);
  co_return SendfileResult{error, call.sent};
}

// One call at a time, so that the parts of a file are not mixed with another's.
sim::Task<int> Sendfile::Locked(Call& call) {
  int error = co_await call.socket->LockSend();
  if (error != 0) co_return error;
  while (error == 0 && !call.cut && call.rem > 0) error = co_await Round(call);
  call.socket->UnlockSend();
  co_return error;
}

sim::Task<int> Sendfile::Round(Call& call) {
  RaiseSendLowWater(*call.socket);
  const IoResult room = co_await WaitForSpace(call);
  if (room.error != 0) co_return room.error;
  const int64_t header = std::min(call.header, room.bytes);
  if (header == room.bytes) {
    SendBuffer::SegmentId none = 0;
    const int error = call.socket->connection()->SendPages(call.socket->end(), header, {},
                                                           /*ready=*/true, &none);
    if (error != 0) co_return error;
    call.header -= header;
    call.sent += header;
    co_return 0;
  }
  int error = co_await LockVnode(call);
  if (error != 0 || call.cut) co_return error;
  const SendfileSpan span = ChooseSpan(call.off, call.rem, room.bytes - header);
  const int readahead = ReadAhead(call, span);
  Sfio& sfio = TakeSfio(call, span);
  error = co_await Swapin(call, sfio, readahead);
  int soft_error = 0;
  if (error == 0) soft_error = co_await MakeMbufs(call, sfio, readahead);
  call.request.vnode->lock.Unlock(engine_);
  if (error != 0) {
    LetGo(sfio, error);
    co_return error;
  }
  // What there is goes out before the call fails.
  const int64_t len = sfio.span.len;
  error = Queue(call, sfio, header);
  if (error != 0) co_return error;
  call.off += len;
  call.rem -= len;
  call.header -= header;
  call.sent += len + header;
  co_return soft_error;
}

sim::Task<IoResult> Sendfile::WaitForSpace(Call& call) {
  auto attempt = [&] { return call.socket->SendSpace(call.rem); };
  if (call.request.nonblocking) co_return attempt();
  co_return co_await Retry(*call.socket, sim::kWritableEvents, sim::kNever, "sbwait", attempt);
}

// Locks the vnode, shared, and takes note of a new size. With an error, or `cut` set, it is not
// locked.
sim::Task<int> Sendfile::LockVnode(Call& call) {
  vfs::Vnode& vnode = *call.request.vnode;
  co_await vnode.lock.Lock(engine_, vfs::LockType::kShared);
  call.cut = call.off >= vnode.size;
  const int error = vnode.doomed ? kEnoent : 0;
  if (error != 0 || call.cut) {
    vnode.lock.Unlock(engine_);
    co_return error;
  }
  if (vnode.size != call.size) {
    call.size = vnode.size;
    call.rem = Remaining(call.request, call.off, call.size);
  }
  co_return 0;
}

// How many pages behind the span may be read with it: without a wish of the caller's, the rest of
// what he wants to send.
int Sendfile::ReadAhead(const Call& call, const SendfileSpan& span) const {
  const uint32_t flags = call.request.flags;
  int64_t pages = Readahead(flags);
  if ((flags & kSfUserReadahead) == 0) {
    pages += vfs::CeilDiv(call.rem + span.off % kPage, kPage) - span.pages();
  }
  const int64_t maxphys = vm_.config().tunables.maxphys / kPage;
  const int64_t left = vfs::CeilDiv(call.size - TruncPage(span.off), kPage) - span.pages();
  return static_cast<int>(std::min({pages, maxphys, left}));
}

sim::Task<int> Sendfile::SendTrailer(Call& call) {
  const int64_t bytes = call.request.trailer_bytes;
  if (bytes == 0) co_return 0;
  IoResult result;
  if (call.request.nonblocking) {
    result = call.socket->TryWrite(bytes, IoMode::kNonBlocking);
  } else {
    result = co_await Write(call.socket, bytes);
  }
  call.sent += result.bytes;
  co_return result.error;
}

}  // namespace vmsim::net
