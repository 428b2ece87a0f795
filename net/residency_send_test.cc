// Message residency: what the scheduler does with a body that it may send, what cannot be a
// message, and many of them.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "net/residency.h"
#include "net/residency_story.h"

namespace vmsim::net {
namespace {

using Options = ResidencyStory::Options;

TEST(ResidencySendTest, WiredWhileItIsSent) {
  struct Case {
    std::string_view name;
    int64_t max_user_wired;
    bool wire;
    bool evicted;
    int64_t refused;
    int64_t sync_faults;
  };
  constexpr Case kCases[] = {
      {"Wired", 0, true, false, 0, 0},
      {"NotWired", 0, false, true, 0, 1},
      {"JustEnough", 2, true, false, 0, 0},
      {"TheLimitForbidsIt", 1, true, true, 1, 1},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    Options options;
    options.send_ns = 100 * sim::kMicrosecond;
    options.residency.wire_during_send = c.wire;
    options.vfs.tunables.max_user_wired = c.max_user_wired;
    ResidencyStory s(options);
    s.Make("f0+8192");
    s.Warm("f0 f1");
    bool evicted = false;
    int64_t wired = 0;
    s.Plan("0 send 0");
    s.At(s.engine().now() + 50 * sim::kMicrosecond, [&] {
      wired = s.Counter("residency.wired_pages");
      evicted = s.Evict("f1");
    });
    s.Run();
    EXPECT_EQ(evicted, c.evicted);
    EXPECT_EQ(wired, c.evicted ? 0 : 2);
    EXPECT_EQ(s.Counter("residency.wires_refused"), c.refused);
    EXPECT_EQ(s.Counter("residency.sync_faults"), c.sync_faults);
    EXPECT_EQ(s.Counter("residency.wired_pages"), 0);
    EXPECT_EQ(s.vm().counters().v_wire_count, 0);
    EXPECT_EQ(s.message(0).state(), MessageState::kDone);
  }
}

// Wirings of messages that share pages add up; a deletion or a last reference ends one's own.
TEST(ResidencySendTest, WiringsOfSharedPagesAddUp) {
  Options options;
  options.residency.wire_during_send = true;
  ResidencyStory s(options);
  for (int i = 0; i < 3; ++i) s.Make("f0+8192");
  s.Warm("f0 f1");
  s.Plan("0 check 0; 1 check 1; 2 check 2");
  s.Run();
  const auto wirings = [&] {
    FoundPage found;
    PlaceOf(s.vm(), s.process().space, ResidencyStory::PageOf("f1"), &found);
    return s.vm().pages()[found.frame].wire_count;
  };
  EXPECT_EQ(wirings(), 3);
  s.residency().Done(s.message(0), true);
  EXPECT_EQ(wirings(), 2);
  s.residency().Delete(s.message(1));
  EXPECT_EQ(wirings(), 1);
  s.Drop(2);
  EXPECT_EQ(wirings(), 0);
  EXPECT_EQ(s.Counter("residency.wired_pages"), 0);
  s.Run();
}

TEST(ResidencySendTest, TouchBody) {
  struct Case {
    int64_t first, bytes;
    std::string_view want;  // error, or pages/sync faults, with f0, f1, h0 there and h1 not.
  };
  // Of the body: bytes 0..5000 in f0 and f1, 5000..5000 none, 5000..13192 in h0 and h1.
  constexpr Case kCases[] = {
      {0, 0, "0/0"},
      {0, 1, "1/0"},
      {0, 4096, "1/0"},
      {4095, 2, "2/0"},
      {0, 5000, "2/0"},
      {4999, 1, "1/0"},
      {4999, 2, "2/0"},
      {5000, 4096, "1/0"},
      {0, 13192, "4/0"},
      {9095, 2, "2/0"},
      {13192, 0, "0/0"},
      {13192, 1, "EINVAL"},
      {0, 13193, "EINVAL"},
      {-1, 1, "EINVAL"},
      {0, -1, "EINVAL"},
      {INT64_MAX, 1, "EINVAL"},
      {1, INT64_MAX, "EINVAL"},
  };
  ResidencyStory s;
  s.Make("f0+5000,h0+0,h0+8192");
  s.Warm("f0 f1 h0 h1");
  const auto touch = [&](int64_t first, int64_t bytes) {
    const SendTouch t = s.world().Do(s.residency().TouchBody(s.message(0), first, bytes));
    if (t.error != 0) return std::string(ErrnoName(t.error));
    return std::to_string(t.pages) + "/" + std::to_string(t.sync_faults);
  };
  EXPECT_EQ(touch(0, 1), "EINVAL");  // Not yet.
  s.Plan("0 check 0");
  s.Run();
  for (const Case& c : kCases) EXPECT_EQ(touch(c.first, c.bytes), c.want) << c.first;
  ASSERT_TRUE(s.Evict("f1"));
  EXPECT_EQ(touch(0, 4096), "1/0");
  EXPECT_EQ(touch(0, 4097), "2/1");
  EXPECT_EQ(touch(0, 4097), "2/0");
  s.residency().Delete(s.message(0));
  EXPECT_EQ(touch(0, 1), "EBADF");
}

TEST(ResidencySendTest, MessagesThatCannotBe) {
  ResidencyStory s;
  struct Case {
    BodyRange range;
    int error;
  };
  const Case cases[] = {
      {{0, 0}, 0},
      {{vm::kMaxUserAddress - 1, 1}, 0},
      {{vm::kMaxUserAddress, 0}, 0},
      {{vm::kMaxUserAddress, 1}, kEinval},
      {{vm::kMaxUserAddress - 1, 2}, kEinval},
      {{1, UINT64_MAX}, kEinval},
      {{UINT64_MAX, 1}, kEinval},
  };
  for (const Case& c : cases) {
    int error = 77;
    const Ref<Message> message = s.residency().NewMessage(s.process(), {&c.range, 1}, &error);
    EXPECT_EQ(error, c.error) << c.range.address;
    EXPECT_EQ(static_cast<bool>(message), c.error == 0);
  }
  // More bytes in all than can be counted.
  const std::vector<BodyRange> huge(40'000, BodyRange{0, vm::kMaxUserAddress});
  int error = 77;
  EXPECT_FALSE(s.residency().NewMessage(s.process(), huge, &error));
  EXPECT_EQ(error, kEinval);
  OpenFiles few(s.engine(), {.files = 1});
  Residency other(s.engine(), s.world().world().trace(), s.vm(), few, s.hooks(), {});
  const Ref<Message> first = other.NewMessage(s.process(), {}, &error);
  EXPECT_EQ(error, 0);
  EXPECT_FALSE(other.NewMessage(s.process(), {}, &error));
  EXPECT_EQ(error, kEnfile);
  s.engine().DestroyThreads();  // The other's workers.
}

// EAGAIN of the default test is no answer: a pull is safe.
TEST(ResidencySendTest, TheTestIsShortOfMemory) {
  Options options;
  options.residency.test.convention = MincoreConvention::kLinux;
  ResidencyStory s(options);
  s.Make("f0+1");
  s.Warm("f0");
  const int32_t free = s.vm().domain().free_count();
  s.vm().domain().ForceFreeCount(0);
  s.Plan("0 check 0");
  s.Run(s.engine().now());
  s.vm().domain().ForceFreeCount(free);
  EXPECT_EQ(s.message(0).last_result(), kNotInCore);
  s.Run();
  EXPECT_EQ(s.message(0).state(), MessageState::kRecheck);
  EXPECT_EQ(s.Counter("mincore.again"), 1);
  EXPECT_EQ(s.Counter("residency.failed"), 0);
}

// Half of a body that is larger than memory has gone when the other half has come: CHECK' fails
// each time, and the bound ends it.
TEST(ResidencySendTest, ABodyLargerThanMemory) {
  Options options;
  options.vfs.frames = 1000;
  options.vfs.daemons = true;
  options.vfs.file.bytes = 1500 * vm::kPageSize;
  options.pages = 1500;
  options.clustering = true;
  options.check_machine = false;
  ResidencyStory s(options);
  s.Make("f0+6144000");
  s.Plan("0 send 0");
  s.Run(s.engine().now() + 20 * sim::kSecond);
  EXPECT_EQ(s.message(0).state(), MessageState::kDone);
  EXPECT_EQ(s.Counter("residency.pulls_completed"), 3);
  EXPECT_EQ(s.Counter("residency.rechecks_failed"), 3);
  EXPECT_EQ(s.Counter("residency.bound_hits"), 1);
  EXPECT_GT(s.Counter("residency.sync_faults"), 0);
}

// However many messages are alive, those that are asked about cost what they cost alone.
TEST(ResidencySendTest, ManyMessages) {
  Options options;
  options.residency.pool.concurrency = 2;
  ResidencyStory s(options);
  constexpr size_t kMessages = 100'000;
  int error = 0;
  std::vector<Ref<Message>> idle;
  const BodyRange range{ResidencyStory::kFileAt << vm::kPageShift, 8192};
  for (size_t i = 0; i < kMessages; ++i) {
    idle.push_back(s.residency().NewMessage(s.process(), {&range, 1}, &error));
    ASSERT_EQ(error, 0);
  }
  s.Make("f0+8192");
  s.Plan("0 check 0");
  while (s.engine().Step()) {
  }
  EXPECT_EQ(s.message(0).state(), MessageState::kRecheck);
  EXPECT_EQ(s.residency().count(MessageState::kReady), static_cast<int64_t>(kMessages));
  s.residency().CheckInvariants();
  for (size_t i = 0; i < kMessages; i += 2) s.residency().Delete(*idle[i]);
  EXPECT_EQ(s.residency().count(MessageState::kRemoved), static_cast<int64_t>(kMessages / 2));
  idle.clear();
  EXPECT_EQ(s.residency().count(MessageState::kReady), 0);
  s.residency().CheckInvariants();
}

}  // namespace
}  // namespace vmsim::net
