// net/errno.h: the error numbers that calls on descriptors return: those of sim/errno.h and a few
// that only files know. The values are FreeBSD's (sys/sys/errno.h), whatever kernel is modelled.
#ifndef VMSIM_NET_ERRNO_H_
#define VMSIM_NET_ERRNO_H_

#include <string_view>

#include "sim/errno.h"

namespace vmsim::net {

using sim::kEagain;
using sim::kEbadf;
using sim::kEbusy;
using sim::kEexist;
using sim::kEintr;
using sim::kEinval;
using sim::kEio;
using sim::kEloop;
using sim::kEnoent;
using sim::kEnomem;
using sim::kEnospc;
using sim::kEperm;

inline constexpr int kEnfile = 23;  // The host has all the files it may have.
inline constexpr int kEmfile = 24;  // The process has.
inline constexpr int kEpipe = 32;
inline constexpr int kEnotsock = 38;
inline constexpr int kEconnreset = 54;
inline constexpr int kEnobufs = 55;
inline constexpr int kEnotconn = 57;
inline constexpr int kEnosys = 78;

// "EAGAIN"; "" for 0 and for what no call in net/ returns.
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
    case kEbadf:
      return "EBADF";
    case kEnomem:
      return "ENOMEM";
    case kEbusy:
      return "EBUSY";
    case kEexist:
      return "EEXIST";
    case kEinval:
      return "EINVAL";
    case kEnfile:
      return "ENFILE";
    case kEmfile:
      return "EMFILE";
    case kEnospc:
      return "ENOSPC";
    case kEpipe:
      return "EPIPE";
    case kEagain:
      return "EAGAIN";
    case kEnotsock:
      return "ENOTSOCK";
    case kEconnreset:
      return "ECONNRESET";
    case kEnobufs:
      return "ENOBUFS";
    case kEnotconn:
      return "ENOTCONN";
    case kEloop:
      return "ELOOP";
    case kEnosys:
      return "ENOSYS";
    default:
      return "";
  }
}

}  // namespace vmsim::net

#endif  // VMSIM_NET_ERRNO_H_
