// How a pool comes by a buffer, and moves pages between buffers and the file.
#include <algorithm>
#include <limits>

#include "sim/check.h"
#include "vfs/errno.h"
#include "vfs/mpool.h"

namespace vmsim::vfs {

sim::Task<Mpool::Obtained> Mpool::Obtain() {
  if (stats_.curcache >= maxcache_) {
    const uint32_t victim = buckets_.OldestUnpinned();
    if (victim != kNoBucket) co_return co_await Recycle(victim);
    CountGrowth();
  }
  co_return co_await Allocate();
}

// A victim that cannot be written stays where it is, and no other is tried.
sim::Task<Mpool::Obtained> Mpool::Recycle(uint32_t victim) {
  if (buckets_[victim].dirty) {
    const MpoolStatus written = co_await WritePage(victim, Why::kEviction);
    if (written.result != 0) co_return {kNoBucket, written.error};
  }
  ++stats_.pageflush;
  ++witness_.obtained;
  TakeOut(victim, Leaving::kRecycled);
  co_return {victim, 0};
}

sim::Task<Mpool::Obtained> Mpool::Allocate() {
  const MpoolMemory::Allocation memory = co_await memory_.Allocate(pagesize_);
  if (memory.error != 0) co_return {kNoBucket, memory.error};
  ++stats_.pagealloc;
  ++stats_.curcache;
  ++witness_.obtained;
  co_return {buckets_.Add(memory.address, MpoolTagsPerPage(pagesize_)), 0};
}

// Takes a page out of the pool. What must be done with its contents has been done.
void Mpool::TakeOut(uint32_t bucket, Leaving why) {
  MpoolBucket& leaving = buckets_[bucket];
  if (why == Leaving::kRecycled) {
    if (leaving.pinned) ++witness_.pinned_victims;
    if (leaving.dirty) ++witness_.dirty_losses;
  }
  buckets_.Unlink(bucket);
  leaving.dirty = leaving.inuse = leaving.may_repeat = false;
}

// Frees a buffer that is off the lists.
sim::Task<void> Mpool::Release(uint32_t bucket) {
  const uint64_t address = buckets_[bucket].address;
  buckets_.Drop(bucket);
  --stats_.curcache;
  ++witness_.freed;
  co_await memory_.Free(address, pagesize_);
}

// The search for a victim has just found none; this looks again, in another way, for the invariant.
void Mpool::CountGrowth() {
  for (uint32_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i].place == MpoolPlace::kCached && !buckets_[i].pinned) {
      ++witness_.needless_growth;
      return;
    }
  }
}

bool Mpool::OffsetOf(MpoolPgno pgno, int64_t* offset) const {
  const uint64_t start = uint64_t{pgno} * pagesize_;
  if (start > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) - pagesize_) return false;
  *offset = static_cast<int64_t>(start);
  return true;
}

sim::Task<MpoolStatus> Mpool::ReadPage(uint32_t bucket, MpoolPgno pgno) {
  if (is_85()) ++stats_.pageread;
  int64_t offset;
  if (!OffsetOf(pgno, &offset)) co_return {-1, kEinval};
  const MpoolTransfer got = co_await file_.Read(offset, pagesize_, buckets_[bucket].tags);
  if (got.error != 0) co_return {-1, got.error};
  CHECK(got.bytes >= 0 && got.bytes <= pagesize_, got.bytes, " bytes read");
  const MpoolStatus status = co_await ReadRest(bucket, got);
  if (status.result == 0 && !is_85()) ++stats_.pageread;
  co_return status;
}

// The bytes are there; they go into the buffer, if they are what was asked for.
sim::Task<MpoolStatus> Mpool::ReadRest(uint32_t bucket, const MpoolTransfer& got) {
  const bool whole = got.bytes == pagesize_;
  const bool behind_the_end = got.bytes == 0 && !is_85();
  if (got.bytes > 0 || behind_the_end) {
    const MpoolTouch touch = co_await TouchBuffer(bucket, MpoolAccess::kWrite);
    if (touch.error != 0) co_return {-1, touch.error};
  }
  if (behind_the_end) {
    std::fill(buckets_[bucket].tags.begin(), buckets_[bucket].tags.end(), MpoolTag{0});
  }
  if (whole || behind_the_end) co_return {};
  co_return {-1, is_85() ? kEftype : kEinval};
}

// The copy in the pool is for callers to read, so pgin follows pgout; a victim is no exception. The
// write sleeps, and meanwhile the buffer may be paged out: each access to it touches it anew.
sim::Task<MpoolStatus> Mpool::WritePage(uint32_t bucket, Why why) {
  ++stats_.pagewrite;
  MpoolTouch touch =
      co_await TouchBuffer(bucket, pgout_ != nullptr ? MpoolAccess::kWrite : MpoolAccess::kRead);
  if (touch.swapped_in && why == Why::kEviction) ++stats_.evict_swapins;
  if (touch.error != 0) co_return {-1, touch.error};
  FilterPage(pgout_, bucket);
  const MpoolTransfer put = co_await WriteContents(bucket);
  const bool written = put.error == 0 && put.bytes == pagesize_;
  const bool repair = options_.filter_failure == MpoolFilterFailure::kRepair;
  if (pgin_ != nullptr && (written || repair)) {
    touch = co_await TouchBuffer(bucket, MpoolAccess::kWrite);
    if (touch.error != 0) co_return {-1, written ? touch.error : put.error};
    FilterPage(pgin_, bucket);
  }
  if (!written) co_return {-1, put.error};
  buckets_[bucket].dirty = false;
  co_return {};
}

sim::Task<MpoolTransfer> Mpool::WriteContents(uint32_t bucket) {
  int64_t offset;
  if (!OffsetOf(buckets_[bucket].pgno, &offset)) co_return {kEinval, 0};
  witness_.last_write_offset = offset;
  witness_.last_write_bytes = pagesize_;
  const MpoolTransfer put = co_await file_.Write(offset, pagesize_, buckets_[bucket].tags);
  CHECK(put.bytes >= 0 && put.bytes <= pagesize_, put.bytes, " bytes written");
  co_return put;
}

sim::Task<MpoolTouch> Mpool::TouchBuffer(uint32_t bucket, MpoolAccess access) {
  return memory_.Touch(buckets_[bucket].address, pagesize_, access);
}

void Mpool::FilterPage(MpoolFilter filter, uint32_t bucket) {
  if (filter != nullptr) filter(pgcookie_, buckets_[bucket].pgno, buckets_[bucket].tags);
}

}  // namespace vmsim::vfs
