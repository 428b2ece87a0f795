#include "vfs/mpool_buckets.h"

#include "sim/check.h"

namespace vmsim::vfs {

uint32_t MpoolBuckets::Add(uint64_t address, uint32_t tags) {
  uint32_t index;
  if (free_.empty()) {
    index = size();
    CHECK_LT(index, kNoBucket, "a pool has as many buckets as can be numbered");
    buckets_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  MpoolBucket& bucket = buckets_[index];
  bucket.place = MpoolPlace::kInCall;
  bucket.address = address;
  bucket.tags.assign(tags, 0);
  return index;
}

void MpoolBuckets::Drop(uint32_t index) {
  MpoolBucket& bucket = buckets_[index];
  CHECK(bucket.place == MpoolPlace::kInCall, "bucket ", index);
  const uint32_t generation = bucket.generation + 1;
  bucket = MpoolBucket{};
  bucket.generation = generation;
  free_.push_back(index);
}

void MpoolBuckets::Leak(uint32_t index) {
  CHECK(buckets_[index].place == MpoolPlace::kInCall, "bucket ", index);
  buckets_[index].place = MpoolPlace::kLeaked;
}

void MpoolBuckets::Link(uint32_t index, MpoolPgno pgno) {
  MpoolBucket& bucket = buckets_[index];
  CHECK(bucket.place == MpoolPlace::kInCall, "bucket ", index);
  bucket.place = MpoolPlace::kCached;
  bucket.pgno = pgno;
  InsertHead(chain(pgno), &MpoolBucket::chain, index);
  InsertTail(lru_, &MpoolBucket::lru, index);
}

void MpoolBuckets::Unlink(uint32_t index) {
  MpoolBucket& bucket = buckets_[index];
  CHECK(bucket.place == MpoolPlace::kCached, "bucket ", index);
  Remove(chain(bucket.pgno), &MpoolBucket::chain, index);
  Remove(lru_, &MpoolBucket::lru, index);
  bucket.place = MpoolPlace::kInCall;
}

void MpoolBuckets::Refresh(uint32_t index) {
  const MpoolPgno pgno = buckets_[index].pgno;
  Unlink(index);
  Link(index, pgno);
}

uint32_t MpoolBuckets::Find(MpoolPgno pgno) const {
  uint32_t index = chains_[ChainOf(pgno)].head;
  while (index != kNoBucket && buckets_[index].pgno != pgno) index = buckets_[index].chain.next;
  return index;
}

uint32_t MpoolBuckets::OldestUnpinned() const {
  uint32_t index = oldest();
  while (index != kNoBucket && buckets_[index].pinned) index = Newer(index);
  return index;
}

void MpoolBuckets::InsertHead(List& list, LinkField link, uint32_t index) {
  buckets_[index].*link = {kNoBucket, list.head};
  (list.head == kNoBucket ? list.tail : (buckets_[list.head].*link).prev) = index;
  list.head = index;
}

void MpoolBuckets::InsertTail(List& list, LinkField link, uint32_t index) {
  buckets_[index].*link = {list.tail, kNoBucket};
  (list.tail == kNoBucket ? list.head : (buckets_[list.tail].*link).next) = index;
  list.tail = index;
}

void MpoolBuckets::Remove(List& list, LinkField link, uint32_t index) {
  const MpoolLink at = buckets_[index].*link;
  (at.prev == kNoBucket ? list.head : (buckets_[at.prev].*link).next) = at.next;
  (at.next == kNoBucket ? list.tail : (buckets_[at.next].*link).prev) = at.prev;
  buckets_[index].*link = {};
}

}  // namespace vmsim::vfs
