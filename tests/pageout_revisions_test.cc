// Where 13.2 and 15 part: the size of scan batches. 15 has no recorded vectors, so its scans are
// held against a closed form: pages leave in groups of batch_slots, each newest first, and what is
// left of the last group goes back in reverse order.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "sim/random.h"
#include "tests/pageout_world.h"

namespace vmsim::tests {
namespace {

using vm::FreebsdRevision;

// A world with pages 0..n-1, clean, unreferenced and idle, on the inactive queue behind H.
Json CleanWorld(int n) {
  Json pages = Json::array(), inactive = Json::array({"H"});
  for (int i = 0; i < n; ++i) {
    pages.push_back({0, i, 5, 0, 0, 0, 0, 0, 1, 0, 0});
    inactive.push_back(i);
  }
  Json objects = Json::array();
  objects.push_back({"swap", 1, 0, n, "ok"});
  return {
      {"objects", objects},
      {"pages", pages},
      {"queues", {{"active", {"C0", "C1"}}, {"inactive", inactive}, {"laundry", Json::array()}}}};
}

struct Outcome {
  std::vector<int> freed;
  std::vector<int> left;  // Behind H.
  int64_t scanned = 0;

  bool operator==(const Outcome&) const = default;
};

Outcome Scan(FreebsdRevision revision, int n, int shortage) {
  WorldConfig config{.revision = revision};
  config.thresholds.free_target = 1;
  PageoutWorld world(CleanWorld(n), config);
  world.reclaim().daemon().inactive_scan().Run(shortage).RunToCompletion();
  Outcome outcome;
  outcome.freed = world.TakeFreed().get<std::vector<int>>();
  const Json queues = world.Queues();
  const Json& inactive = queues.at("inactive");
  EXPECT_EQ(inactive.at(0), "H");
  for (size_t i = 1; i < inactive.size(); ++i) outcome.left.push_back(inactive[i]);
  outcome.scanned = world.reclaim().queues().scanned(vm::QueueId::kInactive);
  return outcome;
}

// H takes one place of the limit, which is n.
Outcome ClosedForm(int slots, int n, int shortage) {
  Outcome outcome;
  const int reachable = n - 1;
  int begin = 0;
  outcome.scanned = 0;
  while (static_cast<int>(outcome.freed.size()) < shortage && begin < reachable) {
    const int end = std::min(begin + slots, reachable);
    for (int page = end - 1; page >= begin; --page) {
      const bool met = static_cast<int>(outcome.freed.size()) == shortage;
      (met ? outcome.left : outcome.freed).push_back(page);
    }
    begin = end;
  }
  if (begin > 0) outcome.scanned = begin + 1;
  for (int page = begin; page < n; ++page) outcome.left.push_back(page);
  return outcome;
}

std::vector<int> Range(int first, int last) {
  std::vector<int> range;
  for (int i = first; i != last; i += first < last ? 1 : -1) range.push_back(i);
  range.push_back(last);
  return range;
}

// 100 pages, 5 wanted. Numbers are one less than where pages are counted from 1.
TEST(PageoutRevisionsTest, TheWorkedExample) {
  const Outcome r13 = Scan(FreebsdRevision::kR13_2, 100, 5);
  EXPECT_EQ(r13.freed, Range(30, 26));
  std::vector<int> left = Range(25, 0);
  for (const int page : Range(31, 99)) left.push_back(page);
  EXPECT_EQ(r13.left, left);
  EXPECT_EQ(r13.scanned, 32);

  const Outcome r15 = Scan(FreebsdRevision::kR15, 100, 5);
  EXPECT_EQ(r15.freed, Range(62, 58));
  left = Range(57, 0);
  for (const int page : Range(63, 99)) left.push_back(page);
  EXPECT_EQ(r15.left, left);
  EXPECT_EQ(r15.scanned, 64);
}

TEST(PageoutRevisionsTest, EarlyStopsFollowTheClosedForm) {
  sim::SplitMix64 random = sim::NamedStream(1, "pageout_revisions_test");
  for (int round = 0; round < 300; ++round) {
    const int n = 2 + static_cast<int>(random.Below(250));
    const int shortage = 1 + static_cast<int>(random.Below(static_cast<uint64_t>(n) + 20));
    SCOPED_TRACE(testing::Message()
                 << "round " << round << " pages " << n << " shortage " << shortage);
    EXPECT_EQ(Scan(FreebsdRevision::kR15, n, shortage), ClosedForm(63, n, shortage));
    EXPECT_EQ(Scan(FreebsdRevision::kR13_2, n, shortage), ClosedForm(31, n, shortage));
  }
}

TEST(PageoutRevisionsTest, UpToABatchOfPagesTheReleasesAgree) {
  for (int n = 1; n <= 32; ++n) {
    EXPECT_EQ(Scan(FreebsdRevision::kR15, n, 7), Scan(FreebsdRevision::kR13_2, n, 7)) << n;
  }
}

}  // namespace
}  // namespace vmsim::tests
