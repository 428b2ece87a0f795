#include "vfs/file_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "sim/counters.h"
#include "sim/disk.h"
#include "sim/random.h"
#include "vfs/trace_types.h"

namespace vmsim::vfs {
namespace {

using sim::DiskFaultKind;
using sim::DiskFaultRule;

constexpr int64_t kHalfKilo = kSectorBytes;
constexpr Daddr kPlace = 1000;  // Sector 0 of the file is here on the disk.

// A file of 64 sectors on a disk that takes 100 us a request, one at a time. The log has a word for
// each transfer that completed: number@us, with :errno/bytes if it was not simply done.
class DeviceWorld {
 public:
  struct Options {
    std::vector<DiskFaultRule> faults = {};
    int64_t max_io_bytes = 1 << 20;
    FileDevice::Limits limits = {};
  };

  DeviceWorld() : DeviceWorld(Options()) {}
  explicit DeviceWorld(const Options& options)
      : disk_(MakeDisk(options)),
        mount({.size_bytes = 8 << 20, .block_bytes = 4096}, *disk_),
        file(3, "f", mount, 64 * kSectorBytes),
        device(engine, trace, stats, options.limits) {
    trace.AddSink(&sink);
  }
  ~DeviceWorld() { engine.DestroyThreads(); }

  // Gives sectors [first, first + count) the tag and starts writing them. Returns its number.
  int Write(int64_t first, int64_t count, Tag tag, bool running = false) {
    file.memory.SetRange(first, count, tag);
    return Start(first, count, /*write=*/true, running);
  }
  int Read(int64_t first, int64_t count) {
    return Start(first, count, /*write=*/false, /*running=*/false);
  }
  // A thread that waits for running space at `us`, and is in the log when it may go on.
  sim::Thread* Wait(const std::string& name, int64_t us) {
    return engine.Spawn(name, sim::kPriorityUser, WaitBody(name, us));
  }
  void RunTo(int64_t us) { engine.Run(us * sim::kMicrosecond); }

  std::string Memory(int64_t first, int64_t count) const { return Tags(file.memory, first, count); }
  std::string Medium(int64_t first, int64_t count) const { return Tags(file.medium, first, count); }
  std::string Crash(uint64_t seed) {
    const CrashOutcome outcome = device.Crash(sim::SplitMix64(seed));
    return std::to_string(outcome.dropped) + "d" + std::to_string(outcome.kept) + "k" +
           std::to_string(outcome.torn) + "t";
  }

  sim::Engine engine{{.cpus = 8, .context_switch_ns = 0}};
  sim::Trace trace{engine.events().clock()};
  sim::VectorSink sink;
  FileStats stats;

 private:
  std::unique_ptr<sim::Disk> MakeDisk(const Options& options) {
    sim::DiskConfig config;
    config.size_bytes = 8 << 20;
    config.model = sim::FixedDiskConfig{.base_ns = 100 * sim::kMicrosecond, .per_unit_ns = 0};
    config.max_io_bytes = options.max_io_bytes;
    config.faults = options.faults;
    auto disk = sim::Disk::Create(config, /*id=*/0, /*run_seed=*/1, engine.events(), nullptr);
    EXPECT_TRUE(disk.ok()) << disk.status();
    return *std::move(disk);
  }
  int Start(int64_t first, int64_t count, bool write, bool running) {
    const int number = static_cast<int>(lengths_.size());
    lengths_.push_back(count * kSectorBytes);
    device.Submit({.vnode = &file,
                   .first_sector = first,
                   .sector = kPlace + first,
                   .bytes = count * kSectorBytes,
                   .write = write,
                   .running = running},
                  OnDone, this, static_cast<uint64_t>(number));
    return number;
  }
  void Say(const std::string& word) {
    log += (log.empty() ? "" : " ") + word + "@" + std::to_string(engine.now() / sim::kMicrosecond);
  }
  static void OnDone(void* context, uint64_t number, int error, int64_t completed) {
    auto* world = static_cast<DeviceWorld*>(context);
    world->Say(std::to_string(number));
    if (error != 0 || completed != world->lengths_[number]) {
      world->log += ":" + std::to_string(error) + "/" + std::to_string(completed);
    }
    if (world->on_done) world->on_done(static_cast<int>(number));
  }
  sim::Task<void> WaitBody(std::string name, int64_t us) {
    co_await sim::Pause(engine, us * sim::kMicrosecond, "begin");
    co_await device.WaitRunningSpace();
    Say(name);
  }
  static std::string Tags(const SectorTags& tags, int64_t first, int64_t count) {
    std::string text;
    for (int64_t i = 0; i < count; ++i)
      text += (i == 0 ? "" : " ") + std::to_string(tags.Get(first + i));
    return text;
  }

  std::unique_ptr<sim::Disk> disk_;
  std::vector<int64_t> lengths_;

 public:
  sim::Disk& disk() { return *disk_; }
  Mount mount;
  Vnode file;
  FileDevice device;
  std::string log;
  std::function<void(int)> on_done;  // Called in each completion, last.
};

// --- Transfers.

TEST(FileDeviceTest, AWriteCarriesWhatWasThereWhenItWasSubmitted) {
  DeviceWorld w;
  w.Write(4, 2, 7);
  w.file.memory.SetRange(4, 1, 9);
  w.RunTo(99);
  EXPECT_EQ(w.Medium(3, 4), "1 1 1 1");
  EXPECT_EQ(w.device.in_flight(), 1);
  w.RunTo(100);
  EXPECT_EQ(w.Medium(3, 4), "1 7 7 1");
  EXPECT_EQ(w.Memory(3, 4), "1 9 7 1");
  EXPECT_EQ(w.device.in_flight(), 0);
}

TEST(FileDeviceTest, TheMediumHasChangedWhenTheCallbackRuns) {
  DeviceWorld w;
  std::string seen;
  w.on_done = [&](int) {
    seen += w.Medium(0, 2) + " in flight " + std::to_string(w.device.in_flight());
  };
  w.file.memory.SetRange(1, 1, 8);
  w.file.memory.SetRange(0, 1, 7);
  w.device.Submit(
      {.vnode = &w.file, .first_sector = 0, .sector = kPlace, .bytes = 1024, .write = true},
      [](void* context, uint64_t, int, int64_t) { static_cast<DeviceWorld*>(context)->on_done(0); },
      &w, 0);
  w.RunTo(1000);
  EXPECT_EQ(seen, "7 8 in flight 0");
}

TEST(FileDeviceTest, AReadChangesNoTags) {
  DeviceWorld w;
  w.file.memory.SetRange(0, 4, 7);
  w.file.medium.SetRange(0, 4, 6);
  w.Read(0, 4);
  w.RunTo(1000);
  EXPECT_EQ(w.log, "0@100");
  EXPECT_EQ(w.Memory(0, 5), "7 7 7 7 1");
  EXPECT_EQ(w.Medium(0, 5), "6 6 6 6 1");
}

// A write of 8 sectors with tag 7 over a file as it began.
struct Outcome {
  const char* name;
  std::vector<DiskFaultRule> faults;
  int64_t max_io_bytes;
  std::string log;
  std::string medium;
};

DiskFaultRule Fault(DiskFaultKind kind, int64_t nth = 0, int64_t prefix_sectors = -1,
                    bool report_error = false) {
  DiskFaultRule rule;
  rule.kind = kind;
  rule.nth = nth;
  rule.prefix_sectors = prefix_sectors;
  rule.report_error = report_error;
  return rule;
}

TEST(FileDeviceTest, OnTheMediumIsWhatTheDiskStored) {
  constexpr int64_t kWhole = 1 << 20;
  constexpr int64_t kHalf = 4 * kHalfKilo;  // Two children of four sectors.
  const std::string none = "1 1 1 1 1 1 1 1";
  const std::string all = "7 7 7 7 7 7 7 7";
  const std::string half = "7 7 7 7 1 1 1 1";
  const Outcome rows[] = {
      {"done", {}, kWhole, "0@100", all},
      {"failed", {Fault(DiskFaultKind::kEio)}, kWhole, "0@100:5/0", none},
      {"torn, and nobody says so",
       {Fault(DiskFaultKind::kTorn, 0, 3)},
       kWhole,
       "0@100",
       "7 7 7 1 1 1 1 1"},
      {"torn, with an error",
       {Fault(DiskFaultKind::kTorn, 0, 3, true)},
       kWhole,
       "0@100:5/0",
       "7 7 7 1 1 1 1 1"},
      {"short", {Fault(DiskFaultKind::kShort, 0, 5)}, kWhole, "0@100:0/2560", "7 7 7 7 7 1 1 1"},
      {"short by all", {Fault(DiskFaultKind::kShort, 0, 0)}, kWhole, "0@100:0/0", none},
      {"no memory", {Fault(DiskFaultKind::kNoMemory)}, kWhole, "0@0:12/0", none},
      {"gone", {Fault(DiskFaultKind::kGone)}, kWhole, "0@0:6/0", none},
      {"split", {}, kHalf, "0@200", all},
      {"split, the second part fails",
       {Fault(DiskFaultKind::kEio, 2)},
       kHalf,
       "0@200:5/2048",
       half},
      // What is stored is a prefix: the second part does not count without the first.
      {"split, the first part fails", {Fault(DiskFaultKind::kEio, 1)}, kHalf, "0@200:5/2048", none},
      {"split, the second part torn",
       {Fault(DiskFaultKind::kTorn, 2, 1)},
       kHalf,
       "0@200",
       "7 7 7 7 7 1 1 1"},
      {"split, no memory for the second",
       {Fault(DiskFaultKind::kNoMemory, 2)},
       kHalf,
       "0@100:12/2048",
       half},
  };
  for (const Outcome& row : rows) {
    DeviceWorld w({.faults = row.faults, .max_io_bytes = row.max_io_bytes});
    w.Write(0, 8, 7);
    w.RunTo(1000);
    EXPECT_EQ(w.log, row.log) << row.name;
    EXPECT_EQ(w.Medium(0, 8), row.medium) << row.name;
    EXPECT_EQ(w.device.in_flight(), 0) << row.name;
  }
}

TEST(FileDeviceTest, ACallbackMayStartTheNextTransfer) {
  DeviceWorld w;
  w.on_done = [&](int number) {
    if (number < 20) w.Write(number + 1, 1, Tag{10} + static_cast<Tag>(number));
  };
  w.Write(0, 1, 9);
  w.RunTo(450);
  EXPECT_EQ(w.log, "0@100 1@200 2@300 3@400");
  w.RunTo(10000);
  EXPECT_EQ(w.Medium(0, 22), "9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 1");
}

TEST(FileDeviceTest, TimesInTheQueueAndInTheDevice) {
  DeviceWorld w;
  std::string times;
  w.on_done = [&](int) {
    times += " " + std::to_string(w.device.last_queue_ns() / sim::kMicrosecond) + "+" +
             std::to_string(w.device.last_service_ns() / sim::kMicrosecond);
  };
  w.Write(0, 1, 7);
  w.Write(9, 1, 7);
  w.Read(20, 4);
  w.RunTo(100);
  w.Read(40, 4);
  w.RunTo(1000);
  EXPECT_EQ(w.log, "0@100 1@200 2@300 3@400");
  EXPECT_EQ(times, " 0+100 100+100 200+100 200+100");
}

TEST(FileDeviceTest, WhoIsInFlight) {
  DeviceWorld w;
  const auto in_flight = [&] {
    std::vector<int64_t> sectors;
    w.device.ForEachInFlight([&](const Transfer& t) { sectors.push_back(t.first_sector); });
    std::sort(sectors.begin(), sectors.end());
    return sectors;
  };
  w.Write(1, 1, 7);
  w.Read(2, 1);
  w.Write(3, 1, 7);
  EXPECT_EQ(in_flight(), (std::vector<int64_t>{1, 2, 3}));
  w.RunTo(100);
  w.Write(4, 1, 7);
  EXPECT_EQ(in_flight(), (std::vector<int64_t>{2, 3, 4}));
  EXPECT_EQ(w.device.in_flight(), 3);
  w.RunTo(1000);
  EXPECT_EQ(in_flight(), std::vector<int64_t>());
}

TEST(FileDeviceTest, TheTraceTells) {
  DeviceWorld w({.faults = {Fault(DiskFaultKind::kEio, 2)}});
  w.Write(2, 4, 7);
  w.Read(8, 1);
  w.RunTo(1000);
  w.Write(0, 1, 9);
  w.device.Crash(sim::SplitMix64(1));
  w.trace.Flush();
  const int64_t us = sim::kMicrosecond;
  const std::vector<sim::TraceRecord> want = {
      {0, trace::kFileWrite, 0, 3, kPlace + 2, 2048},
      {0, trace::kFileRead, 0, 3, kPlace + 8, 512},
      {100 * us, trace::kFileWriteDone, 0, 3, kPlace + 2, 0},
      {200 * us, trace::kFileReadDone, 0, 3, kPlace + 8, 5},
      {200 * us, trace::kFileWrite, 0, 3, kPlace + 0, 512},
  };
  ASSERT_EQ(w.sink.records().size(), want.size() + 1);
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(w.sink.records()[i], want[i]) << i;
  const sim::TraceRecord& crash = w.sink.records().back();
  EXPECT_EQ(crash.type, trace::kCrash);
  EXPECT_EQ(crash.a + crash.b, 1u);
}

// --- Running space.

// Transfers of four sectors each, submitted at 0, and threads that come later.
struct WaitStory {
  const char* name;
  int64_t hi;  // Sectors.
  int64_t lo;
  int transfers;
  int64_t sectors;
  bool running;
  std::map<int, int> refill;  // This completion starts so many more.
  std::vector<int64_t> visits;
  std::string log;
  int64_t waits;
  int64_t waited_us;
};

TEST(RunningSpaceTest, Stories) {
  const WaitStory stories[] = {
      {"nothing under way", 8, 4, 0, 4, true, {}, {10}, "a@10", 0, 0},
      {"at the upper mark nobody waits", 8, 4, 2, 4, true, {}, {10}, "a@10 0@100 1@200", 0, 0},
      {"others do not count", 8, 4, 3, 4, false, {}, {10}, "a@10 0@100 1@200 2@300", 0, 0},
      {"above it, to the lower mark",
       8,
       4,
       3,
       4,
       true,
       {},
       {10},
       "0@100 1@200 a@200 2@300",
       1,
       190},
      {"several wait, all are woken, first come first",
       8,
       4,
       3,
       4,
       true,
       {},
       {10, 20, 99},
       "0@100 1@200 a@200 b@200 c@200 2@300",
       3,
       471},
      // At 150 there are 8 left, which is not too many, whoever waits.
      {"a late one passes",
       8,
       4,
       3,
       4,
       true,
       {},
       {10, 20, 150},
       "0@100 c@150 1@200 a@200 b@200 2@300",
       2,
       370},
      {"both marks in one fall", 8, 4, 1, 16, true, {}, {10}, "0@100 a@100", 1, 90},
      {"the marks are one", 4, 4, 2, 4, true, {}, {10}, "0@100 a@100 1@200", 1, 90},
      {"no lower mark: until nothing is under way",
       8,
       0,
       3,
       4,
       true,
       {},
       {10},
       "0@100 1@200 2@300 a@300",
       1,
       290},
      // The second completion wakes the thread and starts three more before it can look.
      {"who is woken looks again",
       8,
       4,
       3,
       4,
       true,
       {{1, 3}},
       {10},
       "0@100 1@200 2@300 3@400 4@500 a@500 5@600",
       1,
       490},
  };
  for (const WaitStory& story : stories) {
    SCOPED_TRACE(story.name);
    DeviceWorld w({.limits = {story.hi * kHalfKilo, story.lo * kHalfKilo}});
    w.on_done = [&](int number) {
      const auto it = story.refill.find(number);
      if (it == story.refill.end()) return;
      for (int i = 0; i < it->second; ++i) w.Write(40 + 4 * i, story.sectors, 8, story.running);
    };
    for (int i = 0; i < story.transfers; ++i) w.Write(16 * i, story.sectors, 7, story.running);
    for (size_t i = 0; i < story.visits.size(); ++i) {
      w.Wait(std::string(1, static_cast<char>('a' + i)), story.visits[i]);
    }
    w.RunTo(10000);
    EXPECT_EQ(w.log, story.log);
    EXPECT_EQ(w.stats.running_waits, story.waits);
    EXPECT_EQ(w.stats.running_wait_ns, story.waited_us * sim::kMicrosecond);
    EXPECT_EQ(w.device.runningbufspace(), 0);
  }
}

TEST(RunningSpaceTest, ItIsGivenBackBeforeTheCallbackAndOnErrorsToo) {
  DeviceWorld w({.faults = {Fault(DiskFaultKind::kEio, 1)}});
  std::string seen;
  w.on_done = [&](int) { seen += " " + std::to_string(w.device.runningbufspace()); };
  w.Write(0, 4, 7, /*running=*/true);
  w.Write(8, 2, 7, /*running=*/true);
  w.Write(16, 8, 7, /*running=*/false);
  EXPECT_EQ(w.device.runningbufspace(), 6 * kHalfKilo);
  w.RunTo(1000);
  EXPECT_EQ(w.log, "0@100:5/0 1@200 2@300");
  EXPECT_EQ(seen, " 1024 0 0");
}

TEST(RunningSpaceTest, WhoWaitsSaysWhatFor) {
  DeviceWorld w({.limits = {4 * kHalfKilo, 0}});
  w.Write(0, 8, 7, /*running=*/true);
  const sim::Thread* thread = w.Wait("a", 10);
  w.RunTo(50);
  EXPECT_EQ(thread->wait_message(), "wdrain");
  w.RunTo(1000);
  EXPECT_TRUE(thread->done());
}

TEST(RunningSpaceDeathTest, MarksTheWrongWayRound) {
  EXPECT_DEATH(DeviceWorld({.limits = {4 * kHalfKilo, 5 * kHalfKilo}}), "runningspace");
}

// --- Crashes.

// Three writes in flight: sectors 0-7 with tag 7, 10 with tag 8, 12-15 with tag 9. What they draw was
// worked out apart from this program.
TEST(CrashTest, RecordedSeeds) {
  struct Row {
    uint64_t seed;
    std::string outcome;
    std::string medium;
  };
  const Row rows[] = {
      {1, "0d3k0t", "7 7 7 7 7 7 7 7 1 1 8 1 9 9 9 9"},
      {5, "2d1k0t", "7 7 7 7 7 7 7 7 1 1 1 1 1 1 1 1"},
      {6, "1d1k1t", "7 7 7 7 1 1 1 1 1 1 1 1 9 9 9 9"},
      {18, "3d0k0t", "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"},
      {19, "1d0k2t", "7 1 1 1 1 1 1 1 1 1 1 1 9 9 9 1"},
      {29, "1d1k1t", "7 7 7 7 7 7 1 1 1 1 8 1 1 1 1 1"},
      {35, "1d1k1t", "1 1 1 1 1 1 1 1 1 1 8 1 9 1 1 1"},
  };
  for (const Row& row : rows) {
    DeviceWorld w;
    w.Write(0, 8, 7);
    w.Write(10, 1, 8);
    w.Write(12, 4, 9);
    w.RunTo(50);
    EXPECT_EQ(w.Crash(row.seed), row.outcome) << row.seed;
    EXPECT_EQ(w.Medium(0, 16), row.medium) << row.seed;
  }
}

TEST(CrashTest, WhatWasDoneStaysAndReadsDoNotMatter) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    DeviceWorld w;
    w.Write(0, 4, 7);
    w.Read(8, 4);
    w.Read(20, 4);
    w.RunTo(250);
    EXPECT_EQ(w.Crash(seed), "0d0k0t");
    EXPECT_EQ(w.Medium(0, 12), "7 7 7 7 1 1 1 1 1 1 1 1");
  }
}

// Each write is a prefix of itself: nothing, all, or something in between, about equally often.
TEST(CrashTest, EveryPrefixHappens) {
  int dropped = 0, kept = 0, torn = 0, single_kept = 0;
  int prefixes[8] = {};
  constexpr int kSeeds = 3000;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    DeviceWorld w;
    w.Write(0, 8, 7);
    w.Write(10, 1, 8);
    const CrashOutcome outcome = w.device.Crash(sim::SplitMix64(seed));
    int64_t stored = 0;
    while (w.file.medium.Get(stored) == 7) ++stored;
    for (int64_t at = stored; at < 10; ++at) ASSERT_EQ(w.file.medium.Get(at), kInitialTag) << seed;
    const bool single = w.file.medium.Get(10) == 8;
    ASSERT_EQ(outcome.dropped, (stored == 0) + !single) << seed;
    ASSERT_EQ(outcome.kept, (stored == 8) + single) << seed;
    ASSERT_EQ(outcome.torn, stored > 0 && stored < 8) << seed;
    dropped += stored == 0;
    kept += stored == 8;
    torn += outcome.torn != 0;
    single_kept += single;
    if (stored < 8) ++prefixes[stored];
  }
  for (const int count : {dropped, kept, torn}) {
    EXPECT_GT(count, kSeeds * 3 / 10);
    EXPECT_LT(count, kSeeds * 37 / 100);
  }
  EXPECT_GT(single_kept, kSeeds * 46 / 100);
  EXPECT_LT(single_kept, kSeeds * 54 / 100);
  for (int prefix = 1; prefix < 8; ++prefix) EXPECT_GT(prefixes[prefix], torn / 10) << prefix;
}

// What becomes of a write depends on the seed and on how many were submitted before it that are in
// flight still; not on how long those are, nor on where the device keeps them.
TEST(CrashTest, InTheOrderOfSubmission) {
  const auto picture = [](DeviceWorld& w, uint64_t seed) {
    w.Crash(seed);
    std::string text;
    for (int64_t at = 20; at < 32; ++at) text += w.file.medium.Get(at) >= 8 ? 'x' : '.';
    return text;
  };
  std::map<std::string, int> seen;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    DeviceWorld plain;
    plain.Write(20, 4, 8);
    plain.Write(26, 6, 9);
    DeviceWorld reused;  // The last one takes the place of one that is done.
    reused.Write(40, 4, 7);
    reused.Write(20, 4, 8);
    reused.RunTo(100);
    reused.Write(26, 6, 9);
    const std::string want = picture(plain, seed);
    EXPECT_EQ(picture(reused, seed), want) << seed;
    ++seen[want];

    DeviceWorld first_short, first_long;
    first_short.Write(0, 1, 7);
    first_short.Write(20, 4, 8);
    first_long.Write(0, 16, 7);
    first_long.Write(20, 4, 8);
    EXPECT_EQ(picture(first_short, seed), picture(first_long, seed)) << seed;
  }
  EXPECT_GT(seen.size(), 15u);
}

// Of two writes of the same sectors the later one wins, as far as it got.
TEST(CrashTest, LaterWritesGoOnTop) {
  std::map<std::string, int> seen;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    DeviceWorld w;
    w.Write(0, 4, 7);
    w.Write(0, 4, 9);
    const std::string outcome = w.Crash(seed);
    const std::string medium = w.Medium(0, 4);
    ++seen[medium];
    const auto rank = [&](int64_t at) {
      const Tag tag = w.file.medium.Get(at);
      return tag == 9 ? 0 : tag == 7 ? 1 : 2;
    };
    for (int64_t at = 1; at < 4; ++at) EXPECT_LE(rank(at - 1), rank(at)) << seed << ": " << medium;
    if (outcome == "0d2k0t") {
      EXPECT_EQ(medium, "9 9 9 9") << seed;
    } else if (outcome == "2d0k0t") {
      EXPECT_EQ(medium, "1 1 1 1") << seed;
    }
  }
  // 9s, then 7s, then what was there: 15 ways.
  EXPECT_EQ(seen.size(), 15u);
}

TEST(CrashTest, ADiskThatIsGoneStoresNothing) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    DeviceWorld w({.faults = {Fault(DiskFaultKind::kGone, 2)}});
    w.Write(0, 4, 7);
    w.Write(8, 4, 8);
    w.RunTo(50);
    EXPECT_EQ(w.log, "1@0:6/0");
    EXPECT_EQ(w.Crash(seed), "1d0k0t") << seed;
    EXPECT_EQ(w.Medium(0, 12), "1 1 1 1 1 1 1 1 1 1 1 1") << seed;
  }
}

// --- Counters.

TEST(FileStatsTest, EveryFieldIsRegisteredOnceUnderItsName) {
  constexpr size_t kFields = sizeof(FileStats) / sizeof(int64_t);
  std::array<int64_t, kFields> numbers;
  std::iota(numbers.begin(), numbers.end(), 1);
  const auto stats = std::bit_cast<FileStats>(numbers);
  sim::CounterRegistry registry;
  RegisterFileCounters(registry, stats);
  std::vector<int64_t> values = registry.Values();
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, std::vector<int64_t>(numbers.begin(), numbers.end()));
  EXPECT_EQ(registry.Find("file_reads"), stats.file_reads);
  EXPECT_EQ(registry.Find("vfs.numdirtybuffers"), stats.numdirtybuffers);
  EXPECT_EQ(registry.Find("running_wait_ns"), stats.running_wait_ns);
  EXPECT_EQ(registry.Find("syncer_skips"), stats.syncer_skips);
  EXPECT_EQ(registry.Find("truncated_pages"), stats.truncated_pages);
}

}  // namespace
}  // namespace vmsim::vfs
