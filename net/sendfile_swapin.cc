// Bringing the pages of a round into memory (sendfile_swapin, sendfile_iodone, sendfile_iowait).
#include <algorithm>
#include <utility>

#include "net/sendfile.h"
#include "sim/check.h"
#include "vfs/page_bits.h"
#include "vfs/page_grab.h"

namespace vmsim::net {

// Grabs the pages of the round, as many as it gets, and starts to read those that are not valid.
// EIO: nothing is grabbed any more.
sim::Task<int> Sendfile::Swapin(const Call& call, Sfio& sfio, int readahead) {
  const int asked = sfio.span.pages();
  const bool no_wait = (call.request.flags & kSfNodiskio) != 0;
  std::vector<vm::FrameIndex> frames(static_cast<size_t>(asked));
  const int grabbed =
      co_await vfs::GrabPages(vm_, *sfio.object, sfio.span.pindex(0), frames, no_wait);
  for (int i = 0; i < grabbed; ++i) sfio.pages.push_back({.page = frames[i]});
  co_await engine_.Consume(grabbed * vm_.config().costs.pte_ns);
  co_return co_await FillPages(sfio, *call.request.vnode, grabbed < asked ? 0 : readahead);
}

sim::Task<int> Sendfile::FillPages(Sfio& sfio, vfs::Vnode& vnode, int readahead) {
  const int count = static_cast<int>(sfio.pages.size());
  for (int i = 0; i < count;) {
    const vm::FrameIndex frame = sfio.pages[i].page;
    if (NeededIsValid(sfio, vnode, i)) {
      ++stats_.sf_pages_valid;
      vm_.pages().Xunbusy(frame);
      ++i;
      continue;
    }
    int before = 0;
    int after = 0;
    if (!vfs_.pager().HasPage(*sfio.object, sfio.span.pindex(i), &before, &after)) {
      co_await engine_.Consume(vm_.config().costs.page_zero_ns);
      vfs_.pager().ZeroInvalid(vnode, frame);
      vm_.pages().Xunbusy(frame);
      ++i;
      continue;
    }
    const int run = RunLength(sfio, vnode, i, after);
    const int error = co_await Read(sfio, vnode, i, run, readahead);
    if (error != 0) co_return error;
    i += run;
  }
  if (sfio.started == 0 && count > 0) ++stats_.sf_noiocnt;
  co_return 0;
}

// Whether what is to be sent of the page is there (vm_page_is_valid). A page that is partly valid
// is one that the file ended in; it has grown since, with zeros in this page.
bool Sendfile::NeededIsValid(const Sfio& sfio, vfs::Vnode& vnode, int page) {
  const vm::FrameIndex frame = sfio.pages[page].page;
  const uint8_t valid = vm_.pages()[frame].valid;
  const uint8_t needed = vfs::PageBits(sfio.span.InPage(page), sfio.span.Bytes(page));
  if ((valid & needed) == needed) return true;
  if (valid == 0 || vnode.block_bytes() < vm::kPageSize) return false;
  vfs_.pager().ZeroInvalid(vnode, frame);
  return true;
}

// Pages from `page` on that one read may take, the disk having `after` more in a row. What maxphys
// cuts off begins with a block: the page next to be read must not be busy while a buffer of the
// same block is filled.
int Sendfile::RunLength(const Sfio& sfio, const vfs::Vnode& vnode, int page, int after) const {
  const int left = static_cast<int>(sfio.pages.size()) - page;
  const int run = std::min(after + 1, left);
  const int maxphys = static_cast<int>(vm_.config().tunables.maxphys / vm::kPageSize);
  if (run <= maxphys) return run;
  const auto per_block = std::max<int64_t>(1, vnode.block_bytes() / vm::kPageSize);
  const int64_t end = (int64_t{sfio.span.pindex(page)} + maxphys) / per_block * per_block;
  const int cut = static_cast<int>(end - int64_t{sfio.span.pindex(page)});
  return cut > 0 ? cut : maxphys;
}

// Starts the read of pages [page, page + run). Valid ones at the end are left out; in the middle
// the bogus page stands for them, for there may be newer contents than the disk's in them.
sim::Task<int> Sendfile::Read(Sfio& sfio, vfs::Vnode& vnode, int page, int run, int readahead) {
  const auto take_valid = [&](int i) {
    if (!NeededIsValid(sfio, vnode, i)) return false;
    ++stats_.sf_pages_valid;
    vm_.pages().Xunbusy(sfio.pages[i].page);
    return true;
  };
  int count = run;
  while (count > 1 && take_valid(page + count - 1)) --count;
  std::vector<vm::FrameIndex> frames;
  for (int i = page; i < page + count; ++i) {
    const bool ends = i == page || i == page + count - 1;
    const bool bogus = !ends && take_valid(i);
    stats_.sf_pages_bogus += bogus;
    frames.push_back(bogus ? vfs::kBogusFrame : sfio.pages[i].page);
  }
  ++sfio.nios;
  ++sfio.started;
  const bool last = page + count == static_cast<int>(sfio.pages.size());
  int ahead = last ? readahead : 0;
  const vm::PagerResult result =
      co_await vfs_.pager().GetPagesAsync(*sfio.object, frames, &ahead, OnRead, this, sfio.index);
  if (result != vm::PagerResult::kOk) {
    co_await IoWait(sfio, "sferrio");
    for (size_t i = static_cast<size_t>(page + run); i < sfio.pages.size(); ++i) {
      vm_.pages().Xunbusy(sfio.pages[i].page);
    }
    UnwireFrom(sfio, 0);
    co_return kEio;
  }
  ++stats_.sf_iocnt;
  stats_.sf_pages_read += count;
  stats_.sf_rhpages_read += ahead;
  co_return 0;
}

// Polls, tick by tick, until all reads of the round have come back.
sim::Task<void> Sendfile::IoWait(Sfio& sfio, std::string_view message) {
  while (sfio.nios != 1) {
    co_await sim::Pause(engine_, sim::kSecond / vm_.config().tunables.hz, message);
  }
}

// Gives up pages that will not be sent.
void Sendfile::UnwireFrom(Sfio& sfio, int page) {
  for (size_t i = static_cast<size_t>(page); i < sfio.pages.size(); ++i) {
    vm_.allocator().Unwire(sfio.pages[i].page, vm::QueueId::kInactive);
  }
  sfio.pages.resize(static_cast<size_t>(page));
}

void Sendfile::OnRead(void* context, uint64_t index, std::span<const vm::FrameIndex> pages,
                      int error) {
  auto* sendfile = static_cast<Sendfile*>(context);
  Sfio& sfio = *sendfile->sfios_[index];
  for (const vm::FrameIndex frame : pages) {
    if (frame != vfs::kBogusFrame) sendfile->vm_.pages().Xunbusy(frame);
  }
  ++sfio.done;
  sendfile->IoDone(sfio, error);
}

// One read less, or the call lets go. When nobody is left, the mbufs are ready; if a read failed,
// there is a hole in what was promised, and the connection has to go.
void Sendfile::IoDone(Sfio& sfio, int error) {
  if (error != 0) sfio.error = error;
  CHECK_GT(sfio.nios, 0, "sfio ", sfio.index);
  if (sfio.nios > 1) {
    --sfio.nios;
    return;
  }
  sfio.object->PipWakeup();
  const Ref<Connection> connection = std::move(sfio.connection);
  const Sfio::State state = std::exchange(sfio.state, Sfio::State::kReady);
  const int count = static_cast<int>(sfio.pages.size());
  if (state == Sfio::State::kRefused) {
    connection->AbortNotReady(sfio.end, 0, 0);
    FreeMbufs(sfio);
  } else if (state == Sfio::State::kQueued && sfio.error != 0) {
    connection->AbortNotReady(sfio.end, sfio.first_segment, count);
  } else if (state == Sfio::State::kQueued) {
    connection->MarkReady(sfio.end, sfio.first_segment, count);
  }
  sfio.nios = 0;
  FreeSfioIfIdle(sfio);
}

}  // namespace vmsim::net
