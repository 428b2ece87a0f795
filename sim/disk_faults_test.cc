#include "sim/disk_faults.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/disk.h"
#include "sim/trace_types.h"

namespace vmsim::sim {
namespace {

constexpr int64_t kPage = 4096;

DiskFaultRule RuleOf(DiskFaultKind kind) {
  DiskFaultRule rule;
  rule.kind = kind;
  return rule;
}

// Stories on one disk where each request takes 100 ns. In a script, "r2" reads page 2, "w2" writes
// it, "W2" writes pages 2 to 5, "d2" trims it, "f" flushes; "|" lets everything complete. The log
// has, for each completion, "error/bytes", and "+stored" for writes; then how often the rule's kind
// struck.
struct Story {
  std::string_view name;
  DiskFaultRule rule;
  std::string_view script;
  std::string_view want;
};

template <typename Edit>
DiskFaultRule With(DiskFaultKind kind, Edit edit) {
  DiskFaultRule rule = RuleOf(kind);
  edit(rule);
  return rule;
}

class FaultBench {
 public:
  FaultBench(const std::vector<DiskFaultRule>& rules, uint64_t seed) : trace_(events_.clock()) {
    DiskConfig config;
    config.size_bytes = 64 << 20;
    config.model = FixedDiskConfig{.base_ns = 100, .per_unit_ns = 0};
    config.max_io_bytes = 2 * kPage;
    config.faults = rules;
    auto disk = Disk::Create(config, 3, seed, events_, &trace_);
    EXPECT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
    trace_.AddSink(&sink_);
  }

  std::string Run(std::string_view script) {
    for (size_t i = 0; i < script.size(); ++i) {
      const char verb = script[i];
      if (verb == ' ') continue;
      if (verb == '|') {
        Settle();
        continue;
      }
      if (verb == 'f') {
        Submit({0, 0, DiskOp::kFlush});
        continue;
      }
      const int64_t page = script[++i] - '0';
      const DiskOp op = verb == 'r'   ? DiskOp::kRead
                        : verb == 'd' ? DiskOp::kDelete
                                      : DiskOp::kWrite;
      Submit({page * kPage, (verb == 'W' ? 4 : 1) * kPage, op});
    }
    Settle();
    return std::exchange(log_, {});
  }

  Disk& disk() { return *disk_; }
  EventQueue& events() { return events_; }
  int64_t traced() const {
    int64_t count = 0;
    for (const TraceRecord& record : sink_.records()) count += record.type == trace::kDiskFault;
    return count;
  }

 private:
  void Submit(const DiskRequest& request) {
    disk_->Submit(
        request,
        [](void* context, uint64_t is_write, int error, int64_t completed) {
          auto& bench = *static_cast<FaultBench*>(context);
          if (!bench.log_.empty()) bench.log_ += " ";
          bench.log_ += std::to_string(error) + "/" + std::to_string(completed);
          if (is_write) bench.log_ += "+" + std::to_string(bench.disk_->stored_bytes());
        },
        this, request.op == DiskOp::kWrite);
  }
  void Settle() {
    while (!events_.empty()) events_.RunNext();
    trace_.Flush();
  }

  EventQueue events_;
  Trace trace_;
  VectorSink sink_;
  std::unique_ptr<Disk> disk_;
  std::string log_;
};

const Story kStories[] = {
    {"TransientErrorStrikesTheNth", With(DiskFaultKind::kEio, [](auto& r) { r.nth = 2; }),
     "r1 | r1 | r1", "0/4096 5/0 0/4096 x1"},
    {"EveryNth", With(DiskFaultKind::kEio, [](auto& r) { r.every = 2; }), "r1 | r1 | r1 | r1",
     "0/4096 5/0 0/4096 5/0 x2"},
    {"LimitEndsIt", With(DiskFaultKind::kEio, [](auto& r) { r.limit = 1; }), "w1 | w1",
     "5/0+0 0/4096+4096 x1"},
    {"OnlyTheNamedCommands",
     With(DiskFaultKind::kEio, [](auto& r) { r.ops = OpBit(DiskOp::kWrite); }), "r1 | w1 | f",
     "0/4096 5/0+0 0/0 x1"},
    {"OnlyTheRange",
     With(DiskFaultKind::kEio,
          [](auto& r) {
            r.begin = 2 * kPage - 1;
            r.end = 2 * kPage + 1;
          }),
     "r0 | r1 | r2 | r3", "0/4096 5/0 5/0 0/4096 x2"},
    {"OnlyInTheWindow",
     With(DiskFaultKind::kEio,
          [](auto& r) {
            r.from = 100;
            r.until = 200;
          }),
     "r1 | r1 | r1", "0/4096 5/0 0/4096 x1"},
    {"CertainChance", With(DiskFaultKind::kEio, [](auto& r) { r.probability_ppm = 1'000'000; }),
     "r1 | r1", "5/0 5/0 x2"},
    {"BadRangeIsBadForEver",
     With(DiskFaultKind::kBadRange,
          [](auto& r) {
            r.begin = 2 * kPage;
            r.end = 4 * kPage;
          }),
     "r2 | w2 | r2 | r4 | d2", "5/0 5/0+0 5/0 0/4096 0/4096 x3"},
    {"ARemappedSectorIsGood",
     With(DiskFaultKind::kBadRange,
          [](auto& r) {
            r.begin = 2 * kPage;
            r.end = 4 * kPage;
            r.remap_on_write = true;
          }),
     "r2 | w2 | r2 | r3 | w2", "5/0 0/4096+4096 0/4096 5/0 0/4096+4096 x3"},
    {"GoneStaysGone", With(DiskFaultKind::kGone, [](auto& r) { r.nth = 2; }), "r1 | w1 | r1 | f",
     "0/4096 6/0+0 6/0 6/0 x1"},
    // The first is inside, the second queued: both fail, and so does what comes after.
    {"GoneTakesWhatIsPending", With(DiskFaultKind::kGone, [](auto& r) { r.nth = 3; }),
     "w1 w2 w3 w4", "6/0+0 6/0+0 6/0+0 6/0+0 x1"},
    {"NoMemoryForTheRequest", With(DiskFaultKind::kNoMemory, [](auto& r) { r.nth = 1; }), "w1 | w1",
     "12/0+0 0/4096+4096 x1"},
    // Two children; the first is under way when there is no memory for the second.
    {"NoMemoryForASecondChild", With(DiskFaultKind::kNoMemory, [](auto& r) { r.nth = 2; }), "W1",
     "12/8192+8192 x1"},
    {"NoMemoryForTheFirstChild", With(DiskFaultKind::kNoMemory, [](auto& r) { r.nth = 1; }), "W1",
     "12/0+0 x1"},
    {"ShortTransfer", With(DiskFaultKind::kShort, [](auto& r) { r.prefix_sectors = 3; }),
     "r1 | w1 | f | d1", "0/1536 0/1536+1536 0/0 0/4096 x2"},
    {"ShortIsShorterThanTheRequest",
     With(DiskFaultKind::kShort, [](auto& r) { r.prefix_sectors = 100; }), "r1", "0/3584 x1"},
    {"TornWriteSaysItWasGood", With(DiskFaultKind::kTorn, [](auto& r) { r.prefix_sectors = 1; }),
     "w1 | r1", "0/4096+512 0/4096 x1"},
    {"TornWriteSaysEio",
     With(DiskFaultKind::kTorn,
          [](auto& r) {
            r.prefix_sectors = 1;
            r.report_error = true;
          }),
     "w1", "5/0+512 x1"},
    // The second child is torn after a sector: 8 KiB of the first and 512 bytes are stored.
    {"TornChild",
     With(DiskFaultKind::kTorn,
          [](auto& r) {
            r.nth = 2;
            r.prefix_sectors = 1;
          }),
     "W1", "0/16384+8704 x1"},
    {"ErrorOfOneChild", With(DiskFaultKind::kEio, [](auto& r) { r.nth = 1; }), "W1", "5/8192+0 x1"},
};

class DiskFaultStoryTest : public testing::TestWithParam<Story> {};

TEST_P(DiskFaultStoryTest, Story) {
  FaultBench bench({GetParam().rule}, 1);
  std::string log = bench.Run(GetParam().script);
  const int64_t struck = bench.disk().faults().count(GetParam().rule.kind);
  log += " x" + std::to_string(struck);
  EXPECT_EQ(log, GetParam().want);
  EXPECT_EQ(bench.traced(), struck);
}

INSTANTIATE_TEST_SUITE_P(, DiskFaultStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(DiskFaultTest, LatencyDelaysTheCompletionOnly) {
  FaultBench bench({With(DiskFaultKind::kLatency, [](auto& r) { r.delay_ns = 5000; })}, 1);
  EXPECT_EQ(bench.Run("r1"), "0/4096");
  EXPECT_EQ(bench.events().now(), 5100);
}

TEST(DiskFaultTest, RulesAddUp) {
  const DiskFaultRule late = With(DiskFaultKind::kLatency, [](auto& r) { r.delay_ns = 1000; });
  const DiskFaultRule later = With(DiskFaultKind::kEio, [](auto& r) { r.delay_ns = 500; });
  FaultBench bench({late, later}, 1);
  EXPECT_EQ(bench.Run("r1"), "5/0");
  EXPECT_EQ(bench.events().now(), 1600);
  EXPECT_EQ(bench.disk().faults().count(DiskFaultKind::kLatency), 1);
  EXPECT_EQ(bench.disk().faults().count(DiskFaultKind::kEio), 1);
}

std::vector<bool> Struck(const std::vector<DiskFaultRule>& rules, uint64_t seed,
                         std::string_view device, uint64_t requests, DiskFaultKind kind) {
  DiskFaults faults(rules, seed, device, nullptr, 0);
  std::vector<bool> struck;
  for (uint64_t n = 0; n < requests; ++n) {
    const int64_t before = faults.count(kind);
    faults.Judge(n, 0, {0, kPage});
    struck.push_back(faults.count(kind) != before);
  }
  return struck;
}

TEST(DiskFaultTest, ChanceBelongsToSeedDeviceRuleAndRequest) {
  const DiskFaultRule rule =
      With(DiskFaultKind::kEio, [](auto& r) { r.probability_ppm = 100'000; });
  const auto eio = DiskFaultKind::kEio;
  const std::vector<bool> struck = Struck({rule}, 5, "da0", 10'000, eio);
  const auto strikes = std::count(struck.begin(), struck.end(), true);
  EXPECT_GT(strikes, 850);  // Binomial: mean 1000, deviation 30.
  EXPECT_LT(strikes, 1150);
  EXPECT_EQ(Struck({rule}, 5, "da0", 10'000, eio), struck);
  EXPECT_NE(Struck({rule}, 6, "da0", 10'000, eio), struck);
  EXPECT_NE(Struck({rule}, 5, "da1", 10'000, eio), struck);
  // A rule behind it draws from its own stream.
  const DiskFaultRule other =
      With(DiskFaultKind::kShort, [](auto& r) { r.probability_ppm = 500'000; });
  EXPECT_EQ(Struck({rule, other}, 5, "da0", 10'000, eio), struck);
}

TEST(DiskFaultTest, DrawnPrefixesCoverEverySectorCountBelowTheWhole) {
  DiskFaults faults({RuleOf(DiskFaultKind::kTorn)}, 1, "da0", nullptr, 0);
  std::vector<int> seen(9);
  for (uint64_t n = 0; n < 1000; ++n) {
    const DiskVerdict verdict = faults.Judge(n, 0, {0, kPage, DiskOp::kWrite});
    EXPECT_EQ(verdict.completed, kPage);
    ++seen[static_cast<size_t>(verdict.stored / 512)];
  }
  for (int sectors = 0; sectors < 8; ++sectors) EXPECT_GT(seen[sectors], 80) << sectors;
  EXPECT_EQ(seen[8], 0);
}

// Writes at random against an array of bad sectors.
TEST(DiskFaultPropertyTest, RemappingAgreesWithASectorMap) {
  constexpr int64_t kSectors = 200;
  const DiskFaultRule rule = With(DiskFaultKind::kBadRange, [](auto& r) {
    r.begin = 20 * 512;
    r.end = 180 * 512;
    r.remap_on_write = true;
  });
  DiskFaults faults({rule}, 1, "da0", nullptr, 0);
  std::vector<bool> bad(kSectors);
  for (int64_t s = 20; s < 180; ++s) bad[s] = true;
  uint64_t state = 99;
  const auto draw = [&state](uint64_t m) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>((state >> 33) % m);
  };
  for (uint64_t n = 0; n < 2000; ++n) {
    const int64_t first = draw(kSectors - 8);
    const int64_t count = 1 + draw(8);
    const bool write = draw(4) == 0;
    bool touches = false;
    for (int64_t s = first; s < first + count; ++s) {
      touches = touches || bad[s];
      if (write) bad[s] = false;
    }
    const DiskVerdict verdict =
        faults.Judge(n, 0, {first * 512, count * 512, write ? DiskOp::kWrite : DiskOp::kRead});
    ASSERT_EQ(verdict.error, touches && !write ? kDiskEio : kDiskOk) << "request " << n;
  }
}

TEST(DiskFaultValidationTest, NamesTheField) {
  struct Refusal {
    DiskFaultRule rule;
    std::string_view want;
  };
  const auto eio = DiskFaultKind::kEio;
  const Refusal refusals[] = {
      {RuleOf(static_cast<DiskFaultKind>(0)), "faults[4].kind: 0 is outside 1..7"},
      {With(eio, [](auto& r) { r.begin = -1; }), "faults[4].begin: -1"},
      {With(eio, [](auto& r) { r.begin = r.end = 512; }), "faults[4].end: 512 is outside 513.."},
      {With(eio, [](auto& r) { r.until = -1; }), "faults[4].until: -1"},
      {With(eio, [](auto& r) { r.probability_ppm = 1'000'001; }), "faults[4].probability_ppm"},
      {With(eio, [](auto& r) { r.nth = r.every = 2; }), "give one of nth, every"},
      {With(eio, [](auto& r) { r.delay_ns = INT64_MAX; }), "faults[4].delay_ns"},
      {With(eio, [](auto& r) { r.remap_on_write = true; }), "faults[4].remap_on_write"},
      {With(eio, [](auto& r) { r.report_error = true; }), "faults[4].report_error"},
      {With(eio, [](auto& r) { r.ops = 0; }), "faults[4].ops: 0"},
      {RuleOf(DiskFaultKind::kLatency), "faults[4].delay_ns: 0 delays nothing"},
      {With(DiskFaultKind::kGone, [](auto& r) { r.delay_ns = 1; }), "take effect at once"},
      {With(DiskFaultKind::kBadRange, [](auto& r) { r.nth = 1; }), "a bad range is always bad"},
      {With(DiskFaultKind::kBadRange, [](auto& r) { r.remap_on_write = true; }),
       "faults[4].end: a range that remaps"},
      {With(DiskFaultKind::kTorn, [](auto& r) { r.ops = OpBit(DiskOp::kRead); }), "faults[4].ops"},
  };
  for (const Refusal& refusal : refusals) {
    const absl::Status status = ValidateDiskFault(refusal.rule, 4);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.want;
    EXPECT_NE(std::string(status.message()).find(refusal.want), std::string::npos) << status;
  }
}

TEST(DiskFaultTest, EveryKindHasAName) {
  for (int kind = 1; kind < kDiskFaultKinds; ++kind) {
    EXPECT_FALSE(DiskFaultName(static_cast<DiskFaultKind>(kind)).empty()) << kind;
  }
}

}  // namespace
}  // namespace vmsim::sim
