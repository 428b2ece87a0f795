// Swap devices that go and come back while they are in use.
#include "vm/swapoff.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/disk.h"
#include "sim/errno.h"
#include "sim/random.h"
#include "vm/vm_test_world.h"

namespace vmsim::vm {
namespace {

using Area = VmTestWorld::Area;
using Options = VmTestWorld::Options;
constexpr auto kOk = FaultResult::kSuccess;

Options TwoDevices() {
  Options options;
  options.swap_pages = {200, 400};
  return options;
}

sim::Task<void> Body(VmSystem& vm, int device, bool force, int* error) {
  *error = co_await vm.SwapOff(device, force);
}

int SwapOff(VmTestWorld& world, int device, bool force = false) {
  int error = -1;
  world.Finish(world.Start("swapoff", Body(world.vm(), device, force, &error)));
  return error;
}

uint32_t UsedOn(VmTestWorld& world, int device) {
  return world.vm().swap().space().device(device).used;
}

TEST(SwapOffTest, WhatIsInSwapComesInDirtyForTheLaundry) {
  VmTestWorld world(TwoDevices());
  const Area area = world.Map(4);
  world.SwapOut(area, 0, 4);  // The first request goes to device 0.
  ASSERT_EQ(UsedOn(world, 0), 4u);
  EXPECT_EQ(SwapOff(world, 0), 0);
  EXPECT_EQ(world.Picture(*area.object, 0, 4), "llll");
  EXPECT_EQ(world.counters().v_swapin, 1);  // With the neighbours ahead.
  EXPECT_FALSE(world.vm().swap().space().device(0).on);
  EXPECT_EQ(world.vm().swap().space().total(), 400);
  // What is written next goes to the other device.
  EXPECT_EQ(world.PageOut(*area.object, 0, 4), "PPPP");
  EXPECT_EQ(UsedOn(world, 1), 4u);
}

TEST(SwapOffTest, AResidentPageOnlyLosesItsBlock) {
  VmTestWorld world(TwoDevices());
  const Area area = world.Map(2);
  world.SwapOut(area, 0, 2);
  ASSERT_EQ(world.Touch(area, 0), kOk);
  ASSERT_EQ(world.Picture(*area.object, 0, 2), "AI");
  const int64_t reads = world.counters().v_swapin;
  EXPECT_EQ(SwapOff(world, 0), 0);
  EXPECT_EQ(world.counters().v_swapin, reads);
  EXPECT_EQ(world.Picture(*area.object, 0, 2), "ll");
}

TEST(SwapOffTest, AWriteUnderWayIsWaitedFor) {
  VmTestWorld world(TwoDevices());
  const Area area = world.Map(2);
  world.Write(area, 0, 2);
  std::vector<PagerResult> results;
  world.StartPageOut(*area.object, 0, 2, /*async=*/true, &results);
  world.RunFor(kDiskNs / 4);
  ASSERT_EQ(world.Picture(*area.object, 0, 2), "ss");
  int error = -1;
  const sim::Thread* thread = world.Start("swapoff", Body(world.vm(), 0, /*force=*/false, &error));
  world.RunFor(kDiskNs / 4);
  EXPECT_EQ(thread->wait_message(), "swpoff");
  world.Run();
  EXPECT_EQ(error, 0);
  EXPECT_EQ(world.Picture(*area.object, 0, 2), "ll");
}

TEST(SwapOffTest, AReadUnderWayIsWaitedFor) {
  VmTestWorld world(TwoDevices());
  const Area area = world.Map(2);
  world.SwapOut(area, 0, 2);
  FaultResult result = FaultResult::kInvalidAddress;
  world.StartTouch(area, 0, /*write=*/false, &result);
  world.RunFor(kDiskNs / 4);
  EXPECT_EQ(SwapOff(world, 0), 0);
  world.Run();
  EXPECT_EQ(result, kOk);
  EXPECT_EQ(UsedOn(world, 0), 0u);
}

// 2,000 pages, 1,950 of them in use; a device of 200 with 100 in use, and nothing else.
TEST(SwapOffTest, WithoutRoomItIsRefusedUnlessForced) {
  Options options;
  options.swap_pages = {200};
  VmTestWorld world(options);
  const Area area = world.Map(100);
  world.SwapOut(area, 0, 100);
  const Area hog = world.Map(1900, "hog");
  world.Write(hog, 0, 1900);
  ASSERT_EQ(world.vm().domain().free_count(), 100);
  // 100 free and 98 of swap are less than 200 + 128.
  EXPECT_EQ(SwapOff(world, 0), sim::kEnomem);
  EXPECT_TRUE(world.vm().swap().space().device(0).on);
  // The allocator gives pages down to 68 and then waits.
  int error = -1;
  const sim::Thread* thread = world.Start("swapoff", Body(world.vm(), 0, /*force=*/true, &error));
  world.RunFor(sim::kSecond);
  EXPECT_EQ(thread->wait_message(), "vmwait");
  EXPECT_EQ(error, -1);
  world.Start("exit", world.vm().Exit(*hog.process, 0));
  world.RunFor(sim::kSecond);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(area.object->resident_page_count, 100u);
}

TEST(SwapOffTest, AnUnreadableBlockEndsItAndTheNextTryGoesOn) {
  Options options = TwoDevices();
  sim::DiskFaultRule rule;
  rule.kind = sim::DiskFaultKind::kEio;
  rule.ops = sim::OpBit(sim::DiskOp::kRead);
  rule.limit = 1;
  options.faults = {rule};
  VmTestWorld world(options);
  const Area area = world.Map(2);
  world.SwapOut(area, 0, 2);
  EXPECT_EQ(SwapOff(world, 0), sim::kEio);
  EXPECT_TRUE(world.vm().swap().space().device(0).on);
  EXPECT_TRUE(world.vm().swap().space().device(0).closing);
  EXPECT_EQ(UsedOn(world, 0), 2u);  // Nothing is lost,
  EXPECT_EQ(SwapOff(world, 0), 0);  // and the error was transient.
  EXPECT_EQ(world.Picture(*area.object, 0, 2), "ll");
}

TEST(SwapOffTest, OffAndOnAgain) {
  VmTestWorld world(TwoDevices());
  int added = -1;
  EXPECT_EQ(world.vm().SwapOn(0, &added), sim::kEbusy);
  EXPECT_EQ(SwapOff(world, 0), 0);
  EXPECT_EQ(SwapOff(world, 0), sim::kEinval);
  EXPECT_EQ(SwapOff(world, 7), sim::kEinval);
  EXPECT_EQ(world.vm().SwapOn(0, &added), 0);
  EXPECT_EQ(added, 2);
  EXPECT_EQ(world.vm().swap().space().total(), 600);
  const Area area = world.Map(4);
  world.SwapOut(area, 0, 4);
  for (uint32_t page = 0; page < 4; ++page) EXPECT_EQ(world.Touch(area, page), kOk);
}

// Swap is full: pages are unswappable; a device that comes back takes them.
TEST(SwapOffTest, UnswappablePagesGoOutWhenSwapRecovers) {
  Options options;
  options.swap_pages = {12, 34};
  VmTestWorld world(options);
  ASSERT_EQ(SwapOff(world, 1, /*force=*/true), 0);
  const Area area = world.Map(16);
  world.Write(area, 0, 16);
  // As the page daemon does with what the pager finds no room for.
  ASSERT_EQ(world.PageOut(*area.object, 0, 10), "PPPPPPPPPP");
  ASSERT_EQ(world.PageOut(*area.object, 10, 6), "FFFFFF");
  int added = -1;
  ASSERT_EQ(world.vm().SwapOn(1, &added), 0);
  EXPECT_EQ(world.PageOut(*area.object, 10, 6), "PPPPPP");
  EXPECT_EQ(UsedOn(world, added), 6u);
}

// Random histories on three devices: nothing that was written is ever lost.
class SwapOffPropertyTest : public testing::TestWithParam<uint64_t> {};

TEST_P(SwapOffPropertyTest, NothingIsLostAndNothingStaysOnADeviceThatIsOff) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  sim::SplitMix64 random(GetParam());
  Options options;
  options.swap_pages = {60, 90, 120};
  VmTestWorld world(options);
  constexpr uint32_t kPages = 64;
  const Area areas[] = {world.Map(kPages), world.Map(kPages)};
  std::vector<bool> written[2] = {std::vector<bool>(kPages), std::vector<bool>(kPages)};
  std::vector<int> devices = {0, 1, 2};
  int offs = 0;
  for (int step = 0; step < 600; ++step) {
    const size_t which = random.Below(2);
    const Area& area = areas[which];
    const auto page = static_cast<uint32_t>(random.Below(kPages));
    const FrameIndex frame = area.object->Lookup(page);
    const uint64_t op = random.Below(20);
    if (op < 8) {
      ASSERT_EQ(world.Touch(area, page, /*write=*/true), kOk);
      world.vm().pages()[area.object->Lookup(page)].dirty = kPageBitsAll;
      written[which][page] = true;
    } else if (op < 12) {
      ASSERT_EQ(world.Touch(area, page), kOk);
    } else if (op < 18 && frame != kNoFrame) {
      world.vm().page_tables().RemoveAll(frame);
      const bool dirty = world.vm().pages()[frame].dirty != 0;
      if (dirty && world.PageOut(*area.object, page, 1) != "P") continue;
      if (random.Below(4) != 0) world.Evict(*area.object, page);
    } else if (op == 18) {
      const size_t i = random.Below(devices.size());
      if (SwapOff(world, devices[i]) == 0) ++offs;
    } else if (op == 19) {
      int& device = devices[random.Below(devices.size())];
      int added = -1;
      if (world.vm().SwapOn(device, &added) == 0) device = added;
    }
    world.Run();
    for (size_t a = 0; a < 2; ++a) {
      for (uint32_t p = 0; p < kPages; ++p) {
        if (!written[a][p]) continue;
        const bool resident = areas[a].object->Lookup(p) != kNoFrame;
        const SwapBlock block = areas[a].object->swap.Lookup(p);
        ASSERT_TRUE(resident || block != kNoSwapBlock) << "step " << step << " page " << p;
        if (block == kNoSwapBlock) continue;
        const int device = world.vm().swap().space().Locate(block).device;
        ASSERT_TRUE(world.vm().swap().space().device(device).on);
      }
    }
  }
  EXPECT_GT(offs, 3);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SwapOffPropertyTest, testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace vmsim::vm
