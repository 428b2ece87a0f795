// Bodies in memory and in spool files: what they take, and that they give it back.
#include "net/mail_body.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "net/errno.h"
#include "sim/errno.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::net {
namespace {

class World {
 public:
  using Options = vfs::VfsTestWorld::Options;
  explicit World(const Options& options)
      : world(options),
        process(world.vm().CreateProcess("relay", /*protect=*/false)),
        bodies(world.vm(), process, &world.vfs(), world.vfs().mounts()[0].get()) {}
  static Options Small() {
    Options options;
    options.file.bytes = 0;
    return options;
  }

  int Make(BodyPlace place, int64_t bytes, MailBody* body) {
    return world.Do(bodies.Make(place, bytes, body));
  }
  int Store(const MailBody& body, int64_t first, int64_t bytes) {
    return world.Do(bodies.Store(body, first, bytes));
  }
  int Sync(MailBody& body) { return world.Do(bodies.Sync(body)); }
  void Drop(MailBody* body) { world.Do(bodies.Drop(body)); }

  // "entries/swap reserved/free blocks/files".
  std::string Holds() {
    int files = 0;
    for (int i = 0; i < 100; ++i)
      files += world.vfs().Find("spool/" + std::to_string(i)) != nullptr;
    return std::to_string(process.space.entries().size()) + "/" +
           std::to_string(world.vm().reserve().reserved()) + "/" +
           std::to_string(world.vfs().mounts()[0]->space.free_blocks()) + "/" +
           std::to_string(files);
  }
  int32_t free() { return world.vm().domain().free_count(); }
  vm::Object& ObjectOf(const MailBody& body) {
    return world.vm().objects()[process.space.Lookup(body.range.first_page())->object];
  }
  void EvictAll(const MailBody& body) {
    vm::Object& object = ObjectOf(body);
    for (vm::Pindex i = 0; i < object.size; ++i) {
      if (object.Lookup(i) != vm::kNoFrame) world.world().Evict(object, i);
    }
  }

  vfs::VfsTestWorld world;
  vm::Process& process;
  MailBodies bodies;
};

TEST(MailBodyTest, OnTheHeap) {
  World w(World::Small());
  const int32_t free = w.free();
  const std::string nothing = w.Holds();
  EXPECT_EQ(nothing, "0/0/4096/0");
  MailBody body;
  ASSERT_EQ(w.Make(BodyPlace::kHeap, 10'000, &body), 0);
  EXPECT_TRUE(body.mapped());
  EXPECT_EQ(body.range.bytes, 10'000u);
  EXPECT_EQ(body.range.pages(), 3u);
  EXPECT_EQ(w.Holds(), "1/3/4096/0");
  EXPECT_EQ(w.free(), free);  // Nothing has been touched.
  // Bytes 0..4095 and 4096..4999: a soft fault, zeros, the reference and the copy, twice.
  const sim::SimTime start = w.world.engine().now();
  ASSERT_EQ(w.Store(body, 0, 5000), 0);
  EXPECT_EQ(w.world.engine().now() - start, 2 * (500 + 300 + 100 + 500));
  EXPECT_EQ(w.free(), free - 2);
  // The page of byte 4999 once more: the reference and the copy.
  const sim::SimTime again = w.world.engine().now();
  ASSERT_EQ(w.Store(body, 5000, 3), 0);
  EXPECT_EQ(w.world.engine().now() - again, 100 + 500);
  EXPECT_EQ(w.Sync(body), 0);
  EXPECT_EQ(w.world.writes(), 0);
  ASSERT_EQ(w.Store(body, 9999, 1), 0);
  EXPECT_EQ(w.free(), free - 3);
  w.Drop(&body);
  EXPECT_FALSE(body.mapped());
  EXPECT_EQ(w.Holds(), nothing);
  EXPECT_EQ(w.free(), free);
  w.Drop(&body);  // Does nothing.
  EXPECT_EQ(w.Holds(), nothing);
}

TEST(MailBodyTest, InASpoolFile) {
  World w(World::Small());
  const int32_t free = w.free();
  MailBody body;
  ASSERT_EQ(w.Make(BodyPlace::kSpool, 20'000, &body), 0);
  EXPECT_EQ(body.name, "spool/0");
  EXPECT_EQ(w.Holds(), "1/0/4096/1");  // A hole, and no promise of swap.
  EXPECT_EQ(w.world.vfs().Find("spool/0")->size, 20'000);
  EXPECT_EQ(w.world.reads() + w.world.writes(), 0);
  ASSERT_EQ(w.Store(body, 0, 20'000), 0);
  EXPECT_EQ(w.world.reads() + w.world.writes(), 0);
  EXPECT_EQ(w.free(), free - 5);
  EXPECT_EQ(w.Holds(), "1/0/4096/1");
  EXPECT_EQ(w.Sync(body), 0);
  EXPECT_GT(w.world.writes(), 0);
  EXPECT_EQ(w.Holds(), "1/0/4094/1");  // 20,000 bytes are two blocks of 16 KiB.
  const int64_t writes = w.world.writes();
  EXPECT_EQ(w.Sync(body), 0);
  EXPECT_EQ(w.world.writes(), writes);  // Nothing new.
  // What is not in memory any more is read again.
  w.EvictAll(body);
  ASSERT_EQ(w.Store(body, 4096, 1), 0);
  EXPECT_EQ(w.world.reads(), 1);
  w.Drop(&body);
  EXPECT_FALSE(body.mapped());
  EXPECT_EQ(w.Holds(), "0/0/4096/0");
  w.world.Run();
  EXPECT_EQ(w.free(), free);
}

// A body that is dropped before it was stored whole, or written, is gone all the same.
TEST(MailBodyTest, DroppedEarly) {
  for (const BodyPlace place : {BodyPlace::kHeap, BodyPlace::kSpool}) {
    for (const int64_t stored : {0, 1, 5000}) {
      World w(World::Small());
      const int32_t free = w.free();
      MailBody body;
      ASSERT_EQ(w.Make(place, 9000, &body), 0);
      if (stored > 0) {
        ASSERT_EQ(w.Store(body, 0, stored), 0);
      }
      w.Drop(&body);
      w.world.Run();
      EXPECT_EQ(w.Holds(), "0/0/4096/0");
      EXPECT_EQ(w.free(), free);
      EXPECT_EQ(w.world.writes(), 0);
    }
  }
}

TEST(MailBodyTest, NoSwapToPromise) {
  World::Options options = World::Small();
  options.tunables.overcommit = vm::kSwapReserveForceOn;
  World w(options);
  const int64_t room = w.world.vm().swap().space().total();  // Pages.
  MailBody a, b;
  ASSERT_EQ(w.Make(BodyPlace::kHeap, (room - 1) * 4096, &a), 0);
  EXPECT_EQ(w.Make(BodyPlace::kHeap, 4097, &b), kEnomem);
  EXPECT_FALSE(b.mapped());
  EXPECT_EQ(w.Holds(), "1/" + std::to_string(room - 1) + "/4096/0");
  // One page there is; and a file needs no promise.
  EXPECT_EQ(w.Make(BodyPlace::kHeap, 4096, &b), 0);
  MailBody c;
  EXPECT_EQ(w.Make(BodyPlace::kSpool, 1 << 20, &c), 0);
  for (MailBody* body : {&a, &b, &c}) w.Drop(body);
  EXPECT_EQ(w.Holds(), "0/0/4096/0");
}

TEST(MailBodyTest, TooLargeForAMap) {
  World w(World::Small());
  MailBody body;
  EXPECT_EQ(w.Make(BodyPlace::kHeap, (int64_t{1} << 36) + 1, &body), kEnomem);
  EXPECT_EQ(w.Make(BodyPlace::kSpool, (int64_t{1} << 36) + 1, &body), kEnomem);
  EXPECT_EQ(w.Holds(), "0/0/4096/0");
}

// Somebody has a file of that name: the next one has another.
TEST(MailBodyTest, TheNameIsTaken) {
  World w(World::Small());
  vfs::Mount& mount = *w.world.vfs().mounts()[0];
  ASSERT_NE(w.world.vfs().AddFile(mount, "spool/0", {.bytes = 5}), nullptr);
  MailBody body;
  EXPECT_EQ(w.Make(BodyPlace::kSpool, 100, &body), 17);  // EEXIST
  EXPECT_FALSE(body.mapped());
  w.Drop(&body);
  EXPECT_EQ(w.world.vfs().Find("spool/0")->size, 5);
  EXPECT_EQ(w.Make(BodyPlace::kSpool, 100, &body), 0);
  EXPECT_EQ(body.name, "spool/1");
  w.Drop(&body);
}

// A spool file is a hole at first: that the disk is full shows when it is written, as a page that
// could not be (EIO), as with FreeBSD's fsync of mapped pages.
TEST(MailBodyTest, TheDiskIsFull) {
  World::Options options = World::Small();
  options.disk_bytes = 64 << 10;  // Four blocks.
  World w(options);
  MailBody a, b;
  ASSERT_EQ(w.Make(BodyPlace::kSpool, 40'000, &a), 0);
  ASSERT_EQ(w.Make(BodyPlace::kSpool, 40'000, &b), 0);
  ASSERT_EQ(w.Store(a, 0, 40'000), 0);
  ASSERT_EQ(w.Store(b, 0, 40'000), 0);
  EXPECT_EQ(w.Sync(a), 0);
  EXPECT_EQ(w.Sync(b), kEio);
  w.Drop(&a);
  EXPECT_EQ(w.Sync(b), 0);  // There is room now.
  w.Drop(&b);
  EXPECT_EQ(w.Holds(), "0/0/4/0");
}

TEST(MailBodyTest, TheDiskFails) {
  World::Options options = World::Small();
  options.faults = {{.kind = sim::DiskFaultKind::kEio, .ops = sim::OpBit(sim::DiskOp::kWrite)}};
  {
    World w(options);
    MailBody body;
    ASSERT_EQ(w.Make(BodyPlace::kSpool, 10'000, &body), 0);
    ASSERT_EQ(w.Store(body, 0, 10'000), 0);
    EXPECT_EQ(w.Sync(body), kEio);
    w.Drop(&body);
    EXPECT_EQ(w.Holds(), "0/0/4096/0");
  }
  options.faults[0].ops = sim::OpBit(sim::DiskOp::kRead);
  World w(options);
  MailBody body;
  ASSERT_EQ(w.Make(BodyPlace::kSpool, 10'000, &body), 0);
  ASSERT_EQ(w.Store(body, 0, 10'000), 0);
  ASSERT_EQ(w.Sync(body), 0);
  w.EvictAll(body);
  EXPECT_EQ(w.Store(body, 5000, 10), kEio);
  w.Drop(&body);
  EXPECT_EQ(w.Holds(), "0/0/4096/0");
}

// Where a body was, somebody else may have been mapped meanwhile, or nobody.
TEST(MailBodyTest, AfterAnUnmap) {
  World w(World::Small());
  MailBody body;
  ASSERT_EQ(w.Make(BodyPlace::kHeap, 10'000, &body), 0);
  ASSERT_EQ(w.Store(body, 0, 10'000), 0);
  w.world.Do(w.world.vm().Exit(w.process, 0));
  EXPECT_EQ(w.Store(body, 0, 1), sim::kEfault);
  w.Drop(&body);
  EXPECT_EQ(w.Holds(), "0/0/4096/0");
}

// Bodies lie one behind the other, and when the end has been reached they are looked for from the
// beginning, around those that are still there.
TEST(MailBodyTest, AddressesAreUsedAgain) {
  World w(World::Small());
  constexpr int64_t kLarge = int64_t{4} << 30;
  constexpr uint64_t kBase = uint64_t{4} << 30, kEnd = uint64_t{4} << 40;
  MailBody first;
  ASSERT_EQ(w.Make(BodyPlace::kHeap, 4097, &first), 0);
  EXPECT_EQ(first.range.address, kBase);
  uint64_t next = kBase + 8192;
  while (next + kLarge <= kEnd) {
    MailBody large;
    ASSERT_EQ(w.Make(BodyPlace::kHeap, kLarge, &large), 0);
    ASSERT_EQ(large.range.address, next);
    next += kLarge;
    w.Drop(&large);
  }
  MailBody again, beside;
  ASSERT_EQ(w.Make(BodyPlace::kHeap, kLarge, &again), 0);
  EXPECT_EQ(again.range.address, kBase + 8192);
  ASSERT_EQ(w.Make(BodyPlace::kHeap, 1, &beside), 0);
  EXPECT_EQ(beside.range.address, kBase + 8192 + kLarge);
  for (MailBody* body : {&first, &again, &beside}) w.Drop(body);
  EXPECT_EQ(w.Holds(), "0/0/4096/0");
}

}  // namespace
}  // namespace vmsim::net
