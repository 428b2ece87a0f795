// Rounds of sendfile and their mbufs: each a wired page that is shown by an sf_buf.
#include <utility>

#include "net/sendfile.h"
#include "sim/check.h"
#include "vfs/page_release.h"

namespace vmsim::net {

Sendfile::Sfio& Sendfile::TakeSfio(const Call& call, const SendfileSpan& span) {
  if (free_sfio_ == UINT32_MAX) {
    sfios_.push_back(std::make_unique<Sfio>());
    sfios_.back()->index = free_sfio_ = static_cast<uint32_t>(sfios_.size() - 1);
  }
  Sfio& sfio = *sfios_[free_sfio_];
  free_sfio_ = std::exchange(sfio.next_free, UINT32_MAX);
  sfio.in_use = true;
  sfio.state = Sfio::State::kPaging;
  sfio.object = &call.object;
  sfio.span = span;
  sfio.nios = 1;
  sfio.started = sfio.done = 0;
  sfio.call_holds = true;
  sfio.error = 0;
  sfio.sync = call.sync;
  call.object.PipAdd();
  return sfio;
}

void Sendfile::FreeSfioIfIdle(Sfio& sfio) {
  if (sfio.nios > 0 || sfio.mbufs > 0) return;
  sfio.in_use = false;
  sfio.object = nullptr;
  sfio.pages.clear();
  sfio.sync.reset();
  sfio.next_free = std::exchange(free_sfio_, sfio.index);
}

// Gives each page its sf_buf. Only for the first one it waits: several calls that each had some and
// waited for more would wait for ever. The round ends before the first page that gets none, or that
// was not grabbed. Returns what the call is to fail with after this round: EBUSY, ENOBUFS or 0.
sim::Task<int> Sendfile::MakeMbufs(const Call& call, Sfio& sfio, int readahead) {
  const SendfileSpan asked = sfio.span;
  const int count = asked.pages();
  const bool ends_in_page = (asked.off + asked.len) % vm::kPageSize != 0;
  // The rest of the last page is wanted soon.
  const bool keep_last = ends_in_page && (call.rem > asked.len || readahead > 0);
  int error = 0;
  int kept = 0;
  for (; kept < count; ++kept) {
    if (kept == static_cast<int>(sfio.pages.size())) {
      ++stats_.sf_busy;
      error = kEbusy;
      break;
    }
    const uint32_t flags = kept == 0 ? vm::kSfbCatch : vm::kSfbNoWait;
    const vm::SfBufIndex buf = co_await vfs_.sf_bufs().Alloc(sfio.pages[kept].page, flags);
    if (buf == vm::kNoSfBuf) {
      vfs_.sf_bufs().NoteAllocFail();
      co_await IoWait(sfio, "sfnosf");
      UnwireFrom(sfio, kept);
      if (kept == 0) error = kEnobufs;
      break;
    }
    const bool nocache = (call.request.flags & kSfNocache) != 0;
    SetMbuf(sfio, kept, buf, nocache && !(keep_last && kept == count - 1));
  }
  if (kept < count) sfio.span = asked.First(kept);
  co_return error;
}

void Sendfile::SetMbuf(Sfio& sfio, int page, vm::SfBufIndex buf, bool nocache) {
  vfs_.sf_bufs().Touch(buf, engine_.current_cpu());
  Sfio::Mbuf& mbuf = sfio.pages[page];
  mbuf.buf = buf;
  mbuf.bytes = sfio.span.Bytes(page);
  mbuf.nocache = nocache;
  ++sfio.mbufs;
  ++mbufs_;
  if (sfio.sync != nullptr) ++sfio.sync->count;
}

// Puts the header and the mbufs into the send buffer, and lets go of the round.
int Sendfile::Queue(const Call& call, Sfio& sfio, int64_t header) {
  std::vector<ExternalSegment> segments;
  for (uint32_t i = 0; i < sfio.pages.size(); ++i) {
    segments.push_back({sfio.pages[i].bytes, OnSent, this, uint64_t{sfio.index} << 32 | i});
  }
  const bool ready = sfio.started == 0;
  if (segments.empty() && header == 0) {
    LetGo(sfio, 0);
    return 0;
  }
  Connection& connection = *call.socket->connection();
  if (ready) {
    sfio.state = Sfio::State::kReady;
    LetGo(sfio, 0);
  }
  SendBuffer::SegmentId first = 0;
  const int error = connection.SendPages(call.socket->end(), header, segments, ready, &first);
  if (ready) {
    if (error != 0) FreeMbufs(sfio);
    return error;
  }
  if (!segments.empty()) {
    sfio.state = error == 0 ? Sfio::State::kQueued : Sfio::State::kRefused;
    sfio.connection = call.socket->connection();
    sfio.end = call.socket->end();
    sfio.first_segment = first;
  }
  LetGo(sfio, error);
  return error;
}

// The call's own part of the round is over.
void Sendfile::LetGo(Sfio& sfio, int error) {
  sfio.call_holds = false;
  IoDone(sfio, error);
}

void Sendfile::OnSent(void* context, uint64_t argument) {
  auto* sendfile = static_cast<Sendfile*>(context);
  sendfile->FreeMbuf(*sendfile->sfios_[argument >> 32], static_cast<int>(argument & UINT32_MAX));
}

// sendfile_free_mext.
void Sendfile::FreeMbuf(Sfio& sfio, int page) {
  Sfio::Mbuf& mbuf = sfio.pages[page];
  CHECK_NE(mbuf.page, vm::kNoFrame, "an mbuf is freed twice, sfio ", sfio.index, " page ", page);
  vfs_.sf_bufs().Free(mbuf.buf);
  vfs::ReleasePage(vm_, std::exchange(mbuf.page, vm::kNoFrame), mbuf.nocache);
  --mbufs_;
  --sfio.mbufs;
  if (sfio.sync != nullptr && --sfio.sync->count == 0) sfio.sync->channel.WakeAll();
  FreeSfioIfIdle(sfio);
}

// The last of them may be the end of the round.
void Sendfile::FreeMbufs(Sfio& sfio) {
  const int count = static_cast<int>(sfio.pages.size());
  for (int page = 0; page < count; ++page) FreeMbuf(sfio, page);
}

}  // namespace vmsim::net
