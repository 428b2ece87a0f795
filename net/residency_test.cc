// Message residency: deliveries that a person can replay by hand. A page-in takes 104 us, of which
// the disk has 100; a reference to a resident page takes 0.1 us (0.6 if it is to be mapped first).
#include "net/residency.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "net/residency_story.h"

namespace vmsim::net {
namespace {

using Options = ResidencyStory::Options;
using Counts = std::map<std::string, int64_t>;

struct Story {
  std::string name;
  std::vector<std::string> bodies;
  std::string warm;
  std::string plan;
  std::string want;
  Counts counts;
  std::function<void(Options&)> change;
  std::function<void(ResidencyStory&)> prepare;
};

void Workers(Options& o, int workers) { o.residency.pool.concurrency = workers; }

void Play(const Story& story) {
  SCOPED_TRACE(story.name);
  std::string digest;
  // Twice: the same trace from two runs.
  for (int run = 0; run < 2; ++run) {
    Options options;
    if (story.change) story.change(options);
    ResidencyStory s(options);
    for (const std::string& body : story.bodies) s.Make(body);
    s.Warm(story.warm);
    if (story.prepare) story.prepare(s);
    s.Run();
    s.Plan(story.plan);
    EXPECT_EQ(s.Run(), story.want);
    for (const auto& [name, count] : story.counts) EXPECT_EQ(s.Counter(name), count) << name;
    if (run == 1) {
      EXPECT_EQ(s.Digest(), digest);
    }
    digest = s.Digest();
  }
}

const std::string kSentAtOnce = "0:CHECK@0 0?0@0 0:SENDING@0 0:DONE@0";
const std::string kPulled =
    "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@104 0:CHECK'@104 0*In@104 0?0@104 0:SENDING@104 "
    "0:DONE@104";
const std::string kPulledTwoPages =
    "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@208 0:CHECK'@208 0*In@208 0?0@208 0:SENDING@208 "
    "0:DONE@208";

TEST(ResidencyTest, Bodies) {
  const std::vector<Story> stories = {
      {"Empty", {""}, "", "0 send 0", kSentAtOnce, {{"mincore.calls", 0}}},
      {"NoBytes", {"f0+0"}, "", "0 send 0", kSentAtOnce, {{"mincore.calls", 0}}},
      {"OneByteInCore", {"f0+1"}, "f0", "0 send 0", kSentAtOnce, {{"residency.sent_pages", 1}}},
      {"OneByte", {"f0+1"}, "", "0 send 0", kPulled, {{"residency.pageins", 1}}},
      {"OnePage", {"f0+4096"}, "", "0 send 0", kPulled, {{"residency.pageins", 1}}},
      {"OnePageAndAByte", {"f0+4097"}, "", "0 send 0", kPulledTwoPages, {{"residency.pageins", 2}}},
      {"UnalignedSpansOneMore",
       {"f4095+4096"},
       "",
       "0 send 0",
       kPulledTwoPages,
       {{"residency.pageins", 2}, {"residency.pages_touched", 2}}},
      {"OnePageOfTwoIsThere",
       {"f0+8192"},
       "f1",
       "0 send 0",
       kPulled,
       {{"residency.pageins", 1}, {"residency.page_hits", 1}}},
      {"Hole",
       {"x0+1"},
       "",
       "0 send 0",
       "0:CHECK@0 0?E12@0 0:FAILED@0",
       {{"residency.failed", 1}, {"residency.pulls_queued", 0}}},
      {"HoleBehindAnAbsentPage", {"f0+1,x0+1"}, "", "0 send 0", "0:CHECK@0 0?E12@0 0:FAILED@0", {}},
      // A false negative: no disk is needed, the detour is made all the same.
      {"UntouchedHeap",
       {"h0+8192"},
       "",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@1 0:CHECK'@1 0*In@1 0?0@1 0:SENDING@1 0:DONE@2",
       {{"mincore.zero_fill_absent", 2}, {"residency.zero_fills", 2}, {"residency.pageins", 0}}},
      {"HeapInSwap",
       {"h0+4096"},
       "",
       "0 send 0",
       kPulled,
       {{"residency.pageins", 1}},
       {},
       [](ResidencyStory& s) { s.SwapOut(0, 1); }},
      {"FileAndHeap",
       {"f0+1,h0+1"},
       "h0",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@104 0:CHECK'@104 0*In@104 0?0@104 "
       "0:SENDING@104 0:DONE@104",
       {{"residency.pageins", 1}, {"residency.page_hits", 1}, {"mincore.calls", 4}}},
      // 16 pages, one read: it brings what is behind, of the body and after.
      {"Clustering",
       {"f0+65536"},
       "",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@105 0:CHECK'@105 0*In@105 0?0@105 "
       "0:SENDING@105 0:DONE@107",
       {{"residency.pageins", 1}, {"residency.page_hits", 15}, {"residency.clustered_pages", 23}},
       [](Options& o) { o.clustering = true; }},
      {"AskingTakesTime",
       {"f0+8192"},
       "f0 f1",
       "0 send 0",
       "0:CHECK@0 0?0@12 0:SENDING@12 0:DONE@12",
       {},
       [](Options& o) { o.residency.test = {.call_ns = 2000, .page_ns = 5000}; }},
  };
  for (const Story& story : stories) Play(story);
}

TEST(ResidencyTest, PagesThatOthersBring) {
  const std::vector<Story> stories = {
      // Asked about while somebody else's fault is under way: not in core, and not read again.
      {"InTransitWhenChecked",
       {"f0+1"},
       "",
       "0 touch f0; 50 send 0",
       "0:CHECK@50 0?1@50 0:QUEUED@50 0:PULLING@50 0!0@104 0:CHECK'@104 0*In@104 0?0@104 "
       "0:SENDING@104 0:DONE@104",
       {{"residency.transit_waits", 1}, {"residency.pageins", 0}}},
      // Each reads one page while the other waits for it.
      {"TwoMessagesShareTwoPages",
       {"f0+8192", "f0+8192"},
       "",
       "0 send 0; 0 send 1",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 1:CHECK@0 1?1@0 1:QUEUED@0 1:PULLING@0 0!0@208 "
       "0:CHECK'@208 1!0@208 1:CHECK'@208 0*In@208 0?0@208 0:SENDING@208 0:DONE@208 1*In@208 "
       "1?0@208 1:SENDING@208 1:DONE@208",
       {{"residency.transit_waits", 2}, {"residency.pageins", 2}}},
      {"PulledByTheFirstHitByTheSecond",
       {"f0+1", "f0+1"},
       "",
       "0 send 0; 0 send 1",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 1:CHECK@0 1?1@0 1:QUEUED@0 0!0@104 0:CHECK'@104 "
       "1:PULLING@104 0*In@104 0?0@104 0:SENDING@104 0:DONE@104 1!0@104 1:CHECK'@104 1*In@104 "
       "1?0@104 1:SENDING@104 1:DONE@104",
       {{"residency.page_hits", 1}, {"residency.pageins", 1}},
       [](Options& o) { Workers(o, 1); }},
  };
  for (const Story& story : stories) Play(story);
}

TEST(ResidencyTest, EvictedBetweenPullAndSend) {
  const std::string first_pull = "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@208 0:CHECK'@208 ";
  const std::vector<Story> stories = {
      // The first page goes while the second is being read.
      {"PulledAgain",
       {"f0+8192"},
       "",
       "0 send 0; 150 evict f0",
       first_pull +
           "0*In@208 0?1@208 0:QUEUED@208 0:PULLING@208 0!0@312 0:CHECK'@312 0*In@312 0?0@312 "
           "0:SENDING@312 0:DONE@312",
       {{"residency.rechecks", 2},
        {"residency.rechecks_failed", 1},
        {"residency.bound_hits", 0},
        {"residency.pageins", 3},
        {"residency.sync_faults", 0}}},
      {"OnePullAtMost",
       {"f0+8192"},
       "",
       "0 send 0; 150 evict f0",
       first_pull + "0*In@208 0?1@208 0:SENDING@208 0:DONE@312",
       {{"residency.bound_hits", 1},
        {"residency.sync_faults", 1},
        {"residency.sync_fault_ns", 104'100}},
       [](Options& o) { o.residency.max_pulls = 1; }},
      {"NeverPulls",
       {"f0+8192"},
       "f0",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:SENDING@0 0:DONE@104",
       {{"residency.bound_hits", 1}, {"residency.sync_faults", 1}, {"residency.pulls_queued", 0}},
       [](Options& o) { o.residency.max_pulls = 0; }},
      // As if memory held one page of two: each pull loses what it brought. The bound ends it.
      {"EachPullLosesItsOwnPages",
       {"f0+8192"},
       "",
       "0 send 0; 150 evict f0; 260 evict f1; 370 evict f0; 470 evict f1; 570 evict f0",
       first_pull +
           "0*In@208 0?1@208 0:QUEUED@208 0:PULLING@208 0!0@416 0:CHECK'@416 0*In@416 0?1@416 "
           "0:QUEUED@416 0:PULLING@416 0!0@624 0:CHECK'@624 0*In@624 0?1@624 0:SENDING@624 "
           "0:DONE@728",
       {{"residency.rechecks_failed", 3},
        {"residency.bound_hits", 1},
        {"residency.pulls_completed", 3},
        {"residency.sync_faults", 1}}},
  };
  for (const Story& story : stories) Play(story);
}

TEST(ResidencyTest, Failures) {
  const std::vector<Story> stories = {
      // The second of three pages cannot be read; the third is not attempted.
      {"ErrorOnTheMiddlePage",
       {"f0+12288"},
       "",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!E5@208 0:FAILED@208 0*Err@208",
       {{"residency.pulls_failed", 1}, {"residency.pageins", 1}, {"residency.pages_touched", 2}},
       [](Options& o) { o.vfs.faults = {{.kind = sim::DiskFaultKind::kEio, .nth = 2}}; }},
      // Another delivery finds the disk in order.
      {"ErrorOnceAndAnotherDelivery",
       {"f0+8192"},
       "",
       "0 send 0; 300 again 0",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!E5@208 0:FAILED@208 0*Err@208 0:CHECK@300 "
       "0?1@300 0:QUEUED@300 0:PULLING@300 0!0@404 0:CHECK'@404 0*In@404 0?0@404 0:SENDING@404 "
       "0:DONE@404",
       {},
       [](Options& o) { o.vfs.faults = {{.kind = sim::DiskFaultKind::kEio, .nth = 2}}; }},
      {"ErrorInTheScheduler",
       {"f0+8192"},
       "",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:SENDING@0 0:FAILED@208",
       {{"residency.send_errors", 1}, {"residency.sync_faults", 2}},
       [](Options& o) {
         o.residency.max_pulls = 0;
         o.vfs.faults = {{.kind = sim::DiskFaultKind::kEio, .nth = 2}};
       }},
      {"UnmappedWhileItIsPulled",
       {"f0+4096,h0+4096"},
       "h0",
       "0 send 0; 50 unmap",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!E14@104 0:FAILED@104 0*Err@104",
       {}},
      {"KilledWhileItIsPulled",
       {"f0+8192"},
       "",
       "0 send 0; 50 kill",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!E4@104 0:FAILED@104 0*Err@104",
       {}},
      {"KilledWhileItIsSent",
       {"f0+8192"},
       "",
       "0 send 0; 50 kill",
       "0:CHECK@0 0?1@0 0:SENDING@0 0:FAILED@104",
       {{"residency.send_errors", 1}},
       [](Options& o) { o.residency.max_pulls = 0; }},
  };
  for (const Story& story : stories) Play(story);
}

TEST(ResidencyTest, Deleted) {
  const std::vector<Story> stories = {
      {"WhileQueued",
       {"f0+8192", "f8192+1"},
       "",
       "0 send 0; 0 send 1; 50 delete 1",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 1:CHECK@0 1?1@0 1:QUEUED@0 1:REMOVED@50 1*HUp@50 "
       "0!0@208 0:CHECK'@208 0*In@208 0?0@208 0:SENDING@208 0:DONE@208",
       {{"residency.pulls_cancelled", 1}, {"residency.pageins", 2}},
       [](Options& o) { Workers(o, 1); }},
      // The read under way ends, the second page is not read.
      {"WhilePulled",
       {"f0+8192"},
       "",
       "0 send 0; 50 delete 0",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0*HUp@50 0!0@104 0:REMOVED@104",
       {{"residency.pulls_cancelled", 1}, {"residency.pageins", 1}}},
      {"WhileTheSubmitterIsBlocked",
       {"f0+8192", "f8192+1", "f12288+1"},
       "",
       "0 send 0; 0 send 1; 0 send 2; 50 delete 2",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 1:CHECK@0 1?1@0 1:QUEUED@0 2:CHECK@0 2?1@0 2#1@0 "
       "2:REMOVED@50 0!0@208 0:CHECK'@208 1:PULLING@208 0*In@208 0?0@208 0:SENDING@208 0:DONE@208 "
       "1!0@312 1:CHECK'@312 1*In@312 1?0@312 1:SENDING@312 1:DONE@312",
       {{"pool.blocked_submissions", 1}, {"pool.blocked_ns", 50'000}},
       [](Options& o) {
         Workers(o, 1);
         o.residency.pool.backlog = 1;
       }},
      {"BeforeItIsSent",
       {"f0+1"},
       "",
       "0 delete 0; 10 send 0",
       "0:REMOVED@0",
       {{"residency.checks", 0}}},
  };
  for (const Story& story : stories) Play(story);
}

TEST(ResidencyTest, DeletedBeforeTheSchedulerAsksAgain) {
  ResidencyStory s;
  s.Make("f0+1");
  s.Plan("0 check 0");
  EXPECT_EQ(s.Run(), "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0=queued@0 0!0@104 0:CHECK'@104");
  Message& m = s.message(0);
  EXPECT_EQ(m.Readiness(sim::kEventIn), sim::kEventIn);
  EXPECT_EQ(m.Readiness(0), 0u);
  s.residency().Delete(m);
  s.residency().Delete(m);  // Once more does nothing.
  EXPECT_EQ(m.Readiness(sim::kEventIn), sim::kEventHUp);
  EXPECT_EQ(m.state(), MessageState::kRemoved);
  s.Plan("0 check 0");
  EXPECT_EQ(s.Run(), "0:REMOVED@0 0=gone@0");
  EXPECT_EQ(s.Counter("residency.deleted"), 1);
}

TEST(ResidencyTest, Workers) {
  const std::vector<std::string> three = {"f0+1", "f4096+1", "f8192+1"};
  const std::vector<Story> stories = {
      // The disk takes one after the other, whoever asks.
      {"Five",
       three,
       "",
       "0 send 0; 0 send 1; 0 send 2",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 1:CHECK@0 1?1@0 1:QUEUED@0 1:PULLING@0 2:CHECK@0 "
       "2?1@0 2:QUEUED@0 2:PULLING@0 0!0@104 0:CHECK'@104 0*In@104 0?0@104 0:SENDING@104 "
       "0:DONE@104 "
       "1!0@204 1:CHECK'@204 1*In@204 1?0@204 1:SENDING@204 1:DONE@204 2!0@304 2:CHECK'@304 "
       "2*In@304 2?0@304 2:SENDING@304 2:DONE@304",
       {},
       {}},
      {"None",
       {"f0+8192"},
       "",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:PULLING@0 0!0@208 0:CHECK'@208 0*In@208 0?0@208 0:SENDING@208 "
       "0:DONE@208",
       {{"pool.inlined", 1}, {"pool.inline_ns", 208'200}, {"pool.busy_ns", 0}},
       [](Options& o) { Workers(o, 0); }},
      {"NoneAndAnError",
       {"f0+1"},
       "",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:PULLING@0 0!E5@104 0:FAILED@104",
       {{"residency.pulls_failed", 1}},
       [](Options& o) {
         Workers(o, 0);
         o.vfs.faults = {{.kind = sim::DiskFaultKind::kEio, .nth = 1}};
       }},
      {"NoneAndDeletedMeanwhile",
       {"f0+8192"},
       "",
       "0 send 0; 50 delete 0",
       "0:CHECK@0 0?1@0 0:PULLING@0 0!0@104 0:REMOVED@104",
       {{"residency.pulls_cancelled", 1}},
       [](Options& o) { Workers(o, 0); }},
      {"OneOfTwoMessages",
       {"f0+1", "f4096+1"},
       "",
       "0 send 0; 0 send 1",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 1:CHECK@0 1?1@0 1:QUEUED@0 0!0@104 0:CHECK'@104 "
       "1:PULLING@104 0*In@104 0?0@104 0:SENDING@104 0:DONE@104 1!0@208 1:CHECK'@208 1*In@208 "
       "1?0@208 1:SENDING@208 1:DONE@208",
       {{"pool.busy_ns", 208'300}, {"pool.wait_ns", 104'100}},
       [](Options& o) { Workers(o, 1); }},
      // Raised: the second starts at once.
      {"OneThenTwo",
       {"f0+8192", "f8192+1"},
       "",
       "0 send 0; 0 send 1; 10 workers 2",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 1:CHECK@0 1?1@0 1:QUEUED@0 1:PULLING@10 1!0@204 "
       "1:CHECK'@204 1*In@204 1?0@204 1:SENDING@204 1:DONE@204 0!0@304 0:CHECK'@304 0*In@304 "
       "0?0@304 0:SENDING@304 0:DONE@304",
       {},
       [](Options& o) { Workers(o, 1); }},
      // Lowered: who is busy finishes, the third waits for the last of them.
      {"TwoThenOne",
       three,
       "",
       "0 send 0; 0 send 1; 0 send 2; 10 workers 1",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 1:CHECK@0 1?1@0 1:QUEUED@0 1:PULLING@0 2:CHECK@0 "
       "2?1@0 2:QUEUED@0 0!0@104 0:CHECK'@104 0*In@104 0?0@104 0:SENDING@104 0:DONE@104 1!0@204 "
       "1:CHECK'@204 2:PULLING@204 1*In@204 1?0@204 1:SENDING@204 1:DONE@204 2!0@308 2:CHECK'@308 "
       "2*In@308 2?0@308 2:SENDING@308 2:DONE@308",
       {},
       [](Options& o) { Workers(o, 2); }},
      // The third is let onto the queue when the second leaves it, and only then the scheduler goes on.
      {"TheBacklogIsFull",
       three,
       "",
       "0 send 0; 0 send 1; 0 send 2",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 1:CHECK@0 1?1@0 1:QUEUED@0 2:CHECK@0 2?1@0 2#1@0 "
       "0!0@104 0:CHECK'@104 1:PULLING@104 2:QUEUED@104 0*In@104 0?0@104 0:SENDING@104 0:DONE@104 "
       "1!0@208 1:CHECK'@208 2:PULLING@208 1*In@208 1?0@208 1:SENDING@208 1:DONE@208 2!0@312 "
       "2:CHECK'@312 2*In@312 2?0@312 2:SENDING@312 2:DONE@312",
       {{"pool.blocked_submissions", 1}},
       [](Options& o) {
         Workers(o, 1);
         o.residency.pool.backlog = 1;
       }},
      {"ASecondRequestJoins",
       {"f0+1"},
       "",
       "0 send 0; 50 check 0",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0=queued@50 0!0@104 0:CHECK'@104 0*In@104 0?0@104 "
       "0:SENDING@104 0:DONE@104",
       {{"residency.pulls_joined", 1}, {"residency.pulls_queued", 1}}},
      {"ADeliveryThatIsOverIsNotAskedAbout",
       {"f0+1"},
       "f0",
       "0 send 0; 10 check 0",
       kSentAtOnce + " 0=failed@10",
       {}},
  };
  for (const Story& story : stories) Play(story);
}

// The page that describes the hook contradicts itself. Literally: what is in core is pulled, once;
// what is not is sent at once.
TEST(ResidencyTest, Literal) {
  const auto literal = [](Options& o) { o.residency.pull_when = PullWhen::kLiteral; };
  const std::vector<Story> stories = {
      {"InCoreIsPulled",
       {"f0+8192"},
       "f0 f1",
       "0 send 0",
       "0:CHECK@0 0?0@0 0:QUEUED@0 0:PULLING@0 0!0@0 0:CHECK'@0 0*In@0 0?0@0 0:SENDING@0 0:DONE@0",
       {{"residency.pulls_completed", 1}, {"residency.page_hits", 2}, {"residency.sync_faults", 0}},
       literal},
      {"AbsentIsSentAtOnce",
       {"f0+8192"},
       "",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:SENDING@0 0:DONE@208",
       {{"residency.pulls_queued", 0},
        {"residency.sync_faults", 2},
        {"residency.sync_fault_ns", 208'200}},
       literal},
      {"PartlyAbsent",
       {"f0+8192"},
       "f0",
       "0 send 0",
       "0:CHECK@0 0?1@0 0:SENDING@0 0:DONE@104",
       {{"residency.sync_faults", 1}},
       literal},
      {"NothingToSend",
       {""},
       "",
       "0 send 0",
       "0:CHECK@0 0?0@0 0:QUEUED@0 0:PULLING@0 0!0@0 0:CHECK'@0 0*In@0 0?0@0 0:SENDING@0 0:DONE@0",
       {{"residency.pages_touched", 0}},
       literal},
      {"NoPulls",
       {"f0+1"},
       "f0",
       "0 send 0",
       kSentAtOnce,
       {{"residency.bound_hits", 1}},
       [&](Options& o) {
         literal(o);
         o.residency.max_pulls = 0;
       }},
  };
  for (const Story& story : stories) Play(story);
}

}  // namespace
}  // namespace vmsim::net
