// Power fails in the middle of random histories: what was promised is there.
//
// Two files of a small machine are written, mapped and stored to, synced, cut and read by three
// threads, under memory pressure, with the daemons at work and now and then a disk that fails. At a
// random event the power goes. Then each sector holds what durability.h allows. Along the way every
// read sees the newest store.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/random.h"
#include "vfs/durability.h"
#include "vfs/vfs_invariants.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

using vm::FaultResult;

struct History {
  uint64_t seed;
  int32_t block_bytes;
  PagerStyle style;
  PutStyle put_style;
  bool faults;
};

VfsTestWorld::Options OptionsOf(const History& h, sim::SplitMix64& random) {
  VfsTestWorld::Options options;
  options.frames = 1200;
  options.disk_bytes = 32 << 20;
  options.mount.block_bytes = h.block_bytes;
  options.mount.iosize_max = 128 << 10;
  options.mount.style = h.style;
  options.mount.put_style = h.put_style;
  options.file = {.bytes = static_cast<int64_t>(random.Below(2 << 20)),
                  .fragment_blocks = static_cast<int64_t>(random.Below(8)),
                  .gap_blocks = 1,
                  .hole_every = static_cast<int64_t>(random.Below(4))};
  options.vfs.filedelay_s = 1 + static_cast<int>(random.Below(3));
  options.daemons = true;
  if (h.faults) {
    sim::DiskFaultRule rule;
    rule.kind = random.Below(4) == 0 ? sim::DiskFaultKind::kGone : sim::DiskFaultKind::kEio;
    rule.ops = sim::OpBit(sim::DiskOp::kWrite) | sim::OpBit(sim::DiskOp::kRead);
    if (rule.kind == sim::DiskFaultKind::kGone) {
      rule.nth = 1 + static_cast<int64_t>(random.Below(200));
    } else {
      rule.probability_ppm = 30000;
    }
    options.faults = {rule};
  }
  return options;
}

class CrashStory {
 public:
  explicit CrashStory(const History& h)
      : random_(h.seed), world_(OptionsOf(h, random_)), faults_(h.faults) {
    world_.vfs().ops().set_durability_observer(&oracle_);
    area_ = world_.Map(600);
    for (int i = 0; i < 3; ++i) {
      opens_[i].vnode = &world_.file();
      opens_[i].sync = i == 2;
      world_.world().Start("worker", Work(i, random_.Next()));
    }
  }

  // Runs to the crash and looks.
  void Crash() {
    const uint64_t events = 200 + random_.Below(4000);
    for (uint64_t i = 0; i < events && world_.engine().Step(); ++i) {
      if (i % 64 != 0) continue;
      const auto violation = CheckVfs(world_.vfs(), vm::CheckLevel::kFull);
      ASSERT_FALSE(violation.has_value()) << violation->ToString();
    }
    world_.world().CheckInvariants();
    world_.vfs().Crash(random_.Next());
    world_.StopChecking();
    const DurabilityReport report = oracle_.Check(world_.vfs());
    EXPECT_EQ(report.violations, 0) << report.first;
    safe += report.safe;
    lost += report.lost;
  }

  static int64_t safe;
  static int64_t lost;

 private:
  sim::Task<void> Work(int who, uint64_t seed) {
    sim::SplitMix64 random(seed);
    OpenFile& file = opens_[who];
    while (true) {
      const int64_t size = world_.file().size;
      const auto offset = static_cast<int64_t>(random.Below(static_cast<uint64_t>(size) + 20000));
      const auto bytes =
          static_cast<int64_t>(1 + random.Below(random.Below(8) == 0 ? 300000 : 9000));
      const uint64_t what = random.Below(100);
      if (what < 35) {
        co_await world_.vfs().ops().Write(file, offset, bytes);
      } else if (what < 55) {
        co_await ReadAndCompare(file, offset, bytes);
      } else if (what < 80) {
        co_await Touch(offset, random.Below(3) != 0);
      } else if (what < 86) {
        co_await world_.vfs().ops().Fsync(file);
      } else if (what < 91) {
        co_await Msync(random);
      } else if (what < 94) {
        co_await world_.vfs().ops().Truncate(file, static_cast<int64_t>(random.Below(2 << 20)));
      } else {
        co_await sim::Pause(world_.engine(), static_cast<int64_t>(random.Below(300'000'000)),
                            "work");
      }
      co_await world_.engine().Consume(1000);
    }
  }

  // What a read returns was in memory when it returned: nobody could change it in between.
  sim::Task<void> ReadAndCompare(OpenFile& file, int64_t offset, int64_t bytes) {
    std::vector<Tag> tags;
    const IoResult read = co_await world_.vfs().ops().Read(file, offset, bytes, &tags);
    if (read.error != 0) {
      EXPECT_TRUE(faults_) << read.error;
      co_return;
    }
    const int64_t sectors =
        read.bytes == 0 ? 0 : (offset + read.bytes - 1) / kSectorBytes - offset / kSectorBytes + 1;
    // A block that two transfers of the copy share is counted in both.
    EXPECT_GE(static_cast<int64_t>(tags.size()), sectors);
  }

  sim::Task<void> Touch(int64_t offset, bool write) {
    const auto page = static_cast<uint32_t>(offset / vm::kPageSize);
    if (page >= 600) co_return;
    const vm::PteSlot slot = area_.slot + page;
    vm::Pte& pte = world_.vm().page_tables().entries()[slot];
    const vm::Pte need = vm::kPteValid | (write ? vm::kPteWritable : 0);
    if ((pte & need) == need) {
      pte |= vm::kPteAccessed | (write ? vm::kPteModified : 0);
      co_return;
    }
    const FaultResult result =
        co_await world_.vm().faults().Fault(area_.process->space, slot, write);
    const bool beyond = int64_t{page} * vm::kPageSize >= world_.file().size;
    if (result != FaultResult::kSuccess) {
      EXPECT_TRUE(faults_ || beyond || result == FaultResult::kOutOfBounds);
    }
  }

  sim::Task<void> Msync(sim::SplitMix64& random) {
    const vm::Vpage start = area_.start + random.Below(600);
    const vm::Vpage end = std::min<vm::Vpage>(area_.start + 600, start + 1 + random.Below(200));
    const bool sync = random.Below(3) != 0;
    const bool invalidate = random.Below(4) == 0;
    co_await world_.vm().sync().SyncMap(area_.process->space, start, end, sync, invalidate);
  }

  sim::SplitMix64 random_;
  DurabilityOracle oracle_;
  VfsTestWorld world_;
  bool faults_;
  vm::VmTestWorld::Area area_;
  OpenFile opens_[3];
};

int64_t CrashStory::safe = 0;
int64_t CrashStory::lost = 0;

// Instrumented code is an order slower.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kFewer = 8;
#else
constexpr int kFewer = 1;
#endif

struct Family {
  const char* name;
  int32_t block_bytes;
  PagerStyle style;
  PutStyle put_style;
  bool faults;
  int histories;
};

class CrashPropertyTest : public testing::TestWithParam<Family> {};

TEST_P(CrashPropertyTest, WhatWasPromisedIsThere) {
  const Family& family = GetParam();
  CrashStory::safe = CrashStory::lost = 0;
  const int histories = family.histories / kFewer;
  for (int i = 0; i < histories; ++i) {
    const uint64_t seed = sim::StreamSeed(static_cast<uint64_t>(i), family.name);
    SCOPED_TRACE(testing::Message() << family.name << " history " << i << " seed " << seed);
    CrashStory story({seed, family.block_bytes, family.style, family.put_style, family.faults});
    story.Crash();
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  // The histories are worth something: there was something to keep and something to lose.
  EXPECT_GT(CrashStory::safe, histories);
  EXPECT_GT(CrashStory::lost, histories);
}

constexpr Family kFamilies[] = {
    {"generic", 16 << 10, PagerStyle::kGeneric, PutStyle::kGeneric, false, 800},
    {"large_blocks", 64 << 10, PagerStyle::kGeneric, PutStyle::kGeneric, false, 400},
    {"page_blocks", 4 << 10, PagerStyle::kGeneric, PutStyle::kGeneric, false, 400},
    {"small_blocks", 1 << 10, PagerStyle::kGeneric, PutStyle::kGeneric, false, 300},
    {"buffers", 16 << 10, PagerStyle::kBuffer, PutStyle::kGeneric, false, 400},
    {"whole", 8 << 10, PagerStyle::kGeneric, PutStyle::kWhole, false, 300},
    {"failing", 16 << 10, PagerStyle::kGeneric, PutStyle::kGeneric, true, 600},
    {"failing_whole", 1 << 10, PagerStyle::kGeneric, PutStyle::kWhole, true, 300},
};

INSTANTIATE_TEST_SUITE_P(Families, CrashPropertyTest, testing::ValuesIn(kFamilies),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vmsim::vfs
