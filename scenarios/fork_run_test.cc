// fork and wait: what a child has, what copies cost, who is called what.
#include <string>

#include "scenarios/run_text.h"
#include "scenarios/vpt1_writer.h"

namespace vmsim::scenarios {
namespace {

constexpr char kMachine[] =
    "memory { pages: 1000 } disks { name: 'd' size_bytes: 33554432 fixed {} } swap { disk: 'd' }"
    "shared_segments { name: 'seg' pages: 20 } ";

v1::Result RunSteps(const std::string& steps) {
  return RunText(std::string(kMachine) + "processes { name: 'p' " + steps + " }");
}

// What a parent with ten written pages and its child do to them, and the faults that it takes.
struct Story {
  const char* name;
  const char* map;     // More of the map "m".
  const char* before;  // Steps of the parent between the first touch and the fork.
  const char* child;
  const char* after;  // Steps of the parent after the child's end.
  int64_t cow_faults;
  int64_t zfod;  // Those of the parent's first touch included.
  int64_t child_minflt;
  int child_signal;
};

constexpr char kTouch[] = "steps { touch { map: 'm' } }";
constexpr char kWrite[] = "steps { touch { map: 'm' write: true } }";

constexpr Story kStories[] = {
    // The translations were copied, so reading takes no fault.
    {"ChildReads", "", "", kTouch, "", 0, 10, 0, 0},
    // Ten faults copy ten pages.
    {"ChildWrites", "", "", kWrite, "", 10, 10, 10, 0},
    {"ChildWritesTwice", "", "",
     "steps { touch { map: 'm' write: true } } steps { touch { map: 'm' write: true } }", "", 10,
     10, 10, 0},
    {"ChildWritesHalf", "", "", "steps { touch { map: 'm' pages: 5 write: true } }", "", 5, 10, 5,
     0},
    // What the parent has not touched is zeros for both.
    {"ChildWritesNewMemory", "", "steps { map { name: 'n' pages: 4 } }",
     "steps { touch { map: 'n' write: true } }", "steps { touch { map: 'n' write: true } }", 0,
     10 + 4 + 4, 4, 0},
    // Translations are copied with their permission to write.
    {"SharedByMap", "inherit: SHARE", "", kWrite, kWrite, 0, 10, 0, 0},
    {"SharedByMinherit", "", "steps { minherit { span { map: 'm' } inheritance: SHARE } }", kWrite,
     kWrite, 0, 10, 0, 0},
    {"NotInherited", "inherit: NONE", "", kTouch, kWrite, 0, 10, 0, 11},
    {"HalfInherited", "",
     "steps { minherit { span { map: 'm' first_page: 5 } inheritance: NONE } }",
     "steps { touch { map: 'm' pages: 5 } } steps { touch { map: 'm' first_page: 5 } }", "", 0, 10,
     0, 11},
    {"Zeros", "inherit: ZERO", "", kWrite, kWrite, 0, 10 + 10, 10, 0},
    {"ZerosAgainCopied", "inherit: ZERO",
     "steps { minherit { span { map: 'm' pages: 5 } inheritance: COPY } }", kWrite, "", 5, 10 + 5,
     10, 0},
    {"HoleInTheParent", "", "steps { unmap { map: 'm' first_page: 5 pages: 2 } }", kTouch, "", 0,
     10, 0, 11},
    {"ChildUnmaps", "", "", "steps { unmap { map: 'm' } }", kTouch, 0, 10, 0, 0},
    {"ChildUnmapsAPart", "", "",
     "steps { unmap { map: 'm' pages: 5 } } steps { touch { map: 'm' first_page: 5 write: true } }",
     kTouch, 5, 10, 5, 0},
    // A call on both joins what is alike, but never two maps: each has page tables of its own.
    {"TwoMapsAdvisedAsOne", "",
     "steps { map { name: 'n' pages: 10 } }"
     "steps { madvise { span { map: 'm' length_bytes: 81920 } advice: NORMAL } }",
     "steps { touch { map: 'm' write: true } } steps { touch { map: 'n' write: true } }", "", 10,
     10 + 10, 10 + 10, 0},
    {"GrandchildWrites", "", "",
     "steps { fork { name: 'g' steps { touch { map: 'm' write: true } } } } steps { wait {} }", "",
     10, 10, 0, 0},
};

class ForkTest : public testing::TestWithParam<Story> {};

TEST_P(ForkTest, Story) {
  const Story& story = GetParam();
  const v1::Result result = RunSteps(std::string("steps { map { name: 'm' pages: 10 ") + story.map +
                                     " } }" + kWrite + story.before + " steps { fork { name: 'c' " +
                                     story.child + " } } steps { wait {} }" + story.after);
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "v_cow_faults"), story.cow_faults);
  EXPECT_EQ(Counter(result, "v_zfod"), story.zfod);
  EXPECT_EQ(ProcessOf(result, "c").minflt(), story.child_minflt);
  EXPECT_EQ(ProcessOf(result, "c").signal(), story.child_signal);
  EXPECT_EQ(ProcessOf(result, "p").signal(), 0);
  // The segment's 20 pages stay reserved; nothing else is left.
  EXPECT_EQ(Counter(result, "swap_reserved"), 20);
  EXPECT_EQ(Counter(result, "v_free_count"), 1000);
}

INSTANTIATE_TEST_SUITE_P(, ForkTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// While the child lives both write: each page is copied once, for the first who writes; the second
// writer copies as well, from what both had.
TEST(ForkRunTest, BothWrite) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' write: true } }"
      "steps { fork { name: 'c' steps { touch { map: 'm' write: true } }"
      "  steps { sleep { ns: 1000000000 } } } }"
      "steps { sleep { ns: 100000000 } } steps { touch { map: 'm' write: true } }"
      "steps { wait {} }");
  EXPECT_EQ(ProcessOf(result, "c").minflt(), 10);
  EXPECT_EQ(ProcessOf(result, "p").minflt(), 20);
  EXPECT_EQ(Counter(result, "v_cow_faults"), 20);
}

TEST(ForkRunTest, Counters) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 10 } } steps { map { name: 's' shared_segment: 'seg' } }"
      "steps { repeat { times: 3 steps { fork { name: 'c' } label: 'fork' } steps { wait {} } } }");
  EXPECT_EQ(Counter(result, "v_forks"), 3);
  EXPECT_EQ(Counter(result, "v_forkpages"), 90);
  // 500 ns and 20 ns for each of the 30 pages.
  EXPECT_EQ(CallOf(result, "p", "fork").times(), 3);
  EXPECT_EQ(CallOf(result, "p", "fork").total_ns(), 3 * (500 + 30 * 20));
}

// A child's copies cost a fault, the copy and the reference each.
TEST(ForkRunTest, CostOfACopy) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' write: true } }"
      "steps { fork { name: 'c' steps { touch { map: 'm' write: true } } } } steps { wait {} }"
      "} costs { page_copy_ns: 12345 } processes { name: 'q'");
  EXPECT_EQ(ProcessOf(result, "c").cpu_time_ns(), 10 * (500 + 12345 + 100));
}

// A segment is shared with the child; a private map of it is not shared with anybody.
TEST(ForkRunTest, SegmentsAreSharedUnlessPrivate) {
  const auto run = [](const std::string& map) {
    return RunSteps(
        "steps { map { name: 's' shared_segment: 'seg' } } steps { touch { map: 's' write: true } }"
        "steps { map { name: 'm' shared_segment: 'seg' " +
        map +
        " } }"
        "steps { touch { map: 'm' pages: 10 write: true } }"
        "steps { fork { name: 'c' steps { touch { map: 'm' write: true } } } } steps { wait {} }");
  };
  const v1::Result shared = run("");
  EXPECT_EQ(Failed(shared), Texts{});
  EXPECT_EQ(Counter(shared, "v_cow_faults"), 0);
  EXPECT_EQ(Counter(shared, "v_free_count"), 980);
  // The parent copies 10; the child these 10 and 10 of the segment.
  const v1::Result own = run("private: true");
  EXPECT_EQ(Failed(own), Texts{});
  EXPECT_EQ(Counter(own, "v_cow_faults"), 10 + 20);
  EXPECT_EQ(Counter(own, "v_zfod"), 20);
  EXPECT_EQ(Counter(own, "v_free_count"), 980);
}

TEST(ForkRunTest, ChildrenAreNumberedByParentAndRun) {
  const v1::Result result = RunText(
      "memory { pages: 1000 }"
      "processes { name: 'p' count: 2 steps { map { name: 'm' pages: 50 } }"
      "  steps { repeat { times: 2 steps { repeat { times: 3"
      "    steps { fork { name: 'c' steps { generate { map: 'm' kind: UNIFORM refs: 30 } }"
      "      steps { fork { name: 'g' steps { exit { status: 7 } } } } } } } } } }"
      "  steps { fork { name: 'last' } } steps { wait {} } }"
      "expectations { process { name: 'g.11' field: EXIT_STATUS } eq: 7 }"
      "expectations { process { name: 'last.1' field: EXIT_STATUS } eq: 0 }");
  EXPECT_EQ(Failed(result), Texts{});
  ASSERT_EQ(result.processes_size(), 2 + 12 + 12 + 2);
  EXPECT_EQ(result.processes(0).name(), "p.0");
  EXPECT_EQ(result.processes(1).name(), "p.1");
  // A child's number says whose it is: it cannot begin before its parent, or end after.
  for (int i = 0; i < 12; ++i) {
    const v1::ProcessResult child = ProcessOf(result, absl::StrCat("c.", i));
    const v1::ProcessResult parent = ProcessOf(result, i < 6 ? "p.0" : "p.1");
    const v1::ProcessResult grandchild = ProcessOf(result, absl::StrCat("g.", i));
    EXPECT_GE(child.start_ns(), parent.start_ns()) << i;
    EXPECT_LE(child.end_ns(), parent.end_ns()) << i;
    EXPECT_EQ(child.references(), 30) << i;
    EXPECT_GE(grandchild.start_ns(), child.start_ns()) << i;
  }
}

// Children are processes of their own: what they draw depends on their names, and not on others.
TEST(ForkRunTest, ChildrenDrawByTheirNames) {
  const auto minflt = [](const std::string& more) {
    const v1::Result result = RunSteps(
        more +
        "steps { map { name: 'm' pages: 400 } }"
        "steps { repeat { times: 2 steps { fork { name: 'c'"
        "  steps { generate { map: 'm' kind: UNIFORM refs: 500 } } } } } } steps { wait {} }");
    return std::make_pair(ProcessOf(result, "c.0").minflt(), ProcessOf(result, "c.1").minflt());
  };
  const auto plain = minflt("");
  EXPECT_NE(plain.first, plain.second);
  EXPECT_EQ(minflt("steps { fork { name: 'other' } } steps { sleep { ns: 10 } } "), plain);
}

TEST(ForkRunTest, WaitIsForAllChildrenAndOnlyForThem) {
  const v1::Result result = RunSteps(
      "steps { fork { name: 'short' steps { sleep { ns: 1000000 } } } }"
      "steps { fork { name: 'long' steps { fork { name: 'g' steps { sleep { ns: 900000000 } } } }"
      "  steps { sleep { ns: 50000000 } } steps { exit { status: 3 } } } }"
      "steps { wait {} label: 'w' } steps { wait {} expect_errno: 'ECHILD' }");
  EXPECT_EQ(Failed(result), Texts{});
  const int64_t ended = ProcessOf(result, "p").end_ns();
  EXPECT_GE(ended, ProcessOf(result, "long").end_ns());
  EXPECT_LT(ended, 60000000);
  EXPECT_GE(ProcessOf(result, "g").end_ns(), 900000000);
  EXPECT_EQ(ProcessOf(result, "long").exit_status(), 3);
  EXPECT_EQ(result.sim_time_ns(), ProcessOf(result, "g").end_ns());
}

TEST(ForkRunTest, ParentsKillChildren) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 10 } }"
      "steps { repeat { times: 2 steps { fork { name: 'c'"
      "  steps { touch { map: 'm' write: true } } steps { sleep { ns: 50000000000 } } } } } }"
      "steps { sleep { ns: 1000000 } }"
      "steps { kill { process: 'c.0' } } steps { kill { process: 'c.1' signal: 9 } }"
      "steps { wait {} } steps { kill { process: 'c.1' signal: 9 } expect_errno: 'ESRCH' }"
      "steps { fork { name: 'never_ran' steps { sleep { ns: 5000000000 } } } }"
      "steps { kill { process: 'never_ran' signal: 9 } } steps { wait {} }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(ProcessOf(result, "c.0").signal(), 15);
  EXPECT_EQ(ProcessOf(result, "c.1").signal(), 9);
  EXPECT_EQ(ProcessOf(result, "never_ran").signal(), 9);
  EXPECT_LT(result.sim_time_ns(), 10000000);
  EXPECT_EQ(Counter(result, "v_free_count"), 1000);
}

TEST(ForkRunTest, AKilledParentLeavesItsChildren) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 10 } }"
      "steps { fork { name: 'c' steps { sleep { ns: 1000000 } }"
      "  steps { touch { map: 'm' write: true } } } }"
      "steps { kill { process: 'p' } }");
  EXPECT_EQ(ProcessOf(result, "p").signal(), 15);
  EXPECT_EQ(ProcessOf(result, "c").references(), 10);
  EXPECT_EQ(ProcessOf(result, "c").signal(), 0);
}

// 100 pages of swap, two of them its label; reserving beyond that is refused.
TEST(ForkRunTest, NoSwapToPromiseNoChild) {
  const v1::Result result = RunText(
      "memory { pages: 1000 } disks { name: 'd' size_bytes: 409600 fixed {} } swap { disk: 'd' }"
      "tunables { overcommit: 1 }"
      "processes { name: 'p' steps { map { name: 'm' pages: 60 } }"
      "  steps { map { name: 'n' pages: 60 } expect_errno: 'ENOMEM' }"
      "  steps { touch { map: 'm' pages: 5 write: true } }"
      "  steps { fork { name: 'c' } expect_errno: 'ENOMEM' label: 'refused' }"
      "  steps { wait {} expect_errno: 'ECHILD' }"
      "  steps { unmap { map: 'm' first_page: 30 } }"
      "  steps { touch { map: 'm' pages: 30 write: true } }"
      "  steps { fork { name: 'd' steps { touch { map: 'm' pages: 30 write: true } } } }"
      "  steps { wait {} }"
      "  steps { touch { map: 'n' } } }"
      "expectations { process { name: 'c' field: MINFLT } eq: 0 }");
  EXPECT_EQ(Failed(result), Texts{"process[c] minflt == 0: 0"}) << "it was never there";
  ASSERT_EQ(result.processes_size(), 2);
  EXPECT_EQ(ProcessOf(result, "d").references(), 30);
  EXPECT_EQ(CallOf(result, "p", "refused").last_errno(), "ENOMEM");
  // What could not be mapped is nowhere.
  EXPECT_EQ(ProcessOf(result, "p").signal(), 11);
  EXPECT_EQ(Counter(result, "swap_reserved"), 0);
}

// A child replays what its parent has mapped, and traces of its own.
TEST(ForkRunTest, Traces) {
  const auto write = [](const std::string& name, std::initializer_list<uint64_t> pages) {
    std::vector<uint64_t> words;
    for (const uint64_t page : pages) words.push_back(MakeRecord(page, kStore, 1).word);
    ASSERT_TRUE(WriteVpt1(testing::TempDir() + "/" + name, words).ok());
  };
  write("parent.vpt", {100, 101, 102});
  write("child.vpt", {500, (uint64_t{1} << 35) + 7});
  write("over.vpt", {102});
  RunOptions options;
  options.base_dir = testing::TempDir();
  const auto text = [](const std::string& file) {
    return "memory { pages: 1000 } processes { name: 'p' steps { map { name: 'm' pages: 10 } }"
           "  steps { trace { file: 'parent.vpt' } }"
           "  steps { repeat { times: 2 steps { fork { name: 'c'"
           "    steps { trace { file: 'parent.vpt' } } steps { trace { file: '" +
           file +
           "' } }"
           "    steps { touch { map: 'm' write: true } } } } steps { wait {} } } } }";
  };
  const v1::Result result = RunText(text("child.vpt"), options);
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(ProcessOf(result, "c.1").references(), 3 + 2 + 10);
  EXPECT_EQ(Counter(result, "v_cow_faults"), 2 * 3);
  EXPECT_EQ(Counter(result, "v_zfod"), 3 + 2 * (2 + 10));
  const auto file = ParseScenario(text("over.vpt"), "s", {});
  ASSERT_TRUE(file.ok());
  const auto refused = RunScenario(file->scenario, options, file->place);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(refused.status().message().find(
                "processes[0].steps[2].repeat.steps[0].fork: the traces parent.vpt and over.vpt "
                "both map page 102"),
            absl::string_view::npos)
      << refused.status();
}

// Siblings never have each other's traces, so these may overlap.
TEST(ForkRunTest, SiblingsMayHaveOverlappingTraces) {
  const uint64_t once = MakeRecord(102, kLoad, 1).word;
  const uint64_t twice = MakeRecord(102, kLoad, 2).word;
  ASSERT_TRUE(WriteVpt1(testing::TempDir() + "/one.vpt", {&once, 1}).ok());
  ASSERT_TRUE(WriteVpt1(testing::TempDir() + "/two.vpt", {&twice, 1}).ok());
  RunOptions options;
  options.base_dir = testing::TempDir();
  const v1::Result result = RunText(
      "memory { pages: 1000 } processes { name: 'p'"
      "  steps { fork { name: 'a' steps { trace { file: 'one.vpt' } } } }"
      "  steps { fork { name: 'b' steps { trace { file: 'two.vpt' } } } } }",
      options);
  EXPECT_EQ(ProcessOf(result, "a").references(), 1);
  EXPECT_EQ(ProcessOf(result, "b").references(), 2);
}

// Many children under pressure: everything that was taken comes back, whoever ended when.
TEST(ForkRunTest, PressureAndOneResult) {
  const std::string text =
      std::string(kMachine) +
      "seed: 5 processes { name: 'p' count: 3 steps { map { name: 'm' pages: 300 } }"
      "  steps { touch { map: 'm' write: true } }"
      "  steps { repeat { times: 4 steps { fork { name: 'c'"
      "    steps { generate { map: 'm' kind: UNIFORM refs: 600 write_pct: 50 } } } } } }"
      "  steps { generate { map: 'm' kind: UNIFORM refs: 900 write_pct: 50 } }"
      "  steps { wait {} } }";
  const v1::Result one = RunText(text);
  EXPECT_EQ(Failed(one), Texts{});
  EXPECT_GT(Counter(one, "v_cow_faults"), 1000);
  EXPECT_GT(Counter(one, "v_swappgsout"), 1000);
  EXPECT_EQ(Counter(one, "v_free_count"), 1000);
  EXPECT_EQ(Counter(one, "swap_used"), 0);
  EXPECT_EQ(Counter(one, "swap_reserved"), 20);
  EXPECT_EQ(RunText(text).SerializeAsString(), one.SerializeAsString());
}

}  // namespace
}  // namespace vmsim::scenarios
