// vfs/trace_types.h: the events that files write to the trace (sim/trace.h).
#ifndef VMSIM_VFS_TRACE_TYPES_H_
#define VMSIM_VFS_TRACE_TYPES_H_

#include <array>
#include <cstdint>

#include "sim/trace.h"

namespace vmsim::vfs::trace {

enum : uint16_t {
  kFileRead = 0x200,       // actor: vnode; a: sector of the disk; b: bytes
  kFileWrite = 0x201,      // actor: vnode; a: sector of the disk; b: bytes
  kFileReadDone = 0x202,   // actor: vnode; a: sector of the disk; b: errno
  kFileWriteDone = 0x203,  // actor: vnode; a: sector of the disk; b: errno
  kFileLost = 0x204,       // actor: vnode; a: block; b: errno. A dirty buffer was given up.
  kFileSize = 0x205,       // actor: vnode; a: new size in bytes
  kCrash = 0x206,          // a: writes dropped; b: writes kept or torn
};

inline constexpr std::array kTypes = {
    sim::TraceTypeInfo{kFileRead, "file_read", "sector", "bytes"},
    sim::TraceTypeInfo{kFileWrite, "file_write", "sector", "bytes"},
    sim::TraceTypeInfo{kFileReadDone, "file_read_done", "sector", "errno"},
    sim::TraceTypeInfo{kFileWriteDone, "file_write_done", "sector", "errno"},
    sim::TraceTypeInfo{kFileLost, "file_lost", "block", "errno"},
    sim::TraceTypeInfo{kFileSize, "file_size", "bytes", ""},
    sim::TraceTypeInfo{kCrash, "crash", "dropped", "kept"},
};

}  // namespace vmsim::vfs::trace

#endif  // VMSIM_VFS_TRACE_TYPES_H_
