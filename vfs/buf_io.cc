// What buffers read and write: transfers of one buffer or a cluster of them.
#include <algorithm>

#include "vfs/buf.h"
#include "vfs/page_bits.h"
#include "vfs/trace_types.h"

namespace vmsim::vfs {

// Shared-busies a page; sleeps while it is being filled or changed (vfs_busy_pages_acquire).
sim::Task<void> BufferCache::Sbusy(vm::FrameIndex frame) {
  while (!vm_.pages().TrySbusy(frame)) co_await vm_.object_ops().BusySleep(frame, "vbpage");
}

bool BufferCache::NeedsLoad(const Buf& buf, int page) const {
  const uint8_t bits = BitsOf(buf, page);
  return (vm_.pages()[buf.pages[page]].valid & bits) != bits;
}

// Busies the pages that a read will fill: those that are not valid as a whole (the kernel puts the
// bogus page in the place of others).
sim::Task<bool> BufferCache::BusyForRead(BufIndex index) {
  Buf& buf = *bufs_[index];
  for (int i = 0; i < buf.npages; ++i) {
    if (!NeedsLoad(buf, i)) continue;
    co_await Sbusy(buf.pages[i]);
    if (NeedsLoad(buf, i)) {
      buf.loading |= static_cast<uint16_t>(1u << i);
    } else {
      vm_.pages().Sunbusy(buf.pages[i]);
    }
  }
  co_return buf.loading != 0;
}

// A block that is not on the disk reads as zeros (vfs_bio_clrbuf).
void BufferCache::ZeroHole(Buf& buf) {
  for (int i = 0; i < buf.npages; ++i) FillInvalid(buf, i, kZeroTag, nullptr, INT64_MAX);
}

// Gives the invalid sectors of a page the tags of `from`, as far as the transfer came, or else `tag`.
void BufferCache::FillInvalid(Buf& buf, int i, Tag tag, const SectorTags* from,
                              int64_t end_sector) {
  Vnode& vnode = *buf.vnode;
  vm::Page& page = vm_.pages()[buf.pages[i]];
  const uint8_t missing = BitsOf(buf, i) & static_cast<uint8_t>(~page.valid);
  const int64_t first = int64_t{page.pindex} * kSectorsPerPage;
  for (int s = 0; s < kSectorsPerPage; ++s) {
    if ((missing >> s & 1) == 0) continue;
    if (from != nullptr && first + s < end_sector) {
      vnode.memory.CopyRange(*from, first + s, 1);
    } else {
      vnode.memory.Set(first + s, tag);
    }
  }
  page.valid |= missing;
}

// A dirty buffer whose block the file has grown in could not be completed: it is what it was before.
void BufferCache::TrimToValid(Buf& buf) {
  const int64_t start = buf.lblkno * buf.vnode->block_bytes();
  int64_t bytes = 0;
  while (bytes < buf.bytes) {
    const int64_t at = start + bytes;
    const auto i = static_cast<int>(at / vm::kPageSize - start / vm::kPageSize);
    const uint8_t bit = PageBits(at % vm::kPageSize, 1);
    if ((vm_.pages()[buf.pages[i]].valid & bit) == 0) break;
    bytes += kSectorBytes;
  }
  buf.bytes = bytes;
  DetachPages(buf, PagesFor(buf));
}

// Whether some of the block is valid in memory: such a one ends a cluster (cluster_rbuild).
bool BufferCache::PartlyResident(const Vnode& vnode, Lblkno lblkno) const {
  const int64_t start = lblkno * vnode.block_bytes();
  const int64_t end = start + vnode.BufBytes(lblkno);
  for (int64_t at = start; at < end; at = (at / vm::kPageSize + 1) * vm::kPageSize) {
    const auto pindex = static_cast<vm::Pindex>(at / vm::kPageSize);
    const vm::FrameIndex frame = vnode.object->Lookup(pindex);
    if (frame == vm::kNoFrame) continue;
    if ((vm_.pages()[frame].valid & PageBitsOf(pindex, start, end)) != 0) return true;
  }
  return false;
}

// Chains the blocks behind a buffer that is going to be read to it, as far as they can come in the
// same transfer.
void BufferCache::GrowRead(BufIndex first, int count) {
  Vnode& vnode = *bufs_[first]->vnode;
  const Lblkno lblkno = bufs_[first]->lblkno;
  const Daddr start = bufs_[first]->sector;
  BufIndex last = first;
  for (int i = 1; i < count && vnode.BufBytes(lblkno + i) > 0; ++i) {
    const Daddr sector = vnode.map.Bmap(lblkno + i).sector;
    if (sector != start + i * vnode.mount.sectors_per_block()) return;
    if (PartlyResident(vnode, lblkno + i)) return;
    const BufIndex index = TryReadAheadBuf(vnode, lblkno + i);
    if (index == kNoBuf) return;
    bufs_[index]->sector = sector;
    bufs_[index]->async = true;
    bufs_[last]->next = index;
    last = index;
  }
}

sim::Task<BufferCache::ReadResult> BufferCache::Bread(Vnode& vnode, Lblkno lblkno, int cluster) {
  const BufIndex index = co_await GetBlk(vnode, lblkno);
  Buf& buf = *bufs_[index];
  buf.sector = vnode.map.Bmap(lblkno).sector;
  if (buf.sector == kHole) {
    ZeroHole(buf);
    co_return ReadResult{0, index};
  }
  if (!co_await BusyForRead(index)) co_return ReadResult{0, index};
  buf.async = false;
  GrowRead(index, cluster);
  StartTransfer(index, /*write=*/false);
  while (!buf.io_done) co_await buf.channel.Sleep(engine_, sim::kPriorityDaemon, "biord");
  if (buf.error != 0) {
    const int error = buf.error;
    if (buf.dirty) TrimToValid(buf);
    Brelse(index);
    co_return ReadResult{error, kNoBuf};
  }
  co_return ReadResult{0, index};
}

// A buffer for reading ahead, its pages busied; kNoBuf if that would have to wait for something or
// there is nothing to read.
BufIndex BufferCache::TryReadAheadBuf(Vnode& vnode, Lblkno lblkno) {
  if (vnode.bufs.find(lblkno) != vnode.bufs.end() || Resident(vnode, lblkno)) return kNoBuf;
  const BufIndex index = Take(vnode, lblkno);
  Buf& buf = *bufs_[index];
  if (!TryAttachPages(buf)) {
    Forget(index);
    return kNoBuf;
  }
  for (int i = 0; i < buf.npages; ++i) {
    if (NeedsLoad(buf, i) && vm_.pages().TrySbusy(buf.pages[i])) {
      buf.loading |= static_cast<uint16_t>(1u << i);
    }
  }
  return index;
}

int BufferCache::ReadAhead(Vnode& vnode, Lblkno lblkno, int count) {
  if (vnode.BufBytes(lblkno) == 0) return 0;
  const Daddr sector = vnode.map.Bmap(lblkno).sector;
  if (sector == kHole) return 0;
  const BufIndex first = TryReadAheadBuf(vnode, lblkno);
  if (first == kNoBuf) return 0;
  bufs_[first]->sector = sector;
  bufs_[first]->async = true;
  GrowRead(first, count);
  int started = 0;
  for (BufIndex index = first; index != kNoBuf; index = bufs_[index]->next) ++started;
  StartTransfer(first, /*write=*/false);
  return started;
}

// Starts the transfer of a buffer and those chained to it. Their pages are busied.
void BufferCache::StartTransfer(BufIndex first, bool write) {
  Transfer transfer;
  transfer.write = transfer.running = write;
  const Buf& head = *bufs_[first];
  transfer.vnode = head.vnode;
  transfer.sector = head.sector;
  transfer.first_sector = head.lblkno * head.vnode->mount.sectors_per_block();
  for (BufIndex index = first; index != kNoBuf; index = bufs_[index]->next) {
    Buf& buf = *bufs_[index];
    buf.io_done = false;
    buf.error = 0;
    buf.vnode->object->PipAdd(buf.npages);
    transfer.bytes += buf.bytes;
  }
  if (write) {
    ++stats_.buf_writes;
    stats_.buf_write_bytes += transfer.bytes;
  } else {
    ++stats_.buf_reads;
    stats_.buf_read_bytes += transfer.bytes;
  }
  device_.Submit(transfer, write ? OnWrite : OnRead, this, first);
}

void BufferCache::OnRead(void* context, uint64_t first, int error, int64_t completed_bytes) {
  auto* cache = static_cast<BufferCache*>(context);
  for (auto index = static_cast<BufIndex>(first); index != kNoBuf;) {
    Buf& buf = *cache->bufs_[index];
    const BufIndex next = buf.next;
    buf.next = kNoBuf;
    cache->FinishRead(buf, error, std::min(completed_bytes, buf.bytes));
    completed_bytes = std::max<int64_t>(0, completed_bytes - buf.bytes);
    if (buf.async) {
      cache->Brelse(index);
    } else {
      buf.channel.WakeAll();
    }
    index = next;
  }
}

// What a transfer that came short did not fill becomes valid all the same.
void BufferCache::FinishRead(Buf& buf, int error, int64_t completed_bytes) {
  buf.error = error;
  buf.io_done = true;
  const int64_t end =
      buf.lblkno * buf.vnode->mount.sectors_per_block() + completed_bytes / kSectorBytes;
  for (int i = 0; i < buf.npages; ++i) {
    if ((buf.loading >> i & 1) == 0) continue;
    if (error == 0) FillInvalid(buf, i, kGarbageTag, &buf.vnode->medium, end);
    vm_.pages().Sunbusy(buf.pages[i]);
  }
  buf.loading = 0;
  buf.vnode->object->PipWakeup(buf.npages);
}

// Busies the pages for a write: no store can follow, and what is dirty of them is the buffer's to
// write now (vfs_busy_pages with clear_modify).
sim::Task<void> BufferCache::BusyForWrite(BufIndex index) {
  Buf& buf = *bufs_[index];
  // The file may be shorter by now. If it is longer, what is new of the block is zeros anyway.
  buf.bytes = std::min(buf.bytes, buf.vnode->BufBytes(buf.lblkno));
  for (int i = 0; i < buf.npages; ++i) {
    const vm::FrameIndex frame = buf.pages[i];
    co_await Sbusy(frame);
    buf.loading |= static_cast<uint16_t>(1u << i);
    vm::Page& page = vm_.pages()[frame];
    vm_.page_tables().RemoveWrite(frame);
    SettleStores(*buf.vnode, page.pindex);
    if (page.pindex < buf.vnode->stored.size()) buf.vnode->stored[page.pindex] = false;
    CleanBits(frame, BitsOf(buf, i));
  }
}

// vm_page_set_validclean.
void BufferCache::CleanBits(vm::FrameIndex frame, uint8_t bits) {
  vm::Page& page = vm_.pages()[frame];
  page.valid |= bits;
  page.dirty &= static_cast<uint8_t>(~bits);
  if (bits == vm::kPageBitsAll) page.oflags &= static_cast<uint8_t>(~vm::kVpoNoSync);
}

// The buffer is dirty from now on in place of its pages (vfs_clean_pages_dirty_buf).
void BufferCache::CleanPages(Buf& buf) {
  for (int i = 0; i < buf.npages; ++i) {
    const uint8_t bits = BitsOf(buf, i);
    SettleStores(*buf.vnode, vm_.pages()[buf.pages[i]].pindex);
    if (bits == vm::kPageBitsAll && vm_.pages()[buf.pages[i]].fully_valid()) {
      vm_.page_tables().ClearModify(buf.pages[i]);
    }
    CleanBits(buf.pages[i], bits);
  }
}

// Starts the write of `first` and the buffers chained to it, all locked.
sim::Task<void> BufferCache::StartWrite(BufIndex first) {
  for (BufIndex index = first; index != kNoBuf; index = bufs_[index]->next) {
    Buf& buf = *bufs_[index];
    CHECK(buf.locked, "block=", buf.lblkno);
    MarkClean(index);
    ++buf.vnode->writes_in_flight;
    buf.writing = true;
    co_await BusyForWrite(index);
  }
  StartTransfer(first, /*write=*/true);
}

void BufferCache::OnWrite(void* context, uint64_t first, int error, int64_t completed_bytes) {
  auto* cache = static_cast<BufferCache*>(context);
  for (auto index = static_cast<BufIndex>(first); index != kNoBuf;) {
    const BufIndex next = cache->bufs_[index]->next;
    cache->bufs_[index]->next = kNoBuf;
    const bool stored = completed_bytes >= cache->bufs_[index]->bytes;
    completed_bytes = std::max<int64_t>(0, completed_bytes - cache->bufs_[index]->bytes);
    // What a device reports as short is an error; what it conceals nobody notices.
    cache->FinishWrite(index, error != 0 || stored ? error : sim::kDiskEio);
    index = next;
  }
}

void BufferCache::FinishWrite(BufIndex index, int error) {
  Buf& buf = *bufs_[index];
  Vnode& vnode = *buf.vnode;
  for (int i = 0; i < buf.npages; ++i) {
    if ((buf.loading >> i & 1) != 0) vm_.pages().Sunbusy(buf.pages[i]);
  }
  buf.loading = 0;
  vnode.object->PipWakeup(buf.npages);
  buf.writing = false;
  if (--vnode.writes_in_flight == 0) vnode.output_channel.WakeAll();
  buf.error = error;
  buf.io_done = true;
  if (error != 0) {
    LoseOrKeep(index, error);
  } else {
    buf.tries = 0;
  }
  if (buf.async) {
    Brelse(index);
  } else {
    buf.channel.WakeAll();
  }
}

// A failed write: the buffer is dirty again, or its data are lost (brelse).
void BufferCache::LoseOrKeep(BufIndex index, int error) {
  Buf& buf = *bufs_[index];
  ++stats_.buf_write_errors;
  if (error != sim::kDiskEnxio && ++buf.tries < kMaxWriteTries) {
    MarkDirty(index);
    return;
  }
  ++stats_.buf_write_giveups;
  buf.vnode->write_error = error;
  trace_.Emit(trace::kFileLost, buf.vnode->id, static_cast<uint64_t>(buf.lblkno),
              static_cast<uint64_t>(error));
  // Memory must not show what the disk will never have (B_INVAL, B_NOCACHE): the pages are as if
  // they had been read again.
  const int64_t first = buf.lblkno * buf.vnode->mount.sectors_per_block();
  buf.vnode->memory.CopyRange(buf.vnode->medium, first, buf.bytes / kSectorBytes);
  if (store_observer_ != nullptr) {
    store_observer_->OnLost(*buf.vnode, first, buf.bytes / kSectorBytes);
  }
}

sim::Task<int> BufferCache::Bwrite(BufIndex index) {
  Buf& buf = *bufs_[index];
  buf.async = false;
  buf.sector = buf.vnode->map.Bmap(buf.lblkno).sector;
  co_await StartWrite(index);
  while (!buf.io_done) co_await buf.channel.Sleep(engine_, sim::kPriorityDaemon, "biowr");
  const int error = buf.error;
  Brelse(index);
  co_return error;
}

sim::Task<void> BufferCache::Bawrite(BufIndex index) {
  Buf& buf = *bufs_[index];
  buf.async = true;
  buf.sector = buf.vnode->map.Bmap(buf.lblkno).sector;
  co_await StartWrite(index);
  co_await ThrottleWrite();
}

// Whoever writes without waiting waits here when too much is under way; but not those who clean up.
sim::Task<void> BufferCache::ThrottleWrite() {
  if (device_.runningbufspace() <= device_.limits().hirunningspace) co_return;
  const sim::Thread* thread = engine_.current();
  for (const sim::Thread* cleaner : cleaners_) {
    if (cleaner == thread) co_return;
  }
  co_await device_.WaitRunningSpace();
}

sim::Task<void> BufferCache::Bdwrite(BufIndex index) {
  Buf& buf = *bufs_[index];
  Vnode& vnode = *buf.vnode;
  CHECK(buf.locked, "a buffer that nobody owns is dirtied, block=", buf.lblkno);
  CleanPages(buf);
  MarkDirty(index);
  Unlock(buf);
  co_await FlushForFile(vnode);
}

void BufferCache::GiveBack(Vnode& vnode, Lblkno lblkno) {
  const auto it = vnode.bufs.find(lblkno);
  if (it == vnode.bufs.end()) return;
  Buf& buf = *bufs_[it->second];
  if (buf.locked || !buf.dirty) return;
  for (int i = 0; i < buf.npages; ++i) {
    vm::Page& page = vm_.pages()[buf.pages[i]];
    page.dirty |= BitsOf(buf, i) & page.valid;
  }
  ++vnode.object->generation;
  MarkClean(it->second);
  buf.locked = true;
  Brelse(it->second);
}

}  // namespace vmsim::vfs
