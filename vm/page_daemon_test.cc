// The page daemon, the laundry thread and the vmdaemon in a small machine: 4000 pages, so
// free_target 179, wakeup_thresh 153, free_min 119; 1000 ticks a second.
#include "vm/page_daemon.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "vm/daemon_script.h"
#include "vm/freebsd_reclaim.h"
#include "vm/trace_types.h"

namespace vmsim::vm {
namespace {

constexpr uint32_t kFrames = 4000;
constexpr uint32_t kObjectPages = 20000;

class SmallMachine {
 public:
  explicit SmallMachine(int inactive_threads = 1, const Costs& costs = {})
      : engine_(std::make_unique<sim::Engine>()),
        trace_(engine_->events().clock()),
        pages_(kFrames),
        tables_(pages_),
        objects_(pages_),
        domain_(*engine_, Thresholds(inactive_threads), kFrames),
        allocator_(pages_, domain_, objects_, counters_),
        pager_(pages_),
        reclaim_(
            {*engine_, trace_, pages_, tables_, objects_, domain_, allocator_, counters_, host_},
            tunables_, costs, FreebsdRevision::kR15, PlantedBugs{}, /*cpus=*/1),
        object_(objects_.Create(ObjectType::kSwap, kObjectPages)),
        leaf_(tables_.AllocateLeaf(kObjectPages)) {
    trace_.AddSink(&digest_);
    allocator_.set_reclaim(&reclaim_);
    object_.pager = &pager_;
    reclaim_.set_swap_configured(true);
    reclaim_.Start();
  }
  // Threads go before what they sleep on.
  ~SmallMachine() { engine_.reset(); }

  static PageoutThresholds Thresholds(int inactive_threads) {
    PageoutThresholds t =
        ComputePageoutThresholds({.page_count = kFrames, .free_count = kFrames, .hz = 1000});
    t.inactive_threads = inactive_threads;
    return t;
  }

  // A thread that touches pages [0, count) in order, `ns` apart, and writes every `write_every`-th
  // (0: none).
  void SpawnToucher(uint32_t count, sim::SimDuration ns, uint32_t write_every) {
    engine_->Spawn("toucher", sim::kPriorityUser, Touch(count, ns, write_every));
  }
  sim::Task<void> Touch(uint32_t count, sim::SimDuration ns, uint32_t write_every) {
    for (Pindex i = 0; i < count; ++i) {
      co_await engine_->Consume(ns);
      const FrameIndex frame = co_await AllocValid(i);
      const bool write = write_every != 0 && i % write_every == 0;
      tables_.Enter(leaf_ + i, frame, /*writable=*/true, write);
      reclaim_.Activate(frame);
      pages_.Xunbusy(frame);
      ++touched_;
    }
  }
  // A thread that reads pages once and leaves them inactive.
  sim::Task<void> Stream(uint32_t count, sim::SimDuration ns) {
    for (Pindex i = 0; i < count; ++i) {
      co_await engine_->Consume(ns);
      const FrameIndex frame = co_await AllocValid(i);
      reclaim_.Deactivate(frame);
      pages_.Xunbusy(frame);
    }
  }
  sim::Task<FrameIndex> AllocValid(Pindex pindex) {
    FrameIndex frame;
    while ((frame = allocator_.Alloc(object_, pindex, AllocClass::kNormal)) == kNoFrame) {
      co_await domain_.Wait();
      co_await engine_->Consume(1000);
    }
    pages_[frame].valid = kPageBitsAll;
    co_return frame;
  }
  // Takes `count` pages that cannot be reclaimed.
  void TakeWired(int count) {
    for (int i = 0; i < count; ++i) {
      const FrameIndex frame =
          allocator_.Alloc(object_, static_cast<Pindex>(wired_++), AllocClass::kInterrupt);
      ASSERT_NE(frame, kNoFrame);
      allocator_.Wire(frame);
      pages_.Xunbusy(frame);
    }
  }
  std::string Digest() {
    trace_.Flush();
    return digest_.Hex();
  }

  std::unique_ptr<sim::Engine> engine_;
  sim::Trace trace_;
  sim::DigestSink digest_;
  Tunables tunables_;
  PageArray pages_;
  PageTables tables_;
  ObjectTable objects_;
  Domain domain_;
  VmCounters counters_;
  PageAllocator allocator_;
  OneAnswerPager pager_;
  CountingHost host_;
  FreebsdReclaim reclaim_;
  Object& object_;
  PteSlot leaf_;
  uint32_t touched_ = 0;
  int wired_ = 0;
};

constexpr sim::SimTime kMs = sim::kMillisecond;

TEST(PageDaemonTest, AnIdleMachineHasTenPassesASecond) {
  SmallMachine machine;
  machine.engine_->Run(1000 * kMs);
  EXPECT_EQ(machine.counters_.pdpasses, 9);  // The tenth comes after the ninth's own time.
  EXPECT_EQ(machine.counters_.v_pdwakeups, 0);
  EXPECT_EQ(machine.counters_.v_dfree, 0);
  machine.reclaim_.CheckInvariants();
}

TEST(PageDaemonTest, CleanPagesAreFreedAsFastAsTheyAreTouched) {
  SmallMachine machine;
  machine.SpawnToucher(20000, 20 * sim::kMicrosecond, /*write_every=*/0);
  machine.engine_->Run(10000 * kMs);
  EXPECT_EQ(machine.touched_, 20000u);
  EXPECT_GE(machine.counters_.v_dfree, 20000 - 4000);
  EXPECT_GE(machine.domain_.free_count(), machine.domain_.thresholds().free_min);
  EXPECT_GT(machine.counters_.v_pdwakeups, 0);
  EXPECT_EQ(machine.host_.oom, 0);
  EXPECT_TRUE(machine.pager_.writes().empty());
  machine.reclaim_.CheckInvariants();
}

TEST(PageDaemonTest, DirtyPagesAreLaunderedFirst) {
  SmallMachine machine;
  machine.SpawnToucher(20000, 50 * sim::kMicrosecond, /*write_every=*/1);
  machine.engine_->Run(60000 * kMs);
  EXPECT_EQ(machine.touched_, 20000u);
  EXPECT_GE(machine.counters_.laundered_pages, 20000 - 4000);
  EXPECT_GT(machine.counters_.v_pdshortfalls, 0);
  EXPECT_EQ(machine.host_.oom, 0);
  machine.reclaim_.CheckInvariants();
}

TEST(PageDaemonTest, WhenNothingCanBeFreedForTwelvePassesMemoryIsOut) {
  SmallMachine machine;
  machine.TakeWired(3950);
  machine.engine_->Run(1090 * kMs);
  EXPECT_EQ(machine.host_.oom, 0);
  EXPECT_EQ(machine.reclaim_.daemon().oom_seq(), 11);
  machine.engine_->Run(1110 * kMs);
  EXPECT_EQ(machine.host_.oom, 1);
  EXPECT_EQ(machine.reclaim_.daemon().oom_seq(), 0);
  machine.engine_->Run(2410 * kMs);
  EXPECT_EQ(machine.host_.oom, 2);
  machine.reclaim_.CheckInvariants();
}

TEST(PageDaemonTest, TheVmdaemonAppliesBatchesAtMostOnceASecond) {
  SmallMachine machine;
  machine.TakeWired(3950);
  const FrameIndex frame = machine.allocator_.Alloc(machine.object_, 15000, AllocClass::kInterrupt);
  machine.pages_[frame].valid = kPageBitsAll;
  machine.reclaim_.Deactivate(frame);  // And busy, so that it cannot be freed.
  machine.engine_->Run(990 * kMs);
  EXPECT_EQ(machine.reclaim_.QueueLength(QueueId::kInactive), 0);
  EXPECT_GE(machine.reclaim_.swapout_runs(), 9);
  machine.engine_->Run(1200 * kMs);
  EXPECT_EQ(machine.reclaim_.QueueLength(QueueId::kInactive), 1);
  machine.reclaim_.CheckInvariants();
}

// The most inactive scans that a pass made.
int64_t MostScansOfAPass(const sim::VectorSink& events) {
  int64_t most = 0, scans = 0;
  for (const sim::TraceRecord& event : events.records()) {
    if (event.type == trace::kPass) scans = 0;
    if (event.type != trace::kScanDone) continue;
    if (event.actor == static_cast<uint32_t>(QueueId::kInactive)) most = std::max(most, ++scans);
  }
  return most;
}

// Scanning must be slow for a target to be large against what one thread frees in a quarter of a
// round.
TEST(PageDaemonTest, LargeTargetsAreShared) {
  for (const int threads : {1, 4}) {
    Costs costs;
    costs.page_scan_ns = sim::kMillisecond;
    SmallMachine machine(threads, costs);
    sim::VectorSink events;
    machine.trace_.AddSink(&events);
    machine.engine_->Spawn("stream", sim::kPriorityUser,
                           machine.Stream(6000, 20 * sim::kMicrosecond));
    machine.engine_->Run(20000 * kMs);
    machine.trace_.RemoveSink(&events);
    EXPECT_EQ(MostScansOfAPass(events), threads);
    const ScanStats& stats = machine.reclaim_.daemon().inactive_scan().stats();
    EXPECT_EQ(stats.pages, machine.counters_.v_dfree);
    machine.reclaim_.CheckInvariants();
  }
}

TEST(PageDaemonTest, SleepersForMemoryWake) {
  SmallMachine machine;
  // Touches faster than the daemon is woken to free.
  machine.SpawnToucher(10000, 100, /*write_every=*/3);
  machine.engine_->Run(60000 * kMs);
  EXPECT_EQ(machine.touched_, 10000u);
  EXPECT_EQ(machine.domain_.waiting(), 0);
  machine.reclaim_.CheckInvariants();
}

TEST(PageDaemonTest, InvariantsHoldAtEveryMoment) {
  SmallMachine machine;
  machine.SpawnToucher(9000, 10 * sim::kMicrosecond, /*write_every=*/2);
  for (int step = 0; step < 1000 && machine.touched_ < 9000; ++step) {
    machine.engine_->Run(step * 7 * kMs);
    machine.reclaim_.CheckInvariants();
  }
  EXPECT_EQ(machine.touched_, 9000u);
}

TEST(PageDaemonTest, TwoRunsAreOne) {
  std::string digests[2];
  for (std::string& digest : digests) {
    SmallMachine machine;
    machine.SpawnToucher(12000, 10 * sim::kMicrosecond, /*write_every=*/3);
    machine.engine_->Run(3000 * kMs);
    digest = machine.Digest();
  }
  EXPECT_EQ(digests[0], digests[1]);
}

}  // namespace
}  // namespace vmsim::vm
