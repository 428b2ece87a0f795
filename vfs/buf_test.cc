// One buffer's life: who owns it, what becomes of its pages, who waits for it.
#include "vfs/buf.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vfs/buf_story.h"
#include "vfs/errno.h"

namespace vmsim::vfs {
namespace {

// --- What getting a buffer does.

TEST(GetBlkTest, WiresThePagesOfTheBlockAndReadsNothing) {
  BufStory s;
  const int64_t free_pages = s.w.vm().domain().free_count();
  const BufIndex buf = s.Get(3);
  EXPECT_EQ(s.Bufs(), "3L");
  EXPECT_EQ(s.w.Picture(11, 6), ".NNNN.");
  EXPECT_EQ(s.bufs()[buf].npages, 4);
  EXPECT_EQ(s.bufs()[buf].bytes, kBlock);
  for (vm::Pindex pindex = 12; pindex < 16; ++pindex) {
    const vm::Page& page = s.w.world().PageAt(*s.vnode().object, pindex);
    EXPECT_EQ(page.wire_count, 1);
    EXPECT_EQ(page.valid, 0);
  }
  EXPECT_EQ(s.w.vm().domain().free_count(), free_pages - 4);
  // Nothing came into them: they are free again.
  s.bufs().Brelse(buf);
  EXPECT_EQ(s.Bufs(), "");
  EXPECT_EQ(s.w.Picture(11, 6), "......");
  EXPECT_EQ(s.w.vm().domain().free_count(), free_pages);
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.stats().getblks, 1);
}

TEST(GetBlkTest, ABufferIsUsedAgain) {
  BufStory s;
  for (const Lblkno lblkno : {3, 9, 0}) s.bufs().Brelse(s.Get(lblkno));
  EXPECT_EQ(s.bufs().buf_limit(), 1u);
  s.Get(1);
  s.Get(2);
  EXPECT_EQ(s.bufs().buf_limit(), 2u);
  EXPECT_EQ(s.stats().getblks, 5);
}

// What a block at the end of a file has.
TEST(GetBlkTest, TheLastBlockEndsWithTheSectorOfTheEnd) {
  constexpr struct {
    int64_t behind;  // Bytes of the file behind three whole blocks.
    int64_t bytes;
    int pages;
    const char* read;
  } rows[] = {
      {1, 512, 1, "R3+0.1"},     {512, 512, 1, "R3+0.1"},   {513, 1024, 1, "R3+0.2"},
      {4096, 4096, 1, "R3+0.8"}, {4097, 4608, 2, "R3+0.9"}, {12288, 12288, 3, "R3+0.24"},
      {16383, 16384, 4, "R3+1"}, {16384, 16384, 4, "R3+1"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.behind);
    BufStory s(WithFile({.bytes = 3 * kBlock + row.behind}));
    const BufIndex buf = s.Read(3);
    EXPECT_EQ(s.bufs()[buf].bytes, row.bytes);
    EXPECT_EQ(s.bufs()[buf].npages, row.pages);
    EXPECT_EQ(s.Disk(), row.read);
    EXPECT_EQ(s.stats().buf_read_bytes, row.bytes);
    s.bufs().Brelse(buf);
  }
}

// Four blocks of 1 KiB share a page: each has a wiring of its own, and reads and writes only what
// is its own.
TEST(GetBlkTest, SmallBlocksShareAPage) {
  VfsTestWorld::Options options;
  options.mount.block_bytes = 1024;
  BufStory s(options);
  std::vector<BufIndex> bufs;
  for (Lblkno lblkno = 0; lblkno < 4; ++lblkno) bufs.push_back(s.Get(lblkno));
  const vm::Page& page = s.w.world().PageAt(*s.vnode().object, 0);
  EXPECT_EQ(page.wire_count, 4);
  s.bufs().Brelse(bufs[2]);
  EXPECT_EQ(page.wire_count, 3);
  s.bufs().Brelse(bufs[0]);
  s.bufs().Brelse(bufs[3]);
  s.w.Do(s.bufs().Bdwrite(s.Store(bufs[1])));
  EXPECT_EQ(page.wire_count, 1);
  EXPECT_EQ(page.valid, 0b1100);
  s.bufs().Brelse(s.Read(2));
  EXPECT_EQ(page.valid, 0b111100);
  EXPECT_EQ(s.w.Memory(0, 6), "1 1 3 3 1 1");
  EXPECT_EQ(s.w.Do(s.bufs().SyncVnode(s.vnode(), /*wait=*/true)), 0);
  EXPECT_EQ(s.w.Medium(0, 6), "1 1 3 3 1 1");
  EXPECT_EQ(s.Disk(), "R2+1 W1+1");
  EXPECT_EQ(page.wire_count, 0);
}

// --- The contents.

TEST(BreadTest, ReadsWhatIsNotThereAndTheNextOneNot) {
  BufStory s;
  s.Begin("a", s.bufs().Bread(s.vnode(), 3));
  s.To(50);
  EXPECT_EQ(s.Sleepers(), "a:biord");
  EXPECT_EQ(s.Bufs(), "3L");
  EXPECT_EQ(s.w.Picture(12, 4), "SSSS");
  EXPECT_EQ(s.vnode().object->paging_in_progress, 4);
  s.To(150);
  EXPECT_EQ(s.Log(), "a@100");
  EXPECT_EQ(s.vnode().object->paging_in_progress, 0);
  s.bufs().Brelse(s.got("a"));
  EXPECT_EQ(s.w.Picture(11, 6), ".IIII.");
  EXPECT_EQ(s.Bufs(), "");
  s.Begin("b", s.bufs().Bread(s.vnode(), 3));
  s.To(200);
  EXPECT_EQ(s.Log(), "b@150");
  s.bufs().Brelse(s.got("b"));
  EXPECT_EQ(s.Disk(), "R3+1");
  EXPECT_EQ(s.stats().getblks, 2);
  EXPECT_EQ(s.stats().buf_reads, 1);
  EXPECT_EQ(s.stats().buf_read_bytes, kBlock);
}

TEST(BreadTest, AHoleIsZerosWithoutTheDisk) {
  BufStory s(WithFile({.bytes = 1 << 20, .fragment_blocks = 2, .hole_every = 2}));
  const BufIndex buf = s.Read(2);
  EXPECT_EQ(s.w.Memory(63, 3), "1 0 0");
  EXPECT_TRUE(s.bufs().Resident(s.vnode(), 2));
  s.bufs().Brelse(buf);
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.stats().buf_reads, 0);
}

// Of the block that the file ended in only two sectors are there, and they are dirty.
TEST(BreadTest, ABlockThatTheFileHasGrownInIsCompleted) {
  BufStory s(WithFile({.bytes = 3 * kBlock + 1024}));
  s.Dirty({3});
  EXPECT_EQ(s.w.Do(s.w.vfs().ops().Truncate(s.w.open(), 4 * kBlock)), 0);
  EXPECT_EQ(s.bufs()[s.vnode().bufs.at(3)].bytes, 1024);
  const BufIndex buf = s.Read(3);
  EXPECT_EQ(s.bufs()[buf].bytes, kBlock);
  EXPECT_EQ(s.bufs()[buf].npages, 4);
  EXPECT_EQ(s.w.Memory(95, 5), "1 3 3 0 0");
  s.bufs().Brelse(buf);
  EXPECT_EQ(s.Bufs(), "3D");
  EXPECT_EQ(s.Disk(), "R3+1");
}

TEST(BreadTest, OrStaysWhatItWasIfThatFails) {
  VfsTestWorld::Options options = WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kRead, 1));
  options.file.bytes = 3 * kBlock + 1024;
  BufStory s(options);
  s.Dirty({3});
  EXPECT_EQ(s.w.Do(s.w.vfs().ops().Truncate(s.w.open(), 4 * kBlock)), 0);
  EXPECT_EQ(s.w.Do(s.bufs().Bread(s.vnode(), 3)).error, kEio);
  EXPECT_EQ(s.Bufs(), "3D");
  EXPECT_EQ(s.bufs()[s.vnode().bufs.at(3)].bytes, 1024);
  EXPECT_EQ(s.bufs()[s.vnode().bufs.at(3)].npages, 1);
  EXPECT_EQ(s.w.Do(s.bufs().SyncVnode(s.vnode(), /*wait=*/true)), 0);
  EXPECT_EQ(s.w.Medium(95, 4), "1 3 3 0");
  EXPECT_EQ(s.Disk(), "R3+1 W3+0.2");
}

// Nobody has the buffer of a read that failed, nor its pages; who waited tries again.
TEST(BreadTest, AnErrorLeavesNothingBehind) {
  const struct {
    sim::DiskFaultKind kind;
    const char* log;
  } rows[] = {
      {sim::DiskFaultKind::kEio, "a=5@100 c@100 b@200"},
      // Its request was never made: c comes to find that it is over already.
      {sim::DiskFaultKind::kNoMemory, "c@0 a=12@0 b@100"},
  };
  for (const auto& row : rows) {
    BufStory s(WithFault(Fault(row.kind, sim::DiskOp::kRead, 1)));
    s.Begin("a", s.bufs().Bread(s.vnode(), 3, 4));
    s.Begin("b", s.bufs().Bread(s.vnode(), 3, 1));
    s.Begin("c", s.bufs().GetBlk(s.vnode(), 5));
    s.w.Run();
    EXPECT_EQ(s.Log(), row.log);
    EXPECT_EQ(s.Disk(), "R3+4 R3+1");
    EXPECT_EQ(s.Bufs(), "3L 5L");
    EXPECT_EQ(s.w.Picture(12, 16), "NNNN....NNNN....");
    s.bufs().Brelse(s.got("b"));
    s.bufs().Brelse(s.got("c"));
    EXPECT_EQ(s.w.Picture(12, 16), "IIII............");
  }
}

TEST(BreadTest, WhatAShortReadDidNotBringIsGarbage) {
  sim::DiskFaultRule rule = Fault(sim::DiskFaultKind::kShort, sim::DiskOp::kRead, 1);
  rule.prefix_sectors = 40;
  BufStory s(WithFault(rule));
  s.bufs().Brelse(s.Read(3, 2));
  EXPECT_EQ(s.w.Memory(134, 4), "1 1 2 2");
  EXPECT_EQ(s.w.Memory(159, 2), "2 1");
  EXPECT_TRUE(s.bufs().Resident(s.vnode(), 4));
}

// --- How ownership ends. Of block 3, with new contents, given away at 10.

TEST(OwnerTest, EndsWhenTheBufferIsGivenAway) {
  const struct {
    const char* name;
    void (*give)(BufStory&, BufIndex);
    const char* at_50;
    const char* sleepers_50;
    const char* pages_50;
    const char* log;
    const char* at_150;
    const char* pages_150;
    const char* medium;
    const char* disk;
    int dirty;
    int64_t writes;
  } rows[] = {
      {"Bwrite", [](BufStory& s, BufIndex b) { s.Begin("a", s.bufs().Bwrite(b)); }, "3LW",
       "a:biowr", "SSSS", "a=0@110", "", "IIII", "1 3 3", "W3+1", 0, 1},
      {"Bawrite", [](BufStory& s, BufIndex b) { s.Begin("a", s.bufs().Bawrite(b)); }, "3LW", "",
       "SSSS", "a@10", "", "IIII", "1 3 3", "W3+1", 0, 1},
      {"Bdwrite", [](BufStory& s, BufIndex b) { s.Begin("a", s.bufs().Bdwrite(b)); }, "3D", "",
       "NNNN", "a@10", "3D", "NNNN", "1 1 1", "", 1, 0},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    BufStory s;
    const BufIndex buf = s.Store(s.Get(3));
    s.To(10);
    row.give(s, buf);
    s.To(50);
    EXPECT_EQ(s.Bufs(), row.at_50);
    EXPECT_EQ(s.Sleepers(), row.sleepers_50);
    EXPECT_EQ(s.w.Picture(12, 4), row.pages_50);
    s.To(150);
    EXPECT_EQ(s.Log(), row.log);
    EXPECT_EQ(s.Bufs(), row.at_150);
    EXPECT_EQ(s.w.Picture(12, 4), row.pages_150);
    EXPECT_EQ(s.w.Memory(95, 3), "1 3 3");
    EXPECT_EQ(s.w.Medium(95, 3), row.medium);
    EXPECT_EQ(s.Disk(), row.disk);
    EXPECT_EQ(s.vnode().dirty_bufs, row.dirty);
    EXPECT_EQ(s.stats().numdirtybuffers, row.dirty);
    EXPECT_EQ(s.vnode().writes_in_flight, 0);
    EXPECT_EQ(s.stats().buf_writes, row.writes);
    EXPECT_EQ(s.stats().buf_write_bytes, row.writes * kBlock);
  }
}

TEST(OwnerTest, ADirtyBufferThatIsReleasedStaysAsItIs) {
  BufStory s;
  s.Dirty({3, 1});
  EXPECT_EQ(s.Queue(), "3 1");
  const BufIndex buf = s.Read(3);
  EXPECT_EQ(s.Bufs(), "1D 3DL");
  s.bufs().Brelse(buf);
  EXPECT_EQ(s.Bufs(), "1D 3D");
  EXPECT_EQ(s.Queue(), "3 1");
  EXPECT_EQ(s.w.Picture(12, 4), "NNNN");
  EXPECT_EQ(s.Disk(), "");
}

// Dirty once more is not dirtier: it keeps its place, and is counted once.
TEST(OwnerTest, ADirtyBufferIsDirtySinceItFirstWas) {
  BufStory s;
  s.To(10);
  s.Dirty({3, 1});
  s.To(20);
  s.Dirty({3});
  EXPECT_EQ(s.Queue(), "3 1");
  EXPECT_EQ(s.bufs()[s.vnode().bufs.at(3)].dirtied, 10 * sim::kMicrosecond);
  EXPECT_EQ(s.vnode().dirty_bufs, 2);
  EXPECT_EQ(s.w.Memory(96, 1), "5");
}

// They go to the place in the inactive queue that is for such.
TEST(OwnerTest, PagesThatWillNotBeWantedDoNotQueueBehindOthers) {
  for (const bool noreuse : {false, true}) {
    BufStory s;
    const BufIndex buf = s.Read(3);
    EXPECT_FALSE(s.bufs()[buf].noreuse);
    s.bufs()[buf].noreuse = noreuse;
    s.bufs().Brelse(buf);
    for (vm::Pindex pindex = 12; pindex < 16; ++pindex) {
      const vm::Page& page = s.w.world().PageAt(*s.vnode().object, pindex);
      EXPECT_EQ(page.effective_queue(), vm::QueueId::kInactive);
      EXPECT_EQ(page.has(vm::kPgaRequeueHead), noreuse);
      EXPECT_EQ(page.has(vm::kPgaRequeue), !noreuse);
    }
    // The next to take the buffer does not inherit that.
    EXPECT_FALSE(s.bufs()[s.Get(5)].noreuse);
  }
}

// What programs store through their mappings of a buffer's pages goes with its write, and only with
// that: they cannot store any more until they fault again.
TEST(OwnerTest, AWriteTakesStoresThroughMappingsWithIt) {
  for (const bool delayed : {false, true}) {
    BufStory s;
    const auto area = s.w.Map(64);
    s.w.world().Write(area, 13, 1);
    EXPECT_EQ(s.w.Picture(12, 4).substr(1, 1).find_first_of("ail"), 0u);
    s.Disk();
    const BufIndex buf = s.Read(3);
    if (delayed) {
      s.w.Do(s.bufs().Bdwrite(buf));
    } else {
      EXPECT_EQ(s.w.Do(s.bufs().Bwrite(buf)), 0);
    }
    EXPECT_EQ(s.w.world().PageAt(*s.vnode().object, 13).dirty, 0);
    EXPECT_EQ(s.w.world().PteAt(area, 13) & vm::kPteModified, 0u);
    // A delayed write is not under way yet: programs may store on, and the write will take that,
    // too.
    EXPECT_EQ((s.w.world().PteAt(area, 13) & vm::kPteWritable) != 0, delayed);
    const Tag tag = s.w.file().memory.Get(104);
    EXPECT_GE(tag, kFirstTag);
    EXPECT_EQ(s.w.Memory(103, 1), "1");
    EXPECT_EQ(s.w.Memory(112, 1), "1");
    EXPECT_EQ(s.w.file().medium.Get(104), delayed ? kInitialTag : tag);
    s.w.world().Write(area, 13, 1);
    EXPECT_EQ(s.w.Do(s.w.vfs().ops().Fsync(s.w.open())), 0);
    EXPECT_GT(s.w.file().medium.Get(104), tag);
    EXPECT_EQ(s.w.file().medium.Get(104), s.w.file().memory.Get(104));
  }
}

// --- Who waits.

TEST(WaitTest, OneOwnerAtATimeInTheOrderInWhichTheyCame) {
  const struct {
    const char* name;
    void (*give)(BufStory&, BufIndex);
    const char* idle;
  } rows[] = {
      {"Brelse", [](BufStory& s, BufIndex b) { s.bufs().Brelse(b); }, ""},
      {"Bdwrite", [](BufStory& s, BufIndex b) { s.w.Do(s.bufs().Bdwrite(s.Store(b))); }, "3D"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    BufStory s;
    for (const char* who : {"a", "b", "c"}) s.Begin(who, s.bufs().GetBlk(s.vnode(), 3));
    s.Begin("d", s.bufs().GetBlk(s.vnode(), 4));
    s.To(10);
    EXPECT_EQ(s.Log(), "a@0 d@0");
    EXPECT_EQ(s.Sleepers(), "b:getblk c:getblk");
    row.give(s, s.got("a"));
    s.To(20);
    EXPECT_EQ(s.Log(), "b@10");
    EXPECT_EQ(s.Sleepers(), "c:getblk");
    row.give(s, s.got("b"));
    s.To(30);
    EXPECT_EQ(s.Log(), "c@20");
    row.give(s, s.got("c"));
    s.bufs().Brelse(s.got("d"));
    EXPECT_EQ(s.Bufs(), row.idle);
    EXPECT_EQ(s.stats().getblks, 4);  // However often they looked.
  }
}

TEST(WaitTest, UntilTheTransferIsOver) {
  const struct {
    const char* name;
    void (*start)(BufStory&);
    const char* disk;
    const char* log;
  } rows[] = {
      // Who writes and does not wait has given the buffer to the disk.
      {"Write", [](BufStory& s) { s.w.Do(s.bufs().Bawrite(s.Store(s.Get(3)))); }, "W3+1",
       "b@100 c@120"},
      {"ReadAhead", [](BufStory& s) { EXPECT_EQ(s.bufs().ReadAhead(s.vnode(), 2, 3), 3); }, "R2+3",
       "b@100 c@120"},
      {"Cluster",
       [](BufStory& s) {
         s.Dirty({2, 3, 4});
         EXPECT_EQ(s.w.Do(s.bufs().WriteCluster(s.vnode(), 4)), 3);
       },
       "W2+3", "b@100 c@120"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    BufStory s;
    row.start(s);
    s.Begin("b", s.bufs().Bread(s.vnode(), 3));
    s.Begin("c", s.bufs().Bread(s.vnode(), 3));
    s.To(90);
    EXPECT_EQ(s.Sleepers(), "b:getblk c:getblk");
    s.To(120);
    s.bufs().Brelse(s.got("b"));
    s.To(130);
    s.bufs().Brelse(s.got("c"));
    EXPECT_EQ(s.Log(), row.log);
    EXPECT_EQ(s.Disk(), row.disk);  // It is in memory now: nothing more to read.
    EXPECT_EQ(s.Bufs(), "");
  }
}

TEST(WaitTest, ForAPageThatIsBeingFilled) {
  BufStory s;
  s.Load({3});
  const vm::FrameIndex frame = s.Busy(14);
  s.To(200);
  s.Begin("a", s.bufs().GetBlk(s.vnode(), 3));
  s.To(210);
  EXPECT_EQ(s.Sleepers(), "a:pgrbwt");
  EXPECT_EQ(s.Bufs(), "3L");  // The block is its own already, two pages of it, too.
  s.Unbusy(frame);
  s.To(220);
  EXPECT_EQ(s.Log(), "a@210");
  s.bufs().Brelse(s.got("a"));
}

TEST(WaitTest, ForAPageThatSomebodyHasBeforeItIsWritten) {
  BufStory s;
  const BufIndex buf = s.Store(s.Get(3));
  const vm::FrameIndex frame = s.Busy(14);
  s.Begin("a", s.bufs().Bwrite(buf));
  s.To(10);
  EXPECT_EQ(s.Sleepers(), "a:vbpage");
  EXPECT_EQ(s.w.Picture(12, 4), "SSXN");
  s.Unbusy(frame);
  s.To(200);
  EXPECT_EQ(s.Log(), "a=0@110");
}

// Takes all free pages into an object of its own.
class Hog {
 public:
  explicit Hog(BufStory& s) : vm_(s.w.vm()), object_(vm_.CreateAnonymous(4000)) {
    while (true) {
      const auto pindex = static_cast<vm::Pindex>(frames_.size());
      const vm::FrameIndex frame =
          vm_.allocator().Alloc(object_, pindex, vm::AllocClass::kInterrupt);
      if (frame == vm::kNoFrame) break;
      frames_.push_back(frame);
    }
  }
  ~Hog() {
    for (const vm::FrameIndex frame : frames_) vm_.allocator().Free(frame);
  }

 private:
  vm::VmSystem& vm_;
  vm::Object& object_;
  std::vector<vm::FrameIndex> frames_;
};

TEST(WaitTest, ForMemory) {
  BufStory s;
  s.w.StopChecking();
  {
    Hog hog(s);
    s.Begin("a", s.bufs().GetBlk(s.vnode(), 3));
    s.w.engine().Run();
    EXPECT_EQ(s.Sleepers(), "a:vmwait");
    EXPECT_EQ(s.Log(), "");
    // Who only wants to read ahead does not wait, and leaves no trace.
    EXPECT_EQ(s.bufs().ReadAhead(s.vnode(), 7, 2), 0);
    EXPECT_EQ(s.Bufs(), "3L");
    EXPECT_EQ(s.w.Picture(28, 8), "........");
  }
  s.w.engine().Run();
  EXPECT_EQ(s.Sleepers(), "");
  EXPECT_EQ(s.bufs()[s.got("a")].npages, 4);
  s.bufs().Brelse(s.got("a"));
}

// --- Who is told.

TEST(ObserverTest, HearsOfTheFirstDirtyBufferOfAFile) {
  struct : BufferCache::DirtyObserver {
    void OnDirty(Vnode& vnode) override { text += vnode.name; }
    std::string text;
  } observer;
  BufStory s;
  Vnode& g = s.AddFile("g", 1 << 20);
  s.bufs().set_dirty_observer(&observer);
  s.Dirty({3, 4, 3});
  EXPECT_EQ(observer.text, "f");
  s.Dirty(g, 3);
  s.Dirty({5});
  EXPECT_EQ(observer.text, "fg");
  EXPECT_EQ(s.w.Do(s.bufs().SyncVnode(s.vnode(), /*wait=*/true)), 0);
  s.Dirty(g, 4);
  s.Dirty({5});
  EXPECT_EQ(observer.text, "fgf");
  s.bufs().set_dirty_observer(&s.w.vfs().syncer());
}

TEST(ResidentTest, IsWhatIsValidOfTheBlockInsideTheFile) {
  BufStory s(WithFile({.bytes = 2 * kBlock + 5000}));
  s.Load({0, 2});
  const auto resident = [&s] {
    std::string text;
    for (Lblkno lblkno = 0; lblkno < 4; ++lblkno) {
      text += s.bufs().Resident(s.vnode(), lblkno) ? '1' : '0';
    }
    return text;
  };
  EXPECT_EQ(resident(), "1010");  // Block 3 is behind the end: never.
  s.w.world().Evict(*s.vnode().object, 3);
  EXPECT_EQ(resident(), "0010");
  vm::Page& last = s.w.world().PageAt(*s.vnode().object, 9);
  EXPECT_EQ(last.valid & 0b11, 0b11);  // 904 bytes of it.
  last.valid = 0b01;
  EXPECT_EQ(resident(), "0000");
  last.valid = 0b11;
  EXPECT_EQ(resident(), "0010");
}

// --- What nobody may do.

TEST(BufDeathTest, OnlyAnOwnerGivesABufferAway) {
  const struct {
    const char* name;
    void (*give)(BufStory&, BufIndex);
    const char* message;
  } rows[] = {
      {"Brelse", [](BufStory& s, BufIndex b) { s.bufs().Brelse(b); }, "nobody owns is released"},
      {"Bwrite", [](BufStory& s, BufIndex b) { s.w.Do(s.bufs().Bwrite(b)); }, "buf.locked"},
      {"Bawrite", [](BufStory& s, BufIndex b) { s.w.Do(s.bufs().Bawrite(b)); }, "buf.locked"},
      {"Bdwrite", [](BufStory& s, BufIndex b) { s.w.Do(s.bufs().Bdwrite(b)); }, "nobody owns"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    BufStory s;
    s.Dirty({3});
    const BufIndex buf = s.vnode().bufs.at(3);
    EXPECT_DEATH(row.give(s, buf), row.message);
  }
}

TEST(BufDeathTest, AFileDoesNotEndUnderAnOwner) {
  BufStory s;
  const BufIndex buf = s.Get(3);
  EXPECT_DEATH(s.bufs().Discard(s.vnode()), "a file ends while a buffer is in use, block=3");
  s.bufs().Brelse(buf);
}

}  // namespace
}  // namespace vmsim::vfs
