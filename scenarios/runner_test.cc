#include "scenarios/runner.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "scenarios/trace_loader.h"
#include "scenarios/vpt1_writer.h"

namespace vmsim::scenarios {
namespace {

v1::Scenario Parse(const std::string& text) {
  v1::Scenario scenario;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &scenario)) << text;
  return scenario;
}

v1::Result RunText(const std::string& text, RunOptions options = {}) {
  options.check = vm::CheckLevel::kFull;
  auto result = RunScenario(Parse(text), options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : v1::Result();
}

int64_t Counter(const v1::Result& result, const std::string& name) {
  for (const v1::CounterValue& counter : result.counters()) {
    if (counter.name() == name) return counter.value();
  }
  ADD_FAILURE() << "no counter " << name;
  return -1;
}

constexpr char kPressure[] = R"(
  seed: 7
  memory { pages: 1000 }
  disks { name: "d" size_bytes: 67108864 fixed {} }
  swap { disk: "d" }
  processes {
    name: "p"
    steps { map { name: "m" pages: 2000 } }
    steps { touch { map: "m" write: true } }
    steps { generate { map: "m" kind: UNIFORM refs: 20000 write_pct: 30 } }
  }
)";

// Everything by hand: three daemons take the only CPU first, each with a context switch (2 us) and
// its first pass or sleep; then the process faults three pages in: 500 ns and 300 ns of zeroing
// each, and 100 ns for the reference itself.
TEST(RunnerTest, TimeIsTheSumOfItsCosts) {
  const v1::Result result = RunText(R"(
    memory { pages: 1000 }
    processes {
      name: "p"
      steps { map { name: "m" pages: 3 } }
      steps { touch { map: "m" write: true } }
      steps { touch { map: "m" } }
    }
  )");
  EXPECT_EQ(result.processes(0).references(), 6);
  EXPECT_EQ(result.processes(0).minflt(), 3);
  EXPECT_EQ(result.processes(0).majflt(), 0);
  EXPECT_EQ(result.processes(0).cpu_time_ns(), 3 * (500 + 300) + 6 * 100);
  EXPECT_EQ(result.processes(0).end_ns() - result.processes(0).start_ns(), 3 * 800 + 600);
  EXPECT_EQ(Counter(result, "v_zfod"), 3);
  EXPECT_EQ(Counter(result, "v_vm_faults"), 3);
  EXPECT_EQ(Counter(result, "v_pfree"), 3);
  EXPECT_EQ(Counter(result, "v_free_count"), 1000);
  EXPECT_EQ(Counter(result, "cpu_user_ns"), 600);
}

TEST(RunnerTest, EqualScenarioAndSeedGiveEqualResults) {
  const v1::Result a = RunText(kPressure);
  const v1::Result b = RunText(kPressure);
  EXPECT_EQ(a.SerializeAsString(), b.SerializeAsString());
  EXPECT_GT(Counter(a, "v_swappgsin"), 1000);
}

TEST(RunnerTest, AnotherSeedGivesAnotherTrajectory) {
  RunOptions options;
  options.seed = 8;
  const v1::Result other = RunText(kPressure, options);
  EXPECT_EQ(other.seed(), 8u);
  EXPECT_NE(other.digest(), RunText(kPressure).digest());
}

TEST(RunnerTest, HowOftenItIsSampledChangesNothing) {
  const std::string often = std::string(kPressure) + "sample_interval_ns: 100000";
  const v1::Result a = RunText(kPressure);
  const v1::Result b = RunText(often);
  EXPECT_EQ(a.digest(), b.digest());
  EXPECT_GT(b.series().time_ns_size(), a.series().time_ns_size());
}

TEST(RunnerTest, SeriesAddUp) {
  const v1::Result result = RunText(kPressure);
  for (const v1::SeriesColumn& column : result.series().columns()) {
    ASSERT_EQ(column.values_size(), result.series().time_ns_size()) << column.name();
    if (column.name() == "v_swappgsin") {
      EXPECT_EQ(*column.values().rbegin(), Counter(result, "v_swappgsin"));
    }
  }
  EXPECT_EQ(*result.series().time_ns().rbegin(), result.sim_time_ns());
}

// A scan on one CPU makes the others drop translations; alone it need not.
TEST(RunnerTest, ShootdownsTakeASecondCpuAndTime) {
  constexpr char kBusy[] = R"(
    processes {
      name: "busy"
      steps { map { name: "m" pages: 10 } }
      steps { generate { map: "m" kind: LOOP passes: 2000000 } }
    }
  )";
  const std::string both = std::string(kPressure) + kBusy;
  const v1::Result one = RunText(both);
  EXPECT_EQ(Counter(one, "tlb_shootdowns"), 0);
  const v1::Result two = RunText(both + "cpus { count: 2 }");
  EXPECT_GT(Counter(two, "tlb_shootdowns"), 1000);
  // 30 us each: the scans cannot have taken less time than that.
  const v1::Result slow = RunText(both + "cpus { count: 2 } costs { tlb_shootdown_ns: 30000 }");
  EXPECT_GT(Counter(slow, "tlb_shootdowns"), 1000);
  EXPECT_GE(Counter(slow, "cpu_system_ns"), 30000 * Counter(slow, "tlb_shootdowns"));
}

TEST(RunnerTest, LimitsEndARun) {
  RunOptions options;
  options.max_events = 5000;
  const auto stopped = RunScenario(Parse(kPressure), options);
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kResourceExhausted);
  const auto late =
      RunScenario(Parse(std::string(kPressure) + "limits { max_sim_time_ns: 1000000 }"), {});
  EXPECT_EQ(late.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(late.status().message().find("max_sim_time_ns"), absl::string_view::npos);
}

TEST(RunnerTest, ProgressCanStopARun) {
  RunOptions options;
  options.progress = [](const Progress&) { return false; };
  // Long enough that the host's tenth of a second passes.
  const auto stopped = RunScenario(Parse(R"(
    memory { pages: 1000 }
    processes {
      name: "p"
      steps { map { name: "m" pages: 100 } }
      steps { repeat { times: 1000000 steps { touch { map: "m" } } steps { sleep { ns: 1000 } } } }
    }
  )"),
                                   options);
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
}

TEST(RunnerTest, StepsThatTakeNoTimeCanBeLimitedToo) {
  RunOptions options;
  options.max_events = 10000;
  const auto stopped = RunScenario(Parse(R"(
    memory { pages: 1000 }
    processes {
      name: "p"
      steps { repeat { times: 900000000 steps { sleep {} } } }
    }
  )"),
                                   options);
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kResourceExhausted) << stopped.status();
}

TEST(RunnerTest, CopiesOfAProcessDifferInTheirDraws) {
  const v1::Result result = RunText(R"(
    memory { pages: 1000 }
    disks { name: "d" size_bytes: 67108864 fixed {} }
    swap { disk: "d" }
    processes {
      name: "p"
      count: 2
      steps { map { name: "m" pages: 1500 } }
      steps { generate { map: "m" kind: UNIFORM refs: 5000 write_pct: 50 } }
    }
  )");
  ASSERT_EQ(result.processes_size(), 2);
  EXPECT_EQ(result.processes(0).name(), "p.0");
  EXPECT_EQ(result.processes(1).name(), "p.1");
  EXPECT_NE(result.processes(0).minflt(), result.processes(1).minflt());
}

// Writes a trace of single loads and returns its name.
std::string TraceOf(const std::string& name, const std::vector<uint64_t>& pages) {
  std::vector<uint64_t> words;
  for (const uint64_t page : pages) words.push_back(MakeRecord(page, kLoad, 1).word);
  const std::string path = testing::TempDir() + "/" + name;
  EXPECT_TRUE(WriteVpt1(path, words).ok());
  return name;
}

absl::StatusOr<v1::Result> RunTraces(const std::string& steps) {
  RunOptions options;
  options.base_dir = testing::TempDir();
  return RunScenario(Parse("memory { pages: 1000 } processes { name: 'p' " + steps + " }"),
                     options);
}

TEST(RunnerTest, TracesAndMapsShareAnAddressSpace) {
  const std::string low = TraceOf("low.vpt", {16, 17, 40});
  const std::string high = TraceOf("high.vpt", {kMapBase, kMapBase + 5});
  const auto result = RunTraces(
      "steps { map { name: 'm' pages: 8 } } steps { touch { map: 'm' } }"
      "steps { trace { file: '" +
      low +
      "' repeat: 2 } }"
      "steps { trace { file: '" +
      high + "' } }");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->processes(0).references(), 8 + 6 + 2);
  EXPECT_EQ(result->processes(0).minflt(), 8 + 3 + 2);
}

TEST(RunnerTest, TracesThatOverlapAreRefused) {
  const std::string a = TraceOf("a.vpt", {100, 110});
  const std::string b = TraceOf("b.vpt", {105});
  const auto both =
      RunTraces("steps { trace { file: '" + a + "' } } steps { trace { file: '" + b + "' } }");
  EXPECT_EQ(both.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(both.status().message().find("both map page 105"), absl::string_view::npos)
      << both.status();
  const std::string end = TraceOf("end.vpt", {kMaxPage});
  EXPECT_TRUE(RunTraces("steps { trace { file: '" + end + "' } }").ok());
  const auto full =
      RunTraces("steps { trace { file: '" + end + "' } } steps { map { name: 'm' pages: 1 } }");
  EXPECT_EQ(full.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(RunnerTest, AnEmptyTraceDoesNothing) {
  const auto result = RunTraces("steps { trace { file: '" + TraceOf("none.vpt", {}) + "' } }");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->processes(0).references(), 0);
}

TEST(RunnerTest, ReadOnlyMapsRefuseWrites) {
  const v1::Result result = RunText(R"(
    memory { pages: 1000 }
    processes {
      name: "p"
      steps { map { name: "m" pages: 4 read_only: true } }
      steps { touch { map: "m" } }
      steps { touch { map: "m" write: true } }
      steps { touch { map: "m" } }
    }
  )");
  EXPECT_EQ(result.processes(0).signal(), 11);
  EXPECT_EQ(result.processes(0).references(), 4);
}

TEST(RunnerTest, UnmapFreesAndTheNameCanBeUsedAgain) {
  const v1::Result result = RunText(R"(
    memory { pages: 1000 }
    processes {
      name: "p"
      steps {
        repeat {
          times: 50
          steps { map { name: "m" pages: 500 } }
          steps { touch { map: "m" write: true } }
          steps { unmap { map: "m" } }
        }
      }
    }
  )");
  EXPECT_EQ(result.processes(0).signal(), 0);
  EXPECT_EQ(Counter(result, "v_zfod"), 25000);
  EXPECT_EQ(Counter(result, "v_free_count"), 1000);
  EXPECT_EQ(Counter(result, "oom_kills"), 0);
}

}  // namespace
}  // namespace vmsim::scenarios
