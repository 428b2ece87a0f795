// vfs/mpool_stat.h: what a pool counts, under the names of the original's STATISTICS build.
//
// Always: pageget == cachehit + cachemiss. pagealloc + pageflush is the number of buffers that were
// obtained, pagealloc - curcache the number of those that were freed before the close.
#ifndef VMSIM_VFS_MPOOL_STAT_H_
#define VMSIM_VFS_MPOOL_STAT_H_

#include <array>
#include <cstdint>
#include <string>

#include "sim/counters.h"

namespace vmsim::vfs {

class Mpool;

struct MpoolStats {
  int64_t cachehit = 0;
  int64_t cachemiss = 0;
  int64_t pagealloc = 0;
  int64_t pageflush = 0;
  int64_t pageget = 0;
  int64_t pagenew = 0;
  int64_t pageput = 0;
  int64_t pageread = 0;
  int64_t pagewrite = 0;
  int64_t curcache = 0;
  int64_t npages = 0;
  // Of the simulation, not of the original.
  int64_t evict_swapins = 0;
  int64_t wire_failures = 0;
  int64_t violations = 0;

  // The sum over several pools.
  MpoolStats& operator+=(const MpoolStats& other);
};

struct MpoolCounter {
  sim::CounterInfo info;
  int64_t MpoolStats::*field;
};
inline constexpr size_t kMpoolCounterCount = 14;
// Every field of MpoolStats, named mpool.FIELD.
extern const std::array<MpoolCounter, kMpoolCounterCount> kMpoolCounters;

// Registers all of them. `stats` must outlive the last reading.
void RegisterMpoolCounters(sim::CounterRegistry& registry, const MpoolStats& stats);

// mpool_stat: the counters and the LRU list, oldest first, as text for people. "d" is dirty, "P"
// pinned; ten pages a line.
std::string MpoolStatText(const Mpool& pool);

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_STAT_H_
