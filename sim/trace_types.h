// sim/trace_types.h: the types of trace records that sim/ itself emits, 1 to 0xff.
//
// A number, once given, keeps its meaning: recorded digests depend on it. New types take free ones.
#ifndef VMSIM_SIM_TRACE_TYPES_H_
#define VMSIM_SIM_TRACE_TYPES_H_

#include <cstdint>

#include "sim/trace.h"

namespace vmsim::sim::trace {

// The actor is the thread's number.
inline constexpr uint16_t kThreadRun = 1;    // It got a CPU.
inline constexpr uint16_t kThreadBlock = 2;  // It gave the CPU up to wait, on channel a.

// The actor is the disk's number; offsets and lengths are bytes.
inline constexpr uint16_t kDiskDone = 3;   // A request completed; errno 0 is success.
inline constexpr uint16_t kDiskFault = 4;  // An injected fault struck; which kind, in b.
// A request entered the disk's queue: kDiskSubmit plus the number of its command, a DiskOp
// (FreeBSD sys/sys/bio.h).
inline constexpr uint16_t kDiskSubmit = 0x10;

inline constexpr TraceTypeInfo kTypes[] = {
    {kThreadRun, "thread_run", "", ""},
    {kThreadBlock, "thread_block", "channel", ""},
    {kDiskDone, "disk_done", "offset", "errno"},
    {kDiskFault, "disk_fault", "offset", "fault"},
    {kDiskSubmit + 1, "disk_read", "offset", "length"},
    {kDiskSubmit + 2, "disk_write", "offset", "length"},
    {kDiskSubmit + 3, "disk_delete", "offset", "length"},
    {kDiskSubmit + 4, "disk_getattr", "", ""},
    {kDiskSubmit + 5, "disk_flush", "", ""},
    {kDiskSubmit + 9, "disk_zone", "", ""},
    {kDiskSubmit + 10, "disk_speedup", "", ""},
};

}  // namespace vmsim::sim::trace

#endif  // VMSIM_SIM_TRACE_TYPES_H_
