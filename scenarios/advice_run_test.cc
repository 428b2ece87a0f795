// madvise and mincore.
#include <string>

#include "scenarios/run_text.h"

namespace vmsim::scenarios {
namespace {

constexpr char kMachine[] =
    "memory { pages: 1000 } disks { name: 'd' size_bytes: 33554432 fixed {} } swap { disk: 'd' }"
    "shared_segments { name: 'seg' pages: 20 } ";

// The segment's pages are in memory, but not mapped by the second process until it touches them,
// one by one, or asks for what there is.
TEST(AdviceRunTest, WillNeedMapsWhatIsResident) {
  const v1::Result result =
      RunText(std::string(kMachine) +
              "processes { name: 'first' steps { map { name: 's' shared_segment: 'seg' } }"
              "  steps { touch { map: 's' pages: 15 write: true } } }"
              "processes { name: 'second' start_ns: 1000000 steps { map { name: 's' "
              "shared_segment: 'seg' } }"
              "  steps { mincore { span { map: 's' } } label: 'before' }"
              "  steps { madvise { span { map: 's' } advice: WILLNEED } }"
              "  steps { mincore { span { map: 's' } } label: 'after' }"
              "  steps { touch { map: 's' } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(MincoreOf(result, "second", "before"), "incore 0");
  EXPECT_EQ(CallOf(result, "second", "after").mincore().incore(), 15);
  EXPECT_EQ(ProcessOf(result, "second").minflt(), 5);
}

// vm.mincore_mapped = 0 looks at the segment, too.
TEST(AdviceRunTest, MincoreCanLookAtTheObject) {
  const v1::Result result = RunText(
      std::string(kMachine) +
      "tunables { mincore_mapped: false }"
      "processes { name: 'first' steps { map { name: 's' shared_segment: 'seg' } }"
      "  steps { touch { map: 's' pages: 15 write: true } } steps { sleep { ns: 10000000 } } }"
      "processes { name: 'second' start_ns: 1000000 steps { map { name: 's' shared_segment: 'seg' "
      "} }"
      "  steps { mincore { span { map: 's' } } label: 'in' } }");
  EXPECT_EQ(MincoreOf(result, "second", "in"), "incore 15 referenced_other 15 modified_other 15");
}

// A map of 400 written pages is advised about, then another one needs the memory.
v1::Result AdvisedAndPressed(const std::string& advice) {
  return RunText(
      std::string(kMachine) +
      "processes { name: 'p' steps { map { name: 'm' pages: 400 } }"
      "  steps { touch { map: 'm' write: true } } " +
      advice +
      "  steps { mincore { span { map: 'm' } } label: 'advised' }"
      "  steps { map { name: 'big' pages: 900 } } steps { touch { map: 'big' write: true } }"
      "  steps { touch { map: 'm' } } }");
}

// What is free need not be written; what is only not needed has to be, and is read back.
TEST(AdviceRunTest, FreeSavesTheWrites) {
  const v1::Result plain = AdvisedAndPressed("");
  const v1::Result dont_need =
      AdvisedAndPressed("steps { madvise { span { map: 'm' } advice: DONTNEED } }");
  const v1::Result free = AdvisedAndPressed("steps { madvise { span { map: 'm' } advice: FREE } }");
  EXPECT_EQ(MincoreOf(plain, "p", "advised"),
            "incore 400 referenced 400 modified 400 referenced_other 400 modified_other 400");
  EXPECT_EQ(CallOf(dont_need, "p", "advised").mincore().incore(), 400);
  EXPECT_EQ(CallOf(dont_need, "p", "advised").mincore().referenced(), 0);
  EXPECT_EQ(CallOf(free, "p", "advised").mincore().incore(), 400);
  EXPECT_EQ(CallOf(free, "p", "advised").mincore().modified(), 0);
  // All 400 come back as zeros.
  EXPECT_EQ(Counter(free, "v_zfod"), 400 + 900 + 400);
  EXPECT_EQ(Counter(dont_need, "v_zfod"), 400 + 900);
  EXPECT_GT(Counter(dont_need, "v_swappgsout"), 0);
  EXPECT_LT(Counter(free, "v_swappgsout"), Counter(dont_need, "v_swappgsout"));
}

// Without swap the larger of the two would be killed.
TEST(AdviceRunTest, ProtectSparesAProcess) {
  const auto run = [](const std::string& protect) {
    return RunText(
        "memory { pages: 1000 } processes { name: 'large' steps { map { name: 'm' pages: 700 } }"
        "  steps { touch { map: 'm' write: true } } steps { sleep { ns: 300000000000 } } }"
        "processes { name: 'small' start_ns: 100000000 steps { map { name: 'm' pages: 500 } } " +
        protect + " steps { touch { map: 'm' write: true } } }");
  };
  const v1::Result plain = run("");
  EXPECT_TRUE(ProcessOf(plain, "large").oom_killed());
  EXPECT_FALSE(ProcessOf(plain, "small").oom_killed());
  const v1::Result spared = run("steps { madvise { advice: PROTECT process: 'large' } }");
  EXPECT_EQ(Failed(spared), Texts{});
  EXPECT_FALSE(ProcessOf(spared, "large").oom_killed());
  EXPECT_TRUE(ProcessOf(spared, "small").oom_killed());
  const v1::Result ended =
      run("steps { kill { process: 'large' signal: 9 } } steps { sleep { ns: 1000000 } }"
          "steps { madvise { advice: PROTECT process: 'large' } expect_errno: 'ESRCH' }");
  EXPECT_EQ(Failed(ended), Texts{});
  EXPECT_EQ(ProcessOf(ended, "large").signal(), 9);
  EXPECT_EQ(Counter(ended, "oom_kills"), 0);
}

// Read-ahead from swap: RANDOM reads one page a time, NORMAL its neighbours, too.
TEST(AdviceRunTest, OrderOfUseDecidesReadAhead) {
  const auto run = [](const std::string& advice) {
    return RunText(
        std::string(kMachine) +
        "processes { name: 'p' steps { map { name: 'm' pages: 500 } }"
        "  steps { touch { map: 'm' write: true } }"
        "  steps { map { name: 'big' pages: 900 } } steps { touch { map: 'big' write: true } }"
        "  steps { unmap { map: 'big' } }"
        "  steps { madvise { span { map: 'm' } advice: " +
        advice +
        " } }"
        "  steps { touch { map: 'm' } } }");
  };
  const v1::Result random = run("RANDOM");
  const v1::Result normal = run("NORMAL");
  EXPECT_GT(Counter(random, "v_swapin"), 100);
  EXPECT_EQ(Counter(random, "v_swapin"), Counter(random, "v_swappgsin"));
  EXPECT_LT(2 * Counter(normal, "v_swapin"), Counter(normal, "v_swappgsin"));
}

}  // namespace
}  // namespace vmsim::scenarios
