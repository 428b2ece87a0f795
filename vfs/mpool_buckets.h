// vfs/mpool_buckets.h: the buffers of a pool, the hash chains that find them, the list that ages
// them.
//
//     chain 0    129 -> 1          chains: newest first, so that of two buffers with one number
//     chain 1    2                 the newest is found
//      ...
//     chain 127  0                 page 0 shares a chain with 128 and 256
//
//     LRU        oldest (next victim) ... newest
//
// A cached bucket is on the LRU list and on one chain; any other is on neither: free, leaked, or in
// the hands of the call that runs. Buckets are rows of a table, links are 32-bit row numbers. A
// number and a generation make a handle: it stays good while the bucket is recycled from page to
// page, as an address does, and goes stale when the bucket is freed.
//
// Misuse (linking a bucket that is cached) fails a CHECK. Model: 4.4BSD lib/libc/db/mpool/mpool.c
// and include/mpool.h (BKT, HASHKEY).
#ifndef VMSIM_VFS_MPOOL_BUCKETS_H_
#define VMSIM_VFS_MPOOL_BUCKETS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "vfs/mpool_io.h"

namespace vmsim::vfs {

inline constexpr uint32_t kNoBucket = UINT32_MAX;
inline constexpr uint32_t kMpoolHashSize = 128;  // HASHSIZE

struct MpoolLink {
  uint32_t prev = kNoBucket;
  uint32_t next = kNoBucket;
};

enum class MpoolPlace : uint8_t {
  kFree,    // No buffer behind it.
  kInCall,  // Off the lists, between being obtained and being linked or freed.
  kCached,  // On the LRU list and a chain.
  kLeaked,  // Lost by a failed read of revision 8.5: off the lists, never freed.
};

// BKT: a buffer's header.
struct MpoolBucket {
  MpoolPgno pgno = 0;
  uint32_t generation = 0;
  MpoolPlace place = MpoolPlace::kFree;
  bool dirty = false;   // MPOOL_DIRTY: to be written before the buffer is used again.
  bool pinned = false;  // MPOOL_PINNED: handed out, not to be used again. A flag, not a count.
  bool inuse = false;   // MPOOL_INUSE, revision 8.7: holds a page.
  bool wired = false;   // Wired in memory, while pinned.
  // Its number may be another bucket's too: asked for by number, or behind the end when it came.
  bool may_repeat = false;
  MpoolLink lru;
  MpoolLink chain;
  uint64_t address = 0;        // In MpoolMemory.
  std::vector<MpoolTag> tags;  // The page's contents.
};

class MpoolBuckets {
 public:
  // The chain of page `pgno`.
  static uint32_t ChainOf(MpoolPgno pgno) { return (pgno - 1) % kMpoolHashSize; }

  MpoolBucket& operator[](uint32_t index) { return buckets_[index]; }
  const MpoolBucket& operator[](uint32_t index) const { return buckets_[index]; }
  // Rows of the table, free ones included.
  uint32_t size() const { return static_cast<uint32_t>(buckets_.size()); }

  // A new bucket with `tags` zero tags, in the call's hands.
  uint32_t Add(uint64_t address, uint32_t tags);
  // Frees a bucket that is in the call's hands.
  void Drop(uint32_t index);
  // Loses a bucket that is in the call's hands.
  void Leak(uint32_t index);

  // Caches a bucket that is in the call's hands, as page `pgno`: head of its chain, newest.
  void Link(uint32_t index, MpoolPgno pgno);
  // Takes a cached bucket off both lists, into the call's hands.
  void Unlink(uint32_t index);
  // Makes a cached bucket the head of its chain and the newest.
  void Refresh(uint32_t index);

  // The newest bucket of page `pgno`, or kNoBucket.
  uint32_t Find(MpoolPgno pgno) const;
  // The LRU list: the oldest bucket, and the next newer one; kNoBucket at the end.
  uint32_t oldest() const { return lru_.head; }
  uint32_t Newer(uint32_t index) const { return buckets_[index].lru.next; }
  // The oldest bucket that is not pinned, or kNoBucket.
  uint32_t OldestUnpinned() const;

 private:
  friend struct MpoolChecks;
  friend struct MpoolTestPeer;

  struct List {
    uint32_t head = kNoBucket;
    uint32_t tail = kNoBucket;
  };
  using LinkField = MpoolLink MpoolBucket::*;

  void InsertHead(List& list, LinkField link, uint32_t index);
  void InsertTail(List& list, LinkField link, uint32_t index);
  void Remove(List& list, LinkField link, uint32_t index);
  List& chain(MpoolPgno pgno) { return chains_[ChainOf(pgno)]; }

  std::vector<MpoolBucket> buckets_;
  std::vector<uint32_t> free_;  // Rows to use again, the last freed first.
  std::array<List, kMpoolHashSize> chains_;
  List lru_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_BUCKETS_H_
