#include "vfs/mpool.h"

#include <algorithm>

#include "sim/check.h"
#include "vfs/errno.h"

namespace vmsim::vfs {

namespace {
constexpr MpoolStatus Failed(int error) { return {-1, error}; }
}  // namespace

Mpool::Mpool(sim::Engine& engine, MpoolFile& file, MpoolMemory& memory, uint32_t pagesize,
             uint32_t maxcache, uint32_t npages, const MpoolOptions& options)
    : turns_(engine),
      file_(file),
      memory_(memory),
      options_(options),
      pagesize_(pagesize),
      maxcache_(maxcache),
      npages_at_open_(npages) {
  stats_.npages = npages;
}

sim::Task<MpoolOpenResult> Mpool::Open(sim::Engine& engine, std::string_view /*key*/,
                                       MpoolFile* file, MpoolMemory& memory, uint32_t pagesize,
                                       uint32_t maxcache, MpoolOptions options) {
  if (file == nullptr) co_return {nullptr, kEbadf};
  const MpoolFileStat stat = co_await file->Stat();
  if (stat.error != 0) co_return {nullptr, stat.error};
  if (!stat.regular) co_return {nullptr, kEspipe};
  if (pagesize == 0) co_return {nullptr, kEinval};
  const int64_t npages = stat.size / pagesize;
  if (npages > UINT32_MAX) co_return {nullptr, kEfbig};
  co_return {std::unique_ptr<Mpool>(new Mpool(engine, *file, memory, pagesize, maxcache,
                                              static_cast<uint32_t>(npages), options)),
             0};
}

sim::Task<void> Mpool::Filter(MpoolFilter pgin, MpoolFilter pgout, void* cookie) {
  const MpoolTurns::Turn turn = co_await turns_.Take();
  if (RefuseClosed()) co_return;
  pgin_ = pgin;
  pgout_ = pgout;
  pgcookie_ = cookie;
}

sim::Task<MpoolPageResult> Mpool::Get(MpoolPgno pgno, uint32_t flags) {
  const MpoolTurns::Turn turn = co_await turns_.Take();
  if (RefuseClosed()) co_return {{}, pgno, kEinval};
  if (is_85() && pgno >= stats_.npages) co_return {{}, pgno, kEinval};
  ++stats_.pageget;
  const uint32_t found = buckets_.Find(pgno);
  if (found != kNoBucket) co_return co_await Hit(found, flags);
  co_return co_await Miss(pgno, flags);
}

sim::Task<MpoolPageResult> Mpool::Hit(uint32_t bucket, uint32_t flags) {
  ++stats_.cachehit;
  const bool may_be_pinned = !is_85() && (flags & kMpoolIgnorePin) != 0;
  if (buckets_[bucket].pinned && !may_be_pinned) {
    Report(MpoolMisuse::kGetOfPinned, buckets_[bucket].pgno);
  }
  buckets_.Refresh(bucket);
  co_await Pin(bucket);
  co_return {PageOf(bucket), buckets_[bucket].pgno, 0};
}

sim::Task<MpoolPageResult> Mpool::Miss(MpoolPgno pgno, uint32_t flags) {
  ++stats_.cachemiss;
  const Obtained obtained = co_await Obtain();
  if (obtained.bucket == kNoBucket) co_return {{}, pgno, obtained.error};
  const uint32_t bucket = obtained.bucket;
  const MpoolStatus read = co_await ReadPage(bucket, pgno);
  if (read.result != 0) {
    if (is_85()) {
      buckets_.Leak(bucket);
    } else {
      co_await Release(bucket);
    }
    co_return {{}, pgno, read.error};
  }
  buckets_.Link(bucket, pgno);
  buckets_[bucket].inuse = !is_85();
  buckets_[bucket].may_repeat = pgno >= stats_.npages;
  FilterPage(pgin_, bucket);
  if (is_85() || (flags & kMpoolIgnorePin) == 0) co_await Pin(bucket);
  co_return {PageOf(bucket), pgno, 0};
}

sim::Task<MpoolPageResult> Mpool::New(uint32_t flags, MpoolPgno requested) {
  const MpoolTurns::Turn turn = co_await turns_.Take();
  if (RefuseClosed()) co_return {{}, 0, kEinval};
  if (stats_.npages == UINT32_MAX) {
    Report(MpoolMisuse::kOutOfNumbers);
    co_return {{}, 0, kEnospc};
  }
  ++stats_.pagenew;
  const Obtained obtained = co_await Obtain();
  if (obtained.bucket == kNoBucket) co_return {{}, 0, obtained.error};
  const uint32_t bucket = obtained.bucket;
  const bool by_number = !is_85() && flags == kMpoolPageRequest;  // Equality: with more, it is not.
  const MpoolPgno pgno = by_number ? requested : static_cast<MpoolPgno>(stats_.npages);
  ++stats_.npages;
  ++witness_.numbers_given;
  if (options_.new_contents == MpoolNewContents::kPattern) {
    std::fill(buckets_[bucket].tags.begin(), buckets_[bucket].tags.end(), kMpoolUndefinedTag);
  }
  buckets_.Link(bucket, pgno);
  buckets_[bucket].inuse = !is_85();
  buckets_[bucket].may_repeat = by_number;
  co_await Pin(bucket);
  co_return {PageOf(bucket), pgno, 0};
}

sim::Task<MpoolStatus> Mpool::Put(MpoolPage page, uint32_t flags) {
  const MpoolTurns::Turn turn = co_await turns_.Take();
  if (RefuseClosed()) co_return Failed(kEinval);
  if (!Owns(page)) {
    Report(MpoolMisuse::kNotAPage);
    co_return Failed(kEinval);
  }
  ++stats_.pageput;
  MpoolBucket& bucket = buckets_[page.bucket];
  if (!bucket.pinned) Report(MpoolMisuse::kPutOfUnpinned, bucket.pgno);
  if ((flags & kMpoolDirty) != 0) bucket.dirty = true;
  co_await Unpin(page.bucket);
  co_return {};
}

sim::Task<MpoolStatus> Mpool::Delete(MpoolPage page) {
  const MpoolTurns::Turn turn = co_await turns_.Take();
  if (RefuseClosed()) co_return Failed(kEinval);
  if (is_85()) co_return Failed(kEopnotsupp);
  if (!Owns(page)) {
    Report(MpoolMisuse::kNotAPage);
    co_return Failed(kEinval);
  }
  const MpoolBucket& bucket = buckets_[page.bucket];
  if (!bucket.pinned) Report(MpoolMisuse::kDeleteOfUnpinned, bucket.pgno);
  co_await Unpin(page.bucket);
  TakeOut(page.bucket, Leaving::kDeleted);
  co_await Release(page.bucket);
  co_return {};
}

sim::Task<MpoolStatus> Mpool::Sync() {
  const MpoolTurns::Turn turn = co_await turns_.Take();
  if (RefuseClosed()) co_return Failed(kEinval);
  for (uint32_t i = buckets_.oldest(); i != kNoBucket; i = buckets_.Newer(i)) {
    if (!buckets_[i].dirty) continue;
    const MpoolStatus written = co_await WritePage(i, Why::kSync);
    if (written.result != 0) co_return written;
  }
  const int error = co_await file_.Fsync();
  if (error != 0) co_return Failed(error);
  co_return {};
}

// What a failed read has leaked is not freed here either: the process keeps it until it exits.
sim::Task<MpoolStatus> Mpool::Close() {
  const MpoolTurns::Turn turn = co_await turns_.Take();
  if (RefuseClosed()) co_return Failed(kEinval);
  closed_ = true;
  while (buckets_.oldest() != kNoBucket) {
    const uint32_t bucket = buckets_.oldest();
    if (buckets_[bucket].pinned) Report(MpoolMisuse::kCloseWithPinned, buckets_[bucket].pgno);
    co_await Unpin(bucket);
    TakeOut(bucket, Leaving::kClosed);
    co_await Release(bucket);
  }
  co_return {};
}

sim::Task<MpoolTouch> Mpool::Touch(MpoolPage page, MpoolAccess access) {
  CHECK(Owns(page), "bucket ", page.bucket);
  return TouchBuffer(page.bucket, access);
}

std::span<MpoolTag> Mpool::contents(MpoolPage page) {
  CHECK(Owns(page), "bucket ", page.bucket);
  return buckets_[page.bucket].tags;
}

bool Mpool::IsCached(MpoolPage page) const {
  return Owns(page) && buckets_[page.bucket].place == MpoolPlace::kCached;
}

bool Mpool::Owns(MpoolPage page) const {
  if (page.bucket >= buckets_.size()) return false;
  const MpoolBucket& bucket = buckets_[page.bucket];
  return bucket.place != MpoolPlace::kFree && bucket.generation == page.generation;
}

void Mpool::Report(MpoolMisuse misuse, MpoolPgno pgno) {
  if (!options_.strict) return;
  ++stats_.violations;
  if (violations_.size() < kMostViolations) violations_.push_back({misuse, pgno});
}

bool Mpool::RefuseClosed() {
  if (closed_) Report(MpoolMisuse::kUseAfterClose);
  return closed_;
}

// Wiring is an aid, not a promise of the pool: where it fails the page is handed out all the same.
sim::Task<void> Mpool::Pin(uint32_t bucket) {
  buckets_[bucket].pinned = true;
  if (!options_.wire_buffers || buckets_[bucket].wired) co_return;
  const int error = co_await memory_.Wire(buckets_[bucket].address, pagesize_);
  if (error != 0) {
    ++stats_.wire_failures;
  } else {
    buckets_[bucket].wired = true;
  }
}

sim::Task<void> Mpool::Unpin(uint32_t bucket) {
  buckets_[bucket].pinned = false;
  if (!buckets_[bucket].wired) co_return;
  buckets_[bucket].wired = false;
  co_await memory_.Unwire(buckets_[bucket].address, pagesize_);
}

}  // namespace vmsim::vfs
