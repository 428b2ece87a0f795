// Pools over files of a file system: what moves, which copy is seen, which errors come.
#include "vfs/mpool_file.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "vfs/errno.h"
#include "vfs/mpool.h"
#include "vfs/mpool_memory.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

// The file has 20 pages of 4096 bytes and half of one.
VfsTestWorld::Options OptionsWith(std::vector<sim::DiskFaultRule> faults) {
  VfsTestWorld::Options options;
  options.file = {.bytes = 20 * 4096 + 2048};
  options.faults = std::move(faults);
  return options;
}

class MpoolFileStory {
 public:
  explicit MpoolFileStory(std::vector<sim::DiskFaultRule> faults = {})
      : world_(OptionsWith(std::move(faults))),
        words_(world_.vfs()),
        process_(world_.vm().CreateProcess("db", false)),
        heap_(VmMpoolMemory::Heap(world_.vm(), process_)) {}

  // Read-ahead goes on behind the calls.
  ~MpoolFileStory() { world_.Run(); }

  // A pool on the file; null with `error` if there is none.
  std::unique_ptr<Mpool> Open(uint32_t pagesize, MpoolOptions options = {}, uint32_t maxcache = 4) {
    files_.push_back(std::make_unique<VnodeMpoolFile>(
        world_.vfs(), words_, pagesize, [this] { return is_open_ ? &world_.open() : nullptr; }));
    MpoolOpenResult opened = world_.Do(
        Mpool::Open(world_.engine(), "", files_.back().get(), *heap_, pagesize, maxcache, options));
    error_ = opened.error;
    return std::move(opened.pool);
  }

  // What the page's first sector holds, or the error as a negative number.
  int64_t Get(Mpool& pool, MpoolPgno pgno) {
    const MpoolPageResult got = world_.Do(pool.Get(pgno));
    if (!got.page) return -got.error;
    const auto word = static_cast<int64_t>(pool.contents(got.page)[0]);
    world_.Do(pool.Put(got.page));
    return word;
  }
  // Fills the page with `word`, `word` + 1, ...
  int Set(Mpool& pool, MpoolPgno pgno, MpoolTag word) {
    const MpoolPageResult got = world_.Do(pool.Get(pgno));
    if (!got.page) return got.error;
    for (MpoolTag& tag : pool.contents(got.page)) tag = word++;
    return world_.Do(pool.Put(got.page, kMpoolDirty)).error;
  }
  int Sync(Mpool& pool) { return world_.Do(pool.Sync()).error; }

  VfsTestWorld& world() { return world_; }
  MpoolWords& words() { return words_; }
  int error() const { return error_; }
  void CloseDescriptor() { is_open_ = false; }

 private:
  VfsTestWorld world_;
  MpoolWords words_;
  vm::Process& process_;
  std::unique_ptr<VmMpoolMemory> heap_;
  std::vector<std::unique_ptr<VnodeMpoolFile>> files_;
  bool is_open_ = true;
  int error_ = 0;
};

sim::DiskFaultRule Fault(sim::DiskFaultKind kind, sim::DiskOp op) {
  sim::DiskFaultRule rule;
  rule.kind = kind;
  rule.ops = sim::OpBit(op);
  rule.probability_ppm = 1'000'000;
  return rule;
}

constexpr MpoolOptions k87 = {.compat = MpoolCompat::k87};

TEST(MpoolFileTest, OpenCountsWholePages) {
  MpoolFileStory story;
  EXPECT_EQ(story.Open(4096)->stats().npages, 20);
  EXPECT_EQ(story.Open(512)->stats().npages, 164);
  EXPECT_EQ(story.Open(1536)->stats().npages, 54);
  EXPECT_EQ(story.world().reads(), 0);
}

TEST(MpoolFileTest, OpenRefuses) {
  MpoolFileStory story;
  for (const uint32_t pagesize : {0u, 1u, 256u, 511u, 513u, 700u, 4097u}) {
    EXPECT_EQ(story.Open(pagesize), nullptr);
    EXPECT_EQ(story.error(), kEinval) << pagesize;
  }
  story.CloseDescriptor();
  EXPECT_EQ(story.Open(4096), nullptr);
  EXPECT_EQ(story.error(), kEbadf);
}

TEST(MpoolFileTest, AStreamHasNoPages) {
  MpoolFileStory story;
  StreamMpoolFile stream(story.world().engine(), 500);
  vm::Process& process = story.world().vm().CreateProcess("q", false);
  const auto heap = VmMpoolMemory::Heap(story.world().vm(), process);
  const MpoolOpenResult opened = story.world().Do(
      Mpool::Open(story.world().engine(), "", &stream, *heap, 4096, 4, MpoolOptions{}));
  EXPECT_EQ(opened.pool, nullptr);
  EXPECT_EQ(opened.error, kEspipe);
  MpoolTag tags[8];
  EXPECT_EQ(story.world().Do(stream.Read(0, 4096, tags)).error, kEspipe);
  EXPECT_EQ(story.world().Do(stream.Write(0, 4096, tags)).error, kEspipe);
  EXPECT_EQ(story.world().Do(stream.Fsync()), kEinval);
}

TEST(MpoolFileTest, CallsAfterTheDescriptorIsClosedFail) {
  MpoolFileStory story;
  const auto pool = story.Open(4096);
  EXPECT_EQ(story.Set(*pool, 3, 100), 0);
  story.CloseDescriptor();
  EXPECT_EQ(story.Get(*pool, 3), 100);  // It is in the pool.
  EXPECT_EQ(story.Get(*pool, 4), -kEbadf);
  EXPECT_EQ(story.Sync(*pool), kEbadf);
  EXPECT_TRUE(pool->BrokenInvariants().empty());
}

TEST(MpoolFileTest, ReadsReturnWhatWasWritten) {
  MpoolFileStory story;
  const auto pool = story.Open(4096);
  EXPECT_EQ(story.Get(*pool, 7), static_cast<int64_t>(kInitialTag));
  EXPECT_EQ(story.Set(*pool, 7, 1000), 0);
  EXPECT_EQ(story.Sync(*pool), 0);
  // Out of the pool, and back in.
  for (const MpoolPgno pgno : {0, 1, 2, 3}) story.Get(*pool, pgno);
  EXPECT_EQ(story.Get(*pool, 7), 1000);
  // Not one store's tag but the words, sector by sector.
  const MpoolPageResult got = story.world().Do(pool->Get(7));
  for (uint32_t i = 0; i < 8; ++i) EXPECT_EQ(pool->contents(got.page)[i], 1000 + i);
  // Everybody else knows the store by its tag, in memory and on the disk.
  EXPECT_EQ(story.world().Memory(56, 8), "3 3 3 3 3 3 3 3");
  EXPECT_EQ(story.world().Medium(56, 8), "3 3 3 3 3 3 3 3");
}

TEST(MpoolFileTest, AWriteBehindThePoolsBackShowsWhenThePageIsReadAgain) {
  MpoolFileStory story;
  VfsTestWorld& world = story.world();
  const auto pool = story.Open(4096, {}, 1);
  EXPECT_EQ(story.Set(*pool, 7, 1000), 0);
  EXPECT_EQ(story.Sync(*pool), 0);
  world.Do(world.vfs().ops().Write(world.open(), 7 * 4096, 512));
  EXPECT_EQ(story.Get(*pool, 7), 1000);  // The pool's copy is another one.
  story.Get(*pool, 8);
  const MpoolPageResult got = world.Do(pool->Get(7));
  EXPECT_EQ(pool->contents(got.page)[0], world.file().memory.Get(56));
  EXPECT_EQ(pool->contents(got.page)[1], 1001u);
}

TEST(MpoolFileTest, TwoPoolsOnOneFileMeetInTheFile) {
  MpoolFileStory story;
  const auto a = story.Open(4096, {}, 1);
  const auto b = story.Open(2048, {}, 1);
  EXPECT_EQ(story.Set(*a, 5, 50), 0);
  EXPECT_EQ(story.Get(*b, 10), static_cast<int64_t>(kInitialTag));  // It is not written yet.
  EXPECT_EQ(story.Get(*a, 6), static_cast<int64_t>(kInitialTag));   // Now it is.
  EXPECT_EQ(story.Get(*b, 11), 54);
  EXPECT_EQ(story.Get(*b, 10), 50);
  EXPECT_EQ(story.Set(*b, 11, 70), 0);
  EXPECT_EQ(story.Sync(*b), 0);
  EXPECT_EQ(story.Get(*a, 5), 50);
}

TEST(MpoolFileTest, TheEndOfTheFile) {
  for (const MpoolCompat compat : {MpoolCompat::k85, MpoolCompat::k87}) {
    MpoolFileStory story;
    const auto pool = story.Open(4096, {.compat = compat});
    const bool is_87 = compat == MpoolCompat::k87;
    EXPECT_EQ(story.Get(*pool, 20), -kEinval);              // A part of a page.
    EXPECT_EQ(story.Get(*pool, 21), is_87 ? 0 : -kEinval);  // Behind the end: zeros.
    EXPECT_EQ(story.Get(*pool, UINT32_MAX), is_87 ? 0 : -kEinval);
    // Made smaller behind the pool's back.
    story.world().Do(story.world().vfs().ops().Truncate(story.world().open(), 10 * 4096 + 100));
    EXPECT_EQ(story.Get(*pool, 10), is_87 ? -kEinval : -kEftype);
    EXPECT_EQ(story.Get(*pool, 12), is_87 ? 0 : -kEftype);
  }
}

TEST(MpoolFileTest, NewPagesExtendTheFileWithAHole) {
  MpoolFileStory story;
  const auto pool = story.Open(4096, k87);
  MpoolPageResult made;
  for (int i = 0; i < 3; ++i) {
    made = story.world().Do(pool->New());
    story.world().Do(pool->Put(made.page, i == 2 ? kMpoolDirty : 0));
  }
  EXPECT_EQ(made.pgno, 22u);
  EXPECT_EQ(story.Sync(*pool), 0);
  EXPECT_EQ(story.world().file().size, 23 * 4096);
  for (const MpoolPgno pgno : {0, 1, 2, 3}) story.Get(*pool, pgno);
  EXPECT_EQ(story.Get(*pool, 21), 0);
  EXPECT_EQ(story.Get(*pool, 22), static_cast<int64_t>(kMpoolUndefinedTag));
}

TEST(MpoolFileTest, PagesBehindTheLargestFile) {
  MpoolFileStory story;
  const auto pool = story.Open(8192, {.compat = MpoolCompat::k87}, 1);
  const MpoolPageResult made =
      story.world().Do(pool->New(kMpoolPageRequest, UINT32_MAX));  // 2^45 - 8192.
  story.world().Do(pool->Put(made.page, kMpoolDirty));
  EXPECT_EQ(story.Sync(*pool), kEfbig);
  EXPECT_EQ(story.Get(*pool, 0), -kEfbig);  // It stays dirty, and the oldest.
}

struct DiskStory {
  const char* name;
  sim::DiskFaultKind kind;
  sim::DiskOp op;
  int error;
};
class MpoolFileDiskTest : public testing::TestWithParam<DiskStory> {};

TEST_P(MpoolFileDiskTest, TheDisksErrorIsTheCalls) {
  MpoolFileStory story({Fault(GetParam().kind, GetParam().op)});
  const auto pool = story.Open(4096, k87);
  if (GetParam().op == sim::DiskOp::kRead) {
    EXPECT_EQ(story.Get(*pool, 3), -GetParam().error);
    EXPECT_EQ(pool->stats().curcache, 0);
  } else {
    const MpoolPageResult made = story.world().Do(pool->New());
    story.world().Do(pool->Put(made.page, kMpoolDirty));
    EXPECT_EQ(story.Sync(*pool), GetParam().error);
  }
  EXPECT_TRUE(pool->BrokenInvariants().empty());
}

constexpr DiskStory kDiskStories[] = {
    {"ReadEio", sim::DiskFaultKind::kEio, sim::DiskOp::kRead, kEio},
    {"ReadGone", sim::DiskFaultKind::kGone, sim::DiskOp::kRead, kEnxio},
    {"WriteEio", sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, kEio},
};
INSTANTIATE_TEST_SUITE_P(, MpoolFileDiskTest, testing::ValuesIn(kDiskStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(MpoolFileTest, AnAppendingDescriptorWritesAtTheEnd) {
  MpoolFileStory story;
  const auto pool = story.Open(4096, {}, 1);
  story.world().open().append = true;
  EXPECT_EQ(story.Set(*pool, 0, 900), 0);
  EXPECT_EQ(story.Sync(*pool), 0);
  EXPECT_EQ(story.world().file().size, 20 * 4096 + 2048 + 4096);
  EXPECT_EQ(story.Get(*pool, 1), static_cast<int64_t>(kInitialTag));
  EXPECT_EQ(story.Get(*pool, 0), static_cast<int64_t>(kInitialTag));  // There nothing was written.
  const auto wide = story.Open(512);
  EXPECT_EQ(story.Get(*wide, 164), 900);
  EXPECT_EQ(story.Get(*wide, 171), 907);
}

// --- What it costs, and that it is there twice ---

TEST(MpoolFileTest, AHitOfThePoolAHitOfTheFilesPagesAndADiskReadAreThree) {
  MpoolFileStory story;
  VfsTestWorld& world = story.world();
  const auto pool = story.Open(4096, {}, 1);
  const auto cost = [&](MpoolPgno pgno) {
    const sim::SimTime start = world.engine().now();
    story.Get(*pool, pgno);
    return world.engine().now() - start;
  };
  const sim::SimDuration disk = cost(0);
  cost(1);
  const sim::SimDuration pages = cost(0);
  const sim::SimDuration hit = cost(0);
  EXPECT_GE(disk, vm::kDiskNs);
  EXPECT_LT(pages, vm::kDiskNs);
  EXPECT_GT(pages, world.vm().config().costs.page_copy_ns);
  EXPECT_EQ(hit, 0);
  EXPECT_EQ(pool->stats().cachehit, 1);
}

TEST(MpoolFileTest, APageOfThePoolIsResidentTwice) {
  MpoolFileStory story;
  VfsTestWorld& world = story.world();
  const auto pool = story.Open(4096, {}, 16);
  const uint32_t free_before = world.vm().domain().free_count();
  story.Get(*pool, 0);
  const auto file_pages = static_cast<int64_t>(world.file().object->resident_page_count);
  const int64_t used = free_before - world.vm().domain().free_count();
  EXPECT_GE(file_pages, 4);  // A block.
  EXPECT_EQ(used, file_pages + 1);
  for (const MpoolPgno pgno : {1, 2, 3}) story.Get(*pool, pgno);
  EXPECT_EQ(free_before - world.vm().domain().free_count(),
            static_cast<int64_t>(world.file().object->resident_page_count) + 4);
}

// --- Words ---

TEST(MpoolWordsTest, StoresThatNothingHoldsAreForgotten) {
  MpoolFileStory story;
  const auto pool = story.Open(512, {}, 1);
  MpoolTag word = 10'000;
  for (int round = 0; round < 100; ++round) {
    for (MpoolPgno pgno = 0; pgno < 100; ++pgno) {
      ASSERT_EQ(story.Set(*pool, pgno, word + pgno), 0);
    }
    ASSERT_EQ(story.Sync(*pool), 0);
    for (MpoolPgno pgno = 0; pgno < 100; ++pgno) {
      ASSERT_EQ(story.Get(*pool, pgno), static_cast<int64_t>(word + pgno));
    }
    word += 1000;
  }
  // 10000 stores were made; 100 are held.
  EXPECT_LT(story.words().size(), 3000u);
  EXPECT_GE(story.words().size(), 100u);
}

}  // namespace
}  // namespace vmsim::vfs
