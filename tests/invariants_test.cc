// Each named invariant sees the defect that it is there for.
//
// A healthy world breaks none. For every invariant one small thing is changed behind the memory
// system's back, and exactly that invariant reports, together with those that the same defect
// breaks for a reason that the table names.
#include "vm/invariants.h"

#include <gtest/gtest.h>

#include <cctype>
#include <functional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "sim/random.h"
#include "vm/vm_system_state.h"
#include "vm/vm_test_world.h"

namespace vmsim::sim {

struct DiskTestPeer {
  static int64_t& in_device(Disk& disk) { return disk.in_device_; }
};

}  // namespace vmsim::sim

namespace vmsim::vm {

// Reaches what no public call can break.
struct InvariantsTestPeer {
  static void OverfillBatch(PageQueues& queues) {
    queues.batches_[0].count = queues.held_entries() + 1;
  }
  static bool& min_set(Domain& domain) { return domain.min_set_; }
  static bool& severe_set(Domain& domain) { return domain.severe_set_; }
  static PageoutThresholds& thresholds(Domain& domain) { return domain.t_; }
  static int32_t& integral(PidController& pid) { return pid.integral_; }
  static int32_t& output(PidController& pid) { return pid.output_; }
  static int& target(LaundryThread& laundry) { return laundry.target_; }
  static int& shortfall_cycle(LaundryThread& laundry) { return laundry.shortfall_cycle_; }
  static SwapSpace& space(SwapPager& pager) { return pager.space_; }
  static SwapDevice& device(SwapPager& pager, size_t index) { return pager.space_.devices_[index]; }
  static int64_t& avail(SwapPager& pager) { return pager.space_.avail_; }
  static int64_t& total(SwapPager& pager) { return pager.space_.total_; }
  static int& full(SwapPager& pager) { return pager.space_.full_; }
  static SwapMeta& meta(SwapPager& pager) { return pager.meta_; }
  static uint32_t& records(SwapBlocks& blocks) { return blocks.records_; }
  static int& write_tokens(SwapPager& pager) { return pager.write_tokens_; }
  static PbufPool& read_pbufs(SwapPager& pager) { return pager.read_pbufs_; }
  static SwapBlock& first_block(SwapPager& pager) { return pager.ios_[0].block; }
};

namespace {

using Peer = InvariantsTestPeer;
using Area = VmTestWorld::Area;

// data   64 pages: 0..31 written, 32..47 read, 48..63 untouched
// cold   32 pages in swap, but for 0, which was read again
// child, parent   forked; the child has written to page 0 of 4
//
// Of data, 8 is inactive, 9 in the laundry, 10 unswappable, 11 wired, 36..38 not mapped; 40 waits
// in a batch to become active, 41 to become inactive. With I/O a write of data's pages 0..3 and a
// read of cold's page 20 are under way.
class World {
 public:
  explicit World(bool io) {
    data = world.Map(64, "data");
    world.Write(data, 0, 32);
    for (uint32_t page = 32; page < 48; ++page) world.Touch(data, page);
    cold = world.Map(32, "cold");
    world.SwapOut(cold, 0, 32);
    MapEntry& entry = world.EntryOf(cold);
    entry.behavior = Behavior::kRandom;
    world.Touch(cold, 0);
    Fork();
    Reclaim& reclaim = vm().reclaim();
    reclaim.Deactivate(Frame(8));
    reclaim.Launder(Frame(9));
    reclaim.Unswappable(Frame(10));
    vm().allocator().Wire(Frame(11));
    vm().reclaim().queues().Drain();
    for (uint32_t page = 36; page < 39; ++page) vm().page_tables().RemoveAll(Frame(page));
    reclaim.Deactivate(Frame(40));
    vm().reclaim().queues().Drain();
    reclaim.Activate(Frame(40));
    reclaim.Deactivate(Frame(41));
    if (io) StartIo();
    world.CheckInvariants();
    world.StopChecking();
    state = StateOf(vm());
  }

  VmSystem& vm() { return world.vm(); }
  SwapPager& pager() { return vm().swap(); }
  PageArray& pages() { return vm().pages(); }
  PageQueues& queues() { return vm().reclaim().queues(); }
  ObjectTable& objects() { return vm().objects(); }
  VmCounters& counters() { return vm().counters(); }
  Domain& domain() { return vm().domain(); }
  Object& object() { return *data.object; }  // Of data.
  Object& shared() { return objects()[world.EntryOf(parent).object]; }
  FrameIndex Frame(Pindex pindex) { return data.object->Lookup(pindex); }
  Page& PageOf(Pindex pindex) { return pages()[Frame(pindex)]; }  // Of data.
  Page& UnusedPage() { return pages()[pages().frames() - 1]; }    // A free one.
  Page& ReadPage() { return world.PageAt(*cold.object, 20); }
  Pte& PteOf(const Area& area, uint32_t page) {
    return vm().page_tables().entries()[area.slot + page];
  }
  MapEntry& EntryOf(const Area& area) { return world.EntryOf(area); }
  PidController& pid() { return const_cast<PidController&>(vm().reclaim().daemon().pid()); }
  LaundryThread& laundry() { return vm().reclaim().laundry_thread(); }
  // Takes data's page off its queue.
  void Dequeue(Pindex pindex) { queues().Dequeue(Frame(pindex)); }
  // Adds an entry, of one page without translation, at the front or the back of cold's map.
  MapEntry& AddEntry(bool at_front) {
    std::vector<MapEntry>& entries = cold.process->space.entries();
    MapEntry entry;
    entry.start = 1 << 20;
    entry.end = entry.start + 1;
    entry.slot = vm().page_tables().AllocateLeaf(1);
    return *entries.insert(at_front ? entries.begin() : entries.end(), entry);
  }
  // Enters a block for a page of `area` as nobody may, without freeing the one that it had.
  void EnterBlock(const Area& area, Pindex pindex, SwapBlock block) {
    SwapMeta nobodys;
    nobodys.records = 100;
    area.object->swap.Build(nobodys, pindex, block);
  }
  void Sleep(sim::Task<void> wait) {
    world.Start("sleeper", std::move(wait));
    world.engine().Run();
  }

  std::set<std::string> Broken() const {
    std::set<std::string> broken;
    for (const Invariant& invariant : Invariants()) {
      EXPECT_TRUE(Applies(invariant, state)) << invariant.name;
      if (!invariant.check(state).empty()) broken.emplace(invariant.name);
    }
    return broken;
  }

  VmTestWorld world;
  Area data, cold, parent, child;
  VmState state;

 private:
  void Fork() {
    parent = world.Map(4, "parent");
    world.Write(parent, 0, 4);
    Process& process = vm().CreateProcess("child", false);
    world.Finish(world.Start("fork", ForkBody(*parent.process, process)));
    child = {&process, nullptr, parent.start, process.space.Lookup(parent.start)->slot, 4};
    world.Write(child, 0, 1);
  }
  sim::Task<void> ForkBody(Process& from, Process& to) {
    const int error = co_await vm().Fork(from, to, &leaves_);
    CHECK_EQ(error, 0);
  }
  void StartIo() {
    world.StartPageOut(*data.object, 0, 4, /*async=*/true, &results_);
    world.RunFor(kDiskNs / 4);
    world.StartTouch(cold, 20, /*write=*/false, &read_);
    world.RunFor(kDiskNs / 4);
    CHECK_EQ(pager().transfers(), 2);
  }

  Forker::LeafMap leaves_;
  std::vector<PagerResult> results_;
  FaultResult read_ = FaultResult::kSuccess;
};

enum Situation { kIdle, kIo };

struct Defect {
  std::string invariant;
  Situation situation;
  std::function<void(World&)> plant;
  std::set<std::string> also = {};  // Other invariants that it breaks.
};

const Defect kDefects[] = {
    // Queues.
    {"queue-links", kIdle, [](World& w) { w.pages().links(w.Frame(2)).next = w.Frame(30); }},
    {"queue-length", kIdle, [](World& w) { w.queues().AddLength(QueueId::kActive, 1); }},
    {"linked-in-own-queue", kIdle, [](World& w) { w.PageOf(2).queue = QueueId::kLaundry; }},
    {"enqueued-iff-linked", kIdle, [](World& w) { w.PageOf(40).aflags |= kPgaEnqueued; }},
    // The page is lost, and linked where it does not say.
    {"enqueued-names-a-queue",
     kIdle,
     [](World& w) { w.PageOf(2).queue = QueueId::kNone; },
     {"linked-in-own-queue", "page-is-somewhere"}},
    {"requeue-head-only-inactive", kIdle, [](World& w) { w.PageOf(40).aflags |= kPgaRequeueHead; }},
    {"markers-at-home", kIdle, [](World& w) { w.queues().Unlink(w.queues().inacthead()); }},
    {"clock-hands-order", kIdle,
     [](World& w) {
       w.queues().Unlink(w.queues().clock(0));
       w.queues().LinkAfter(w.queues().clock(1), w.queues().clock(0));
     }},
    {"pending-requeue-is-batched", kIdle, [](World& w) { w.PageOf(2).aflags |= kPgaRequeue; }},
    {"batch-within-limit", kIdle, [](World& w) { Peer::OverfillBatch(w.queues()); }},
    {"queued-page-is-reachable", kIdle,
     [](World& w) {
       w.queues().Unlink(w.Frame(2));
       w.queues().AddLength(QueueId::kActive, -1);
       w.PageOf(2).aflags &= ~kPgaEnqueued;
     }},

    // Pages.
    {"free-page-has-no-owner",
     kIdle,
     [](World& w) { w.UnusedPage().object = 9999; },
     {"page-owner-exists"}},
    {"free-page-off-queues",
     kIdle,
     [](World& w) { w.UnusedPage().queue = QueueId::kInactive; },
     {"queued-page-is-reachable"}},
    {"free-page-unwired", kIdle,
     [](World& w) {
       w.UnusedPage().wire_count = 1;
       ++w.counters().v_wire_count;
     }},
    {"free-page-unmapped",
     kIdle,
     [](World& w) { w.UnusedPage().mappings = 1; },
     {"mapped-page-is-valid", "mapping-count"}},
    {"free-page-is-clean", kIdle, [](World& w) { w.UnusedPage().valid = kPageBitsAll; }},
    {"free-list-is-whole", kIdle,
     [](World& w) {
       w.pages().TakeFree();
       w.domain().ForceFreeCount(w.domain().free_count() - 1);
     }},
    {"page-is-somewhere", kIdle, [](World& w) { w.Dequeue(2); }},
    {"wired-page-off-queues", kIdle,
     [](World& w) {
       w.PageOf(2).wire_count = 1;
       ++w.counters().v_wire_count;
     }},
    // Nobody wired it, either.
    {"queued-page-has-owner",
     kIdle,
     [](World& w) { w.objects().Remove(w.Frame(37)); },
     {"unowned-page-is-wired"}},
    {"invalid-page-only-inactive", kIdle, [](World& w) { w.PageOf(37).valid = 0; }},
    {"unowned-page-is-wired", kIdle,
     [](World& w) {
       w.Dequeue(37);
       w.objects().Remove(w.Frame(37));
     }},
    {"wire-count", kIdle, [](World& w) { ++w.counters().v_wire_count; }},
    {"dirty-subset-of-valid", kIdle,
     [](World& w) {
       w.PageOf(37).valid = 0x0f;
       w.PageOf(37).dirty = 0x10;
     }},
    {"mapped-page-is-valid", kIdle, [](World& w) { w.PageOf(33).valid = 0x7f; }},
    {"unmanaged-page-untracked", kIdle, [](World& w) { w.PageOf(2).oflags |= kVpoUnmanaged; }},
    {"act-count-bound", kIdle, [](World& w) { w.PageOf(2).act_count = kActMax + 1; }},
    {"busy-state-is-legal", kIo, [](World& w) { w.PageOf(20).busy = kBusyMaxShared + 1; }},
    {"busy-waiters-can-wake", kIdle, [](World& w) { w.PageOf(2).busy |= kBusyWaiters; }},
    {"no-busy-page-at-rest", kIdle, [](World& w) { w.pages().TryXbusy(w.Frame(2)); }},
    {"swap-free-implies-swap-space", kIdle, [](World& w) { w.PageOf(2).aflags |= kPgaSwapFree; }},

    // Objects.
    {"page-owner-exists", kIdle,
     [](World& w) {
       const FrameIndex frame = w.Frame(37);
       w.objects().Remove(frame);
       w.pages()[frame].object = 9999;
     }},
    {"page-inside-object", kIdle, [](World& w) { w.object().size = 46; }},
    {"page-in-object-index",
     kIdle,
     [](World& w) { w.PageOf(37).pindex = 60; },
     {"index-leads-to-page"}},
    {"index-leads-to-page", kIdle, [](World& w) { w.object().frames[60] = w.Frame(2) + 1; }},
    {"resident-count", kIdle, [](World& w) { ++w.object().resident_page_count; }, {"resident-sum"}},
    {"resident-sum",
     kIdle,
     [](World& w) { w.shared().resident_page_count += 9; },
     {"resident-count"}},
    {"pip-not-negative", kIdle, [](World& w) { w.object().paging_in_progress = -1; }},
    {"pip-covers-transfers", kIo, [](World& w) { w.object().paging_in_progress = 3; }},
    {"no-paging-at-rest", kIdle, [](World& w) { w.object().PipAdd(); }},
    {"backing-exists", kIdle, [](World& w) { w.object().backing = 9999; }},
    {"shadow-acyclic", kIdle,
     [](World& w) {
       Object& one = w.vm().CreateAnonymous(1);
       Object& other = w.vm().CreateAnonymous(1);
       w.objects().SetBacking(one, other, 0);
       w.objects().SetBacking(other, one, 0);
     }},
    {"shadow-count",
     kIdle,
     [](World& w) {
       ++w.shared().shadow_count;
       ++w.shared().ref_count;
     },
     {"shadow-list"}},
    {"shadow-list", kIdle, [](World& w) { w.shared().first_shadow = kNoObject; }},
    // One that it counts has no reference, so the map entry has none, either.
    {"ref-count-covers-shadows",
     kIdle,
     [](World& w) { w.shared().ref_count = 0; },
     {"ref-count-covers-entries"}},
    {"ref-count-covers-entries", kIdle, [](World& w) { w.object().ref_count = 0; }},
    {"dead-object-is-unused", kIdle, [](World& w) { w.object().flags |= kObjDead; }},
    {"default-object-has-no-swap", kIdle,
     [](World& w) { w.cold.object->type = ObjectType::kDefault; }},

    // Maps.
    {"entries-ordered", kIdle, [](World& w) { w.AddEntry(/*at_front=*/true); }},
    {"entry-object-exists", kIdle, [](World& w) { w.AddEntry(/*at_front=*/false).object = 9999; }},
    {"entry-protection", kIdle, [](World& w) { w.EntryOf(w.data).max_protection = kProtRead; }},
    {"needs-copy-implies-cow", kIdle, [](World& w) { w.EntryOf(w.parent).cow = false; }},
    {"wired-entry-is-counted", kIdle,
     [](World& w) {
       w.EntryOf(w.data).user_wired = true;
       w.counters().user_wired_pages += 64;
     }},
    {"user-wired-sum", kIdle, [](World& w) { ++w.counters().user_wired_pages; }},
    {"exited-process-has-no-map", kIdle, [](World& w) { w.data.process->exited = true; }},
    {"needs-copy-not-writable", kIdle,
     [](World& w) { w.EntryOf(w.data).cow = w.EntryOf(w.data).needs_copy = true; }},
    {"writable-pte-permitted", kIdle, [](World& w) { w.EntryOf(w.data).protection = kProtRead; }},
    {"backing-page-not-writable", kIdle,
     [](World& w) {
       Pte& pte = w.PteOf(w.child, 1);
       pte |= kPteWritable;
       w.pages()[pte & kPteFrameMask].aflags |= kPgaWriteable;
     }},
    {"modified-pte-is-writable", kIdle, [](World& w) { w.PteOf(w.child, 1) |= kPteModified; }},
    {"pte-leads-to-own-page", kIdle,
     [](World& w) { w.vm().page_tables().EnterQuick(w.data.slot + 60, w.Frame(33)); }},
    {"mapping-count", kIdle, [](World& w) { w.PteOf(w.data, 2) = 0; }},
    {"writeable-if-mapped-so", kIdle, [](World& w) { w.PageOf(2).aflags &= ~kPgaWriteable; }},

    // The free count and the daemons.
    {"free-count", kIdle, [](World& w) { w.domain().ForceFreeCount(w.domain().free_count() - 1); }},
    {"free-count-floor",
     kIdle,
     [](World& w) { w.domain().ForceFreeCount(1); },
     {"free-count", "free-count-reserve", "min-bit", "severe-bit"}},
    {"free-count-reserve",
     kIdle,
     [](World& w) { w.domain().ForceFreeCount(w.domain().thresholds().free_reserved - 1); },
     {"free-count", "min-bit", "severe-bit"}},
    {"min-bit", kIdle, [](World& w) { Peer::min_set(w.domain()) = true; }},
    {"severe-bit",
     kIdle,
     [](World& w) { Peer::severe_set(w.domain()) = true; },
     {"severe-implies-min"}},
    {"severe-implies-min",
     kIdle,
     [](World& w) { Peer::severe_set(w.domain()) = true; },
     {"severe-bit"}},
    {"thresholds-ordered",
     kIdle,
     [](World& w) { Peer::thresholds(w.domain()).free_min = 10000; },
     {"min-bit"}},
    {"no-sleeper-in-plenty", kIdle,
     [](World& w) {
       Peer::min_set(w.domain()) = true;
       w.Sleep(w.domain().Wait());
       Peer::min_set(w.domain()) = false;
     }},
    {"no-pageproc-sleeper-in-plenty", kIdle,
     [](World& w) {
       const int32_t free = w.domain().free_count();
       w.domain().ForceFreeCount(10);
       w.Sleep(w.domain().WaitPageproc());
       w.domain().ForceFreeCount(free);
     }},
    {"pid-integral-bounds", kIdle, [](World& w) { Peer::integral(w.pid()) = w.pid().bound() + 1; }},
    {"pid-output-not-negative", kIdle, [](World& w) { Peer::output(w.pid()) = -1; }},
    {"laundry-target-not-negative", kIdle, [](World& w) { Peer::target(w.laundry()) = -1; }},
    {"laundry-cycle-not-negative", kIdle,
     [](World& w) { Peer::shortfall_cycle(w.laundry()) = -1; }},
    {"counters-agree", kIdle, [](World& w) { w.counters().v_cow_optim = 1000; }},

    // Swap.
    {"swap-device-adds-up", kIo, [](World& w) { ++Peer::device(w.pager(), 0).used; }},
    {"swap-avail-sum", kIdle, [](World& w) { ++Peer::avail(w.pager()); }},
    {"swap-total-sum", kIdle, [](World& w) { ++Peer::total(w.pager()); }},
    // The device gets shorter.
    {"swap-cursor-in-device",
     kIdle,
     [](World& w) {
       SwapDevice& device = Peer::device(w.pager(), 0);
       device.end = device.first + device.blist.cursor();
     },
     {"swap-device-adds-up", "swap-total-sum"}},
    {"swap-full-hysteresis", kIdle, [](World& w) { Peer::full(w.pager()) = 1; }},
    {"swap-reserved", kIdle, [](World& w) { w.vm().reserve().ReserveForce(1); }},
    {"swap-records-sum", kIdle, [](World& w) { ++Peer::meta(w.pager()).records; }},
    {"swap-record-not-empty", kIdle,
     [](World& w) {
       ++Peer::records(w.cold.object->swap);
       ++Peer::meta(w.pager()).records;
     }},
    {"swap-block-on-device", kIo, [](World& w) { w.EnterBlock(w.cold, 5, 1); }},
    {"swap-block-one-owner", kIdle,
     [](World& w) { w.EnterBlock(w.cold, 5, w.cold.object->swap.Lookup(6)); }},
    {"swap-used-adds-up", kIdle, [](World& w) { w.EnterBlock(w.cold, 5, kNoSwapBlock); }},

    // Swap I/O.
    {"swapinprog-iff-in-transfer", kIo, [](World& w) { w.PageOf(20).oflags |= kVpoSwapInProg; }},
    {"transfer-matches-metadata", kIo, [](World& w) { w.EnterBlock(w.data, 1, 1000); }},
    // Nor is it where the metadata says.
    {"transfer-on-one-device",
     kIo,
     [](World& w) { Peer::first_block(w.pager()) = 1; },
     {"transfer-matches-metadata"}},
    {"read-page-is-exclusive", kIo, [](World& w) { w.ReadPage().busy = 1; }},
    {"read-page-is-blank", kIo,
     [](World& w) { w.ReadPage().valid = w.ReadPage().dirty = kPageBitsAll; }},
    {"written-page-is-shared", kIo, [](World& w) { w.PageOf(1).busy = kBusyExclusive; }},
    {"written-page-is-dirty", kIo, [](World& w) { w.PageOf(1).dirty = 0; }},
    {"written-page-is-protected", kIo, [](World& w) { w.PageOf(1).aflags |= kPgaWriteable; }},
    {"write-tokens", kIo, [](World& w) { ++Peer::write_tokens(w.pager()); }},
    {"pbufs-add-up", kIo, [](World& w) { Peer::read_pbufs(w.pager()).TryGet(); }},
    {"disk-requests-add-up", kIo,
     [](World& w) { sim::DiskTestPeer::in_device(w.world.disk()) = 99; }},
    {"transfer-completes", kIo,
     [](World& w) {
       static const sim::Engine nothing_happens;
       w.state.engine = &nothing_happens;
     }},
};

void PrintTo(const Defect& defect, std::ostream* out) { *out << defect.invariant; }

class DefectTest : public testing::TestWithParam<Defect> {};

TEST_P(DefectTest, IsSeen) {
  const Defect& defect = GetParam();
  World world(defect.situation == kIo);
  ASSERT_EQ(world.Broken(), std::set<std::string>());
  defect.plant(world);
  std::set<std::string> expected = defect.also;
  expected.insert(defect.invariant);
  EXPECT_EQ(world.Broken(), expected);
}

std::string CamelCase(std::string_view name) {
  std::string camel;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '-') continue;
    const bool begins = i == 0 || name[i - 1] == '-';
    camel += begins ? static_cast<char>(std::toupper(name[i])) : name[i];
  }
  return camel;
}

INSTANTIATE_TEST_SUITE_P(, DefectTest, testing::ValuesIn(kDefects),
                         [](const auto& info) { return CamelCase(info.param.invariant); });

TEST(InvariantsTest, EachHasItsDefect) {
  std::multiset<std::string> planted;
  for (const Defect& defect : kDefects) planted.insert(defect.invariant);
  std::multiset<std::string> named;
  for (const Invariant& invariant : Invariants()) named.emplace(invariant.name);
  EXPECT_EQ(planted, named);
}

TEST(InvariantsTest, EachSaysWhatItIs) {
  std::set<std::string_view> names;
  for (const Invariant& invariant : Invariants()) {
    EXPECT_TRUE(names.insert(invariant.name).second) << invariant.name;
    EXPECT_EQ(invariant.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"),
              std::string_view::npos);
    EXPECT_NE(invariant.level, CheckLevel::kOff) << invariant.name;
    EXPECT_FALSE(invariant.what.empty()) << invariant.name;
    EXPECT_EQ(invariant.source.substr(0, 4), "sys/") << invariant.name;
    EXPECT_NE(invariant.needs, 0u) << invariant.name;
  }
}

TEST(InvariantsTest, LevelsHaveNames) {
  for (const CheckLevel level : {CheckLevel::kOff, CheckLevel::kCheap, CheckLevel::kFull}) {
    EXPECT_EQ(ParseCheckLevel(CheckLevelName(level)), level);
  }
  EXPECT_EQ(ParseCheckLevel("Full"), std::nullopt);
}

TEST(InvariantCheckerTest, ALevelChecksWhatItIsThereFor) {
  World world(/*io=*/false);
  world.PageOf(2).act_count = 70;  // Only a look at every page shows it.
  EXPECT_FALSE(InvariantChecker(world.state, CheckLevel::kCheap).Check().has_value());
  EXPECT_EQ(InvariantChecker(world.state, CheckLevel::kFull).Check()->invariant, "act-count-bound");
  world.object().PipAdd();
  EXPECT_EQ(InvariantChecker(world.state, CheckLevel::kCheap).Check()->invariant,
            "no-paging-at-rest");
  EXPECT_FALSE(InvariantChecker(world.state, CheckLevel::kOff).Check().has_value());
}

TEST(InvariantCheckerTest, AReportNamesTheInvariantAndTheValues) {
  World world(/*io=*/false);
  world.PageOf(33).act_count = 70;
  const std::string report = InvariantChecker(world.state, CheckLevel::kFull).Check()->ToString();
  EXPECT_EQ(report.find("invariant act-count-bound broken: frame "), 0u) << report;
  for (const char* part : {"object 0 pindex 33", "queue active", "act 70", "at most 64"}) {
    EXPECT_NE(report.find(part), std::string::npos) << report;
  }
}

TEST(InvariantCheckerTest, WhatIsNotThereIsPassedOver) {
  EXPECT_FALSE(InvariantChecker(VmState(), CheckLevel::kFull).Check().has_value());
}

TEST(InvariantCheckerDeathTest, CheckAllInvariantsEndsTheProcess) {
  World world(/*io=*/false);
  world.PageOf(2).act_count = 70;
  EXPECT_DEATH(CheckAllInvariants(world.state), "invariant act-count-bound broken");
}

// Three processes, one of which forks, with a working set larger than memory on one slow disk; the
// daemons run. Nothing is broken at any of the many moments that are looked at.
class BusyWorldTest : public testing::TestWithParam<FreebsdRevision> {
 protected:
  static VmTestWorld::Options OptionsOf(FreebsdRevision revision) {
    VmTestWorld::Options options;
    options.frames = 1000;
    options.swap_pages = {1500, 700};
    options.revision = revision;
    options.daemons = true;
    return options;
  }
  BusyWorldTest() : world_(OptionsOf(GetParam())) {}

  sim::Task<void> Use(Process& process, Vpage start, uint32_t pages, uint64_t seed) {
    sim::SplitMix64 random(seed);
    for (int i = 0; i < 4000; ++i) {
      if (i % 20 == 0) co_await sim::Pause(world_.engine(), 20 * sim::kMicrosecond, "nanslp");
      const Vpage vpage = start + random.Below(pages);
      const bool write = random.Below(3) == 0;
      const PteSlot slot = process.space.Lookup(vpage)->SlotOf(vpage);
      Pte& pte = world_.vm().page_tables().entries()[slot];
      const Pte need = kPteValid | (write ? kPteWritable : 0);
      if ((pte & need) == need) {
        pte |= kPteAccessed | (write ? kPteModified : 0);
        co_await world_.engine().Consume(200);
      } else if (co_await world_.vm().faults().Fault(process.space, slot, write) !=
                 FaultResult::kSuccess) {
        break;
      }
      if (i == 700 && seed == 1) co_await ForkAndUse(process, start, pages);
    }
    co_await world_.vm().Exit(process, 0);
  }
  sim::Task<void> ForkAndUse(Process& process, Vpage start, uint32_t pages) {
    Process& child = world_.vm().CreateProcess("child", false);
    Forker::LeafMap leaves;
    if (co_await world_.vm().Fork(process, child, &leaves) == 0) {
      world_.Start("child", Use(child, start, pages, 7));
    }
  }

  VmTestWorld world_;
};

TEST_P(BusyWorldTest, BreaksNothing) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const Area area = world_.Map(600);
    world_.Start("user", Use(*area.process, area.start, area.pages, seed));
  }
  const InvariantChecker cheap(StateOf(world_.vm()), CheckLevel::kCheap);
  const InvariantChecker full(StateOf(world_.vm()), CheckLevel::kFull);
  for (int step = 0; step < 60000; ++step) {
    if (!world_.engine().Step(20 * sim::kSecond)) break;
    const InvariantChecker& checker = step % 16 == 0 ? full : cheap;
    const std::optional<Violation> violation = checker.Check();
    ASSERT_FALSE(violation.has_value()) << "step " << step << ": " << violation->ToString();
  }
  EXPECT_GT(world_.counters().v_swappgsin, 0);
  EXPECT_GT(world_.counters().v_swappgsout, 0);
  EXPECT_GT(world_.counters().v_cow_faults, 0);
  EXPECT_GT(world_.counters().v_reactivated, 0);
}

INSTANTIATE_TEST_SUITE_P(, BusyWorldTest,
                         testing::Values(FreebsdRevision::kR13_2, FreebsdRevision::kR15),
                         [](const auto& info) {
                           return info.param == FreebsdRevision::kR15 ? "R15" : "R13_2";
                         });

}  // namespace
}  // namespace vmsim::vm
