// vm/trace_types.h: the events that the memory system writes to the trace (sim/trace.h).
#ifndef VMSIM_VM_TRACE_TYPES_H_
#define VMSIM_VM_TRACE_TYPES_H_

#include <array>
#include <cstdint>

#include "sim/trace.h"

namespace vmsim::vm::trace {

// Every event that changes what the memory system will do next; together they are the trajectory.
enum : uint16_t {
  kFaultSoft = 0x100,   // actor: process; a: virtual page; b: frame
  kFaultHard = 0x101,   // actor: process; a: virtual page; b: frame
  kFaultZero = 0x102,   // actor: process; a: virtual page; b: frame
  kFaultError = 0x103,  // actor: process; a: virtual page; b: fault result
  kFaultCow = 0x104,    // actor: process; a: virtual page; b: frame. Before the fault's own event.
  kActivate = 0x110,    // actor: object; a: pindex; b: frame. A scan found the page referenced.
  kDeactivate = 0x111,  // actor: object; a: pindex; b: frame. The active scan gave it up.
  kLaunder = 0x112,     // actor: object; a: pindex; b: frame. To the laundry queue.
  kEvict = 0x113,       // actor: object; a: pindex; b: frame. Freed by the page daemon.
  kUnmap = 0x114,       // actor: process; a: first virtual page; b: pages
  kFork = 0x115,        // actor: process; a: child; b: entries
  kCollapse = 0x116,    // actor: object; a: backing object that it took over
  kBypass = 0x117,      // actor: object; a: backing object that it no longer shadows
  kScanDone = 0x118,    // actor: queue; a: nodes scanned; b: pages freed or laundered
  kPass = 0x119,        // a: controller output; b: free pages
  kSwapRead = 0x120,    // actor: object; a: first block; b: pages
  kSwapWrite = 0x121,   // actor: object; a: first block; b: pages
  kSwapReadDone = 0x122,   // actor: object; a: first block; b: errno
  kSwapWriteDone = 0x123,  // actor: object; a: first block; b: errno
  kSwapFull = 0x124,       // a: pages wanted
  kOomKill = 0x130,        // actor: process; a: reason; b: size in pages
  kProcessExit = 0x131,    // actor: process; a: wait status
};

inline constexpr std::array kTypes = {
    sim::TraceTypeInfo{kFaultSoft, "fault_soft", "vpage", "frame"},
    sim::TraceTypeInfo{kFaultHard, "fault_hard", "vpage", "frame"},
    sim::TraceTypeInfo{kFaultZero, "fault_zero", "vpage", "frame"},
    sim::TraceTypeInfo{kFaultError, "fault_error", "vpage", "result"},
    sim::TraceTypeInfo{kFaultCow, "fault_cow", "vpage", "frame"},
    sim::TraceTypeInfo{kActivate, "activate", "pindex", "frame"},
    sim::TraceTypeInfo{kDeactivate, "deactivate", "pindex", "frame"},
    sim::TraceTypeInfo{kLaunder, "launder", "pindex", "frame"},
    sim::TraceTypeInfo{kEvict, "evict", "pindex", "frame"},
    sim::TraceTypeInfo{kUnmap, "unmap", "vpage", "pages"},
    sim::TraceTypeInfo{kFork, "fork", "child", "entries"},
    sim::TraceTypeInfo{kCollapse, "collapse", "backing", ""},
    sim::TraceTypeInfo{kBypass, "bypass", "backing", ""},
    sim::TraceTypeInfo{kScanDone, "scan_done", "scanned", "done"},
    sim::TraceTypeInfo{kPass, "pass", "output", "free"},
    sim::TraceTypeInfo{kSwapRead, "swap_read", "block", "pages"},
    sim::TraceTypeInfo{kSwapWrite, "swap_write", "block", "pages"},
    sim::TraceTypeInfo{kSwapReadDone, "swap_read_done", "block", "errno"},
    sim::TraceTypeInfo{kSwapWriteDone, "swap_write_done", "block", "errno"},
    sim::TraceTypeInfo{kSwapFull, "swap_full", "pages", ""},
    sim::TraceTypeInfo{kOomKill, "oom_kill", "reason", "pages"},
    sim::TraceTypeInfo{kProcessExit, "process_exit", "status", ""},
};

}  // namespace vmsim::vm::trace

#endif  // VMSIM_VM_TRACE_TYPES_H_
