#include "sim/trace.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/random.h"
#include "sim/trace_types.h"

namespace vmsim::sim {
namespace {

TEST(TraceTest, StampsTimeAndCpu) {
  SimTime now = 10;
  VectorSink sink;
  Trace trace(&now);
  trace.AddSink(&sink);
  trace.Emit(3, 7, 1, 2);
  now = 25;
  trace.set_cpu(4);
  trace.Emit(5, 8, ~uint64_t{0}, 0);
  EXPECT_TRUE(sink.records().empty()) << "nothing is handed out before the buffer is full";
  trace.Flush();
  EXPECT_EQ(sink.records(),
            (std::vector<TraceRecord>{
                {.time = 10, .type = 3, .cpu = 0, .actor = 7, .a = 1, .b = 2},
                {.time = 25, .type = 5, .cpu = 4, .actor = 8, .a = ~0ull, .b = 0}}));
}

TEST(TraceTest, LosesNothingAtTheBuffersEdge) {
  for (const size_t n : {0, 1, 255, 256, 257, 511, 512, 513, 2000}) {
    SimTime now = 0;
    VectorSink sink;
    Trace trace(&now);
    trace.AddSink(&sink);
    for (size_t i = 0; i < n; ++i, ++now) trace.Emit(1, 0, i, 0);
    trace.Flush();
    trace.Flush();
    ASSERT_EQ(sink.records().size(), n);
    for (size_t i = 0; i < n; ++i) {
      ASSERT_EQ(sink.records()[i].a, i);
      ASSERT_EQ(sink.records()[i].time, static_cast<SimTime>(i));
    }
  }
}

TEST(TraceTest, ASinkSeesWhatHappensWhileItIsAttached) {
  SimTime now = 0;
  VectorSink always, late;
  Trace trace(&now);
  trace.AddSink(&always);
  trace.Emit(1, 0, 0, 0);
  trace.AddSink(&late);
  trace.Emit(2, 0, 0, 0);
  trace.RemoveSink(&late);
  trace.Emit(3, 0, 0, 0);
  trace.Flush();
  EXPECT_EQ(always.records().size(), 3u);
  ASSERT_EQ(late.records().size(), 1u);
  EXPECT_EQ(late.records()[0].type, 2);
}

TEST(TraceTest, EndsWithoutTouchingItsSinks) {
  SimTime now = 0;
  VectorSink sink;
  {
    Trace trace(&now);
    trace.AddSink(&sink);
    trace.Emit(1, 0, 0, 0);
  }
  EXPECT_TRUE(sink.records().empty());
}

// Breaks the rule that sinks only look.
class Meddler final : public TraceSink {
 public:
  explicit Meddler(Trace& trace) : trace_(trace) {}
  void OnRecords(const TraceRecord*, size_t) override { trace_.Emit(1, 0, 0, 0); }

 private:
  Trace& trace_;
};

TEST(TraceDeathTest, RefusesASinkThatEmits) {
  SimTime now = 0;
  Trace trace(&now);
  Meddler meddler(trace);
  trace.AddSink(&meddler);
  const auto emit = [&trace](size_t n) {
    for (size_t i = 0; i < n; ++i) trace.Emit(1, 0, 0, 0);
    trace.Flush();
  };
  EXPECT_DEATH(emit(1), "a trace sink emitted");
  EXPECT_DEATH(emit(Trace::kBufferRecords), "a trace sink emitted or flushed");
}

TEST(TraceDeathTest, RefusesSinksTwiceOrNever) {
  SimTime now = 0;
  Trace trace(&now);
  VectorSink sink;
  EXPECT_DEATH(trace.AddSink(nullptr), "sink != nullptr");
  EXPECT_DEATH(trace.RemoveSink(&sink), "not attached");
  trace.AddSink(&sink);
  EXPECT_DEATH(trace.AddSink(&sink), "attached twice");
}

std::vector<TraceRecord> RandomRecords(uint64_t seed, size_t n) {
  SplitMix64 random(seed);
  std::vector<TraceRecord> records(n);
  for (TraceRecord& r : records) {
    r = {.time = static_cast<int64_t>(random.Next() >> 1),
         .type = static_cast<uint16_t>(1 + random.Below(900)),
         .cpu = static_cast<uint16_t>(random.Below(8)),
         .actor = static_cast<uint32_t>(random.Next()),
         .a = random.Next(),
         .b = random.Next()};
  }
  return records;
}

std::string DigestOf(const std::vector<TraceRecord>& records) {
  DigestSink sink;
  sink.OnRecords(records.data(), records.size());
  return sink.Hex();
}

TEST(DigestSinkTest, IsXxh3OfTheBytes) {
  EXPECT_EQ(DigestSink().Hex(), "99aa06d3014798d86001c324468d497f");  // XXH3-128 of nothing.
  for (const size_t n : {1, 8, 300}) {
    const std::vector<TraceRecord> records = RandomRecords(n, n);
    const XXH128_hash_t hash = XXH3_128bits(records.data(), n * sizeof(TraceRecord));
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    std::ostringstream want;
    for (const unsigned char byte : canonical.digest) {
      want << "0123456789abcdef"[byte >> 4] << "0123456789abcdef"[byte & 15];
    }
    EXPECT_EQ(DigestOf(records), want.str()) << n << " records";
  }
}

TEST(DigestSinkTest, DoesNotDependOnBatches) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<TraceRecord> records = RandomRecords(seed, 1000);
    SplitMix64 random(seed);
    DigestSink sink;
    for (size_t done = 0; done < records.size();) {
      const size_t batch = random.Below(1 + std::min<size_t>(300, records.size() - done));
      sink.OnRecords(records.data() + done, batch);
      done += batch;
      if (random.Below(4) == 0) sink.Hex();  // Looking changes nothing.
    }
    ASSERT_EQ(sink.Hex(), DigestOf(records)) << "seed " << seed;
  }
}

TEST(DigestSinkTest, SeesEveryField) {
  const std::vector<TraceRecord> records = RandomRecords(1, 300);
  const std::string before = DigestOf(records);
  const std::function<void(TraceRecord&)> changes[] = {
      [](TraceRecord& r) { r.time ^= 1; }, [](TraceRecord& r) { r.type ^= 1; },
      [](TraceRecord& r) { r.cpu ^= 1; },  [](TraceRecord& r) { r.actor ^= 1; },
      [](TraceRecord& r) { r.a ^= 1; },    [](TraceRecord& r) { r.b ^= uint64_t{1} << 63; },
  };
  for (size_t i = 0; i < std::size(changes); ++i) {
    std::vector<TraceRecord> changed = records;
    changes[i](changed[150]);
    EXPECT_NE(DigestOf(changed), before) << "field " << i;
  }
  std::vector<TraceRecord> swapped = records;
  std::swap(swapped[10], swapped[11]);
  EXPECT_NE(DigestOf(swapped), before);
}

TEST(DigestSinkTest, ResultsCountWithLabelValueAndOrder) {
  using Results = std::vector<std::pair<std::string_view, int64_t>>;
  const Results all[] = {
      {},        {{"v_vm_faults", 7}},  {{"v_vm_faults", 8}},  {{"v_vm_fault", 7}},
      {{"", 7}}, {{"ab", 1}, {"c", 1}}, {{"a", 1}, {"bc", 1}}, {{"c", 1}, {"ab", 1}}};
  std::vector<std::string> digests;
  for (const Results& results : all) {
    DigestSink sink;
    for (const auto& [label, value] : results) sink.Add(label, value);
    digests.push_back(sink.Hex());
  }
  for (size_t i = 0; i < digests.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(digests[i], digests[j]) << j << " and " << i;
  }
}

TEST(DigestSinkTest, ResultsComeAfterTheRecordsWhenever) {
  const std::vector<TraceRecord> records = RandomRecords(2, 100);
  DigestSink early, late;
  early.Add("draw", -1);
  early.OnRecords(records.data(), records.size());
  late.OnRecords(records.data(), records.size());
  EXPECT_NE(early.Hex(), late.Hex());
  late.Add("draw", -1);
  EXPECT_EQ(early.Hex(), late.Hex());
}

TEST(CountingSinkTest, CountsByType) {
  SimTime now = 0;
  CountingSink sink;
  Trace trace(&now);
  trace.AddSink(&sink);
  for (int i = 0; i < 300; ++i) trace.Emit(i % 3 == 0 ? 0xFFFF : 0x100, 0, 0, 0);
  trace.Flush();
  EXPECT_EQ(sink.count(0xFFFF), 100);
  EXPECT_EQ(sink.count(0x100), 200);
  EXPECT_EQ(sink.count(0x101), 0);
  EXPECT_EQ(CountingSink().count(0xFFFF), 0);
  EXPECT_EQ(sink.total(), 300);
}

TEST(TextSinkTest, WritesALineForEachRecord) {
  TraceCatalog catalog;
  catalog.Add(trace::kTypes);
  std::ostringstream out;
  SimTime now = 1500;
  TextSink sink(out, catalog);
  Trace trace(&now);
  trace.AddSink(&sink);
  trace.Emit(trace::kDiskSubmit + 1, 2, 4096, 16384);
  now = 2'000'000'000;
  trace.set_cpu(3);
  trace.Emit(trace::kThreadBlock, 9, 77, 5);
  trace.Emit(trace::kThreadRun, 9, 1, 1);
  trace.Flush();
  trace.Emit(0x1AB, 1, 2, ~uint64_t{0});
  trace.Flush();
  EXPECT_EQ(out.str(),
            "1500 cpu0 actor=2 disk_read offset=4096 length=16384\n"
            "2000000000 cpu3 actor=9 thread_block channel=77\n"
            "2000000000 cpu3 actor=9 thread_run\n"
            "2000000000 cpu3 actor=1 type_0x1ab a=2 b=18446744073709551615\n");
}

TEST(TraceCatalogTest, CollectsLayersInAnyOrder) {
  constexpr TraceTypeInfo kUpper[] = {{0x102, "page_free", "frame", ""},
                                      {0x101, "fault", "address", "kind"}};
  TraceCatalog catalog;
  catalog.Add(kUpper);
  catalog.Add(trace::kTypes);
  ASSERT_EQ(catalog.types().size(), std::size(trace::kTypes) + 2);
  for (size_t i = 1; i < catalog.types().size(); ++i) {
    EXPECT_LT(catalog.types()[i - 1].type, catalog.types()[i].type);
  }
  ASSERT_NE(catalog.Find(0x102), nullptr);
  EXPECT_EQ(catalog.Find(0x102)->name, "page_free");
  EXPECT_EQ(catalog.FindByName("fault")->type, 0x101);
  for (const uint16_t type : {0, 0xFF, 0x100, 0x103, 0xFFFF}) {
    EXPECT_EQ(catalog.Find(type), nullptr) << type;
  }
  EXPECT_EQ(catalog.FindByName("faul"), nullptr);
}

TEST(TraceCatalogDeathTest, RefusesMisuse) {
  TraceCatalog catalog;
  catalog.Add(trace::kTypes);
  const auto add = [&catalog](TraceTypeInfo info) { catalog.Add({&info, 1}); };
  EXPECT_DEATH(add({trace::kDiskDone, "other", "", ""}), "type 3 twice: other");
  EXPECT_DEATH(add({99, "disk_done", "", ""}), "name twice: disk_done");
  EXPECT_DEATH(add({0, "zero", "", ""}), "0 vs 0 zero");
  EXPECT_DEATH(add({99, "", "", ""}), "type 99");
}

TEST(SimTraceTypesTest, StayInTheirRange) {
  for (const TraceTypeInfo& info : trace::kTypes) {
    EXPECT_GE(info.type, 1) << info.name;
    EXPECT_LE(info.type, 0xFF) << info.name;
  }
}

}  // namespace
}  // namespace vmsim::sim
