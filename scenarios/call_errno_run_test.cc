// Which errno each call comes to, and what the result says of it.
#include <string>

#include "scenarios/run_text.h"

namespace vmsim::scenarios {
namespace {

struct Story {
  const char* name;
  const char* steps;  // Each step says itself what it must come to.
};

// "m" has 10 pages, of which the fifth and sixth are unmapped; nothing else is mapped.
constexpr char kHole[] =
    "steps { map { name: 'm' pages: 10 } } steps { unmap { map: 'm' first_page: 4 pages: 2 } }";

constexpr Story kStories[] = {
    {"MunmapOfNothing", "steps { unmap { map: 'm' length_bytes: 0 } expect_errno: 'EINVAL' }"},
    {"MunmapOfPartsOfPagesTakesThemWhole",
     "steps { unmap { map: 'm' offset_bytes: 4095 length_bytes: 2 } }"
     "steps { mincore { span { map: 'm' first_page: 0 pages: 1 } } expect_errno: 'ENOMEM' }"
     "steps { mincore { span { map: 'm' first_page: 1 pages: 1 } } expect_errno: 'ENOMEM' }"
     "steps { mincore { span { map: 'm' first_page: 2 pages: 1 } } }"},
    {"MunmapThatWraps",
     "steps { unmap { map: 'm' length_bytes: 18446744073709547520 } expect_errno: 'EINVAL' }"},
    {"MunmapBeyondTheAddressSpace",
     "steps { unmap { offset_bytes: 281474976710656 length_bytes: 4096 } expect_errno: 'EINVAL' }"},
    {"MunmapOfAHole", "steps { unmap { map: 'm' first_page: 4 pages: 2 } }"},
    {"MadviseThatWraps",
     "steps { madvise { span { map: 'm' length_bytes: 18446744073709551615 } advice: DONTNEED } "
     "expect_errno: 'EINVAL' }"},
    {"MadviseOfHolesAndPartsOfPages",
     "steps { madvise { span { map: 'm' offset_bytes: 1 length_bytes: 40000 } advice: DONTNEED } }"
     "steps { madvise { span { map: 'm' } advice: WILLNEED } }"
     "steps { madvise { span { map: 'm' } advice: FREE } }"
     "steps { madvise { span { map: 'm' } advice: RANDOM } }"
     "steps { madvise { span { map: 'm' } advice: SEQUENTIAL } }"
     "steps { madvise { span { map: 'm' } advice: NORMAL } }"
     "steps { madvise { span { map: 'm' } advice: NOSYNC } }"
     "steps { madvise { span { map: 'm' } advice: AUTOSYNC } }"
     "steps { madvise { span { map: 'm' } advice: NOCORE } }"
     "steps { madvise { span { map: 'm' } advice: CORE } }"},
    {"ProtectOfNobody",
     "steps { madvise { advice: PROTECT process: 'nobody' } expect_errno: 'ESRCH' }"
     "steps { madvise { advice: PROTECT process: 'p' } }"
     "steps { madvise { advice: PROTECT } }"},
    {"MlockOverAHole",
     "steps { mlock { span { map: 'm' } } expect_errno: 'ENOMEM' }"
     "steps { mlock { span { map: 'm' pages: 4 } } }"
     "steps { munlock { span { map: 'm' pages: 5 } } expect_errno: 'ENOMEM' }"
     "steps { munlock { span { map: 'm' pages: 4 } } }"},
    {"MlockThatWraps",
     "steps { mlock { span { map: 'm' length_bytes: 18446744073709551615 } } "
     "expect_errno: 'EINVAL' }"
     "steps { munlock { span { map: 'm' length_bytes: 18446744073709551615 } } "
     "expect_errno: 'EINVAL' }"},
    {"MlockOfNothing", "steps { mlock { span { map: 'm' length_bytes: 0 } } }"},
    {"MlockWithoutAccess",
     "steps { mprotect { span { map: 'm' pages: 4 } } }"
     "steps { mlock { span { map: 'm' pages: 4 } } expect_errno: 'ENOMEM' }"},
    {"MunlockOfWhatIsNotLocked",
     "steps { munlock { span { map: 'm' pages: 1 } } }"
     "steps { munlock { span { map: 'm' first_page: 5 pages: 2 } } expect_errno: 'ENOMEM' }"},
    {"MlockallOfNothing", "steps { mlockall {} expect_errno: 'EINVAL' } steps { munlockall {} }"},
    {"MsyncAsyncAndInvalidate",
     "steps { msync { span { map: 'm' } async: true invalidate: true } expect_errno: 'EINVAL' }"},
    {"MsyncOverAHole", "steps { msync { span { map: 'm' } } expect_errno: 'ENOMEM' }"},
    {"MsyncOfOneEntry",
     "steps { msync { span { map: 'm' offset_bytes: 0 length_bytes: 0 } } }"
     "steps { msync { span { map: 'm' offset_bytes: 16384 length_bytes: 0 } } "
     "expect_errno: 'ENOMEM' }"},
    {"MsyncThatWraps",
     "steps { msync { span { map: 'm' offset_bytes: 4096 length_bytes: 18446744073709547520 } } "
     "expect_errno: 'EINVAL' }"},
    {"MsyncInvalidatesWhatIsLocked",
     "steps { mlock { span { map: 'm' first_page: 1 pages: 2 } } }"
     "steps { msync { span { map: 'm' pages: 4 } } }"
     "steps { msync { span { map: 'm' pages: 4 } invalidate: true } expect_errno: 'EBUSY' }"
     "steps { msync { span { map: 'm' pages: 1 } invalidate: true } }"},
    {"MincoreOverAHole",
     "steps { mincore { span { map: 'm' } } expect_errno: 'ENOMEM' }"
     "steps { mincore { span { map: 'm' first_page: 3 pages: 2 } } expect_errno: 'ENOMEM' }"
     "steps { mincore { span { map: 'm' pages: 4 } } }"
     "steps { mincore { span { map: 'm' first_page: 6 } } }"},
    {"MincoreThatWraps",
     "steps { mincore { span { map: 'm' length_bytes: 18446744073709547520 } } "
     "expect_errno: 'ENOMEM' }"},
    {"MincoreOfNothing", "steps { mincore { span { map: 'm' length_bytes: 0 } } }"},
    {"MprotectOverAHole",
     "steps { mprotect { span { map: 'm' } read: true } }"
     "steps { touch { map: 'm' pages: 4 } } steps { touch { map: 'm' first_page: 6 } }"},
    {"MprotectThatWraps",
     "steps { mprotect { span { map: 'm' offset_bytes: 4096 length_bytes: 18446744073709547520 } } "
     "expect_errno: 'EINVAL' }"},
    {"MinheritOverAHole",
     "steps { minherit { span { map: 'm' } inheritance: NONE } }"
     "steps { minherit { span { map: 'm' offset_bytes: 4096 length_bytes: 18446744073709547520 } "
     "inheritance: SHARE } expect_errno: 'EINVAL' }"},
    {"WaitWithoutChildren",
     "steps { wait {} expect_errno: 'ECHILD' }"
     "steps { fork { name: 'c' } }"
     "steps { wait {} }"
     "steps { wait {} expect_errno: 'ECHILD' }"},
    {"KillOfNobody",
     "steps { kill { process: 'nobody' } expect_errno: 'ESRCH' }"
     "steps { kill { process: 'p' signal: 0 } }"
     "steps { kill { process: 'late' signal: 0 } expect_errno: 'ESRCH' }"
     "steps { fork { name: 'c' } }"
     "steps { kill { process: 'c' signal: 0 } }"
     "steps { wait {} }"
     "steps { kill { process: 'c' signal: 0 } expect_errno: 'ESRCH' }"},
    {"AMapThatIsTooLarge",
     "steps { map { name: 'huge' pages: 3000000000 } expect_errno: 'ENOMEM' }"
     "steps { madvise { span { map: 'huge' } advice: DONTNEED } expect_errno: 'EINVAL' }"
     "steps { mlock { span { map: 'huge' } } expect_errno: 'EINVAL' }"
     "steps { mincore { span { map: 'huge' } } expect_errno: 'ENOMEM' }"
     "steps { unmap { map: 'huge' } expect_errno: 'EINVAL' }"
     "steps { map { name: 'huge' pages: 5 } }"
     "steps { touch { map: 'huge' } }"},
    {"SwapThatIsOn",
     "steps { swapon { swap: 0 } expect_errno: 'EBUSY' }"
     "steps { swapoff { disk: 'd' } }"
     "steps { swapoff { swap: 0 } expect_errno: 'EINVAL' }"
     "steps { swapon { disk: 'd' } }"},
};

std::string Scenario(const std::string& steps) {
  return "memory { pages: 1000 } disks { name: 'd' size_bytes: 8388608 fixed {} } "
         "swap { disk: 'd' } processes { name: 'p' " +
         steps + " } processes { name: 'late' start_ns: 10000000000 }";
}

class CallErrnoTest : public testing::TestWithParam<Story> {};

TEST_P(CallErrnoTest, IsAsExpected) {
  const v1::Result result = RunText(Scenario(std::string(kHole) + GetParam().steps));
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(ProcessOf(result, "p").signal(), 0);
  EXPECT_EQ(Counter(result, "v_free_count"), 1000);
  EXPECT_EQ(Counter(result, "v_wire_count"), 0);
  EXPECT_EQ(Counter(result, "user_wired_pages"), 0);
  EXPECT_EQ(Counter(result, "swap_reserved"), 0);
}

INSTANTIATE_TEST_SUITE_P(, CallErrnoTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// Memory that cannot be written needs no swap; if a part of it can be, all of it does. 100 pages of
// swap are promised at most.
TEST(CallErrnoRunTest, MprotectReservesSwap) {
  const v1::Result result = RunText(
      "memory { pages: 1000 } disks { name: 'd' size_bytes: 409600 fixed {} } swap { disk: 'd' }"
      "tunables { overcommit: 1 } processes { name: 'p'"
      "  steps { map { name: 'm' pages: 80 } } steps { map { name: 'n' pages: 30 read_only: true } "
      "}"
      "  steps { mprotect { span { map: 'n' pages: 20 } read: true write: true }"
      "    expect_errno: 'ENOMEM' }"
      "  steps { unmap { map: 'm' first_page: 70 } }"
      "  steps { mprotect { span { map: 'n' pages: 20 } read: true write: true } }"
      "  steps { touch { map: 'n' pages: 20 write: true } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(ProcessOf(result, "p").signal(), 0);
  EXPECT_EQ(Counter(result, "swap_reserved"), 0);
}

// --- What the result says ---

TEST(CallResultTest, AnUnexpectedErrnoIsAFailedExpectation) {
  const v1::Result result =
      RunText(Scenario("steps { wait {} }"
                       "steps { map { name: 'm' pages: 1 } expect_errno: 'ENOMEM' }"
                       "steps { repeat { times: 3 steps { wait {} expect_errno: 'ANY' } "
                       "steps { mlockall { } expect_errno: 'ENOMEM' } } }"));
  EXPECT_EQ(Failed(result),
            (Texts{"process[p] steps[0].wait errno == 0: 10 ECHILD",
                   "process[p] steps[1].map errno == ENOMEM: 0 0",
                   "process[p] steps[2].repeat.steps[1].mlockall errno == ENOMEM: 22 EINVAL"}));
}

TEST(CallResultTest, ManyUnexpectedErrnosAreCounted) {
  std::string steps;
  for (int i = 0; i < 70; ++i) steps += "steps { wait {} } ";
  const v1::Result result = RunText(Scenario("steps { repeat { times: 2 " + steps + " } }"));
  const Texts failed = Failed(result);
  ASSERT_EQ(failed.size(), 65u);
  EXPECT_EQ(failed[63], "process[p] steps[0].repeat.steps[63].wait errno == 0: 10 ECHILD");
  // Six steps, twice each.
  EXPECT_EQ(failed[64], "other calls with an errno that was not expected == 0: 12");
}

// A call costs 500 ns, and 20 ns for each page that it looks at.
TEST(CallResultTest, LabelsSumUp) {
  const v1::Result result = RunText(
      Scenario("steps { map { name: 'm' pages: 10 } label: 'map' }"
               "steps { touch { map: 'm' first_page: 2 pages: 3 write: true } }"
               "steps { touch { map: 'm' first_page: 5 pages: 2 } }"
               "steps { repeat { times: 4 "
               "  steps { mincore { span { map: 'm' } } label: 'in' }"
               "  steps { wait {} expect_errno: 'ECHILD' label: 'none' } } }"
               "steps { mincore { span { offset_bytes: 0 length_bytes: 1 } } "
               "expect_errno: 'ENOMEM' label: 'low' }"
               "steps { kill { process: 'p' signal: 9 } }"
               "steps { munlockall {} label: 'never' }"
               "} expectations { call { process: 'p' label: 'in' field: INCORE } eq: 5 } "
               "expectations { call { process: 'p' label: 'none' field: LAST_ERRNO } eq: 10 } "
               "expectations { call { process: 'p' label: 'low' field: INCORE } eq: 0 } "
               "expectations { call { process: 'p' label: 'never' field: TIMES } eq: 0 } "
               "expectations { call { process: 'p' label: 'never' field: LAST_ERRNO } ge: 0 } "
               "processes { name: 'q'"));
  ASSERT_EQ(result.calls_size(), 5);
  EXPECT_EQ(result.calls(0).call(), "map");
  EXPECT_EQ(result.calls(0).total_ns(), 0);
  EXPECT_EQ(result.calls(1).times(), 4);
  EXPECT_EQ(result.calls(1).failures(), 0);
  EXPECT_EQ(result.calls(1).last_errno(), "0");
  EXPECT_EQ(result.calls(1).total_ns(), 4 * (500 + 10 * 20));
  EXPECT_EQ(MincoreOf(result, "p", "in"),
            "incore 5 referenced 5 modified 3 referenced_other 5 modified_other 3");
  EXPECT_EQ(CallOf(result, "p", "none").failures(), 4);
  EXPECT_EQ(CallOf(result, "p", "none").last_errno(), "ECHILD");
  EXPECT_EQ(CallOf(result, "p", "none").total_ns(), 4 * 500);
  EXPECT_EQ(CallOf(result, "p", "low").last_errno(), "ENOMEM");
  EXPECT_EQ(MincoreOf(result, "p", "low"), "-");
  EXPECT_EQ(CallOf(result, "p", "never").times(), 0);
  EXPECT_EQ(CallOf(result, "p", "never").last_errno(), "");
  // What has no answer has no figure.
  EXPECT_EQ(Failed(result),
            (Texts{"call[p low] incore == 0: 0", "call[p never] last_errno >= 0: 0"}));
  EXPECT_FALSE(result.expectations(2).has_got());
}

TEST(CallResultTest, CostsAreFields) {
  const v1::Result result = RunText(Scenario(
      "steps { map { name: 'm' pages: 10 } } steps { mincore { span { map: 'm' } } label: 'in' }"
      "} costs { syscall_ns: 7000 pte_ns: 3 } processes { name: 'q'"));
  EXPECT_EQ(CallOf(result, "p", "in").total_ns(), 7000 + 10 * 3);
}

// A process that is killed in a call never learns how it ended.
TEST(CallResultTest, ACallThatASignalEndsHasNoOutcome) {
  const v1::Result result = RunText(
      "memory { pages: 1000 }"
      "processes { name: 'p' steps { fork { name: 'c' steps { sleep { ns: 1000000000 } } } } "
      "  steps { wait {} label: 'w' } }"
      "processes { name: 'q' start_ns: 1000000 steps { kill { process: 'p' } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(CallOf(result, "p", "w").times(), 0);
  EXPECT_EQ(ProcessOf(result, "p").signal(), 15);
  EXPECT_LT(ProcessOf(result, "p").end_ns(), 2000000);
  EXPECT_GE(ProcessOf(result, "c").end_ns(), 1000000000);
}

}  // namespace
}  // namespace vmsim::scenarios
