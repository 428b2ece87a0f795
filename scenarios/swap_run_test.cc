// swapoff and swapon.
#include <string>

#include "scenarios/run_text.h"

namespace vmsim::scenarios {
namespace {

// 1000 pages of memory and two swap devices of 2000 pages; the process has written 1400.
v1::Result RunSteps(const std::string& steps) {
  return RunText(
      "memory { pages: 1000 } disks { name: 'a' size_bytes: 8192000 fixed {} }"
      "disks { name: 'b' size_bytes: 8192000 fixed {} } swap { disk: 'a' } swap { disk: 'b' }"
      "processes { name: 'p' steps { map { name: 'm' pages: 1400 } }"
      "  steps { touch { map: 'm' write: true } } " +
      steps + " }");
}

// What the first device held is in memory or on the second one, and nothing is lost.
TEST(SwapRunTest, SwapOffMovesWhatItHolds) {
  const v1::Result result = RunSteps(
      "steps { sleep { ns: 1000000000 } } steps { swapoff { disk: 'a' } label: 'off' }"
      "steps { touch { map: 'm' } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "swap_total"), 2000);
  EXPECT_EQ(Counter(result, "v_zfod"), 1400);
  EXPECT_GT(CallOf(result, "p", "off").total_ns(), 1000000) << "it reads from the disk";
  EXPECT_EQ(ProcessOf(result, "p").references(), 2800);
  EXPECT_EQ(ProcessOf(result, "p").signal(), 0);
}

TEST(SwapRunTest, SwapOffNeedsRoom) {
  const v1::Result result = RunSteps(
      "steps { swapoff { swap: 0 } } steps { swapoff { swap: 1 } expect_errno: 'ENOMEM' }"
      "steps { unmap { map: 'm' } } steps { swapoff { swap: 1 } }"
      "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' write: true } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "swap_total"), 0);
}

TEST(SwapRunTest, OffAndOnAgain) {
  const v1::Result result = RunSteps(
      "steps { unmap { map: 'm' } }"
      "steps { repeat { times: 5 steps { swapoff { swap: 0 } } steps { swapon { swap: 0 } } } }"
      "steps { swapoff { swap: 1 } }"
      "steps { map { name: 'm' pages: 1400 } } steps { touch { map: 'm' write: true } }"
      "steps { touch { map: 'm' } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "swap_total"), 2000);
  EXPECT_EQ(Counter(result, "v_zfod"), 2800);
  EXPECT_EQ(ProcessOf(result, "p").signal(), 0);
}

// Two at once: one does it, the other finds the device gone.
TEST(SwapRunTest, TwoAtOnce) {
  const v1::Result result = RunText(
      "memory { pages: 1000 } disks { name: 'a' size_bytes: 8192000 fixed {} } swap { disk: 'a' }"
      "processes { name: 'p' steps { map { name: 'm' pages: 1100 } }"
      "  steps { touch { map: 'm' write: true } } steps { unmap { map: 'm' pages: 400 } }"
      "  steps { fork { name: 'c' steps { swapoff { swap: 0 } expect_errno: 'ANY' label: 'off' } } "
      "}"
      "  steps { swapoff { swap: 0 } expect_errno: 'ANY' label: 'off' } steps { wait {} } }");
  EXPECT_EQ(CallOf(result, "p", "off").failures() + CallOf(result, "c", "off").failures(), 1);
  EXPECT_EQ(Counter(result, "swap_total"), 0);
}

}  // namespace
}  // namespace vmsim::scenarios
