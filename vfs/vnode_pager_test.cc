#include "vfs/vnode_pager.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

using vm::FaultResult;
using vm::PagerResult;

TEST(VnodePagerTest, AFaultBringsTheClusterAroundItsPage) {
  VfsTestWorld world;
  const auto area = world.Map(256);
  // Not the page where a sequential reader begins: the cluster of 16 around it.
  EXPECT_EQ(world.world().Touch(area, 20), FaultResult::kSuccess);
  EXPECT_EQ(world.Picture(14, 20), "..IIIIAIIIIIIIIIII..");
  EXPECT_EQ(world.reads(), 1);
  EXPECT_EQ(world.counters().v_vnodein, 1);
  EXPECT_EQ(world.counters().v_vnodepgsin, 16);
  EXPECT_EQ(world.Memory(16 * 8, 3), "1 1 1");
}

TEST(VnodePagerTest, StoresReachTheDiskWithFsyncAndHaveTheirTags) {
  VfsTestWorld world;
  const auto area = world.Map(256);
  world.world().Write(area, 3, 2);
  EXPECT_EQ(world.Do(world.vfs().ops().Fsync(world.open())), 0);
  EXPECT_EQ(world.Medium(3 * 8 - 1, 3), "1 5 5");
  EXPECT_EQ(world.Medium(4 * 8, 2), "6 6");
  EXPECT_EQ(world.Medium(5 * 8, 1), "1");
}

TEST(VnodePagerTest, ReadingAndWritingShareThePages) {
  VfsTestWorld world;
  const IoResult wrote = world.Do(world.vfs().ops().Write(world.open(), 4096, 8192));
  EXPECT_EQ(wrote.error, 0);
  EXPECT_EQ(wrote.bytes, 8192);
  EXPECT_EQ(world.reads(), 1);  // The rest of the block.
  std::vector<Tag> tags;
  const IoResult read = world.Do(world.vfs().ops().Read(world.open(), 0, 16384, &tags));
  EXPECT_EQ(read.bytes, 16384);
  EXPECT_EQ(world.reads(), 1);
  EXPECT_EQ(world.Memory(7, 3), "1 3 3");
  EXPECT_EQ(world.Medium(7, 3), "1 1 1");
  EXPECT_EQ(world.Do(world.vfs().ops().Fsync(world.open())), 0);
  EXPECT_EQ(world.Medium(7, 3), "1 3 3");
}

}  // namespace
}  // namespace vmsim::vfs
