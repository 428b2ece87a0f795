// How many buffers a machine has, and how many of them may be dirty, against the kernel's formulas.
#include "vfs/buf_limits.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

// Worked out beside, by kern_vfs_bio_buffer_alloc and bufinit of FreeBSD 13.2. Memory in pages of
// 4 KiB.
constexpr struct {
  uint32_t frames;
  int64_t nbuf, hibufspace, lobufspace, hirunningspace, lorunningspace;
  int64_t hidirtybuffers, lodirtybuffers, dirtybufthresh, middirty;
} kMachines[] = {
    // 50 buffers at least, and half the dirty ones: 32 of them would take 512 of 600 KiB.
    {256, 50, 614400, 583680, 1048576, 720896, 16, 8, 14, 12},
    {1024, 50, 614400, 583680, 1048576, 720896, 16, 8, 14, 12},
    // From 4 MiB on, one more for each 64 KiB.
    {1039, 50, 614400, 583680, 1048576, 720896, 16, 8, 14, 12},
    {1040, 51, 626688, 595346, 1048576, 720896, 16, 8, 14, 12},
    {1055, 51, 626688, 595346, 1048576, 720896, 16, 8, 14, 12},
    {1056, 52, 638976, 607012, 1048576, 720896, 16, 8, 14, 12},
    // 8 MB, and the 16 MB of the tests' world: not halved.
    {2000, 111, 1363968, 1295762, 1048576, 720896, 47, 23, 42, 35},
    {4000, 236, 3211264, 3050697, 1048576, 720896, 79, 39, 71, 59},
    // From 64 MiB on, another one for each 160 KiB; up to 68 MiB both count.
    {16384, 1010, 15892480, 15097856, 1048576, 720896, 272, 136, 244, 204},
    {16423, 1012, 15925248, 15128978, 1048576, 720896, 273, 136, 245, 204},
    {16424, 1013, 15941632, 15144539, 1048576, 720896, 273, 136, 245, 204},
    {17408, 1099, 17350656, 16483108, 1048576, 720896, 294, 147, 264, 220},
    {17409, 1099, 17350656, 16483108, 1048576, 720896, 294, 147, 264, 220},
    // 128 MiB, 256 MiB, 1 GiB (running space by buffer space), 4 GiB, 8 GiB.
    {32768, 1483, 23642112, 22459995, 1048576, 720896, 390, 195, 351, 292},
    {65536, 2302, 37060608, 35207570, 1048576, 720896, 595, 297, 535, 446},
    {262144, 7218, 117604352, 111724123, 1900544, 1310720, 1824, 912, 1641, 1368},
    {1048576, 26878, 439713792, 417728091, 6881280, 4587520, 6739, 3369, 6065, 5054},
    {2097152, 53093, 869220352, 825759323, 13631488, 9109504, 13293, 6646, 11963, 9969},
    // No more than 16 MiB of running space, and 105931 buffers.
    {4194304, 105522, 1728217088, 1641806226, 16777216, 11206656, 26400, 13200, 23760, 19800},
    {4210663, 105930, 1734901760, 1648156672, 16777216, 11206656, 26502, 13251, 23851, 19876},
    {4210664, 105931, 1734918144, 1648172233, 16777216, 11206656, 26502, 13251, 23851, 19876},
    {16777216, 105931, 1734918144, 1648172233, 16777216, 11206656, 26502, 13251, 23851, 19876},
};

TEST(BufLimitsTest, FollowFromMemory) {
  for (const auto& machine : kMachines) {
    SCOPED_TRACE(machine.frames);
    const BufLimits l = ComputeBufLimits(machine.frames);
    EXPECT_EQ(l.nbuf, machine.nbuf);
    EXPECT_EQ(l.hibufspace, machine.hibufspace);
    EXPECT_EQ(l.lobufspace, machine.lobufspace);
    EXPECT_EQ(l.hirunningspace, machine.hirunningspace);
    EXPECT_EQ(l.lorunningspace, machine.lorunningspace);
    EXPECT_EQ(l.hidirtybuffers, machine.hidirtybuffers);
    EXPECT_EQ(l.lodirtybuffers, machine.lodirtybuffers);
    EXPECT_EQ(l.dirtybufthresh, machine.dirtybufthresh);
    EXPECT_EQ(l.middirty(), machine.middirty);
  }
}

// From 1 MiB to 64 GiB, in steps that hit all remainders.
TEST(BufLimitsTest, MarksAreInOrderAndNeverFallWithMoreMemory) {
  BufLimits before = ComputeBufLimits(256);
  for (uint32_t frames = 256; frames <= 16 << 20; frames += 1 + frames / 97) {
    SCOPED_TRACE(frames);
    const BufLimits l = ComputeBufLimits(frames);
    EXPECT_LT(l.lobufspace, l.hibufspace);
    EXPECT_LT(l.hibufspace, l.nbuf * kBkvaSize);
    EXPECT_LT(l.lorunningspace, l.hirunningspace);
    EXPECT_EQ(l.lorunningspace % kMaxBcacheBuf, 0);
    // Writers that wait are woken between the marks, or they would be forgotten.
    EXPECT_LT(l.lodirtybuffers, l.middirty());
    EXPECT_LT(l.middirty(), l.dirtybufthresh);
    EXPECT_LT(l.dirtybufthresh, l.hidirtybuffers);
    EXPECT_LE(4 * l.hidirtybuffers * kBkvaSize, 3 * l.hibufspace);
    EXPECT_GE(l.nbuf, before.nbuf);
    EXPECT_GE(l.hibufspace, before.hibufspace);
    EXPECT_GE(l.hirunningspace, before.hirunningspace);
    before = l;
  }
}

// --- What a configuration sets of them; the rest is by memory, here of 4000 pages.

TEST(BufLimitsTest, AConfigurationComesBeforeMemory) {
  constexpr struct {
    int64_t hirunning, lorunning, hidirty, lodirty;  // Set; 0: not.
    int64_t expected_hirunning, expected_lorunning;
    int64_t expected_hidirty, expected_lodirty, expected_thresh, expected_mid;
  } rows[] = {
      {0, 0, 0, 0, 1048576, 720896, 79, 39, 71, 59},
      {300000, 0, 0, 0, 300000, 200000, 79, 39, 71, 59},
      {300000, 16384, 0, 0, 300000, 16384, 79, 39, 71, 59},
      {0, 0, 11, 0, 1048576, 720896, 11, 5, 9, 8},
      {0, 0, 11, 2, 1048576, 720896, 11, 2, 9, 6},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(&row - rows);
    VfsTestWorld::Options options;
    options.vfs.hirunningspace = row.hirunning;
    options.vfs.lorunningspace = row.lorunning;
    options.vfs.hidirtybuffers = row.hidirty;
    options.vfs.lodirtybuffers = row.lodirty;
    VfsTestWorld w(options);
    const BufLimits& l = w.vfs().bufs().limits();
    EXPECT_EQ(l.nbuf, 236);
    EXPECT_EQ(l.hirunningspace, row.expected_hirunning);
    EXPECT_EQ(l.lorunningspace, row.expected_lorunning);
    EXPECT_EQ(w.vfs().device().limits().hirunningspace, row.expected_hirunning);
    EXPECT_EQ(w.vfs().device().limits().lorunningspace, row.expected_lorunning);
    EXPECT_EQ(l.hidirtybuffers, row.expected_hidirty);
    EXPECT_EQ(l.lodirtybuffers, row.expected_lodirty);
    EXPECT_EQ(l.dirtybufthresh, row.expected_thresh);
    EXPECT_EQ(l.middirty(), row.expected_mid);
  }
}

}  // namespace
}  // namespace vmsim::vfs
