#include "scenarios/report.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "scenarios/human_units.h"
#include "scenarios/result_json.h"
#include "scenarios/text_parse.h"
#include "scenarios/vmstat_table.h"

namespace vmsim::scenarios {
namespace {

using testing::HasSubstr;
using testing::Not;

// A made-up run with something in every section.
constexpr char kResult[] = R"(
schema_version: 1 scenario: "made-up" seed: 18446744073709551615 digest: "0123456789abcdef"
sim_time_ns: 2000000000 events_run: 1234 references: 1000000
policy: "freebsd" revision: "R15" memory_pages: 2000 cpus: 2
counters { name: "cpu_user_ns" value: 5 unit: "ns" kind: COUNTER_KIND_COUNTER }
counters { name: "disk.d0.reads" value: 9 unit: "reads" kind: COUNTER_KIND_COUNTER }
counters { name: "oom_kills" value: 1 unit: "processes" kind: COUNTER_KIND_COUNTER }
counters { name: "v_cow_faults" value: 0 unit: "faults" kind: COUNTER_KIND_COUNTER }
counters { name: "v_free_count" value: 77 unit: "pages" kind: COUNTER_KIND_LEVEL }
counters { name: "v_free_min" value: 52 unit: "pages" kind: COUNTER_KIND_TARGET }
counters { name: "v_pdpages" value: 4000 unit: "nodes" kind: COUNTER_KIND_COUNTER }
counters { name: "v_swapin" value: 30 unit: "reads" kind: COUNTER_KIND_COUNTER }
counters { name: "v_vm_faults" value: 1234567 unit: "faults" kind: COUNTER_KIND_COUNTER }
counters { name: "v_vnodein" value: 2 unit: "reads" kind: COUNTER_KIND_COUNTER }
counters { name: "v_zfod" value: 12 unit: "pages" kind: COUNTER_KIND_COUNTER }
processes { name: "cc1" majflt: 30 minflt: 2000 references: 999000 cpu_time_ns: 1500000000
            stall_ns: 250000000 start_ns: 0 end_ns: 1999000000 exit_status: 2 }
processes { name: "victim" references: 1000 oom_killed: true signal: 9 start_ns: 5000000
            end_ns: 700000000 }
processes { name: "faulty" signal: 11 start_ns: 0 end_ns: 1 }
processes { name: "late" start_ns: -1 end_ns: -1 }
processes { name: "going" start_ns: 0 end_ns: -1 }
histograms { name: "fault_soft_ns" unit: "ns" }
histograms { name: "fault_hard_ns" unit: "ns" count: 30 min: 70000 max: 2500000 mean: 100000
             p50: 75000 p90: 99999 p99: 1234567 p999: 2500000
             buckets { first: 70000 last: 70143 count: 29 } buckets { first: 2490368 last: 2506751 count: 1 } }
series {
  interval_ns: 500000000 time_ns: [500000000, 1000000000, 1500000000, 2000000000]
  columns { name: "threads_runnable" unit: "threads" kind: COUNTER_KIND_LEVEL values: [1, 2, 1, 0] }
  columns { name: "threads_blocked" unit: "threads" kind: COUNTER_KIND_LEVEL values: [0, 1, 3, 0] }
  columns { name: "v_free_count" unit: "pages" kind: COUNTER_KIND_LEVEL values: [1500, 700, 60, 1900] }
  columns { name: "v_vm_faults" unit: "faults" kind: COUNTER_KIND_COUNTER values: [100, 300, 301, 301] }
  columns { name: "v_swapin" unit: "reads" kind: COUNTER_KIND_COUNTER values: [0, 0, 20, 30] }
  columns { name: "v_vnodein" unit: "reads" kind: COUNTER_KIND_COUNTER values: [0, 1, 2, 2] }
  columns { name: "disk.d0.transfers" unit: "requests" kind: COUNTER_KIND_COUNTER values: [0, 0, 22, 32] }
  columns { name: "cpu_user_ns" unit: "ns" kind: COUNTER_KIND_COUNTER values: [500000000, 900000000, 900000000, 900000000] }
  columns { name: "cpu_system_ns" unit: "ns" kind: COUNTER_KIND_COUNTER values: [0, 100000000, 350000000, 350000000] }
  columns { name: "cpu_idle_ns" unit: "ns" kind: COUNTER_KIND_COUNTER values: [500000000, 1000000000, 1750000000, 2750000000] }
}
disks { name: "d0" model: "ssd" reads: 30 read_bytes: 491520 writes: 2 write_bytes: 262144 errors: 1
        busy_ns: 500000000 queue_ns: 1 max_queue_length: 3
        wait_ns { name: "wait_ns" unit: "ns" count: 32 p50: 0 p99: 60000 }
        service_ns { name: "service_ns" unit: "ns" count: 32 p50: 70100 p99: 1200000 } }
fault_waits { cause: "disk_queue" count: 12 total_ns: 3000000 p50_ns: 60000 p99_ns: 1100000 max_ns: 1200000 }
fault_waits { cause: "free_memory" count: 2 total_ns: 1000000 p50_ns: 400000 p99_ns: 600000 max_ns: 600000 }
slow_faults { threshold_ns: 1234567 faults: 1 total_ns: 2500000
              waits { cause: "disk_queue" total_ns: 1200000 } waits { cause: "disk_service" total_ns: 1000000 } }
calls { process: "cc1" label: "lock" call: "mlock" times: 1200 failures: 3 last_errno: "ENOMEM" total_ns: 1500000 }
calls { process: "cc1" label: "in" call: "mincore" times: 2 last_errno: "0" total_ns: 8200
        mincore { incore: 1234 referenced: 1000 modified: 7 referenced_other: 1001 modified_other: 7 } }
calls { process: "cc1" label: "rd" call: "read" times: 5 last_errno: "0" total_ns: 9000 bytes: 20480 }
calls { process: "victim" label: "never" call: "wait" }
crash { time_ns: 1900000000 writes_dropped: 4 writes_kept: 3 writes_torn: 2 sectors_safe: 1000
        sectors_lost: 24 }
reclaim { scanned_pages: 4000 freed_pages: 1000 laundered_pages: 32 reactivated_pages: 500 refaults: 30 }
expectations { text: "v_swapin >= 10" got: 30 passed: true }
expectations { text: "oom_kills == 0" got: 1 }
expectations { text: "v_nothing == 0" }
expectations { text: "process[cc1] steps[3].mlock errno == 0" got: 12 got_name: "ENOMEM" }
)";

v1::Result MadeUp() {
  v1::Result result;
  const absl::Status status = ParseText(kResult, "result", &result, nullptr);
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

// The golden file is the whole report; read it when it changes.
TEST(ReportTest, Golden) {
  const std::string text = TextReport(MadeUp());
  std::ifstream golden("scenarios/testdata/report.txt");
  const std::string want{std::istreambuf_iterator<char>(golden), std::istreambuf_iterator<char>()};
  EXPECT_EQ(text, want) << "--- what came:\n" << text;
}

TEST(ReportTest, NothingOnALineEndsWithSpacesOrIsColoured) {
  const std::string text = TextReport(MadeUp());
  EXPECT_THAT(text, Not(HasSubstr(" \n")));
  EXPECT_THAT(text, Not(HasSubstr("\033")));
  ReportOptions color;
  color.color = true;
  EXPECT_THAT(TextReport(MadeUp(), color), HasSubstr("\033[31mFAILED\033[0m"));
}

TEST(ReportTest, AnEmptyResultHasATitleAndADigest) {
  const std::string text = TextReport(v1::Result());
  EXPECT_EQ(
      text,
      ": policy , , 0 pages (0 B), 0 CPUs, seed 0\n0.000 s simulated, 0 references, 0 events\n"
      "\ndigest \n");
}

TEST(ReportTest, ManyProcessesAreCutShort) {
  ReportOptions options;
  options.max_processes = 2;
  EXPECT_THAT(TextReport(MadeUp(), options), HasSubstr("  ... and 3 more; --json has all\n"));
}

TEST(ReportTest, ManyCallsAreCutShort) {
  ReportOptions options;
  options.max_calls = 1;
  EXPECT_THAT(TextReport(MadeUp(), options), HasSubstr("  ... and 3 more; --json has all\n"));
}

// Two samples a row: rates over both, levels of the second.
TEST(VmstatTableTest, MergesSamples) {
  EXPECT_EQ(VmstatTable(MadeUp().series(), 2),
            "          procs memory page  disks cpu\n"
            "  time s  r b   fre  flt pi  d0  us sy id\n"
            "   1.000  2 1   700  300  1   0  45  5 50\n"
            "   2.000  0 0  1900    1 31  32   0 13 87\n");
}

TEST(VmstatTableTest, KeepsToItsRows) {
  v1::Series series;
  v1::SeriesColumn* column = series.add_columns();
  column->set_name("v_free_count");
  for (int i = 1; i <= 101; ++i) {
    series.add_time_ns(i * int64_t{1'000'000});
    column->add_values(i);
  }
  const std::string text = VmstatTable(series, 25);
  // Five samples a row, the last one alone: 21 rows and two lines of headings.
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 23);
  EXPECT_THAT(text, testing::EndsWith("0.101  101\n"));
  EXPECT_EQ(VmstatTable(v1::Series(), 25), "");
}

// --- Units ---

TEST(HumanUnitsTest, Durations) {
  EXPECT_EQ(HumanDuration(0), "0 ns");
  EXPECT_EQ(HumanDuration(999), "999 ns");
  EXPECT_EQ(HumanDuration(1000), "1.00 us");
  EXPECT_EQ(HumanDuration(1234), "1.23 us");
  EXPECT_EQ(HumanDuration(9994), "9.99 us");
  EXPECT_EQ(HumanDuration(9995), "10.0 us");
  EXPECT_EQ(HumanDuration(99'949), "99.9 us");
  EXPECT_EQ(HumanDuration(99'950), "100 us");
  EXPECT_EQ(HumanDuration(999'499), "999 us");
  EXPECT_EQ(HumanDuration(999'500), "1.00 ms");
  EXPECT_EQ(HumanDuration(75'000'000'000), "75.0 s");
  EXPECT_EQ(HumanDuration(12'345'000'000'000), "12,345 s");
  EXPECT_EQ(HumanDuration(-1500), "-1.50 us");
  EXPECT_EQ(HumanDuration(std::numeric_limits<int64_t>::max()), "9,223,372,037 s");
}

TEST(HumanUnitsTest, NumbersBytesAndShares) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(-1000), "-1,000");
  EXPECT_EQ(Grouped(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
  EXPECT_EQ(HumanBytes(512), "512 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(6'553'600), "6.3 MiB");
  EXPECT_EQ(HumanBytes(int64_t{1} << 40), "1.0 TiB");
  EXPECT_EQ(Seconds(1'234'567'890), "1.235");
  EXPECT_EQ(Percent(1, 3), "33.3 %");
  EXPECT_EQ(Percent(2, 3), "66.7 %");
  EXPECT_EQ(Percent(1, 0), "-");
}

// --- JSON ---

TEST(ResultJsonTest, HasTheDocumentedShape) {
  const auto json = nlohmann::ordered_json::parse(ResultToJson(MadeUp()));
  std::vector<std::string> keys;
  for (auto it = json.begin(); it != json.end(); ++it) keys.push_back(it.key());
  EXPECT_EQ(keys, (std::vector<std::string>{
                      "schema_version", "scenario",    "seed",        "digest",     "sim_time_ns",
                      "events_run",     "references",  "policy",      "revision",   "memory_pages",
                      "cpus",           "counters",    "processes",   "histograms", "series",
                      "disks",          "fault_waits", "slow_faults", "reclaim",    "calls",
                      "crash",          "expectations"}));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_TRUE(json["seed"].is_number_unsigned());
  EXPECT_EQ(json["seed"].get<uint64_t>(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(json["counters"]["v_vm_faults"], 1234567);
  EXPECT_EQ(json["counters"]["v_cow_faults"], 0);
  EXPECT_EQ(json["processes"][1]["name"], "victim");
  EXPECT_EQ(json["processes"][1]["oom_killed"], true);
  EXPECT_EQ(json["histograms"]["fault_hard_ns"]["p99"], 1234567);
  EXPECT_EQ(json["histograms"]["fault_hard_ns"]["buckets"][1],
            (std::vector<int64_t>{2490368, 2506751, 1}));
  EXPECT_TRUE(json["histograms"]["fault_soft_ns"]["buckets"].is_array());
  EXPECT_EQ(json["series"]["time_ns"][3], 2000000000);
  EXPECT_EQ(json["series"]["columns"]["v_swapin"]["values"], (std::vector<int64_t>{0, 0, 20, 30}));
  EXPECT_EQ(json["series"]["columns"]["v_swapin"]["kind"], "counter");
  EXPECT_EQ(json["disks"][0]["service_ns"]["p99"], 1200000);
  EXPECT_EQ(json["slow_faults"]["waits_ns"]["disk_service"], 1000000);
  EXPECT_EQ(json["expectations"][0]["got"], 30);
  EXPECT_EQ(json["expectations"][0]["passed"], true);
  EXPECT_FALSE(json["expectations"][2].contains("got"));
  EXPECT_FALSE(json["expectations"][0].contains("got_name"));
  EXPECT_EQ(json["expectations"][3]["got_name"], "ENOMEM");
  EXPECT_EQ(json["calls"][0]["last_errno"], "ENOMEM");
  EXPECT_EQ(json["calls"][0]["failures"], 3);
  EXPECT_FALSE(json["calls"][0].contains("mincore"));
  EXPECT_EQ(json["calls"][1]["mincore"]["referenced_other"], 1001);
  EXPECT_FALSE(json["calls"][1].contains("bytes"));
  EXPECT_EQ(json["calls"][2]["bytes"], 20480);
  EXPECT_EQ(json["calls"][3]["times"], 0);
  EXPECT_EQ(json["crash"]["writes_torn"], 2);
  EXPECT_EQ(json["crash"]["violations"], 0);
}

TEST(ResultJsonTest, EmptyListsAreLists) {
  const auto json = nlohmann::json::parse(ResultToJson(v1::Result()));
  EXPECT_TRUE(json["processes"].is_array());
  EXPECT_TRUE(json["expectations"].is_array());
  EXPECT_TRUE(json["counters"].is_object());
  EXPECT_TRUE(json["series"]["time_ns"].is_array());
  EXPECT_FALSE(json.contains("slow_faults"));
  EXPECT_FALSE(json.contains("crash"));
}

TEST(ResultJsonTest, OneLineSaysTheSame) {
  const std::string line = ResultToJsonLine(MadeUp());
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(nlohmann::json::parse(line), nlohmann::json::parse(ResultToJson(MadeUp())));
}

TEST(ResultJsonTest, NamesAreEscaped) {
  v1::Result result;
  result.set_scenario("a\"b\\c\nd\x01");
  result.set_policy("bad \xff byte");
  const auto json = nlohmann::json::parse(ResultToJson(result));
  EXPECT_EQ(json["scenario"], "a\"b\\c\nd\x01");
  EXPECT_EQ(json["policy"], "bad \xef\xbf\xbd byte");
}

}  // namespace
}  // namespace vmsim::scenarios
