// vfs/errno.h: the error numbers that calls on files return: those of sim/errno.h and a few that
// only files know. The values are FreeBSD's (sys/sys/errno.h).
#ifndef VMSIM_VFS_ERRNO_H_
#define VMSIM_VFS_ERRNO_H_

#include <string_view>

#include "sim/errno.h"

namespace vmsim::vfs {

using sim::kEacces;
using sim::kEagain;
using sim::kEbadf;
using sim::kEbusy;
using sim::kEexist;
using sim::kEfault;
using sim::kEintr;
using sim::kEinval;
using sim::kEio;
using sim::kEnoent;
using sim::kEnomem;
using sim::kEnospc;
using sim::kEnxio;
using sim::kEopnotsupp;
using sim::kEperm;

inline constexpr int kEfbig = 27;   // Larger than a file, or a count of its pages, can be.
inline constexpr int kEspipe = 29;  // Not a file that has offsets.
inline constexpr int kErofs = 30;
inline constexpr int kEdquot = 69;
inline constexpr int kEstale = 70;
inline constexpr int kEftype = 79;  // The file is not of the form that the caller expects.

// "EINVAL"; "" for 0 and for what no call in vfs/ returns.
constexpr std::string_view ErrnoName(int error) {
  switch (error) {
    case kEperm:
      return "EPERM";
    case kEnoent:
      return "ENOENT";
    case kEintr:
      return "EINTR";
    case kEio:
      return "EIO";
    case kEnxio:
      return "ENXIO";
    case kEbadf:
      return "EBADF";
    case kEnomem:
      return "ENOMEM";
    case kEacces:
      return "EACCES";
    case kEfault:
      return "EFAULT";
    case kEbusy:
      return "EBUSY";
    case kEexist:
      return "EEXIST";
    case kEinval:
      return "EINVAL";
    case kEfbig:
      return "EFBIG";
    case kEnospc:
      return "ENOSPC";
    case kEspipe:
      return "ESPIPE";
    case kErofs:
      return "EROFS";
    case kEagain:
      return "EAGAIN";
    case kEopnotsupp:
      return "EOPNOTSUPP";
    case kEdquot:
      return "EDQUOT";
    case kEstale:
      return "ESTALE";
    case kEftype:
      return "EFTYPE";
    default:
      return "";
  }
}

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_ERRNO_H_
