// Writing pages of files, and cutting files.
#include <algorithm>

#include "vfs/file_ops.h"
#include "vfs/page_bits.h"
#include "vfs/vnode_pager.h"

namespace vmsim::vfs {
namespace {

constexpr int kSeqMax = 0x7f << 16;  // IO_SEQMAX << IO_SEQSHIFT

// vnode_pager_putpages_ioflags. Flags that do not exist have no effect.
int IoFlagsOf(int flags) {
  int io = kIoVmio | kSeqMax;
  if ((flags & (vm::kPutSync | vm::kPutInval)) != 0) {
    io |= kIoSync;
  } else if ((flags & vm::kPutClusterOk) == 0) {
    io |= kIoAsync;
  }
  if ((flags & vm::kPutInval) != 0) io |= kIoInval;
  if ((flags & vm::kPutNoReuse) != 0) io |= kIoNoReuse;
  return io;
}

}  // namespace

sim::Task<void> VnodePager::PutPages(vm::Object& object, std::span<const vm::FrameIndex> pages,
                                     int flags, std::span<vm::PagerResult> results) {
  // Short of memory, nobody shall start more than he waits for.
  if (p_.vm.domain().min_set()) flags |= vm::kPutSync;
  const int64_t bytes = static_cast<int64_t>(pages.size()) * vm::kPageSize;
  const vm::PagerResult first = co_await VopPutPages(VnodeOf(object), pages, bytes, flags, results);
  CHECK_EQ(first, results[0]);
}

sim::Task<vm::PagerResult> VnodePager::VopPutPages(Vnode& vnode,
                                                   std::span<const vm::FrameIndex> pages,
                                                   int64_t bytes, int flags,
                                                   std::span<vm::PagerResult> rtvals) {
  CHECK_GT(pages.size(), 0u, "a write of no pages, file=", vnode.name);
  CHECK_EQ(bytes, static_cast<int64_t>(pages.size()) * vm::kPageSize);
  std::fill(rtvals.begin(), rtvals.end(), vm::PagerResult::kError);
  const int64_t offset = int64_t{p_.vm.pages()[pages[0]].pindex} * vm::kPageSize;
  if (vnode.mount.config.put_style == PutStyle::kWhole) {
    co_return co_await PutWhole(vnode, pages, IoFlagsOf(flags), rtvals);
  }
  int64_t inside = bytes;
  const int count = TrimAtEnd(vnode, pages, &inside, rtvals);
  const int64_t reached = co_await WriteRuns(vnode, pages, offset, inside, IoFlagsOf(flags));
  for (int i = 0; i < count; ++i) {
    const bool below = offset + (i + 1) * vm::kPageSize <= reached;
    const bool last = reached == offset + inside && i == count - 1;
    if (below || last || p_.vm.pages()[pages[i]].dirty == 0) rtvals[i] = vm::PagerResult::kOk;
  }
  p_.vm.counters().v_vnodepgsout += count;
  ++p_.vm.counters().v_vnodeout;
  co_return rtvals[0];
}

// One write of all that is inside the file; what it did not reach is dirty still.
sim::Task<vm::PagerResult> VnodePager::PutWhole(Vnode& vnode, std::span<const vm::FrameIndex> pages,
                                                int ioflags, std::span<vm::PagerResult> rtvals) {
  const int64_t offset = int64_t{p_.vm.pages()[pages[0]].pindex} * vm::kPageSize;
  const int64_t lpos = offset + static_cast<int64_t>(pages.size()) * vm::kPageSize;
  const int64_t bytes = std::max<int64_t>(0, std::min(lpos, vnode.size) - offset);
  int64_t written = 0;
  if (bytes > 0) {
    const int error = co_await ops_->WritePages(vnode, offset, bytes, ioflags, &written);
    if (error != 0) p_.bufs.GiveBack(vnode, (offset + written) / vnode.block_bytes());
  }
  p_.vm.counters().v_vnodepgsout += PagesOf(bytes);
  ++p_.vm.counters().v_vnodeout;
  UndirtyPages(pages, rtvals, written, vnode.size, lpos);
  co_return rtvals[0];
}

void VnodePager::UndirtyPages(std::span<const vm::FrameIndex> pages,
                              std::span<vm::PagerResult> rtvals, int64_t written, int64_t eof,
                              int64_t lpos) {
  if (written == 0 && eof >= lpos) return;
  size_t i = 0;
  int64_t at = int64_t{p_.vm.pages()[pages[0]].pindex} * vm::kPageSize;
  for (; i < pages.size() && written >= vm::kPageSize; ++i, at += vm::kPageSize) {
    rtvals[i] = vm::PagerResult::kOk;
    p_.vm.pages()[pages[i]].dirty = 0;
    written -= vm::kPageSize;
  }
  if (written > 0 && i < pages.size()) {
    // The page was begun: what is left of it has to be written another time.
    rtvals[i] = vm::PagerResult::kAgain;
    p_.vm.pages()[pages[i]].dirty &= static_cast<uint8_t>(~PageBits(0, written));
  }
  if (eof >= lpos) return;
  for (; i < pages.size(); ++i, at += vm::kPageSize) {
    vm::Page& page = p_.vm.pages()[pages[i]];
    if (at >= eof) {
      rtvals[i] = vm::PagerResult::kBad;
      if (page.dirty != 0) ++p_.stats.putpages_bad;
    } else if (eof - at < vm::kPageSize) {
      const int64_t inside = RoundUp(eof - at, kSectorBytes);
      if (inside < vm::kPageSize) {
        page.dirty &= static_cast<uint8_t>(~PageBits(inside, vm::kPageSize - inside));
      }
      if (page.dirty == 0) rtvals[i] = vm::PagerResult::kOk;
    }
  }
}

// Pages behind the end have no use (they were overtaken by a truncation); of the page that the file
// ends in only what is inside is written. Returns how many pages are left, and their bytes.
int VnodePager::TrimAtEnd(Vnode& vnode, std::span<const vm::FrameIndex> pages, int64_t* bytes,
                          std::span<vm::PagerResult> rtvals) {
  const int64_t offset = int64_t{p_.vm.pages()[pages[0]].pindex} * vm::kPageSize;
  if (offset + *bytes <= vnode.size) return static_cast<int>(pages.size());
  *bytes = std::max<int64_t>(0, vnode.size - offset);
  const auto count = static_cast<int>(PagesOf(*bytes));
  const int64_t rest = RoundUp(*bytes % vm::kPageSize, kSectorBytes);
  if (rest % vm::kPageSize != 0) {
    p_.vm.pages()[pages[count - 1]].dirty &= PageBits(0, rest);
  }
  for (size_t i = static_cast<size_t>(count); i < pages.size(); ++i) {
    rtvals[i] = vm::PagerResult::kBad;
    if (p_.vm.pages()[pages[i]].dirty != 0) ++p_.stats.putpages_bad;
  }
  return count;
}

// Writes [offset, offset + bytes), one run of dirty sectors after the other. Returns how far it got.
sim::Task<int64_t> VnodePager::WriteRuns(Vnode& vnode, std::span<const vm::FrameIndex> pages,
                                         int64_t offset, int64_t bytes, int ioflags) {
  const auto dirty = [&](int64_t at) {
    const auto i = static_cast<size_t>((at - offset) / vm::kPageSize);
    return (p_.vm.pages()[pages[i]].dirty & PageBits(at % vm::kPageSize, 1)) != 0;
  };
  const int64_t end = offset + bytes;
  int64_t at = offset;
  while (true) {
    while (at < end && !dirty(at)) at = at / kSectorBytes * kSectorBytes + kSectorBytes;
    if (at >= end) co_return end;
    int64_t stop = at + kSectorBytes;
    while (stop < end && dirty(stop)) stop += kSectorBytes;
    stop = std::min(stop, end);
    int64_t written = 0;
    const int error = co_await ops_->WritePages(vnode, at, stop - at, ioflags, &written);
    at += written;
    if (error != 0 && (ioflags & kIoSync) != 0) {
      // The caller is told, so the pages are dirty again, in place of the buffer.
      p_.bufs.GiveBack(vnode, at / vnode.block_bytes());
    }
    if (error != 0 || at < stop) co_return at;
  }
}

// Forgets [base, end) of a page, which is busied. What of its sectors stays keeps its tag.
void VnodePager::SubpagePurge(Vnode& vnode, vm::FrameIndex frame, int64_t base, int64_t end) {
  vm::Page& page = p_.vm.pages()[frame];
  if (page.valid == 0 || base == end) return;
  const int64_t first = int64_t{page.pindex} * kSectorsPerPage;
  const int64_t from = CeilDiv(base, kSectorBytes);
  const int64_t to = end / kSectorBytes;
  if (to > from) vnode.memory.SetRange(first + from, to - from, kZeroTag);
  SetValidRange(frame, base, end - base);
  if (to > from) {
    page.dirty &= static_cast<uint8_t>(~PageBits(from * kSectorBytes, (to - from) * kSectorBytes));
  }
}

// The page at `pindex`, busied, if it is resident.
sim::Task<vm::FrameIndex> VnodePager::GrabResident(Vnode& vnode, vm::Pindex pindex) {
  while (true) {
    const vm::FrameIndex frame = vnode.object->Lookup(pindex);
    if (frame == vm::kNoFrame || p_.vm.pages().TryXbusy(frame)) co_return frame;
    co_await p_.vm.object_ops().BusySleep(frame, "vnpgrb");
  }
}

sim::Task<void> VnodePager::PurgePart(Vnode& vnode, vm::Pindex pindex, int64_t base, int64_t end) {
  const vm::FrameIndex frame = co_await GrabResident(vnode, pindex);
  if (frame == vm::kNoFrame) co_return;
  p_.vm.page_tables().RemoveWrite(frame);
  SubpagePurge(vnode, frame, base, end);
  p_.vm.pages().Xunbusy(frame);
}

sim::Task<void> VnodePager::SetSize(Vnode& vnode, int64_t size) {
  CHECK_GE(size, 0);
  CHECK_LE(size, kMaxFileBytes);
  if (size == vnode.size) co_return;
  vm::Object& object = *vnode.object;
  const auto pages = static_cast<uint32_t>(PagesOf(size));
  if (size < vnode.size) {
    co_await p_.bufs.TrimPages(vnode, size);
    const uint32_t resident = object.resident_page_count;
    if (pages < object.size) {
      co_await p_.vm.object_ops().PageRemove(object.id, pages, object.size);
    }
    p_.stats.truncated_pages += resident - std::min(resident, object.resident_page_count);
    if (size % vm::kPageSize != 0) {
      co_await PurgePart(vnode, static_cast<vm::Pindex>(size / vm::kPageSize), size % vm::kPageSize,
                         vm::kPageSize);
    }
    if (vnode.stored.size() > pages) vnode.stored.resize(pages);
  }
  vnode.size = size;
  object.Resize(pages);
}

sim::Task<void> VnodePager::PurgeRange(Vnode& vnode, int64_t start, int64_t end) {
  CHECK(end == 0 || start <= end, "start=", start, " end=", end);
  const auto first = static_cast<vm::Pindex>(PagesOf(start));
  const auto behind = end == 0 ? vnode.object->size : static_cast<vm::Pindex>(end / vm::kPageSize);
  if (first < behind) {
    co_await p_.vm.object_ops().PageRemove(vnode.object->id, first, behind);
  }
  const int64_t head = start % vm::kPageSize;
  const int64_t tail = end % vm::kPageSize;
  const bool one_page = end != 0 && start / vm::kPageSize == end / vm::kPageSize;
  const auto head_page = static_cast<vm::Pindex>(start / vm::kPageSize);
  if (one_page) {
    if (head != tail) co_await PurgePart(vnode, head_page, head, tail);
    co_return;
  }
  if (head != 0) co_await PurgePart(vnode, head_page, head, vm::kPageSize);
  if (tail != 0) {
    co_await PurgePart(vnode, static_cast<vm::Pindex>(end / vm::kPageSize), 0, tail);
  }
}

}  // namespace vmsim::vfs
