// Arguments of calls on files; write(2), fsync(2), ftruncate(2).
#include "vfs/file_ops.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vfs/file_ops_story.h"

namespace vmsim::vfs {
namespace {

// --- Arguments.

TEST(ArgumentsTest, WhatIsRefusedAndWhatHasNoEffect) {
  struct Row {
    int64_t offset, bytes;
    const char* read;
    const char* write;
  };
  const Row rows[] = {
      {-1, 1, "EINVAL", "EINVAL"},
      {0, -1, "EINVAL", "EINVAL"},
      {0, kMaxCallBytes + 1, "EINVAL", "EINVAL"},
      {0, 0, "0", "0"},
      {5 << 20, 0, "0", "0"},
      {kMaxFileBytes, 1, "0", "EFBIG"},
      {kMaxFileBytes - 4095, 4096, "0", "EFBIG"},
      {INT64_MAX, 1, "0", "EFBIG"},
      {INT64_MAX, kMaxCallBytes, "0", "EFBIG"},
      {1 << 20, 4096, "0", "4096"},
  };
  for (const Row& row : rows) {
    FileStory s;
    EXPECT_EQ(s.Read(row.offset, row.bytes), row.read) << row.offset << " " << row.bytes;
    EXPECT_EQ(s.Disk(), "");
    EXPECT_EQ(s.Write(row.offset, row.bytes), row.write) << row.offset << " " << row.bytes;
    EXPECT_FALSE(s.vnode().lock.held());
  }
}

TEST(ArgumentsTest, TruncateRefusesSizesThatNoFileHas) {
  FileStory s;
  EXPECT_EQ(s.Truncate(-1), "EINVAL");
  EXPECT_EQ(s.Truncate(kMaxFileBytes + 1), "EFBIG");
  EXPECT_EQ(s.vnode().size, 1 << 20);
  EXPECT_EQ(s.witness.Take(), "");
}

TEST(ArgumentsTest, CallsAreCounted) {
  FileStory s;
  s.Read(0, 5000);
  s.Read(0, 0);
  s.Write(0, 100);
  s.Fsync();
  const FileStats& stats = s.world.stats();
  EXPECT_EQ(stats.file_reads, 1);
  EXPECT_EQ(stats.file_read_bytes, 5000);
  EXPECT_EQ(stats.file_writes, 1);
  EXPECT_EQ(stats.file_write_bytes, 100);
  EXPECT_EQ(stats.file_fsyncs, 1);
}

// --- write.

TEST(WriteTest, AWholeBlockIsNotReadFirst) {
  FileStory s;
  EXPECT_EQ(s.Write(kBlock, kBlock), "16384");
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.vnode().dirty_bufs, 1);
  EXPECT_EQ(s.world.Memory(31, 3), "1 3 3");
  EXPECT_EQ(s.world.Medium(31, 3), "1 1 1");
  EXPECT_EQ(s.world.Picture(3, 6), ".NNNN.");  // Wired by the buffer; clean, for it will write.
  EXPECT_EQ(s.witness.Take(), "stored 32+32=3");
}

TEST(WriteTest, NeitherIsAllThatThereIsOfTheLastOne) {
  FileStory s(WithFile({.bytes = 20000}));
  EXPECT_EQ(s.Write(kBlock, 3615), "3615");
  EXPECT_EQ(s.Disk(), "R1+0.8");  // A byte is missing.
  FileStory t(WithFile({.bytes = 20000}));
  EXPECT_EQ(t.Write(kBlock, 3616), "3616");
  EXPECT_EQ(t.Write(kBlock, 5000), "5000");  // It grows, and all of it is new again.
  EXPECT_EQ(t.Disk(), "");
}

TEST(WriteTest, APartOfABlockIsReadFirst) {
  FileStory s;
  EXPECT_EQ(s.Write(kBlock + 700, 1000), "1000");
  EXPECT_EQ(s.Disk(), "R1+1");
  EXPECT_EQ(s.world.Memory(32, 6), "1 3 3 3 1 1");
  EXPECT_EQ(s.witness.Take(), "stored 33+3=3");
  EXPECT_EQ(s.Write(kBlock, 10), "10");  // It is in memory now.
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.world.Memory(32, 6), "4 3 3 3 1 1");
}

TEST(WriteTest, EachBlockOfACallHasATagOfItsOwn) {
  FileStory s;
  EXPECT_EQ(s.Write(kBlock - 512, kBlock + 1024), "17408");
  EXPECT_EQ(s.witness.Take(), "stored 31+1=3 stored 32+32=4 stored 64+1=5");
  EXPECT_EQ(s.Disk(), "R0+1 R2+1");
  s.Jump();
  s.Read(kBlock - 1024, 1024 + 512);
  EXPECT_EQ(Text(s.tags), "1 3 4");
}

TEST(WriteTest, APartOfAHoleIsAmongZerosWithoutTheDisk) {
  FileStory s(WithFile({.bytes = 4 * kBlock, .fragment_blocks = 2, .hole_every = 2}));
  const int64_t free = s.free_blocks();
  EXPECT_EQ(s.Write(2 * kBlock + 512, 512), "512");
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.free_blocks(), free - 1);
  EXPECT_EQ(s.vnode().map.Bmap(2).sector, 2 * 32);  // Behind its predecessor.
  EXPECT_EQ(s.world.Memory(64, 3), "0 3 0");
  EXPECT_EQ(s.world.Medium(64, 3), "0 0 0");
  EXPECT_EQ(s.Fsync(), "0");
  EXPECT_EQ(s.Disk(), "W2+1");
  EXPECT_EQ(s.world.Medium(64, 3), "0 3 0");
}

TEST(WriteTest, AppendingBeginsAtTheEndWhateverTheOffset) {
  FileStory s(WithFile({.bytes = 20000}));
  s.file().append = true;
  EXPECT_EQ(s.Write(5, 1000), "1000");
  EXPECT_EQ(s.vnode().size, 21000);
  EXPECT_EQ(s.Disk(), "R1+0.10");  // The block is as long as it is going to be.
  EXPECT_EQ(s.witness.Take(), "stored 39+3=3");
  EXPECT_EQ(s.Write(0, 1000), "1000");
  EXPECT_EQ(s.vnode().size, 22000);
  EXPECT_EQ(s.file().writing.next, 22000);
}

TEST(WriteTest, WhatLiesBetweenTheOldEndAndTheWriteIsZeros) {
  FileStory s(WithFile({.bytes = kBlock + 700}));
  s.Read(kBlock, 700);  // The page is in memory, with two sectors.
  s.Disk();
  EXPECT_EQ(s.Write(kBlock + 2048, 512), "512");
  EXPECT_EQ(s.world.Memory(32, 5), "1 1 0 0 3");
  EXPECT_EQ(s.Write(4 * kBlock, 1), "1");  // Two whole blocks are left out.
  EXPECT_EQ(s.vnode().size, 4 * kBlock + 1);
  EXPECT_FALSE(s.vnode().map.mapped(2));
  EXPECT_FALSE(s.vnode().map.mapped(3));
  s.Read(kBlock + 2048, 3 * kBlock - 2048);
  EXPECT_EQ(s.tags[0], 3u);
  EXPECT_EQ(std::vector<Tag>(s.tags.begin() + 1, s.tags.end()), std::vector<Tag>(91, kZeroTag));
}

TEST(WriteTest, ASequentialWriterHasItsClustersWritten) {
  FileStory s;
  EXPECT_EQ(s.Write(0, 20 * kBlock), "327680");
  EXPECT_EQ(s.Disk(), "W0+8 W8+8");
  EXPECT_EQ(s.vnode().dirty_bufs, 4);
  EXPECT_EQ(s.Write(20 * kBlock, 4 * kBlock), "65536");
  EXPECT_EQ(s.Disk(), "W16+8");
  EXPECT_EQ(s.vnode().dirty_bufs, 0);
}

TEST(WriteTest, BlocksOfOneWhoJumpsStayDirty) {
  FileStory s;
  for (const Lblkno lblkno : {7, 3, 15, 5, 23}) {
    s.Jump();
    EXPECT_EQ(s.Write(lblkno * kBlock, kBlock), "16384");
  }
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.vnode().dirty_bufs, 5);
  // One step is not yet a sequence, two are.
  s.file().writing = {.next = 31 * kBlock, .seqcount = 0};
  s.Write(31 * kBlock, kBlock);
  EXPECT_EQ(s.Disk(), "");
  s.file().writing = {.next = 39 * kBlock, .seqcount = 1};
  s.Write(39 * kBlock, kBlock);
  EXPECT_EQ(s.Disk(), "W39+1");
}

// A part of the last block of a cluster does not end the cluster.
TEST(WriteTest, AClusterEndsWithTheLastByteOfItsLastBlock) {
  FileStory s;
  EXPECT_EQ(s.Write(0, 8 * kBlock - 1), "131071");
  EXPECT_EQ(s.Disk(), "R7+1");
  EXPECT_EQ(s.Write(8 * kBlock - 1, 1), "1");
  EXPECT_EQ(s.Disk(), "W0+8");
}

TEST(WriteTest, WithOSyncEachBlockIsOnTheDiskBeforeTheNext) {
  FileStory s;
  s.file().sync = true;
  EXPECT_EQ(s.Write(kBlock, 2 * kBlock), "32768");
  EXPECT_EQ(s.world.engine().now(), 2 * (4 * 500 + 100'000));
  EXPECT_EQ(s.world.Medium(32, 1) + " " + s.world.Medium(64, 1), "3 4");
  EXPECT_EQ(s.witness.Take(), "stored 32+32=3 stored 64+32=4 safe 32+64<=4");
  EXPECT_EQ(s.Disk(), "W1+1 W2+1");
  EXPECT_EQ(s.vnode().dirty_bufs, 0);
}

TEST(WriteTest, WithOSyncAnErrorEndsTheCallAndPromisesNothing) {
  FileStory s(WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 2)));
  s.file().sync = true;
  EXPECT_EQ(s.Write(0, 3 * kBlock), "EIO");
  EXPECT_EQ(s.Disk(), "W0+1 W1+1");
  EXPECT_EQ(s.witness.Take(), "stored 0+32=3 stored 32+32=4");
  EXPECT_EQ(s.vnode().dirty_bufs, 1);  // It will be tried again.
  EXPECT_EQ(s.Fsync(), "0");
  EXPECT_EQ(s.Disk(), "W1+1");
  EXPECT_EQ(s.world.Medium(32, 1), "4");
}

// Ten dirty buffers are enough, five of them of "f" and five of "g". (Of one file there are never more
// than nine tenths.)
struct DirtyStory : FileStory {
  static VfsTestWorld::Options Limits() {
    VfsTestWorld::Options options;
    options.vfs.hidirtybuffers = 10;
    options.vfs.lodirtybuffers = 4;
    return options;
  }
  explicit DirtyStory(const VfsTestWorld::Options& options) : FileStory(options) {
    OpenFile other;
    other.vnode = world.vfs().AddFile(vnode().mount, "g", {.bytes = 1 << 20});
    for (const Lblkno lblkno : {50, 40, 30, 20, 10}) {
      Jump();
      EXPECT_EQ(Write(lblkno * kBlock, kBlock), "16384");
      other.writing = {.next = -1, .seqcount = 0};
      EXPECT_EQ(world.Do(ops().Write(other, lblkno * kBlock, kBlock)).bytes, kBlock);
    }
    EXPECT_EQ(world.stats().numdirtybuffers, 10);
    EXPECT_EQ(Disk(), "");
    Jump();
  }
};

TEST(WriteTest, WithTooManyDirtyBuffersBlocksLeaveAtOnce) {
  DirtyStory s(DirtyStory::Limits());
  EXPECT_EQ(s.Write(60 * kBlock, kBlock), "16384");
  EXPECT_EQ(s.world.stats().numdirtybuffers, 10);
  EXPECT_EQ(s.Disk(), "W60+1");
}

TEST(WriteTest, WithSevereShortageOfMemoryBlocksLeaveAtOnce) {
  FileStory s;
  s.Write(0, kBlock);
  vm::VmSystem& vm = s.world.vm();
  vm::Object& hog = vm.objects().Create(vm::ObjectType::kSwap, 4000);
  std::vector<vm::FrameIndex> taken;
  while (!vm.domain().severe_set()) {
    taken.push_back(vm.allocator().Alloc(hog, static_cast<vm::Pindex>(taken.size()),
                                         vm::AllocClass::kInterrupt));
    ASSERT_NE(taken.back(), vm::kNoFrame);
  }
  s.Jump();
  IoResult wrote;
  s.world.Begin(s.ops().Write(s.file(), 0, kBlock), &wrote);
  s.world.engine().Run();
  EXPECT_EQ(wrote.bytes, kBlock);
  for (const vm::FrameIndex frame : taken) vm.allocator().Free(frame);
  EXPECT_EQ(s.Disk(), "W0+1");
  EXPECT_EQ(s.vnode().dirty_bufs, 0);
  s.world.Do(vm.object_ops().Deallocate(hog.id));
}

// Who waits because of dirty buffers keeps nobody from the file.
TEST(WriteTest, WaitsForDirtyBuffersBeforeItLocksTheFile) {
  VfsTestWorld::Options options = DirtyStory::Limits();
  options.faults = {Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 1)};
  DirtyStory s(options);
  s.Write(60 * kBlock, kBlock);  // It leaves, fails, and is dirty again.
  EXPECT_EQ(s.Disk(), "W60+1");
  EXPECT_EQ(s.world.stats().numdirtybuffers, 11);
  IoResult wrote;
  s.Jump();
  const sim::Thread* writer = s.world.Begin(s.ops().Write(s.file(), 0, kBlock), &wrote);
  s.world.engine().Run();
  EXPECT_EQ(writer->wait_message(), "flswai");
  EXPECT_FALSE(s.vnode().lock.held());
  EXPECT_EQ(s.Fsync(), "0");  // Leaves 5.
  s.world.Run();
  EXPECT_EQ(wrote.bytes, kBlock);
  EXPECT_EQ(s.world.stats().dirty_waits, 1);
}

TEST(WriteTest, AdviceNotToReuseStaysWithTheBuffer) {
  FileStory s;
  s.Write(0, kBlock);
  s.file().advise_noreuse = true;
  s.Write(3 * kBlock, kBlock);
  const BufferCache& bufs = s.world.vfs().bufs();
  EXPECT_FALSE(bufs[s.vnode().bufs.at(0)].noreuse);
  EXPECT_TRUE(bufs[s.vnode().bufs.at(3)].noreuse);
  // A reader without the advice does not take it away.
  s.file().advise_noreuse = false;
  s.Read(3 * kBlock, 1);
  EXPECT_TRUE(bufs[s.vnode().bufs.at(3)].noreuse);
}

// --- Writes that cannot be finished: the call has moved nothing, the file is as long as before.

// The disk has 10 blocks, the file has 8.
VfsTestWorld::Options AlmostFull() {
  VfsTestWorld::Options options = WithFile({.bytes = 8 * kBlock - 1000});
  options.disk_bytes = 10 * kBlock;
  return options;
}

TEST(UnfinishedWriteTest, AFullDiskLeavesTheSizeAndGivesBackItsBlocks) {
  FileStory s(AlmostFull());
  EXPECT_EQ(s.Write(8 * kBlock, 4 * kBlock), "ENOSPC");
  EXPECT_EQ(s.vnode().size, 8 * kBlock - 1000);
  EXPECT_EQ(s.free_blocks(), 2);
  EXPECT_EQ(s.vnode().dirty_bufs, 0);
  EXPECT_EQ(s.world.stats().file_write_bytes, 0);
  EXPECT_EQ(s.witness.Take(), "stored 256+32=3 stored 288+32=4 cut 255");
  EXPECT_EQ(s.Disk(), "");
  // Nothing of it shows when there is room.
  EXPECT_EQ(s.Truncate(9 * kBlock), "0");
  s.Read(8 * kBlock, kBlock);
  EXPECT_EQ(s.tags, std::vector<Tag>(32, kZeroTag));
}

TEST(UnfinishedWriteTest, WhatItOverwroteStaysOverwritten) {
  FileStory s(AlmostFull());
  EXPECT_EQ(s.Write(7 * kBlock, 4 * kBlock), "ENOSPC");
  EXPECT_EQ(s.vnode().size, 8 * kBlock - 1000);
  EXPECT_EQ(s.vnode().dirty_bufs, 1);
  EXPECT_EQ(s.world.Memory(7 * 32, 1), "3");
  EXPECT_EQ(s.world.Memory(7 * 32 + 30, 3), "3 0 0");
  EXPECT_EQ(s.Fsync(), "0");
  EXPECT_EQ(s.Disk(), "W7+0.31");
  EXPECT_EQ(s.world.Medium(7 * 32 + 30, 3), "3 0 0");
}

TEST(UnfinishedWriteTest, AnErrorReadingTheRestOfABlockLeavesTheSize) {
  VfsTestWorld::Options options = WithFile({.bytes = kBlock + 700});
  options.faults = {Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kRead, 1)};
  FileStory s(options);
  EXPECT_EQ(s.Write(kBlock + 600, 3 * kBlock), "EIO");
  EXPECT_EQ(s.vnode().size, kBlock + 700);
  EXPECT_EQ(s.Disk(), "R1+1");
  EXPECT_EQ(s.witness.Take(), "cut 34");
  EXPECT_EQ(s.Write(kBlock + 600, 3 * kBlock), "49152");
}

TEST(UnfinishedWriteTest, TheFileGrowsWithEachBlock) {
  FileStory s(WithFile({.bytes = kBlock}));
  s.file().sync = true;
  IoResult wrote;
  s.world.Begin(s.ops().Write(s.file(), kBlock, 2 * kBlock + 5), &wrote);
  std::string sizes;
  for (int64_t last = kBlock; wrote.bytes == 0 && s.world.engine().Step();) {
    if (s.vnode().size == last) continue;
    last = s.vnode().size;
    absl::StrAppend(&sizes, last, " ");
  }
  EXPECT_EQ(sizes, "32768 49152 49157 ");
  EXPECT_EQ(wrote.bytes, 2 * kBlock + 5);
}

// --- fsync.

TEST(FsyncTest, WritesWhatWasWrittenAndStoredAndPromisesIt) {
  FileStory s;
  s.Write(2 * kBlock, kBlock);
  const auto area = s.world.Map(256);
  s.world.world().Write(area, 40, 1);  // Page 40: sectors 320-327, block 10.
  s.Disk();
  s.witness.Take();
  EXPECT_EQ(s.Fsync(), "0");
  EXPECT_EQ(s.vnode().dirty_bufs, 0);
  EXPECT_EQ(s.world.Medium(64, 1), "3");
  EXPECT_GT(s.vnode().medium.Get(320), 3u);
  EXPECT_EQ(s.vnode().medium.Get(320), s.vnode().memory.Get(320));
  const std::string said = s.witness.Take();
  // The store had tag 4 when the promise was made, whatever name it was written with.
  EXPECT_EQ(said.substr(said.rfind("safe")), "safe 0+2048<=4");
  EXPECT_EQ(s.Disk(), "W2+1 W10+1");
}

TEST(FsyncTest, NothingDirtyCostsNothing) {
  FileStory s;
  EXPECT_EQ(s.Fsync(), "0");
  EXPECT_EQ(s.world.engine().now(), 0);
  EXPECT_EQ(s.Disk(), "");
}

TEST(FsyncTest, TellsOnceOfDataThatWereLost) {
  FileStory s(WithFault(Fault(sim::DiskFaultKind::kGone, sim::DiskOp::kWrite, 1)));
  s.Write(0, kBlock);
  s.witness.Take();
  EXPECT_EQ(s.Fsync(), "ENXIO");
  EXPECT_EQ(s.world.stats().buf_write_giveups, 1);
  EXPECT_EQ(s.witness.Take(), "lost 0+32");
  EXPECT_EQ(s.Fsync(), "0");
}

TEST(FsyncTest, ATransientErrorIsTriedAgain) {
  FileStory s(WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kWrite, 1)));
  s.Write(0, kBlock);
  EXPECT_EQ(s.Fsync(), "0");
  EXPECT_EQ(s.Disk(), "W0+1 W0+1");
  EXPECT_EQ(s.world.Medium(0, 1), "3");
}

// --- ftruncate.

TEST(TruncateTest, CuttingGivesBackBlocksAndForgetsWhatWasDirtyThere) {
  FileStory s;
  const int64_t free = s.free_blocks();
  s.Write(0, 512);
  s.Write(10 * kBlock, 20 * kBlock - 5);
  s.Disk();
  s.witness.Take();
  EXPECT_EQ(s.Truncate(8 * kBlock + 700), "0");
  EXPECT_EQ(s.vnode().size, 8 * kBlock + 700);
  EXPECT_EQ(s.vnode().map.blocks(), 9);
  EXPECT_EQ(s.free_blocks(), free + 64 - 9);
  EXPECT_EQ(s.vnode().dirty_bufs, 1);  // Of block 0.
  EXPECT_EQ(s.witness.Take(), "cut 258");
  EXPECT_EQ(s.Disk(), "");
}

TEST(TruncateTest, WhatWasCutOffIsZerosWhenTheFileGrows) {
  FileStory s;
  s.Write(kBlock, kBlock);
  EXPECT_EQ(s.Fsync(), "0");
  s.Disk();
  EXPECT_EQ(s.Truncate(kBlock + 700), "0");
  EXPECT_EQ(s.Truncate(4 * kBlock), "0");
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.world.Medium(32, 4), "3 3 0 0");
  EXPECT_EQ(s.vnode().map.blocks(), 2);  // The rest is a hole.
  s.Jump();
  s.Read(kBlock, 3 * kBlock);
  EXPECT_EQ(std::vector<Tag>(s.tags.begin() + 2, s.tags.end()), std::vector<Tag>(94, kZeroTag));
}

TEST(TruncateTest, TheSameSizeIsNoChange) {
  FileStory s;
  s.Write(0, 512);
  s.witness.Take();
  EXPECT_EQ(s.Truncate(1 << 20), "0");
  EXPECT_EQ(s.witness.Take(), "");
  EXPECT_EQ(s.vnode().dirty_bufs, 1);
}

TEST(TruncateTest, ToNothingAndBack) {
  FileStory s;
  s.Read(0, 1 << 20);
  s.Disk();
  EXPECT_EQ(s.Truncate(0), "0");
  EXPECT_EQ(s.vnode().object->resident_page_count, 0u);
  EXPECT_EQ(s.free_blocks(), s.vnode().mount.space.blocks());
  EXPECT_EQ(s.Read(0, 1), "0");
  EXPECT_EQ(s.Write(0, 3), "3");
  EXPECT_EQ(s.vnode().size, 3);
  EXPECT_EQ(s.Disk(), "");
}

// A transfer under way must not put anything behind the end afterwards.
TEST(TruncateTest, WaitsForTransfersOfWhatItCuts) {
  FileStory s;
  s.file().writing = {.next = 16 * kBlock, .seqcount = 1};
  s.Write(16 * kBlock, 8 * kBlock);  // Its cluster leaves; tags 3 to 10.
  const sim::SimTime start = s.world.engine().now();
  EXPECT_EQ(s.Truncate(20 * kBlock + 1024), "0");
  EXPECT_EQ(s.world.engine().now() - start, 100'000);
  EXPECT_EQ(s.Disk(), "W16+8");
  EXPECT_EQ(s.Truncate(40 * kBlock), "0");
  EXPECT_EQ(s.world.Medium(20 * 32, 3), "7 7 0");
  EXPECT_EQ(s.world.Medium(23 * 32, 1), "0");
  // Likewise a transfer of the block that stays in part.
  s.file().reading = {.next = 5 * kBlock, .seqcount = 1};
  s.Read(5 * kBlock, kBlock);
  EXPECT_EQ(s.Truncate(8 * kBlock + 512), "0");
  EXPECT_EQ(s.Disk(), "R5+1 R6+8");
  EXPECT_EQ(s.Truncate(9 * kBlock), "0");
  s.Read(8 * kBlock, 1024);
  EXPECT_EQ(Text(s.tags), "1 0");
}

}  // namespace
}  // namespace vmsim::vfs
