#include "vfs/durability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "sim/random.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

// An oracle that is told stories about file "f", whose medium the test sets as it likes. Sectors
// hold 1 at first.
class OracleWorld {
 public:
  OracleWorld() { world.StopChecking(); }

  DurabilityReport Check() { return oracle.Check(world.vfs()); }
  // What the sector may hold: all tags up to `last` that the oracle accepts, runs of more than two
  // as "3-9".
  std::string MayHold(int64_t sector, Tag last) {
    const Tag before = file().medium.Get(sector);
    std::vector<Tag> tags;
    for (Tag tag = 0; tag <= last; ++tag) {
      file().medium.Set(sector, tag);
      if (Check().violations == 0) tags.push_back(tag);
    }
    file().medium.Set(sector, before);
    std::string text;
    for (size_t i = 0; i < tags.size();) {
      size_t end = i + 1;
      while (end < tags.size() && tags[end] == tags[end - 1] + 1) ++end;
      if (end - i < 3) end = i + 1;
      text += (i == 0 ? "" : " ") + std::to_string(tags[i]);
      if (end - i > 1) text += "-" + std::to_string(tags[end - 1]);
      i = end;
    }
    return text;
  }
  // Words about one sector: s5: stored with tag 5; p9: what was stored up to 9 is promised; m5: the
  // medium holds 5 now; l: what is not there is lost; c: the file is cut before the sector, and
  // grows again.
  void Tell(const std::string& story, int64_t sector = 3) {
    for (size_t at = 0; at < story.size(); ++at) {
      const char what = story[at++];
      Tag tag = 0;
      while (at < story.size() && story[at] != ' ') {
        tag = tag * 10 + static_cast<Tag>(story[at++] - '0');
      }
      switch (what) {
        case 's':
          oracle.OnStore(file(), sector, 1, tag);
          break;
        case 'p':
          oracle.OnSafe(file(), sector, 1, tag);
          break;
        case 'm':
          file().medium.Set(sector, tag);
          break;
        case 'l':
          oracle.OnLost(file(), sector, 1);
          break;
        case 'c':
          file().medium.Truncate(sector);
          oracle.OnTruncate(file(), sector);
          break;
        default:
          ADD_FAILURE() << "a word that means nothing: " << what;
      }
    }
  }
  Vnode& file() { return world.file(); }

  VfsTestWorld world;
  DurabilityOracle oracle;
};

// --- What a sector may hold.

TEST(DurabilityTest, Stories) {
  const struct {
    std::string story;
    std::string may_hold;
  } rows[] = {
      {"", "0 1"},
      {"s5", "1 5"},
      {"s5 s9 s12", "1 5 9 12"},
      {"s5 p5", "5"},
      {"s5 p5 s9 s12", "5 9 12"},
      {"s5 s9 s12 p9", "9 12"},
      {"s5 s9 s12 p11", "9 12"},
      {"s5 s9 s12 p12", "12"},
      {"s5 s9 p20 s21", "9 21"},
      // A promise of what was stored before says nothing of what came later.
      {"s5 p4", "1 5"},
      {"p4 s5", "1 5"},
      {"s5 p5 p5 s9 p5", "5 9"},
      {"s5 p5 s9 p9 s12", "9 12"},
      // How far the writes came does not matter.
      {"s5 m5 s9", "1 5 9"},
      // A write that was given up: what the medium has got is what there is.
      {"s5 s9 l", "1"},
      {"s5 m5 s9 l", "5"},
      {"s5 p5 m5 s9 l", "5"},
      {"s5 s9 m9 l s12", "9 12"},
      {"s5 m5 s9 l p9", "5"},
      {"s5 m5 s9 l s12 p12", "12"},
      // Losing excuses nothing that was promised.
      {"s5 p5 s9 l", "5 9"},
      {"c", "0"},
      {"s5 p5 c", "0"},
      {"s5 c s9", "0 9"},
      {"s5 p5 c s9 p9", "9"},
  };
  for (const auto& row : rows) {
    OracleWorld w;
    w.Tell(row.story);
    EXPECT_EQ(w.MayHold(3, 30), row.may_hold) << row.story;
  }
}

TEST(DurabilityTest, OnlySoManyStoresAreToldApart) {
  const auto stored = [](OracleWorld& w, Tag first, Tag last) {
    for (Tag tag = first; tag <= last; tag += 2) w.Tell("s" + std::to_string(tag));
  };
  OracleWorld exact;  // 64 stores: 10, 12 ... 136.
  stored(exact, 10, 136);
  std::string want = "1";
  for (Tag tag = 10; tag <= 136; tag += 2) want += " " + std::to_string(tag);
  EXPECT_EQ(exact.MayHold(3, 140), want);

  OracleWorld more;  // 10 and 12 are forgotten: there is but a bound.
  stored(more, 10, 140);
  want.clear();
  for (Tag tag = 14; tag <= 140; tag += 2) want += " " + std::to_string(tag);
  EXPECT_EQ(more.MayHold(3, 150), "1-12" + want);
  more.Tell("p11");  // 10, but who knows.
  EXPECT_EQ(more.MayHold(3, 150), "1-12" + want);
  more.Tell("p13");
  EXPECT_EQ(more.MayHold(3, 150), "12" + want);
  more.Tell("p139");
  EXPECT_EQ(more.MayHold(3, 150), "138 140");
}

TEST(DurabilityDeathTest, TagsGrow) {
  OracleWorld w;
  w.Tell("s9");
  EXPECT_DEATH(w.Tell("s9"), "sector=3");
}

TEST(DurabilityTest, SectorsAreOnTheirOwn) {
  OracleWorld w;
  w.oracle.OnStore(w.file(), 2, 4, 5);
  w.oracle.OnSafe(w.file(), 3, 2, 5);
  w.oracle.OnStore(w.file(), 4, 4, 9);
  w.file().medium.SetRange(3, 2, 5);
  const char* const want[] = {"0 1", "0 1", "1 5", "5", "5 9", "1 5 9", "1 9", "1 9", "0 1"};
  for (int64_t sector = 0; sector <= 8; ++sector) {
    EXPECT_EQ(w.MayHold(sector, 20), want[sector]) << sector;
  }
  w.oracle.OnTruncate(w.file(), 4);
  w.file().medium.Truncate(4);
  EXPECT_EQ(w.MayHold(2, 20), "1 5");
  EXPECT_EQ(w.MayHold(3, 20), "5");
  EXPECT_EQ(w.MayHold(4, 20), "0");
  EXPECT_EQ(w.MayHold(1000, 20), "0");
}

// --- The report.

TEST(DurabilityTest, TheReportCountsAndNamesTheFirst) {
  OracleWorld w;
  Vnode& file = w.file();
  w.oracle.OnStore(file, 2, 4, 5);
  w.oracle.OnSafe(file, 2, 2, 5);
  w.oracle.OnStore(file, 3, 2, 9);
  file.medium.SetRange(2, 4, 5);
  DurabilityReport report = w.Check();
  EXPECT_EQ(report.stored, 4);
  EXPECT_EQ(report.safe, 2);
  EXPECT_EQ(report.lost, 2);
  EXPECT_EQ(report.violations, 0);
  EXPECT_EQ(report.first, "");

  file.medium.Set(3, kInitialTag);
  file.medium.Set(4, 7);
  file.medium.Set(700, kGarbageTag);
  report = w.Check();
  EXPECT_EQ(report.violations, 3);
  EXPECT_EQ(report.lost, 0);
  EXPECT_EQ(report.first, "file f sector 3 holds 1, expected 5 or one of 1 later stores");

  file.medium.SetRange(3, 2, 9);
  report = w.Check();
  EXPECT_EQ(report.violations, 1);
  EXPECT_EQ(report.first,
            "file f sector 700 holds 2, expected what it began with: nothing was stored");
}

TEST(DurabilityTest, AFileThatIsGoneIsNotLookedAt) {
  OracleWorld w;
  VfsSystem& vfs = w.world.vfs();
  Vnode* g = vfs.AddFile(*vfs.mounts()[0], "g", {.bytes = 8192});
  ASSERT_NE(g, nullptr);
  w.oracle.OnStore(*g, 0, 4, 5);
  w.oracle.OnSafe(*g, 0, 4, 5);
  w.Tell("s6");
  EXPECT_EQ(w.Check().violations, 4);
  EXPECT_EQ(w.Check().stored, 5);
  EXPECT_EQ(w.world.Do(vfs.Unlink("g")), 0);
  EXPECT_EQ(w.Check().violations, 0);
  EXPECT_EQ(w.Check().stored, 1);
}

// --- The oracle at a machine.

TEST(DurabilityTest, WhatAnFsyncPromisedIsThereAfterACrash) {
  int64_t lost = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    OracleWorld w;
    VfsSystem& vfs = w.world.vfs();
    vfs.ops().set_durability_observer(&w.oracle);
    EXPECT_EQ(w.world.Do(vfs.ops().Write(w.world.open(), 0, 40000)).bytes, 40000);
    EXPECT_EQ(w.world.Do(vfs.ops().Fsync(w.world.open())), 0);
    // These are on their way when the power goes.
    EXPECT_EQ(w.world.Do(vfs.ops().Write(w.world.open(), 20000, 40000)).bytes, 40000);
    int error = -1;
    w.world.Begin(vfs.ops().Fsync(w.world.open()), &error);
    w.world.world().RunFor(50 * sim::kMicrosecond);
    EXPECT_EQ(error, -1);
    EXPECT_GT(vfs.device().in_flight(), 0);
    vfs.Crash(seed);
    const DurabilityReport report = w.Check();
    EXPECT_EQ(report.violations, 0) << seed << ": " << report.first;
    EXPECT_EQ(report.stored, (60000 + 511) / 512);
    EXPECT_EQ(report.safe, (40000 + 511) / 512);
    lost += report.lost;
  }
  EXPECT_GT(lost, 0);
}

TEST(DurabilityTest, ADiskThatLiesIsFoundOut) {
  sim::DiskFaultRule rule;
  rule.kind = sim::DiskFaultKind::kTorn;
  rule.ops = sim::OpBit(sim::DiskOp::kWrite);
  rule.prefix_sectors = 5;
  VfsTestWorld::Options options;
  options.faults = {rule};
  VfsTestWorld world(options);
  world.StopChecking();
  DurabilityOracle oracle;
  world.vfs().ops().set_durability_observer(&oracle);
  EXPECT_EQ(world.Do(world.vfs().ops().Write(world.open(), 0, 4096)).error, 0);
  EXPECT_EQ(oracle.Check(world.vfs()).violations, 0);
  EXPECT_EQ(world.Do(world.vfs().ops().Fsync(world.open())), 0);
  const DurabilityReport report = oracle.Check(world.vfs());
  EXPECT_EQ(report.safe, 5);
  EXPECT_EQ(report.violations, 3);
  EXPECT_EQ(report.first, "file f sector 5 holds 1, expected 3 or one of 0 later stores");
}

// --- Against a model that remembers everything.

TEST(DurabilityTest, AgreesWithOneThatForgetsNothing) {
  constexpr int64_t kSectors = 6;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    sim::SplitMix64 random(seed);
    OracleWorld w;
    std::vector<std::set<Tag>> may(kSectors, {kInitialTag});  // What each may hold.
    std::vector<bool> touched(kSectors, false);
    Tag tag = kFirstTag;
    for (int step = 0; step < 40; ++step) {
      const auto first = static_cast<int64_t>(random.Below(kSectors));
      const auto count = static_cast<int64_t>(1 + random.Below(kSectors - first));
      if (random.Below(3) != 0) {
        w.oracle.OnStore(w.file(), first, count, tag);
        for (int64_t at = first; at < first + count; ++at) {
          may[at].insert(tag);
          touched[at] = true;
        }
        ++tag;
        continue;
      }
      const Tag limit = tag - random.Below(std::min<Tag>(tag, 6));
      w.oracle.OnSafe(w.file(), first, count, limit);
      for (int64_t at = first; at < first + count; ++at) {
        const auto newest = std::prev(may[at].upper_bound(limit));
        may[at].erase(may[at].begin(), newest);
        // A medium that keeps the promise.
        if (touched[at]) w.file().medium.Set(at, *may[at].begin());
      }
    }
    for (int64_t at = 0; at < kSectors; ++at) {
      if (touched[at]) w.file().medium.Set(at, *may[at].begin());
    }
    for (int64_t at = 0; at < kSectors; ++at) {
      if (!touched[at]) continue;
      const Tag before = w.file().medium.Get(at);
      for (Tag candidate = 0; candidate <= tag; ++candidate) {
        w.file().medium.Set(at, candidate);
        EXPECT_EQ(w.Check().violations, may[at].count(candidate) == 0) << at << " " << candidate;
      }
      w.file().medium.Set(at, before);
    }
  }
}

}  // namespace
}  // namespace vmsim::vfs
