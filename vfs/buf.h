// vfs/buf.h: buffers: blocks of files on their way to or from the disk.
//
// A buffer holds a lock on one block of one file and a wiring on each page of that block; the data
// are in the pages (VMIO), so read, write and mappings see the same memory. Who has got a buffer
// (GetBlk, Bread) owns it until it gives it to one of:
//
//     Brelse    nothing to write           its pages go back to the queues
//     Bwrite    write it and wait          as before, when the write is done
//     Bawrite   write it                   the same, later; a failed write leaves it dirty
//     Bdwrite   write it some time         it stays dirty, pages wired, until fsync, the syncer, the
//                                          buffer daemon or a cluster takes it
//
// A dirty buffer's pages are clean for the VM: their dirty bits passed to the buffer when it was
// given away. While a write is under way its pages are shared-busied and cannot be stored to.
//
// A write that fails leaves its buffer dirty, to be tried again by whoever comes next; a device that
// is gone, or fails kMaxWriteTries times, loses it: counted, and told to the next fsync.
//
// Differences from the kernel: a clean buffer that nobody owns is forgotten at once (its pages stay
// in memory as pages), so there is no limit on buffer space to run into; blocks at the end of a file
// are cut at sectors, not at fragments.
//
// Model: FreeBSD sys/kern/vfs_bio.c (getblk, bread, bufwrite, bdwrite, brelse, vfs_vmio_extend,
// vfs_vmio_unwire, vfs_busy_pages, vfs_clean_pages_dirty_buf, bdirty, bufbdflush, buf_daemon,
// bwillwrite), vfs_cluster.c (cluster_wbuild).
#ifndef VMSIM_VFS_BUF_H_
#define VMSIM_VFS_BUF_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "sim/wait_channel.h"
#include "vfs/buf_limits.h"
#include "vfs/file_device.h"
#include "vfs/file_stats.h"
#include "vfs/vnode.h"
#include "vm/vm_system.h"

namespace vmsim::vfs {

// Tries of a buffer's write before its data are given up. The kernel tries for ever.
inline constexpr int kMaxWriteTries = 16;

struct Buf {
  static constexpr int kMaxPages = kMaxBlockBytes / vm::kPageSize;

  Vnode* vnode = nullptr;
  Lblkno lblkno = 0;
  int64_t bytes = 0;  // Whole sectors; what a transfer carries.
  Daddr sector = kHole;
  bool locked = false;
  bool dirty = false;    // B_DELWRI
  bool async = false;    // B_ASYNC: whoever completes the transfer releases it.
  bool noreuse = false;  // B_NOREUSE: its pages will not be wanted again.
  uint8_t tries = 0;     // Failed writes.
  int error = 0;         // Of the last transfer.
  bool io_done = false;
  bool writing = false;
  sim::SimTime dirtied = 0;
  int npages = 0;
  std::array<vm::FrameIndex, kMaxPages> pages;
  uint16_t loading = 0;          // By page: busied by the transfer under way.
  BufIndex next = kNoBuf;        // In its cluster; of the free list.
  BufIndex dirty_prev = kNoBuf;  // In the queue of dirty buffers, oldest first.
  BufIndex dirty_next = kNoBuf;
  sim::WaitChannel channel;  // "getblk", "biowr", "biord"
};

// Told what was stored to files (vfs/file_ops.h has the rest).
class StoreObserver {
 public:
  virtual ~StoreObserver() = default;
  // Sectors [first, first + count) of the file were stored to, with `tag`.
  virtual void OnStore(Vnode& vnode, int64_t first, int64_t count, Tag tag) = 0;
  // What was stored to these sectors and is not on the disk never will be. The next call that
  // promises anything of the file fails.
  virtual void OnLost(Vnode& vnode, int64_t first, int64_t count) = 0;
};

class BufferCache {
 public:
  BufferCache(sim::Engine& engine, sim::Trace& trace, vm::VmSystem& vm, FileDevice& device,
              FileStats& stats, const BufLimits& limits);

  // The buffer of a block, locked, without looking at its contents. Sleeps while somebody else has
  // it, for memory, and for pages that are being filled. Requires: the block is inside the file.
  sim::Task<BufIndex> GetBlk(Vnode& vnode, Lblkno lblkno);
  // The same with its contents. If they have to be read, up to `cluster` blocks from it on come in
  // the same transfer. The error is 0 or an errno; with one there is no buffer.
  struct ReadResult {
    int error = 0;
    BufIndex buf = kNoBuf;
  };
  sim::Task<ReadResult> Bread(Vnode& vnode, Lblkno lblkno, int cluster = 1);
  // Starts reading `count` blocks, from `lblkno` on, as one transfer: as many as are consecutive on
  // the disk, not in memory and not in use, and as there is memory for at once. Returns how many.
  // Does not sleep.
  int ReadAhead(Vnode& vnode, Lblkno lblkno, int count);

  // Whoever owns the buffer has zeros for what of it is not valid (vfs_bio_clrbuf); or new contents
  // for bytes [start, end) of the file.
  void ClearInvalid(BufIndex buf) { ZeroHole(*bufs_[buf]); }
  void SetValid(BufIndex buf, int64_t start, int64_t end);
  // Whether bytes [start, end) of the file are valid in the buffer. Requires: they lie in its block.
  bool IsValid(BufIndex buf, int64_t start, int64_t end) const;

  // Each ends the ownership of `buf`. Bwrite: 0 or an errno.
  void Brelse(BufIndex buf);
  sim::Task<int> Bwrite(BufIndex buf);
  sim::Task<void> Bawrite(BufIndex buf);
  sim::Task<void> Bdwrite(BufIndex buf);

  // Writes a dirty buffer of the file that nobody owns, with the dirty neighbours that can go in one
  // transfer, without waiting (vfs_bio_awrite). Returns how many buffers.
  sim::Task<int> WriteCluster(Vnode& vnode, Lblkno lblkno);
  // Writes all dirty buffers of a file (ffs_syncvnode). `wait`: until they are on the disk; returns
  // 0 or an errno. Requires: the vnode is locked.
  sim::Task<int> SyncVnode(Vnode& vnode, bool wait);
  // Writes the dirty buffers of blocks [first, end), one after the other, and waits for those that
  // are being written. Returns 0 or an errno. Requires: the vnode is locked.
  sim::Task<int> SyncRange(Vnode& vnode, Lblkno first, Lblkno end);
  // Until no write of the file is under way.
  sim::Task<void> WaitForWrites(Vnode& vnode);
  // Gives up all buffers of blocks from `lblkno` on, dirty or not; waits for those in use
  // (vtruncbuf). Requires: the vnode is locked exclusively.
  sim::Task<void> Truncate(Vnode& vnode, Lblkno lblkno);
  // The file is going to be `size` bytes: lets go of the pages behind that of the buffer that the
  // end falls in.
  sim::Task<void> TrimPages(Vnode& vnode, int64_t size);
  // Gives up all buffers of a file that is gone. Requires: none is in use.
  void Discard(Vnode& vnode);
  // A buffer that nobody owns and whose write failed is forgotten; its pages are dirty again.
  void GiveBack(Vnode& vnode, Lblkno lblkno);

  // bwillwrite: sleeps while there are too many dirty buffers. Before a write locks its vnode.
  sim::Task<void> WillWrite();
  // The buffer daemon's thread (buf_daemon).
  sim::Task<void> Daemon();
  // A thread that never waits for running I/O (TDP_NORUNNINGBUF).
  void AddCleaner(const sim::Thread* thread) { cleaners_.push_back(thread); }

  // Whether all of the block that is inside the file is valid in memory.
  bool Resident(const Vnode& vnode, Lblkno lblkno) const;

  Buf& operator[](BufIndex buf) { return *bufs_[buf]; }
  const Buf& operator[](BufIndex buf) const { return *bufs_[buf]; }
  // Upper bound of buffer indices; a buffer without a vnode is free.
  size_t buf_limit() const { return bufs_.size(); }
  const BufLimits& limits() const { return limits_; }
  int64_t dirty() const { return stats_.numdirtybuffers; }
  BufIndex oldest_dirty() const { return dirty_head_; }
  // Called with the file whose first buffer became dirty.
  struct DirtyObserver {
    virtual ~DirtyObserver() = default;
    virtual void OnDirty(Vnode& vnode) = 0;
  };
  void set_dirty_observer(DirtyObserver* observer) { observer_ = observer; }
  void set_store_observer(StoreObserver* observer) { store_observer_ = observer; }

  // The next tag of a store (vfs/types.h), and the one that was given out last.
  Tag NextTag() { return next_tag_++; }
  Tag newest_tag() const { return next_tag_ - 1; }
  // A page was mapped for writing: from now on stores to it are not seen.
  void PageStored(Vnode& vnode, vm::Pindex pindex);
  // Whatever was stored to such a page so far counts as one store, made now.
  void SettleStores(Vnode& vnode, vm::Pindex pindex);

 private:
  friend struct VfsInvariantsTestPeer;

  BufIndex Take(Vnode& vnode, Lblkno lblkno);
  void Forget(BufIndex buf);
  void Unlock(Buf& buf);
  void Drop(BufIndex buf);
  int PagesFor(const Buf& buf) const;
  vm::Pindex FirstPage(const Buf& buf) const;
  uint8_t BitsOf(const Buf& buf, int page) const;
  vm::FrameIndex TryGrab(vm::Object& object, vm::Pindex pindex, vm::AllocClass klass,
                         vm::FrameIndex* busy);
  sim::Task<void> WaitForMemory();
  sim::Task<void> AttachPages(BufIndex buf);
  bool TryAttachPages(Buf& buf);
  void DetachPages(Buf& buf, int keep);
  void MarkDirty(BufIndex buf);
  void MarkClean(BufIndex buf);

  // buf_io.cc.
  sim::Task<void> Sbusy(vm::FrameIndex frame);
  bool NeedsLoad(const Buf& buf, int page) const;
  sim::Task<bool> BusyForRead(BufIndex buf);
  void ZeroHole(Buf& buf);
  void FillInvalid(Buf& buf, int page, Tag tag, const SectorTags* from, int64_t end_sector);
  BufIndex TryReadAheadBuf(Vnode& vnode, Lblkno lblkno);
  bool PartlyResident(const Vnode& vnode, Lblkno lblkno) const;
  void GrowRead(BufIndex first, int count);
  void TrimToValid(Buf& buf);
  void StartTransfer(BufIndex first, bool write);
  static void OnRead(void* context, uint64_t first, int error, int64_t completed_bytes);
  void FinishRead(Buf& buf, int error, int64_t completed_bytes);
  sim::Task<void> BusyForWrite(BufIndex buf);
  void CleanBits(vm::FrameIndex frame, uint8_t bits);
  void CleanPages(Buf& buf);
  sim::Task<void> StartWrite(BufIndex first);
  static void OnWrite(void* context, uint64_t first, int error, int64_t completed_bytes);
  void FinishWrite(BufIndex buf, int error);
  void LoseOrKeep(BufIndex buf, int error);
  sim::Task<void> ThrottleWrite();

  // buf_flush.cc.
  BufIndex Clusterable(Vnode& vnode, Lblkno lblkno, Daddr sector) const;
  bool Whole(Vnode& vnode, Lblkno lblkno) const;
  BufIndex NextDirty(const Vnode& vnode, Lblkno from) const;
  sim::Task<int> SyncRound(Vnode& vnode, bool wait, bool at_once);
  sim::Task<void> FlushForFile(Vnode& vnode);
  void WakeDaemon();
  sim::Task<int> FlushOne();

  sim::Engine& engine_;
  sim::Trace& trace_;
  vm::VmSystem& vm_;
  FileDevice& device_;
  FileStats& stats_;
  BufLimits limits_;
  std::vector<std::unique_ptr<Buf>> bufs_;
  BufIndex free_ = kNoBuf;
  BufIndex dirty_head_ = kNoBuf;
  BufIndex dirty_tail_ = kNoBuf;
  std::vector<const sim::Thread*> cleaners_;
  sim::WaitChannel daemon_channel_;  // "psleep", "qsleep"
  sim::WaitChannel dirty_channel_;   // "flswai"
  DirtyObserver* observer_ = nullptr;
  StoreObserver* store_observer_ = nullptr;
  Tag next_tag_ = kFirstTag;
  bool daemon_wanted_ = false;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_BUF_H_
