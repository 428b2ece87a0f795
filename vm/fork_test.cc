// Fork, copy on write, collapse, bypass, split and what unmapping leaves: stories, and a property
// over random histories: every process reads what it would read if fork copied everything.
#include "vm/fork.h"

#include <gtest/gtest.h>

#include <map>
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

class ForkTest : public testing::Test {
 protected:
  VmSystem& vm() { return world_.vm(); }
  const VmCounters& counters() { return world_.counters(); }
  MapEntry& EntryOf(const Area& area) { return world_.EntryOf(area); }
  Object& ObjectOf(const Area& area) { return vm().objects()[EntryOf(area).object]; }

  Area Fork(const Area& parent, int want = 0) {
    Process& child = vm().CreateProcess("child", false);
    int error = -1;
    Forker::LeafMap leaves;
    world_.Finish(world_.Start("fork", ForkBody(*parent.process, child, &leaves, &error)));
    EXPECT_EQ(error, want);
    if (error != 0) return parent;
    const MapEntry* entry = child.space.Lookup(parent.start);
    return {&child, nullptr, parent.start, entry->slot, parent.pages};
  }
  sim::Task<void> ForkBody(Process& parent, Process& child, Forker::LeafMap* leaves, int* error) {
    *error = co_await vm().Fork(parent, child, leaves);
  }
  void Exit(const Area& area) {
    world_.Finish(world_.Start("exit", vm().Exit(*area.process, 0)));
    world_.Run();
  }
  void Unmap(const Area& area, uint32_t first, uint32_t pages) {
    const Vpage start = area.start + first;
    world_.Finish(
        world_.Start("unmap", vm().map_ops().Delete(area.process->space, start, start + pages)));
  }
  // Number of objects that an entry's chain has.
  int Depth(const Area& area) {
    int depth = 0;
    for (ObjectId id = EntryOf(area).object; id != kNoObject; id = vm().objects()[id].backing) {
      ++depth;
    }
    return depth;
  }
  std::string Picture(const Area& area) { return world_.Picture(ObjectOf(area), 0, area.pages); }

  VmTestWorld world_;
};

// parent: 4 pages written. After fork both see the same object, write-protected.
TEST_F(ForkTest, AfterForkBothShareTheObjectUntilOneWrites) {
  const Area parent = world_.Map(4);
  world_.Write(parent, 0, 4);
  const Area child = Fork(parent);
  EXPECT_EQ(EntryOf(child).object, EntryOf(parent).object);
  EXPECT_TRUE(EntryOf(child).needs_copy);
  EXPECT_TRUE(EntryOf(parent).needs_copy);
  EXPECT_EQ(ObjectOf(parent).ref_count, 2);
  EXPECT_FALSE(ObjectOf(parent).one_mapping());
  for (uint32_t page = 0; page < 4; ++page) {
    EXPECT_EQ(world_.PteAt(parent, page) & kPteWritable, 0u);
    // The child can read at once.
    EXPECT_NE(world_.PteAt(child, page) & kPteValid, 0u);
    EXPECT_EQ(world_.PteAt(child, page) & (kPteWritable | kPteAccessed | kPteModified), 0u);
  }
  EXPECT_EQ(counters().v_forks, 1);
  EXPECT_EQ(counters().v_forkpages, 4);
}

TEST_F(ForkTest, TheFirstWriteMakesAShadowAndCopiesOnePage) {
  const Area parent = world_.Map(4);
  world_.Write(parent, 0, 4);
  const ObjectId shared = EntryOf(parent).object;
  const Area child = Fork(parent);
  const int32_t free = vm().domain().free_count();
  ASSERT_EQ(world_.Touch(child, 2, /*write=*/true), kOk);
  EXPECT_EQ(vm().domain().free_count(), free - 1);
  EXPECT_EQ(ObjectOf(child).backing, shared);
  EXPECT_FALSE(EntryOf(child).needs_copy);
  EXPECT_TRUE(EntryOf(parent).needs_copy);
  EXPECT_EQ(Picture(child), "..a.");
  // The page that was copied has been given up for use by others; 2 is the parent's.
  EXPECT_EQ(world_.Picture(vm().objects()[shared], 0, 4), "aaia");
  EXPECT_EQ(counters().v_cow_faults, 1);
  EXPECT_EQ(counters().v_cow_optim, 0);
  EXPECT_EQ(vm().objects()[shared].ref_count, 2);
  EXPECT_EQ(vm().objects()[shared].shadow_count, 1);
}

// A read fault in the child finds the parent's page and maps it read-only; the placeholder that it
// took meanwhile is free again.
TEST_F(ForkTest, AReadThroughAShadowTakesNoPageInTheEnd) {
  const Area parent = world_.Map(4);
  world_.Write(parent, 0, 4);
  const Area child = Fork(parent);
  ASSERT_EQ(world_.Touch(child, 0, /*write=*/true), kOk);  // Makes the shadow.
  vm().page_tables().Remove(child.slot + 3);
  const int32_t free = vm().domain().free_count();
  const int64_t freed = counters().v_tfree;
  ASSERT_EQ(world_.Touch(child, 3), kOk);
  EXPECT_EQ(vm().domain().free_count(), free);
  EXPECT_EQ(counters().v_tfree, freed + 1);
  EXPECT_EQ(world_.PteAt(child, 3) & kPteWritable, 0u);
  EXPECT_EQ(Picture(child), "a...");
}

// Both wrote, then the parent goes: the child's shadow takes over what it had not copied.
TEST_F(ForkTest, WhenTheOtherGoesTheChainCollapses) {
  const Area parent = world_.Map(4);
  world_.Write(parent, 0, 4);
  const Area child = Fork(parent);
  ASSERT_EQ(world_.Touch(child, 1, /*write=*/true), kOk);
  EXPECT_EQ(Depth(child), 2);
  const int32_t free = vm().domain().free_count();
  Exit(parent);
  EXPECT_EQ(Depth(child), 1);
  EXPECT_EQ(counters().object_collapses, 1);
  EXPECT_EQ(Picture(child), "aaaa");
  EXPECT_EQ(ObjectOf(child).resident_page_count, 4u);
  EXPECT_EQ(vm().domain().free_count(), free + 1);  // The parent's page 1.
  EXPECT_EQ(ObjectOf(child).shadow_count, 0);
}

// A page below that is wired and hidden stays where whoever wired it will look for it.
TEST_F(ForkTest, AChainThatHidesAWiredPageCollapsesWhenItIsUnwired) {
  const Area parent = world_.Map(2);
  world_.Write(parent, 0, 2);
  const Area child = Fork(parent);
  world_.Write(child, 0, 1);
  Object& old = vm().objects()[ObjectOf(child).backing];
  const FrameIndex hidden = old.Lookup(0);
  vm().allocator().Wire(hidden);
  Exit(parent);
  EXPECT_EQ(Depth(child), 2);
  vm().allocator().Unwire(hidden, QueueId::kActive);
  Fork(child);
  EXPECT_EQ(Depth(child), 1);
  EXPECT_EQ(counters().object_collapses, 1);
}

// first and second both shadow the old object. second has copied all of it and passes it by when it
// forks; so first alone can see the old page 1, which moves up instead of being copied.
TEST_F(ForkTest, WithNobodyElseToSeeItThePageMovesUp) {
  const Area first = world_.Map(2);
  world_.Write(first, 0, 2);
  const Area second = Fork(first);
  world_.Write(first, 0, 1);
  world_.Write(second, 0, 2);
  Object& old = vm().objects()[ObjectOf(first).backing];
  EXPECT_EQ(old.ref_count, 2);
  EXPECT_EQ(old.shadow_count, 2);
  Fork(second);
  EXPECT_EQ(counters().object_bypasses, 1);
  EXPECT_EQ(old.ref_count, 1);
  EXPECT_EQ(counters().v_cow_faults, 3);
  const int32_t free = vm().domain().free_count();
  world_.Write(first, 1, 1);
  EXPECT_EQ(counters().v_cow_faults, 4);
  EXPECT_EQ(counters().v_cow_optim, 1);
  EXPECT_EQ(vm().domain().free_count(), free);
  EXPECT_EQ(Picture(first), "aa");
  EXPECT_EQ(old.resident_page_count, 1u);
}

// A grandchild writes everything: its shadow needs nothing of its parent's any more and passes it
// by at the next fork.
TEST_F(ForkTest, AnObjectThatShadowsAllIsBypassed) {
  const Area first = world_.Map(2);
  world_.Write(first, 0, 2);
  const Area second = Fork(first);
  world_.Write(second, 0, 2);
  const ObjectId bottom = EntryOf(first).object;
  EXPECT_EQ(ObjectOf(second).backing, bottom);
  const Area third = Fork(second);  // Collapse tries: all of `bottom` is shadowed.
  EXPECT_EQ(counters().object_bypasses, 1);
  EXPECT_EQ(ObjectOf(second).backing, kNoObject);
  EXPECT_EQ(vm().objects()[bottom].ref_count, 1);
  EXPECT_EQ(vm().objects()[bottom].shadow_count, 0);
  EXPECT_EQ(EntryOf(third).object, EntryOf(second).object);
}

TEST_F(ForkTest, MemoryThatNobodyTouchedIsNotShared) {
  Process& process = vm().CreateProcess("p", false);
  ASSERT_EQ(vm().Map(process, 4096, 8, MapEntry{}), 0);
  const Area parent{&process, nullptr, 4096, process.space.Lookup(4096)->slot, 8};
  EXPECT_EQ(EntryOf(parent).object, kNoObject);
  EXPECT_EQ(vm().reserve().reserved(), 8u);
  const Area child = Fork(parent);
  EXPECT_EQ(EntryOf(child).object, kNoObject);
  EXPECT_EQ(vm().reserve().reserved(), 16u);
  ASSERT_EQ(world_.Touch(child, 0, true), kOk);
  ASSERT_EQ(world_.Touch(parent, 0, true), kOk);
  EXPECT_EQ(counters().v_cow_faults, 0);
  Exit(child);
  EXPECT_EQ(vm().reserve().reserved(), 8u);
  Exit(parent);
  EXPECT_EQ(vm().reserve().reserved(), 0u);
}

TEST_F(ForkTest, InheritanceSaysWhatTheChildGets) {
  struct Case {
    Inheritance inheritance;
    const char* child;
  };
  for (const Case& c : {Case{Inheritance::kShare, "shared"}, Case{Inheritance::kCopy, "copied"},
                        Case{Inheritance::kZero, "zero"}, Case{Inheritance::kNone, "none"}}) {
    Process& parent = vm().CreateProcess("p", false);
    ASSERT_EQ(vm().Map(parent, 4096, 4, MapEntry{}), 0);
    parent.space.Lookup(4096)->inheritance = c.inheritance;
    const Area area{&parent, nullptr, 4096, parent.space.Lookup(4096)->slot, 4};
    world_.Write(area, 0, 4);
    Process& child = vm().CreateProcess("c", false);
    int error = -1;
    Forker::LeafMap leaves;
    world_.Finish(world_.Start("fork", ForkBody(parent, child, &leaves, &error)));
    ASSERT_EQ(error, 0);
    const MapEntry* entry = child.space.Lookup(4096);
    const MapEntry* own = parent.space.Lookup(4096);
    std::string got = "none";
    if (entry != nullptr && entry->object == kNoObject) got = "zero";
    if (entry != nullptr && entry->object == own->object) {
      got = entry->needs_copy ? "copied" : "shared";
    }
    EXPECT_EQ(got, c.child);
    if (got == "shared") {
      EXPECT_FALSE(own->needs_copy);
    }
  }
}

// Wired memory is copied at fork: the parent may not fault, the child's pages are pageable.
TEST_F(ForkTest, WiredMemoryIsCopiedAtOnce) {
  const Area parent = world_.Map(3);
  world_.Write(parent, 0, 3);
  int error = -1;
  auto wire = [&]() -> sim::Task<void> {
    error = co_await vm().wiring().Wire(parent.process->space, parent.start, parent.start + 3,
                                        /*holes_ok=*/false);
  };
  world_.Finish(world_.Start("mlock", wire()));
  ASSERT_EQ(error, 0);
  EXPECT_EQ(counters().v_wire_count, 3);
  const Area child = Fork(parent);
  EXPECT_NE(EntryOf(child).object, EntryOf(parent).object);
  EXPECT_FALSE(EntryOf(parent).needs_copy);
  EXPECT_EQ(Picture(child), "aaa");
  EXPECT_EQ(counters().v_wire_count, 3);
  EXPECT_NE(world_.PteAt(parent, 0) & kPteWritable, 0u);
  EXPECT_EQ(EntryOf(child).wired_count, 0);
}

// Part of a map is unmapped: its pages are free although the object lives on, and the object ends
// where the map does.
TEST_F(ForkTest, UnmappingATailShrinksTheObject) {
  const Area area = world_.Map(8);
  world_.Write(area, 0, 8);
  const int32_t free = vm().domain().free_count();
  Unmap(area, 2, 3);
  EXPECT_EQ(vm().domain().free_count(), free + 3);
  EXPECT_EQ(Picture(area), "aa...aaa");
  EXPECT_EQ(area.process->space.entries().size(), 2u);
  Unmap(area, 5, 3);
  EXPECT_EQ(vm().domain().free_count(), free + 6);
  EXPECT_EQ(ObjectOf(area).size, 5u);
  EXPECT_EQ(world_.Touch(area, 6), FaultResult::kInvalidAddress);
}

// Of an object all of whose pages are in swap, a partial unmap frees no swap: the kernel looks for
// pages first and finds none.
TEST_F(ForkTest, SwapOfARangeWithoutPagesStaysUntilTheObjectGoes) {
  const Area area = world_.Map(8);
  world_.SwapOut(area, 0, 8);
  EXPECT_EQ(vm().swap().space().used(), 8);
  Unmap(area, 0, 4);
  EXPECT_EQ(vm().swap().space().used(), 8);
  Exit(area);
  EXPECT_EQ(vm().swap().space().used(), 0);
}

// A clipped map forks: each part gets an object of its own.
TEST_F(ForkTest, ForkSplitsAnObjectThatTwoEntriesShare) {
  const Area area = world_.Map(8);
  world_.Write(area, 0, 8);
  EntryOf(area).behavior = Behavior::kNormal;
  vm().map_ops().Clip(area.process->space, area.start + 4, area.start + 8);
  ASSERT_EQ(area.process->space.entries().size(), 2u);
  EXPECT_EQ(ObjectOf(area).ref_count, 2);
  Fork(area);
  const auto& entries = area.process->space.entries();
  EXPECT_NE(entries[0].object, entries[1].object);
  EXPECT_EQ(vm().objects()[entries[0].object].resident_page_count, 4u);
  EXPECT_EQ(vm().objects()[entries[1].object].resident_page_count, 4u);
  EXPECT_EQ(vm().objects()[entries[1].object].ref_count, 2);  // The parent's entry and the child's.
}

TEST_F(ForkTest, WhatIsClippedAndNotChangedIsJoinedAgain) {
  const Area area = world_.Map(8);
  world_.Write(area, 0, 8);
  vm().map_ops().Clip(area.process->space, area.start + 2, area.start + 4);
  EXPECT_EQ(area.process->space.entries().size(), 3u);
  EXPECT_EQ(ObjectOf(area).ref_count, 3);
  vm().map_ops().Simplify(area.process->space, area.start + 2, area.start + 4);
  EXPECT_EQ(area.process->space.entries().size(), 1u);
  EXPECT_EQ(ObjectOf(area).ref_count, 1);
  EXPECT_TRUE(ObjectOf(area).one_mapping());
}

// Overcommit off: fork is refused when swap could not take what it may write.
TEST(ForkReserveTest, WithoutOvercommitForkMayFail) {
  VmTestWorld::Options options;
  options.tunables.overcommit = kSwapReserveForceOn;  // 1,100 pages of swap, two of them a label.
  VmTestWorld world(options);
  VmSystem& vm = world.vm();
  Process& parent = vm.CreateProcess("p", false);
  EXPECT_EQ(vm.Map(parent, 0, 1200, MapEntry{}), sim::kEnomem);
  ASSERT_EQ(vm.Map(parent, 0, 700, MapEntry{}), 0);
  Process& child = vm.CreateProcess("c", false);
  int error = -1;
  Forker::LeafMap leaves;
  auto body = [&]() -> sim::Task<void> { error = co_await vm.Fork(parent, child, &leaves); };
  world.Finish(world.Start("fork", body()));
  EXPECT_EQ(error, sim::kEnomem);
  EXPECT_TRUE(child.space.empty());
  EXPECT_EQ(vm.reserve().reserved(), 700u);
}

// What processes read, against a model in which fork copies.
class ForkPropertyTest : public testing::TestWithParam<uint64_t> {};

class ContentWorld {
 public:
  static constexpr uint32_t kPages = 8;
  static constexpr Vpage kStart = 4096;

  explicit ContentWorld(uint64_t seed) : random_(seed) {}

  const VmCounters& counters() { return world_.counters(); }

  void Run(int steps) {
    Spawn();
    for (int step = 0; step < steps; ++step) {
      if (processes_.empty()) Spawn();
      const size_t which = random_.Below(processes_.size());
      switch (random_.Below(10)) {
        case 0:
          if (processes_.size() < 7) Fork(which);
          break;
        case 1:
          if (processes_.size() > 3 || processes_[which].process->space.empty()) Exit(which);
          break;
        case 2:
          Swap(which);
          break;
        case 3:
          if (random_.Below(8) == 0) UnmapSome(which);
          break;
        case 4:
          for (uint32_t i = 0; i < kPages && random_.Below(12) != 0; ++i) Touch(which, i, true);
          break;
        default:
          Touch(which, static_cast<uint32_t>(random_.Below(kPages)), random_.Below(2) == 0);
      }
      world_.Run();
      Check(step);
      if (testing::Test::HasFailure()) return;
    }
    world_.vm().CheckInvariants();
  }

 private:
  struct Model {
    Process* process;
    std::vector<int64_t> tags;  // What each page holds; -1: not mapped.
  };

  VmSystem& vm() { return world_.vm(); }
  void Do(sim::Task<void> body) { world_.Finish(world_.Start("t", std::move(body))); }

  void Spawn() {
    Process& process = vm().CreateProcess("p", false);
    CHECK_EQ(vm().Map(process, kStart, kPages, MapEntry{}), 0);
    processes_.push_back({&process, std::vector<int64_t>(kPages, 0)});
  }
  void Fork(size_t which) {
    Process& child = vm().CreateProcess("c", false);
    Forker::LeafMap leaves;
    Do([](VmSystem& vm, Process& p, Process& c, Forker::LeafMap* l) -> sim::Task<void> {
      CHECK_EQ(co_await vm.Fork(p, c, l), 0);
    }(vm(), *processes_[which].process, child, &leaves));
    processes_.push_back({&child, processes_[which].tags});
  }
  void Exit(size_t which) {
    Do(vm().Exit(*processes_[which].process, 0));
    processes_.erase(processes_.begin() + static_cast<std::ptrdiff_t>(which));
  }
  void UnmapSome(size_t which) {
    const auto first = static_cast<uint32_t>(random_.Below(kPages));
    const auto pages = static_cast<uint32_t>(1 + random_.Below(kPages - first));
    Do(vm().map_ops().Delete(processes_[which].process->space, kStart + first,
                             kStart + first + pages));
    for (uint32_t i = first; i < first + pages; ++i) processes_[which].tags[i] = -1;
  }
  void Touch(size_t which, uint32_t page, bool write) {
    Model& model = processes_[which];
    const MapEntry* entry = model.process->space.Lookup(kStart + page);
    ASSERT_EQ(entry == nullptr, model.tags[page] < 0);
    if (entry == nullptr) return;
    const int64_t zeroed = world_.counters().v_zfod;
    const Area area{model.process, nullptr, entry->start, entry->slot, 0};
    const auto index = static_cast<uint32_t>(kStart + page - entry->start);
    ASSERT_EQ(world_.Touch(area, index, write), kOk);
    NoteReads();
    const FrameIndex frame = world_.PteAt(area, index) & kPteFrameMask;
    if (world_.counters().v_zfod != zeroed) frame_tags_[frame] = 0;
    if (!write) return;
    model.tags[page] = frame_tags_[frame] = ++last_tag_;
    vm().pages()[frame].dirty = kPageBitsAll;
  }
  // Clean pages with a block hold what the block holds: what was just read does, too.
  void NoteReads() {
    ForClean([&](FrameIndex f, SwapBlock b) { frame_tags_[f] = block_tags_[b]; });
  }
  template <typename F>
  void ForClean(F f) {
    for (ObjectId id = 0; id < vm().objects().id_limit(); ++id) {
      if (!vm().objects().exists(id)) continue;
      const Object& object = vm().objects()[id];
      object.swap.ForEach([&](Pindex pindex, SwapBlock block) {
        const FrameIndex frame = pindex < object.size ? object.Lookup(pindex) : kNoFrame;
        if (frame != kNoFrame && vm().pages()[frame].dirty == 0) f(frame, block);
      });
    }
  }
  // Writes out and evicts one page, wherever in the process's chains it lies.
  void Swap(size_t which) {
    const auto& entries = processes_[which].process->space.entries();
    if (entries.empty()) return;
    ObjectId id = entries[random_.Below(entries.size())].object;
    while (id != kNoObject && random_.Below(2) == 0) id = vm().objects()[id].backing;
    if (id == kNoObject) return;
    Object& object = vm().objects()[id];
    const auto pindex = static_cast<Pindex>(random_.Below(object.size));
    const FrameIndex frame = object.Lookup(pindex);
    if (frame == kNoFrame || vm().pages()[frame].valid == 0) return;
    vm().page_tables().RemoveAll(frame);
    if (vm().pages()[frame].dirty != 0) {
      ASSERT_EQ(world_.PageOut(object, pindex, 1), "P");
      block_tags_[object.swap.Lookup(pindex)] = frame_tags_[frame];
    }
    if (random_.Below(3) != 0) world_.Evict(object, pindex);
  }
  int64_t Resolve(const MapEntry& entry, Vpage vpage) {
    if (entry.object == kNoObject) return 0;
    const Object* object = &vm().objects()[entry.object];
    Pindex pindex = entry.PindexOf(vpage);
    while (true) {
      const FrameIndex frame = pindex < object->size ? object->Lookup(pindex) : kNoFrame;
      if (frame != kNoFrame && vm().pages()[frame].valid != 0) return frame_tags_[frame];
      const SwapBlock block = object->swap.Lookup(pindex);
      if (block != kNoSwapBlock) return block_tags_[block];
      if (object->backing == kNoObject) return 0;
      pindex += object->backing_offset;
      object = &vm().objects()[object->backing];
    }
  }
  void Check(int step) {
    for (const Model& model : processes_) {
      for (uint32_t i = 0; i < kPages; ++i) {
        const MapEntry* entry = model.process->space.Lookup(kStart + i);
        const int64_t got = entry == nullptr ? -1 : Resolve(*entry, kStart + i);
        ASSERT_EQ(got, model.tags[i])
            << "step " << step << " process " << model.process->pid << " page " << i;
      }
    }
  }

  VmTestWorld world_;
  sim::SplitMix64 random_;
  std::vector<Model> processes_;
  std::map<FrameIndex, int64_t> frame_tags_;
  std::map<SwapBlock, int64_t> block_tags_;
  int64_t last_tag_ = 0;
};

TEST_P(ForkPropertyTest, EveryProcessReadsWhatItWouldWithoutSharing) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  ContentWorld world(GetParam());
  world.Run(4000);
  EXPECT_GT(world.counters().v_swapin, 0);
  EXPECT_GT(world.counters().v_cow_faults, 0);
  EXPECT_GT(world.counters().object_collapses, 0);
  EXPECT_GT(world.counters().object_bypasses + world.counters().v_cow_optim, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ForkPropertyTest, testing::Range<uint64_t>(1, 13));

}  // namespace
}  // namespace vmsim::vm
