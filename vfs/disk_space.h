// vfs/disk_space.h: which blocks of a file system are free.
//
// Blocks are taken near a preference, so that files grow where they are: the run that begins at the
// preferred block if that is free, else the first free run behind it, else from the start of the
// file system again. A request may be given less than it asked for; whoever needs more asks again.
//
// Model: the idea of FreeBSD sys/ufs/ffs/ffs_alloc.c (ffs_blkpref, ffs_hashalloc) without cylinder
// groups and fragments: contiguous where that is possible, first fit where it is not.
#ifndef VMSIM_VFS_DISK_SPACE_H_
#define VMSIM_VFS_DISK_SPACE_H_

#include <cstdint>
#include <map>

#include "vfs/types.h"

namespace vmsim::vfs {

class DiskSpace {
 public:
  // `blocks` blocks of `block_bytes`, the first at `sector` of the disk. All free.
  DiskSpace(Daddr sector, int64_t blocks, int32_t block_bytes);

  struct Run {
    Daddr sector = kHole;  // kHole: nothing is free.
    int64_t count = 0;
  };
  // Takes at most `wanted` (>= 1) consecutive blocks, near the block of `preferred` (any sector;
  // kHole: where the last allocation without preference ended).
  Run Allocate(int64_t wanted, Daddr preferred);
  // Gives back `count` blocks. Requires: all are in use.
  void Free(Daddr sector, int64_t count);

  int64_t blocks() const { return blocks_; }
  int64_t free_blocks() const { return free_blocks_; }
  // Free runs, for checks: sector -> count in blocks; no two of them touch.
  const std::map<Daddr, int64_t>& free_runs() const { return free_; }

 private:
  Daddr sector_;
  int64_t blocks_;
  int64_t sectors_per_block_;
  int64_t free_blocks_;
  Daddr next_;  // Where an allocation without preference looks first.
  std::map<Daddr, int64_t> free_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_DISK_SPACE_H_
