// net/epoll_stats.h: what the epoll sets of a host count.
#ifndef VMSIM_NET_EPOLL_STATS_H_
#define VMSIM_NET_EPOLL_STATS_H_

#include <cstdint>

#include "sim/histogram.h"

namespace vmsim::net {

struct EpollStats {
  int64_t entries = 0;  // Level: entries in all sets.

  int64_t adds = 0;
  int64_t updates = 0;
  int64_t removes = 0;    // By request.
  int64_t forgotten = 0;  // Because the file or the set went.

  // Requests refused, by error.
  int64_t ebadf = 0;
  int64_t eexist = 0;
  int64_t einval = 0;
  int64_t eloop = 0;
  int64_t enoent = 0;
  int64_t enomem = 0;
  int64_t enospc = 0;
  int64_t eperm = 0;

  // Notifications from files, each counted once, by what came of it.
  int64_t queued = 0;
  int64_t already_queued = 0;
  int64_t disabled = 0;  // The entry had fired.
  int64_t filtered = 0;  // The entry asked for other events.

  int64_t watcher_notifications = 0;  // Passed on to those who watch a set.
  int64_t reads = 0;
  int64_t delivered = 0;
  int64_t stale = 0;          // Queued but not ready any more when they were looked at.
  int64_t requeues = 0;       // Level-triggered, delivered and queued again.
  int64_t longest_ready = 0;  // The longest ready list, in entries.
  sim::Histogram ready_ns;    // From the tail of the ready list to delivery.
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_EPOLL_STATS_H_
