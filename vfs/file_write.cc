// write(2), and what else changes files: putpages' writes, fsync, ftruncate.
#include <algorithm>
#include <utility>

#include "vfs/errno.h"
#include "vfs/file_ops.h"
#include "vfs/page_bits.h"
#include "vfs/trace_types.h"

namespace vmsim::vfs {
namespace {

int SeqCountOf(int ioflags) { return ioflags >> 16; }

}  // namespace

// Gives the block a place on the disk if it has none. ENOSPC.
int FileOps::Allocate(Vnode& vnode, Lblkno lblkno, bool* fresh) {
  *fresh = false;
  if (vnode.map.mapped(lblkno)) return 0;
  // Behind its predecessor, so that files written in order are contiguous.
  const Daddr before = lblkno > 0 ? vnode.map.Bmap(lblkno - 1).sector : kHole;
  const int64_t per_block = vnode.mount.sectors_per_block();
  const Daddr preferred = before != kHole ? before + per_block : vnode.allocate_next;
  const DiskSpace::Run run = vnode.mount.space.Allocate(1, preferred);
  if (run.sector == kHole) return kEnospc;
  vnode.map.Map(lblkno, 1, run.sector);
  vnode.allocate_next = run.sector + per_block;
  // What was there belongs to nobody; it must not show, whatever happens to this write.
  vnode.medium.SetRange(lblkno * per_block, per_block, kZeroTag);
  *fresh = true;
  return 0;
}

// The buffer of a block of which bytes [from, to) are going to be written: with the rest of its
// contents, unless there is none. Behind `old_size`, where the file ended before this call, there
// are zeros: they need no disk (ffs_balloc, which allocates them cleared).
sim::Task<BufferCache::ReadResult> FileOps::BlockForWriting(Vnode& vnode, Lblkno lblkno,
                                                            int64_t from, int64_t to,
                                                            int64_t old_size) {
  bool fresh = false;
  const int error = Allocate(vnode, lblkno, &fresh);
  if (error != 0) co_return BufferCache::ReadResult{error, kNoBuf};
  const int64_t start = lblkno * vnode.block_bytes();
  const bool whole = from == 0 && (to == vnode.block_bytes() || start + to >= vnode.size);
  const bool grown = old_size < vnode.size && start < old_size;
  if (!whole && !fresh && !grown) co_return co_await p_.bufs.Bread(vnode, lblkno);
  const BufIndex buf = co_await p_.bufs.GetBlk(vnode, lblkno);
  if (!whole && grown && !p_.bufs.IsValid(buf, start, std::min(old_size, vnode.size))) {
    p_.bufs.Brelse(buf);
    co_return co_await p_.bufs.Bread(vnode, lblkno);
  }
  if (!whole) p_.bufs.ClearInvalid(buf);
  co_return BufferCache::ReadResult{0, buf};
}

// The caller's data come into the pages (uiomove, vfs_bio_set_valid).
sim::Task<void> FileOps::Store(Vnode& vnode, BufIndex buf, int64_t start, int64_t end,
                               std::vector<Tag>* tags) {
  const int64_t first = start / kSectorBytes;
  const int64_t count = (end - 1) / kSectorBytes - first + 1;
  const int64_t pages = (end - 1) / vm::kPageSize - start / vm::kPageSize + 1;
  co_await p_.engine.Consume(pages * p_.vm.config().costs.page_copy_ns);
  const Tag tag = p_.bufs.NextTag();
  vnode.memory.SetRange(first, count, tag);
  p_.bufs.SetValid(buf, start, end);
  if (tags != nullptr) tags->insert(tags->end(), static_cast<size_t>(count), tag);
  if (observer_ != nullptr) observer_->OnStore(vnode, first, count, tag);
}

// How a written buffer leaves (ffs_write). Returns 0 or an errno.
sim::Task<int> FileOps::Dispatch(Vnode& vnode, BufIndex buf, int64_t to, int ioflags) {
  const Lblkno lblkno = p_.bufs[buf].lblkno;
  if ((ioflags & kIoNoReuse) != 0) p_.bufs[buf].noreuse = true;
  if ((ioflags & kIoSync) != 0) co_return co_await p_.bufs.Bwrite(buf);
  const bool short_of =
      p_.vm.domain().severe_set() || p_.bufs.dirty() >= p_.bufs.limits().hidirtybuffers;
  if (short_of || (ioflags & kIoAsync) != 0) {
    co_await p_.bufs.Bawrite(buf);
    co_return 0;
  }
  co_await p_.bufs.Bdwrite(buf);
  const bool to_end = to == vnode.block_bytes();
  const bool ends_cluster = (lblkno + 1) % vnode.mount.cluster_blocks() == 0;
  if (to_end && ends_cluster && SeqCountOf(ioflags) > 1) {
    co_await p_.bufs.WriteCluster(vnode, lblkno);
  }
  co_return 0;
}

// VOP_WRITE, block by block. A file that grows does so with each block. Requires: locked; with
// kIoVmio, the range is inside the file.
sim::Task<int> FileOps::WriteBlocks(Vnode& vnode, int64_t offset, int64_t bytes, int ioflags,
                                    int64_t* written, std::vector<Tag>* tags) {
  const int64_t end = offset + bytes;
  const int64_t bsize = vnode.block_bytes();
  for (int64_t at = offset; at < end;) {
    const Lblkno lblkno = at / bsize;
    const int64_t stop = std::min(end, (lblkno + 1) * bsize);
    const int64_t from = at - lblkno * bsize;
    const int64_t to = stop - lblkno * bsize;
    const int64_t old_size = vnode.size;
    if (stop > old_size) co_await Extend(vnode, stop);
    // Pages that are written out have their contents; so has what else of the block is valid.
    const BufferCache::ReadResult block =
        co_await BlockForWriting(vnode, lblkno, from, to, old_size);
    if (block.error != 0) co_return block.error;
    if ((ioflags & kIoVmio) == 0) co_await Store(vnode, block.buf, at, stop, tags);
    const int error = co_await Dispatch(vnode, block.buf, to, ioflags);
    if (error != 0) co_return error;
    at = stop;
    *written = at - offset;
  }
  co_return 0;
}

sim::Task<int> FileOps::WritePages(Vnode& vnode, int64_t offset, int64_t bytes, int ioflags,
                                   int64_t* written) {
  *written = 0;
  CHECK_LE(offset + bytes, vnode.size, "file=", vnode.name);
  co_return co_await WriteBlocks(vnode, offset, bytes, ioflags | kIoVmio, written, nullptr);
}

sim::Task<IoResult> FileOps::Write(OpenFile& file, int64_t offset, int64_t bytes,
                                   std::vector<Tag>* tags) {
  if (offset < 0 || bytes < 0 || bytes > kMaxCallBytes) co_return IoResult{kEinval, 0};
  if (bytes == 0) co_return IoResult{};
  Vnode& vnode = *file.vnode;
  ++p_.stats.file_writes;
  co_await p_.bufs.WillWrite();
  co_await vnode.lock.Lock(p_.engine, LockType::kExclusive);
  if (file.append) offset = vnode.size;
  IoResult result;
  if (offset > kMaxFileBytes - bytes) {
    result.error = kEfbig;
  } else {
    const int64_t size_before = vnode.size;
    const int seqcount = Heuristic(file.writing, offset, bytes);
    const int ioflags = seqcount << 16 | (file.sync ? int{kIoSync} : 0) |
                        (file.advise_noreuse ? int{kIoNoReuse} : 0);
    result.error = co_await WriteBlocks(vnode, offset, bytes, ioflags, &result.bytes, tags);
    if (result.error != 0) {
      // All or nothing (IO_UNIT), as far as the size is concerned.
      result.bytes = 0;
      if (size_before < vnode.size) co_await Shrink(vnode, size_before);
    } else if (file.sync) {
      NoteSafe(vnode, offset, bytes, p_.bufs.newest_tag());
    }
    file.writing.next = offset + result.bytes;
  }
  vnode.lock.Unlock(p_.engine);
  p_.stats.file_write_bytes += result.bytes;
  co_return result;
}

void FileOps::NoteSafe(Vnode& vnode, int64_t offset, int64_t bytes, Tag tag) {
  if (observer_ == nullptr || bytes <= 0) return;
  const int64_t first = offset / kSectorBytes;
  observer_->OnSafe(vnode, first, SectorsOf(offset + bytes) - first, tag);
}

sim::Task<int> FileOps::VopFsync(Vnode& vnode, bool wait) {
  vm::ObjectSync& sync = p_.vm.sync();
  const bool cleaned = co_await sync.PageClean(vnode.object->id, 0, 0, wait ? 0 : vm::kCleanNoSync);
  const int error = co_await p_.bufs.SyncVnode(vnode, wait);
  if (!wait) co_return 0;
  // Data that were given up earlier: the write of the inode would tell by failing, too.
  const int lost = std::exchange(vnode.write_error, 0);
  if (error != 0) co_return error;
  if (lost != 0) co_return lost;
  co_return cleaned ? 0 : kEio;
}

sim::Task<int> FileOps::Fsync(OpenFile& file) {
  Vnode& vnode = *file.vnode;
  ++p_.stats.file_fsyncs;
  co_await vnode.lock.Lock(p_.engine, LockType::kExclusive);
  // What was stored through mappings so far gets its tags now, so that they are among those promised.
  for (size_t i = 0; i < vnode.stored.size(); ++i) {
    if (vnode.stored[i]) p_.bufs.SettleStores(vnode, static_cast<vm::Pindex>(i));
  }
  const Tag limit = p_.bufs.newest_tag();
  const int error = co_await VopFsync(vnode, /*wait=*/true);
  if (error == 0) NoteSafe(vnode, 0, vnode.size, limit);
  vnode.lock.Unlock(p_.engine);
  co_return error;
}

// A hole: behind the old end there are zeros already, in the page that is in memory and on the disk.
sim::Task<void> FileOps::Extend(Vnode& vnode, int64_t size) {
  co_await p_.pager.SetSize(vnode, size);
  p_.trace.Emit(trace::kFileSize, vnode.id, static_cast<uint64_t>(size), 0);
}

// ffs_truncate to a smaller size. What the last block has behind the end is zeros at once, on the
// disk, too: like the size and the block map it costs no I/O (vfs/mount.h), where the kernel writes
// the block.
sim::Task<void> FileOps::Shrink(Vnode& vnode, int64_t size) {
  const int64_t bsize = vnode.block_bytes();
  const Lblkno blocks = CeilDiv(size, bsize);
  co_await p_.bufs.Truncate(vnode, blocks);
  co_await p_.pager.SetSize(vnode, size);
  for (const Extent& extent : vnode.map.Truncate(blocks)) {
    vnode.mount.space.Free(extent.sector, extent.count);
  }
  const int64_t sectors = SectorsOf(size);
  vnode.memory.Truncate(sectors);
  vnode.medium.Truncate(sectors);
  const auto marks = static_cast<size_t>(blocks);
  if (vnode.read_ahead_mark.size() > marks) vnode.read_ahead_mark.resize(marks);
  if (observer_ != nullptr) observer_->OnTruncate(vnode, sectors);
  p_.trace.Emit(trace::kFileSize, vnode.id, static_cast<uint64_t>(size), 0);
}

sim::Task<int> FileOps::Truncate(OpenFile& file, int64_t size) {
  if (size < 0) co_return kEinval;
  if (size > kMaxFileBytes) co_return kEfbig;
  Vnode& vnode = *file.vnode;
  co_await vnode.lock.Lock(p_.engine, LockType::kExclusive);
  if (size > vnode.size) {
    co_await Extend(vnode, size);
  } else if (size < vnode.size) {
    co_await Shrink(vnode, size);
  }
  vnode.lock.Unlock(p_.engine);
  co_return 0;
}

}  // namespace vmsim::vfs
