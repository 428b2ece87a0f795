#include "vm/sf_buf_pool.h"

#include <algorithm>
#include <bit>

#include "sim/check.h"

namespace vmsim::vm {

uint32_t DefaultSfBufs(uint32_t frames) {
  constexpr uint32_t kFramesPerUser = (2u << 20) / kPageSize;
  const uint32_t maxusers = std::clamp(frames / kFramesPerUser, 32u, 384u);
  return 512 + 16 * maxusers;
}

SfBufPool::SfBufPool(uint32_t bufs, int cpus, const SfBufCosts& costs, SfBufObserver* observer)
    : all_cpus_(CpuSet::First(cpus)),
      costs_(costs),
      observer_(observer),
      cpu_stats_(static_cast<size_t>(cpus)) {
  CHECK_LE(bufs, kMaxSfBufs);
  bufs_.resize(bufs);
  buckets_.assign(std::max(std::bit_floor(bufs), 1u), kNoSfBuf);
  for (SfBufIndex index = 0; index < bufs; ++index) AppendFree(index);
  stats_.nsfbufs = bufs;
}

const SfBuf& SfBufPool::buf(SfBufIndex index) const {
  CHECK_LT(index, size(), "no such sf_buf");
  return bufs_[index];
}

// A buffer that somebody holds.
SfBuf& SfBufPool::Held(SfBufIndex index) {
  CHECK_LT(index, size(), "no such sf_buf");
  CHECK_GT(bufs_[index].ref_count, 0u, "sf_buf ", index, " is not allocated");
  return bufs_[index];
}

SfBufGrant SfBufPool::TryAlloc(FrameIndex page, uint32_t flags, int cpu) {
  const SfBufIndex index = Lookup(page);
  if (index == kNoSfBuf) return Recycle(page, flags, cpu, /*slept=*/false);
  SfBuf& buf = bufs_[index];
  if (++buf.ref_count == 1) {
    RemoveFree(index);
    buf.shared = false;
    CountUsed();
  }
  ++stats_.sf_buf_hits;
  return {index, Shootdown(index, flags, cpu)};
}

SfBufGrant SfBufPool::Recycle(FrameIndex page, uint32_t flags, int cpu, bool slept) {
  CHECK_NE(page, kNoFrame);
  const SfBufIndex index = free_head_;
  if (index == kNoSfBuf) return {};
  RemoveFree(index);
  SfBuf& buf = bufs_[index];
  if (buf.page != kNoFrame) Unhash(index);
  buf.ref_count = 1;
  buf.shared = false;
  buf.slept = slept;
  CountUsed();
  Map(index, page);
  return {index, Shootdown(index, flags, cpu)};
}

void SfBufPool::CountUsed() {
  ++stats_.nsfbufsused;
  stats_.nsfbufspeak = std::max(stats_.nsfbufspeak, stats_.nsfbufsused);
}

void SfBufPool::Map(SfBufIndex index, FrameIndex page) {
  SfBuf& buf = bufs_[index];
  const bool was_used = buf.page != kNoFrame && buf.accessed;
  if (was_used) buf.cpumask.Clear();
  buf.accessed = false;
  Hash(index, page);
  ++stats_.sf_buf_maps;
  if (observer_ != nullptr) observer_->OnMap(index, page, was_used);
}

sim::SimDuration SfBufPool::Shootdown(SfBufIndex index, uint32_t flags, int cpu) {
  SfBuf& buf = Held(index);
  CHECK(all_cpus_.Has(cpu), "cpu=", cpu);
  sim::SimDuration cost = 0;
  if (!buf.cpumask.Has(cpu)) {
    buf.cpumask.Add(cpu);
    cost += costs_.invalidate_ns;
    ++stats_.sf_buf_invalidations;
    ++cpu_stats_[cpu].invalidations;
    if (observer_ != nullptr) observer_->OnInvalidate(cpu, index);
  }
  if ((flags & kSfbCpuPrivate) != 0) return cost;
  buf.shared = true;
  const CpuSet others = all_cpus_.Without(buf.cpumask);
  if (others.empty()) return cost;
  buf.cpumask.Merge(others);
  const int count = others.Count();
  stats_.sf_buf_shootdowns += count;
  cpu_stats_[cpu].shootdowns_sent += count;
  others.ForEach([this](int other) { ++cpu_stats_[other].shootdowns_received; });
  if (observer_ != nullptr) observer_->OnShootdown(cpu, index, others);
  return cost + count * costs_.tlb_shootdown_ns;
}

bool SfBufPool::Free(SfBufIndex index) {
  SfBuf& buf = Held(index);
  if (--buf.ref_count > 0) return false;
  AppendFree(index);
  --stats_.nsfbufsused;
  return true;
}

void SfBufPool::Ref(SfBufIndex index) { ++Held(index).ref_count; }

bool SfBufPool::InvalidateCache(FrameIndex page) {
  const SfBufIndex index = Lookup(page);
  if (index == kNoSfBuf) return false;
  if (observer_ != nullptr) {
    observer_->OnQenter(index, page);
    observer_->OnCacheInvalidate(index);
  }
  return true;
}

void SfBufPool::SetAccessed(SfBufIndex index) {
  CHECK_LT(index, size(), "no such sf_buf");
  // Through an entry that is not valid nobody gets anywhere.
  bufs_[index].accessed = bufs_[index].page != kNoFrame;
}

SfBufIndex SfBufPool::Lookup(FrameIndex page) const {
  SfBufIndex index = buckets_[page & hash_mask()];
  while (index != kNoSfBuf && bufs_[index].page != page) index = bufs_[index].next_hashed;
  return index;
}

void SfBufPool::Hash(SfBufIndex index, FrameIndex page) {
  bufs_[index].page = page;
  bufs_[index].next_hashed = Bucket(page);
  Bucket(page) = index;
}

void SfBufPool::Unhash(SfBufIndex index) {
  SfBufIndex* link = &Bucket(bufs_[index].page);
  while (*link != index) {
    CHECK_NE(*link, kNoSfBuf, "sf_buf ", index, " is not in the bucket of its page");
    link = &bufs_[*link].next_hashed;
  }
  *link = bufs_[index].next_hashed;
  bufs_[index].next_hashed = kNoSfBuf;
}

void SfBufPool::AppendFree(SfBufIndex index) {
  SfBuf& buf = bufs_[index];
  buf.prev_free = free_tail_;
  buf.next_free = kNoSfBuf;
  (free_tail_ != kNoSfBuf ? bufs_[free_tail_].next_free : free_head_) = index;
  free_tail_ = index;
}

void SfBufPool::RemoveFree(SfBufIndex index) {
  SfBuf& buf = bufs_[index];
  (buf.prev_free != kNoSfBuf ? bufs_[buf.prev_free].next_free : free_head_) = buf.next_free;
  (buf.next_free != kNoSfBuf ? bufs_[buf.next_free].prev_free : free_tail_) = buf.prev_free;
  buf.next_free = buf.prev_free = kNoSfBuf;
}

}  // namespace vmsim::vm
