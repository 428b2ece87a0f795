// Each named invariant of files and buffers sees the defect that it is there for.
//
// A healthy busy world breaks none. For every invariant one small thing is changed behind the
// system's back, and exactly that invariant reports, together with those that the same defect
// breaks for a reason that the table names.
#include "vfs/vfs_invariants.h"

#include <gtest/gtest.h>

#include <cctype>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "vfs/file_ops_story.h"
#include "vm/invariants.h"

namespace vmsim::vm {

// The same as that of the pool's own tests.
struct SfBufTestPeer {
  static SfBufStats& Stats(SfBufs& s) { return s.pool_.stats_; }
};

}  // namespace vmsim::vm

namespace vmsim::vfs {

// Reaches what no public call can break.
struct VfsInvariantsTestPeer {
  static int64_t& runningbufspace(FileDevice& device) { return device.runningbufspace_; }
  static int& pbufs_held(VnodePager& pager) { return pager.pbufs_held_; }
  static BufIndex& oldest_dirty(BufferCache& bufs) { return bufs.dirty_head_; }
};

namespace {

using Peer = VfsInvariantsTestPeer;

// "f" has 62 whole blocks and 700 bytes. Of its blocks
//
//     0 to 3    in memory, clean
//     10 12 14  dirty, in this order, 14 ns apart at least
//     20        somebody has it
//     30 to 32  being written
//     34        being read ahead
//     62        its one page is mapped for reading: what is behind the end of the file is zeros
//
// "g" has 16 blocks, 2 of them dirty. "h" has one, which the pager is reading.
class World {
 public:
  static VfsTestWorld::Options OptionsOf() {
    VfsTestWorld::Options options;
    options.file = {.bytes = 62 * kBlock + 700};
    return options;
  }

  World() : w(OptionsOf()) {
    VfsSystem& vfs = w.vfs();
    g = vfs.AddFile(f().mount, "g", {.bytes = 16 * kBlock});
    Vnode* h = vfs.AddFile(f().mount, "h", {.bytes = kBlock});
    BufferCache& bufs = vfs.bufs();
    for (const Lblkno lblkno : {0, 1, 2, 3}) Load(lblkno);
    for (const Lblkno lblkno : {10, 12, 14}) Dirty(f(), lblkno);
    for (const Lblkno lblkno : {5, 7}) Dirty(*g, lblkno);
    owned = w.Do(bufs.GetBlk(f(), 20));
    for (const Lblkno lblkno : {30, 31, 32}) Dirty(f(), lblkno);
    const vm::VmTestWorld::Area end =
        w.world().Share(*f().object, 1, /*offset=*/62 * 4, /*writable=*/false);
    CHECK(w.world().Touch(end, 0) == vm::FaultResult::kSuccess);
    const vm::VmTestWorld::Area area = w.world().Share(*h->object, 4);
    w.Do(bufs.WriteCluster(f(), 31));
    CHECK_EQ(bufs.ReadAhead(f(), 34, 1), 1);
    w.world().StartTouch(area, 2, /*write=*/false, &fault_);
    w.world().RunFor(vm::kDiskNs / 2);
    CHECK_EQ(vfs.device().in_flight(), 3);
    w.CheckInvariants();
    w.StopChecking();
  }
  ~World() { w.engine().DestroyThreads(); }

  Vnode& f() { return w.file(); }
  Buf& BufOf(Vnode& vnode, Lblkno lblkno) { return w.vfs().bufs()[vnode.bufs.at(lblkno)]; }
  Buf& BufOf(Lblkno lblkno) { return BufOf(f(), lblkno); }
  vm::Page& PageOf(vm::Pindex pindex) { return w.world().PageAt(*f().object, pindex); }
  FileStats& stats() { return w.stats(); }

  std::set<std::string> Broken() {
    std::set<std::string> broken;
    for (const VfsInvariant& invariant : VfsInvariants()) {
      if (!invariant.check(w.vfs()).empty()) broken.emplace(invariant.name);
    }
    return broken;
  }

  VfsTestWorld w;
  Vnode* g = nullptr;
  BufIndex owned = kNoBuf;

 private:
  void Load(Lblkno lblkno) {
    const BufferCache::ReadResult read = w.Do(w.vfs().bufs().Bread(f(), lblkno));
    w.vfs().bufs().Brelse(read.buf);
  }
  void Dirty(Vnode& vnode, Lblkno lblkno) {
    BufferCache& bufs = w.vfs().bufs();
    const BufIndex buf = w.Do(bufs.GetBlk(vnode, lblkno));
    vnode.memory.SetRange(lblkno * 32, 32, bufs.NextTag());
    bufs.SetValid(buf, lblkno * kBlock, (lblkno + 1) * kBlock);
    w.Do(bufs.Bdwrite(buf));
    w.world().RunFor(100);
  }

  vm::FaultResult fault_ = vm::FaultResult::kSuccess;
};

struct Defect {
  const char* invariant;
  const char* name;  // Of this defect of the invariant's.
  void (*plant)(World&);
  std::set<std::string> also;  // What else it breaks.
};

const Defect kDefects[] = {
    {"file-size-is-objects", "PageTooFew", [](World& w) { --w.f().object->size; }, {}},
    {"file-size-is-objects", "GrewAlone", [](World& w) { w.f().size += 4096; }, {}},
    {"file-blocks-inside",
     "CutAlone",
     [](World& w) {
       w.g->size = 15 * kBlock;
       w.g->object->size = 60;
     },
     {}},
    {"file-zeros-behind-end", "Tag", [](World& w) { w.f().memory.Set(62 * 32 + 2, 99); }, {}},
    {"space-balances",
     "BlockFreeTwice",
     [](World& w) {
       DiskSpace& space = w.f().mount.space;
       space.Allocate(1, space.blocks() * 32 - 32);
     },
     {}},
    {"space-balances", "BlockOfNobody", [](World& w) { w.g->map.Truncate(15); }, {}},
    {"running-space",
     "TooMuch",
     [](World& w) { Peer::runningbufspace(w.w.vfs().device()) += 512; },
     {}},
    {"running-space",
     "TooLittle",
     [](World& w) { Peer::runningbufspace(w.w.vfs().device()) -= 512; },
     {}},
    {"vnode-pbufs-balance",
     "OneForgotten",
     [](World& w) { --Peer::pbufs_held(w.w.vfs().pager()); },
     {}},
    {"vnode-pbufs-balance",
     "OneLost",
     [](World& w) { const_cast<vm::PbufPool&>(w.w.vfs().pager().pbufs()).TryGet(); },
     {}},
    {"buf-identity",
     "AnotherBlock",
     [](World& w) { w.BufOf(20).lblkno = 21; },
     {"buf-pages-wired"}},
    {"buf-identity", "AnotherFile", [](World& w) { w.BufOf(20).vnode = w.g; }, {}},
    // A clean one in the place of somebody's who has gone.
    {"buf-idle-is-dirty", "Left", [](World& w) { w.BufOf(20).locked = false; }, {}},
    {"buf-pages-wired", "NotWired", [](World& w) { w.PageOf(41).wire_count = 0; }, {}},
    {"buf-pages-wired",
     "WrongPage",
     [](World& w) { std::swap(w.BufOf(20).pages[0], w.BufOf(20).pages[1]); },
     {}},
    {"buf-transfer-busies",
     "NotBusy",
     [](World& w) { w.w.vm().pages().Sunbusy(w.BufOf(30).pages[2]); },
     {}},
    {"buf-transfer-busies", "NotItsPage", [](World& w) { w.BufOf(34).npages = 3; }, {}},
    {"buf-dirty-counts", "OfTheFile", [](World& w) { ++w.g->dirty_bufs; }, {}},
    {"buf-dirty-counts",
     "OfAll",
     [](World& w) { --w.stats().numdirtybuffers; },
     {"buf-dirty-queue"}},
    {"buf-dirty-queue", "Younger", [](World& w) { w.BufOf(10).dirtied = sim::kSecond; }, {}},
    {"buf-dirty-queue", "LinkBack", [](World& w) { w.BufOf(14).dirty_prev = kNoBuf; }, {}},
    {"buf-dirty-queue", "Short", [](World& w) { w.BufOf(12).dirty_next = kNoBuf; }, {}},
    {"buf-dirty-queue", "Circle", [](World& w) { w.BufOf(14).dirty_next = w.f().bufs.at(14); }, {}},
    {"buf-dirty-queue",
     "HeadLost",
     [](World& w) { Peer::oldest_dirty(w.w.vfs().bufs()) = kNoBuf; },
     {}},
    {"buf-dirty-queue",
     "Clean",
     [](World& w) {
       w.BufOf(12).dirty = false;
       w.BufOf(12).locked = true;
       --w.f().dirty_bufs;
       --w.stats().numdirtybuffers;
     },
     {}},
    {"buf-dirty-is-valid", "Sector", [](World& w) { w.PageOf(57).valid = 0x7f; }, {}},
    {"writes-in-flight", "Counted", [](World& w) { ++w.f().writes_in_flight; }, {}},
    {"writes-in-flight", "Forgotten", [](World& w) { w.BufOf(31).writing = false; }, {}},
    {"file-clean-is-medium", "Memory", [](World& w) { w.f().memory.Set(70, 99); }, {}},
    {"file-clean-is-medium", "Medium", [](World& w) { w.f().medium.Set(0, 99); }, {}},
    {"sf-bufs-sound",
     "UsedByNobody",
     [](World& w) {
       ++vm::SfBufTestPeer::Stats(const_cast<vm::SfBufs&>(w.w.vfs().sf_bufs())).nsfbufsused;
     },
     {}},
};

void PrintTo(const Defect& defect, std::ostream* out) {
  *out << defect.invariant << " " << defect.name;
}

class VfsDefectTest : public testing::TestWithParam<Defect> {};

TEST_P(VfsDefectTest, IsSeen) {
  const Defect& defect = GetParam();
  World world;
  ASSERT_EQ(world.Broken(), std::set<std::string>());
  defect.plant(world);
  std::set<std::string> expected = defect.also;
  expected.insert(defect.invariant);
  EXPECT_EQ(world.Broken(), expected);
  // It is the first that is reported, unless one of the others comes before it.
  const std::optional<vm::Violation> violation = CheckVfs(world.w.vfs(), vm::CheckLevel::kFull);
  ASSERT_TRUE(violation.has_value());
  EXPECT_EQ(expected.count(std::string(violation->invariant)), 1u);
  EXPECT_NE(violation->ToString().find(violation->invariant), std::string::npos);
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

INSTANTIATE_TEST_SUITE_P(, VfsDefectTest, testing::ValuesIn(kDefects), [](const auto& info) {
  return CamelCase(info.param.invariant) + info.param.name;
});

TEST(VfsInvariantsTest, EachHasADefect) {
  std::set<std::string> planted;
  for (const Defect& defect : kDefects) planted.insert(defect.invariant);
  std::set<std::string> named;
  for (const VfsInvariant& invariant : VfsInvariants()) named.emplace(invariant.name);
  EXPECT_EQ(planted, named);
}

TEST(VfsInvariantsTest, EachSaysWhatItIs) {
  std::set<std::string_view> names;
  for (const vm::Invariant& invariant : vm::Invariants()) names.insert(invariant.name);
  for (const VfsInvariant& invariant : VfsInvariants()) {
    EXPECT_TRUE(names.insert(invariant.name).second) << invariant.name;
    EXPECT_EQ(invariant.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"),
              std::string_view::npos);
    EXPECT_NE(invariant.level, vm::CheckLevel::kOff) << invariant.name;
    EXPECT_FALSE(invariant.what.empty()) << invariant.name;
    EXPECT_EQ(invariant.source.substr(0, 4), "sys/") << invariant.name;
  }
}

TEST(VfsInvariantsTest, ALevelChecksWhatItIsThereFor) {
  World world;
  VfsSystem& vfs = world.w.vfs();
  world.BufOf(20).locked = false;  // Only a look at every buffer shows it.
  EXPECT_FALSE(CheckVfs(vfs, vm::CheckLevel::kCheap).has_value());
  EXPECT_EQ(CheckVfs(vfs, vm::CheckLevel::kFull)->invariant, "buf-idle-is-dirty");
  --world.f().object->size;
  EXPECT_EQ(CheckVfs(vfs, vm::CheckLevel::kCheap)->invariant, "file-size-is-objects");
  EXPECT_FALSE(CheckVfs(vfs, vm::CheckLevel::kOff).has_value());
}

TEST(VfsInvariantsTest, AReportSaysWhereAndWhat) {
  const struct {
    void (*plant)(World&);
    const char* report;
  } rows[] = {
      {[](World& w) { --w.f().object->size; },
       "invariant file-size-is-objects broken: file f: its object has 248 pages, expected 249 of "
       "1016508 bytes"},
      {[](World& w) { w.BufOf(20).locked = false; },
       "invariant buf-idle-is-dirty broken: file f: block 20: nobody owns it and it is clean"},
      {[](World& w) { ++w.g->dirty_bufs; },
       "invariant buf-dirty-counts broken: file g: 2 dirty buffers, counted 3"},
      {[](World& w) { w.PageOf(57).valid = 0x7f; },
       "invariant buf-dirty-is-valid broken: file f: block 14: page 1 is dirty in sectors 255, "
       "valid in 127"},
      {[](World& w) { w.f().memory.Set(70, 99); },
       "invariant file-clean-is-medium broken: file f: sector 70 is clean and holds 99 in memory, "
       "1 on the disk"},
      {[](World& w) { Peer::runningbufspace(w.w.vfs().device()) += 512; },
       "invariant running-space broken: 65536 bytes are in flight, runningbufspace is 66048"},
  };
  for (const auto& row : rows) {
    World world;
    row.plant(world);
    EXPECT_EQ(CheckVfs(world.w.vfs(), vm::CheckLevel::kFull)->ToString(), row.report);
  }
}

// What may differ, and why.
TEST(VfsInvariantsTest, WhatSomebodyIsAboutToChangeIsPassedOver) {
  World world;
  VfsSystem& vfs = world.w.vfs();
  // Dirty, being written, being read: the disk does not have it yet, or memory has not.
  for (const int64_t sector : {10 * 32, 30 * 32, 34 * 32}) world.f().memory.Set(sector, 99);
  EXPECT_EQ(world.Broken(), std::set<std::string>());
  // A page that is dirty for the VM.
  world.PageOf(0).dirty = 1;
  world.f().memory.Set(0, 99);
  EXPECT_EQ(world.Broken(), std::set<std::string>());
  world.PageOf(0).dirty = 0;
  EXPECT_EQ(world.Broken(), std::set<std::string>{"file-clean-is-medium"});
  // A page that somebody may store to through a mapping without a fault.
  vfs.bufs().PageStored(world.f(), 0);
  EXPECT_EQ(world.Broken(), std::set<std::string>());
}

}  // namespace
}  // namespace vmsim::vfs
