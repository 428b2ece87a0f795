// Random messages, evictions, deletions and pools: whatever happens, the invariants hold after each
// step (ResidencyStory::Run), every delivery ends, and two runs leave the same trace.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "net/residency.h"
#include "net/residency_story.h"
#include "sim/random.h"

namespace vmsim::net {
namespace {

constexpr int kPages = 40;  // Of the file and of the heap that bodies lie in.

// A hook that is anything: it sleeps, touches, answers, and breaks its contract.
struct Whim {
  sim::SplitMix64 random{0};
  Residency* residency = nullptr;
  bool wild = false;
};

sim::Task<int> Act(void* closure, Message& message, int pull, int* result) {
  Whim& whim = *static_cast<Whim*>(closure);
  const uint64_t what = whim.random.Below(8);
  if ((what == 0 || pull == 1) && !message.body().empty()) {
    const BodyRange& range = message.body()[whim.random.Below(message.body().size())];
    if (range.bytes > 0) {
      const uint64_t address = range.address + whim.random.Below(range.bytes);
      static_cast<void>(co_await whim.residency->Reference(message, address));
    }
  }
  if (what < 5) co_return kIoCont;
  if (what == 5 && whim.wild) co_return static_cast<int>(whim.random.Below(9)) - 4;
  *result = static_cast<int>(whim.random.Below(whim.wild ? 5 : 2));
  co_return kIoDone;
}

class Trial {
 public:
  // What all trials together have seen.
  using Totals = std::map<std::string, int64_t>;

  explicit Trial(uint64_t seed) : random_(seed) {}

  // Returns the digest of the trace.
  std::string Run(Totals* totals) {
    // All at once, or one by one.
    spread_ = Chance(2) ? 300'000 : 3'000'000;
    const ResidencyStory::Options options = Machine();
    Whim whims[2];
    const size_t hooks = Below(3);
    for (Whim& whim : whims) whim = {sim::SplitMix64(random_.Next()), nullptr, Chance(2)};
    ResidencyStory s(options, [&](ResidencyStory& story) {
      if (hooks > 0) story.hooks().RegisterFirst(Act, &whims[0]);
      if (hooks > 1) story.hooks().RegisterLast(Act, &whims[1]);
    });
    for (Whim& whim : whims) whim.residency = &s.residency();
    Prepare(s);
    const bool unmaps = Chance(8);
    Watch(s);
    s.set_watch([&] { Watch(s); });
    const int messages = 1 + static_cast<int>(Below(24));
    for (int i = 0; i < messages; ++i) s.Make(Body());
    for (int i = 0; i < messages; ++i) Plan(s, static_cast<size_t>(i));
    for (int i = 0; i < 12; ++i) Disturb(s);
    if (unmaps) s.At(When(s), [&s] { s.Do("unmap"); });
    s.Run(s.engine().now() + (options.vfs.daemons ? sim::kSecond : sim::kNever / 2));
    Watch(s);
    Check(s, hooks, !options.vfs.faults.empty() || unmaps || holes_);
    for (auto& [name, total] : *totals) total += s.Counter(name);
    return s.Digest();
  }

 private:
  uint64_t Below(uint64_t n) { return random_.Below(n); }
  bool Chance(uint64_t n) { return Below(n) == 0; }
  sim::SimTime When(ResidencyStory& s) {
    return s.engine().now() + static_cast<sim::SimTime>(Below(spread_));
  }

  ResidencyStory::Options Machine() {
    ResidencyStory::Options options;
    options.check_machine = false;
    options.clustering = Chance(2);
    options.send_ns = Chance(2) ? static_cast<int64_t>(Below(200'000)) : 0;
    options.vfs.daemons = Chance(4);
    if (Chance(4)) {
      options.vfs.faults = {{.kind = sim::DiskFaultKind::kEio, .probability_ppm = 100'000}};
    }
    ResidencyConfig& config = options.residency;
    if (Chance(4)) config.pull_when = PullWhen::kLiteral;
    config.max_pulls = static_cast<int>(Below(5));
    config.wire_during_send = Chance(2);
    if (Chance(4)) options.vfs.tunables.max_user_wired = 1 + static_cast<int64_t>(Below(8));
    config.pool.concurrency = static_cast<int>(Below(6));
    config.pool.backlog = Chance(2) ? kUnlimitedBacklog : 1 + static_cast<int64_t>(Below(3));
    if (Chance(3)) config.test.convention = static_cast<MincoreConvention>(Below(3));
    if (Chance(2)) config.test.page_ns = static_cast<int64_t>(Below(10'000));
    return options;
  }

  void Prepare(ResidencyStory& s) {
    for (uint32_t page = 0; page < kPages; ++page) {
      // A page of the file may refuse.
      if (Chance(3)) {
        s.world().Do(TouchPage(s.engine(), s.vm(), s.process(), ResidencyStory::kFileAt + page,
                               /*write=*/false));
      }
      if (Chance(3)) s.Warm("h" + std::to_string(page));
      // With daemons the machine does not come to rest, as paging out by hand wants it to.
      if (!s.options().vfs.daemons && Chance(4)) s.SwapOut(page, 1);
    }
  }

  std::string Body() {
    std::string body;
    for (uint64_t ranges = Below(4); ranges > 0; --ranges) {
      if (!body.empty()) body += ',';
      const uint64_t first = Below((kPages - 6) * 4096);
      const bool hole = Chance(20);
      holes_ = holes_ || hole;
      body += (hole        ? "x"
               : Chance(2) ? "f"
                           : "h") +
              std::to_string(first) + "+" + std::to_string(Below(6 * 4096));
    }
    return body;
  }

  void Plan(ResidencyStory& s, size_t message) {
    s.At(When(s), [&s, message] { s.Deliver(message); });
    if (Chance(3)) s.At(When(s), [&s, message] { s.Delete(message); });
    if (Chance(4)) s.At(When(s), [&s, message] { s.Do("again " + std::to_string(message)); });
  }

  void Disturb(ResidencyStory& s) {
    const std::string page = (Chance(2) ? "f" : "h") + std::to_string(Below(kPages));
    const int workers = static_cast<int>(Below(6));
    s.At(When(s), [&s, page] { s.Evict(page); });
    if (Chance(4)) s.At(When(s), [&s, workers] { s.residency().pool().SetConcurrency(workers); });
    if (Chance(4)) s.At(When(s), [&s, page] { s.Do("reference " + page); });
  }

  // Counts how often pages of the file came in.
  void Watch(ResidencyStory& s) {
    const vm::Object& file = *s.world().file().object;
    const bool begins = resident_.empty();
    resident_.resize(file.size);
    for (vm::Pindex i = 0; i < file.size; ++i) {
      const vm::FrameIndex frame = file.Lookup(i);
      const bool now = frame != vm::kNoFrame && s.vm().pages()[frame].fully_valid();
      came_ += !begins && now && !resident_[i];
      resident_[i] = now;
    }
    if (begins) read_before_ = s.vm().counters().v_vnodepgsin;
  }

  void Check(ResidencyStory& s, size_t hooks, bool faulty) {
    const Residency& r = s.residency();
    EXPECT_EQ(r.count(MessageState::kCheck) + r.count(MessageState::kQueued) +
                  r.count(MessageState::kPulling) + r.count(MessageState::kRecheck) +
                  r.count(MessageState::kSending),
              0);
    EXPECT_EQ(r.pool().busy() + r.pool().queued() + r.pool().blocked(), 0);
    EXPECT_EQ(r.stats().wired_pages, 0);
    if (hooks == 0) {
      EXPECT_EQ(r.stats().fault_in_test, 0);
      EXPECT_EQ(r.hooks().stats().ran, 0);
      EXPECT_EQ(r.stats().decided_default, r.stats().checks);
    }
    if (!faulty) {
      EXPECT_EQ(r.stats().pulls_failed, 0);
      EXPECT_EQ(r.stats().send_errors, 0);
      // No page is read twice unless it had gone in between.
      EXPECT_EQ(s.vm().counters().v_vnodepgsin - read_before_, came_);
    }
  }

  sim::SplitMix64 random_;
  std::vector<bool> resident_;
  int64_t came_ = 0;
  int64_t read_before_ = 0;
  bool holes_ = false;
  uint64_t spread_ = 0;
};

TEST(ResidencyPropertyTest, WhateverHappens) {
  Trial::Totals totals;
  for (const char* name : {"residency.deleted",
                           "residency.rechecks_failed",
                           "residency.bound_hits",
                           "residency.pulls_joined",
                           "residency.pulls_completed",
                           "residency.pulls_failed",
                           "residency.pulls_cancelled",
                           "residency.page_hits",
                           "residency.transit_waits",
                           "residency.pageins",
                           "residency.clustered_pages",
                           "residency.zero_fills",
                           "residency.sync_faults",
                           "residency.sync_zero_fills",
                           "residency.send_errors",
                           "residency.wires_refused",
                           "mincore.zero_fill_absent",
                           "hook.fault_in_test",
                           "hook.bad_result",
                           "hook.bad_return",
                           "pool.inlined",
                           "pool.blocked_submissions",
                           "pool.cancelled"}) {
    totals[name] = 0;
  }
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::string digest = Trial(seed).Run(&totals);
    EXPECT_EQ(Trial(seed).Run(&totals), digest);
    if (HasFailure()) return;
  }
  // The trials have been everywhere.
  for (const auto& [name, total] : totals) EXPECT_GT(total, 20) << name;
}

}  // namespace
}  // namespace vmsim::net
