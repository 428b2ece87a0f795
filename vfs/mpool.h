// vfs/mpool.h: 4.4BSD's shared buffer pool, which keeps pages of one file in memory.
//
//              Get: hit --------------------------------.
//              Get: miss: buffer, read, pgin            v
//     file <-------------------------------------> [ LRU: oldest ... newest ] <--- New: buffer
//              evicted or Sync, if dirty: pgout, write, pgin                  ---> Delete
//
// A buffer for a page comes from the allocator while the pool owns fewer than `maxcache`; then it
// is the oldest that is not pinned, written first if it is dirty; and if all are pinned it comes
// from the allocator again. The pool never shrinks but by Delete and by failed reads of revision
// 8.7.
//
// Two revisions, alike but for this (MpoolCompat):
//
//                             8.5                               8.7
//     Get behind the end      EINVAL, counts nothing            a page of zeros; npages stays
//     Get of part of a page   EFTYPE                            EINVAL
//     a read fails            its buffer is lost for ever       its buffer is freed
//     pageread                attempts                          successes
//     Delete, flags           none                              yes
//
// A pool and all its callers are of one simulated process. Its buffers are that process's ordinary
// memory: the page daemon may take a pinned one, and touching it then faults. A page is handed out
// as an MpoolPage, which stands for the buffer's address: it stays the same from get to get, and
// may hold another page once it was put. Calls run one at a time, first come first served.
//
// Calls end as the library's do, with -1 or no page, and an errno. A short write fails with no
// errno set: the error is 0. Misuse that ends a debug build of the library is carried out as the
// ordinary build would, and reported in violations() if the pool is strict. What the ordinary build
// cannot survive fails: pages that are not the pool's (EINVAL), calls after Close (EINVAL), more
// pages than can be numbered (New: ENOSPC, Open: EFBIG), pages of size 0 (EINVAL).
//
// Model: 4.4BSD lib/libc/db/mpool/mpool.c 8.5 as in NetBSD, 8.7 as in FreeBSD; mpool(3). File
// offsets are 64-bit throughout.
#ifndef VMSIM_VFS_MPOOL_H_
#define VMSIM_VFS_MPOOL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "vfs/mpool_buckets.h"
#include "vfs/mpool_io.h"
#include "vfs/mpool_stat.h"
#include "vfs/mpool_turns.h"

namespace vmsim::vfs {

enum class MpoolCompat : uint8_t { k85, k87 };

// What becomes of a buffer that pgout has put in the form of the disk, if the write then fails.
enum class MpoolFilterFailure : uint8_t {
  kFaithful,  // It stays so, and the next attempt puts it through pgout once more.
  kRepair,    // pgin brings it back.
};

// What a new page holds until its caller fills it.
enum class MpoolNewContents : uint8_t {
  kPattern,   // kMpoolUndefinedTag.
  kFaithful,  // Zeros in a buffer just allocated, otherwise what the buffer held before.
};
inline constexpr MpoolTag kMpoolUndefinedTag = 0xdeadc0dedeadc0de;

struct MpoolOptions {
  MpoolCompat compat = MpoolCompat::k85;
  MpoolFilterFailure filter_failure = MpoolFilterFailure::kFaithful;
  MpoolNewContents new_contents = MpoolNewContents::kPattern;
  bool strict = false;        // Report misuse.
  bool wire_buffers = false;  // Buffers are wired in memory while they are pinned.
};

// Flags, under the library's names and values.
inline constexpr uint32_t kMpoolIgnorePin = 1;    // Get, 8.7: leaves a page that is read unpinned.
inline constexpr uint32_t kMpoolPageRequest = 1;  // New, 8.7: the caller says the page's number.
inline constexpr uint32_t kMpoolPageNext = 2;     // New, 8.7: the default.
inline constexpr uint32_t kMpoolDirty = 1;        // Put: the page was changed.

// Converts a page's contents in place, after a read (pgin) and before a write (pgout).
using MpoolFilter = void (*)(void* cookie, MpoolPgno pgno, std::span<MpoolTag> contents);

// A page handed out: its buffer.
struct MpoolPage {
  uint32_t bucket = kNoBucket;
  uint32_t generation = 0;

  explicit operator bool() const { return bucket != kNoBucket; }
  bool operator==(const MpoolPage&) const = default;
};

struct MpoolPageResult {
  MpoolPage page;  // None: it failed.
  MpoolPgno pgno = 0;
  int error = 0;  // Of a failure; 0 if the library leaves errno alone.
};

struct MpoolStatus {
  int result = 0;  // 0 or -1, RET_SUCCESS and RET_ERROR.
  int error = 0;   // As in MpoolPageResult.
};

enum class MpoolMisuse : uint8_t {
  kGetOfPinned,       // The debug build aborts.
  kPutOfUnpinned,     // The debug build aborts.
  kDeleteOfUnpinned,  // The debug build aborts.
  kCloseWithPinned,   // Pages are still handed out.
  kNotAPage,          // Put, Delete of what the pool has never handed out, or has freed.
  kUseAfterClose,
  kOutOfNumbers,  // New with 2^32 - 1 pages. Every build aborts.
};
struct MpoolViolation {
  MpoolMisuse misuse;
  MpoolPgno pgno;  // 0 where there is none.
};

struct MpoolOpenResult;

// Threads that sleep in a call must be gone (Engine::DestroyThreads) before the pool goes.
class Mpool {
 public:
  // Opens a pool on `file`, without reading it. `key` is ignored; a null `file` is a bad
  // descriptor. A last page that is not whole does not count. maxcache 0 acts as 1.
  //   EBADF, or the error of fstat; ESPIPE the file is not regular; EINVAL `pagesize` is 0;
  //   EFBIG the file has more than 2^32 - 1 pages
  static sim::Task<MpoolOpenResult> Open(sim::Engine& engine, std::string_view key, MpoolFile* file,
                                         MpoolMemory& memory, uint32_t pagesize, uint32_t maxcache,
                                         MpoolOptions options);

  // mpool_filter: replaces both filters and the cookie, for transfers to come. Null: no filter.
  sim::Task<void> Filter(MpoolFilter pgin, MpoolFilter pgout, void* cookie);

  // mpool_get: page `pgno`, pinned. On failure a dirty victim may have been written and evicted.
  //   EINVAL, EFTYPE  see above; otherwise the error of the read, of the victim's write, or of the
  //   allocator
  sim::Task<MpoolPageResult> Get(MpoolPgno pgno, uint32_t flags = 0);

  // mpool_new: a page with the next number (or `requested`), pinned and clean. It is written only
  // if it is put dirty. With kMpoolPageRequest a cached page of that number is not looked for.
  //   ENOSPC; otherwise the error of the victim's write or of the allocator
  sim::Task<MpoolPageResult> New(uint32_t flags = 0, MpoolPgno requested = 0);

  // mpool_put: unpins the page, and marks it dirty with kMpoolDirty. It keeps its age.
  //   EINVAL  no page of this pool
  sim::Task<MpoolStatus> Put(MpoolPage page, uint32_t flags = 0);

  // mpool_delete: frees the page and its buffer, unwritten.
  //   EINVAL  no page of this pool; EOPNOTSUPP  revision 8.5
  sim::Task<MpoolStatus> Delete(MpoolPage page);

  // mpool_sync: writes every dirty page, pinned or not, oldest first, until one fails; then fsync.
  // Fails with the error of either.
  sim::Task<MpoolStatus> Sync();

  // mpool_close: frees every page, unwritten. The file stays open. Every later call fails.
  sim::Task<MpoolStatus> Close();

  // The holder's own accesses to a page. Touch() references its memory, and may sleep; contents()
  // may then be read or written. Requires: the pool has not freed the page.
  sim::Task<MpoolTouch> Touch(MpoolPage page, MpoolAccess access);
  std::span<MpoolTag> contents(MpoolPage page);

  // Whether `page` is in the pool, as page_number(page).
  bool IsCached(MpoolPage page) const;
  MpoolPgno page_number(MpoolPage page) const { return buckets_[page.bucket].pgno; }

  const MpoolOptions& options() const { return options_; }
  uint32_t pagesize() const { return pagesize_; }
  uint32_t maxcache() const { return maxcache_; }
  bool closed() const { return closed_; }
  const MpoolStats& stats() const { return stats_; }
  const MpoolBuckets& buckets() const { return buckets_; }

  // Of a strict pool: the first kMostViolations, in order. stats() counts them all.
  static constexpr size_t kMostViolations = 1000;
  const std::vector<MpoolViolation>& violations() const { return violations_; }

  // The names of the invariants (vfs/mpool_invariants.h) that do not hold, at any time.
  std::vector<std::string_view> BrokenInvariants() const;
  // A CHECK that there are none. O(buffers).
  void CheckInvariants() const;

 private:
  friend struct MpoolChecks;
  friend struct MpoolTestPeer;

  struct Obtained {
    uint32_t bucket = kNoBucket;  // In the call's hands; none: it failed.
    int error = 0;
  };
  enum class Why : uint8_t { kEviction, kSync };
  enum class Leaving : uint8_t { kRecycled, kDeleted, kClosed };
  // What was seen when it happened, for the invariants.
  struct Witness {
    int64_t numbers_given = 0;    // Successful News.
    int64_t obtained = 0;         // Buffers.
    int64_t freed = 0;            // Buffers.
    int64_t needless_growth = 0;  // Allocations above maxcache beside an unpinned buffer.
    int64_t pinned_victims = 0;
    int64_t dirty_losses = 0;       // Dirty pages that left otherwise than by Delete and Close.
    int64_t last_write_offset = 0;  // As asked of the file.
    int64_t last_write_bytes = 0;   // 0: nothing was written yet.
  };

  Mpool(sim::Engine& engine, MpoolFile& file, MpoolMemory& memory, uint32_t pagesize,
        uint32_t maxcache, uint32_t npages, const MpoolOptions& options);

  bool is_85() const { return options_.compat == MpoolCompat::k85; }
  // Whether `page` stands for a buffer that exists, cached or leaked.
  bool Owns(MpoolPage page) const;
  MpoolPage PageOf(uint32_t bucket) const { return {bucket, buckets_[bucket].generation}; }
  void Report(MpoolMisuse misuse, MpoolPgno pgno = 0);
  // Whether the pool is closed, which the call must not have come to.
  bool RefuseClosed();

  // The parts of Get.
  sim::Task<MpoolPageResult> Hit(uint32_t bucket, uint32_t flags);
  sim::Task<MpoolPageResult> Miss(MpoolPgno pgno, uint32_t flags);
  sim::Task<void> Pin(uint32_t bucket);
  sim::Task<void> Unpin(uint32_t bucket);

  // mpool_bkt, vfs/mpool_transfer.cc: a buffer to use, and what it takes to get one.
  sim::Task<Obtained> Obtain();
  sim::Task<Obtained> Recycle(uint32_t victim);
  sim::Task<Obtained> Allocate();
  void TakeOut(uint32_t bucket, Leaving why);
  sim::Task<void> Release(uint32_t bucket);
  void CountGrowth();

  // vfs/mpool_transfer.cc: reads and writes of whole pages.
  sim::Task<MpoolStatus> ReadPage(uint32_t bucket, MpoolPgno pgno);
  sim::Task<MpoolStatus> ReadRest(uint32_t bucket, const MpoolTransfer& got);
  sim::Task<MpoolStatus> WritePage(uint32_t bucket, Why why);
  sim::Task<MpoolTransfer> WriteContents(uint32_t bucket);
  sim::Task<MpoolTouch> TouchBuffer(uint32_t bucket, MpoolAccess access);
  // Nothing if the offset of a page's end is none that a file can have.
  bool OffsetOf(MpoolPgno pgno, int64_t* offset) const;
  void FilterPage(MpoolFilter filter, uint32_t bucket);

  MpoolTurns turns_;
  MpoolFile& file_;
  MpoolMemory& memory_;
  const MpoolOptions options_;
  const uint32_t pagesize_;
  const uint32_t maxcache_;
  const uint32_t npages_at_open_;
  bool closed_ = false;
  MpoolFilter pgin_ = nullptr;
  MpoolFilter pgout_ = nullptr;
  void* pgcookie_ = nullptr;
  MpoolBuckets buckets_;
  MpoolStats stats_;
  Witness witness_;
  std::vector<MpoolViolation> violations_;
};

struct MpoolOpenResult {
  std::unique_ptr<Mpool> pool;  // Null: it failed.
  int error = 0;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_H_
