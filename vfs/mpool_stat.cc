#include "vfs/mpool_stat.h"

#include "absl/strings/str_cat.h"
#include "vfs/mpool.h"

namespace vmsim::vfs {

using sim::CounterKind;

const std::array<MpoolCounter, kMpoolCounterCount> kMpoolCounters = {{
    {{"mpool.cachehit", "pages", "Pages that a get found in the pool."}, &MpoolStats::cachehit},
    {{"mpool.cachemiss", "pages", "Pages that a get did not find in the pool."},
     &MpoolStats::cachemiss},
    {{"mpool.pagealloc", "buffers", "Buffers allocated."}, &MpoolStats::pagealloc},
    {{"mpool.pageflush", "buffers",
      "Buffers taken from the page that they held, clean or written."},
     &MpoolStats::pageflush},
    {{"mpool.pageget", "calls", "Gets, without those refused for lying behind the end."},
     &MpoolStats::pageget},
    {{"mpool.pagenew", "calls", "New pages asked for."}, &MpoolStats::pagenew},
    {{"mpool.pageput", "calls", "Pages given back."}, &MpoolStats::pageput},
    {{"mpool.pageread", "pages", "Pages read; revision 8.5 counts attempts."},
     &MpoolStats::pageread},
    {{"mpool.pagewrite", "pages", "Attempts to write a page."}, &MpoolStats::pagewrite},
    {{"mpool.curcache", "buffers", "Buffers that the pool owns, leaked ones included.",
      CounterKind::kLevel},
     &MpoolStats::curcache},
    {{"mpool.npages", "pages", "Pages of the file, new ones included.", CounterKind::kLevel},
     &MpoolStats::npages},
    {{"mpool.evict_swapins", "buffers", "Dirty victims that were read from swap to be written."},
     &MpoolStats::evict_swapins},
    {{"mpool.wire_failures", "buffers", "Pinned buffers that could not be wired."},
     &MpoolStats::wire_failures},
    {{"mpool.violations", "calls", "Misuse that strict mode reported."}, &MpoolStats::violations},
}};

MpoolStats& MpoolStats::operator+=(const MpoolStats& other) {
  for (const MpoolCounter& counter : kMpoolCounters) {
    this->*counter.field += other.*counter.field;
  }
  return *this;
}

void RegisterMpoolCounters(sim::CounterRegistry& registry, const MpoolStats& stats) {
  for (const MpoolCounter& counter : kMpoolCounters) {
    registry.Register(counter.info, &(stats.*counter.field));
  }
}

namespace {

std::string LruText(const MpoolBuckets& buckets) {
  constexpr int kPerLine = 10;
  std::string text;
  int count = 0;
  for (uint32_t i = buckets.oldest(); i != kNoBucket; i = buckets.Newer(i)) {
    if (count > 0) text += count % kPerLine == 0 ? "\n" : ", ";
    absl::StrAppend(&text, buckets[i].pgno, buckets[i].dirty ? "d" : "",
                    buckets[i].pinned ? "P" : "");
    ++count;
  }
  return text + "\n";
}

}  // namespace

std::string MpoolStatText(const Mpool& pool) {
  const MpoolStats& stats = pool.stats();
  std::string text = absl::StrCat(
      stats.npages, " pages in the file\n", "page size ", pool.pagesize(), ", ", stats.curcache,
      " of at most ", pool.maxcache(), " pages cached\n", stats.pageput, " page puts, ",
      stats.pageget, " page gets, ", stats.pagenew, " page news\n", stats.pagealloc,
      " page allocs, ", stats.pageflush, " page flushes\n");
  const int64_t searches = stats.cachehit + stats.cachemiss;
  if (searches > 0) {
    absl::StrAppend(&text, (100 * stats.cachehit + searches / 2) / searches, "% cache hit rate (",
                    stats.cachehit, " hits, ", stats.cachemiss, " misses)\n");
  }
  absl::StrAppend(&text, stats.pageread, " page reads, ", stats.pagewrite, " page writes\n");
  return text + LruText(pool.buckets());
}

}  // namespace vmsim::vfs
