// Wiring and unwiring: stories, and two properties: of a segment that two processes map, and of
// private memory that forks, is written, protected and unmapped meanwhile.
#include "vm/wiring.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/errno.h"
#include "sim/random.h"
#include "vm/vm_test_world.h"

namespace vmsim::vm {
namespace {

using Area = VmTestWorld::Area;
constexpr auto kOk = FaultResult::kSuccess;

sim::Task<void> WireBody(VmSystem& vm, Area area, uint32_t first, uint32_t pages, bool wire,
                         bool holes_ok, int* error) {
  const Vpage start = area.start + first;
  AddressSpace& space = area.process->space;
  if (wire) {
    *error = co_await vm.wiring().Wire(space, start, start + pages, holes_ok);
  } else {
    *error = co_await vm.wiring().Unwire(space, start, start + pages, holes_ok);
  }
}

int Wire(VmTestWorld& world, const Area& area, uint32_t first, uint32_t pages,
         bool holes_ok = false) {
  int error = -1;
  world.Finish(
      world.Start("mlock", WireBody(world.vm(), area, first, pages, true, holes_ok, &error)));
  return error;
}

int Unwire(VmTestWorld& world, const Area& area, uint32_t first, uint32_t pages,
           bool holes_ok = false) {
  int error = -1;
  world.Finish(
      world.Start("munlock", WireBody(world.vm(), area, first, pages, false, holes_ok, &error)));
  return error;
}

void Unmap(VmTestWorld& world, const Area& area, uint32_t first, uint32_t pages) {
  world.Finish(
      world.Start("unmap", world.vm().map_ops().Delete(area.process->space, area.start + first,
                                                       area.start + first + pages)));
}

Area Fork(VmTestWorld& world, const Area& parent) {
  Process& child = world.vm().CreateProcess("child", false);
  Forker::LeafMap leaves;
  auto fork = [&]() -> sim::Task<void> {
    const int error = co_await world.vm().Fork(*parent.process, child, &leaves);
    CHECK_EQ(error, 0);
  };
  world.Finish(world.Start("fork", fork()));
  return {&child, nullptr, parent.start, leaves.at(parent.slot), parent.pages};
}

void Protect(VmTestWorld& world, const Area& area, uint32_t first, uint32_t pages,
             uint8_t protection) {
  ASSERT_EQ(world.vm().map_ops().Protect(area.process->space, area.start + first,
                                         area.start + first + pages, protection),
            0);
}

// A digit a page of the object, from 0 on: how many wirings it has; '.' for none resident.
std::string WireCounts(VmTestWorld& world, const Object& object, uint32_t pages) {
  std::string counts;
  for (Pindex pindex = 0; pindex < pages; ++pindex) {
    const FrameIndex frame = object.Lookup(pindex);
    if (frame == kNoFrame) {
      counts += '.';
    } else {
      counts += static_cast<char>('0' + world.vm().pages()[frame].wire_count);
    }
  }
  return counts;
}

TEST(WiringTest, EveryPageComesInAndLeavesTheQueues) {
  VmTestWorld world;
  const Area area = world.Map(4);
  world.Write(area, 0, 1);
  ASSERT_EQ(Wire(world, area, 0, 4), 0);
  EXPECT_EQ(world.counters().v_wire_count, 4);
  EXPECT_EQ(world.counters().user_wired_pages, 4);
  EXPECT_EQ(world.counters().v_vm_faults, 5);
  // The dequeue of page 0 is pending: it is on no queue in effect.
  EXPECT_EQ(world.Picture(*area.object, 0, 4), "nNNN");
  EXPECT_TRUE(world.EntryOf(area).user_wired);
  for (uint32_t page = 0; page < 4; ++page) {
    EXPECT_NE(world.PteAt(area, page) & kPteWritable, 0u) << page;
  }
}

// A page wired at its first fault was never activated: act_count 0.
TEST(WiringTest, UnwiredPagesAreActiveWithTheActivityTheyHad) {
  VmTestWorld world;
  const Area area = world.Map(2);
  world.Write(area, 0, 1);
  ASSERT_EQ(Wire(world, area, 0, 2), 0);
  ASSERT_EQ(Unwire(world, area, 0, 2), 0);
  EXPECT_EQ(world.counters().v_wire_count, 0);
  EXPECT_EQ(world.counters().user_wired_pages, 0);
  EXPECT_EQ(world.PageAt(*area.object, 0).act_count, kActInit);
  EXPECT_EQ(world.PageAt(*area.object, 1).act_count, 0);
  EXPECT_EQ(world.PageAt(*area.object, 1).effective_queue(), QueueId::kActive);
}

TEST(WiringTest, PartOfAMapIsClippedAndJoinedAgain) {
  VmTestWorld world;
  const Area area = world.Map(8);
  ASSERT_EQ(Wire(world, area, 2, 3), 0);
  EXPECT_EQ(area.process->space.entries().size(), 3u);
  EXPECT_EQ(world.counters().v_wire_count, 3);
  ASSERT_EQ(Unwire(world, area, 0, 8), 0);  // What is not wired is passed over.
  EXPECT_EQ(area.process->space.entries().size(), 1u);
}

TEST(WiringTest, AHoleIsAnErrorAndUndoesWhatWasDone) {
  VmTestWorld world;
  const Area area = world.Map(8);
  Unmap(world, area, 4, 2);
  EXPECT_EQ(Wire(world, area, 0, 8), sim::kEnomem);
  EXPECT_EQ(world.counters().v_wire_count, 0);
  EXPECT_EQ(world.counters().user_wired_pages, 0);
  EXPECT_EQ(Wire(world, area, 0, 8, /*holes_ok=*/true), 0);
  EXPECT_EQ(world.counters().v_wire_count, 6);
  EXPECT_EQ(Unwire(world, area, 0, 8), sim::kEnomem);
  EXPECT_EQ(world.counters().v_wire_count, 6);
  EXPECT_EQ(Unwire(world, area, 0, 8, /*holes_ok=*/true), 0);
  EXPECT_EQ(world.counters().v_wire_count, 0);
}

TEST(WiringTest, MemoryWithoutAccessCannotBeWired) {
  VmTestWorld world;
  const Area area = world.Map(2);
  world.EntryOf(area).protection = kProtNone;
  EXPECT_EQ(Wire(world, area, 0, 2), sim::kEnomem);
  EXPECT_EQ(Wire(world, area, 0, 2, /*holes_ok=*/true), 0);
  EXPECT_EQ(world.counters().v_wire_count, 0);
}

TEST(WiringTest, TheMachinesLimitCountsVirtualPages) {
  VmTestWorld::Options options;
  options.tunables.max_user_wired = 10;
  VmTestWorld world(options);
  const Area first = world.Map(8);
  const Area sharer = world.Share(*first.object, 8);
  ASSERT_EQ(Wire(world, first, 0, 8), 0);
  EXPECT_EQ(Wire(world, sharer, 0, 8), sim::kEnomem);
  ASSERT_EQ(Wire(world, sharer, 0, 2), 0);
  EXPECT_EQ(world.counters().user_wired_pages, 10);
  EXPECT_EQ(world.counters().v_wire_count, 8);
  EXPECT_EQ(world.PageAt(*first.object, 0).wire_count, 2);
}

// The second page cannot be read: the first is unwired again.
TEST(WiringTest, APageThatCannotBeReadFailsAll) {
  VmTestWorld::Options options;
  sim::DiskFaultRule rule;
  rule.kind = sim::DiskFaultKind::kEio;
  rule.ops = sim::OpBit(sim::DiskOp::kRead);
  rule.nth = 2;
  options.faults = {rule};
  VmTestWorld world(options);
  const Area area = world.Map(3);
  world.SwapOut(area, 0, 3);
  world.EntryOf(area).behavior = Behavior::kRandom;
  EXPECT_EQ(Wire(world, area, 0, 3), sim::kEfault);
  EXPECT_EQ(world.counters().v_wire_count, 0);
  EXPECT_EQ(world.counters().user_wired_pages, 0);
  EXPECT_EQ(world.EntryOf(area).wired_count, 0);
  EXPECT_FALSE(world.EntryOf(area).user_wired);
  // The third is not tried.
  EXPECT_EQ(world.Picture(*area.object, 0, 3), "A,,");
  EXPECT_EQ(world.counters().v_swapin, 2);
  // Nothing is left that would keep another try from success.
  EXPECT_EQ(Wire(world, area, 0, 3), 0);
  EXPECT_EQ(world.counters().v_wire_count, 3);
}

// Pages 0 and 1 are wired by an earlier call. They are not what the failing one has to undo.
TEST(WiringTest, AFailureLeavesWhatWasWiredBefore) {
  VmTestWorld world;
  const Area area = world.Map(8);
  ASSERT_EQ(Wire(world, area, 0, 2), 0);
  Unmap(world, area, 6, 1);
  EXPECT_EQ(Wire(world, area, 0, 8), sim::kEnomem);
  EXPECT_EQ(WireCounts(world, *area.object, 8), "110000..");
  EXPECT_EQ(world.counters().user_wired_pages, 2);
}

TEST(WiringTest, WiringTwiceIsWiringOnce) {
  VmTestWorld world;
  const Area area = world.Map(4);
  ASSERT_EQ(Wire(world, area, 1, 2), 0);
  const int64_t faults = world.counters().v_vm_faults;
  ASSERT_EQ(Wire(world, area, 0, 4), 0);
  EXPECT_EQ(world.counters().v_vm_faults, faults + 2);
  EXPECT_EQ(WireCounts(world, *area.object, 4), "1111");
  EXPECT_EQ(world.counters().user_wired_pages, 4);
  ASSERT_EQ(Unwire(world, area, 1, 2), 0);
  EXPECT_EQ(WireCounts(world, *area.object, 4), "1001");
}

// No page is brought in that would have to be let go again.
TEST(WiringTest, TheLimitIsCheckedBeforeTheFirstFault) {
  VmTestWorld::Options options;
  options.tunables.max_user_wired = 3;
  VmTestWorld world(options);
  const Area area = world.Map(4);
  EXPECT_EQ(Wire(world, area, 0, 4), sim::kEnomem);
  EXPECT_EQ(world.counters().v_vm_faults, 0);
  EXPECT_EQ(Wire(world, area, 0, 3), 0);
}

// Copying needs swap reserved, and there is not as much as the entry has pages: short of memory, as
// mlockall tells it from a page that cannot be read.
TEST(WiringTest, ACopyForWhichNoSwapCanBeReservedIsEnomem) {
  VmTestWorld::Options options;
  options.tunables.overcommit = kSwapReserveForceOn;  // 1,100 pages of swap, two of them a label.
  VmTestWorld world(options);
  const Area area = world.Map(1200);
  world.Write(area, 0, 1);
  Fork(world, area);
  EXPECT_EQ(Wire(world, area, 0, 1200), sim::kEnomem);
  EXPECT_EQ(world.counters().user_wired_pages, 0);
  EXPECT_EQ(Wire(world, area, 0, 10), 0);
}

// An entry that nobody has touched has no object yet.
TEST(WiringTest, UntouchedMemoryIsFilledWithZeros) {
  VmTestWorld world;
  Process& process = world.vm().CreateProcess("p", false);
  ASSERT_EQ(world.vm().Map(process, 100, 3, MapEntry()), 0);
  const Area area{&process, nullptr, 100, process.space.Lookup(100)->slot, 3};
  ASSERT_EQ(Wire(world, area, 0, 3), 0);
  EXPECT_EQ(world.counters().v_zfod, 3);
  EXPECT_EQ(world.counters().v_wire_count, 3);
  EXPECT_EQ(world.vm().wiring().WiredCount(process.space), 3);
  world.Finish(world.Start("exit", world.vm().Exit(process, 0)));
  EXPECT_EQ(world.counters().v_wire_count, 0);
  EXPECT_EQ(world.counters().user_wired_pages, 0);
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
}

// RLIMIT_MEMLOCK goes by what the process itself has wired and mapped.
TEST(WiringTest, WiredCountIsTheProcessesOwn) {
  VmTestWorld world;
  const Area area = world.Map(4);
  const Area sharer = world.Share(*area.object, 4);
  ASSERT_EQ(Wire(world, area, 0, 3), 0);
  ASSERT_EQ(world.Touch(sharer, 0), kOk);
  EXPECT_EQ(world.vm().wiring().WiredCount(area.process->space), 3);
  EXPECT_EQ(world.vm().wiring().WiredCount(sharer.process->space), 0);
}

// A page that was active before is still linked in its queue when it comes back at once: it keeps
// its place, and has a reference noted. The other two go to the tail.
TEST(WiringTest, APageStillLinkedInActiveStaysWhereItIs) {
  VmTestWorld world;
  const Area area = world.Map(3);
  world.Write(area, 0, 1);
  world.vm().reclaim().queues().Drain();
  ASSERT_TRUE(world.PageAt(*area.object, 0).has(kPgaEnqueued));
  ASSERT_EQ(Wire(world, area, 0, 3), 0);
  ASSERT_EQ(Unwire(world, area, 0, 3), 0);
  EXPECT_EQ(world.Picture(*area.object, 0, 3), "aAA");
  EXPECT_TRUE(world.PageAt(*area.object, 0).has(kPgaReferenced));
  EXPECT_FALSE(world.PageAt(*area.object, 0).has(kPgaRequeue));
  EXPECT_FALSE(world.PageAt(*area.object, 1).has(kPgaReferenced));
  EXPECT_TRUE(world.PageAt(*area.object, 1).has(kPgaRequeue));
}

// A page that is being written out can be wired when the write is done.
TEST(WiringTest, WiringWaitsForAWrite) {
  VmTestWorld world;
  const Area area = world.Map(1);
  world.Write(area, 0, 1);
  std::vector<PagerResult> results;
  world.StartPageOut(*area.object, 0, 1, /*async=*/true, &results);
  world.RunFor(kDiskNs / 4);
  int error = -1;
  const sim::Thread* thread =
      world.Start("mlock", WireBody(world.vm(), area, 0, 1, true, false, &error));
  world.RunFor(kDiskNs / 4);
  EXPECT_EQ(thread->wait_message(), "vmpfw");
  EXPECT_EQ(world.Picture(*area.object, 0, 1), "s");
  world.Run();
  EXPECT_EQ(error, 0);
  EXPECT_EQ(WireCounts(world, *area.object, 1), "1");
}

// Unwiring waits for whoever has a page for himself, not for those who share it.
TEST(WiringTest, UnwiringWaitsForExclusivelyBusyPagesOnly) {
  VmTestWorld world;
  const Area area = world.Map(3);
  ASSERT_EQ(Wire(world, area, 0, 3), 0);
  PageArray& pages = world.vm().pages();
  const FrameIndex shared = area.object->Lookup(0);
  const FrameIndex exclusive = area.object->Lookup(1);
  ASSERT_TRUE(pages.TrySbusy(shared));
  ASSERT_TRUE(pages.TryXbusy(exclusive));
  int error = -1;
  const sim::Thread* thread =
      world.Start("munlock", WireBody(world.vm(), area, 0, 3, false, false, &error));
  world.Finish(thread);
  EXPECT_FALSE(thread->done());
  EXPECT_EQ(thread->wait_message(), "unwbo");
  EXPECT_EQ(WireCounts(world, *area.object, 3), "011");
  pages.Xunbusy(exclusive);
  world.Finish(thread);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(WireCounts(world, *area.object, 3), "000");
  pages.Sunbusy(shared);
}

TEST(WiringTest, UnmappingUnwires) {
  VmTestWorld world;
  const Area area = world.Map(4);
  ASSERT_EQ(Wire(world, area, 0, 4), 0);
  Unmap(world, area, 0, 4);
  EXPECT_EQ(world.counters().v_wire_count, 0);
  EXPECT_EQ(world.counters().user_wired_pages, 0);
  EXPECT_EQ(world.vm().domain().free_count(), 2000);
}

// Wiring private memory copies it now: no later write can fault.
TEST(WiringTest, ACopyOnWriteEntryIsCopiedWhenItIsWired) {
  VmTestWorld world;
  const Area area = world.Map(3);
  world.Write(area, 0, 3);
  Fork(world, area);
  ASSERT_EQ(Wire(world, area, 0, 3), 0);
  EXPECT_EQ(world.counters().v_cow_faults, 3);
  const int64_t faults = world.counters().v_vm_faults;
  for (uint32_t page = 0; page < 3; ++page) EXPECT_EQ(world.Touch(area, page, true), kOk);
  EXPECT_EQ(world.counters().v_vm_faults, faults);
}

// Wiring what may only be read copies nothing. When it is written after all, the copy takes over
// the wiring, and the page below goes to the inactive queue.
TEST(WiringTest, ACopyOfAWiredPageIsWiredInItsPlace) {
  VmTestWorld world;
  const Area area = world.Map(2);
  world.Write(area, 0, 2);
  Fork(world, area);
  const Object& below = *area.object;
  Protect(world, area, 0, 2, kProtRead);
  ASSERT_EQ(Wire(world, area, 0, 2), 0);
  EXPECT_EQ(world.counters().v_cow_faults, 0);
  EXPECT_EQ(WireCounts(world, below, 2), "11");
  Protect(world, area, 0, 2, kProtDefault);
  ASSERT_EQ(world.Touch(area, 0, /*write=*/true), kOk);
  const Object& shadow = world.vm().objects()[world.EntryOf(area).object];
  ASSERT_NE(&shadow, &below);
  EXPECT_EQ(WireCounts(world, shadow, 2), "1.");
  EXPECT_EQ(WireCounts(world, below, 2), "01");
  EXPECT_EQ(world.Picture(below, 0, 2), "in");
  EXPECT_EQ(world.counters().v_wire_count, 2);
  // Of page 0 the copy is unwired, of page 1 what lies below.
  ASSERT_EQ(Unwire(world, area, 0, 2), 0);
  EXPECT_EQ(WireCounts(world, shadow, 2), "0.");
  EXPECT_EQ(WireCounts(world, below, 2), "00");
}

// The parent wires what it may only read, in the object below the one that it shares with its
// second child. There the child has page 0 copied. What the parent wired lies below still.
TEST(WiringTest, WhatASharerCopiedIsUnwiredBelow) {
  VmTestWorld world;
  const Area parent = world.Map(2);
  world.Write(parent, 0, 2);
  Fork(world, parent);
  const Object& below = *parent.object;
  world.vm().map_ops().Inherit(parent.process->space, parent.start, parent.start + 2,
                               Inheritance::kShare);
  Protect(world, parent, 0, 2, kProtRead);
  const Area sharer = Fork(world, parent);
  ASSERT_EQ(Wire(world, parent, 0, 2), 0);
  ASSERT_EQ(WireCounts(world, below, 2), "11");
  Protect(world, sharer, 0, 2, kProtDefault);
  ASSERT_EQ(world.Touch(sharer, 0, /*write=*/true), kOk);
  const Object& shared = world.vm().objects()[world.EntryOf(parent).object];
  ASSERT_EQ(WireCounts(world, shared, 2), "0.");
  ASSERT_EQ(Unwire(world, parent, 0, 2), 0);
  EXPECT_EQ(WireCounts(world, below, 2), "00");
  EXPECT_EQ(world.counters().v_wire_count, 0);
}

class WiringPropertyTest : public testing::TestWithParam<uint64_t> {};

// Two maps of one object: what is wired, page by page, against counting it by hand.
TEST_P(WiringPropertyTest, CountsAreThoseOfANaiveModel) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  constexpr uint32_t kPages = 20;
  sim::SplitMix64 random(GetParam());
  VmTestWorld world;
  const Area first = world.Map(kPages);
  const Area areas[] = {first, world.Share(*first.object, kPages)};
  first.object->flags = 0;  // As a named segment: unmapping one map leaves it whole.
  enum { kGone, kMapped, kWired };
  std::vector<int> model[2] = {std::vector<int>(kPages, kMapped),
                               std::vector<int>(kPages, kMapped)};
  for (int step = 0; step < 400; ++step) {
    const size_t which = random.Below(2);
    const auto begin = static_cast<uint32_t>(random.Below(kPages));
    const auto pages = static_cast<uint32_t>(1 + random.Below(kPages - begin));
    std::vector<int>& mine = model[which];
    const uint64_t op = random.Below(40);
    if (op < 20) {
      const int error = Wire(world, areas[which], begin, pages, /*holes_ok=*/true);
      ASSERT_EQ(error, 0);
      for (uint32_t i = begin; i < begin + pages; ++i) mine[i] = mine[i] == kGone ? kGone : kWired;
    } else if (op < 39) {
      ASSERT_EQ(Unwire(world, areas[which], begin, pages, /*holes_ok=*/true), 0);
      for (uint32_t i = begin; i < begin + pages; ++i) mine[i] = mine[i] == kGone ? kGone : kMapped;
    } else {
      Unmap(world, areas[which], begin, 1);
      mine[begin] = kGone;
    }
    int64_t user_wired = 0;
    int64_t wired = 0;
    for (uint32_t i = 0; i < kPages; ++i) {
      const int times = (model[0][i] == kWired) + (model[1][i] == kWired);
      user_wired += times;
      wired += times > 0;
      const FrameIndex frame = first.object->Lookup(i);
      ASSERT_EQ(frame == kNoFrame ? 0 : world.vm().pages()[frame].wire_count, times)
          << "step " << step << " page " << i;
    }
    ASSERT_EQ(world.counters().user_wired_pages, user_wired) << "step " << step;
    ASSERT_EQ(world.counters().v_wire_count, wired) << "step " << step;
  }
}

// A process of the history below, and what the model says of its pages.
struct Owner {
  enum State : char { kGone = '.', kMapped = 'm', kWired = 'w' };
  Area area;
  std::string pages;
  std::string writable;  // 'y' or 'n'.
};

// Private memory of up to four processes that fork, write, protect, wire, unwire, unmap and exit.
// What is wired is mapped; a page has as many wirings as wired virtual pages map it.
class PrivateWiring {
 public:
  PrivateWiring() {
    const Area area = world_.Map(kPages);
    owners_.push_back({area, std::string(kPages, Owner::kMapped), std::string(kPages, 'y')});
  }

  void Step(sim::SplitMix64& random) {
    Owner& owner = owners_[random.Below(owners_.size())];
    const auto begin = static_cast<uint32_t>(random.Below(kPages));
    const auto count = static_cast<uint32_t>(1 + random.Below(kPages - begin));
    const uint64_t op = random.Below(100);
    if (op < 25) {
      ASSERT_EQ(Wire(world_, owner.area, begin, count, /*holes_ok=*/true), 0);
      Become(owner, begin, count, Owner::kWired);
    } else if (op < 45) {
      ASSERT_EQ(Unwire(world_, owner.area, begin, count, /*holes_ok=*/true), 0);
      Become(owner, begin, count, Owner::kMapped);
    } else if (op < 75) {
      const bool write = owner.writable[begin] == 'y' && random.Below(2) == 0;
      if (owner.pages[begin] != Owner::kGone) {
        ASSERT_EQ(world_.Touch(owner.area, begin, write), kOk);
      }
    } else if (op < 88) {
      Protect(world_, owner.area, begin, count,
              random.Below(2) == 0 ? uint8_t{kProtRead} : kProtDefault);
      Refresh(owner);
    } else if (op < 90) {
      Unmap(world_, owner.area, begin, 1);
      owner.pages[begin] = Owner::kGone;
    } else if (op < 96) {
      // A process without memory has nothing to copy.
      if (owners_.size() < 4 && !owner.area.process->space.empty()) ForkOff(owner);
    } else if (owners_.size() > 1) {
      world_.Finish(world_.Start("exit", world_.vm().Exit(*owner.area.process, 0)));
      owners_.erase(owners_.begin() + (&owner - owners_.data()));
    }
  }

  void Check() {
    PageArray& pages = world_.vm().pages();
    std::vector<int> wirings(pages.frames(), 0);
    int64_t user_wired = 0;
    for (const Owner& owner : owners_) {
      int64_t mine = 0;
      for (uint32_t i = 0; i < kPages; ++i) {
        if (owner.pages[i] != Owner::kWired) continue;
        ++mine;
        const Pte pte = world_.PteAt(owner.area, i);
        ASSERT_NE(pte & kPteValid, 0u) << "page " << i << " of " << owner.pages;
        ++wirings[pte & kPteFrameMask];
      }
      ASSERT_EQ(world_.vm().wiring().WiredCount(owner.area.process->space), mine);
      user_wired += mine;
    }
    ASSERT_EQ(world_.counters().user_wired_pages, user_wired);
    int64_t wired = 0;
    for (FrameIndex frame = 0; frame < pages.frames(); ++frame) {
      ASSERT_EQ(pages[frame].wire_count, wirings[frame]) << "frame " << frame;
      wired += wirings[frame] > 0;
    }
    ASSERT_EQ(world_.counters().v_wire_count, wired);
    world_.CheckInvariants();
  }

 private:
  static constexpr uint32_t kPages = 12;

  static void Become(Owner& owner, uint32_t begin, uint32_t count, Owner::State state) {
    for (uint32_t i = begin; i < begin + count; ++i) {
      if (owner.pages[i] != Owner::kGone) owner.pages[i] = state;
    }
  }
  void Refresh(Owner& owner) {
    for (uint32_t i = 0; i < kPages; ++i) {
      const MapEntry* entry = owner.area.process->space.Lookup(owner.area.start + i);
      owner.writable[i] = entry != nullptr && entry->writable() ? 'y' : 'n';
    }
  }
  void ForkOff(const Owner& parent) {
    Owner child = parent;
    child.area = Fork(world_, parent.area);
    for (char& state : child.pages) {
      if (state == Owner::kWired) state = Owner::kMapped;
    }
    owners_.push_back(child);
  }

  VmTestWorld world_;
  std::vector<Owner> owners_;
};

TEST_P(WiringPropertyTest, PrivateMemoryHasTheWiringsOfANaiveModel) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  sim::SplitMix64 random(GetParam());
  PrivateWiring history;
  for (int step = 0; step < 250; ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    history.Step(random);
    if (!HasFatalFailure()) history.Check();
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, WiringPropertyTest, testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace vmsim::vm
