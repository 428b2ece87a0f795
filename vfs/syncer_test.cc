#include "vfs/syncer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

// The syncer alone, started at 0: it looks at slot n of its wheel at second n.
class SyncerWorld {
 public:
  explicit SyncerWorld(int delay_s, const std::vector<sim::DiskFaultRule>& faults = {})
      : w(OptionsOf(delay_s, faults)) {
    w.world().Start("syncer", w.vfs().syncer().Run());
  }

  static VfsTestWorld::Options OptionsOf(int delay_s,
                                         const std::vector<sim::DiskFaultRule>& faults) {
    VfsTestWorld::Options options;
    options.vfs.filedelay_s = delay_s;
    options.faults = faults;
    return options;
  }
  void RunTo(int64_t ms) { w.world().RunFor(ms * sim::kMillisecond - w.engine().now()); }
  // Writes a block of "f", or another file, as far as the buffer cache.
  void Dirty(Lblkno lblkno, Vnode* vnode = nullptr) {
    OpenFile file;
    file.vnode = vnode != nullptr ? vnode : &w.file();
    const int64_t bytes = file.vnode->block_bytes();
    EXPECT_EQ(w.Do(w.vfs().ops().Write(file, lblkno * bytes, bytes)).bytes, bytes);
  }
  // The tenth of a second up to which the next write to the disk is begun, in ms; 0: none up to
  // `limit_ms`.
  int64_t NextWrite(int64_t limit_ms) {
    const int64_t before = w.stats().buf_writes;
    for (int64_t ms = w.engine().now() / sim::kMillisecond / 100 * 100 + 100; ms <= limit_ms;
         ms += 100) {
      RunTo(ms);
      if (w.stats().buf_writes > before) return ms;
    }
    return 0;
  }
  // Holds the file's lock from now to `ms`.
  void HoldLock(LockType type, int64_t ms) {
    w.world().Start("holder", LockBody(type, ms * sim::kMillisecond));
  }
  sim::Task<void> LockBody(LockType type, sim::SimTime until) {
    co_await w.file().lock.Lock(w.engine(), type);
    co_await sim::Pause(w.engine(), until - w.engine().now(), "hold");
    w.file().lock.Unlock(w.engine());
  }

  VfsTestWorld w;
};

TEST(SyncerTest, ADirtyFileIsWrittenWhenItsDelayIsOver) {
  for (const int delay : {1, 2, 3, 7, 30}) {
    SyncerWorld s(delay);
    s.RunTo(500);
    s.Dirty(2);
    // Less than one second more: its slot is that of the next second, and so many on.
    EXPECT_EQ(s.NextWrite(100'000), (delay + 1) * 1000 + 100) << delay;
    EXPECT_EQ(s.w.file().dirty_bufs, 0);
    EXPECT_EQ(s.w.Medium(63, 3), "1 3 3");
    EXPECT_EQ(s.w.stats().syncer_fsyncs, 1);
    EXPECT_FALSE(s.w.file().on_worklist);
    EXPECT_EQ(s.NextWrite(100'000), 0);
    EXPECT_EQ(s.w.stats().syncer_fsyncs, 1);
  }
}

TEST(SyncerTest, NothingDirtyNothingDone) {
  SyncerWorld s(2);
  s.RunTo(100'000);
  EXPECT_EQ(s.w.writes(), 0);
  EXPECT_EQ(s.w.stats().syncer_fsyncs, 0);
  EXPECT_EQ(s.w.stats().syncer_skips, 0);
}

TEST(SyncerTest, TheDelayCountsFromTheFirstDirtyBuffer) {
  SyncerWorld s(5);
  for (int64_t second = 0; second < 5; ++second) {
    s.RunTo(second * 1000 + 500);
    s.Dirty(10 * second);
  }
  EXPECT_EQ(s.NextWrite(100'000), 6100);
  EXPECT_EQ(s.w.file().dirty_bufs, 0);
  EXPECT_EQ(s.w.stats().buf_writes, 5);
  // Dirty again: from here on.
  s.RunTo(6500);
  s.Dirty(0);
  EXPECT_EQ(s.NextWrite(100'000), 12'100);
}

TEST(SyncerTest, EachFileHasItsTime) {
  SyncerWorld s(3);
  VfsSystem& vfs = s.w.vfs();
  Vnode* g = vfs.AddFile(*vfs.mounts()[0], "g", {.bytes = 1 << 20});
  ASSERT_NE(g, nullptr);
  s.RunTo(500);
  s.Dirty(0, g);
  s.RunTo(2500);
  s.Dirty(0);
  EXPECT_EQ(s.NextWrite(100'000), 4100);
  EXPECT_EQ(g->dirty_bufs, 0);
  EXPECT_EQ(s.w.file().dirty_bufs, 1);
  EXPECT_EQ(s.NextWrite(100'000), 6100);
  EXPECT_EQ(s.w.file().dirty_bufs, 0);
}

// --- What it cannot write.

TEST(SyncerTest, ALockedFileIsTriedAgainEverySecond) {
  for (const LockType type : {LockType::kShared, LockType::kExclusive}) {
    SyncerWorld s(3);
    s.RunTo(500);
    s.Dirty(0);
    s.HoldLock(type, 6300);
    EXPECT_EQ(s.NextWrite(100'000), 7100);
    EXPECT_EQ(s.w.stats().syncer_skips, 3);  // At 4, 5 and 6.
    EXPECT_EQ(s.w.stats().syncer_fsyncs, 1);
  }
}

TEST(SyncerTest, ABufferInUseComesBackAfterTheFullDelay) {
  SyncerWorld s(3);
  s.RunTo(500);
  s.Dirty(4);
  const BufIndex buf = s.w.Do(s.w.vfs().bufs().GetBlk(s.w.file(), 4));
  s.RunTo(4500);
  EXPECT_EQ(s.w.stats().syncer_fsyncs, 1);
  EXPECT_EQ(s.w.stats().buf_writes, 0);
  EXPECT_TRUE(s.w.file().on_worklist);
  s.w.vfs().bufs().Brelse(buf);
  EXPECT_EQ(s.NextWrite(100'000), 8100);
}

TEST(SyncerTest, AWriteThatFailsIsTriedAgainAfterTheFullDelay) {
  sim::DiskFaultRule rule;
  rule.ops = sim::OpBit(sim::DiskOp::kWrite);
  rule.limit = 2;
  SyncerWorld s(3, {rule});
  s.RunTo(500);
  s.Dirty(0);
  EXPECT_EQ(s.NextWrite(100'000), 4100);
  EXPECT_EQ(s.w.stats().buf_write_errors, 1);
  EXPECT_EQ(s.w.file().dirty_bufs, 1);
  EXPECT_EQ(s.NextWrite(100'000), 8100);
  EXPECT_EQ(s.w.stats().buf_write_errors, 2);
  EXPECT_EQ(s.NextWrite(100'000), 12'100);
  EXPECT_EQ(s.w.file().dirty_bufs, 0);
  EXPECT_EQ(s.w.Medium(0, 2), "3 3");
  EXPECT_EQ(s.NextWrite(100'000), 0);
}

TEST(SyncerTest, AFileThatGoesIsForgotten) {
  SyncerWorld s(3);
  VfsSystem& vfs = s.w.vfs();
  int error = 0;
  Vnode* g = vfs.Open("g", {.create = true, .mount = vfs.mounts()[0].get()}, &error);
  ASSERT_NE(g, nullptr);
  const VnodeId id = g->id;
  s.RunTo(500);
  s.Dirty(0, g);
  EXPECT_EQ(s.w.Do(vfs.Unlink("g")), 0);
  s.w.Do(vfs.Close(*g));
  EXPECT_EQ(vfs.vnodes()[id], nullptr);
  EXPECT_EQ(s.NextWrite(100'000), 0);
  EXPECT_EQ(s.w.stats().syncer_fsyncs, 0);
  EXPECT_EQ(s.w.stats().numdirtybuffers, 0);
}

// It goes away while the syncer, about to write it, waits for a page of it.
TEST(SyncerTest, AFileMayGoWhileItIsWritten) {
  SyncerWorld s(3);
  VfsSystem& vfs = s.w.vfs();
  int error = 0;
  Vnode* g = vfs.Open("g", {.create = true, .mount = vfs.mounts()[0].get()}, &error);
  ASSERT_NE(g, nullptr);
  const VnodeId id = g->id;
  s.RunTo(500);
  s.Dirty(0, g);
  const vm::FrameIndex frame = g->object->Lookup(0);
  ASSERT_TRUE(s.w.vm().pages().TryXbusy(frame));
  s.RunTo(4500);
  EXPECT_EQ(s.w.stats().syncer_fsyncs, 1);
  EXPECT_TRUE(g->lock.held());
  EXPECT_EQ(s.w.Do(vfs.Unlink("g")), 0);
  s.w.world().Start("close", vfs.Close(*g));
  s.RunTo(4600);
  EXPECT_NE(vfs.vnodes()[id], nullptr);
  s.w.vm().pages().Xunbusy(frame);
  s.RunTo(4700);
  EXPECT_EQ(vfs.vnodes()[id], nullptr);
  EXPECT_EQ(s.w.stats().buf_writes, 1);
  s.RunTo(50'000);
  EXPECT_EQ(s.w.stats().syncer_fsyncs, 1);
}

// --- Its clock.

TEST(SyncerTest, ASlotThatTakesLongDelaysTheNextOnlyAsLongAsItTakes) {
  SyncerWorld s(3);
  VfsSystem& vfs = s.w.vfs();
  Vnode* g = vfs.AddFile(*vfs.mounts()[0], "g", {.bytes = 1 << 20});
  s.RunTo(500);
  s.Dirty(0);
  s.RunTo(1500);
  s.Dirty(0, g);
  const vm::FrameIndex frame = s.w.file().object->Lookup(0);
  ASSERT_TRUE(s.w.vm().pages().TryXbusy(frame));
  s.RunTo(5550);  // It should have been through with "f" at 4000, and with "g" at 5000.
  EXPECT_EQ(s.w.stats().buf_writes, 0);
  s.w.vm().pages().Xunbusy(frame);
  s.RunTo(5600);
  EXPECT_EQ(s.w.stats().buf_writes, 2);
  // It is one second late from now on, less what it was ahead.
  s.Dirty(8);
  EXPECT_EQ(s.NextWrite(100'000), 9600);
}

TEST(SyncerTest, TheLaundryHurriesItAtMostHalfItsDelay) {
  const struct {
    int calls;
    int64_t rushes;
    int64_t written_ms;
  } rows[] = {
      {0, 0, 11'100},
      // The first call wakes it: a slot for that, and one for each call.
      {1, 1, 9800},
      {3, 3, 7800},
      {5, 5, 5800},
      {6, 5, 5800},
      {100, 5, 5800},
  };
  for (const auto& row : rows) {
    SyncerWorld s(10);
    s.RunTo(500);
    s.Dirty(0);
    s.RunTo(700);
    for (int i = 0; i < row.calls; ++i) s.w.vfs().syncer().Speedup();
    EXPECT_EQ(s.NextWrite(100'000), row.written_ms) << row.calls;
    EXPECT_EQ(s.w.stats().syncer_rushes, row.rushes) << row.calls;
  }
}

TEST(SyncerTest, ItCanBeHurriedAgainOnceItHasHurried) {
  SyncerWorld s(10);
  s.RunTo(500);
  s.Dirty(0);
  for (const int64_t ms : {600, 700}) {
    s.RunTo(ms);
    EXPECT_EQ(s.w.stats().syncer_fsyncs, 0);
    for (int i = 0; i < 9; ++i) s.w.vfs().syncer().Speedup();
  }
  // Slots 1 to 6, and 7 to 12.
  s.RunTo(800);
  EXPECT_EQ(s.w.stats().syncer_fsyncs, 1);
  EXPECT_EQ(s.w.stats().syncer_rushes, 10);
}

// --- Stores through mappings.

// Every third second they pass to their buffers, whose delay begins then.
TEST(SyncerTest, PagesStoredToThroughMappingsGoToTheirBuffersEveryDelay) {
  SyncerWorld s(3);
  const auto area = s.w.Map(16);
  s.RunTo(200);
  s.w.world().Write(area, 5, 2);
  s.RunTo(1900);
  EXPECT_EQ(s.w.file().dirty_bufs, 0);
  s.RunTo(2100);
  EXPECT_EQ(s.w.file().dirty_bufs, 1);
  EXPECT_EQ(s.w.Picture(5, 2), "NN");
  EXPECT_EQ(s.NextWrite(100'000), 6100);
  const Tag first = s.w.file().medium.Get(40);
  EXPECT_GE(first, kFirstTag);
  for (int64_t sector = 39; sector <= 56; ++sector) {
    const bool stored = sector >= 40 && sector < 56;
    EXPECT_EQ(s.w.file().medium.Get(sector) >= kFirstTag, stored) << sector;
  }
  // They are clean now: the next store faults, and takes the same way.
  s.w.world().Write(area, 5, 1);
  EXPECT_EQ(s.NextWrite(100'000), 12'100);
  EXPECT_GT(s.w.file().medium.Get(40), first);
  EXPECT_EQ(s.w.file().medium.Get(40), s.w.file().memory.Get(40));
  EXPECT_EQ(s.NextWrite(100'000), 0);
}

TEST(SyncerTest, ThoseOfANosyncMapAreNot) {
  SyncerWorld s(3);
  const auto area = s.w.Map(16);
  s.w.world().EntryOf(area).nosync = true;
  s.w.world().Write(area, 5, 2);
  s.RunTo(50'000);
  EXPECT_EQ(s.w.writes(), 0);
  EXPECT_EQ(s.w.Do(s.w.vfs().ops().Fsync(s.w.open())), 0);
  EXPECT_GT(s.w.writes(), 0);
}

TEST(SyncerTest, OfALockedFileTheyWaitForTheNextTurn) {
  SyncerWorld s(3);
  const auto area = s.w.Map(16);
  s.RunTo(200);
  s.w.world().Write(area, 5, 1);
  s.HoldLock(LockType::kShared, 2500);
  s.RunTo(4900);
  EXPECT_EQ(s.w.stats().syncer_skips, 1);
  EXPECT_EQ(s.w.file().dirty_bufs, 0);
  s.RunTo(5100);
  EXPECT_EQ(s.w.file().dirty_bufs, 1);
  EXPECT_EQ(s.NextWrite(100'000), 9100);
}

}  // namespace
}  // namespace vmsim::vfs
