// net/sendfile_stats.h: what netstat -m tells about sendfile, under the kernel's names.
//
// Buffers and the want of them are counted in vm/sf_buf_stats.h. A page in the middle of a read
// that was valid already counts as valid, as bogus and as read. Model: FreeBSD sys/sys/sf_buf.h
// (struct sfstat), kern/kern_sendfile.c.
#ifndef VMSIM_NET_SENDFILE_STATS_H_
#define VMSIM_NET_SENDFILE_STATS_H_

#include <cstdint>

#include "sim/counters.h"

namespace vmsim::net {

struct SendfileStats {
  int64_t sf_syscalls = 0;
  int64_t sf_noiocnt = 0;
  int64_t sf_iocnt = 0;
  int64_t sf_pages_read = 0;
  int64_t sf_pages_valid = 0;
  int64_t sf_rhpages_requested = 0;
  int64_t sf_rhpages_read = 0;
  int64_t sf_busy = 0;
  int64_t sf_pages_bogus = 0;
};

struct SendfileCounter {
  sim::CounterInfo info;
  int64_t SendfileStats::*field;
};

inline constexpr SendfileCounter kSendfileCounters[] = {
    {{"sf_syscalls", "calls", "Calls of sendfile."}, &SendfileStats::sf_syscalls},
    {{"sf_noiocnt", "rounds", "Rounds of sendfile that needed no I/O."},
     &SendfileStats::sf_noiocnt},
    {{"sf_iocnt", "requests", "Disk reads that sendfile started."}, &SendfileStats::sf_iocnt},
    {{"sf_pages_read", "pages", "Pages that sendfile had read because it was to send them."},
     &SendfileStats::sf_pages_read},
    {{"sf_pages_valid", "pages", "Pages to be sent that were valid already."},
     &SendfileStats::sf_pages_valid},
    {{"sf_rhpages_requested", "pages", "Pages of read-ahead that callers of sendfile asked for."},
     &SendfileStats::sf_rhpages_requested},
    {{"sf_rhpages_read", "pages", "Pages that sendfile had read ahead."},
     &SendfileStats::sf_rhpages_read},
    {{"sf_busy", "rounds", "Times that a busy page ended a sendfile with SF_NODISKIO."},
     &SendfileStats::sf_busy},
    {{"sf_pages_bogus", "pages", "Valid pages in the middle of a read of sendfile."},
     &SendfileStats::sf_pages_bogus},
};

// Registers all of them. `stats` must outlive the last reading.
inline void RegisterSendfileCounters(sim::CounterRegistry& registry, const SendfileStats& stats) {
  for (const SendfileCounter& counter : kSendfileCounters) {
    registry.Register(counter.info, &(stats.*counter.field));
  }
}

}  // namespace vmsim::net

#endif  // VMSIM_NET_SENDFILE_STATS_H_
