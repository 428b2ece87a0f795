// vfs/mpool_file.h: files that a buffer pool pages from: a vnode, or what has no pages.
//
//     pool's buffer --Write--> pages of the vnode --fsync, syncer--> disk
//                   <--Read---
//
// Transfers are pread and pwrite (vfs/file_ops.h), so a page that the pool has is in memory twice
// as long as the vnode keeps its pages, and a miss of the pool may cost a copy or a disk read.
// Errors are those of the calls: EBADF, EINVAL, EFBIG, ENOSPC, EIO, ENXIO.
//
// The file knows contents by sectors of 512 bytes: the pages of its pools are whole sectors. Other
// page sizes fail with EINVAL when the pool is opened.
//
// Model: 4.4BSD lib/libc/db/mpool/mpool.c (mpool_open, mpool_get, mpool_write, mpool_sync), which
// calls fstat, pread, pwrite and fsync.
#ifndef VMSIM_VFS_MPOOL_FILE_H_
#define VMSIM_VFS_MPOOL_FILE_H_

#include <cstdint>
#include <functional>
#include <span>

#include "sim/task.h"
#include "vfs/file_ops.h"
#include "vfs/mpool_io.h"
#include "vfs/mpool_words.h"
#include "vfs/vfs_system.h"

namespace vmsim::vfs {

class VnodeMpoolFile final : public MpoolFile {
 public:
  // What the process that makes a call has open there; null: nothing. The open file must stay as
  // long as the call lasts.
  using Descriptor = std::function<OpenFile*()>;

  // `vfs` and `words` outlive this.
  VnodeMpoolFile(VfsSystem& vfs, MpoolWords& words, uint32_t pagesize, Descriptor descriptor)
      : vfs_(vfs), words_(words), pagesize_(pagesize), descriptor_(std::move(descriptor)) {}

  sim::Task<MpoolFileStat> Stat() override;
  // Both require whole sectors.
  sim::Task<MpoolTransfer> Read(int64_t offset, uint32_t bytes, std::span<MpoolTag> tags) override;
  sim::Task<MpoolTransfer> Write(int64_t offset, uint32_t bytes,
                                 std::span<const MpoolTag> tags) override;
  sim::Task<int> Fsync() override;

 private:
  sim::Task<void> Enter();

  VfsSystem& vfs_;
  MpoolWords& words_;
  const uint32_t pagesize_;
  const Descriptor descriptor_;
};

// A pipe, a socket, a terminal: no pool can be opened on it (ESPIPE).
class StreamMpoolFile final : public MpoolFile {
 public:
  // `syscall_ns`: what a call costs.
  StreamMpoolFile(sim::Engine& engine, sim::SimDuration syscall_ns)
      : engine_(engine), syscall_ns_(syscall_ns) {}

  sim::Task<MpoolFileStat> Stat() override;
  sim::Task<MpoolTransfer> Read(int64_t offset, uint32_t bytes, std::span<MpoolTag> tags) override;
  sim::Task<MpoolTransfer> Write(int64_t offset, uint32_t bytes,
                                 std::span<const MpoolTag> tags) override;
  sim::Task<int> Fsync() override;

 private:
  sim::Engine& engine_;
  const sim::SimDuration syscall_ns_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_FILE_H_
