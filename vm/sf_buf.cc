#include "vm/sf_buf.h"

#include <algorithm>

#include "sim/check.h"

namespace vmsim::vm {
namespace {

constexpr int kSleepPriority = sim::kPriorityDaemon;  // PVM.

uint32_t PoolSize(const SfBufConfig& config, uint32_t frames) {
  if (config.direct_map) return 0;
  return config.nsfbufs != 0 ? config.nsfbufs : DefaultSfBufs(frames);
}

}  // namespace

// Counts a thread among those that want a buffer, until it runs again or its frame is destroyed.
class SfBufs::Sleeper {
 public:
  explicit Sleeper(SfBufs& sf_bufs) : sf_bufs_(sf_bufs), thread_(sf_bufs.engine_.current()) {
    CHECK(thread_ != nullptr, "only a thread can sleep");
    ++sf_bufs_.alloc_want_;
    sf_bufs_.sleepers_.push_back(thread_);
  }
  ~Sleeper() {
    --sf_bufs_.alloc_want_;
    auto& sleepers = sf_bufs_.sleepers_;
    sleepers.erase(std::find(sleepers.begin(), sleepers.end(), thread_));
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

 private:
  SfBufs& sf_bufs_;
  const sim::Thread* thread_;
};

SfBufs::SfBufs(sim::Engine& engine, const PageArray& pages, const SfBufConfig& config,
               SfBufObserver* observer)
    : engine_(engine),
      pages_(pages),
      direct_map_(config.direct_map),
      planted_wake_one_(config.planted_wake_one),
      pool_(PoolSize(config, pages.frames()), engine.config().cpus, config.costs, observer),
      observer_(observer) {}

void SfBufs::CheckFrame(FrameIndex frame) const {
  CHECK_LT(frame, pages_.frames(), "no such page");
}

sim::Task<SfBufIndex> SfBufs::Alloc(FrameIndex page, uint32_t flags) {
  const bool catches = (flags & kSfbCatch) != 0;
  int cpu = engine_.current_cpu();
  SfBufGrant grant = TryAlloc(page, flags, cpu);
  while (grant.buf == kNoSfBuf) {
    if ((flags & kSfbNoWait) != 0) co_return kNoSfBuf;
    ++pool_.stats().sf_allocwait;
    if (observer_ != nullptr) observer_->OnSleep(kSleepPriority, catches);
    int error;
    {
      const Sleeper sleeper(*this);
      error =
          co_await channel_.Sleep(engine_, kSleepPriority, "sfbufa", {.interruptible = catches});
    }
    // A signal does not even look whether a buffer has become free.
    if (error != sim::kAwakened) co_return kNoSfBuf;
    cpu = engine_.current_cpu();
    grant = pool_.RecycleAfterSleep(page, flags, cpu);
  }
  if (grant.cost_ns > 0) co_await engine_.Consume(grant.cost_ns);
  // The kernel has its caller pinned, so that it still is on this CPU when it has paid. The engine
  // pins nobody: a thread that was moved drops the translation where it is now.
  while ((flags & kSfbCpuPrivate) != 0 && engine_.current_cpu() != cpu) {
    cpu = engine_.current_cpu();
    co_await engine_.Consume(pool_.Shootdown(grant.buf, flags, cpu));
  }
  co_return grant.buf;
}

SfBufGrant SfBufs::TryAlloc(FrameIndex page, uint32_t flags, int cpu) {
  CheckFrame(page);
  if (direct_map_) return {page, 0};
  return pool_.TryAlloc(page, flags, cpu);
}

void SfBufs::Free(SfBufIndex buf) {
  if (direct_map_) return CheckFrame(buf);
  if (pool_.Free(buf) && alloc_want_ > 0) Wakeup();
}

void SfBufs::Wakeup() {
  if (observer_ != nullptr) observer_->OnWakeup();
  if (planted_wake_one_) {
    channel_.WakeOne();
  } else {
    channel_.WakeAll();
  }
}

void SfBufs::Ref(SfBufIndex buf) {
  if (direct_map_) return CheckFrame(buf);
  pool_.Ref(buf);
}

const SfBuf& SfBufs::Held(SfBufIndex buf) const {
  const SfBuf& held = pool_.buf(buf);
  CHECK_GT(held.ref_count, 0u, "sf_buf ", buf, " is not allocated");
  return held;
}

uint64_t SfBufs::Kva(SfBufIndex buf) const {
  if (direct_map_) {
    CheckFrame(buf);
    return kDirectMapBase + (uint64_t{buf} << kPageShift);
  }
  Held(buf);
  return kSfBufPoolBase + (uint64_t{buf} << kPageShift);
}

FrameIndex SfBufs::PageOf(SfBufIndex buf) const {
  if (direct_map_) {
    CheckFrame(buf);
    return buf;
  }
  return Held(buf).page;
}

void SfBufs::Touch(SfBufIndex buf, int cpu) {
  if (direct_map_) return CheckFrame(buf);
  CHECK(Held(buf).cpumask.Has(cpu), "CPU ", cpu, " may have a stale translation of sf_buf ", buf);
  pool_.SetAccessed(buf);
}

bool SfBufs::InvalidateCache(FrameIndex page) {
  CheckFrame(page);
  return pool_.InvalidateCache(page);
}

void SfBufs::NoteAllocFail() {
  if (!direct_map_) ++pool_.stats().sf_allocfail;
}

}  // namespace vmsim::vm
