// vfs/file_ops.h: read, write, fsync, truncate: system calls on files.
//
//     Write --> WillWrite (too many dirty buffers?) --> lock --> block by block: GetBlk or Bread,
//               new contents, Bwrite / Bawrite / Bdwrite --> running I/O space?
//     Read  --> lock (shared) --> block by block: Bread, read ahead when the reader is sequential
//
// Errors are FreeBSD's errno values. A call that fails has moved nothing, as far as its caller is
// told; a write that could not be finished leaves the file's size as it was.
//
// Model: FreeBSD sys/ufs/ffs/ffs_vnops.c (ffs_read, ffs_write, ffs_fsync), sys/kern/vfs_vnops.c
// (vn_write, vn_truncate, sequential_heuristic), vfs_cluster.c (cluster_read, cluster_write),
// vfs_syscalls.c (kern_fsync).
#ifndef VMSIM_VFS_FILE_OPS_H_
#define VMSIM_VFS_FILE_OPS_H_

#include <cstdint>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "vfs/buf.h"
#include "vfs/vnode.h"
#include "vfs/vnode_pager.h"
#include "vm/vm_system.h"

namespace vmsim::vfs {

// IO_* of sys/sys/vnode.h.
enum IoFlags : int {
  kIoAppend = 0x0002,
  kIoNoReuse = 0x0200,
  kIoAsync = 0x0010,
  kIoVmio = 0x0020,  // The data are in the pages already.
  kIoInval = 0x0040,
  kIoSync = 0x0080,
};
// The most that one call moves.
inline constexpr int64_t kMaxCallBytes = int64_t{1} << 40;

// What a process has open: where its next call begins, and how sequential it was, by direction.
struct OpenFile {
  Vnode* vnode = nullptr;
  int64_t offset = 0;
  bool append = false;  // O_APPEND
  bool sync = false;    // O_SYNC
  bool advise_noreuse = false;
  struct Direction {
    int64_t next = 0;
    int seqcount = 1;
  };
  Direction reading;
  Direction writing;
};

struct IoResult {
  int error = 0;
  int64_t bytes = 0;
};

// Told what a program may rely on, to be held against what is there after a crash.
class DurabilityObserver : public StoreObserver {
 public:
  // The file was cut: nothing behind `sector` is there any more.
  virtual void OnTruncate(Vnode& vnode, int64_t sector) = 0;
  // Everything of the file that was stored with a tag up to `tag`, in the given sectors, is safe: a
  // call that promises so has returned 0.
  virtual void OnSafe(Vnode& vnode, int64_t first, int64_t count, Tag tag) = 0;
};

class FileOps {
 public:
  struct Parts {
    sim::Engine& engine;
    sim::Trace& trace;
    vm::VmSystem& vm;
    BufferCache& bufs;
    VnodePager& pager;
    FileStats& stats;
  };
  explicit FileOps(const Parts& parts) : p_(parts) {}
  void set_durability_observer(DurabilityObserver* observer) {
    observer_ = observer;
    p_.bufs.set_store_observer(observer);
  }

  // pread, pwrite at `offset`. `tags`, if not null, gets the tag of each sector that was read, or
  // stored to, as far as the call touched it; one that two blocks share, twice. EINVAL: a negative
  // offset or length. EFBIG, ENOSPC, EIO, ENXIO.
  sim::Task<IoResult> Read(OpenFile& file, int64_t offset, int64_t bytes,
                           std::vector<Tag>* tags = nullptr);
  sim::Task<IoResult> Write(OpenFile& file, int64_t offset, int64_t bytes,
                            std::vector<Tag>* tags = nullptr);
  sim::Task<int> Fsync(OpenFile& file);
  // Shrinks or extends (with a hole). EINVAL, EFBIG.
  sim::Task<int> Truncate(OpenFile& file, int64_t size);

  // VOP_WRITE of pages that putpages has at hand (IO_VMIO). `*written`: bytes. Requires: the vnode is
  // locked; [offset, offset + bytes) is inside the file.
  sim::Task<int> WritePages(Vnode& vnode, int64_t offset, int64_t bytes, int ioflags,
                            int64_t* written);
  // VOP_FSYNC: pages and buffers. `wait`: MNT_WAIT.  Requires: the vnode is locked exclusively.
  sim::Task<int> VopFsync(Vnode& vnode, bool wait);

  // A call has promised that what was stored to [offset, offset + bytes) with tags up to `tag` is
  // safe.
  void NoteSafe(Vnode& vnode, int64_t offset, int64_t bytes, Tag tag);

 private:
  // file_read.cc.
  static int Heuristic(OpenFile::Direction& direction, int64_t offset, int64_t bytes);
  bool InCore(const Vnode& vnode, Lblkno lblkno) const;
  Lblkno SkipInCore(Vnode& vnode, Lblkno lblkno, int64_t maxra);
  int SyncCluster(const Vnode& vnode, Lblkno lblkno, int64_t remaining) const;
  sim::Task<BufferCache::ReadResult> ClusterRead(Vnode& vnode, Lblkno lblkno, int64_t remaining,
                                                 int seqcount);
  void ReadAheadFrom(Vnode& vnode, Lblkno lblkno, Lblkno end);
  void CollectTags(Vnode& vnode, int64_t offset, int64_t bytes, std::vector<Tag>* tags);

  // file_write.cc.
  int Allocate(Vnode& vnode, Lblkno lblkno, bool* fresh);
  sim::Task<BufferCache::ReadResult> BlockForWriting(Vnode& vnode, Lblkno lblkno, int64_t from,
                                                     int64_t to, int64_t old_size);
  sim::Task<void> Store(Vnode& vnode, BufIndex buf, int64_t start, int64_t end,
                        std::vector<Tag>* tags);
  sim::Task<int> Dispatch(Vnode& vnode, BufIndex buf, int64_t to, int ioflags);
  sim::Task<int> WriteBlocks(Vnode& vnode, int64_t offset, int64_t bytes, int ioflags,
                             int64_t* written, std::vector<Tag>* tags);
  sim::Task<void> Extend(Vnode& vnode, int64_t size);
  sim::Task<void> Shrink(Vnode& vnode, int64_t size);

  Parts p_;
  DurabilityObserver* observer_ = nullptr;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_FILE_OPS_H_
