// vfs/types.h: the numbers of files and their blocks.
//
// Three units, each with a name of its own: bytes; sectors of 512 bytes (DEV_BSIZE), in which disk
// addresses and contents are counted; and logical blocks of a file system's own size.
#ifndef VMSIM_VFS_TYPES_H_
#define VMSIM_VFS_TYPES_H_

#include <cstdint>

#include "vm/page.h"

namespace vmsim::vfs {

using VnodeId = uint32_t;
inline constexpr VnodeId kNoVnode = UINT32_MAX;

using Lblkno = int64_t;  // Block of a file: offset / block size.
using Daddr = int64_t;   // Sector of a disk.
inline constexpr Daddr kHole = -1;

inline constexpr int64_t kSectorBytes = 512;
inline constexpr int kSectorsPerPage = vm::kPageSize / kSectorBytes;
inline constexpr int32_t kMinBlockBytes = 512;
inline constexpr int32_t kMaxBlockBytes = 64 << 10;  // MAXBSIZE
// The largest file: page indices have 32 bits, and one is kept for the end.
inline constexpr int64_t kMaxFileBytes = (int64_t{UINT32_MAX} - 1) * vm::kPageSize;

// What a sector holds is named by a tag: each write gives the sectors that it covers a new one.
using Tag = uint64_t;
inline constexpr Tag kZeroTag = 0;     // Zeros: holes, and what was never written.
inline constexpr Tag kInitialTag = 1;  // What the file had when the simulation began.
inline constexpr Tag kGarbageTag = 2;  // Memory that a transfer should have filled and did not.
inline constexpr Tag kFirstTag = 3;    // Of the first write.

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }
constexpr int64_t PagesOf(int64_t bytes) { return CeilDiv(bytes, vm::kPageSize); }
constexpr int64_t SectorsOf(int64_t bytes) { return CeilDiv(bytes, kSectorBytes); }

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_TYPES_H_
