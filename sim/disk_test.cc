#include "sim/disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/random.h"
#include "sim/trace_types.h"

namespace vmsim::sim {
namespace {

constexpr int64_t kPage = 4096;
constexpr int64_t kSize = 1 << 30;

// A disk, its clock, and a log of completions: "argument@time" or "argument@time:error/bytes".
class DiskBench {
 public:
  explicit DiskBench(const DiskConfig& config, uint64_t seed = 1) : trace_(events_.clock()) {
    auto disk = Disk::Create(config, 7, seed, events_, &trace_);
    EXPECT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
    trace_.AddSink(&sink_);
  }

  void Submit(uint64_t argument, const DiskRequest& request) {
    lengths_.resize(std::max<size_t>(lengths_.size(), argument + 1));
    lengths_[argument] = request.length;
    disk_->Submit(request, &DiskBench::OnDone, this, argument);
    EXPECT_EQ(disk_->Inconsistency(), "");
  }
  void Read(uint64_t argument, int64_t page, int64_t pages = 1) {
    Submit(argument, {page * kPage, pages * kPage, DiskOp::kRead});
  }
  void RunUntil(SimTime when) {
    while (events_.NextTime() <= when) events_.RunNext();
    events_.AdvanceTo(when);
  }
  // Runs everything, and returns what completed since the last time.
  std::string Drain() {
    while (!events_.empty()) {
      events_.RunNext();
      if (disk_->queued() >= 100) continue;  // The check walks the queue.
      EXPECT_EQ(disk_->Inconsistency(), "");
    }
    trace_.Flush();
    std::string log;
    std::swap(log, log_);
    return log;
  }

  Disk& disk() { return *disk_; }
  EventQueue& events() { return events_; }
  const VectorSink& sink() const { return sink_; }

 private:
  static void OnDone(void* context, uint64_t argument, int error, int64_t completed) {
    auto& bench = *static_cast<DiskBench*>(context);
    if (!bench.log_.empty()) bench.log_ += " ";
    bench.log_ += std::to_string(argument) + "@" + std::to_string(bench.events_.now());
    if (error != 0 || completed != bench.lengths_[argument]) {
      bench.log_ += ":" + std::to_string(error) + "/" + std::to_string(completed);
    }
  }

  EventQueue events_;
  Trace trace_;
  VectorSink sink_;
  std::unique_ptr<Disk> disk_;
  std::vector<int64_t> lengths_;
  std::string log_;
};

// Each request takes 100 ns, nothing per page: completions are easy to foretell.
DiskConfig HundredNs(int64_t servers = 1) {
  DiskConfig config;
  config.size_bytes = kSize;
  FixedDiskConfig model;
  model.base_ns = 100;
  model.per_unit_ns = 0;
  model.servers = servers;
  config.model = model;
  return config;
}

TEST(DiskTest, OneReadCompletesOnceAndLater) {
  DiskBench bench(HundredNs());
  bench.Read(1, 0);
  EXPECT_EQ(bench.disk().in_device(), 1);
  EXPECT_EQ(bench.Drain(), "1@100");
  EXPECT_EQ(bench.disk().in_device(), 0);
}

TEST(DiskTest, TheElevatorSortsWhatWaits) {
  DiskBench bench(HundredNs());
  for (const int page : {5, 30, 10, 20, 3}) bench.Read(page, page);
  // 5 is inside at once; the arm is behind it, so 3 comes last.
  EXPECT_EQ(bench.Drain(), "5@100 10@200 20@300 30@400 3@500");
}

TEST(DiskTest, FifoDoesNot) {
  DiskConfig config = HundredNs();
  config.scheduler = DiskScheduler::kFifo;
  DiskBench bench(config);
  for (const int page : {5, 30, 10, 20, 3}) bench.Read(page, page);
  EXPECT_EQ(bench.Drain(), "5@100 30@200 10@300 20@400 3@500");
}

TEST(DiskTest, CompletionsOfOneInstantComeInDispatchOrder) {
  DiskBench bench(HundredNs(4));
  for (const int page : {5, 30, 10, 20, 3, 2}) bench.Read(page, page);
  EXPECT_EQ(bench.Drain(), "5@100 30@100 10@100 20@100 2@200 3@200");
}

TEST(DiskTest, QueueDepthOverridesTheModel) {
  DiskConfig config = HundredNs(4);
  config.queue_depth = 1;
  DiskBench bench(config);
  for (const int page : {1, 2, 3}) bench.Read(page, page);
  EXPECT_EQ(bench.disk().queued(), 2);
  EXPECT_EQ(bench.Drain(), "1@100 2@200 3@300");
}

TEST(DiskTest, AnOrderedRequestEntersAloneAndNothingPassesIt) {
  DiskBench bench(HundredNs(4));
  bench.Read(1, 1);
  bench.Submit(2, {2 * kPage, kPage, DiskOp::kWrite, true});
  bench.Read(3, 3);
  bench.Read(4, 4);
  EXPECT_EQ(bench.disk().in_device(), 1);
  EXPECT_EQ(bench.Drain(), "1@100 2@200 3@300 4@300");
}

TEST(DiskTest, ALongRequestIsSplit) {
  DiskConfig config = HundredNs();
  config.max_io_bytes = 2 * kPage;
  DiskBench bench(config);
  bench.Read(1, 10, 5);
  EXPECT_EQ(bench.disk().queued() + bench.disk().in_device(), 3);
  EXPECT_EQ(bench.Drain(), "1@300");
  EXPECT_EQ(bench.disk().stats().reads(), 3);
  EXPECT_EQ(bench.disk().stats().read_bytes, 5 * kPage);
  EXPECT_EQ(bench.disk().stats().split, 1);
  // A trim goes down whole.
  bench.Submit(2, {0, 5 * kPage, DiskOp::kDelete});
  EXPECT_EQ(bench.Drain(), "2@400");
}

TEST(DiskTest, SplitErrorIsTheFirstToComplete) {
  DiskConfig config = HundredNs(4);
  config.max_io_bytes = kPage;
  DiskFaultRule slow_gone;  // The second child fails late, the fourth early.
  slow_gone.nth = 2;
  slow_gone.delay_ns = 50;
  DiskFaultRule short_fourth;
  short_fourth.kind = DiskFaultKind::kShort;
  short_fourth.nth = 4;
  short_fourth.prefix_sectors = 3;
  config.faults = {slow_gone, short_fourth};
  DiskBench bench(config);
  bench.Read(1, 0, 4);
  EXPECT_EQ(bench.Drain(), "1@150:5/" + std::to_string(2 * kPage + 3 * 512));
}

TEST(DiskTest, RefusesWhatTheDeviceCannotDo) {
  DiskBench bench(HundredNs());
  bench.Submit(1, {100, kPage});
  bench.Submit(2, {0, 100});
  bench.Submit(3, {-512, kPage});
  bench.Submit(4, {kSize + 512, kPage});
  bench.Submit(5, {kSize, kPage});        // At the end: nothing left.
  bench.Submit(6, {kSize - 512, kPage});  // Over the end: cut.
  bench.Submit(7, {0, INT64_MAX - 511});  // Cut, then split.
  bench.Submit(8, {0, 0});
  EXPECT_EQ(bench.disk().stats().refused, 6);
  EXPECT_EQ(bench.Drain(),
            "1@0:22/0 2@0:22/0 3@0:5/0 4@0:5/0 5@0:0/0 8@0 6@100:0/512 "
            "7@102500:0/1073741824");
}

TEST(DiskTest, RefusesToCutIntoTooManyChildren) {
  DiskConfig config = HundredNs();
  config.max_io_bytes = 512;
  DiskBench bench(config);
  bench.Submit(1, {0, 65537 * 512});
  bench.Submit(2, {0, 65536 * 512});
  EXPECT_EQ(bench.Drain(), "1@0:22/0 2@6553600");
}

TEST(DiskTest, AHardDiskHasNoTrim) {
  DiskConfig config;
  config.size_bytes = 1 << 20;
  config.model = HddDiskConfig::Hp97560();
  DiskBench bench(config);
  bench.Submit(1, {0, kPage, DiskOp::kDelete});
  EXPECT_EQ(bench.Drain(), "1@0:45/0");
}

TEST(DiskTest, CallbacksMaySubmit) {
  struct Chain {
    Disk* disk;
    int left;
  };
  DiskBench bench(HundredNs());
  Chain chain{&bench.disk(), 1000};
  static constexpr DiskCallback kNext = [](void* context, uint64_t argument, int, int64_t) {
    auto& c = *static_cast<Chain*>(context);
    if (c.left == 0) return;
    --c.left;
    // Two for one while they last, so that the pool grows under the callback.
    for (int i = 0; i < (c.left > 900 ? 2 : 1); ++i) {
      c.disk->Submit({static_cast<int64_t>(argument) * kPage, kPage}, kNext, context, argument + 1);
    }
  };
  bench.disk().Submit({0, kPage}, kNext, &chain, 1);
  bench.Drain();
  EXPECT_EQ(chain.left, 0);
  EXPECT_EQ(bench.disk().in_device() + bench.disk().queued(), 0);
}

TEST(DiskTest, CountsTimeAndQueue) {
  DiskBench bench(HundredNs());
  bench.RunUntil(1000);
  bench.Read(1, 1);
  bench.Submit(2, {2 * kPage, 2 * kPage, DiskOp::kWrite});
  bench.Read(3, 3);
  bench.Drain();
  bench.RunUntil(5000);
  const DiskStats& stats = bench.disk().stats();
  EXPECT_EQ(stats.reads(), 2);
  EXPECT_EQ(stats.writes(), 1);
  EXPECT_EQ(stats.read_bytes, 2 * kPage);
  EXPECT_EQ(stats.write_bytes, 2 * kPage);
  EXPECT_EQ(stats.busy_ns, 300);
  EXPECT_EQ(stats.queue_ns, 3 * 100 + 2 * 100 + 1 * 100);
  EXPECT_EQ(stats.max_queue_length, 3);
  EXPECT_EQ(stats.wait_ns.sum(), 0 + 100 + 200);
  EXPECT_EQ(stats.service_ns.sum(), 300);
}

TEST(DiskTest, TracesSubmissionsAndCompletions) {
  DiskBench bench(HundredNs());
  bench.Read(1, 2);
  bench.Submit(2, {0, 0, DiskOp::kFlush});
  bench.Drain();
  const std::vector<TraceRecord> want = {
      {0, trace::kDiskSubmit + 1, 0, 7, 2 * kPage, kPage},
      {0, trace::kDiskSubmit + 5, 0, 7, 0, 0},
      {100, trace::kDiskDone, 0, 7, 2 * kPage, 0},
      {200, trace::kDiskDone, 0, 7, 0, 0},
  };
  EXPECT_EQ(bench.sink().records(), want);
}

TEST(DiskValidationTest, NamesTheField) {
  struct Refusal {
    void (*edit)(DiskConfig&);
    std::string_view want;
  };
  const Refusal refusals[] = {
      {[](DiskConfig& c) { c.size_bytes = 0; }, "size_bytes: 0 is outside"},
      {[](DiskConfig& c) { c.size_bytes = 1000; }, "size_bytes: 1000 is not a multiple of 512"},
      {[](DiskConfig& c) { c.max_io_bytes = -512; }, "max_io_bytes: -512 is outside"},
      {[](DiskConfig& c) { c.queue_depth = 1 << 20; }, "queue_depth: 1048576 is outside"},
      {[](DiskConfig& c) { c.name.clear(); }, "name: "},
      {[](DiskConfig& c) {
         c.model = HddDiskConfig::Hp97560();
         c.size_bytes = int64_t{2} << 30;
       },
       "size_bytes: 2147483648 is more than the 1374216192"},
      {[](DiskConfig& c) {
         c.model = FixedDiskConfig{kSecond * 60, kSecond * 60, 512, 1};
         c.max_io_bytes = 64 << 20;
         c.queue_depth = 65536;
       },
       "queue_depth: 65536 requests of 67108864 bytes"},
      {[](DiskConfig& c) { c.model = FixedDiskConfig{-1}; }, "fixed.base_ns: -1"},
      {[](DiskConfig& c) {
         c.faults.resize(2);
         c.faults[1].nth = -1;
       },
       "faults[1].nth: -1"},
  };
  for (const Refusal& refusal : refusals) {
    DiskConfig config;
    config.size_bytes = kSize;
    refusal.edit(config);
    const absl::Status status = ValidateDisk(config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find(refusal.want), std::string::npos) << status;
  }
}

// Random traffic on a device with every fault: each request completes exactly once, bytes never
// exceed what was asked, and a second run gives the same log.
std::string RunRandom(uint64_t seed, DiskScheduler scheduler, const DiskModelConfig& model) {
  DiskConfig config;
  config.size_bytes = 64 << 20;
  config.model = model;
  config.scheduler = scheduler;
  config.max_io_bytes = 4 * kPage;
  for (int kind = 1; kind < kDiskFaultKinds; ++kind) {
    DiskFaultRule rule;
    rule.kind = static_cast<DiskFaultKind>(kind);
    if (rule.kind == DiskFaultKind::kBadRange) {
      rule.begin = 1 << 20;
      rule.end = 2 << 20;
      rule.remap_on_write = true;
    } else {
      rule.probability_ppm = rule.kind == DiskFaultKind::kGone ? 300 : 50'000;
    }
    if (rule.kind == DiskFaultKind::kLatency) rule.delay_ns = 10 * kMillisecond;
    config.faults.push_back(rule);
  }
  EventQueue events;
  auto disk = Disk::Create(config, 0, seed, events, nullptr);
  EXPECT_TRUE(disk.ok()) << disk.status();

  struct Log {
    Disk* disk;
    EventQueue* events;
    std::vector<int> completions;
    std::vector<int64_t> lengths;
    std::string text;
  } log{disk->get(), &events, {}, {}, ""};
  const DiskCallback done = [](void* context, uint64_t argument, int error, int64_t completed) {
    auto& l = *static_cast<Log*>(context);
    ++l.completions[argument];
    EXPECT_GE(completed, 0);
    EXPECT_LE(completed, l.lengths[argument]);
    EXPECT_LE(l.disk->stored_bytes(), l.lengths[argument]);
    l.text += std::to_string(argument) + "@" + std::to_string(l.events->now()) + ":" +
              std::to_string(error) + "/" + std::to_string(completed) + "/" +
              std::to_string(l.disk->stored_bytes()) + " ";
  };
  SplitMix64 random(seed);
  constexpr DiskOp kOps[] = {DiskOp::kRead,  DiskOp::kRead,   DiskOp::kWrite,
                             DiskOp::kWrite, DiskOp::kDelete, DiskOp::kFlush};
  for (uint64_t i = 0; i < 1500; ++i) {
    DiskRequest request;
    request.op = kOps[random.Below(6)];
    request.offset = static_cast<int64_t>(random.Below(16 << 10)) * kPage;
    request.length = static_cast<int64_t>(1 + random.Below(12)) * kPage;
    if (request.op == DiskOp::kFlush) request = {0, 0, DiskOp::kFlush};
    request.ordered = random.Below(20) == 0;
    log.completions.push_back(0);
    log.lengths.push_back(request.length);
    (*disk)->Submit(request, done, &log, i);
    for (uint64_t n = random.Below(4); n > 0 && !events.empty(); --n) events.RunNext();
    EXPECT_EQ((*disk)->Inconsistency(), "");
  }
  while (!events.empty()) events.RunNext();
  EXPECT_EQ((*disk)->Inconsistency(), "");
  for (size_t i = 0; i < log.completions.size(); ++i) {
    EXPECT_EQ(log.completions[i], 1) << "request " << i << " seed " << seed;
  }
  EXPECT_EQ((*disk)->in_device() + (*disk)->queued(), 0);
  return log.text;
}

TEST(DiskPropertyTest, EveryRequestCompletesOnceAndRunsRepeat) {
  uint64_t seed = 1;
  for (const DiskModelConfig& model :
       {DiskModelConfig(FixedDiskConfig{}), DiskModelConfig(SsdDiskConfig{}),
        DiskModelConfig(HddDiskConfig::Hp97560())}) {
    for (const DiskScheduler scheduler : {DiskScheduler::kElevator, DiskScheduler::kFifo}) {
      for (int round = 0; round < 5; ++round, ++seed) {
        const std::string log = RunRandom(seed, scheduler, model);
        EXPECT_EQ(log, RunRandom(seed, scheduler, model)) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace vmsim::sim
