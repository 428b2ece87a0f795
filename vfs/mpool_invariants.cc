#include "vfs/mpool_invariants.h"

#include <algorithm>
#include <map>

#include "sim/check.h"

namespace vmsim::vfs {

int64_t MpoolChecks::CountAt(const Mpool& pool, MpoolPlace place) {
  int64_t count = 0;
  for (const MpoolBucket& bucket : pool.buckets_.buckets_) count += bucket.place == place;
  return count;
}

// Links forth and back agree, both ends are ends, and the list comes to an end.
bool MpoolChecks::ListIsWhole(const MpoolBuckets& buckets, const MpoolBuckets::List& list,
                              MpoolBuckets::LinkField link) {
  uint32_t before = kNoBucket;
  uint32_t length = 0;
  for (uint32_t i = list.head; i != kNoBucket; i = (buckets[i].*link).next) {
    if (i >= buckets.size() || ++length > buckets.size()) return false;
    if ((buckets[i].*link).prev != before) return false;
    before = i;
  }
  return list.tail == before;
}

bool MpoolChecks::LruIsWhole(const Mpool& pool) {
  return ListIsWhole(pool.buckets_, pool.buckets_.lru_, &MpoolBucket::lru);
}

bool MpoolChecks::ChainsAreWhole(const Mpool& pool) {
  return std::all_of(pool.buckets_.chains_.begin(), pool.buckets_.chains_.end(),
                     [&](const MpoolBuckets::List& chain) {
                       return ListIsWhole(pool.buckets_, chain, &MpoolBucket::chain);
                     });
}

// The LRU list holds every cached bucket, and no other. A list that is not whole is not walked.
bool MpoolChecks::LruHoldsTheCached(const Mpool& pool) {
  if (!LruIsWhole(pool)) return true;
  const MpoolBuckets& buckets = pool.buckets_;
  int64_t listed = 0;
  for (uint32_t i = buckets.oldest(); i != kNoBucket; i = buckets.Newer(i), ++listed) {
    if (buckets[i].place != MpoolPlace::kCached) return false;
  }
  return listed == CountAt(pool, MpoolPlace::kCached);
}

// Every cached bucket is on the chain of its number; the chains hold no other.
bool MpoolChecks::ChainsHoldTheCached(const Mpool& pool) {
  if (!ChainsAreWhole(pool)) return true;
  const MpoolBuckets& buckets = pool.buckets_;
  int64_t listed = 0;
  for (uint32_t chain = 0; chain < kMpoolHashSize; ++chain) {
    for (uint32_t i = buckets.chains_[chain].head; i != kNoBucket;
         i = buckets[i].chain.next, ++listed) {
      if (buckets[i].place != MpoolPlace::kCached) return false;
      if (MpoolBuckets::ChainOf(buckets[i].pgno) != chain) return false;
    }
  }
  return listed == CountAt(pool, MpoolPlace::kCached);
}

// The rows to use again are those without a buffer, each once.
bool MpoolChecks::FreeRowsAreFree(const Mpool& pool) {
  std::vector<uint32_t> rows = pool.buckets_.free_;
  std::sort(rows.begin(), rows.end());
  if (std::adjacent_find(rows.begin(), rows.end()) != rows.end()) return false;
  for (const uint32_t row : rows) {
    if (row >= pool.buckets_.size()) return false;
    if (pool.buckets_[row].place != MpoolPlace::kFree) return false;
  }
  return static_cast<int64_t>(rows.size()) == CountAt(pool, MpoolPlace::kFree);
}

// At most one bucket is in a call's hands, and none between calls.
bool MpoolChecks::OneCallAtATime(const Mpool& pool) {
  return CountAt(pool, MpoolPlace::kInCall) <= (pool.turns_.taken() ? 1 : 0);
}

bool MpoolChecks::ContentsFitThePage(const Mpool& pool) {
  const auto& rows = pool.buckets_.buckets_;
  return std::all_of(rows.begin(), rows.end(), [&](const MpoolBucket& bucket) {
    const bool free = bucket.place == MpoolPlace::kFree;
    return bucket.tags.size() == (free ? 0 : MpoolTagsPerPage(pool.pagesize_));
  });
}

// Revision 8.7 flags what holds a page, 8.5 knows no such flag.
bool MpoolChecks::CachedAreInuse(const Mpool& pool) {
  const auto& rows = pool.buckets_.buckets_;
  return std::all_of(rows.begin(), rows.end(), [&](const MpoolBucket& bucket) {
    return bucket.inuse == (!pool.is_85() && bucket.place == MpoolPlace::kCached);
  });
}

// In 8.5 no two cached pages have one number. In 8.7 those may that were asked for by number, or
// lay behind the end when they came.
bool MpoolChecks::NumbersAreUnique(const Mpool& pool) {
  std::map<MpoolPgno, int> ordinary;
  for (const MpoolBucket& bucket : pool.buckets_.buckets_) {
    if (bucket.place != MpoolPlace::kCached) continue;
    if (bucket.may_repeat && !pool.is_85()) continue;
    if (++ordinary[bucket.pgno] > 1) return false;
  }
  return true;
}

bool MpoolChecks::WiredArePinned(const Mpool& pool) {
  const auto& rows = pool.buckets_.buckets_;
  return std::none_of(rows.begin(), rows.end(), [&](const MpoolBucket& bucket) {
    return bucket.wired && (!bucket.pinned || !pool.options_.wire_buffers);
  });
}

// A pool that is closed, and not just being closed, holds no page.
bool MpoolChecks::ClosedIsEmpty(const Mpool& pool) {
  return !pool.closed_ || pool.turns_.taken() || CountAt(pool, MpoolPlace::kCached) == 0;
}

// There are more than maxcache buffers only because all were pinned when each was allocated.
bool MpoolChecks::GrowthIsNeeded(const Mpool& pool) { return pool.witness_.needless_growth == 0; }

bool MpoolChecks::VictimsAreUnpinned(const Mpool& pool) {
  return pool.witness_.pinned_victims == 0;
}

// A dirty page leaves the pool by a write, Delete or Close.
bool MpoolChecks::DirtyPagesAreNotLost(const Mpool& pool) {
  return pool.witness_.dirty_losses == 0;
}

bool MpoolChecks::OnlyNewAddsPages(const Mpool& pool) {
  return pool.stats_.npages == pool.npages_at_open_ + pool.witness_.numbers_given;
}

bool MpoolChecks::WritesAreWholePages(const Mpool& pool) {
  const Mpool::Witness& seen = pool.witness_;
  return seen.last_write_offset % pool.pagesize_ == 0 &&
         (seen.last_write_bytes == 0 || seen.last_write_bytes == pool.pagesize_);
}

bool MpoolChecks::GetsAreHitsAndMisses(const Mpool& pool) {
  return pool.stats_.pageget == pool.stats_.cachehit + pool.stats_.cachemiss;
}

bool MpoolChecks::BuffersAreAllocsAndFlushes(const Mpool& pool) {
  return pool.witness_.obtained == pool.stats_.pagealloc + pool.stats_.pageflush;
}

bool MpoolChecks::FreedAreAccountedFor(const Mpool& pool) {
  return pool.witness_.freed == pool.stats_.pagealloc - pool.stats_.curcache;
}

bool MpoolChecks::CurcacheCountsBuffers(const Mpool& pool) {
  return pool.stats_.curcache == pool.buckets_.size() - CountAt(pool, MpoolPlace::kFree);
}

bool MpoolChecks::OnlyOldReadsLeak(const Mpool& pool) {
  return pool.is_85() || CountAt(pool, MpoolPlace::kLeaked) == 0;
}

std::vector<std::string_view> Mpool::BrokenInvariants() const {
  std::vector<std::string_view> broken;
  for (const MpoolInvariant& invariant : kMpoolInvariants) {
    if (!invariant.holds(*this)) broken.push_back(invariant.name);
  }
  return broken;
}

void Mpool::CheckInvariants() const {
  for (const MpoolInvariant& invariant : kMpoolInvariants) {
    CHECK(invariant.holds(*this), absl::string_view(invariant.name.data(), invariant.name.size()),
          " does not hold of the buffer pool");
  }
}

}  // namespace vmsim::vfs
