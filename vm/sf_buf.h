// vm/sf_buf.h: sf_bufs, through which the kernel itself reads and writes pages.
//
//   const SfBufIndex buf = co_await sf_bufs.Alloc(page, kSfbCatch);   // May sleep.
//   if (buf == kNoSfBuf) ...                                          // A signal came first.
//   sf_bufs.Touch(buf, engine.current_cpu());                         // Reads or writes the page.
//   sf_bufs.Free(buf);
//
// sendfile and the pagers for small blocks and old file systems use them. There are two machines:
//
//   direct map     All memory stands in the kernel's address space: the handle is the page itself.
//                  Nothing is counted, nothing sleeps, nothing fails.
//   no direct map  A finite pool, vm/sf_buf_pool.h. If all its buffers are in use for other pages,
//                  allocations sleep; a buffer that becomes free wakes all sleepers, and those that
//                  come too late sleep again, behind the others.
//
// Simulated results are values: kNoSfBuf. Misuse (freeing twice, touching from a CPU that may have
// a stale translation) fails a CHECK; with a direct map, handles are only checked for their range.
// Model: FreeBSD 13.2 sys/kern/subr_sfbuf.c, sys/sys/sf_buf.h, sf_buf(9). The one lock over it all
// never spans a sleep, so it is left out.
#ifndef VMSIM_VM_SF_BUF_H_
#define VMSIM_VM_SF_BUF_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/wait_channel.h"
#include "vm/page.h"
#include "vm/page_array.h"
#include "vm/sf_buf_pool.h"
#include "vm/sf_buf_stats.h"

namespace vmsim::vm {

// Where buffers are mapped. The direct map's address is amd64's; the pool's is arbitrary, only
// differences between addresses mean something.
inline constexpr uint64_t kDirectMapBase = 0xfffff80000000000;
inline constexpr uint64_t kSfBufPoolBase = 0xd0000000;

struct SfBufConfig {
  bool direct_map = false;
  uint32_t nsfbufs = 0;  // kern.ipc.nsfbufs, 1..kMaxSfBufs; 0: DefaultSfBufs. No direct map only.
  SfBufCosts costs;
  bool planted_wake_one = false;  // A deliberate defect: a free buffer wakes one sleeper only.
};

class SfBufs {
 public:
  // For the CPUs of `engine` and the pages of `pages`; `observer` may be null. All of them must
  // outlive this, and the engine's threads must have ended (Engine::DestroyThreads) if one sleeps
  // here. Requires: config.nsfbufs <= kMaxSfBufs.
  SfBufs(sim::Engine& engine, const PageArray& pages, const SfBufConfig& config = {},
         SfBufObserver* observer = nullptr);
  SfBufs(const SfBufs&) = delete;
  SfBufs& operator=(const SfBufs&) = delete;

  // sf_buf_alloc, for the executing thread: a buffer that shows `page`, with one more reference;
  // the thread pays for the translations that it makes CPUs drop. kNoSfBuf if none was free and
  // `flags` say not to wait, or a signal ended the wait. `flags` are of SfBufFlags. Requires: the
  // page is wired or busy, and stays so until Free. With kSfbCpuPrivate the buffer is good on the
  // CPU on which the call returns, for as long as the thread stays there.
  sim::Task<SfBufIndex> Alloc(FrameIndex page, uint32_t flags);
  // The same without sleeping, for a thread on `cpu`, as if with kSfbNoWait. The thread still has
  // to consume the grant's cost_ns. Finds a buffer if Alloc need not sleep.
  SfBufGrant TryAlloc(FrameIndex page, uint32_t flags, int cpu);

  // sf_buf_free: drops one reference, with the last one the buffer; wakes who waits for it.
  // Requires, here and below: `buf` is allocated. Does not unwire the page.
  void Free(SfBufIndex buf);
  // sf_buf_ref: one more reference.
  void Ref(SfBufIndex buf);
  // sf_buf_kva: the address of the mapping. sf_buf_page: what it shows.
  uint64_t Kva(SfBufIndex buf) const;
  FrameIndex PageOf(SfBufIndex buf) const;

  // A thread on `cpu` reads or writes the page through the mapping. Requires: the CPU cannot have a
  // stale translation: it allocated the buffer, or another did without kSfbCpuPrivate.
  void Touch(SfBufIndex buf, int cpu);
  // sf_buf_invalidate_cache. Whether some buffer shows the page, free ones included.
  bool InvalidateCache(FrameIndex page);

  // A transfer ends early for want of a buffer. The caller of Alloc counts it, as sendfile does
  // (kern_sendfile.c), for not every failed allocation ends one.
  void NoteAllocFail();

  bool direct_map() const { return direct_map_; }
  const SfBufStats& stats() const { return pool_.stats(); }
  // By CPU.
  const std::vector<SfBufCpuStats>& cpu_stats() const { return pool_.cpu_stats(); }
  // The pool, for reports and tests; one of no buffers with a direct map.
  const SfBufPool& pool() const { return pool_; }
  // sf_buf_alloc_want: threads that sleep for a buffer, or were woken and have not run since.
  uint32_t alloc_want() const { return alloc_want_; }

  // Everything that must hold between events, each under a name of its own. O(nsfbufs).
  struct Broken {
    const char* name;
    std::string detail;
  };
  std::vector<Broken> BrokenInvariants() const;
  // Fails a CHECK that names the first one that is broken. For tests, and after each step of a
  // debugging run.
  void CheckInvariants() const;

 private:
  friend class SfBufInvariants;
  friend struct SfBufTestPeer;
  class Sleeper;

  void CheckFrame(FrameIndex frame) const;
  const SfBuf& Held(SfBufIndex buf) const;
  void Wakeup();

  sim::Engine& engine_;
  const PageArray& pages_;
  bool direct_map_;
  bool planted_wake_one_;
  SfBufPool pool_;
  SfBufObserver* observer_;
  sim::WaitChannel channel_;
  uint32_t alloc_want_ = 0;
  std::vector<const sim::Thread*> sleepers_;  // Who they are, in no order that matters.
  mutable int64_t peak_seen_ = 0;             // By the last look at the invariants.
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SF_BUF_H_
