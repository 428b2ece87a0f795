#include "vfs/page_grab.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "vfs/file_ops.h"
#include "vfs/page_release.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

struct Grab {
  std::vector<vm::FrameIndex> frames;
  int got = -1;
  sim::Thread* thread = nullptr;
};

class PageGrabTest : public testing::Test {
 protected:
  Grab& Start(vm::Pindex first, int count, bool no_wait = false) {
    grabs_.push_back(std::make_unique<Grab>());
    Grab& grab = *grabs_.back();
    grab.frames.resize(static_cast<size_t>(count));
    grab.thread = world_.Begin(
        GrabPages(world_.vm(), *world_.file().object, first, grab.frames, no_wait), &grab.got);
    Run();
    return grab;
  }
  // Pages stay busy at rest here, which the machine's invariants would not have.
  void Run() { world_.engine().Run(); }
  vm::Page& PageAt(vm::Pindex pindex) {
    return world_.world().PageAt(*world_.file().object, pindex);
  }
  // Lets go of everything.
  void Drop(const Grab& grab) {
    for (int i = 0; i < grab.got; ++i) {
      world_.vm().pages().Xunbusy(grab.frames[i]);
      ReleasePage(world_.vm(), grab.frames[i], /*try_free=*/false);
    }
  }

  VfsTestWorld world_;
  std::vector<std::unique_ptr<Grab>> grabs_;
};

TEST_F(PageGrabTest, PagesThatAreThereAndPagesThatAreNot) {
  const auto area = world_.Map(1);
  ASSERT_EQ(world_.world().Touch(area, 0), vm::FaultResult::kSuccess);
  Run();
  ASSERT_EQ(PageAt(0).valid, vm::kPageBitsAll);
  const vm::Pindex absent = 200;  // Far from what came with page 0.
  const Grab& near = Start(0, 2);
  EXPECT_EQ(near.got, 2);
  EXPECT_EQ(near.frames[0], world_.file().object->Lookup(0));
  EXPECT_EQ(PageAt(0).valid, vm::kPageBitsAll);
  EXPECT_EQ(PageAt(0).wire_count, 1);
  EXPECT_EQ(world_.Picture(0, 2), "XX");
  const Grab& far = Start(absent, 3);
  EXPECT_EQ(far.got, 3);
  EXPECT_EQ(PageAt(absent + 2).valid, 0);
  EXPECT_EQ(PageAt(absent + 2).wire_count, 1);
  Drop(near);
  Drop(far);
}

TEST_F(PageGrabTest, ABusyPageIsWaitedForOrEndsThePrefix) {
  const Grab& first = Start(2, 1);
  const Grab& impatient = Start(0, 4, /*no_wait=*/true);
  EXPECT_EQ(impatient.got, 2);
  Drop(impatient);
  const Grab& patient = Start(0, 4);
  EXPECT_EQ(patient.got, -1);
  EXPECT_EQ(patient.thread->wait_message(), "grbmaw");
  EXPECT_EQ(world_.Picture(0, 4), "XXX.");  // It has the first two.
  EXPECT_TRUE(PageAt(2).has(vm::kPgaReferenced));
  Drop(first);
  Run();
  EXPECT_EQ(patient.got, 4);
  EXPECT_EQ(patient.frames[2], first.frames[0]);  // The very page, looked up again.
  Drop(patient);
}

TEST_F(PageGrabTest, APageThatGoesWhileItIsWaitedForIsMadeAnew) {
  const Grab& first = Start(0, 1);
  const Grab& second = Start(0, 1);
  EXPECT_EQ(second.got, -1);
  world_.vm().allocator().Unwire(first.frames[0], vm::QueueId::kInactive);
  world_.vm().allocator().Free(first.frames[0]);
  Run();
  EXPECT_EQ(second.got, 1);
  EXPECT_EQ(PageAt(0).wire_count, 1);
  Drop(second);
}

TEST_F(PageGrabTest, MemoryIsWaitedForOrEndsThePrefix) {
  // All but two of the pages that ordinary allocations may have.
  vm::Object& hog = world_.vm().CreateAnonymous(4000);
  std::vector<vm::FrameIndex> taken;
  while (true) {
    const vm::FrameIndex frame = world_.vm().allocator().Alloc(
        hog, static_cast<vm::Pindex>(taken.size()), vm::AllocClass::kNormal);
    if (frame == vm::kNoFrame) break;
    taken.push_back(frame);
  }
  const auto free_some = [&](size_t n) {
    for (; n > 0; --n) {
      world_.vm().allocator().Free(taken.back());
      taken.pop_back();
    }
  };
  free_some(2);
  const Grab& impatient = Start(0, 4, /*no_wait=*/true);
  EXPECT_EQ(impatient.got, 2);
  const Grab& patient = Start(100, 3);
  EXPECT_EQ(patient.got, -1);
  EXPECT_EQ(patient.thread->wait_message(), "vmwait");
  free_some(taken.size());
  Run();
  EXPECT_EQ(patient.got, 3);
  Drop(impatient);
  Drop(patient);
  world_.Do(world_.vm().Deallocate(hog.id));
}

// ---- Release.

class PageReleaseTest : public PageGrabTest {
 protected:
  // A wired page at 0, valid, nobody's busy.
  vm::FrameIndex WiredPage(uint8_t valid = vm::kPageBitsAll) {
    const Grab& grab = Start(0, 1);
    PageAt(0).valid = valid;
    world_.vm().pages().Xunbusy(grab.frames[0]);
    return grab.frames[0];
  }
  bool Resident() { return world_.file().object->Lookup(0) != vm::kNoFrame; }
};

TEST_F(PageReleaseTest, GoesToTheInactiveQueue) {
  ReleasePage(world_.vm(), WiredPage(), /*try_free=*/false);
  world_.vm().reclaim().CheckInvariants();
  EXPECT_EQ(world_.Picture(0, 1), "I");
}

TEST_F(PageReleaseTest, IsFreedIfItIsAskedFor) {
  ReleasePage(world_.vm(), WiredPage(), /*try_free=*/true);
  EXPECT_FALSE(Resident());
}

TEST_F(PageReleaseTest, IsNotFreedWhileOthersHaveUseForIt) {
  vm::VmSystem& vm = world_.vm();
  const vm::FrameIndex frame = WiredPage();
  vm.allocator().Wire(frame);
  ReleasePage(vm, frame, /*try_free=*/true);
  EXPECT_EQ(world_.Picture(0, 1), "N");  // Wired still.
  ASSERT_TRUE(vm.pages().TrySbusy(frame));
  ReleasePage(vm, frame, /*try_free=*/true);
  EXPECT_EQ(world_.Picture(0, 1), "S");
  vm.pages().Sunbusy(frame);
  EXPECT_EQ(world_.Picture(0, 1), "I");
  vm.allocator().Wire(frame);
  vm.pages()[frame].dirty = 1;
  ReleasePage(vm, frame, /*try_free=*/true);
  EXPECT_EQ(world_.Picture(0, 1), "i");
  vm.pages()[frame].dirty = 0;
}

TEST_F(PageReleaseTest, IsFreedWithoutAnObjectOrBehindItsEnd) {
  vm::VmSystem& vm = world_.vm();
  const int32_t free = vm.domain().free_count();
  const vm::FrameIndex orphan = WiredPage();
  vm.objects().Remove(orphan);
  ReleasePage(vm, orphan, /*try_free=*/false);
  EXPECT_EQ(vm.domain().free_count(), free);
  WiredPage();
  EXPECT_EQ(world_.Do(world_.vfs().ops().Truncate(world_.open(), 0)), 0);
  ASSERT_TRUE(Resident());
  EXPECT_EQ(PageAt(0).valid, 0);
  ReleasePage(vm, world_.file().object->Lookup(0), /*try_free=*/false);
  EXPECT_FALSE(Resident());
  EXPECT_EQ(vm.domain().free_count(), free);
}

}  // namespace
}  // namespace vmsim::vfs
