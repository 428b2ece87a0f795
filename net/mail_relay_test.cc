// A mail relay, message by message. Times are in ns from the arrival on; a story's sums can be checked
// by hand with vm::Costs: a system call 500, a reference 100, a soft fault 500, zeros 300, a page's
// copy 500, a look at a page 20, the disk 100,000.
#include "net/mail_relay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "net/mail_story.h"
#include "sim/counters.h"

namespace vmsim::net {

namespace {

using Options = MailStory::Options;
using Peer = MailTestPeer;
using Stage = Peer::Stage;

Options Spool(int64_t count, int64_t bytes) {
  Options options = MailStory::Of(count, bytes);
  options.mail.place = BodyPlace::kSpool;
  return options;
}

// Each message is refused for a millisecond, so that a test can do something to its body, which is
// on the disk.
Options Deferred(int64_t count, int64_t bytes) {
  Options options = Spool(count, bytes);
  options.mail.durable = true;
  options.mail.remotes[0].defer_pct = 100;
  options.mail.remotes[0].defer_ns = sim::kMillisecond;
  return options;
}

// ---- One message.

// Heap, three pages:
//      500  the wait returns, a call; accepted: 500, mapped: 500
//     2500  the next wait, a read; three pages are stored, each for 500 + 300 + 100 + 500
//     6700  received; taken from its queue: 500, asked about: 500 + 3 * 20
//     8260  the next wait; three references, 300; a write, 500 + 3 * 500
//    10560  delivered
// A spool file's page takes 2000 + 100 + 500 to store to: a pager is asked, and finds a hole.
TEST(MailRelayTest, OneMessage) {
  struct Case {
    std::string_view name;
    BodyPlace place;
    bool durable;
    int64_t bytes;
    std::string_view want;
    int64_t writes;
  };
  constexpr Case kCases[] = {
      {"Heap", BodyPlace::kHeap, false, 10'000, "arrived@500 received@6700 delivered@10560", 0},
      {"Spool", BodyPlace::kSpool, false, 10'000, "arrived@500 received@10300 delivered@14160", 0},
      {"OneByte", BodyPlace::kHeap, false, 1, "arrived@500 received@3900 delivered@6520", 0},
      // The disk has it before it counts as received; the loop goes on: a wait, 500.
      {"Durable", BodyPlace::kSpool, true, 10'000, "arrived@500 received@110800 delivered@114660",
       1},
      // Durability is a matter of files.
      {"DurableHeap", BodyPlace::kHeap, true, 10'000, "arrived@500 received@6700 delivered@10560",
       0},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    Options options = MailStory::Of(1, c.bytes);
    options.mail.place = c.place;
    options.mail.durable = c.durable;
    MailStory s(options);
    EXPECT_EQ(s.Run(), c.want);
    EXPECT_TRUE(s.ended());
    EXPECT_EQ(s.stats().stall_ns, 0);
    EXPECT_EQ(s.stats().received_bytes, c.bytes);
    EXPECT_EQ(s.stats().delivered_bytes, c.bytes);
    EXPECT_EQ(s.stats().delivery_ns.count(), 1);
    EXPECT_EQ(absl::StrCat("delivered@", s.stats().delivery_ns.max()),
              std::string(c.want.substr(c.want.find("delivered"))));
    EXPECT_EQ(Peer::taken(s.relay(), 0), c.bytes);
    EXPECT_EQ(s.world().writes(), c.writes);
    EXPECT_EQ(s.Remains(), "");
  }
}

// 451 at 7200, after it was taken from its queue. The timer ends the wait at 1,007,200: a call, 500;
// taken from its queue once more, 500; then as above, 3360. Only what comes after the timer counts.
TEST(MailRelayTest, Deferral) {
  Options options = MailStory::Of(1, 10'000);
  options.mail.remotes[0].defer_pct = 100;
  options.mail.remotes[0].defer_ns = sim::kMillisecond;
  MailStory s(options);
  EXPECT_EQ(s.Run(), "arrived@500 received@6700 deferred@7200 delivered@1011560");
  EXPECT_EQ(s.stats().delivery_ns.max(), 1'011'560 - 1'007'200);
  EXPECT_EQ(s.stats().remote_ns[0].max(), 4360);
  EXPECT_EQ(s.Remains(), "");
}

TEST(MailRelayTest, DeferredForNoTimeAtAll) {
  Options options = MailStory::Of(3, 100);
  options.mail.remotes[0].defer_pct = 100;
  MailStory s(options);
  s.Run();
  EXPECT_EQ(s.stats().deferred, 3);
  EXPECT_EQ(s.stats().delivered, 3);
  EXPECT_EQ(s.Remains(), "");
}

// ---- A body that is not there any more.

// At 1,111,300 it is due again, and its three pages have gone; one read brings all of them.
TEST(MailRelayTest, AnEvictedBody) {
  struct Case {
    std::string_view name;
    PullMode mode;
    int workers;
    int64_t delivered;
    int64_t stall, pulls, pageins, sync_faults;
  };
  constexpr Case kCases[] = {
      // The pull's thread: 100,000 for the disk, and its faults; asked again; sent.
      {"Hook", PullMode::kHook, 5, 1'223'020, 0, 1, 2, 0},
      {"Always", PullMode::kAlways, 5, 1'221'900, 0, 1, 2, 0},
      // Nobody asks: the loop itself stands still.
      {"Off", PullMode::kOff, 5, 1'221'100, 100'000, 0, 0, 2},
      // The scheduler is its own worker.
      {"NoWorkers", PullMode::kHook, 0, 1'223'020, 100'000, 1, 2, 0},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    Options options = Deferred(1, 10'000);
    options.mail.mode = c.mode;
    options.mail.residency.pool.concurrency = c.workers;
    MailStory s(options);
    s.At(500'000, [&] { EXPECT_EQ(s.EvictSpool(0), 3); });
    EXPECT_EQ(s.Run(),
              absl::StrCat("arrived@500 received@110800 deferred@111300 delivered@", c.delivered));
    EXPECT_EQ(s.stats().stall_ns, c.stall);
    EXPECT_EQ(s.relay().residency().stats().pulls_queued, c.pulls);
    EXPECT_EQ(s.relay().residency().stats().pageins, c.pageins);
    EXPECT_EQ(s.relay().residency().stats().sync_faults, c.sync_faults);
    EXPECT_EQ(s.world().reads(), 1);
    EXPECT_EQ(s.Remains(), "");
  }
}

// What is in memory is pulled by nobody, or for nothing.
TEST(MailRelayTest, ABodyThatIsThere) {
  struct Case {
    PullMode mode;
    int64_t pulls;
    int64_t delivered;
  };
  // Off saves the test; always makes a detour by a worker, and saves none.
  for (const Case& c : {Case{PullMode::kHook, 0, 10'560}, Case{PullMode::kOff, 0, 10'000},
                        Case{PullMode::kAlways, 1, 10'800}}) {
    Options options = MailStory::Of(1, 10'000);
    options.mail.mode = c.mode;
    MailStory s(options);
    EXPECT_EQ(s.Run(), absl::StrCat("arrived@500 received@6700 delivered@", c.delivered));
    EXPECT_EQ(s.relay().residency().stats().pulls_queued, c.pulls);
    EXPECT_EQ(s.stats().stall_ns, 0);
  }
}

// The message has failed; its connection has not.
TEST(MailRelayTest, ABodyThatCannotBeRead) {
  for (const PullMode mode : {PullMode::kHook, PullMode::kOff, PullMode::kAlways}) {
    for (const int workers : {0, 5}) {
      Options options = Deferred(2, 10'000);
      options.mail.mode = mode;
      options.mail.residency.pool.concurrency = workers;
      options.mail.remotes[0].connections = 1;
      options.vfs.faults = {
          {.kind = sim::DiskFaultKind::kEio, .ops = sim::OpBit(sim::DiskOp::kRead)}};
      MailStory s(options);
      s.At(500'000, [&] { EXPECT_EQ(s.EvictSpool(0), 3); });
      s.Run();
      EXPECT_EQ(s.stats().failed, 1);
      EXPECT_EQ(s.stats().delivered, 1);
      EXPECT_EQ(Peer::taken(s.relay(), 0), 10'000);
      EXPECT_EQ(s.Remains(), "");
    }
  }
}

// The same in the middle of a send: the remote has got a part. The next message follows it.
TEST(MailRelayTest, ABodyThatCannotBeReadToItsEnd) {
  Options options = Deferred(2, 100'000);
  options.mail.remotes[0].connections = 1;
  options.mail.remotes[0].link.bytes_per_second = 10'000'000;
  options.mail.remotes[0].sockets = {.send_buffer = 8192, .receive_buffer = 8192};
  options.vfs.faults = {{.kind = sim::DiskFaultKind::kEio, .ops = sim::OpBit(sim::DiskOp::kRead)}};
  MailStory s(options);
  int evicted = 0;
  int64_t part = 0;
  s.set_watch([&] {
    if (part == 0 && s.stats().delivered_bytes >= 20'000) evicted += s.EvictSpool(0);
    if (s.stats().failed == 1 && part == 0) part = s.stats().delivered_bytes;
  });
  s.Run();
  EXPECT_GT(evicted, 0);
  EXPECT_EQ(s.stats().failed, 1);
  EXPECT_EQ(s.stats().delivered, 1);
  EXPECT_GE(part, 20'000);
  EXPECT_LT(part, 100'000);
  EXPECT_EQ(s.stats().delivered_bytes, part + 100'000);
  EXPECT_EQ(Peer::taken(s.relay(), 0), part + 100'000);
  EXPECT_EQ(s.Remains(), "");
}

// Evicted while a slow remote takes it: only what is wired stays.
TEST(MailRelayTest, WiredDuringSend) {
  for (const bool wire : {false, true}) {
    Options options = Deferred(1, 100'000);
    options.mail.residency.wire_during_send = wire;
    options.mail.remotes[0].link.bytes_per_second = 10'000'000;
    options.mail.remotes[0].sockets = {.send_buffer = 8192, .receive_buffer = 8192};
    MailStory s(options);
    int evicted = -1;
    int64_t wired = 0;
    s.set_watch([&] {
      if (evicted >= 0 || s.stats().delivered_bytes < 20'000) return;
      wired = s.relay().residency().stats().wired_pages;
      evicted = s.EvictSpool(0);
    });
    s.Run();
    EXPECT_EQ(wired, wire ? 25 : 0);
    EXPECT_EQ(evicted, wire ? 0 : 25);
    EXPECT_EQ(s.relay().residency().stats().sync_faults > 0, !wire);
    EXPECT_EQ(s.stats().stall_ns >= 100'000, !wire);
    EXPECT_EQ(s.stats().delivered, 1);
    EXPECT_EQ(s.Remains(), "");
  }
}

// ---- Messages that are not taken.

// The first takes 2500 of some 4000 pages of swap.
TEST(MailRelayTest, NoSwapForABody) {
  Options options = MailStory::Of(2, 2500 * 4096);
  options.vfs.tunables.overcommit = vm::kSwapReserveForceOn;
  options.exact = false;
  MailStory s(options);
  s.Run();
  EXPECT_TRUE(s.ended());
  EXPECT_EQ(s.stats().arrived, 2);
  EXPECT_EQ(s.stats().refused, 1);
  EXPECT_EQ(s.stats().delivered, 1);
  EXPECT_EQ(s.stats().received_bytes, 2500 * 4096);
  EXPECT_EQ(s.Remains(), "");  // The client, which had more to say, among others.
}

TEST(MailRelayTest, TheSpoolFileExists) {
  MailStory s(Spool(2, 10'000));
  ASSERT_NE(s.world().vfs().AddFile(*s.world().vfs().mounts()[0], "spool/0", {}), nullptr);
  EXPECT_EQ(s.Run(), "arrived@500 arrived@1000 refused@1000 received@10800 delivered@14660");
  EXPECT_EQ(s.stats().queued, 0);
}

// One block for two bodies. Who wants it on the disk finds out; who does not, does not.
TEST(MailRelayTest, TheSpoolIsFull) {
  for (const bool durable : {false, true}) {
    Options options = Spool(2, 10'000);
    options.vfs.disk_bytes = 16 << 10;
    options.mail.durable = durable;
    MailStory s(options);
    EXPECT_EQ(s.Run(),
              durable ? "arrived@500 arrived@1500 failed@20100 received@120100 delivered@123960"
                      : "arrived@500 arrived@1500 received@11300 received@20660 delivered@24520 "
                        "delivered@26820");
    EXPECT_EQ(s.stats().received, durable ? 1 : 2);
    EXPECT_EQ(s.Remains(), "");
  }
}

TEST(MailRelayTest, TheSpoolCannotBeWritten) {
  for (const int workers : {0, 1, 5}) {
    Options options = Spool(3, 10'000);
    options.mail.durable = true;
    options.mail.store.concurrency = workers;
    options.vfs.faults = {
        {.kind = sim::DiskFaultKind::kEio, .ops = sim::OpBit(sim::DiskOp::kWrite)}};
    MailStory s(options);
    s.Run();
    EXPECT_TRUE(s.ended());
    EXPECT_EQ(s.stats().failed, 3);
    EXPECT_EQ(s.stats().received, 0);
    EXPECT_EQ(s.stats().delivered, 0);
    EXPECT_EQ(s.stats().received_bytes, 30'000);
    EXPECT_EQ(s.Remains(), "");
  }
}

// Without threads for it the loop waits for the disk itself.
TEST(MailRelayTest, NobodyToStore) {
  for (const int workers : {0, 5}) {
    Options options = Spool(1, 10'000);
    options.mail.durable = true;
    options.mail.store.concurrency = workers;
    MailStory s(options);
    EXPECT_EQ(s.Run(), "arrived@500 received@110800 delivered@114660");
    EXPECT_EQ(s.stats().stall_ns, workers == 0 ? 100'000 : 0);
  }
}

// ---- Many.

// Two large bodies come and go side by side, a piece of 64 KiB a turn: neither is a piece's time
// (16 pages of 1400, a call, a wait) ahead.
TEST(MailRelayTest, APieceATurn) {
  Options options = MailStory::Of(2, 300'000);
  options.mail.remotes[0].link.bytes_per_second = 1'000'000'000;
  MailStory s(options);
  int64_t ahead_in = 0, ahead_out = 0;
  s.set_watch([&] {
    if (Peer::mails(s.relay()) < 2) return;
    const auto both = [&](Stage stage) {
      return Peer::stage(s.relay(), 0) == stage && Peer::stage(s.relay(), 1) == stage;
    };
    const auto apart = [](int64_t a, int64_t b) { return std::max(a, b) - std::min(a, b); };
    if (both(Stage::kReceiving)) {
      ahead_in =
          std::max(ahead_in, apart(Peer::received(s.relay(), 0), Peer::received(s.relay(), 1)));
    } else if (both(Stage::kSending)) {
      ahead_out = std::max(ahead_out, apart(Peer::sent(s.relay(), 0), Peer::sent(s.relay(), 1)));
    }
  });
  EXPECT_EQ(s.Run(),
            "arrived@500 arrived@1500 received@202700 received@219680 delivered@311960 "
            "delivered@318460");
  EXPECT_GT(ahead_in, 0);
  EXPECT_LE(ahead_in, 64 << 10);
  EXPECT_GT(ahead_out, 0);
  EXPECT_LE(ahead_out, 2 * (64 << 10));
  EXPECT_EQ(s.Remains(), "");
}

// A connection carries one message at a time, in the order in which they were received.
TEST(MailRelayTest, OneConnection) {
  Options options = MailStory::Of(4, 10'000);
  options.mail.remotes[0].connections = 1;
  options.mail.remotes[0].link.delay_ns = 1000;
  MailStory s(options);
  std::vector<uint32_t> carried;
  s.set_watch([&] {
    const uint32_t id = Peer::carries(s.relay(), 0);
    if (id != Peer::kNoMail && (carried.empty() || carried.back() != id)) carried.push_back(id);
  });
  s.Run();
  EXPECT_EQ(carried, (std::vector<uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(s.stats().delivered, 4);
  EXPECT_EQ(Peer::taken(s.relay(), 0), 40'000);
  EXPECT_EQ(s.Remains(), "");
}

// A remote that reads slowly holds up its own mail only.
TEST(MailRelayTest, ASlowRemote) {
  Options options = MailStory::Of(10, 50'000);
  options.mail.remotes[0] = {.name = "slow", .connections = 2};
  options.mail.remotes[0].sockets = {.send_buffer = 4096, .receive_buffer = 4096};
  options.mail.remotes[0].read_bytes_per_second = 1'000'000;  // 50 ms each.
  options.mail.remotes.push_back({.name = "quick"});
  MailStory s(options);
  s.Run();
  const MailStats& stats = s.stats();
  ASSERT_GT(stats.remote_ns[0].count(), 2);
  ASSERT_GT(stats.remote_ns[1].count(), 2);
  EXPECT_GT(stats.remote_ns[0].min(), 40 * sim::kMillisecond);
  EXPECT_GT(stats.remote_ns[0].max(), 80 * sim::kMillisecond);
  EXPECT_LT(stats.remote_ns[1].max(), sim::kMillisecond);
  EXPECT_EQ(stats.stall_ns, 0);
  EXPECT_EQ(s.Remains(), "");
}

// One thread unmaps, and one body may wait for it. The five are delivered in one turn, in which that
// thread, of equal priority on the one CPU, does not get to run until the loop has to wait for it.
TEST(MailRelayTest, TheUnlinkBacklogBlocks) {
  struct Case {
    int workers;
    int64_t backlog;
    int64_t blocked;
    bool stalls;
  };
  for (const Case& c : {Case{6, 100, 0, false}, Case{1, 1, 3, true}, Case{0, 1, 0, false}}) {
    Options options = MailStory::Of(5, 4000);
    options.mail.unlink.concurrency = c.workers;
    options.mail.unlink.backlog = c.backlog;
    MailStory s(options);
    s.Run();
    EXPECT_EQ(s.stats().delivered, 5);
    EXPECT_EQ(Peer::unlink(s.relay()).stats().blocked_submissions, c.blocked);
    EXPECT_EQ(Peer::unlink(s.relay()).stats().inlined, c.workers == 0 ? 5 : 0);
    EXPECT_EQ(s.stats().stall_ns > 0, c.stalls);
    EXPECT_EQ(s.stats().stall_ns, Peer::unlink(s.relay()).stats().blocked_ns);
    EXPECT_EQ(s.Remains(), "");
  }
}

// ---- The end by force.

// Whatever it was at, it stops; what others do for it ends, and its memory is given back.
TEST(MailRelayTest, Killed) {
  for (const PullMode mode : {PullMode::kHook, PullMode::kOff}) {
    for (sim::SimDuration when = -1'000; when < 1'500'000; when += 17'340) {
      SCOPED_TRACE(when);
      Options options = Deferred(4, 60'000);
      options.mail.mode = mode;
      options.exact = false;
      MailStory s(options);
      s.At(500'000, [&] {
        for (int i = 0; i < 4; ++i) s.EvictSpool(i);
      });
      s.At(when, [&] { s.vm().Kill(s.process(), vm::kSigKill); });
      s.Run();
      EXPECT_TRUE(s.ended());
      EXPECT_TRUE(s.process().exited);
      EXPECT_TRUE(s.process().space.entries().empty());
      EXPECT_LE(s.stats().arrived, 4);
      EXPECT_EQ(s.stats().arrived,
                s.stats().queued + s.stats().delivered + s.stats().failed + s.stats().refused);
      EXPECT_EQ(s.Broken(), "");
    }
  }
}

// ---- Counts.

TEST(MailRelayTest, CountersAreRegistered) {
  MailStory s(Deferred(3, 5000));
  sim::CounterRegistry registry;
  s.relay().RegisterCounters(registry);
  s.Run();
  EXPECT_EQ(registry.Find("mail.arrived"), 3);
  EXPECT_EQ(registry.Find("mail.received_bytes"), 15'000);
  EXPECT_EQ(registry.Find("mail.deferred"), 3);
  EXPECT_EQ(registry.Find("mail.delivered"), 3);
  EXPECT_EQ(registry.Find("mail.queued"), 0);
  EXPECT_EQ(registry.Find("mail.turns"), s.stats().turn_ns.count());
  EXPECT_EQ(registry.Find("mail.busy_ns"), s.stats().turn_ns.sum());
  EXPECT_EQ(registry.Find("mail.stall_ns"), 0);
  EXPECT_EQ(registry.Find("residency.messages"), 3);
  for (const MailCounter& counter : kMailCounters) {
    EXPECT_TRUE(registry.Find(counter.info.name).has_value()) << counter.info.name;
  }
}

}  // namespace
}  // namespace vmsim::net
