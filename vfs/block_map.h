// vfs/block_map.h: where a file's blocks are on its disk.
//
// An ordered list of extents, each a run of blocks that are consecutive in the file and on the
// disk; what lies between is a hole. Extents are kept as long as possible, so that run lengths are
// what the disk has, however the file came to be.
//
//     logical   0 1 2 3 | 4 5 | 6 7 8        Bmap(1): sector of block 1, before 1, after 2
//     on disk   a a+1.. | -   | b b+1..      Bmap(4): kHole, 0, 0
//
// Model: FreeBSD sys/ufs/ufs/ufs_bmap.c (ufs_bmap, ufs_bmaparray): run lengths are capped at
// mnt_iosize_max / f_iosize - 1. That an indirect block also ends a run, and has to be read, is not
// modelled.
#ifndef VMSIM_VFS_BLOCK_MAP_H_
#define VMSIM_VFS_BLOCK_MAP_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vfs/types.h"

namespace vmsim::vfs {

struct Extent {
  Lblkno first = 0;   // In the file.
  int64_t count = 0;  // Blocks.
  Daddr sector = 0;   // On the disk.
};

class BlockMap {
 public:
  // Of blocks of `block_bytes`, a power of two of at least 512; `maxrun` >= 0 caps run lengths.
  BlockMap(int32_t block_bytes, int maxrun);

  struct Run {
    Daddr sector = kHole;
    int before = 0;  // Blocks before and after it that are its neighbours on the disk, too.
    int after = 0;
  };
  // VOP_BMAP. Requires: lblkno >= 0. O(log extents).
  Run Bmap(Lblkno lblkno) const;
  bool mapped(Lblkno lblkno) const { return Bmap(lblkno).sector != kHole; }

  // Maps `count` blocks from `first` on to `sector` and what follows it. Requires: they are a hole.
  void Map(Lblkno first, int64_t count, Daddr sector);
  // Unmaps every block from `blocks` on. Returns what was mapped there, ascending.
  std::vector<Extent> Truncate(Lblkno blocks);
  // The first mapped block at or behind `lblkno`, or INT64_MAX.
  Lblkno NextMapped(Lblkno lblkno) const;

  const std::vector<Extent>& extents() const { return extents_; }
  // Blocks that are mapped.
  int64_t blocks() const { return blocks_; }
  int32_t block_bytes() const { return block_bytes_; }

 private:
  size_t FirstEndingBehind(Lblkno lblkno) const;

  int32_t block_bytes_;
  int maxrun_;
  int64_t blocks_ = 0;
  std::vector<Extent> extents_;  // Ascending, not overlapping, no two of them joinable.
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_BLOCK_MAP_H_
