// sim/disk_request.h: what is asked of a disk.
//
// Offsets and lengths are bytes from the start of the device, whole sectors for data commands. The
// command numbers are those of FreeBSD sys/sys/bio.h, so that recorded requests need no
// translation. Errors are FreeBSD errno values (sys/sys/errno.h), 0 for success.
#ifndef VMSIM_SIM_DISK_REQUEST_H_
#define VMSIM_SIM_DISK_REQUEST_H_

#include <cstdint>

namespace vmsim::sim {

enum class DiskOp : uint8_t {
  kRead = 1,
  kWrite = 2,
  kDelete = 3,  // TRIM: the device may forget the range.
  kGetattr = 4,
  kFlush = 5,  // Everything written before is on the medium when it completes.
  kZone = 9,
  kSpeedup = 10,
};

// The commands that name a byte range of the medium, and that an elevator may sort.
constexpr bool IsDataOp(DiskOp op) {
  return op == DiskOp::kRead || op == DiskOp::kWrite || op == DiskOp::kDelete;
}

// Sets of commands, for filters: OpBit(kRead) | OpBit(kWrite).
constexpr uint32_t OpBit(DiskOp op) { return uint32_t{1} << static_cast<int>(op); }
inline constexpr uint32_t kAllDiskOps = OpBit(DiskOp::kRead) | OpBit(DiskOp::kWrite) |
                                        OpBit(DiskOp::kDelete) | OpBit(DiskOp::kGetattr) |
                                        OpBit(DiskOp::kFlush) | OpBit(DiskOp::kZone) |
                                        OpBit(DiskOp::kSpeedup);

struct DiskRequest {
  int64_t offset = 0;
  int64_t length = 0;
  DiskOp op = DiskOp::kRead;
  // Later requests may not pass this one, and it passes no earlier one (BIO_ORDERED).
  bool ordered = false;
};

inline constexpr int64_t kSectorBytes = 512;

inline constexpr int kDiskOk = 0;
inline constexpr int kDiskEio = 5;          // EIO: the medium failed.
inline constexpr int kDiskEnxio = 6;        // ENXIO: the device is gone.
inline constexpr int kDiskEnomem = 12;      // ENOMEM: no memory for the request itself.
inline constexpr int kDiskEinval = 22;      // EINVAL: not whole sectors.
inline constexpr int kDiskEopnotsupp = 45;  // EOPNOTSUPP: the device has no such command.

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_DISK_REQUEST_H_
