// vfs/mpool_io.h: what a buffer pool stands on: a file to page from, and memory for its buffers.
//
// Contents are not bytes but tags, one for each 512 bytes of a page (rounded up): enough to see
// which version of what is where. The pool moves them and never looks inside. A page smaller than
// 512 bytes has one tag; a file that keeps one tag for each block must then keep finer ones, or
// refuse the page size.
//
// Both interfaces are coroutines: a disk has to be waited for, and so has memory that was paged
// out. Errors are errno values (vfs/errno.h), 0 for none.
#ifndef VMSIM_VFS_MPOOL_IO_H_
#define VMSIM_VFS_MPOOL_IO_H_

#include <cstdint>
#include <span>

#include "sim/task.h"

namespace vmsim::vfs {

using MpoolPgno = uint32_t;  // pgno_t: a page's number in the file.
using MpoolTag = uint64_t;

inline constexpr uint32_t kMpoolTagBytes = 512;

// Tags of a page of `pagesize` bytes.
constexpr uint32_t MpoolTagsPerPage(uint32_t pagesize) {
  return pagesize / kMpoolTagBytes + (pagesize % kMpoolTagBytes != 0 ? 1 : 0);
}

// What fstat says of a file.
struct MpoolFileStat {
  int error = 0;
  bool regular = true;  // Not a pipe, a socket, a directory.
  int64_t size = 0;     // Bytes.
};

// How a read or a write ended: with an error, or after so many bytes.
struct MpoolTransfer {
  int error = 0;
  int64_t bytes = 0;
};

class MpoolFile {
 public:
  virtual ~MpoolFile() = default;

  virtual sim::Task<MpoolFileStat> Stat() = 0;
  // pread: reads up to `bytes` bytes from `offset` on; fewer at the end of the file, 0 behind it.
  // Sets the tags that it covers and leaves the others.
  virtual sim::Task<MpoolTransfer> Read(int64_t offset, uint32_t bytes,
                                        std::span<MpoolTag> tags) = 0;
  // pwrite: writes up to `bytes` bytes; past the end it extends the file, and leaves a hole of
  // zeros before what it writes.
  virtual sim::Task<MpoolTransfer> Write(int64_t offset, uint32_t bytes,
                                         std::span<const MpoolTag> tags) = 0;
  // Returns when all that was written is on the disk.
  virtual sim::Task<int> Fsync() = 0;
};

// How a touch of a buffer ended.
struct MpoolTouch {
  int error = 0;            // kEfault: the memory could not be had.
  bool swapped_in = false;  // Some of it had to be read from swap.
};

enum class MpoolAccess : uint8_t { kRead, kWrite };

// A process's memory, as malloc and the machine's VM give it. Buffers smaller than a VM page may
// share one.
class MpoolMemory {
 public:
  virtual ~MpoolMemory() = default;

  struct Allocation {
    int error = 0;
    uint64_t address = 0;
  };
  // Reserves `bytes` bytes of zeros; does not touch them. kEnomem.
  virtual sim::Task<Allocation> Allocate(uint32_t bytes) = 0;
  virtual sim::Task<void> Free(uint64_t address, uint32_t bytes) = 0;
  // References every VM page of a buffer, which may fault.
  virtual sim::Task<MpoolTouch> Touch(uint64_t address, uint32_t bytes, MpoolAccess access) = 0;
  // mlock and munlock. Wiring may fail; nothing is wired then.
  virtual sim::Task<int> Wire(uint64_t address, uint32_t bytes) = 0;
  virtual sim::Task<void> Unwire(uint64_t address, uint32_t bytes) = 0;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_IO_H_
