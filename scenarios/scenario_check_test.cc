#include "scenarios/scenario_check.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scenarios/scenario_reader.h"

namespace vmsim::scenarios {
namespace {

using testing::HasSubstr;

constexpr char kMachine[] = R"(
memory { pages: 2000 }
disks { name: "d0" size_bytes: 8388608 }
swap { disk: "d0" }
shared_segments { name: "shm" pages: 50 }
)";

std::string Check(const std::string& text, const ReadOptions& options = {}) {
  const auto file = ParseScenario(text, "s", options);
  return file.ok() ? "ok" : std::string(file.status().message());
}

// What follows "field: " in an error, for a scenario with one process of these steps.
std::string CheckSteps(const std::string& steps) {
  return Check(std::string(kMachine) + "processes { name: 'p' " + steps + " }");
}

struct Story {
  const char* name;
  const char* text;   // What is added to the good scenario, or the steps of its process.
  const char* error;  // Part of the message; "ok" for none.
};

// --- The machine ---

constexpr Story kMachineStories[] = {
    {"Good", "", "ok"},
    {"UnknownPolicy", "policy: 'freebds'",
     "policy: there is no policy \"freebds\"; did you mean \"freebsd\"? (`vmsim policies` lists"},
    {"EmptyPolicy", "policy: ''", "policy: there is no policy \"\""},
    {"NoCpus", "cpus { count: 0 }", "cpus.count: 0 is outside 1..256; use a value in this range"},
    {"NegativeCost", "costs { page_zero_ns: -1 }", "costs.page_zero_ns: -1 is outside 0.."},
    {"FreeReference", "costs { reference_ns: 0 }", "costs.reference_ns: 0 is outside 1.."},
    {"SpinningDaemon", "costs { daemon_pass_ns: 999 }",
     "costs.daemon_pass_ns: 999 is outside 1000..60000000000; daemons must not spin"},
    {"OddMaxphys", "tunables { maxphys: 5000 }", "tunables.maxphys: 5000 is not whole pages"},
    {"SampleTooOften", "sample_interval_ns: 1", "sample_interval_ns: 1 is outside 100000.."},
    {"NoEvents", "limits { max_events: 0 }", "limits.max_events: 0 is outside 1.."},
    {"SecondDiskOfAName", "disks { name: 'd0' }",
     "disks[1].name: another disk is called \"d0\"; give each its own name"},
    {"NamelessDisk", "disks { }", "disks[1].name: is missing; give it a name"},
    {"ControlCharacterInAName", "disks { name: 'a\\033[2J' }",
     "disks[1].name: \"a\\x1b[2J\" has a character that names cannot have"},
    {"LongName",
     "disks { name: "
     "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }",
     "has 73 bytes; use at most 64"},
    {"HugeDisk", "disks { name: 'x' size_bytes: 9223372036854775807 }",
     "disks[1].size_bytes: 9223372036854775807 is outside 0..1125899906842624"},
    {"OddDisk", "disks { name: 'x' size_bytes: 5000 }",
     "disks[1].size_bytes: 5000 is not whole pages"},
    {"DiskBeyondItsGeometry", "disks { name: 'x' size_bytes: 8796093022208 hdd {} }",
     "disks[1].size_bytes: 8796093022208 is more than"},
    {"ModelField", "disks { name: 'x' ssd { unit_bytes: 5000 } }",
     "disks[1].ssd.unit_bytes: 5000 is not a power of two; change this value"},
    {"ModelRange", "disks { name: 'x' hdd { heads: 0 } }",
     "disks[1].hdd.heads: 0 is outside 1..1000"},
    {"FaultWithoutKind", "disks { name: 'x' faults { nth: 1 } }",
     "disks[1].faults[0].kind: is missing; say what goes wrong"},
    {"FaultField", "disks { name: 'x' faults { kind: SLOW } }",
     "disks[1].faults[0].delay_ns: 0 delays nothing"},
    {"FaultRange", "disks { name: 'x' faults { kind: IO_ERROR until_ns: 5 from_ns: 10 } }",
     "disks[1].faults[0].until_ns: 5 is outside 10.."},
    {"TwoTriggers", "disks { name: 'x' faults { kind: IO_ERROR nth: 5 every: 10 } }",
     "disks[1].faults[0]: give one of nth, every and probability_ppm"},
    {"SwapNowhere", "swap { disk: 'd1' }",
     "swap[1].disk: there is no disk called \"d1\"; did you mean \"d0\"?"},
    {"SwapOverlaps", "swap { disk: 'd0' offset_pages: 100 size_pages: 10 }",
     "swap[1]: pages 100..109 of \"d0\" overlap another swap device's 0..2047"},
    {"SwapPastTheEnd", "disks { name: 'x' size_bytes: 40960 } swap { disk: 'x' offset_pages: 10 }",
     "swap[1].offset_pages: 10 is past the end of \"x\", which has 10 pages"},
    {"SwapTooLong", "disks { name: 'x' size_bytes: 40960 } swap { disk: 'x' size_pages: 11 }",
     "swap[1].size_pages: 11 pages do not fit: \"x\" has 10 from there on"},
    {"SwapOfLabelOnly", "disks { name: 'x' size_bytes: 40960 } swap { disk: 'x' size_pages: 2 }",
     "swap[1].size_pages: 2 is too few"},
    {"SwapBesideSwap",
     "disks { name: 'x' size_bytes: 40960 } swap { disk: 'x' size_pages: 5 } "
     "swap { disk: 'x' offset_pages: 5 }",
     "ok"},
    {"SwapTooLargeInAll",
     "disks { name: 'x' size_bytes: 1125899906842624 } swap { disk: 'x' size_pages: 2147483648 }",
     "swap devices have more than 2147483648 pages together"},
    {"NoProcessName", "processes { }", "processes[1].name: is missing"},
    {"SecondProcessOfAName", "processes { name: 'p' }",
     "processes[1].name: another process is called \"p\""},
    {"CopyOfAName", "processes { name: 'q.1' } processes { name: 'q' count: 2 }",
     "processes[2].name: another process is called \"q.1\""},
    {"TooManyCopies", "processes { name: 'q' count: 65536 }",
     "processes[1].count: this makes more than 65536 processes in all"},
    {"NoCopies", "processes { name: 'q' count: 0 }", "processes[1].count: 0 is outside 1..65536"},
    {"NegativeStart", "processes { name: 'q' start_ns: -1 }",
     "processes[1].start_ns: -1 is outside 0.."},
    {"SecondSegmentOfAName", "shared_segments { name: 'shm' pages: 1 }",
     "shared_segments[1].name: another shared segment is called \"shm\""},
    {"EmptySegment", "shared_segments { name: 'x' }", "shared_segments[1].pages: 0 is outside 1.."},
    {"ExpectsNothing", "expectations { ge: 1 }",
     "expectations[0]: says nothing of what to look at; add counter, histogram, process or call"},
    {"ExpectsWithoutBound", "expectations { counter: 'v_swapin' }",
     "expectations[0]: has no bound; add eq, ne, lt, le, gt, ge or between"},
    {"ExpectsUnknownCounter", "expectations { counter: 'v_swapni' ge: 1 }",
     "expectations[0].counter: there is no counter called \"v_swapni\"; did you mean "
     "\"v_swapin\"?"},
    {"ExpectsUnknownProcess", "expectations { process { name: 'pp' field: MAJFLT } ge: 1 }",
     "expectations[0].process.name: there is no process called \"pp\""},
    {"ExpectsAnUnknownHistogram",
     "expectations { histogram { name: 'fault_hard' statistic: P99 } ge: 1 }",
     "expectations[0].histogram.name: there is no histogram called \"fault_hard\""},
    {"ExpectsNoStatistic", "expectations { histogram { name: 'fault_ns' } ge: 1 }",
     "expectations[0].histogram.statistic: is missing"},
    {"EmptyRange", "expectations { counter: 'v_swapin' between { min: 2 max: 1 } }",
     "expectations[0].between: min is above max"},
};

class MachineCheckTest : public testing::TestWithParam<Story> {};

TEST_P(MachineCheckTest, Story) {
  ReadOptions options;
  options.check.counters = {"v_swapin", "v_swapout"};
  const std::string text = std::string(kMachine) + "processes { name: 'p' } " + GetParam().text;
  EXPECT_THAT(Check(text, options), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(, MachineCheckTest, testing::ValuesIn(kMachineStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ScenarioCheckTest, Memory) {
  const std::string process = " processes { name: 'p' }";
  EXPECT_EQ(Check("memory { pages: 1000 }" + process), "ok");
  EXPECT_EQ(Check("memory { pages: 268435455 }" + process), "ok");
  EXPECT_EQ(
      Check("memory { pages: 999 }" + process),
      "s:1:10: memory.pages: 999 is below FreeBSD's workable minimum (its free-page thresholds "
      "collapse into each other); use 1000 or more");
  EXPECT_EQ(
      Check("memory { pages: 1152921504606846976 }" + process),  // 2^60
      "s:1:10: memory.pages: 1152921504606846976 is more than the 268435455 pages (1 TiB) that "
      "a machine can have; use less");
  EXPECT_THAT(Check("memory { pages: -2000 }" + process), HasSubstr("-2000 is below"));
  EXPECT_THAT(Check("processes { name: 'p' }"), HasSubstr("s: memory.pages: is missing"));
  EXPECT_THAT(Check("memory { pages: 1000 }"), HasSubstr("processes: there are none"));
}

// --- Steps ---

constexpr Story kStepStories[] = {
    {"Good", "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' } }", "ok"},
    {"Empty", "steps { }", "processes[0].steps[0]: is empty; say what to do"},
    {"MapWithoutPages", "steps { map { name: 'm' } }", "steps[0].map.pages: is missing"},
    {"HugeMap", "steps { map { name: 'm' pages: 1152921504606846976 } }",
     "steps[0].map.pages: 1152921504606846976 is outside 0..4294967296; a map has at most 2^32"},
    {"MappedTwice", "steps { map { name: 'm' pages: 1 } } steps { map { name: 'm' pages: 1 } }",
     "steps[1].map.name: \"m\" is mapped already; unmap it first"},
    {"MappedAgain",
     "steps { map { name: 'm' pages: 1 } } steps { unmap { map: 'm' } } "
     "steps { map { name: 'm' pages: 2 } } steps { touch { map: 'm' first_page: 1 } }",
     "ok"},
    {"UnknownMap", "steps { map { name: 'heap' pages: 1 } } steps { touch { map: 'haep' } }",
     "steps[1].touch.map: there is no map called \"haep\"; did you mean \"heap\"?"},
    {"NoMapNamed", "steps { touch { } }", "steps[0].touch.map: is missing; name a map"},
    {"Unmapped",
     "steps { map { name: 'm' pages: 1 } } steps { unmap { map: 'm' } } "
     "steps { touch { map: 'm' } }",
     "steps[2].touch.map: there is no map called \"m\""},
    {"TouchPastTheEnd",
     "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' first_page: 5 pages: 6 } }",
     "steps[1].touch: page 10 is past the end of \"m\", which has 10 pages"},
    {"TouchToTheEnd",
     "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' first_page: 5 pages: 5 } }",
     "ok"},
    {"NegativeTouch",
     "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' first_page: -1 } }",
     "steps[1].touch.first_page: -1 is outside 0.."},
    {"WholeSegment",
     "steps { map { name: 'm' shared_segment: 'shm' first_page: 40 } } "
     "steps { touch { map: 'm' pages: 10 } }",
     "ok"},
    {"BeyondTheSegment",
     "steps { map { name: 'm' shared_segment: 'shm' first_page: 40 pages: 11 } }",
     "steps[0].map.pages: 11 is more than \"shm\" has from there on; use at most 10"},
    {"UnknownSegment", "steps { map { name: 'm' shared_segment: 'shn' } }",
     "steps[0].map.shared_segment: there is no shared segment called \"shn\"; did you mean "
     "\"shm\"?"},
    {"SharedWithoutSegment", "steps { map { name: 'm' kind: SHARED_ANONYMOUS pages: 1 } }",
     "steps[0].map.shared_segment: is missing; name a shared segment"},
    {"PrivateWithSegment", "steps { map { name: 'm' kind: ANONYMOUS shared_segment: 'shm' } }",
     "steps[0].map.kind: ANONYMOUS memory has no shared_segment"},
    {"NoKind", "steps { map { name: 'm' pages: 10 } } steps { generate { map: 'm' } }",
     "steps[1].generate.kind: is missing; use SEQUENTIAL, LOOP"},
    {"NoRefs",
     "steps { map { name: 'm' pages: 10 } } steps { generate { map: 'm' kind: UNIFORM } }",
     "steps[1].generate.refs: 0 is outside 1.."},
    {"OddExponent",
     "steps { map { name: 'm' pages: 10 } } "
     "steps { generate { map: 'm' kind: ZIPF refs: 1 s10: 9 } }",
     "steps[1].generate.s10: 9 is not ten times a known Zipf exponent"},
    {"TooFewPagesForHotset",
     "steps { map { name: 'm' pages: 7 } } steps { generate { map: 'm' kind: HOTSET refs: 1 } }",
     "steps[1].generate.map: pages of \"m\": 7 is outside 8.."},
    {"TracePath", "steps { trace { file: 'traces/a.vpt.zst' } }", "ok"},
    {"NoTracePath", "steps { trace { } }", "steps[0].trace.file: is missing; name a VPT1 trace"},
    {"AbsoluteTrace", "steps { trace { file: '/etc/passwd' } }",
     "steps[0].trace.file: \"/etc/passwd\" is an absolute path"},
    {"TraceAbove", "steps { trace { file: 'a/../../b' } }",
     "steps[0].trace.file: \"a/../../b\" leaves the scenario's folder"},
    {"DotsInAName", "steps { trace { file: 'a..b/..c' } }", "ok"},
    {"ControlCharacterInAPath", "steps { trace { file: 'a\\nb' } }",
     "steps[0].trace.file: \"a\\nb\" has a control character"},
    {"NegativeSleep", "steps { sleep { ns: -1 } }", "steps[0].sleep.ns: -1 is outside 0.."},
    {"ExitStatus", "steps { exit { status: 256 } }", "steps[0].exit.status: 256 is outside 0..255"},
    {"AfterExit", "steps { exit { } } steps { sleep { ns: 1 } }",
     "steps[1]: comes after an exit and would never run"},
    {"NoTimes", "steps { repeat { steps { sleep { ns: 1 } } } }",
     "steps[0].repeat.times: 0 is outside 1.."},
    {"EmptyRepeat", "steps { repeat { times: 2 } }", "steps[0].repeat.steps: is empty"},
    {"RepeatInside",
     "steps { repeat { times: 2 steps { sleep { } } steps { touch { map: 'x' } } } }",
     "processes[0].steps[0].repeat.steps[1].touch.map: there is no map called \"x\""},
    {"RepeatMaps", "steps { repeat { times: 2 steps { map { name: 'm' pages: 1 } } } }",
     "steps[0].repeat: leaves other maps than it found, so it cannot run twice"},
    {"RepeatOnceMaps",
     "steps { repeat { times: 1 steps { map { name: 'm' pages: 1 } } } } "
     "steps { touch { map: 'm' } }",
     "ok"},
    {"RepeatMapsAndUnmaps",
     "steps { repeat { times: 9 steps { map { name: 'm' pages: 1 } } steps { unmap { map: 'm' } } "
     "} }",
     "ok"},
    {"TooManyReferences",
     "steps { map { name: 'm' pages: 1000 } } "
     "steps { repeat { times: 100000001 steps { touch { map: 'm' } } } }",
     "processes: more than limits.max_references = 100000000000 references would be made"},
    {"TooManySteps", "steps { repeat { times: 1000000001 steps { sleep { } } } }",
     "processes: with repeats and copies, more than 1000000000 steps would run"},
    {"ProductsOverflow",
     "steps { map { name: 'm' pages: 4294967296 } } "
     "steps { repeat { times: 1099511627776 steps { repeat { times: 1099511627776 "
     "steps { touch { map: 'm' } } } } } }",
     "processes: with repeats and copies, more than 1000000000 steps would run"},
    {"MapsTooLargeInAll", "count: 2 steps { map { name: 'm' pages: 4294967296 } }",
     "processes: all maps together have more than 4294967296 pages"},
    {"MapsForEver",
     "steps { repeat { times: 1000 steps { map { name: 'm' pages: 4294967296 } } "
     "steps { unmap { map: 'm' } } } }",
     "processes: repeats map more than 1099511627776 pages one after another"},
};

class StepCheckTest : public testing::TestWithParam<Story> {};

TEST_P(StepCheckTest, Story) {
  EXPECT_THAT(CheckSteps(GetParam().text), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(, StepCheckTest, testing::ValuesIn(kStepStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ScenarioCheckTest, RepeatsNestSixteenDeep) {
  const auto nested = [](int depth) {
    std::string steps = "steps { sleep { ns: 1 } }";
    for (int i = 0; i < depth; ++i) steps = "steps { repeat { times: 1 " + steps + " } }";
    return CheckSteps(steps);
  };
  EXPECT_EQ(nested(16), "ok");
  EXPECT_THAT(nested(17), HasSubstr("is nested more than 16 deep; multiply `times` instead"));
}

TEST(ScenarioCheckTest, AnyPathIfAllowed) {
  ReadOptions options;
  options.check.allow_any_path = true;
  EXPECT_EQ(
      Check("memory { pages: 1000 } processes { name: 'p' steps { trace { file: '/a/../b' } } }",
            options),
      "ok");
}

TEST(ScenarioCheckTest, HostMemory) {
  const std::string text =
      "memory { pages: 268435455 } processes { name: 'p' steps { map { name: 'm' pages: 1 } } }";
  ReadOptions options;
  options.check.max_host_bytes = int64_t{1} << 30;
  EXPECT_THAT(Check(text, options), HasSubstr("MiB of this host's memory, which can give 1024; "));
  options.check.max_host_bytes = int64_t{1} << 40;
  EXPECT_EQ(Check(text, options), "ok");
}

TEST(ScenarioCheckTest, HostMemoryOfSwapThatIsTheRestOfADisk) {
  const auto text = [](const std::string& size) {
    return "memory { pages: 1000 } disks { name: 'd' size_bytes: 4398046511104 fixed {} } swap { "
           "disk: "
           "'d' offset_pages: 24 " +
           size + "} processes { name: 'p' }";
  };
  ReadOptions options;
  options.check.max_host_bytes = int64_t{512} << 20;
  EXPECT_THAT(Check(text(""), options), HasSubstr("MiB of this host's memory"));
  EXPECT_THAT(Check(text("size_pages: 1073741800 "), options),
              HasSubstr("MiB of this host's memory"));
  EXPECT_EQ(Check(text("size_pages: 1000 "), options), "ok");
}

// --- Totals ---

v1::Scenario Parsed(const std::string& text) {
  const auto file = ParseScenario(text, "s");
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? file->scenario : v1::Scenario();
}

TEST(ScenarioTotalsTest, RepeatsAndCopiesMultiply) {
  const v1::Scenario scenario = Parsed(std::string(kMachine) + R"(
      processes {
        name: "p" count: 3
        steps { map { name: "m" pages: 10 } }
        steps { repeat { times: 4
          steps { touch { map: "m" first_page: 2 } }
          steps { repeat { times: 5 steps { generate { map: "m" kind: LOOP passes: 2 } } } }
        } }
        steps { trace { file: "t" repeat: 7 } }
      })");
  const ScenarioTotals totals = CountTotals(scenario, [](const std::string& file) {
    return TraceSize{100, 1000, 20};
  });
  EXPECT_EQ(totals.processes, 3);
  // Per copy: 3 steps, 4 * 2 in the repeat, 4 * 5 in the inner one.
  EXPECT_EQ(totals.step_runs, 3 * (3 + 8 + 20));
  EXPECT_EQ(totals.references, 3 * (4 * 8 + 4 * 5 * 20 + 7000));
  EXPECT_EQ(totals.mapped_pages, 3 * (10 + 20));
  EXPECT_EQ(totals.pages_mapped_in_all, 3 * (10 + 20));
}

TEST(ScenarioTotalsTest, TooMuchStaysTooMuch) {
  v1::Scenario scenario;
  v1::Process* process = scenario.add_processes();
  v1::Repeat* repeat = process->add_steps()->mutable_repeat();
  repeat->set_times(std::numeric_limits<int64_t>::max());
  v1::Repeat* inner = repeat->add_steps()->mutable_repeat();
  inner->set_times(std::numeric_limits<int64_t>::max());
  inner->add_steps()->mutable_touch()->set_pages(std::numeric_limits<int64_t>::max());
  const ScenarioTotals totals =
      CountTotals(scenario, [](const std::string&) { return TraceSize{}; });
  EXPECT_EQ(totals.step_runs, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(totals.references, std::numeric_limits<int64_t>::max());
}

}  // namespace
}  // namespace vmsim::scenarios
