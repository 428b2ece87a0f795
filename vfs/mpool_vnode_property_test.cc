// Random histories of pools on a machine: a file on a disk, buffers in a process's memory, more of
// them than the machine has pages, the daemons at work.
//
// Whatever is paged out meanwhile, a page of the pool holds what a naive model says. At a random
// event power fails: what a sync that returned 0 has written is on the disk, or something later is.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/random.h"
#include "vfs/durability.h"
#include "vfs/mpool.h"
#include "vfs/mpool_file.h"
#include "vfs/mpool_memory.h"
#include "vfs/vfs_invariants.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

struct Family {
  const char* name;
  uint32_t pagesize;
  int64_t file_bytes;
  uint32_t maxcache;
  MpoolCompat compat;
  bool wire;
};

VfsTestWorld::Options OptionsOf(const Family& family) {
  VfsTestWorld::Options options;
  options.frames = 1000;
  options.file = {.bytes = family.file_bytes};
  options.vfs.filedelay_s = 1;
  options.daemons = true;
  return options;
}

class PoolStory {
 public:
  PoolStory(const Family& family, uint64_t seed)
      : family_(family),
        random_(seed),
        world_(OptionsOf(family)),
        words_(world_.vfs()),
        process_(world_.vm().CreateProcess("db", /*protect=*/true)),
        heap_(VmMpoolMemory::Heap(world_.vm(), process_)),
        file_(world_.vfs(), words_, family.pagesize, [this] { return &world_.open(); }),
        tags_(MpoolTagsPerPage(family.pagesize)) {
    world_.vfs().ops().set_durability_observer(&oracle_);
    process_.thread = world_.world().Start("db", Work());
  }

  ~PoolStory() { world_.engine().DestroyThreads(); }

  void RunAndCrash(uint64_t events) {
    for (uint64_t i = 0; i < events && world_.engine().Step(); ++i) {
      if (i % 256 != 0 || pool_ == nullptr) continue;
      ASSERT_TRUE(pool_->BrokenInvariants().empty()) << pool_->BrokenInvariants().front();
      const auto violation = CheckVfs(world_.vfs(), vm::CheckLevel::kFull);
      ASSERT_FALSE(violation.has_value()) << violation->ToString();
    }
    world_.world().CheckInvariants();
    world_.vfs().Crash(random_.Next());
    world_.StopChecking();
    const DurabilityReport report = oracle_.Check(world_.vfs());
    EXPECT_EQ(report.violations, 0) << report.first;
    CheckDisk();
  }

  int64_t swapped_in = 0;
  int64_t evict_swapins() const { return pool_->stats().evict_swapins; }
  int64_t syncs() const { return syncs_; }
  int64_t cachehits() const { return pool_->stats().cachehit; }

 private:
  // Of one sector. Words grow.
  struct Sector {
    MpoolTag word = kInitialTag;  // In the pool's page, or the file's if the pool has none.
    MpoolTag safe = kInitialTag;  // That a sync has promised.
  };

  sim::Task<void> Work() {
    MpoolOptions options{.compat = family_.compat, .strict = true, .wire_buffers = family_.wire};
    MpoolOpenResult opened = co_await Mpool::Open(world_.engine(), "", &file_, *heap_,
                                                  family_.pagesize, family_.maxcache, options);
    pool_ = std::move(opened.pool);
    sectors_.resize(static_cast<size_t>(pool_->stats().npages) * tags_);
    while (true) {
      const uint64_t what = random_.Below(1000);
      const auto pages = static_cast<uint64_t>(pool_->stats().npages);
      if (what < 2) {
        co_await Sync();
      } else if (what < 20) {
        co_await New();
      } else {
        // Half of the accesses go to a tenth of the pages.
        const uint64_t range = random_.Below(2) == 0 ? pages : pages / 10 + 1;
        co_await Access(static_cast<MpoolPgno>(random_.Below(range)));
      }
      EXPECT_TRUE(pool_->violations().empty());
    }
  }

  sim::Task<void> Access(MpoolPgno pgno) {
    const MpoolPageResult got = co_await pool_->Get(pgno);
    EXPECT_TRUE(got.page) << "page " << pgno << " error " << got.error;
    if (!got.page) co_return;
    const bool write = random_.Below(3) == 0;
    const MpoolTouch touch =
        co_await pool_->Touch(got.page, write ? MpoolAccess::kWrite : MpoolAccess::kRead);
    EXPECT_EQ(touch.error, 0);
    swapped_in += touch.swapped_in;
    for (uint32_t i = 0; i < tags_; ++i) {
      EXPECT_EQ(pool_->contents(got.page)[i], SectorOf(pgno, i).word)
          << "page " << pgno << " sector " << i << " at " << world_.engine().now();
    }
    if (write) Fill(got.page, pgno);
    co_await pool_->Put(got.page, write ? kMpoolDirty : 0);
  }

  sim::Task<void> New() {
    if (pool_->stats().npages * family_.pagesize > 3 * family_.file_bytes / 2) co_return;
    const MpoolPageResult made = co_await pool_->New();
    EXPECT_TRUE(made.page);
    sectors_.resize(sectors_.size() + tags_);
    for (uint32_t i = 0; i < tags_; ++i) SectorOf(made.pgno, i).safe = kZeroTag;
    Fill(made.page, made.pgno);
    co_await pool_->Put(made.page, kMpoolDirty);
  }

  sim::Task<void> Sync() {
    const MpoolStatus status = co_await pool_->Sync();
    EXPECT_EQ(status.result, 0) << status.error;
    ++syncs_;
    for (Sector& sector : sectors_) sector.safe = sector.word;
  }

  void Fill(MpoolPage page, MpoolPgno pgno) {
    for (uint32_t i = 0; i < tags_; ++i) {
      pool_->contents(page)[i] = SectorOf(pgno, i).word = next_word_++;
    }
  }
  Sector& SectorOf(MpoolPgno pgno, uint32_t i) { return sectors_[size_t{pgno} * tags_ + i]; }

  void CheckDisk() {
    const Vnode& vnode = world_.file();
    for (size_t i = 0; i < sectors_.size(); ++i) {
      const auto sector = static_cast<int64_t>(i);
      const MpoolTag word = words_.WordOf(sector, vnode.medium.Get(sector));
      EXPECT_GE(word, sectors_[i].safe) << "sector " << sector;
      EXPECT_LE(word, sectors_[i].word) << "sector " << sector;
      if (testing::Test::HasFailure()) return;
    }
  }

  const Family& family_;
  sim::SplitMix64 random_;
  DurabilityOracle oracle_;
  VfsTestWorld world_;
  MpoolWords words_;
  vm::Process& process_;
  std::unique_ptr<VmMpoolMemory> heap_;
  VnodeMpoolFile file_;
  const uint32_t tags_;
  std::unique_ptr<Mpool> pool_;
  std::vector<Sector> sectors_;
  MpoolTag next_word_ = 1'000'000'000;  // No store's tag is as large.
  int64_t syncs_ = 0;
};

class MpoolVnodePropertyTest : public testing::TestWithParam<Family> {};

TEST_P(MpoolVnodePropertyTest, HoldsWhatTheModelSaysAndKeepsWhatItPromised) {
  const Family& family = GetParam();
  int64_t swapped_in = 0, evict_swapins = 0, syncs = 0, hits = 0;
  for (int i = 0; i < 4; ++i) {
    const uint64_t seed = sim::StreamSeed(static_cast<uint64_t>(i), family.name);
    SCOPED_TRACE(testing::Message() << family.name << " history " << i << " seed " << seed);
    PoolStory story(family, seed);
    story.RunAndCrash(20000 + seed % 30000);
    swapped_in += story.swapped_in;
    evict_swapins += story.evict_swapins();
    syncs += story.syncs();
    hits += story.cachehits();
    if (HasFailure()) return;
  }
  // The histories are worth something.
  EXPECT_GT(syncs, 0);
  EXPECT_GT(hits, 0);
  if (family.maxcache > 1000 && !family.wire) {
    EXPECT_GT(swapped_in, 0);
  }
  if (family.maxcache == 1100) {
    EXPECT_GT(evict_swapins, 0);
  }
}

constexpr Family kFamilies[] = {
    {"larger_than_memory", 4096, 12 << 20, 1100, MpoolCompat::k85, false},
    {"all_of_the_file", 4096, 10 << 20, 4000, MpoolCompat::k87, false},
    {"small_pages", 512, 1 << 20, 300, MpoolCompat::k85, false},
    {"odd_pages", 1536, 2 << 20, 200, MpoolCompat::k87, true},
    {"large_pages", 65536, 8 << 20, 40, MpoolCompat::k85, false},
};
INSTANTIATE_TEST_SUITE_P(, MpoolVnodePropertyTest, testing::ValuesIn(kFamilies),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vmsim::vfs
