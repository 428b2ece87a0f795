// What the hook is there for, seed after seed: a relay with a backlog that does not fit in memory
// sends new mail as if there were no old, while without the hook everybody waits for its page-ins,
// and with a pull for everything new mail stands in line behind old.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include "scenarios/runner.h"
#include "scenarios/scenario_reader.h"

namespace vmsim::tests {
namespace {

constexpr char kScenario[] = "scenarios/catalog/mail_relay.txtpb";
#if defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kSeeds = 1;
#else
constexpr uint64_t kSeeds = 10;
#endif

using Change = std::function<void(v1::Scenario&)>;

// What one variant came to.
struct Outcome {
  int64_t delivered = -1;
  int64_t stall_ns = -1;
  int64_t all_mean = -1;
  int64_t all_p99 = -1;
  int64_t fast_p99 = -1;
};
struct Outcomes {
  Outcome hook, off, always;
};

int64_t CounterOf(const v1::Result& result, const std::string& name) {
  for (const auto& counter : result.counters()) {
    if (counter.name() == name) return counter.value();
  }
  ADD_FAILURE() << "no counter " << name;
  return -1;
}

v1::HistogramResult HistogramOf(const v1::Result& result, const std::string& name) {
  for (const auto& histogram : result.histograms()) {
    if (histogram.name() == name) return histogram;
  }
  ADD_FAILURE() << "no histogram " << name;
  return {};
}

Outcomes Compare(uint64_t seed, const Change& change) {
  const auto file = scenarios::ReadScenario(kScenario);
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return {};
  v1::Scenario scenario = file->scenario;
  if (change) change(scenario);
  scenarios::RunOptions options;
  options.seed = seed;
  const auto result = scenarios::RunScenario(scenario, options);
  EXPECT_TRUE(result.ok()) << result.status();
  Outcomes outcomes;
  if (!result.ok()) return outcomes;
  for (const auto& variant : result->variants()) {
    Outcome& outcome = variant.name() == "hook"  ? outcomes.hook
                       : variant.name() == "off" ? outcomes.off
                                                 : outcomes.always;
    outcome.delivered = CounterOf(variant.result(), "mail.delivered");
    outcome.stall_ns = CounterOf(variant.result(), "mail.stall_ns");
    outcome.all_mean = HistogramOf(variant.result(), "mail_delivery_ns").mean();
    outcome.all_p99 = HistogramOf(variant.result(), "mail_delivery_ns").p99();
    outcome.fast_p99 = HistogramOf(variant.result(), "mail_delivery_ns[fast]").p99();
  }
  return outcomes;
}

void ExpectSame(int64_t a, int64_t b, const char* what) {
  EXPECT_LE(std::max(a, b) - std::min(a, b), std::max(a, b) / 100)
      << what << ": " << a << " and " << b;
}

// The order in which the three stand; without the hook the loop stands still a hundred times as
// long as with it, or with a pull for everything. The slowest hundredth of all messages are those
// whose bodies have to be read in any case: where nothing else holds them up they take as long with
// a pull for everything as with the hook.
void ExpectOrder(const Outcomes& o) {
  for (const Outcome* outcome : {&o.hook, &o.off, &o.always}) EXPECT_EQ(outcome->delivered, 8000);
  EXPECT_LT(o.hook.all_mean, o.always.all_mean);
  EXPECT_LT(o.always.all_mean, o.off.all_mean);
  EXPECT_LE(o.hook.all_p99, o.always.all_p99);
  EXPECT_LT(o.always.all_p99, o.off.all_p99);
  EXPECT_LT(o.hook.fast_p99, o.always.fast_p99);
  EXPECT_LT(o.always.fast_p99, o.off.fast_p99);
  EXPECT_GT(o.off.stall_ns / 100, std::max(o.hook.stall_ns, o.always.stall_ns));
}

// Where everything has room nobody has anything to wait for, whoever asks.
TEST(MailRelayTest, WithAmpleMemoryItMakesNoDifference) {
  for (uint64_t seed = 1; seed <= std::min<uint64_t>(kSeeds, 3); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Outcomes o = Compare(seed, [](v1::Scenario& s) { s.mutable_memory()->set_pages(65536); });
    for (const Outcome* other : {&o.off, &o.always}) {
      EXPECT_EQ(other->delivered, 8000);
      ExpectSame(o.hook.stall_ns, other->stall_ns, "stall time");
      ExpectSame(o.hook.all_p99, other->all_p99, "p99");
      ExpectSame(o.hook.fast_p99, other->fast_p99, "p99 of fast");
    }
  }
}

TEST(MailRelayTest, UnderPressureTheHookKeepsNewMailFromWaiting) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    ExpectOrder(Compare(seed, {}));
  }
}

// The same with bodies in anonymous memory, and swap where the spool was.
TEST(MailRelayTest, OnTheHeapItIsTheSame) {
  for (uint64_t seed = 1; seed <= std::min<uint64_t>(kSeeds, 3); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    ExpectOrder(Compare(seed, [](v1::Scenario& s) {
      s.mutable_mail_relay()->set_body(v1::MailRelay::HEAP);
      s.clear_file_systems();
      s.add_swap()->set_disk("volume");
    }));
  }
}

}  // namespace
}  // namespace vmsim::tests
