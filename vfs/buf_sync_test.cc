// Dirty buffers that must go to the disk, or must not: writes that fail, fsync of a file and of a
// part of one, truncation, the end of a file.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "vfs/buf.h"
#include "vfs/buf_story.h"
#include "vfs/errno.h"

namespace vmsim::vfs {
namespace {

// --- Writes that fail.

// Block 3 is written until that succeeds or there is nothing left to write.
TEST(FailedWriteTest, IsTriedAgainAndGivenUpInTheEnd) {
  const struct {
    const char* name;
    sim::DiskFaultKind kind;
    int64_t limit;  // So many requests fail.
    const char* results;
    int64_t errors, giveups;
    int lost;  // What the file will be told.
    const char* memory;
    const char* medium;
    const char* told;
  } rows[] = {
      {"Once", sim::DiskFaultKind::kEio, 1, "5 0", 1, 0, 0, "1 3 3", "1 3 3", ""},
      {"FifteenTimes", sim::DiskFaultKind::kEio, 15, "5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 0", 15, 0, 0,
       "1 3 3", "1 3 3", ""},
      {"SixteenTimes", sim::DiskFaultKind::kEio, 16, "5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5", 16, 1, kEio,
       "1 1 1", "1 1 1", "lost 96+32"},
      {"NoMemory", sim::DiskFaultKind::kNoMemory, 2, "12 12 0", 2, 0, 0, "1 3 3", "1 3 3", ""},
      {"TheDeviceIsGone", sim::DiskFaultKind::kGone, 1, "6", 1, 1, kEnxio, "1 1 1", "1 1 1",
       "lost 96+32"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    VfsTestWorld::Options options = WithFault(Fault(row.kind, sim::DiskOp::kWrite, 0));
    options.faults[0].limit = row.limit;
    BufStory s(options);
    s.Dirty({3});
    std::string results;
    while (s.vnode().dirty_bufs > 0) {
      absl::StrAppend(&results, results.empty() ? "" : " ", s.w.Do(s.bufs().Bwrite(s.Get(3))));
      EXPECT_EQ(s.Bufs(), s.vnode().dirty_bufs > 0 ? "3D" : "");  // Nobody owns it.
    }
    EXPECT_EQ(results, row.results);
    EXPECT_EQ(s.stats().buf_write_errors, row.errors);
    EXPECT_EQ(s.stats().buf_write_giveups, row.giveups);
    EXPECT_EQ(s.vnode().write_error, row.lost);
    EXPECT_EQ(s.w.Memory(95, 3), row.memory);
    EXPECT_EQ(s.w.Medium(95, 3), row.medium);
    EXPECT_EQ(s.witness.Take(), row.told);
    EXPECT_EQ(s.stats().numdirtybuffers, 0);
    EXPECT_EQ(s.w.Picture(12, 4), "IIII");
    // Told once.
    EXPECT_EQ(s.w.Do(s.w.vfs().ops().Fsync(s.w.open())), row.lost);
    EXPECT_EQ(s.w.Do(s.w.vfs().ops().Fsync(s.w.open())), 0);
  }
}

TEST(FailedWriteTest, TriesAreThoseInARow) {
  VfsTestWorld::Options options;
  sim::DiskFaultRule rule = Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 0);
  rule.until = 1600 * sim::kMicrosecond;
  options.faults.push_back(rule);
  rule.from = 2000 * sim::kMicrosecond;
  rule.until = 3500 * sim::kMicrosecond;
  options.faults.push_back(rule);
  BufStory s(options);
  // 15 tries, then one that succeeds at 1600; 15 more, and one that succeeds at 3500.
  s.To(100);
  s.Dirty({3});
  for (int i = 0; i < 15; ++i) EXPECT_EQ(s.w.Do(s.bufs().Bwrite(s.Get(3))), kEio);
  EXPECT_EQ(s.us(), 1600);
  s.w.Do(s.bufs().Bwrite(s.Get(3)));
  s.To(2000);
  s.Dirty({3});
  for (int i = 0; i < 15; ++i) EXPECT_EQ(s.w.Do(s.bufs().Bwrite(s.Get(3))), kEio);
  EXPECT_EQ(s.w.Do(s.bufs().Bwrite(s.Get(3))), 0);
  EXPECT_EQ(s.stats().buf_write_giveups, 0);
  EXPECT_EQ(s.w.Medium(96, 1), "4");
}

// Nobody waits: it is dirty again, younger than all others, and whoever comes next tries again.
TEST(FailedWriteTest, WithoutAnybodyWhoWaitsItIsDirtyAgain) {
  BufStory s(WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 1)));
  s.Dirty({3, 7, 1});
  s.Begin("a", s.bufs().Bawrite(s.Get(3)));
  s.Begin("b", s.bufs().GetBlk(s.vnode(), 3));
  s.To(50);
  EXPECT_EQ(s.Bufs(), "1D 3LW 7D");
  EXPECT_EQ(s.Queue(), "7 1");
  s.To(150);
  EXPECT_EQ(s.Log(), "a@0 b@100");
  EXPECT_EQ(s.Bufs(), "1D 3DL 7D");
  EXPECT_EQ(s.Queue(), "7 1 3");
  EXPECT_EQ(s.bufs()[s.got("b")].dirtied, 100 * sim::kMicrosecond);
  EXPECT_EQ(s.w.Picture(12, 4), "NNNN");
  EXPECT_EQ(s.w.Memory(96, 1), "3");
  s.bufs().Brelse(s.got("b"));
  EXPECT_EQ(s.w.Do(s.bufs().SyncVnode(s.vnode(), /*wait=*/true)), 0);
  EXPECT_EQ(s.w.Medium(96, 1), "3");
}

// What a disk conceals nobody notices: there is no error to try again after.
TEST(FailedWriteTest, ATornWriteIsASuccess) {
  sim::DiskFaultRule rule = Fault(sim::DiskFaultKind::kTorn, sim::DiskOp::kWrite, 1);
  rule.prefix_sectors = 5;
  BufStory s(WithFault(rule));
  s.Dirty({3});
  EXPECT_EQ(s.w.Do(s.bufs().Bwrite(s.Get(3))), 0);
  EXPECT_EQ(s.Bufs(), "");
  EXPECT_EQ(s.w.Memory(99, 4), "3 3 3 3");
  EXPECT_EQ(s.w.Medium(99, 4), "3 3 1 1");
  EXPECT_EQ(s.stats().buf_write_errors, 0);
}

// --- Writing all of a file, or a part of it.

TEST(SyncTest, TheWholeFileAtOnceAPartOneAfterTheOther) {
  const struct {
    const char* name;
    sim::Task<int> (*sync)(BufStory&);
    const char* disk_50;
    const char* log;
    const char* disk;
    const char* left;
  } rows[] = {
      // Without waiting in clusters; with waiting all buffers, each for itself.
      {"Started", [](BufStory& s) { return s.bufs().SyncVnode(s.vnode(), false); },
       "W2+3 W6+1 W9+2", "a=0@0", "", ""},
      {"Done", [](BufStory& s) { return s.bufs().SyncVnode(s.vnode(), true); },
       "W2+1 W3+1 W4+1 W6+1 W9+1 W10+1", "a=0@600", "", ""},
      {"ARange", [](BufStory& s) { return s.bufs().SyncRange(s.vnode(), 3, 9); }, "W3+1", "a=0@300",
       "W4+1 W6+1", "2D 9D 10D"},
      {"ARangeToTheEnd", [](BufStory& s) { return s.bufs().SyncRange(s.vnode(), 9, 64); }, "W9+1",
       "a=0@200", "W10+1", "2D 3D 4D 6D"},
      {"ARangeThatIsClean", [](BufStory& s) { return s.bufs().SyncRange(s.vnode(), 7, 9); }, "",
       "a=0@0", "", "2D 3D 4D 6D 9D 10D"},
      {"AnEmptyRange", [](BufStory& s) { return s.bufs().SyncRange(s.vnode(), 3, 3); }, "", "a=0@0",
       "", "2D 3D 4D 6D 9D 10D"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    BufStory s;
    s.Dirty({6, 10, 2, 9, 4, 3});
    s.Begin("a", row.sync(s));
    s.To(50);
    EXPECT_EQ(s.Disk(), row.disk_50);
    s.w.Run();
    EXPECT_EQ(s.Log(), row.log);
    EXPECT_EQ(s.Disk(), row.disk);
    EXPECT_EQ(s.Bufs(), row.left);
  }
}

// Block 3 belongs to somebody until 1000.
TEST(SyncTest, ABufferInUse) {
  const struct {
    const char* name;
    sim::Task<int> (*sync)(BufStory&);
    const char* sleepers;
    const char* disk;
    const char* log;
    const char* disk_later;
    const char* left;
  } rows[] = {
      {"NobodyWaitsForItWithoutWaiting",
       [](BufStory& s) { return s.bufs().SyncVnode(s.vnode(), false); }, "", "W1+2 W4+2", "a=0@0",
       "", "3D"},
      {"ItIsTheLast", [](BufStory& s) { return s.bufs().SyncVnode(s.vnode(), true); }, "a:ffsfsn",
       "W1+1 W2+1 W4+1 W5+1", "a=0@1100", "W3+1", ""},
      {"ARangeStopsAtIt", [](BufStory& s) { return s.bufs().SyncRange(s.vnode(), 2, 5); },
       "a:ffsfsn", "W2+1", "a=0@1200", "W3+1 W4+1", "1D 5D"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    BufStory s;
    s.Dirty({1, 2, 3, 4, 5});
    const BufIndex owned = s.Get(3);
    s.Begin("a", row.sync(s));
    s.To(1000);
    EXPECT_EQ(s.Sleepers(), row.sleepers);
    EXPECT_EQ(s.Disk(), row.disk);
    s.bufs().Brelse(owned);
    s.w.Run();
    EXPECT_EQ(s.Log(), row.log);
    EXPECT_EQ(s.Disk(), row.disk_later);
    EXPECT_EQ(s.Bufs(), row.left);
  }
}

// Block 3 is on its way since 0, and fails at 100.
TEST(SyncTest, AWriteUnderWayThatFailsIsWrittenAgain) {
  const struct {
    const char* name;
    sim::Task<int> (*sync)(BufStory&);
    const char* sleepers;
    const char* log;
    const char* disk;
    const char* left;
  } rows[] = {
      {"NobodyKnowsWithoutWaiting",
       [](BufStory& s) { return s.bufs().SyncVnode(s.vnode(), false); }, "", "a=0@0", "W3+1 W5+1",
       "3D"},
      {"Done", [](BufStory& s) { return s.bufs().SyncVnode(s.vnode(), true); }, "a:bo_wwait",
       "a=0@300", "W3+1 W5+1 W3+1", ""},
      {"ARange", [](BufStory& s) { return s.bufs().SyncRange(s.vnode(), 3, 4); }, "a:ffsfsn",
       "a=0@200", "W3+1 W3+1", "5D"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    BufStory s(WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 1)));
    s.Dirty({3, 5});
    s.w.Do(s.bufs().Bawrite(s.Get(3)));
    s.Begin("a", row.sync(s));
    s.To(50);
    EXPECT_EQ(s.Sleepers(), row.sleepers);
    s.w.Run();
    EXPECT_EQ(s.Log(), row.log);
    EXPECT_EQ(s.Disk(), row.disk);
    EXPECT_EQ(s.Bufs(), row.left);
  }
}

// Four rounds that start everything, and one that looks at each write.
TEST(SyncTest, GivesUpAfterFiveRounds) {
  const struct {
    const char* name;
    sim::Task<int> (*sync)(BufStory&);
    int64_t limit;
    const char* log;
    const char* left;
  } rows[] = {
      {"ThreeFail", [](BufStory& s) { return s.bufs().SyncVnode(s.vnode(), true); }, 3, "a=0@400",
       ""},
      {"FourFail", [](BufStory& s) { return s.bufs().SyncVnode(s.vnode(), true); }, 4, "a=0@500",
       ""},
      {"FiveFail", [](BufStory& s) { return s.bufs().SyncVnode(s.vnode(), true); }, 5, "a=5@500",
       "3D"},
      {"ARangeGivesUpAtOnce", [](BufStory& s) { return s.bufs().SyncRange(s.vnode(), 0, 9); }, 1,
       "a=5@100", "3D"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    VfsTestWorld::Options options =
        WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 0));
    options.faults[0].limit = row.limit;
    BufStory s(options);
    s.Dirty({3});
    s.Begin("a", row.sync(s));
    s.w.Run();
    EXPECT_EQ(s.Log(), row.log);
    EXPECT_EQ(s.Bufs(), row.left);
  }
}

TEST(SyncTest, WaitsForWritesThatOthersStarted) {
  BufStory s;
  s.Begin("a", s.StartWrites(0, 3));
  s.Begin("b", s.bufs().WaitForWrites(s.vnode()));
  s.To(50);
  EXPECT_EQ(s.Sleepers(), "b:bo_wwait");
  EXPECT_EQ(s.vnode().writes_in_flight, 3);
  s.w.Run();
  EXPECT_EQ(s.Log(), "a@0 b@300");
  s.Begin("c", s.bufs().WaitForWrites(s.vnode()));
  s.w.Run();
  EXPECT_EQ(s.Log(), "c@300");
}

// --- Dropping buffers.

sim::Task<int> Cut(BufStory& s, int64_t size) { return s.w.vfs().ops().Truncate(s.w.open(), size); }

TEST(TruncateTest, DropsDirtyBuffersAndWritesNothing) {
  BufStory s;
  s.Dirty({1, 2, 3, 5});
  s.Begin("a", Cut(s, 2 * kBlock));
  s.w.Run();
  EXPECT_EQ(s.Log(), "a=0@0");
  EXPECT_EQ(s.Bufs(), "1D");
  EXPECT_EQ(s.stats().numdirtybuffers, 1);
  EXPECT_EQ(s.Queue(), "1");
  EXPECT_EQ(s.w.Picture(4, 20), "NNNN................");
  EXPECT_EQ(s.Disk(), "");
}

TEST(TruncateTest, WaitsForWhoHasABuffer) {
  BufStory s;
  s.Dirty({1, 3, 5});
  const BufIndex dirty = s.Get(3);
  const BufIndex clean = s.Get(4);
  const BufIndex before = s.Get(1);
  s.Begin("a", Cut(s, 2 * kBlock));
  s.To(10);
  EXPECT_EQ(s.Sleepers(), "a:brlsfl");
  s.bufs().Brelse(clean);
  s.To(20);
  EXPECT_EQ(s.Sleepers(), "a:brlsfl");
  s.bufs().Brelse(dirty);
  s.w.Run();
  EXPECT_EQ(s.Log(), "a=0@20");
  EXPECT_EQ(s.Bufs(), "1DL");
  s.bufs().Brelse(before);
  EXPECT_EQ(s.Disk(), "");
}

// Its data must not come to blocks that may be another file's by then; whether they are dirty again
// because the write failed makes no difference.
TEST(TruncateTest, WaitsForWritesUnderWay) {
  for (const bool fails : {false, true}) {
    VfsTestWorld::Options options;
    if (fails) options = WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 2));
    BufStory s(options);
    s.Begin("a", s.StartWrites(3, 2));
    s.Begin("b", Cut(s, 2 * kBlock));
    s.To(50);
    EXPECT_EQ(s.Sleepers(), "b:brlsfl");
    s.w.Run();
    EXPECT_EQ(s.Log(), "a@0 b=0@200");
    EXPECT_EQ(s.Bufs(), "");
    EXPECT_EQ(s.Disk(), "W3+1 W4+1");
    EXPECT_EQ(s.stats().numdirtybuffers, 0);
    EXPECT_EQ(s.w.Medium(96, 1), "0");
  }
}

// It keeps only what is inside the file, cut at sectors.
TEST(TruncateTest, ABlockThatTheEndFallsInIsShorter) {
  const struct {
    int64_t size;
    int64_t bytes;
    int pages;
    const char* picture;
    const char* disk;
  } rows[] = {
      {2 * kBlock + 1, 512, 1, "N...", "W2+0.1"},
      {2 * kBlock + 4096, 4096, 1, "N...", "W2+0.8"},
      {2 * kBlock + 5000, 5120, 2, "NN..", "W2+0.10"},
      {2 * kBlock + 16000, 16384, 4, "NNNN", "W2+1"},
      {3 * kBlock, 16384, 4, "NNNN", "W2+1"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.size);
    BufStory s;
    s.Dirty({2, 3});
    EXPECT_EQ(s.w.Do(Cut(s, row.size)), 0);
    EXPECT_EQ(s.Bufs(), "2D");
    EXPECT_EQ(s.bufs()[s.vnode().bufs.at(2)].bytes, row.bytes);
    EXPECT_EQ(s.bufs()[s.vnode().bufs.at(2)].npages, row.pages);
    EXPECT_EQ(s.w.Picture(8, 4), row.picture);
    EXPECT_EQ(s.w.Do(s.bufs().SyncVnode(s.vnode(), /*wait=*/true)), 0);
    EXPECT_EQ(s.Disk(), row.disk);
    EXPECT_EQ(s.vnode().medium.Get(row.size / 512 - 1), row.size == 2 * kBlock + 1 ? 1u : 3u);
  }
}

TEST(TruncateTest, WaitsForWhoHasTheBlockThatTheEndFallsIn) {
  BufStory s;
  s.Dirty({2});
  const BufIndex owned = s.Get(2);
  s.Begin("a", Cut(s, 2 * kBlock + 5000));
  s.To(10);
  EXPECT_EQ(s.Sleepers(), "a:brlsfl");
  EXPECT_EQ(s.bufs()[owned].npages, 4);
  s.bufs().Brelse(owned);
  s.w.Run();
  EXPECT_EQ(s.Log(), "a=0@10");
  EXPECT_EQ(s.bufs()[owned].npages, 2);
}

TEST(DiscardTest, AFileThatIsGoneLeavesNoBuffers) {
  BufStory s;
  Vnode& g = s.AddFile("g", 1 << 20);
  const VnodeId id = g.id;
  for (const Lblkno lblkno : {0, 2, 4}) {
    s.Dirty({lblkno});
    s.Dirty(g, lblkno + 1);
  }
  EXPECT_EQ(s.Queue(), "0 1 2 3 4 5");
  EXPECT_EQ(s.w.Do(s.w.vfs().Unlink("g")), 0);
  EXPECT_EQ(s.w.vfs().vnodes()[id], nullptr);
  EXPECT_EQ(s.Queue(), "0 2 4");
  EXPECT_EQ(s.stats().numdirtybuffers, 3);
  EXPECT_EQ(s.Disk(), "");
  for (size_t i = 0; i < s.bufs().buf_limit(); ++i) {
    const Vnode* vnode = s.bufs()[static_cast<BufIndex>(i)].vnode;
    EXPECT_TRUE(vnode == nullptr || vnode == &s.vnode()) << i;
  }
}

TEST(GiveBackTest, PagesAreDirtyInPlaceOfTheirBuffer) {
  const struct {
    const char* name;
    Lblkno lblkno;
    const char* bufs;
    const char* pages;  // Of blocks 3 and 4.
    int64_t dirty;
  } rows[] = {
      {"Dirty", 3, "4DL", "iiiiNNNN", 1},
      {"InUse", 4, "3D 4DL", "NNNNNNNN", 2},
      {"NotThere", 5, "3D 4DL", "NNNNNNNN", 2},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    BufStory s;
    s.Dirty({3, 4});
    const BufIndex owned = s.Get(4);
    const uint32_t generation = s.vnode().object->generation;
    s.bufs().GiveBack(s.vnode(), row.lblkno);
    EXPECT_EQ(s.Bufs(), row.bufs);
    EXPECT_EQ(s.w.Picture(12, 8), row.pages);
    EXPECT_EQ(s.stats().numdirtybuffers, row.dirty);
    EXPECT_EQ(s.vnode().object->generation, generation + (row.dirty == 1 ? 1 : 0));
    s.bufs().Brelse(owned);
    // Nothing is lost by it.
    EXPECT_EQ(s.w.Do(s.w.vfs().ops().Fsync(s.w.open())), 0);
    EXPECT_EQ(s.w.Medium(96, 1), "3");
    EXPECT_EQ(s.w.Medium(128, 1), "4");
    EXPECT_EQ(s.Bufs(), "");
  }
}

}  // namespace
}  // namespace vmsim::vfs
