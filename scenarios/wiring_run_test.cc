// mlock and its family: what is wired, and the limits.
#include <string>

#include "scenarios/run_text.h"

namespace vmsim::scenarios {
namespace {

// Memory of 1000 pages with swap; the process has a limit of 100 wired pages, the machine of 300.
v1::Result RunSteps(const std::string& steps, const std::string& more = "") {
  return RunText(
      "memory { pages: 1000 } tunables { max_user_wired_pages: 300 }"
      "disks { name: 'd' size_bytes: 33554432 fixed {} } swap { disk: 'd' }"
      "processes { name: 'p' rlimit_memlock_pages: 100 " +
      steps + " } " + more);
}

// Wiring brings every page in, written or not, and none of them leaves while another map of twice
// the memory is written: the wired pages are found again without a fault.
TEST(WiringRunTest, WiredPagesStay) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 50 } } steps { mlock { span { map: 'm' } } }"
      "steps { mincore { span { map: 'm' } } label: 'wired' }"
      "steps { map { name: 'big' pages: 2000 } } steps { touch { map: 'big' write: true } }"
      "steps { mincore { span { map: 'm' } } label: 'later' }"
      "steps { touch { map: 'm' write: true } }"
      "steps { munlock { span { map: 'm' } } }"
      "steps { touch { map: 'big' write: true } }"
      "steps { mincore { span { map: 'm' } } label: 'unwired' }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(CallOf(result, "p", "wired").mincore().incore(), 50);
  EXPECT_EQ(CallOf(result, "p", "later").mincore().incore(), 50);
  EXPECT_EQ(CallOf(result, "p", "unwired").mincore().incore(), 0);
  EXPECT_EQ(Counter(result, "v_wire_count"), 0);
  EXPECT_EQ(Counter(result, "user_wired_pages"), 0);
}

TEST(WiringRunTest, LimitOfTheProcess) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 200 } }"
      "steps { mlock { span { map: 'm' pages: 101 } } expect_errno: 'ENOMEM' }"
      "steps { mlock { span { map: 'm' pages: 60 } } }"
      "steps { mlock { span { map: 'm' first_page: 60 pages: 41 } } expect_errno: 'ENOMEM' }"
      "steps { mlock { span { map: 'm' first_page: 60 pages: 40 } } }"
      "steps { mincore { span { map: 'm' } } label: 'in' }"
      "steps { mlockall { current: true } expect_errno: 'ENOMEM' }"
      "steps { munlock { span { map: 'm' first_page: 1 pages: 99 } } }"
      "steps { mlock { span { map: 'm' first_page: 100 pages: 99 } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(CallOf(result, "p", "in").mincore().incore(), 100);
}

// Two processes without limits of their own share the machine's 300 pages; the first ends.
TEST(WiringRunTest, LimitOfTheMachine) {
  const v1::Result result = RunText(
      "memory { pages: 1000 } tunables { max_user_wired_pages: 300 }"
      "processes { name: 'p' steps { map { name: 'm' pages: 400 } }"
      "  steps { mlock { span { map: 'm' pages: 301 } } expect_errno: 'ENOMEM' }"
      "  steps { mlock { span { map: 'm' pages: 200 } } } steps { sleep { ns: 100000000 } } }"
      "processes { name: 'q' start_ns: 50000000 steps { map { name: 'm' pages: 400 } }"
      "  steps { mlock { span { map: 'm' pages: 101 } } expect_errno: 'ENOMEM' }"
      "  steps { mincore { span { map: 'm' } } label: 'refused' }"
      "  steps { mlock { span { map: 'm' pages: 100 } } }"
      "  steps { sleep { ns: 100000000 } }"
      "  steps { mlock { span { map: 'm' first_page: 100 pages: 200 } } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(MincoreOf(result, "q", "refused"), "incore 0");
  EXPECT_EQ(Counter(result, "user_wired_pages"), 0);
}

TEST(WiringRunTest, MapsThatComeAreWired) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'before' pages: 10 } }"
      "steps { mlockall { future: true } }"
      "steps { mincore { span { map: 'before' } } label: 'before' }"
      "steps { map { name: 'after' pages: 60 } }"
      "steps { mincore { span { map: 'after' } } label: 'after' }"
      "steps { map { name: 'more' pages: 41 } expect_errno: 'ENOMEM' }"
      "steps { unmap { map: 'more' } expect_errno: 'EINVAL' }"
      "steps { map { name: 'more' pages: 40 } }"
      "steps { munlockall {} }"
      "steps { map { name: 'last' pages: 500 } }"
      "steps { mincore { span { map: 'last' } } label: 'last' }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(MincoreOf(result, "p", "before"), "incore 0");
  EXPECT_EQ(CallOf(result, "p", "after").mincore().incore(), 60);
  EXPECT_EQ(MincoreOf(result, "p", "last"), "incore 0");
}

TEST(WiringRunTest, AllMapsThatAre) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'a' pages: 10 } } steps { map { name: 'b' pages: 20 } }"
      "steps { map { name: 'ro' pages: 5 read_only: true } }"
      "steps { mlockall { current: true } }"
      "steps { mincore { span { map: 'a' } } label: 'a' }"
      "steps { mincore { span { map: 'b' } } label: 'b' }"
      "steps { mincore { span { map: 'ro' } } label: 'ro' }"
      "steps { map { name: 'c' pages: 5 } }"
      "steps { mincore { span { map: 'c' } } label: 'c' }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(CallOf(result, "p", "a").mincore().incore(), 10);
  EXPECT_EQ(CallOf(result, "p", "b").mincore().incore(), 20);
  EXPECT_EQ(CallOf(result, "p", "ro").mincore().incore(), 5);
  EXPECT_EQ(MincoreOf(result, "p", "c"), "incore 0");
}

// The child has a copy that is not wired, and its limit is the parent's.
TEST(WiringRunTest, AChildsMemoryIsNotWired) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 30 } } steps { mlock { span { map: 'm' } } }"
      "steps { mlockall { future: true } }"
      "steps { fork { name: 'c'"
      "  steps { mincore { span { map: 'm' } } label: 'copied' }"
      "  steps { munlock { span { map: 'm' } } }"
      "  steps { map { name: 'n' pages: 120 } }"
      "  steps { mlock { span { map: 'n' pages: 101 } } expect_errno: 'ENOMEM' }"
      "  steps { touch { map: 'm' write: true } } } }"
      "steps { wait {} } steps { touch { map: 'm' write: true } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(CallOf(result, "c", "copied").mincore().incore(), 30);
  EXPECT_EQ(ProcessOf(result, "c").minflt(), 0);
  EXPECT_EQ(Counter(result, "v_zfod"), 30);
  EXPECT_EQ(Counter(result, "v_cow_faults"), 0);
  EXPECT_EQ(Counter(result, "v_wire_count"), 0);
}

TEST(WiringRunTest, UnmappingUnwires) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 100 } }"
      "steps { repeat { times: 3 steps { mlock { span { map: 'm' pages: 90 } } }"
      "  steps { unmap { map: 'm' } } steps { map { name: 'm' pages: 100 } } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "user_wired_pages"), 0);
  EXPECT_EQ(Counter(result, "v_free_count"), 1000);
}

}  // namespace
}  // namespace vmsim::scenarios
