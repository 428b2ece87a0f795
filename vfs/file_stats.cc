#include "vfs/file_stats.h"

#include <iterator>

namespace vmsim::vfs {
namespace {

using sim::CounterKind;

constexpr FileCounter kCounters[] = {
    {{"file_reads", "calls", "Reads of files."}, &FileStats::file_reads},
    {{"file_read_bytes", "bytes", "Bytes that they returned."}, &FileStats::file_read_bytes},
    {{"file_writes", "calls", "Writes to files."}, &FileStats::file_writes},
    {{"file_write_bytes", "bytes", "Bytes that they took."}, &FileStats::file_write_bytes},
    {{"file_fsyncs", "calls", "Fsyncs of files."}, &FileStats::file_fsyncs},
    {{"vfs.numdirtybuffers", "buffers", "Dirty buffers.", CounterKind::kLevel},
     &FileStats::numdirtybuffers},
    {{"getblks", "buffers", "Buffers asked for."}, &FileStats::getblks},
    {{"buf_reads", "reads", "Reads from disk by buffers, clusters as one."}, &FileStats::buf_reads},
    {{"buf_read_bytes", "bytes", "Bytes of these."}, &FileStats::buf_read_bytes},
    {{"buf_writes", "writes", "Writes to disk by buffers, clusters as one."},
     &FileStats::buf_writes},
    {{"buf_write_bytes", "bytes", "Bytes of these."}, &FileStats::buf_write_bytes},
    {{"buf_read_aheads", "buffers", "Buffers read before anybody asked."},
     &FileStats::buf_read_aheads},
    {{"buf_write_errors", "buffers", "Writes of buffers that failed."},
     &FileStats::buf_write_errors},
    {{"buf_write_giveups", "buffers", "Dirty buffers thrown away because they cannot be written."},
     &FileStats::buf_write_giveups},
    {{"dirty_waits", "sleeps", "Writers that slept because too many buffers were dirty."},
     &FileStats::dirty_waits},
    {{"dirty_wait_ns", "ns", "Time that they slept."}, &FileStats::dirty_wait_ns},
    {{"running_waits", "sleeps", "Writers that slept because too much was being written."},
     &FileStats::running_waits},
    {{"running_wait_ns", "ns", "Time that they slept."}, &FileStats::running_wait_ns},
    {{"buf_daemon_flushes", "buffers", "Buffers that the buffer daemon had written."},
     &FileStats::buf_daemon_flushes},
    {{"syncer_fsyncs", "files", "Files that the syncer wrote."}, &FileStats::syncer_fsyncs},
    {{"syncer_skips", "files", "Files that it found locked."}, &FileStats::syncer_skips},
    {{"syncer_rushes", "requests", "Times that the laundry thread hurried it."},
     &FileStats::syncer_rushes},
    {{"vnode_lock_misses", "attempts", "Faults and launderings that found a file locked."},
     &FileStats::vnode_lock_misses},
    {{"putpages_bad", "pages", "Dirty pages found behind the end of their file."},
     &FileStats::putpages_bad},
    {{"truncated_pages", "pages", "Resident pages that truncations dropped."},
     &FileStats::truncated_pages},
};
static_assert(std::size(kCounters) == sizeof(FileStats) / sizeof(int64_t), "one line a field");

}  // namespace

void RegisterFileCounters(sim::CounterRegistry& registry, const FileStats& stats) {
  for (const FileCounter& counter : kCounters) {
    registry.Register(counter.info, &(stats.*counter.field));
  }
}

}  // namespace vmsim::vfs
