// vm/sf_buf_pool.h: the finite pool of sf_bufs of a machine without a direct map.
//
// An sf_buf is one page of kernel address space that shows one page of memory. A page that several
// want is mapped once and counted; a buffer that nobody wants stays mapped and hashed, so that the
// next who wants its page takes it back as it is:
//
//     free list   head  b2[page 7] - b0[page 9] - b1[no page]  tail
//                  ^ recycled next        ^ revived by Alloc(9), from anywhere in the list
//     bucket(7)   b5[page 7, in use] - b2[page 7]                 newest first
//
// Buffers are recycled in the order in which they became free. One page in two buffers happens:
// an allocation that slept does not look the page up again. The newer one is found from then on.
//
// A buffer knows which CPUs cannot hold a stale translation of its address (cpumask). Mapping
// another page empties the set only if somebody may have used the old mapping, that is, if its
// page-table entry has the accessed bit. An allocation adds its own CPU, and all others unless the
// mapping is to be private to the CPU; each one added drops its translation, which costs time.
//
// This part does not sleep and knows no threads: see vm/sf_buf.h. It allocates nothing after
// construction. Misuse (freeing twice, freeing what was never allocated) fails a CHECK.
// Model: FreeBSD 13.2 sys/kern/subr_sfbuf.c; sys/i386/i386/vm_machdep.c and pmap.c, an SMP kernel.
#ifndef VMSIM_VM_SF_BUF_POOL_H_
#define VMSIM_VM_SF_BUF_POOL_H_

#include <cstdint>
#include <vector>

#include "sim/time.h"
#include "vm/cpu_set.h"
#include "vm/page.h"
#include "vm/sf_buf_stats.h"

namespace vmsim::vm {

// A buffer of the pool; with a direct map, the frame that it shows.
using SfBufIndex = uint32_t;
inline constexpr SfBufIndex kNoSfBuf = UINT32_MAX;

// SFB_*: how to allocate. The numbers are the kernel's.
enum SfBufFlags : uint32_t {
  kSfbCatch = 1,       // A signal ends the wait.
  kSfbCpuPrivate = 2,  // Only the CPU that allocates will use the mapping.
  kSfbNoWait = 4,      // Do not wait at all; beats kSfbCatch.
};

// 256 MiB of addresses.
inline constexpr uint32_t kMaxSfBufs = 1u << 16;

// The pool of a machine with `frames` pages (kern.ipc.nsfbufs by default): 512 and 16 for each of
// maxusers, which is one for 2 MiB of memory, at least 32 and at most 384.
uint32_t DefaultSfBufs(uint32_t frames);

// What dropping a translation costs the CPU that allocates.
struct SfBufCosts {
  sim::SimDuration invalidate_ns = 100;      // One of its own (invlpg).
  sim::SimDuration tlb_shootdown_ns = 1500;  // Interrupting one other CPU, as in vm/config.h.
};

// What an allocation gave. `cost_ns` is for the thread that allocated to consume.
struct SfBufGrant {
  SfBufIndex buf = kNoSfBuf;
  sim::SimDuration cost_ns = 0;
};

// Hears what happens, in order. For traces and tests; must not call back.
class SfBufObserver {
 public:
  virtual ~SfBufObserver() = default;
  virtual void OnSleep(int /*priority*/, bool /*interruptible*/) {}
  virtual void OnWakeup() {}
  // The page-table entry was rewritten. `was_used`: the old mapping was, so cpumask is empty now.
  virtual void OnMap(SfBufIndex, FrameIndex, bool /*was_used*/) {}
  // `cpu` dropped its translation.
  virtual void OnInvalidate(int /*cpu*/, SfBufIndex) {}
  // `cpu` interrupted `others` to drop theirs.
  virtual void OnShootdown(int /*cpu*/, SfBufIndex, const CpuSet& /*others*/) {}
  // InvalidateCache entered the mapping again, then flushed the cache behind it.
  virtual void OnQenter(SfBufIndex, FrameIndex) {}
  virtual void OnCacheInvalidate(SfBufIndex) {}
};

struct SfBuf {
  FrameIndex page = kNoFrame;  // kNoFrame: never mapped, and not hashed.
  uint32_t ref_count = 0;      // 0: on the free list.
  SfBufIndex next_free = kNoSfBuf;
  SfBufIndex prev_free = kNoSfBuf;
  SfBufIndex next_hashed = kNoSfBuf;
  bool accessed = false;  // Of its page-table entry, which is valid once there is a page.
  bool shared = false;    // A holder since it was last free may use it from any CPU.
  bool slept = false;     // Who mapped its page slept for it, after looking for the page.
  CpuSet cpumask;         // CPUs known to hold no stale translation.
};

class SfBufPool {
 public:
  // All buffers start on the free list, in ascending order. `observer` may be null; it must outlive
  // the pool. Requires: bufs <= kMaxSfBufs, 1 <= cpus <= sim::kMaxCpus. A pool of none serves
  // nobody.
  SfBufPool(uint32_t bufs, int cpus, const SfBufCosts& costs, SfBufObserver* observer);
  SfBufPool(const SfBufPool&) = delete;
  SfBufPool& operator=(const SfBufPool&) = delete;

  // A buffer that shows `page`, for a thread on `cpu`: the one that does already, or a recycled
  // one; none if all are in use for other pages. The caller keeps the page wired or busy until it
  // frees the buffer. With kSfbCpuPrivate, it stays on `cpu` while it uses the buffer.
  SfBufGrant TryAlloc(FrameIndex page, uint32_t flags, int cpu);
  // The second half of TryAlloc: recycles without looking for the page. For who has just slept.
  SfBufGrant RecycleAfterSleep(FrameIndex page, uint32_t flags, int cpu) {
    return Recycle(page, flags, cpu, /*slept=*/true);
  }

  // Drops one reference. Returns whether the buffer is free now. Requires: it is allocated.
  bool Free(SfBufIndex buf);
  // Adds one. Requires: it is allocated.
  void Ref(SfBufIndex buf);

  // Lets a thread with `flags` on `cpu` use the mapping: who may have a stale translation drops it
  // (sf_buf_shootdown). Allocations do it themselves. Returns the cost.
  sim::SimDuration Shootdown(SfBufIndex buf, uint32_t flags, int cpu);

  // Flushes the cache behind the newest mapping of `page` (sf_buf_invalidate_cache, over
  // sf_buf_process_page). False: it is in no buffer.
  bool InvalidateCache(FrameIndex page);

  // What a processor does that uses the mapping, wanted or not (it may speculate through the
  // address of a free buffer): sets the accessed bit.
  void SetAccessed(SfBufIndex buf);

  uint32_t size() const { return static_cast<uint32_t>(bufs_.size()); }
  uint32_t hash_mask() const { return static_cast<uint32_t>(buckets_.size()) - 1; }
  const SfBuf& buf(SfBufIndex index) const;
  SfBufIndex free_head() const { return free_head_; }
  // The newest buffer that shows `page`, free or not; kNoSfBuf if none does.
  SfBufIndex Lookup(FrameIndex page) const;

  SfBufStats& stats() { return stats_; }
  const SfBufStats& stats() const { return stats_; }
  const std::vector<SfBufCpuStats>& cpu_stats() const { return cpu_stats_; }

 private:
  friend class SfBufInvariants;
  friend struct SfBufTestPeer;

  SfBufGrant Recycle(FrameIndex page, uint32_t flags, int cpu, bool slept);
  SfBuf& Held(SfBufIndex index);
  void CountUsed();
  void Map(SfBufIndex index, FrameIndex page);
  void AppendFree(SfBufIndex index);
  void RemoveFree(SfBufIndex index);
  SfBufIndex& Bucket(FrameIndex page) { return buckets_[page & hash_mask()]; }
  void Hash(SfBufIndex index, FrameIndex page);
  void Unhash(SfBufIndex index);

  std::vector<SfBuf> bufs_;
  std::vector<SfBufIndex> buckets_;  // Heads; the largest power of two that is not above the size.
  SfBufIndex free_head_ = kNoSfBuf;
  SfBufIndex free_tail_ = kNoSfBuf;
  CpuSet all_cpus_;
  SfBufCosts costs_;
  SfBufObserver* observer_;
  SfBufStats stats_;
  std::vector<SfBufCpuStats> cpu_stats_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SF_BUF_POOL_H_
