// Whole runs with a mail relay: what its limits of bodies in memory do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "scenarios/runner.h"

namespace vmsim::scenarios {
namespace {

// 200 messages of 40,000 bytes in 2 s, of which about half are put off for 5 s, with memory for all of
// them. `limits` goes into the relay.
v1::Result Run200(const std::string& limits) {
  v1::Scenario scenario;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(absl::StrCat(R"(
        memory { pages: 8000 }
        cpus { count: 2 }
        disks { name: "d" size_bytes: 268435456 fixed { base_ns: 1000000 servers: 4 } }
        file_systems { name: "fs" disk: "d" }
        mail_relay {
          messages: 200 mean_interval_ns: 10000000 body: SPOOL unlink_backlog: 1000
          sizes { most_bytes: 39999 weight: 1 } sizes { most_bytes: 40000 weight: 1000000000 }
          remotes { name: "now" link { bytes_per_s: 100000000 } }
          remotes { name: "later" defer_pct: 100 defer_ns: 5000000000 }
      )",
                                                                         limits, " }"),
                                                            &scenario));
  RunOptions options;
  options.check = vm::CheckLevel::kFull;
  options.check_interval_events = 50;
  const auto result = RunScenario(scenario, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : v1::Result();
}

int64_t CounterOf(const v1::Result& result, const std::string& name) {
  for (const v1::CounterValue& counter : result.counters()) {
    if (counter.name() == name) return counter.value();
  }
  ADD_FAILURE() << "no counter " << name;
  return -1;
}

TEST(MailRunTest, WithoutLimitsNothingLeavesMemory) {
  const v1::Result result = Run200("");
  EXPECT_EQ(CounterOf(result, "mail.delivered"), 200);
  EXPECT_GT(CounterOf(result, "mail.deferred"), 70);
  EXPECT_EQ(CounterOf(result, "mail.swapped_out"), 0);
  EXPECT_EQ(CounterOf(result, "residency.pulls_queued"), 0);
}

// What has been put off is written, leaves memory, and is read again when it is due.
TEST(MailRunTest, TransfailsAboveTheirLimitAreSwappedOut) {
  const int64_t deferred = CounterOf(Run200(""), "mail.deferred");
  for (const int64_t limit : {0, 10, 100'000}) {
    const v1::Result result = Run200(absl::StrCat("max_resident_transfails: ", limit));
    const int64_t out = CounterOf(result, "mail.swapped_out");
    EXPECT_EQ(CounterOf(result, "mail.delivered"), 200);
    EXPECT_EQ(out, std::max<int64_t>(deferred - limit, 0)) << limit;
    EXPECT_EQ(CounterOf(result, "residency.pulls_queued"), out) << limit;
    EXPECT_EQ(CounterOf(result, "residency.pulls_completed"), out) << limit;
    EXPECT_EQ(CounterOf(result, "residency.sync_faults"), 0) << limit;
    // 10 pages each, in one read.
    EXPECT_GE(CounterOf(result, "v_vnodepgsin"), out * 10) << limit;
  }
}

// A relay of one connection: all but the message that is sent wait.
TEST(MailRunTest, TheActiveQueueAboveItsLimitIsSwappedOut) {
  const v1::Result result = Run200(
      "max_resident_active_queue: 2 remotes { name: 'narrow' weight: 1000000 connections: 1 "
      "link { bytes_per_s: 1000000 send_buffer_bytes: 8192 receive_buffer_bytes: 8192 } }");
  EXPECT_EQ(CounterOf(result, "mail.delivered"), 200);
  EXPECT_GT(CounterOf(result, "mail.swapped_out"), 100);
  EXPECT_GT(CounterOf(result, "residency.pulls_completed"), 100);
}

TEST(MailRunTest, TheLimitOfAllCountsThemWhereverTheyAre) {
  const v1::Result none = Run200("max_resident_messages: 0");
  EXPECT_EQ(CounterOf(none, "mail.swapped_out"), 0);
  const v1::Result result = Run200("max_resident_messages: 20");
  EXPECT_EQ(CounterOf(result, "mail.delivered"), 200);
  // All that came while 20 of those put off were there already.
  EXPECT_GT(CounterOf(result, "mail.swapped_out"), 50);
}

// With no threads for it the loop does it itself, and stands still meanwhile.
TEST(MailRunTest, SwappingOutInTheLoopStopsIt) {
  const v1::Result result = Run200("max_resident_transfails: 0 store_workers: 0");
  EXPECT_EQ(CounterOf(result, "mail.delivered"), 200);
  EXPECT_GT(CounterOf(result, "mail.stall_ns"), 1'000'000 * CounterOf(result, "mail.swapped_out"));
}

}  // namespace
}  // namespace vmsim::scenarios
