// Which blocks share a transfer.
#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "vfs/buf.h"
#include "vfs/buf_story.h"

namespace vmsim::vfs {
namespace {

constexpr int64_t kMiB = 1 << 20;  // 64 blocks.

// --- Reads: from a block on, as far as they go.

// Leaves of a block's four pages only the one in memory.
void LeavePage(BufStory& s, Lblkno lblkno, int page) {
  s.Load({lblkno});
  s.Disk();
  for (int i = 0; i < 4; ++i) {
    if (i != page) s.w.world().Evict(*s.vnode().object, static_cast<vm::Pindex>(lblkno * 4 + i));
  }
}

struct ReadCase {
  const char* name;
  FileLayout layout;
  void (*before)(BufStory&);
  Lblkno first;
  int count;
  const char* ahead;  // What ReadAhead asks the disk for,
  int started;        // and returns.
  const char* bread;  // What Bread does; null: it may not be called.
};

void Nothing(BufStory&) {}

const ReadCase kReadCases[] = {
    {"AsManyAsAreAskedFor", {.bytes = kMiB}, Nothing, 3, 5, "R3+5", 5, "R3+5"},
    {"One", {.bytes = kMiB}, Nothing, 3, 1, "R3+1", 1, "R3+1"},
    {"AllOfTheFile", {.bytes = kMiB}, Nothing, 0, 64, "R0+64", 64, "R0+64"},
    {"NotBehindTheEnd", {.bytes = kMiB}, Nothing, 62, 8, "R62+2", 2, "R62+2"},
    {"TheEndInTheMiddleOfABlock",
     {.bytes = 10 * kBlock + 700},
     Nothing,
     8,
     8,
     "R8+2.2",
     3,
     "R8+2.2"},
    {"FromBehindTheEnd", {.bytes = kMiB}, Nothing, 64, 8, "", 0, nullptr},
    // On the disk: 0 to 3, 6 to 9, 12 to 15, ...
    {"AsLongAsTheyAreInARow",
     {.bytes = kMiB, .fragment_blocks = 4, .gap_blocks = 2},
     Nothing,
     2,
     8,
     "R2+2",
     2,
     "R2+2"},
    {"FromTheStartOfAFragment",
     {.bytes = kMiB, .fragment_blocks = 4, .gap_blocks = 2},
     Nothing,
     4,
     8,
     "R6+4",
     4,
     "R6+4"},
    {"FragmentsThatMeet", {.bytes = kMiB, .fragment_blocks = 4}, Nothing, 2, 8, "R2+8", 8, "R2+8"},
    // Blocks 4 and 5, 10 and 11, ... are not on the disk.
    {"UpToAHole",
     {.bytes = kMiB, .fragment_blocks = 2, .hole_every = 3},
     Nothing,
     2,
     8,
     "R2+2",
     2,
     "R2+2"},
    {"InAHole", {.bytes = kMiB, .fragment_blocks = 2, .hole_every = 3}, Nothing, 4, 8, "", 0, ""},
    {"BehindAHole",
     {.bytes = kMiB, .fragment_blocks = 2, .hole_every = 3},
     Nothing,
     6,
     8,
     "R4+4",
     4,
     "R4+4"},
    {"UpToOneInMemory", {.bytes = kMiB}, [](BufStory& s) { s.Load({5}); }, 3, 5, "R3+2", 2, "R3+2"},
    {"TheFirstInMemory", {.bytes = kMiB}, [](BufStory& s) { s.Load({3}); }, 3, 5, "", 0, ""},
    {"UpToOneInUse", {.bytes = kMiB}, [](BufStory& s) { s.Get(5); }, 3, 5, "R3+2", 2, "R3+2"},
    {"UpToADirtyOne", {.bytes = kMiB}, [](BufStory& s) { s.Dirty({5}); }, 3, 5, "R3+2", 2, "R3+2"},
    {"UpToOneBeingRead",
     {.bytes = kMiB},
     [](BufStory& s) { s.bufs().ReadAhead(s.vnode(), 5, 1), s.Disk(); },
     3,
     5,
     "R3+2",
     2,
     "R3+2"},
    {"UpToOneThatIsInMemoryInPart",
     {.bytes = kMiB},
     [](BufStory& s) { LeavePage(s, 5, 2); },
     3,
     5,
     "R3+2",
     2,
     "R3+2"},
    {"TheFirstInMemoryInPart",
     {.bytes = kMiB},
     [](BufStory& s) { LeavePage(s, 3, 2); },
     3,
     5,
     "R3+5",
     5,
     "R3+5"},
    {"UpToOneWithABusyPage",
     {.bytes = kMiB},
     [](BufStory& s) {
       ASSERT_NE(s.w.vm().allocator().Alloc(*s.vnode().object, 21, vm::AllocClass::kNormal),
                 vm::kNoFrame);
       s.w.StopChecking();  // Nobody will ever fill it.
     },
     3,
     5,
     "R3+2",
     2,
     "R3+2"},
};

void PrintTo(const ReadCase& row, std::ostream* out) { *out << row.name; }

class ReadClusterTest : public testing::TestWithParam<ReadCase> {};

TEST_P(ReadClusterTest, ReadsAhead) {
  const ReadCase& row = GetParam();
  BufStory s(WithFile(row.layout));
  row.before(s);
  s.Disk();
  const std::string before = s.Bufs();
  const int64_t bytes = s.stats().buf_read_bytes;
  const int64_t reads = s.stats().buf_reads;
  EXPECT_EQ(s.bufs().ReadAhead(s.vnode(), row.first, row.count), row.started);
  EXPECT_EQ(s.Disk(), row.ahead);
  EXPECT_EQ(s.stats().buf_reads - reads, row.started > 0 ? 1 : 0);
  int64_t expected = 0;
  for (Lblkno lblkno = row.first; lblkno < row.first + row.started; ++lblkno) {
    expected += s.vnode().BufBytes(lblkno);
    EXPECT_TRUE(s.bufs()[s.vnode().bufs.at(lblkno)].locked);
  }
  EXPECT_EQ(s.stats().buf_read_bytes - bytes, expected);
  s.w.engine().Run();
  // Nobody owns any of them when they are there.
  for (Lblkno lblkno = row.first; lblkno < row.first + row.started; ++lblkno) {
    EXPECT_TRUE(s.bufs().Resident(s.vnode(), lblkno)) << lblkno;
  }
  if (row.started > 0 && before.find('L') == std::string::npos) {
    EXPECT_EQ(s.Bufs(), before);
  }
}

TEST_P(ReadClusterTest, ReadsForSomebodyWhoWaits) {
  const ReadCase& row = GetParam();
  if (row.bread == nullptr) return;
  BufStory s(WithFile(row.layout));
  row.before(s);
  s.Disk();
  s.Begin("a", s.bufs().Bread(s.vnode(), row.first, row.count));
  s.w.engine().Run();
  EXPECT_EQ(s.Log().substr(0, 2), "a@");
  EXPECT_EQ(s.Disk(), row.bread);
  // Of the cluster the first is its own, and nobody has the others.
  EXPECT_TRUE(s.bufs()[s.got("a")].locked);
  EXPECT_EQ(s.bufs()[s.got("a")].lblkno, row.first);
  for (Lblkno lblkno = row.first; lblkno < row.first + row.started; ++lblkno) {
    EXPECT_TRUE(s.bufs().Resident(s.vnode(), lblkno)) << lblkno;
    EXPECT_EQ(s.vnode().bufs.count(lblkno), lblkno == row.first ? 1u : 0u) << lblkno;
  }
  s.bufs().Brelse(s.got("a"));
}

INSTANTIATE_TEST_SUITE_P(, ReadClusterTest, testing::ValuesIn(kReadCases),
                         [](const auto& info) { return info.param.name; });

// Only what is missing is filled: the page that was there may be newer than the disk.
TEST(ReadClusterPageTest, WhatIsValidStays) {
  BufStory s;
  LeavePage(s, 3, 2);
  const vm::FrameIndex frame = s.vnode().object->Lookup(14);
  s.Begin("a", s.bufs().Bread(s.vnode(), 3));
  s.To(s.us() + 50);
  EXPECT_EQ(s.w.Picture(12, 4), "SSNS");
  s.w.Run();
  EXPECT_EQ(s.vnode().object->Lookup(14), frame);
  EXPECT_EQ(s.Disk(), "R3+1");
  s.bufs().Brelse(s.got("a"));
}

// --- Writes: a dirty buffer and its dirty neighbours, of at most 128 KiB: 8 blocks.

struct WriteCase {
  const char* name;
  int32_t iosize_max;
  FileLayout layout;
  std::vector<Lblkno> dirty;
  std::vector<Lblkno> owned;
  Lblkno at;
  const char* disk;
  int written;
  const char* left;
};

std::vector<Lblkno> UpTo(Lblkno end) {
  std::vector<Lblkno> blocks;
  for (Lblkno lblkno = 0; lblkno < end; ++lblkno) blocks.push_back(lblkno);
  return blocks;
}

constexpr int32_t k128K = 128 << 10;

const WriteCase kWriteCases[] = {
    {"Alone", k128K, {.bytes = kMiB}, {3}, {}, 3, "W3+1", 1, ""},
    {"BothNeighbours", k128K, {.bytes = kMiB}, {4, 2, 3}, {}, 3, "W2+3", 3, ""},
    {"NotBeyondAGap", k128K, {.bytes = kMiB}, {1, 3, 4, 6}, {}, 3, "W3+2", 2, "1D 6D"},
    {"FromTheFirstBlock", k128K, {.bytes = kMiB}, {0, 1}, {}, 0, "W0+2", 2, ""},
    {"BackToTheFirstBlock", k128K, {.bytes = kMiB}, {0, 1}, {}, 1, "W0+2", 2, ""},
    // Those behind it come first.
    {"NotMoreThanATransfer", k128K, {.bytes = kMiB}, UpTo(13), {}, 4, "W4+8", 8, "0D 1D 2D 3D 12D"},
    {"TheRestFromBefore", k128K, {.bytes = kMiB}, UpTo(10), {}, 6, "W2+8", 8, "0D 1D"},
    {"TheLargestTransferIsABlock", 16 << 10, {.bytes = kMiB}, {2, 3, 4}, {}, 3, "W3+1", 1, "2D 4D"},
    {"TheLargestTransferIsNoWholeBlocks",
     40 << 10,
     {.bytes = kMiB},
     {2, 3, 4},
     {},
     3,
     "W3+2",
     2,
     "2D"},
    {"NotOneInUseBehind", k128K, {.bytes = kMiB}, {2, 3, 4, 5}, {4}, 3, "W2+2", 2, "4DL 5D"},
    {"NotOneInUseBefore", k128K, {.bytes = kMiB}, {2, 3, 4, 5}, {3}, 4, "W4+2", 2, "2D 3DL"},
    {"NotACleanOneInUse", k128K, {.bytes = kMiB}, {2, 3}, {4}, 3, "W2+2", 2, "4L"},
    {"InUseItself", k128K, {.bytes = kMiB}, {2, 3, 4}, {3}, 3, "", 0, "2D 3DL 4D"},
    {"CleanItself", k128K, {.bytes = kMiB}, {2, 4}, {3}, 3, "", 0, "2D 3L 4D"},
    {"NotThere", k128K, {.bytes = kMiB}, {2, 4}, {}, 3, "", 0, "2D 4D"},
    // On the disk: 0 to 3, 6 to 9, ...
    {"UpToTheEndOfAFragment",
     k128K,
     {.bytes = kMiB, .fragment_blocks = 4, .gap_blocks = 2},
     {2, 3, 4, 5},
     {},
     3,
     "W2+2",
     2,
     "4D 5D"},
    {"BackToTheStartOfAFragment",
     k128K,
     {.bytes = kMiB, .fragment_blocks = 4, .gap_blocks = 2},
     {2, 3, 4, 5},
     {},
     5,
     "W6+2",
     2,
     "2D 3D"},
    {"TheEndInTheMiddleOfABlock",
     k128K,
     {.bytes = 10 * kBlock + 700},
     {9, 10},
     {},
     9,
     "W9+1.2",
     2,
     ""},
    {"FromTheEndInTheMiddleOfABlock",
     k128K,
     {.bytes = 10 * kBlock + 700},
     {9, 10},
     {},
     10,
     "W9+1.2",
     2,
     ""},
};

void PrintTo(const WriteCase& row, std::ostream* out) { *out << row.name; }

class WriteClusterTest : public testing::TestWithParam<WriteCase> {};

TEST_P(WriteClusterTest, TakesNeighboursAlong) {
  const WriteCase& row = GetParam();
  VfsTestWorld::Options options = WithFile(row.layout);
  options.mount.iosize_max = row.iosize_max;
  BufStory s(options);
  for (const Lblkno lblkno : row.dirty) s.Dirty({lblkno});
  std::vector<BufIndex> owned;
  for (const Lblkno lblkno : row.owned) owned.push_back(s.Get(lblkno));
  const auto dirty = static_cast<int>(row.dirty.size());
  EXPECT_EQ(s.stats().numdirtybuffers, dirty);
  EXPECT_EQ(s.w.Do(s.bufs().WriteCluster(s.vnode(), row.at)), row.written);
  EXPECT_EQ(s.Disk(), row.disk);
  EXPECT_EQ(s.vnode().writes_in_flight, row.written);
  EXPECT_EQ(s.stats().buf_writes, row.written > 0 ? 1 : 0);
  // They do not count as dirty from here on.
  EXPECT_EQ(s.stats().numdirtybuffers, dirty - row.written);
  s.w.Run();
  EXPECT_EQ(s.Bufs(), row.left);
  EXPECT_EQ(s.vnode().writes_in_flight, 0);
  for (const Lblkno lblkno : row.dirty) {
    const bool written = s.vnode().bufs.find(lblkno) == s.vnode().bufs.end();
    EXPECT_EQ(s.vnode().medium.Get(lblkno * 32) >= kFirstTag, written) << lblkno;
  }
  for (const BufIndex buf : owned) s.bufs().Brelse(buf);
}

INSTANTIATE_TEST_SUITE_P(, WriteClusterTest, testing::ValuesIn(kWriteCases),
                         [](const auto& info) { return info.param.name; });

TEST(WriteClusterStoryTest, OneThatIsBeingWrittenIsNotTakenAlong) {
  BufStory s;
  s.Dirty({2, 3, 4});
  EXPECT_EQ(s.w.Do(s.bufs().WriteCluster(s.vnode(), 3)), 3);
  s.Dirty({1, 5});
  EXPECT_EQ(s.w.Do(s.bufs().WriteCluster(s.vnode(), 1)), 1);
  EXPECT_EQ(s.Bufs(), "1LW 2LW 3LW 4LW 5D");
  EXPECT_EQ(s.Disk(), "W2+3 W1+1");
  s.w.Run();
  EXPECT_EQ(s.Bufs(), "5D");
}

// Block 3 was the last one, of two sectors, when it became dirty. The file has grown since, but the
// rest of the block is on the disk as it should be: nothing can follow it in a transfer.
TEST(WriteClusterStoryTest, NothingFollowsABlockThatTheFileHasGrownIn) {
  BufStory s(WithFile({.bytes = 3 * kBlock + 1024}));
  s.Dirty({2, 3});
  FileOps& ops = s.w.vfs().ops();
  EXPECT_EQ(s.w.Do(ops.Truncate(s.w.open(), 4 * kBlock)), 0);
  EXPECT_EQ(s.w.Do(ops.Write(s.w.open(), 4 * kBlock, kBlock)).bytes, kBlock);
  EXPECT_EQ(s.Bufs(), "2D 3D 4D");
  EXPECT_EQ(s.vnode().map.Bmap(4).sector, 4 * 32);
  EXPECT_EQ(s.w.Do(s.bufs().WriteCluster(s.vnode(), 4)), 1);
  EXPECT_EQ(s.w.Do(s.bufs().WriteCluster(s.vnode(), 2)), 2);
  EXPECT_EQ(s.Disk(), "W4+1 W2+1.2");
  s.w.Run();
  EXPECT_EQ(s.w.Medium(63, 5), "1 3 3 3 3");
  EXPECT_EQ(s.w.Medium(95, 4), "3 4 4 0");
}

// A transfer that comes short has done the first buffers. A disk that says so gives the error to
// the others alone.
TEST(WriteClusterStoryTest, AShortWriteIsAnErrorOfThoseThatItDidNotReach) {
  sim::DiskFaultRule rule = Fault(sim::DiskFaultKind::kShort, sim::DiskOp::kWrite, 1);
  rule.prefix_sectors = 40;
  BufStory s(WithFault(rule));
  s.Dirty({2, 3, 4});
  s.w.Do(s.bufs().WriteCluster(s.vnode(), 2));
  s.w.engine().Run();
  EXPECT_EQ(s.Bufs(), "3D 4D");
  EXPECT_EQ(s.stats().buf_write_errors, 2);
  EXPECT_EQ(s.w.Medium(64, 1), "3");
  EXPECT_EQ(s.w.Medium(103, 2), "4 1");
  EXPECT_EQ(s.w.Do(s.bufs().SyncVnode(s.vnode(), /*wait=*/true)), 0);
  EXPECT_EQ(s.w.Medium(103, 2), "4 4");
}

TEST(WriteClusterStoryTest, AnErrorIsAnErrorOfAll) {
  BufStory s(WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 1)));
  s.Dirty({4, 3, 2});
  s.w.Do(s.bufs().WriteCluster(s.vnode(), 3));
  EXPECT_EQ(s.Queue(), "");
  s.w.Run();
  EXPECT_EQ(s.Bufs(), "2D 3D 4D");
  EXPECT_EQ(s.Queue(), "2 3 4");  // Dirty again, as they stood in the transfer.
  EXPECT_EQ(s.stats().buf_write_errors, 3);
}

}  // namespace
}  // namespace vmsim::vfs
