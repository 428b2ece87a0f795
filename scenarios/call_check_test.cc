#include "scenarios/call_check.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scenarios/scenario_check.h"
#include "scenarios/scenario_reader.h"
#include "scenarios/scenario_totals.h"

namespace vmsim::scenarios {
namespace {

using testing::HasSubstr;

constexpr char kMachine[] = R"(
memory { pages: 2000 }
disks { name: "d0" size_bytes: 8388608 }
disks { name: "d1" size_bytes: 8388608 }
disks { name: "spare" size_bytes: 8388608 }
swap { disk: "d0" size_pages: 100 }
swap { disk: "d1" size_pages: 100 }
swap { disk: "d1" offset_pages: 100 size_pages: 100 }
shared_segments { name: "shm" pages: 50 }
)";

std::string Check(const std::string& text) {
  const auto file = ParseScenario(text, "s", {});
  return file.ok() ? "ok" : std::string(file.status().message());
}

// For a scenario with one process of these steps, which has a map "m" of 10 pages already.
std::string CheckSteps(const std::string& steps) {
  return Check(std::string(kMachine) +
               "processes { name: 'p' steps { map { name: 'm' pages: 10 } } " + steps + " }");
}

struct Story {
  const char* name;
  const char* steps;
  const char* error;  // Part of the message; "ok" for none.
};

// --- Ranges ---

constexpr Story kSpanStories[] = {
    {"WholeMap", "steps { mlock { span { map: 'm' } } }", "ok"},
    {"Pages", "steps { mlock { span { map: 'm' first_page: 3 pages: 7 } } }", "ok"},
    {"PagesPastTheEnd", "steps { mlock { span { map: 'm' first_page: 3 pages: 8 } } }",
     "processes[0].steps[1].mlock.span: page 10 is past the end of \"m\", which has 10 pages; "
     "lower first_page or pages"},
    {"FirstPagePastTheEnd", "steps { munlock { span { map: 'm' first_page: 10 } } }",
     "steps[1].munlock.span: page 10 is past the end"},
    {"NegativePages", "steps { msync { span { map: 'm' pages: -1 } } }",
     "steps[1].msync.span.pages: -1 is outside 0..4294967296"},
    {"NegativeFirstPage", "steps { mincore { span { map: 'm' first_page: -1 } } }",
     "steps[1].mincore.span.first_page: -1 is outside 0.."},
    {"UnknownMap", "steps { mprotect { span { map: 'n' } } }",
     "steps[1].mprotect.span.map: there is no map called \"n\"; "},
    {"NoMap", "steps { mlock { } }",
     "steps[1].mlock.span.map: is missing; name a map, or give length_bytes of bytes from "
     "address 0"},
    {"PagesOfNoMap", "steps { mlock { span { pages: 5 } } }",
     "steps[1].mlock.span.map: is missing; name a map"},
    {"OffsetWithoutMap", "steps { mlock { span { offset_bytes: 4096 } } }",
     "steps[1].mlock.span.map: is missing; name a map"},
    {"BytesFromZero", "steps { mlock { span { length_bytes: 1 } } }", "ok"},
    {"WrappingBytes",
     "steps { mlock { span { offset_bytes: 18446744073709551615 length_bytes: 2 } } }", "ok"},
    {"UnalignedBytesBeyondTheMap",
     "steps { mlock { span { map: 'm' offset_bytes: 40961 length_bytes: 3 } } }", "ok"},
    {"NoBytes", "steps { msync { span { map: 'm' length_bytes: 0 } } }", "ok"},
    {"BytesToTheEnd", "steps { mlock { span { map: 'm' offset_bytes: 40959 } } }", "ok"},
    {"BytesFromTheEnd", "steps { mlock { span { map: 'm' offset_bytes: 40960 } } }",
     "steps[1].mlock.span.offset_bytes: 40960 is past the end of \"m\", which has 40960 bytes; "
     "use less, or add length_bytes"},
    {"PagesAndBytes", "steps { mlock { span { map: 'm' pages: 1 length_bytes: 4096 } } }",
     "steps[1].mlock.span: gives pages and bytes; use first_page and pages, or offset_bytes and "
     "length_bytes"},
};

// --- Calls ---

constexpr Story kCallStories[] = {
    {"MapStaysWhenUnmappedInPart",
     "steps { unmap { map: 'm' pages: 10 } } steps { touch { map: 'm' } }", "ok"},
    {"MapGoesWhenUnmappedWhole", "steps { unmap { map: 'm' } } steps { touch { map: 'm' } }",
     "steps[2].touch.map: there is no map called \"m\""},
    {"UnmapPastTheEnd", "steps { unmap { map: 'm' first_page: 10 } }",
     "steps[1].unmap: page 10 is past the end of \"m\""},
    {"UnmapBytes", "steps { unmap { map: 'm' offset_bytes: 1 length_bytes: 0 } }", "ok"},
    {"UnmapPagesAndBytes", "steps { unmap { map: 'm' first_page: 1 length_bytes: 0 } }",
     "steps[1].unmap: gives pages and bytes"},
    {"NoAdvice", "steps { madvise { span { map: 'm' } } }",
     "steps[1].madvise.advice: is missing; use NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, "
     "FREE, NOSYNC, AUTOSYNC, NOCORE, CORE or PROTECT"},
    {"AdviceWithoutRange", "steps { madvise { advice: FREE } }",
     "steps[1].madvise.span.map: is missing"},
    {"AdviceToAProcess", "steps { madvise { span { map: 'm' } advice: FREE process: 'p' } }",
     "steps[1].madvise.process: only PROTECT is about a process; remove it"},
    {"ProtectsItself", "steps { madvise { advice: PROTECT } }", "ok"},
    {"ProtectsNobodyKnown", "steps { madvise { advice: PROTECT process: 'nobody' } }", "ok"},
    {"ProtectsARange", "steps { madvise { span { map: 'm' } advice: PROTECT } }",
     "steps[1].madvise.span: PROTECT is about a process, not a range; remove it"},
    {"ProtectsAnImpossibleName", "steps { madvise { advice: PROTECT process: 'a\\nb' } }",
     "steps[1].madvise.process: \"a\\nb\" has a character that names cannot have"},
    {"NoInheritance", "steps { minherit { span { map: 'm' } } }",
     "steps[1].minherit.inheritance: is missing; use SHARE, COPY, NONE or ZERO"},
    {"KillsNobodyKnown", "steps { kill { process: 'nobody' signal: 0 } }", "ok"},
    {"KillsNobody", "steps { kill { signal: 9 } }", "steps[1].kill.process: is missing"},
    {"KillsWithAnotherSignal", "steps { kill { process: 'p' signal: 1 } }",
     "steps[1].kill.signal: 1 is not simulated; use 9 (SIGKILL), 15 (SIGTERM) or 0, which only "
     "asks"},
    {"SwapOffByNumber", "steps { swapoff { swap: 2 } }", "ok"},
    {"SwapOffByDisk", "steps { swapoff { disk: 'd0' } }", "ok"},
    {"SwapOffOfNothing", "steps { swapoff { force: true } }",
     "steps[1].swapoff: says not which device; add swap or disk"},
    {"SwapOffTwice", "steps { swapoff { swap: 0 disk: 'd0' } }",
     "steps[1].swapoff: names swap and disk; remove one of them"},
    {"SwapOffPastTheEnd", "steps { swapoff { swap: 3 } }",
     "steps[1].swapoff.swap: 3 is outside 0..2; use the position"},
    {"SwapOnNegative", "steps { swapon { swap: -1 } }", "steps[1].swapon.swap: -1 is outside 0..2"},
    {"SwapOffOfADiskWithTwo", "steps { swapoff { disk: 'd1' } }",
     "steps[1].swapoff.disk: \"d1\" has 2 swap devices; use swap: 1, swap: 2, ... for one of "
     "them"},
    {"SwapOnOfADiskWithout", "steps { swapon { disk: 'spare' } }",
     "steps[1].swapon.disk: there is no disk with a swap device called \"spare\""},
    {"PrivateSegment", "steps { map { name: 's' shared_segment: 'shm' private: true } }", "ok"},
    {"PrivateMemoryOfItsOwn", "steps { map { name: 's' pages: 1 private: true } }",
     "steps[1].map.private: memory of its own is private anyway; remove it"},
};

// --- Errors and labels ---

constexpr Story kFieldStories[] = {
    {"ExpectsAnError", "steps { munlockall { } expect_errno: 'EINVAL' }", "ok"},
    {"ExpectsSuccess", "steps { munlockall { } expect_errno: '0' }", "ok"},
    {"ExpectsAnything", "steps { munlockall { } expect_errno: 'ANY' }", "ok"},
    {"ExpectsOfMap", "steps { map { name: 'n' pages: 1 } expect_errno: 'ENOMEM' label: 'l' }",
     "ok"},
    {"UnknownError", "steps { munlockall { } expect_errno: 'EINVALID' }",
     "steps[1].expect_errno: no call comes to \"EINVALID\"; did you mean \"EINVAL\"? (\"0\" is "
     "success, \"ANY\" is whatever comes)"},
    {"ErrorByNumber", "steps { munlockall { } expect_errno: '22' }",
     "steps[1].expect_errno: no call comes to \"22\"; "},
    {"TouchHasNoError", "steps { touch { map: 'm' } expect_errno: 'ENOMEM' }",
     "steps[1].expect_errno: only system calls have an errno; remove it"},
    {"RepeatHasNoLabel", "steps { repeat { times: 1 steps { munlockall {} } } label: 'l' }",
     "steps[1].label: only system calls have a label; remove it"},
    {"LabelTwice",
     "steps { munlockall { } label: 'l' } "
     "steps { repeat { times: 2 steps { munlockall { } label: 'l' } } }",
     "steps[2].repeat.steps[0].label: another call of the process is labelled \"l\"; give each "
     "its own label"},
    {"LabelInParentAndChild",
     "steps { munlockall { } label: 'l' } "
     "steps { fork { name: 'c' steps { munlockall { } label: 'l' } } }",
     "ok"},
    {"ImpossibleLabel", "steps { munlockall { } label: 'a[0]' }",
     "steps[1].label: \"a[0]\" has a character that names cannot have"},
};

// --- Forks ---

constexpr Story kForkStories[] = {
    {"ChildHasTheMaps", "steps { fork { name: 'c' steps { touch { map: 'm' first_page: 9 } } } }",
     "ok"},
    {"ChildsMapsAreItsOwn",
     "steps { fork { name: 'c' steps { unmap { map: 'm' } } steps { map { name: 'n' pages: 1 } } "
     "} } steps { touch { map: 'm' } } steps { map { name: 'n' pages: 2 } }",
     "ok"},
    {"ChildLacksALaterMap",
     "steps { fork { name: 'c' steps { touch { map: 'n' } } } } steps { map { name: 'n' pages: 1 } "
     "}",
     "steps[1].fork.steps[0].touch.map: there is no map called \"n\""},
    {"ParentLacksTheChildsMap",
     "steps { fork { name: 'c' steps { map { name: 'n' pages: 1 } } } } "
     "steps { touch { map: 'n' } }",
     "steps[2].touch.map: there is no map called \"n\""},
    {"RepeatedForkChangesNoMaps",
     "steps { repeat { times: 3 steps { fork { name: 'c' steps { unmap { map: 'm' } } } } } }",
     "ok"},
    {"NoName", "steps { fork { } }", "steps[1].fork.name: is missing; give it a name"},
    {"NameOfItsParent", "steps { fork { name: 'p' } }",
     "steps[1].fork.name: another process is called \"p\"; give each its own name"},
    {"SameNameTwice", "steps { fork { name: 'c' } } steps { fork { name: 'c' } }",
     "steps[2].fork.name: another process is called \"c\""},
    {"RepeatedChildrenAreNumbered",
     "steps { repeat { times: 2 steps { fork { name: 'c' } } } } steps { fork { name: 'c' } }",
     "ok"},
    {"NumberTaken",
     "steps { repeat { times: 2 steps { fork { name: 'c' } } } } steps { fork { name: 'c.1' } }",
     "steps[2].fork.name: another process is called \"c.1\""},
    {"GrandchildrenMultiply",
     "steps { repeat { times: 300 steps { fork { name: 'c' steps { repeat { times: 300 steps { "
     "fork { name: 'g' } } } } } } } }",
     "steps[1].repeat.steps[0].fork.steps[0].repeat.steps[0].fork.name: this makes more than "
     "65536 processes in all; use fewer"},
    {"ForksForEver",
     "steps { repeat { times: 1099511627776 steps { repeat { times: 1099511627776 steps { "
     "fork { name: 'c' } } } } } }",
     "fork.name: this makes more than 65536 processes in all"},
    {"AsManyAsThereCanBe", "steps { repeat { times: 65535 steps { fork { name: 'c' } } } }", "ok"},
    {"OneMore", "steps { repeat { times: 65536 steps { fork { name: 'c' } } } }",
     "this makes more than 65536 processes in all"},
    {"AfterTheChildsExit", "steps { fork { name: 'c' steps { exit {} } steps { wait {} } } }",
     "steps[1].fork.steps[1]: comes after an exit and would never run"},
};

class CallCheckTest : public testing::TestWithParam<Story> {};

TEST_P(CallCheckTest, Story) {
  EXPECT_THAT(CheckSteps(GetParam().steps), HasSubstr(GetParam().error));
}

std::string NameOf(const testing::TestParamInfo<Story>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Span, CallCheckTest, testing::ValuesIn(kSpanStories), NameOf);
INSTANTIATE_TEST_SUITE_P(Call, CallCheckTest, testing::ValuesIn(kCallStories), NameOf);
INSTANTIATE_TEST_SUITE_P(Field, CallCheckTest, testing::ValuesIn(kFieldStories), NameOf);
INSTANTIATE_TEST_SUITE_P(Fork, CallCheckTest, testing::ValuesIn(kForkStories), NameOf);

TEST(CallCheckTest, CopiesMultiplyTheirChildren) {
  const auto forks = [](const std::string& counts, const std::string& expectation) {
    return Check("memory { pages: 1000 } processes { name: 'p' " + counts +
                 " steps { fork { name: 'c' steps { munlockall {} label: 'l' } } } } "
                 "expectations { " +
                 expectation + " }");
  };
  EXPECT_EQ(forks("", "process { name: 'c' field: MAJFLT } eq: 0"), "ok");
  EXPECT_EQ(forks("count: 2", "process { name: 'c.1' field: MAJFLT } eq: 0"), "ok");
  EXPECT_THAT(forks("count: 2", "process { name: 'c' field: MAJFLT } eq: 0"),
              HasSubstr("expectations[0].process.name: there is no process called \"c\""));
  EXPECT_EQ(forks("count: 2", "call { process: 'c.0' label: 'l' field: TIMES } eq: 1"), "ok");
  EXPECT_THAT(forks("", "call { process: 'd' label: 'l' field: TIMES } eq: 1"),
              HasSubstr("expectations[0].call.process: there is no process called \"d\""));
  EXPECT_THAT(forks("", "call { process: 'p' label: 'l' field: TIMES } eq: 1"),
              HasSubstr("expectations[0].call.label: there is no label of this process called "
                        "\"l\""));
  EXPECT_THAT(forks("", "call { process: 'c' label: 'l' } eq: 1"),
              HasSubstr("expectations[0].call.field: is missing; use TIMES, FAILURES"));
}

TEST(CallCheckTest, RepeatsAndForksNestSixteenDeepTogether) {
  const auto nested = [](int forks, int repeats) {
    std::string steps = "steps { wait {} expect_errno: 'ECHILD' }";
    for (int i = 0; i < repeats; ++i) steps = "steps { repeat { times: 1 " + steps + " } }";
    for (int i = 0; i < forks; ++i) {
      steps = "steps { fork { name: 'c" + std::to_string(i) + "' " + steps + " } }";
    }
    return CheckSteps(steps);
  };
  EXPECT_EQ(nested(16, 0), "ok");
  EXPECT_EQ(nested(10, 6), "ok");
  EXPECT_THAT(nested(17, 0), HasSubstr("fork: is nested more than 16 deep; let the parent fork"));
  EXPECT_THAT(nested(10, 7), HasSubstr("repeat: is nested more than 16 deep; multiply `times`"));
}

TEST(CallCheckTest, NoSwapToTurnOff) {
  EXPECT_THAT(Check("memory { pages: 1000 } processes { name: 'p' steps { swapoff { swap: 0 } } }"),
              HasSubstr("steps[0].swapoff.swap: the scenario has no swap devices; add one"));
}

TEST(CallCheckTest, ProcessAndMachineFields) {
  const auto process = [](const std::string& fields) {
    return Check("memory { pages: 1000 } processes { name: 'p' " + fields + " }");
  };
  EXPECT_EQ(process("rlimit_memlock_pages: 0"), "ok");
  EXPECT_THAT(process("rlimit_memlock_pages: -1"),
              HasSubstr("processes[0].rlimit_memlock_pages: -1 is outside 0.."));
  const auto machine = [&](const std::string& fields) { return process("} " + fields + " # "); };
  EXPECT_THAT(machine("tunables { overcommit: 8 }"),
              HasSubstr("tunables.overcommit: 8 is outside 0..7"));
  EXPECT_THAT(machine("tunables { max_user_wired_pages: -1 }"),
              HasSubstr("tunables.max_user_wired_pages: -1 is outside 0.."));
  EXPECT_THAT(machine("costs { syscall_ns: -1 }"), HasSubstr("costs.syscall_ns: -1 is outside"));
  EXPECT_THAT(machine("costs { pte_ns: -1 }"), HasSubstr("costs.pte_ns: -1 is outside"));
  EXPECT_THAT(machine("costs { page_copy_ns: -1 }"),
              HasSubstr("costs.page_copy_ns: -1 is outside"));
}

TEST(CallCheckTest, TooManyLabelledCalls) {
  const auto copies = [](int count) {
    return Check("memory { pages: 1000 } processes { name: 'p' count: " + std::to_string(count) +
                 " steps { munlockall {} label: 'a' } steps { munlockall {} label: 'b' } }");
  };
  EXPECT_EQ(copies(50000), "ok");
  EXPECT_THAT(copies(50001), HasSubstr("processes: with copies and children, more than 100000 "
                                       "calls have a label"));
}

// --- Totals ---

// Two copies; each maps 10 pages, forks 3 children with 20 pages mapped, and each of these one
// grandchild, which begins with what its parent has.
TEST(ForkTotalsTest, ChildrenCountWithWhatTheyInherit) {
  const auto file = ParseScenario(R"(
      memory { pages: 1000 }
      processes {
        name: "p" count: 2
        steps { map { name: "m" pages: 10 } }
        steps { map { name: "gone" pages: 100 } }
        steps { unmap { map: "gone" } }
        steps { trace { file: "t" } }
        steps { repeat { times: 3 steps { fork {
          name: "c"
          steps { touch { map: "m" } }
          steps { map { name: "n" pages: 5 } label: "l" }
          steps { fork { name: "g" steps { touch { map: "n" } } } }
        } } } }
        steps { wait {} }
      })",
                                  "s", {});
  ASSERT_TRUE(file.ok()) << file.status();
  const ScenarioTotals totals = CountTotals(file->scenario, [](const std::string&) {
    return TraceSize{50, 70, 10};
  });
  EXPECT_EQ(totals.processes, 2 + 6 + 6);
  EXPECT_EQ(totals.references, 2 * 70 + 6 * 10 + 6 * 5);
  // Each copy: 10 + 100 and the trace's 10. Each child: 10 + 10 inherited, 5 of its own. Each
  // grandchild: 25 inherited.
  EXPECT_EQ(totals.mapped_pages, 2 * 120 + 6 * 25 + 6 * 25);
  EXPECT_EQ(totals.labelled_calls, 6);
  // A copy: 6, and its repeat's step 3 times. A child: 3. A grandchild: 1.
  EXPECT_EQ(totals.step_runs, 2 * (6 + 3) + 6 * 3 + 6);
}

TEST(ForkTotalsTest, MemoryOfChildrenIsBounded) {
  EXPECT_THAT(CheckSteps("steps { map { name: 'big' pages: 1000000 } } "
                         "steps { repeat { times: 5000 steps { fork { name: 'c' } } } }"),
              HasSubstr("processes: all maps together have more than 4294967296 pages, those of "
                        "children counted"));
}

}  // namespace
}  // namespace vmsim::scenarios
