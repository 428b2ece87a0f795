// vfs/file_stats.h: what files count, beside the v_vnode counters of vm/counters.h.
//
// Names are those of sysctl vfs.* where it has one.
#ifndef VMSIM_VFS_FILE_STATS_H_
#define VMSIM_VFS_FILE_STATS_H_

#include <cstdint>

#include "sim/counters.h"

namespace vmsim::vfs {

struct FileStats {
  // Calls on files.
  int64_t file_reads = 0;
  int64_t file_read_bytes = 0;
  int64_t file_writes = 0;
  int64_t file_write_bytes = 0;
  int64_t file_fsyncs = 0;
  // Buffers.
  int64_t numdirtybuffers = 0;  // Level.
  int64_t getblks = 0;
  int64_t buf_reads = 0;  // Transfers; one may carry several buffers.
  int64_t buf_read_bytes = 0;
  int64_t buf_writes = 0;
  int64_t buf_write_bytes = 0;
  int64_t buf_read_aheads = 0;    // Blocks that were read before anybody asked.
  int64_t buf_write_errors = 0;   // Buffers whose write failed.
  int64_t buf_write_giveups = 0;  // Of these, thrown away: the device is gone, or always fails.
  int64_t dirty_waits = 0;        // Writers that slept because too many buffers are dirty.
  int64_t dirty_wait_ns = 0;
  int64_t running_waits = 0;  // Those that slept because too much is being written.
  int64_t running_wait_ns = 0;
  int64_t buf_daemon_flushes = 0;  // Buffers that the buffer daemon had written.
  int64_t syncer_fsyncs = 0;       // Files that the syncer wrote,
  int64_t syncer_skips = 0;        // and could not, because they were locked.
  int64_t syncer_rushes = 0;       // Times that it was hurried by the laundry thread.
  int64_t vnode_lock_misses = 0;  // Vnode locks that a fault or the laundry thread had to wait for.
  int64_t putpages_bad = 0;       // Dirty pages found behind the end of their file.
  int64_t truncated_pages = 0;    // Pages that a truncation took out of memory.
};

struct FileCounter {
  sim::CounterInfo info;
  int64_t FileStats::*field;
};

// Registers all of them. `stats` must outlive the last reading.
void RegisterFileCounters(sim::CounterRegistry& registry, const FileStats& stats);

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_FILE_STATS_H_
