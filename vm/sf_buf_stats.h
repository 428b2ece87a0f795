// vm/sf_buf_stats.h: what sysctl kern.ipc and netstat -m tell about sf_bufs, under their names.
//
// Plain fields, changed where the kernel changes them. On a machine with a direct map all stay 0:
// there is no pool to count. Model: FreeBSD sys/sys/sf_buf.h (struct sfstat), kern/subr_sfbuf.c.
#ifndef VMSIM_VM_SF_BUF_STATS_H_
#define VMSIM_VM_SF_BUF_STATS_H_

#include <cstdint>

#include "sim/counters.h"

namespace vmsim::vm {

struct SfBufStats {
  int64_t nsfbufs = 0;       // Size of the pool.
  int64_t nsfbufsused = 0;   // Level: buffers with at least one reference.
  int64_t nsfbufspeak = 0;   // The most there ever were.
  int64_t sf_allocwait = 0;  // Sleeps for want of a free buffer.
  int64_t sf_allocfail = 0;  // Transfers cut short because there was none (NoteAllocFail).
  // Beyond the kernel's own.
  int64_t sf_buf_hits = 0;           // Allocations that found the page mapped.
  int64_t sf_buf_maps = 0;           // Those that mapped it into a recycled buffer.
  int64_t sf_buf_invalidations = 0;  // Of one translation, on the CPU that allocates.
  int64_t sf_buf_shootdowns = 0;     // The same on other CPUs; each of them counts.
};

// The same two by CPU, and who caused them.
struct SfBufCpuStats {
  int64_t invalidations = 0;        // Of its own accord.
  int64_t shootdowns_sent = 0;      // CPUs that it interrupted.
  int64_t shootdowns_received = 0;  // Times that it was interrupted.
};

// One line for each field of SfBufStats.
struct SfBufCounter {
  sim::CounterInfo info;
  int64_t SfBufStats::*field;
};

inline constexpr SfBufCounter kSfBufCounters[] = {
    {{"kern.ipc.nsfbufs", "buffers", "Buffers in the sf_buf pool.", sim::CounterKind::kTarget},
     &SfBufStats::nsfbufs},
    {{"kern.ipc.nsfbufsused", "buffers", "Sf_bufs in use.", sim::CounterKind::kLevel},
     &SfBufStats::nsfbufsused},
    {{"kern.ipc.nsfbufspeak", "buffers", "The most sf_bufs ever in use."},
     &SfBufStats::nsfbufspeak},
    {{"sf_allocwait", "sleeps", "Sleeps for want of a free sf_buf."}, &SfBufStats::sf_allocwait},
    {{"sf_allocfail", "transfers", "Transfers cut short for want of an sf_buf."},
     &SfBufStats::sf_allocfail},
    {{"sf_buf_hits", "allocations", "Sf_bufs found with the page still mapped."},
     &SfBufStats::sf_buf_hits},
    {{"sf_buf_maps", "allocations", "Sf_bufs recycled to map another page."},
     &SfBufStats::sf_buf_maps},
    {{"sf_buf_invalidations", "translations",
      "Translations of sf_bufs dropped by the CPU that allocated."},
     &SfBufStats::sf_buf_invalidations},
    {{"sf_buf_shootdowns", "translations",
      "Translations of sf_bufs that allocations made other CPUs drop."},
     &SfBufStats::sf_buf_shootdowns},
};

// Registers all of them. `stats` must outlive the last reading.
inline void RegisterSfBufCounters(sim::CounterRegistry& registry, const SfBufStats& stats) {
  for (const SfBufCounter& counter : kSfBufCounters) {
    registry.Register(counter.info, &(stats.*counter.field));
  }
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SF_BUF_STATS_H_
