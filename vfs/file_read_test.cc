// read(2): what it returns, and what it brings into memory and when.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vfs/file_ops.h"
#include "vfs/file_ops_story.h"

namespace vmsim::vfs {
namespace {

TEST(ReadTest, EndsWhereTheFileEnds) {
  FileStory s(WithFile({.bytes = 20000}));
  EXPECT_EQ(s.Read(19000, 5000), "1000");
  EXPECT_EQ(s.Read(20000, 5000), "0");
  EXPECT_EQ(s.Read(30000, 5000), "0");
  EXPECT_EQ(s.Disk(), "R1+0.8");  // 3616 bytes of the second block.
}

TEST(ReadTest, BytesCostACopyOfEachPageThatTheyTouch) {
  FileStory s;
  s.Read(0, 2 * kBlock);
  s.Disk();
  sim::SimTime start = s.world.engine().now();
  EXPECT_EQ(s.Read(4000, 5000), "5000");  // Pages 0, 1, 2.
  EXPECT_EQ(s.world.engine().now() - start, 3 * 500);
  start = s.world.engine().now();
  EXPECT_EQ(s.Read(kBlock - 1, 2), "2");  // A page of each block.
  EXPECT_EQ(s.world.engine().now() - start, 2 * 500);
}

TEST(ReadTest, BringsWhatTheCallWantsAsOneRequest) {
  struct Row {
    int64_t offset, bytes;
    const char* requests;
  };
  const Row rows[] = {
      {10 * kBlock, 1, "R10+1"},
      {10 * kBlock, 3 * kBlock, "R10+3"},
      {10 * kBlock + 100, 3 * kBlock, "R10+4"},
      {10 * kBlock, 8 * kBlock, "R10+8"},
      {10 * kBlock, 10 * kBlock, "R10+8 R18+2"},  // iosize_max: 8 blocks.
      {62 * kBlock, 8 * kBlock, "R62+2"},
  };
  for (const Row& row : rows) {
    FileStory s;
    s.Jump();
    s.Read(row.offset, row.bytes);
    EXPECT_EQ(s.Disk(), row.requests);
    EXPECT_EQ(s.world.stats().buf_read_aheads, 0);
    s.Jump();
    s.Read(row.offset, row.bytes);
    EXPECT_EQ(s.Disk(), "");
  }
}

TEST(ReadTest, RequestsEndWhereBlocksAreNotInARow) {
  FileStory s(WithFile({.bytes = 12 * kBlock, .fragment_blocks = 4, .gap_blocks = 1}));
  s.Jump();
  EXPECT_EQ(s.Read(0, 12 * kBlock), "196608");
  EXPECT_EQ(s.Disk(), "R0+4 R5+4 R10+4");
  // What is read ahead begins where the request ended, not where the call does.
  FileStory t(WithFile({.bytes = 12 * kBlock, .fragment_blocks = 4, .gap_blocks = 1}));
  t.Read(0, 6 * kBlock);
  EXPECT_EQ(t.Disk(), "R0+4 R5+4 R10+4");
  EXPECT_EQ(t.world.stats().buf_read_aheads, 8);
}

TEST(ReadTest, HolesAreZerosWithoutTheDisk) {
  // Blocks 2, 3 and 6, 7 are not on the disk.
  FileStory s(WithFile({.bytes = 8 * kBlock, .fragment_blocks = 2, .hole_every = 2}));
  s.Jump();
  EXPECT_EQ(s.Read(2 * kBlock, 2 * kBlock), "32768");
  EXPECT_EQ(s.Disk(), "");
  EXPECT_EQ(s.tags, std::vector<Tag>(64, kZeroTag));
  s.Jump();
  EXPECT_EQ(s.Read(2 * kBlock - 512, 1024), "1024");
  EXPECT_EQ(Text(s.tags), "1 0");
  EXPECT_EQ(s.Disk(), "R1+1");
}

TEST(ReadTest, AnErrorIsTheCallsWhateverCameBefore) {
  FileStory s(WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kRead, 2)));
  s.Jump();
  EXPECT_EQ(s.Read(0, 10 * kBlock), "EIO");
  EXPECT_EQ(s.Disk(), "R0+8 R8+2");
  EXPECT_EQ(s.file().reading.next, 8 * kBlock);
  EXPECT_EQ(s.world.stats().file_read_bytes, 0);
  EXPECT_EQ(s.Read(8 * kBlock, 1), "1");  // It was a transient one.
  EXPECT_EQ(Text(s.tags), "1");
}

TEST(ReadTest, ReadersShareTheFileAndAWriterWaitsForThem) {
  FileStory s;
  s.Jump();
  OpenFile other = s.file();
  IoResult one, two, wrote;
  s.world.Begin(s.ops().Read(s.file(), 0, 1), &one);
  s.world.Begin(s.ops().Read(other, 20 * kBlock, 1), &two);
  s.world.Begin(s.ops().Write(other, 0, 512), &wrote);
  EXPECT_EQ(s.Disk(), "R0+1 R20+1");
  EXPECT_EQ(one.bytes + two.bytes, 2);
  EXPECT_EQ(wrote.bytes, 512);
  // The writer came when both were done: 200 us of disk and 500 ns a copy.
  EXPECT_EQ(s.world.engine().now(), 200'000 + 500 + 500);
}

// --- The heuristic, and reading ahead.

TEST(HeuristicTest, HowSequentialAReaderIs) {
  struct Row {
    int64_t offset, bytes;
    int seqcount;
  };
  // One step for each 16 KiB that goes on; at most 127. Offset 0 goes on, unless it is at 0 steps.
  const Row rows[] = {
      {0, 1, 2},    {1, 16384, 3},       {16385, 16385, 5},
      {0, 4096, 6}, {4096, 1 << 20, 70}, {1052672, 1 << 20, 127},
      {5, 1, 1},    {7, 1, 0},           {0, 1, 0},
      {1, 1, 1},    {2, 1, 2},
  };
  FileStory s(WithFile({.bytes = 4 << 20}));
  for (const Row& row : rows) {
    s.Read(row.offset, row.bytes);
    EXPECT_EQ(s.file().reading.seqcount, row.seqcount) << row.offset << " " << row.bytes;
    EXPECT_EQ(s.file().reading.next, row.offset + row.bytes);
  }
  EXPECT_EQ(s.file().writing.seqcount, 1);  // Each direction has its own.
}

TEST(HeuristicTest, GoesOnWhereTheFileEndedTheCall) {
  FileStory s(WithFile({.bytes = 20000}));
  s.Read(0, 32768);
  EXPECT_EQ(s.file().reading.next, 20000);
  s.Write(20000, 100);
  s.Read(20000, 32768);
  EXPECT_EQ(s.file().reading.seqcount, 5);
}

TEST(HeuristicTest, AFailedWriteGoesOnWhereItBegan) {
  FileStory s(WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kRead, 1)));
  EXPECT_EQ(s.Write(kBlock, 100), "EIO");
  EXPECT_EQ(s.file().writing.next, kBlock);
}

TEST(ReadAheadTest, ABlockAtATimeThroughAFile) {
  FileStory s;
  struct Row {
    Lblkno lblkno;
    const char* requests;
  };
  // Clusters of 8. Two steps after the first call: one block read ahead, which brings its cluster.
  // Marks: 1 and 8; at 1 on 3, at 3 on 7; there the next block is wanted.
  const Row rows[] = {
      {0, "R0+1 R1+8"}, {1, ""}, {2, ""},     {3, ""},      {4, ""},
      {5, ""},          {6, ""}, {7, "R9+8"}, {8, "R17+8"}, {9, ""},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(s.Read(row.lblkno * kBlock, kBlock), "16384");
    EXPECT_EQ(s.Disk(), row.requests) << row.lblkno;
  }
  EXPECT_EQ(s.world.stats().buf_read_aheads, 24);
  for (Lblkno lblkno = 10; lblkno < 64; ++lblkno) s.Read(lblkno * kBlock, kBlock);
  EXPECT_EQ(s.Disk(), "R25+8 R33+8 R41+8 R49+8 R57+7");
}

// Nothing is waited for in between: a block that is on its way is as good as one that is there.
TEST(ReadAheadTest, AReaderThatOvertakesWaitsForWhatIsUnderWay) {
  FileStory s;
  EXPECT_EQ(s.Read(0, kBlock), "16384");
  EXPECT_EQ(s.world.engine().now(), 100'000 + 4 * 500);
  EXPECT_EQ(s.Read(kBlock, kBlock), "16384");
  EXPECT_EQ(s.world.engine().now(), 200'000 + 4 * 500);
  EXPECT_EQ(s.Disk(), "R0+1 R1+8");
  EXPECT_EQ(s.tags, std::vector<Tag>(32, kInitialTag));
}

// It has no mark, so nothing more is read.
TEST(ReadAheadTest, WhatIsUnderWayIsNoMiss) {
  FileStory s;
  s.Read(0, kBlock);
  s.file().reading = {.next = 2 * kBlock, .seqcount = 20};
  EXPECT_EQ(s.Read(2 * kBlock, 1), "1");
  EXPECT_EQ(s.Disk(), "R0+1 R1+8");
}

std::string Marks(const Vnode& vnode) {
  std::string text;
  for (size_t i = 0; i < vnode.read_ahead_mark.size(); ++i) {
    if (vnode.read_ahead_mark[i]) absl::StrAppend(&text, text.empty() ? "" : " ", i);
  }
  return text;
}

TEST(ReadAheadTest, WhereTheMarksAre) {
  FileStory s;
  s.Jump();
  s.Read(0, 24 * kBlock);  // The second block of each request, and its last.
  EXPECT_EQ(Marks(s.vnode()), "1 7 9 15 17 23");
  s.Jump();
  s.Read(30 * kBlock, 1);
  EXPECT_EQ(Marks(s.vnode()), "1 7 9 15 17 23 30");
  EXPECT_EQ(s.Disk(), "R0+8 R8+8 R16+8 R30+1");
  // Block 1, 21 steps: all up to 21 is there, and gets a mark a cluster and one at its end.
  s.file().reading = {.next = kBlock, .seqcount = 20};
  s.Read(kBlock, 1);
  EXPECT_EQ(Marks(s.vnode()), "7 8 9 15 16 17 21 23 30");
  EXPECT_EQ(s.Disk(), "");
  // Block 21, 4 steps: 24 is missing. What is read ahead is marked at its first block and its last.
  s.file().reading = {.next = 21 * kBlock, .seqcount = 3};
  s.Read(21 * kBlock, 1);
  EXPECT_EQ(s.Disk(), "R24+6");
  EXPECT_EQ(Marks(s.vnode()), "7 8 9 15 16 17 23 24 29 30");
  EXPECT_EQ(s.Truncate(16 * kBlock), "0");
  EXPECT_EQ(Marks(s.vnode()), "7 8 9 15");
}

// What the caller waits for does not stand behind what nobody waits for.
TEST(ReadAheadTest, TheFirstReadGoesFirst) {
  FileStory s;
  s.Read(0, 10 * kBlock);  // 11 steps.
  EXPECT_EQ(s.world.engine().now(), 200'000 + 2 * 4 * 500);
  EXPECT_EQ(s.Disk(), "R0+8 R8+8 R16+8");
}

TEST(ReadAheadTest, AtMostAnEighthOfTheBuffersAndReadMax) {
  // 236 buffers for 4000 frames: 29 blocks. The last cluster to begin among them comes as a whole.
  FileStory small;
  ASSERT_EQ(small.world.vfs().bufs().limits().nbuf, 236);
  small.file().reading.seqcount = 126;
  small.Read(0, 1);
  EXPECT_EQ(small.Disk(), "R0+1 R1+8 R9+8 R17+8 R25+8");
  VfsTestWorld::Options options = WithFile({.bytes = 200 * kBlock});
  options.frames = 40000;  // 1574 buffers: 196.
  FileStory large(options);
  large.file().reading.seqcount = 126;
  large.Read(0, 1);
  EXPECT_EQ(large.Disk(), "R0+1 R1+8 R9+8 R17+8 R25+8 R33+8 R41+8 R49+8 R57+8");
}

TEST(ReadAheadTest, StopsAtAHole) {
  // Blocks 0-3, 8-11 on the disk.
  FileStory s(WithFile({.bytes = 12 * kBlock, .fragment_blocks = 4, .hole_every = 2}));
  s.file().reading.seqcount = 50;
  s.Read(0, kBlock);
  EXPECT_EQ(s.Disk(), "R0+1 R1+3");
}

// The block that the file ends in is only read ahead if it is whole.
TEST(ReadAheadTest, StopsBeforeAnEndThatIsNotWhole) {
  FileStory s(WithFile({.bytes = 3 * kBlock + 700}));
  s.Read(0, kBlock);
  EXPECT_EQ(s.Disk(), "R0+1 R1+2");
  s.Read(kBlock, 2 * kBlock);
  EXPECT_EQ(s.Disk(), "");
  s.Read(3 * kBlock, kBlock);
  EXPECT_EQ(s.Disk(), "R3+0.2");
}

TEST(ReadAheadTest, PassesOverWhatIsInMemory) {
  FileStory s;
  s.Jump();
  s.Read(2 * kBlock, kBlock);
  s.Read(40 * kBlock, 1);
  EXPECT_EQ(s.Disk(), "R2+1 R40+1");
  s.file().reading = {.next = 0, .seqcount = 8};
  s.Read(0, 1);  // 9 steps. The cluster from 3 on is cut nowhere.
  EXPECT_EQ(s.Disk(), "R0+1 R1+1 R3+8");
}

TEST(ReadAheadTest, WhatFailedIsReadAgainByWhoWantsIt) {
  FileStory s(WithFault(Fault(sim::DiskFaultKind::kEio, sim::DiskOp::kRead, 2)));
  EXPECT_EQ(s.Read(0, kBlock), "16384");
  EXPECT_EQ(s.Disk(), "R0+1 R1+8");
  EXPECT_EQ(s.Read(kBlock, kBlock), "16384");
  EXPECT_EQ(s.tags, std::vector<Tag>(32, kInitialTag));
  EXPECT_EQ(s.Disk().substr(0, 4), "R1+1");
}

}  // namespace
}  // namespace vmsim::vfs
