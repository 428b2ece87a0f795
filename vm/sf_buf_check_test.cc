// Each invariant of sf_bufs, broken alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vm/sf_buf.h"
#include "vm/sf_buf_test_world.h"

namespace vmsim::vm {

// Reaches what nothing else may change.
struct SfBufTestPeer {
  static SfBuf& Buf(SfBufs& s, SfBufIndex index) { return s.pool_.bufs_[index]; }
  static SfBufStats& Stats(SfBufs& s) { return s.pool_.stats_; }
  static uint32_t& Want(SfBufs& s) { return s.alloc_want_; }
  static SfBufIndex& FreeHead(SfBufs& s) { return s.pool_.free_head_; }
  static SfBufIndex& FreeTail(SfBufs& s) { return s.pool_.free_tail_; }
  static SfBufIndex& BucketAt(SfBufs& s, uint32_t bucket) { return s.pool_.buckets_[bucket]; }
  static void Unhash(SfBufs& s, SfBufIndex index) { s.pool_.Unhash(index); }
};

namespace {

using Peer = SfBufTestPeer;

// Names of the invariants that do not hold.
std::string Broken(const SfBufs& sf_bufs) {
  std::string names;
  for (const SfBufs::Broken& broken : sf_bufs.BrokenInvariants()) {
    absl::StrAppend(&names, names.empty() ? "" : " ", broken.name);
  }
  return names;
}

// Four buffers and two CPUs. Buffer 0 shows page 7 and is in use on both CPUs, as is 1 with page 5;
// 2 has page 4 and is free, 3 was never used. Buckets are pages modulo 4. The free list is 3 2.
class SfBufInvariantTest : public testing::Test {
 protected:
  SfBufInvariantTest() {
    for (FrameIndex page : {7, 5, 4}) bufs_.TryAlloc(page, 0, 0);
    bufs_.Free(2);
  }
  void SetUp() override {
    ASSERT_EQ(world_.FreeList(), "3 2");
    ASSERT_EQ(Broken(bufs_), "");
  }

  SfBufWorld world_{2, SfBufWorld::Pool(4)};
  SfBufs& bufs_ = world_.bufs();
};

struct Damage {
  const char* invariant;
  const char* what;
  void (*do_it)(SfBufs&);
};
constexpr Damage kDamages[] = {
    {"sf-buf-free-list-links", "LinkBack", [](SfBufs& s) { Peer::Buf(s, 2).prev_free = 1; }},
    {"sf-buf-free-list-links", "WrongTail", [](SfBufs& s) { Peer::FreeTail(s) = 3; }},
    {"sf-buf-free-list-links", "Circle",
     [](SfBufs& s) {
       Peer::Buf(s, 2).next_free = 3;
       Peer::Buf(s, 3).prev_free = 2;
     }},
    {"sf-buf-free-list-links", "OutOfThePool", [](SfBufs& s) { Peer::Buf(s, 2).next_free = 1000; }},
    // As many held as before, and as many free.
    {"sf-buf-held-iff-not-free", "HeldOnTheList",
     [](SfBufs& s) { std::swap(Peer::Buf(s, 1).ref_count, Peer::Buf(s, 2).ref_count); }},
    {"sf-buf-used-counts-held", "TooFew", [](SfBufs& s) { --Peer::Stats(s).nsfbufsused; }},
    {"sf-buf-used-and-free-are-all", "PoolGrew", [](SfBufs& s) { ++Peer::Stats(s).nsfbufs; }},
    {"sf-buf-peak-covers-used", "MoreThanThereAre",
     [](SfBufs& s) { Peer::Stats(s).nsfbufspeak = 5; }},
    {"sf-buf-peak-never-falls", "Forgotten", [](SfBufs& s) { Peer::Stats(s).nsfbufspeak = 2; }},
    {"sf-buf-hashed-iff-mapped", "MappedNotHashed", [](SfBufs& s) { Peer::Unhash(s, 1); }},
    {"sf-buf-hashed-iff-mapped", "HashedNotMapped",
     [](SfBufs& s) { Peer::Buf(s, 2).page = kNoFrame; }},
    {"sf-buf-hashed-iff-mapped", "BucketsJoin",
     [](SfBufs& s) { Peer::BucketAt(s, 2) = Peer::Buf(s, 1).next_hashed = 3; }},
    {"sf-buf-hashed-in-bucket-of-page", "OtherBucket",
     [](SfBufs& s) {
       Peer::BucketAt(s, 1) = kNoSfBuf;
       Peer::BucketAt(s, 2) = 1;
     }},
    {"sf-buf-want-counts-sleepers", "NobodySleeps", [](SfBufs& s) { ++Peer::Want(s); }},
    {"sf-buf-cpumask-within-cpus", "NoSuchCpu",
     [](SfBufs& s) { Peer::Buf(s, 3).cpumask.Add(200); }},
    {"sf-buf-shared-is-good-everywhere", "StaleOnOne",
     [](SfBufs& s) { Peer::Buf(s, 1).cpumask.Remove(1); }},
};
class SfBufDamageTest : public SfBufInvariantTest, public testing::WithParamInterface<Damage> {};
TEST_P(SfBufDamageTest, BreaksOnlyThisInvariant) {
  GetParam().do_it(bufs_);
  EXPECT_EQ(Broken(bufs_), GetParam().invariant);
  EXPECT_DEATH(bufs_.CheckInvariants(), GetParam().invariant);
}
INSTANTIATE_TEST_SUITE_P(, SfBufDamageTest, testing::ValuesIn(kDamages), [](const auto& info) {
  std::string name = absl::StrCat(info.param.invariant, "_", info.param.what);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// A leak breaks two: what is lost is neither held nor free, and then not all are there.
TEST_F(SfBufInvariantTest, ALostBufferIsMissed) {
  Peer::FreeHead(bufs_) = 2;
  Peer::Buf(bufs_, 2).prev_free = kNoSfBuf;
  EXPECT_EQ(Broken(bufs_), "sf-buf-held-iff-not-free sf-buf-used-and-free-are-all");
}

TEST_F(SfBufInvariantTest, APeakBelowWhatIsInUse) {
  SfBufWorld world(1, SfBufWorld::Pool(2));  // Whose peak nobody has looked at.
  world.bufs().TryAlloc(7, 0, 0);
  Peer::Stats(world.bufs()).nsfbufspeak = 0;
  EXPECT_EQ(Broken(world.bufs()), "sf-buf-peak-covers-used");
}

TEST_F(SfBufInvariantTest, HeldPagesStayWiredOrBusy) {
  world_.pages()[4].wire_count = 0;  // Its buffer is free.
  EXPECT_EQ(Broken(bufs_), "");
  world_.pages()[7].wire_count = 0;
  world_.pages()[7].busy = 1;
  EXPECT_EQ(Broken(bufs_), "");
  world_.pages()[7].busy = kUnbusied;
  EXPECT_EQ(Broken(bufs_), "sf-buf-held-page-is-pinned");
}

// Sleepers: the pool is in use, and a and b sleep for page 9.
class SfBufSleepersTest : public SfBufInvariantTest {
 protected:
  void SetUp() override {
    bufs_.TryAlloc(1, 0, 0);
    bufs_.TryAlloc(2, 0, 0);
    world_.Start("a", 9);
    world_.Start("b", 9);
    world_.Run();
    ASSERT_EQ(bufs_.alloc_want(), 2u);
    ASSERT_EQ(Broken(bufs_), "");
  }
};

TEST_F(SfBufSleepersTest, TwoBuffersForOnePageNeedASleep) {
  bufs_.Free(0);
  bufs_.Free(1);
  EXPECT_EQ(Broken(bufs_), "");  // Woken, not yet run.
  world_.Run();
  ASSERT_EQ(bufs_.PageOf(0), 9u);
  ASSERT_EQ(bufs_.PageOf(1), 9u);
  EXPECT_EQ(Broken(bufs_), "");
  Peer::Buf(bufs_, 0).slept = false;  // The older one need not have.
  EXPECT_EQ(Broken(bufs_), "");
  Peer::Buf(bufs_, 1).slept = false;
  EXPECT_EQ(Broken(bufs_), "sf-buf-twins-only-after-sleep");
}

TEST_F(SfBufSleepersTest, ForgottenSleepersAreMissed) {
  --Peer::Want(bufs_);
  EXPECT_EQ(Broken(bufs_), "sf-buf-want-counts-sleepers");
  ++Peer::Want(bufs_);
}

TEST_F(SfBufSleepersTest, AFreeBufferThatWakesNobodyIsMissed) {
  Peer::Want(bufs_) = 0;  // So that Free believes that nobody waits.
  bufs_.Free(0);
  Peer::Want(bufs_) = 2;
  EXPECT_EQ(Broken(bufs_), "sf-buf-nobody-sleeps-beside-free");
}

// Older releases woke one sleeper only, who may be gone when the buffer is.
TEST(SfBufPlantedBugTest, WakingOneSleeperIsSeen) {
  SfBufConfig config = SfBufWorld::Pool(1);
  config.planted_wake_one = true;
  SfBufWorld world(1, config);
  world.bufs().TryAlloc(1, 0, 0);
  world.Start("a", 2);
  world.Start("b", 3);
  world.Run();
  world.bufs().Free(0);
  EXPECT_EQ(Broken(world.bufs()), "sf-buf-nobody-sleeps-beside-free");
  world.Run();
  EXPECT_EQ(world.bufs().stats().sf_allocwait, 2);  // 3 with all woken: b sleeps again.
}

}  // namespace
}  // namespace vmsim::vm
