// read(2): block by block, and ahead of a reader that goes on where it stopped.
#include <algorithm>

#include "vfs/errno.h"
#include "vfs/file_ops.h"

namespace vmsim::vfs {
namespace {

constexpr int kSeqUnit = 16384;  // Bytes of a call that count as one step (sequential_heuristic).
constexpr int kSeqCountMax = 127;
constexpr int kReadMax = 64;  // vfs.read_max: blocks read ahead.

}  // namespace

// sequential_heuristic: how sure it is that the next call begins where this one ends.
int FileOps::Heuristic(OpenFile::Direction& direction, int64_t offset, int64_t bytes) {
  const bool goes_on = offset == direction.next || (offset == 0 && direction.seqcount > 0);
  direction.next = offset + bytes;
  if (goes_on) {
    const int64_t steps = CeilDiv(bytes, kSeqUnit);
    direction.seqcount =
        static_cast<int>(std::min<int64_t>(direction.seqcount + steps, kSeqCountMax));
    return direction.seqcount;
  }
  direction.seqcount = direction.seqcount > 1 ? 1 : 0;
  return 0;
}

namespace {

bool TakeMark(Vnode& vnode, Lblkno lblkno) {
  const auto i = static_cast<size_t>(lblkno);
  if (i >= vnode.read_ahead_mark.size() || !vnode.read_ahead_mark[i]) return false;
  vnode.read_ahead_mark[i] = false;
  return true;
}

void SetMark(Vnode& vnode, Lblkno lblkno) {
  const auto i = static_cast<size_t>(lblkno);
  if (i >= vnode.read_ahead_mark.size()) {
    vnode.read_ahead_mark.resize(static_cast<size_t>(CeilDiv(vnode.size, vnode.block_bytes())));
  }
  if (i < vnode.read_ahead_mark.size()) vnode.read_ahead_mark[i] = true;
}

}  // namespace

// Starts asynchronous clusters from `lblkno` on, up to but not including block `end`. Whoever comes
// to the second block of one (or to its only one) reads on from there.
void FileOps::ReadAheadFrom(Vnode& vnode, Lblkno lblkno, Lblkno end) {
  while (lblkno < end) {
    const auto most = std::min<int64_t>(end - lblkno, vnode.mount.cluster_blocks());
    const int started = p_.bufs.ReadAhead(vnode, lblkno, static_cast<int>(most));
    if (started == 0) return;
    p_.stats.buf_read_aheads += started;
    SetMark(vnode, lblkno + (started > 1 ? 1 : 0));
    lblkno += started;
  }
}

// cluster_read: the buffer of a block, with `remaining` bytes of the call from its start on.
sim::Task<BufferCache::ReadResult> FileOps::ClusterRead(Vnode& vnode, Lblkno lblkno,
                                                        int64_t remaining, int seqcount) {
  const Lblkno blocks = CeilDiv(vnode.size, vnode.block_bytes());
  const int64_t cap = std::min<int64_t>(kReadMax, p_.bufs.limits().nbuf / 8);
  const Lblkno end = std::min(blocks, lblkno + 1 + std::min<int64_t>(seqcount, cap));
  const bool marked = TakeMark(vnode, lblkno);
  if (p_.bufs.Resident(vnode, lblkno)) {
    if (marked && seqcount > 0) {
      Lblkno next = lblkno + 1;
      while (next < end && p_.bufs.Resident(vnode, next)) ++next;
      ReadAheadFrom(vnode, next, end);
    }
    co_return co_await p_.bufs.Bread(vnode, lblkno);
  }
  // The call itself wants so many blocks; they come in one transfer, as far as they are contiguous.
  const int64_t wanted = std::min({CeilDiv(remaining, vnode.block_bytes()), blocks - lblkno,
                                   int64_t{vnode.mount.cluster_blocks()}});
  const int cluster = static_cast<int>(std::max<int64_t>(wanted, 1));
  if (seqcount > 0) ReadAheadFrom(vnode, lblkno + cluster, end);
  SetMark(vnode, lblkno + std::min(1, cluster - 1));
  co_return co_await p_.bufs.Bread(vnode, lblkno, cluster);
}

void FileOps::CollectTags(Vnode& vnode, int64_t offset, int64_t bytes, std::vector<Tag>* tags) {
  if (tags == nullptr) return;
  const int64_t first = offset / kSectorBytes;
  const int64_t last = (offset + bytes - 1) / kSectorBytes;
  for (int64_t sector = first; sector <= last; ++sector) {
    const auto pindex = static_cast<vm::Pindex>(sector / kSectorsPerPage);
    if (sector == first || sector % kSectorsPerPage == 0) p_.bufs.SettleStores(vnode, pindex);
    tags->push_back(vnode.memory.Get(sector));
  }
}

sim::Task<IoResult> FileOps::Read(OpenFile& file, int64_t offset, int64_t bytes,
                                  std::vector<Tag>* tags) {
  if (offset < 0 || bytes < 0 || bytes > kMaxCallBytes) co_return IoResult{kEinval, 0};
  Vnode& vnode = *file.vnode;
  ++p_.stats.file_reads;
  co_await vnode.lock.Lock(p_.engine, LockType::kShared);
  const int64_t end = std::min(vnode.size, offset + bytes);
  IoResult result;
  const int seqcount = Heuristic(file.reading, offset, bytes);
  for (int64_t at = offset; at < end && result.error == 0;) {
    const Lblkno lblkno = at / vnode.block_bytes();
    const int64_t stop = std::min(end, (lblkno + 1) * vnode.block_bytes());
    const BufferCache::ReadResult read =
        co_await ClusterRead(vnode, lblkno, end - lblkno * vnode.block_bytes(), seqcount);
    if (read.error != 0) {
      result.error = read.error;
      break;
    }
    p_.bufs[read.buf].noreuse = file.advise_noreuse;
    const int64_t pages = (stop - 1) / vm::kPageSize - at / vm::kPageSize + 1;
    co_await p_.engine.Consume(pages * p_.vm.config().costs.page_copy_ns);
    CollectTags(vnode, at, stop - at, tags);
    p_.bufs.Brelse(read.buf);
    at = stop;
    result.bytes = at - offset;
  }
  vnode.lock.Unlock(p_.engine);
  if (result.error != 0) result.bytes = 0;
  p_.stats.file_read_bytes += result.bytes;
  co_return result;
}

}  // namespace vmsim::vfs
