// How many buffers may be dirty and how much may be under way: who waits, who is woken, and what
// the buffer daemon does about it.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "vfs/buf.h"
#include "vfs/buf_story.h"

namespace vmsim::vfs {
namespace {

// 10 dirty buffers are enough, writers wait for 6 (one less than the middle), the daemon stops at
// 4. Of one file, 9 are enough.
VfsTestWorld::Options TenDirty() {
  VfsTestWorld::Options options;
  options.vfs.hidirtybuffers = 10;
  options.vfs.lodirtybuffers = 4;
  return options;
}

// Files "f" and "g", whose dirty blocks are no neighbours: each is a transfer of its own. "f" has
// blocks 0 to 63 of the disk, "g" 64 to 127.
struct TwoFiles : BufStory {
  explicit TwoFiles(const VfsTestWorld::Options& options) : BufStory(options) {
    g = &AddFile("g", 1 << 20);
  }
  TwoFiles() : TwoFiles(TenDirty()) {}

  // Makes the next `count` buffers dirty, of "f" and "g" in turn: blocks 0, 0, 2, 2, 4, ...
  void DirtyMore(int count) {
    for (int i = 0; i < count; ++i, ++dirtied) {
      Dirty(dirtied % 2 == 0 ? vnode() : *g, dirtied / 2 * 2);
    }
  }
  // Starts the write of the oldest.
  void WriteOldest() {
    const Buf& buf = bufs()[bufs().oldest_dirty()];
    EXPECT_EQ(w.Do(bufs().WriteCluster(*buf.vnode, buf.lblkno)), 1);
  }

  Vnode* g;
  int dirtied = 0;
};

// --- bwillwrite.

TEST(WillWriteTest, WhoWritesWaitsWhileTooManyBuffersAreDirty) {
  TwoFiles s;
  s.DirtyMore(10);
  s.Begin("a", s.bufs().WillWrite());
  s.To(10);
  EXPECT_EQ(s.Log(), "a@0");
  EXPECT_EQ(s.stats().dirty_waits, 0);
  s.DirtyMore(1);
  for (const char* who : {"b", "c", "d"}) s.Begin(who, s.bufs().WillWrite());
  s.To(20);
  EXPECT_EQ(s.Sleepers(), "b:flswai c:flswai d:flswai");
  // At 10 a newcomer may write; those who sleep are woken at 6.
  for (int dirty = 10; dirty > 6; --dirty) {
    s.WriteOldest();
    s.To(10 * (13 - dirty));
    EXPECT_EQ(s.stats().numdirtybuffers, dirty);
    EXPECT_EQ(s.Sleepers(), "b:flswai c:flswai d:flswai") << dirty;
  }
  s.Begin("e", s.bufs().WillWrite());
  s.To(70);
  EXPECT_EQ(s.Log(), "e@60");
  s.WriteOldest();
  s.To(80);
  EXPECT_EQ(s.Log(), "b@70 c@70 d@70");
  EXPECT_EQ(s.stats().dirty_waits, 3);
  EXPECT_EQ(s.stats().dirty_wait_ns, 3 * 60 * sim::kMicrosecond);
  s.w.Run();
}

// In no time 5 buffers leave and 5 others become dirty. Who was woken looks again.
TEST(WillWriteTest, WhoIsWokenLooksAgain) {
  TwoFiles s;
  s.DirtyMore(11);
  for (const Lblkno lblkno : {40, 42, 44, 46, 48}) s.Load({lblkno});
  s.Begin("a", s.bufs().WillWrite());
  s.To(1000);
  const auto churn = [](TwoFiles& story) -> sim::Task<void> {
    BufferCache& bufs = story.bufs();
    for (int i = 0; i < 5; ++i) {
      const Buf& oldest = bufs[bufs.oldest_dirty()];
      Vnode& vnode = *oldest.vnode;
      co_await bufs.WriteCluster(vnode, oldest.lblkno);
    }
    for (const Lblkno lblkno : {40, 42, 44, 46, 48}) {
      const BufIndex buf = co_await bufs.GetBlk(story.vnode(), lblkno);
      co_await bufs.Bdwrite(story.Store(buf));
    }
  };
  s.Begin("churn", churn(s));
  s.To(1010);
  EXPECT_EQ(s.Log(), "churn@1000");
  EXPECT_EQ(s.stats().numdirtybuffers, 11);
  EXPECT_EQ(s.Sleepers(), "a:flswai");
  for (int i = 0; i < 5; ++i) s.WriteOldest();
  s.To(1020);
  EXPECT_EQ(s.Log(), "a@1010");
  EXPECT_EQ(s.stats().dirty_waits, 1);
  s.w.Run();
}

// --- The share of one file: 9 of 10.

TEST(FileShareTest, BeyondItsShareAFileHasSomeWritten) {
  BufStory s(TenDirty());
  for (Lblkno lblkno = 0; lblkno < 9; ++lblkno) s.Dirty({40 - 2 * lblkno});
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.vnode().dirty_bufs, 9);
  // The lowest that nobody has, with its neighbours.
  const BufIndex lowest = s.Get(24);
  s.Dirty({27});
  EXPECT_EQ(s.Disk(), "W26+3");
  EXPECT_EQ(s.vnode().dirty_bufs, 7);
  s.bufs().Brelse(lowest);
  s.w.Run();
}

TEST(FileShareTest, ItsShareIsOfItsOwnBuffers) {
  TwoFiles s;
  s.DirtyMore(16);
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.stats().numdirtybuffers, 16);
}

// The disk fails what it is asked to write, so that buffers become more: with ten more than its
// share, all of the file is written, without waiting.
TEST(FileShareTest, FarBeyondItsShareAllOfAFileIsWritten) {
  VfsTestWorld::Options options = TenDirty();
  options.faults = {Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 0)};
  options.faults[0].limit = 10;
  BufStory s(options);
  for (Lblkno lblkno = 0; lblkno < 9; ++lblkno) s.Dirty({2 * lblkno});
  for (Lblkno lblkno = 9; lblkno < 19; ++lblkno) {
    s.Dirty({2 * lblkno});
    EXPECT_EQ(s.Disk(), "W0+1");
    s.w.Run();
    EXPECT_EQ(s.vnode().dirty_bufs, lblkno + 1);
  }
  s.Dirty({38});
  std::string all = "W0+1";
  for (Lblkno lblkno = 1; lblkno < 20; ++lblkno) absl::StrAppend(&all, " W", 2 * lblkno, "+1");
  EXPECT_EQ(s.Disk(), all);
  s.w.Run();
  EXPECT_EQ(s.Bufs(), "");
  EXPECT_EQ(s.stats().buf_write_errors, 10);
}

// --- Space in running I/O: 4 blocks; 2 blocks.

VfsTestWorld::Options FourRunning() {
  VfsTestWorld::Options options;
  options.vfs.hirunningspace = 4 * kBlock;
  options.vfs.lorunningspace = 2 * kBlock;
  return options;
}

TEST(RunningSpaceTest, WhoStartsTooManyWritesWaitsUntilMostAreDone) {
  const struct {
    int count;
    const char* log;
    int64_t waits;
    int64_t wait_us;
  } rows[] = {
      {4, "a@0", 0, 0},
      // Five are under way. One ends every 100; two are left at 300.
      {5, "a@300", 1, 300},
      {7, "a@300", 1, 300},
      // At 300 two are left, up to five with the eighth; two are left of these at 600.
      {8, "a@600", 2, 600},
      {11, "a@900", 3, 900},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.count);
    BufStory s(FourRunning());
    s.Begin("a", s.StartWrites(0, row.count));
    s.w.Run();
    EXPECT_EQ(s.Log(), row.log);
    EXPECT_EQ(s.stats().running_waits, row.waits);
    EXPECT_EQ(s.stats().running_wait_ns, row.wait_us * sim::kMicrosecond);
    EXPECT_EQ(s.stats().buf_writes, row.count);
    EXPECT_EQ(s.w.vfs().device().runningbufspace(), 0);
  }
}

TEST(RunningSpaceTest, AllWhoWaitAreWokenInTheOrderInWhichTheyCame) {
  BufStory s(FourRunning());
  s.Begin("a", s.StartWrites(0, 5));
  s.Begin("b", s.StartWrites(10, 1));
  s.Begin("c", s.StartWrites(20, 1));
  s.To(50);
  EXPECT_EQ(s.Sleepers(), "a:wdrain b:wdrain c:wdrain");
  EXPECT_EQ(s.w.vfs().device().runningbufspace(), 7 * kBlock);
  s.w.Run();
  EXPECT_EQ(s.Log(), "a@500 b@500 c@500");
}

// A cluster counts as what it carries, and its writer waits as well.
TEST(RunningSpaceTest, AClusterCounts) {
  BufStory s(FourRunning());
  s.Dirty({0, 1, 2, 3, 4});
  s.Begin("a", s.bufs().WriteCluster(s.vnode(), 2));
  s.To(50);
  EXPECT_EQ(s.Disk(), "W0+5");
  EXPECT_EQ(s.Sleepers(), "a:wdrain");
  s.w.Run();
  EXPECT_EQ(s.Log(), "a=5@100");
}

TEST(RunningSpaceTest, NotWhoWaitsForTheWriteItself) {
  BufStory s(FourRunning());
  s.Dirty({0, 1, 2, 3, 4});
  s.Begin("a", s.bufs().WriteCluster(s.vnode(), 2));
  s.Begin("b", s.bufs().Bwrite(s.Store(s.Get(20))));
  s.To(50);
  EXPECT_EQ(s.Sleepers(), "a:wdrain b:biowr");
  s.w.Run();
  EXPECT_EQ(s.Log(), "a=5@100 b=0@200");
}

TEST(RunningSpaceTest, NotWhoReadsNorWhoCleansUp) {
  BufStory s(FourRunning());
  EXPECT_EQ(s.bufs().ReadAhead(s.vnode(), 30, 8), 8);
  EXPECT_EQ(s.w.vfs().device().runningbufspace(), 0);
  s.bufs().AddCleaner(s.Begin("cleaner", s.StartWrites(0, 8)));
  s.To(50);
  EXPECT_EQ(s.Log(), "cleaner@0");
  EXPECT_EQ(s.w.vfs().device().runningbufspace(), 8 * kBlock);
  EXPECT_EQ(s.stats().running_waits, 0);
  s.w.Run();
}

// --- The buffer daemon. A trip round its loop takes 2.

struct DaemonStory : TwoFiles {
  explicit DaemonStory(const VfsTestWorld::Options& options) : TwoFiles(options) {
    bufs().AddCleaner(Begin("bufdaemon", bufs().Daemon()));
    To(0);
  }
  DaemonStory() : DaemonStory(TenDirty()) {}
};

// Somebody reads the file from now to `until_us`.
sim::Task<void> HoldLock(BufStory& s, Vnode& vnode, int64_t until_us) {
  co_await vnode.lock.Lock(s.w.engine(), LockType::kShared);
  co_await sim::Pause(s.w.engine(), until_us * sim::kMicrosecond - s.w.engine().now(), "hold");
  vnode.lock.Unlock(s.w.engine());
}

TEST(BufDaemonTest, WritesTheOldestDownToTheLowMarkOncePastTheMiddle) {
  DaemonStory s;
  s.To(100);
  s.DirtyMore(7);
  s.To(1000);
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.Sleepers(), "bufdaemon:psleep");
  s.DirtyMore(1);
  s.To(1100);
  EXPECT_EQ(s.Disk(), "W0+1 W64+1 W2+1 W66+1");
  EXPECT_EQ(s.Queue(), "4 4 6 6");
  EXPECT_EQ(s.stats().numdirtybuffers, 4);
  EXPECT_EQ(s.stats().buf_daemon_flushes, 4);
  s.DirtyMore(3);
  s.To(2000);
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.Bufs() + " and " + s.Bufs(*s.g), "4D 6D 8D 10D and 4D 6D 8D");
}

// A second after its last trip it writes what is above the low mark, though nobody asks.
TEST(BufDaemonTest, LooksEverySecond) {
  DaemonStory s;
  s.DirtyMore(4);
  s.To(2'500'000);
  EXPECT_EQ(s.Disk(), "");
  s.DirtyMore(2);
  s.To(2'999'900);
  EXPECT_EQ(s.Disk(), "");
  s.To(3'000'100);
  EXPECT_EQ(s.Disk(), "W0+1 W64+1");
  EXPECT_EQ(s.stats().numdirtybuffers, 4);
}

TEST(BufDaemonTest, TakesNeighboursAlong) {
  DaemonStory s;
  s.Dirty({20, 1, 2, 21, 0});
  s.Dirty(*s.g, 5);
  s.Dirty(*s.g, 7);
  s.Dirty(*s.g, 9);
  s.To(100);
  EXPECT_EQ(s.Disk(), "W20+2 W0+3");
  EXPECT_EQ(s.Queue(), "5 7 9");
  EXPECT_EQ(s.stats().buf_daemon_flushes, 5);
}

TEST(BufDaemonTest, WakesWhoWaits) {
  DaemonStory s;
  for (Vnode* vnode : {&s.vnode(), s.g}) s.Begin("reader", HoldLock(s, *vnode, 1000));
  s.To(0);
  s.DirtyMore(11);
  s.Begin("a", s.bufs().WillWrite());
  s.To(900);
  EXPECT_EQ(s.Sleepers(), "bufdaemon:qsleep reader:hold reader:hold a:flswai");
  // It looked in vain from 0 to 2, because of the eighth buffer, and from 2 to 4, because of a.
  // From 100'004 on it makes seven trips, and the one CPU is a's when it sleeps again.
  s.To(200'000);
  EXPECT_EQ(s.stats().numdirtybuffers, 4);
  EXPECT_EQ(s.Sleepers(), "bufdaemon:psleep");
  EXPECT_EQ(s.Log(), "reader@1000 reader@1000 a@100018");
  EXPECT_EQ(s.stats().dirty_waits, 1);
}

// Where writers are woken lies between the marks, if there is anything between them: else it is out
// of the daemon's reach, and they sleep until somebody else writes.
TEST(BufDaemonTest, DoesNotWakeWhoWaitsIfTheMarksAreTooNear) {
  const struct {
    int64_t hidirty, lodirty;
    bool woken;
  } rows[] = {
      {10, 4, true}, {6, 4, true}, {5, 4, false}, {4, 4, false}, {3, 1, true}, {2, 1, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.hidirty);
    VfsTestWorld::Options options;
    options.vfs.hidirtybuffers = row.hidirty;
    options.vfs.lodirtybuffers = row.lodirty;
    // Of many files, so that none has more than its share.
    BufStory s(options);
    for (int64_t i = 0; i <= row.hidirty; ++i) {
      s.Dirty(s.AddFile("g" + std::to_string(i), kBlock), 0);
    }
    s.Begin("a", s.bufs().WillWrite());
    s.To(0);
    EXPECT_EQ(s.Sleepers(), "a:flswai");
    s.bufs().AddCleaner(s.Begin("bufdaemon", s.bufs().Daemon()));
    s.To(5'000'000);
    EXPECT_EQ(s.stats().numdirtybuffers, row.lodirty);
    EXPECT_EQ(s.Sleepers(), row.woken ? "bufdaemon:psleep" : "a:flswai bufdaemon:psleep");
  }
}

// What it cannot have now it tries again every tenth of a second.
TEST(BufDaemonTest, PassesOverWhatIsInUse) {
  DaemonStory s;
  s.DirtyMore(7);
  const BufIndex owned = s.Get(0);
  s.Begin("reader", HoldLock(s, *s.g, 1000));
  s.To(500);
  s.DirtyMore(1);  // "f": 0 2 4 6, and "g" the same.
  s.To(600);
  EXPECT_EQ(s.Disk(), "W2+1 W4+1 W6+1");
  EXPECT_EQ(s.Sleepers(), "bufdaemon:qsleep reader:hold");
  EXPECT_EQ(s.stats().numdirtybuffers, 5);
  s.To(100'400);
  EXPECT_EQ(s.Disk(), "");
  s.To(100'700);
  EXPECT_EQ(s.Disk(), "W64+1");
  EXPECT_EQ(s.Queue(), "0 2 4 6");
  EXPECT_EQ(s.Sleepers(), "bufdaemon:psleep");
  s.bufs().Brelse(owned);
}

TEST(BufDaemonTest, HoldsTheFileWhileItStartsTheWrite) {
  DaemonStory s;
  s.DirtyMore(7);
  const vm::FrameIndex frame = s.Busy(0);
  s.DirtyMore(1);
  s.To(100);
  EXPECT_EQ(s.Sleepers(), "bufdaemon:vbpage");
  EXPECT_TRUE(s.vnode().lock.held());
  s.Unbusy(frame);
  s.To(200);
  EXPECT_FALSE(s.vnode().lock.held());
  EXPECT_EQ(s.Disk(), "W0+1 W64+1 W2+1 W66+1");
}

}  // namespace
}  // namespace vmsim::vfs
