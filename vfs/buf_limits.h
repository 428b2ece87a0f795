// vfs/buf_limits.h: how many buffers there are, and how many of them may be dirty.
//
// Model: FreeBSD 13.2 sys/kern/vfs_bio.c (kern_vfs_bio_buffer_alloc, bufinit), one buffer domain.
#ifndef VMSIM_VFS_BUF_LIMITS_H_
#define VMSIM_VFS_BUF_LIMITS_H_

#include <algorithm>
#include <cstdint>

#include "vfs/types.h"
#include "vm/page.h"

namespace vmsim::vfs {

inline constexpr int64_t kBkvaSize = 16384;
inline constexpr int64_t kMaxBcacheBuf = 64 << 10;  // maxbcachebuf

struct BufLimits {
  int64_t nbuf = 0;
  int64_t hibufspace = 0;  // Bytes.
  int64_t lobufspace = 0;
  int64_t hirunningspace = 0;  // Bytes.
  int64_t lorunningspace = 0;
  int64_t hidirtybuffers = 0;
  int64_t lodirtybuffers = 0;
  int64_t dirtybufthresh = 0;  // Of one file.

  // Where the buffer daemon is woken, and writers that wait are.
  int64_t middirty() const { return (lodirtybuffers + hidirtybuffers) / 2; }
};

// For a machine of so many pages.
constexpr BufLimits ComputeBufLimits(uint32_t frames) {
  const int64_t kb = int64_t{frames} * (vm::kPageSize / 1024);
  BufLimits l;
  l.nbuf = 50;
  if (kb > 4096) l.nbuf += std::min<int64_t>((kb - 4096) / 64, 1024);
  if (kb > 65536) l.nbuf += std::min<int64_t>((kb - 65536) * 2 / 320, 104857);
  l.hibufspace = std::max(3 * l.nbuf * kBkvaSize / 4, l.nbuf * kBkvaSize - 10 * kMaxBcacheBuf);
  l.lobufspace = l.hibufspace / 20 * 19;
  l.hirunningspace =
      std::clamp<int64_t>(RoundUp(l.hibufspace / 64, kMaxBcacheBuf), 1 << 20, 16 << 20);
  l.lorunningspace = RoundUp(l.hirunningspace * 2 / 3, kMaxBcacheBuf);
  l.hidirtybuffers = l.nbuf / 4 + 20;
  while (l.hidirtybuffers * kBkvaSize > 3 * l.hibufspace / 4) l.hidirtybuffers /= 2;
  l.lodirtybuffers = l.hidirtybuffers / 2;
  l.dirtybufthresh = l.hidirtybuffers * 9 / 10;
  return l;
}

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_BUF_LIMITS_H_
