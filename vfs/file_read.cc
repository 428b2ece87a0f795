// read(2): block by block, and ahead of a reader that goes on where it stopped.
//
// A read of a block that is not in memory brings as much of what the call still wants as lies in a
// row on the disk. Behind that, who reads in sequence has clusters read ahead. The mark of a block
// says that whoever comes to it shall look whether there is more to be read ahead:
//
//     call          = = = = . . .         blocks that the call wants
//     first read    s - - -               as one request, which it waits for
//     read ahead            a a a|a a a   clusters, nobody waits
//     marks           *   * *   * *   *
//
// Difference from the kernel: read-ahead starts when the first read is done, not while it is under
// way. A disk that serves one request at a time sees the same; one that serves several overlaps
// them from the second time on.
#include <algorithm>

#include "vfs/errno.h"
#include "vfs/file_ops.h"

namespace vmsim::vfs {
namespace {

constexpr int kSeqUnit = 16384;    // Bytes of a call that count as one step (sequential_heuristic).
constexpr int kSeqCountMax = 127;  // IO_SEQMAX
constexpr int kReadMax = 64;       // vfs.read_max: blocks read ahead.

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

// sequential_heuristic: how sure it is that this call goes on where the last one ended.
int FileOps::Heuristic(OpenFile::Direction& direction, int64_t offset, int64_t bytes) {
  const bool goes_on = offset == direction.next || (offset == 0 && direction.seqcount > 0);
  if (!goes_on) {
    direction.seqcount = direction.seqcount > 1 ? 1 : 0;
    return 0;
  }
  const int64_t steps = CeilDiv(bytes, kSeqUnit);
  direction.seqcount =
      static_cast<int>(std::min<int64_t>(direction.seqcount + steps, kSeqCountMax));
  return direction.seqcount;
}

// In memory, or somebody is about to have it there (gbincore).
bool FileOps::InCore(const Vnode& vnode, Lblkno lblkno) const {
  return vnode.bufs.find(lblkno) != vnode.bufs.end() || p_.bufs.Resident(vnode, lblkno);
}

// The first of the `maxra` blocks from `lblkno` on that is not in memory. What is there gets marks,
// so that somebody looks again before it runs out.
Lblkno FileOps::SkipInCore(Vnode& vnode, Lblkno lblkno, int64_t maxra) {
  const int racluster = vnode.mount.cluster_blocks();
  for (int64_t i = 1; i < maxra; ++i) {
    if (!InCore(vnode, lblkno + i)) return lblkno + i;
    if (i % racluster == racluster - 1 || i == maxra - 1) SetMark(vnode, lblkno + i);
  }
  return lblkno + maxra;
}

// Starts asynchronous clusters from `lblkno` on. The last one to begin before `end` is as long as
// the disk has it in a row.
void FileOps::ReadAheadFrom(Vnode& vnode, Lblkno lblkno, Lblkno end) {
  const Lblkno whole = vnode.size / vnode.block_bytes();
  while (lblkno < end) {
    if (InCore(vnode, lblkno)) {
      ++lblkno;
      continue;
    }
    const auto most = std::min<int64_t>(whole - lblkno, vnode.mount.cluster_blocks());
    const int started = p_.bufs.ReadAhead(vnode, lblkno, static_cast<int>(most));
    if (started == 0) return;  // A hole, or it would have to wait.
    p_.stats.buf_read_aheads += started;
    SetMark(vnode, lblkno);
    SetMark(vnode, lblkno + started - 1);
    lblkno += started;
  }
}

// How many blocks a read of `lblkno` brings: those of the `remaining` bytes of the call that the
// disk has in a row. The block that the file ends in comes alone, unless it is whole.
int FileOps::SyncCluster(const Vnode& vnode, Lblkno lblkno, int64_t remaining) const {
  const BlockMap::Run run = vnode.map.Bmap(lblkno);
  const Lblkno whole = vnode.size / vnode.block_bytes();
  const int64_t blocks = std::min({CeilDiv(remaining, vnode.block_bytes()), whole - lblkno,
                                   int64_t{vnode.mount.cluster_blocks()}, int64_t{run.after} + 1});
  return static_cast<int>(std::max<int64_t>(blocks, 1));
}

// cluster_read: the buffer of a block, with `remaining` bytes of the call from its start on.
sim::Task<BufferCache::ReadResult> FileOps::ClusterRead(Vnode& vnode, Lblkno lblkno,
                                                        int64_t remaining, int seqcount) {
  const Lblkno whole = vnode.size / vnode.block_bytes();
  const int64_t maxra =
      std::min({int64_t{seqcount}, int64_t{kReadMax}, p_.bufs.limits().nbuf / 8, whole - lblkno});
  const bool hit = InCore(vnode, lblkno);
  const int cluster = hit ? 1 : SyncCluster(vnode, lblkno, remaining);
  const BufferCache::ReadResult read = co_await p_.bufs.Bread(vnode, lblkno, cluster);
  if (read.error != 0) co_return read;
  if (!hit) {
    SetMark(vnode, lblkno + std::min(1, cluster - 1));
    SetMark(vnode, lblkno + cluster - 1);
    ReadAheadFrom(vnode, lblkno + cluster, lblkno + maxra);
  } else if (seqcount > 0 && TakeMark(vnode, lblkno)) {
    ReadAheadFrom(vnode, SkipInCore(vnode, lblkno, maxra), lblkno + maxra);
  }
  co_return read;
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
  if (bytes == 0) co_return IoResult{};
  Vnode& vnode = *file.vnode;
  ++p_.stats.file_reads;
  co_await vnode.lock.Lock(p_.engine, LockType::kShared);
  const int seqcount = Heuristic(file.reading, offset, bytes);
  // Not offset + bytes, which may be more than there are numbers.
  const int64_t end = offset + std::min(bytes, std::max<int64_t>(0, vnode.size - offset));
  IoResult result;
  int64_t at = offset;
  while (at < end) {
    const Lblkno lblkno = at / vnode.block_bytes();
    const int64_t stop = std::min(end, (lblkno + 1) * vnode.block_bytes());
    const BufferCache::ReadResult read =
        co_await ClusterRead(vnode, lblkno, end - lblkno * vnode.block_bytes(), seqcount);
    if (read.error != 0) {
      result.error = read.error;
      break;
    }
    if (file.advise_noreuse) p_.bufs[read.buf].noreuse = true;
    const int64_t pages = (stop - 1) / vm::kPageSize - at / vm::kPageSize + 1;
    co_await p_.engine.Consume(pages * p_.vm.config().costs.page_copy_ns);
    CollectTags(vnode, at, stop - at, tags);
    p_.bufs.Brelse(read.buf);
    at = stop;
  }
  file.reading.next = at;
  vnode.lock.Unlock(p_.engine);
  if (result.error == 0) result.bytes = at - offset;
  p_.stats.file_read_bytes += result.bytes;
  co_return result;
}

}  // namespace vmsim::vfs
