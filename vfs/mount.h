// vfs/mount.h: a file system: a part of a disk, divided into blocks.
//
// What is on the disk besides file contents (inodes, directories, free maps) is not modelled: sizes
// and block maps are durable at once and cost no I/O, as if they were journalled in memory that
// keeps its contents. What files contain is on the disk when a write of it completes there.
#ifndef VMSIM_VFS_MOUNT_H_
#define VMSIM_VFS_MOUNT_H_

#include <cstdint>
#include <string>

#include "sim/disk.h"
#include "vfs/disk_space.h"
#include "vfs/types.h"

namespace vmsim::vfs {

// How the vnode pager reads (FreeBSD sys/vm/vnode_pager.c, sys/kern/vfs_bio.c).
enum class PagerStyle : uint8_t {
  kGeneric,  // vnode_pager_generic_getpages: one disk request with neighbours, past the buffers.
  kBuffer,   // vfs_bio_getpages (vfs.ffs.use_buf_pager): whole blocks, through buffers.
};

// How it writes.
enum class PutStyle : uint8_t {
  kGeneric,  // vnode_pager_generic_putpages: a write for each run of dirty sectors.
  kWhole,    // Like NFS: one write of everything, and what it came to decides (ncl_putpages).
};

struct MountConfig {
  std::string name = "fs";
  int64_t offset_bytes = 0;        // Where on the disk it begins: whole blocks.
  int64_t size_bytes = 0;          // Whole blocks.
  int32_t block_bytes = 32 << 10;  // f_iosize: a power of two, kMinBlockBytes to kMaxBlockBytes.
  int32_t iosize_max = 1 << 20;    // mnt_iosize_max: the largest cluster, at least a block.
  PagerStyle style = PagerStyle::kGeneric;
  PutStyle put_style = PutStyle::kGeneric;
};

struct Mount {
  Mount(const MountConfig& mount_config, sim::Disk& mount_disk)
      : config(mount_config),
        disk(mount_disk),
        space(mount_config.offset_bytes / kSectorBytes,
              mount_config.size_bytes / mount_config.block_bytes, mount_config.block_bytes) {}

  int32_t block_bytes() const { return config.block_bytes; }
  int64_t sectors_per_block() const { return config.block_bytes / kSectorBytes; }
  // Blocks of the largest cluster.
  int cluster_blocks() const { return config.iosize_max / config.block_bytes; }
  int maxrun() const { return cluster_blocks() - 1; }

  MountConfig config;
  sim::Disk& disk;
  DiskSpace space;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MOUNT_H_
