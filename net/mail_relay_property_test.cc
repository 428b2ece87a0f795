// Random relays: small machines, disks that fail, threads and backlogs of all sizes. Whatever
// happens the invariants hold, every message ends, nothing is left behind, and two runs leave the
// same trace.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "net/mail_story.h"
#include "sim/counters.h"
#include "sim/random.h"
#include "sim/trace.h"

namespace vmsim::net {
namespace {

constexpr uint64_t kEnough = 300;  // To have been everywhere.
#if defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kTrials = kEnough / 5;
#else
constexpr uint64_t kTrials = kEnough;
#endif

class Trial {
 public:
  // What all trials together have seen.
  using Totals = std::map<std::string, int64_t>;

  explicit Trial(uint64_t seed) : random_(seed) {}

  // Returns the digest of the trace.
  std::string Run(Totals* totals) {
    const MailStory::Options options = Options();
    MailStory s(options);
    sim::DigestSink digest;
    s.world().world().trace().AddSink(&digest);
    sim::CounterRegistry counters;
    s.relay().RegisterCounters(counters);
    s.set_check_every(1 + static_cast<int64_t>(Below(7)));
    const sim::SimDuration evictions = 1 + static_cast<int64_t>(Below(200'000));
    for (int i = 0; i < 100; ++i) {
      s.At(i * evictions, [&s, number = static_cast<int>(Below(20))] { s.EvictSpool(number); });
    }
    const bool killed = Chance(8);
    if (killed) {
      s.At(static_cast<int64_t>(Below(20'000'000)),
           [&s] { s.vm().Kill(s.process(), vm::kSigKill); });
    }
    // The daemons go on for ever.
    s.Run(options.vfs.daemons ? 100 * sim::kSecond : sim::kNever);
    Check(s, options, killed);
    for (auto& [name, total] : *totals) total += counters.Find(name).value_or(-1'000'000);
    s.world().world().trace().Flush();
    s.world().world().trace().RemoveSink(&digest);
    return digest.Hex();
  }

 private:
  uint64_t Below(uint64_t n) { return random_.Below(n); }
  bool Chance(uint64_t n) { return Below(n) == 0; }
  int64_t Between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(Below(static_cast<uint64_t>(most - least + 1)));
  }

  MailStory::Options Options() {
    MailStory::Options options;
    options.exact = false;
    options.seed = random_.Next();
    Machine(&options.vfs);
    if (options.vfs.daemons) large_ = 2'000'000;  // More than there is memory.
    Mail(&options.mail);
    return options;
  }

  void Machine(vfs::VfsTestWorld::Options* vfs) {
    vfs->file.bytes = 0;
    vfs->daemons = Chance(3);
    vfs->frames = vfs->daemons ? 1000 : 4000;
    vfs->disk_bytes = Chance(4) ? Between(1, 20) * (16 << 10) : 128 << 20;
    if (Chance(3)) vfs->tunables.max_user_wired = Between(1, 40);
    if (vfs->daemons && Chance(2)) vfs->tunables.overcommit = vm::kSwapReserveForceOn;
    if (!Chance(3)) return;
    sim::DiskFaultRule rule;
    rule.kind = Chance(3) ? sim::DiskFaultKind::kGone : sim::DiskFaultKind::kEio;
    rule.ops = sim::OpBit(Chance(2) ? sim::DiskOp::kWrite : sim::DiskOp::kRead);
    if (rule.kind == sim::DiskFaultKind::kGone) {
      rule.nth = Between(1, 40);
    } else {
      rule.probability_ppm = 200'000;
    }
    vfs->faults = {rule};
  }

  LinkConfig RandomLink() {
    LinkConfig link;
    if (Chance(2)) link.bytes_per_second = Between(1'000'000, 200'000'000);
    if (Chance(2)) link.delay_ns = Between(0, 2'000'000);
    if (Chance(4)) link.queue_bytes = Between(1, 10'000);
    return link;
  }

  SocketConfig Sockets() {
    SocketConfig sockets;
    if (Chance(2)) sockets.send_buffer = Between(500, 20'000);
    if (Chance(2)) sockets.receive_buffer = Between(500, 20'000);
    return sockets;
  }

  std::vector<MailSize> Sizes() {
    std::vector<MailSize> sizes;
    int64_t most = 0;
    for (int64_t rows = Between(1, 3); rows > 0; --rows) {
      most += Between(1, Chance(3) ? large_ : 10'000);
      sizes.push_back({most, Between(1, 5)});
    }
    return sizes;
  }

  void Mail(MailConfig* mail) {
    mail->start_ns = Chance(2) ? sim::kMillisecond : 0;
    mail->messages = Between(1, 30);
    mail->mean_interval_ns = Chance(3) ? 0 : Between(1, 500'000);
    mail->sizes = Sizes();
    mail->inbound = RandomLink();
    mail->inbound_sockets = Sockets();
    mail->place = Chance(2) ? BodyPlace::kHeap : BodyPlace::kSpool;
    mail->durable = Chance(2);
    for (int64_t remotes = Between(1, 3); remotes > 0; --remotes) {
      MailRemote remote;
      remote.name = std::string(1, static_cast<char>('a' + remotes));
      remote.weight = Between(1, 3);
      if (Chance(3)) remote.sizes = Sizes();
      remote.connections = static_cast<int>(Between(1, 4));
      remote.link = RandomLink();
      remote.sockets = Sockets();
      if (Chance(3)) remote.read_bytes_per_second = Between(1'000'000, 50'000'000);
      if (Chance(2)) remote.defer_pct = static_cast<int>(Between(0, 100));
      if (Chance(2)) remote.defer_ns = Between(0, 10'000'000);
      mail->remotes.push_back(remote);
    }
    mail->mode = static_cast<PullMode>(Below(3));
    mail->residency.pull_when = Chance(3) ? PullWhen::kLiteral : PullWhen::kNotInCore;
    mail->residency.max_pulls = static_cast<int>(Below(4));
    mail->residency.wire_during_send = Chance(2);
    mail->residency.test.audit = true;
    Pool(&mail->residency.pool);
    Pool(&mail->store);
    Pool(&mail->unlink);
  }

  void Pool(WorkerPoolConfig* pool) {
    pool->concurrency = static_cast<int>(Below(4));
    pool->backlog = Chance(2) ? Between(1, 3) : kUnlimitedBacklog;
  }

  void Check(MailStory& s, const MailStory::Options& options, bool may_be_killed) {
    const MailStats& stats = s.stats();
    EXPECT_TRUE(s.ended());
    EXPECT_EQ(s.Broken(), "");
    EXPECT_EQ(stats.stall_ns + stats.busy_ns, stats.turn_ns.sum());
    if (s.process().killed()) {
      EXPECT_TRUE(may_be_killed || s.process().oom_killed);
      EXPECT_TRUE(s.process().space.entries().empty());
      return;
    }
    EXPECT_EQ(stats.arrived, options.mail.messages);
    EXPECT_EQ(stats.refused + stats.failed + stats.delivered, options.mail.messages);
    EXPECT_LE(stats.delivered, stats.received);
    EXPECT_LE(stats.deferred, stats.received);
    EXPECT_EQ(stats.delivery_ns.count(), stats.delivered);
    if (options.vfs.faults.empty() && options.vfs.disk_bytes == 128 << 20) {
      EXPECT_EQ(stats.failed, 0);
      EXPECT_EQ(stats.received_bytes, stats.delivered_bytes);
    }
    EXPECT_EQ(s.Remains(), "");
  }

  sim::SplitMix64 random_;
  int64_t large_ = 100'000;  // Bytes of large bodies.
};

TEST(MailRelayPropertyTest, WhateverHappens) {
  Trial::Totals totals;
  for (const char* name :
       {"mail.refused", "mail.deferred", "mail.delivered", "mail.failed", "mail.stall_ns",
        "residency.pageins", "residency.sync_faults", "residency.pulls_failed",
        "residency.rechecks_failed", "residency.bound_hits", "residency.wires_refused",
        "pool.blocked_submissions", "pool.inlined"}) {
    totals[name] = 0;
  }
  for (uint64_t seed = 1; seed <= kTrials; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const std::string digest = Trial(seed).Run(&totals);
    EXPECT_EQ(Trial(seed).Run(&totals), digest);
    if (HasFailure()) return;
  }
  if (kTrials < kEnough) return;
  for (const auto& [name, total] : totals) EXPECT_GT(total, 0) << name;
}

}  // namespace
}  // namespace vmsim::net
