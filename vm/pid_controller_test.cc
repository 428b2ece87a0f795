#include "vm/pid_controller.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace vmsim::vm {
namespace {

constexpr PidParams kPageout = {
    .interval = 100, .setpoint = 1445, .bound = 4, .kpd = 3, .kid = 4, .kdd = 8};

// A memory that empties below its target of 1445 pages and recovers: (tick, free) -> pages to free.
TEST(PidControllerTest, AskedOnceOrMoreAnInterval) {
  struct Call {
    int32_t ticks, free, want;
  };
  constexpr Call kCalls[] = {
      {1000, 3000, 0},                      // Plenty: the integral may not go below 0.
      {1100, 1445, 194},                    // On target, but falling by 1555: 1555 / 8.
      {1200, 1200, 172},                    // error 245: 245/3 + 245/4 + 245/8 = 81 + 61 + 30.
      {1300, 1100, 274},                    // error 345: 115 + 590/4 + 100/8 = 115 + 147 + 12.
      {1350, 1180, 137}, {1350, 1180, 97},  // Asked again: only the increase.
      {1400, 1300, 248}, {1500, 1400, 280}, {1600, 1500, 234}, {1700, 1445, 270},
  };
  PidController pid(kPageout);
  EXPECT_EQ(pid.bound(), 16 * 1445);
  for (const Call& call : kCalls) {
    EXPECT_EQ(pid.Daemon(call.ticks, call.free), call.want) << "at tick " << call.ticks;
  }
}

TEST(PidControllerTest, ClassicStepsOnEveryCallAndMayBeNegative) {
  PidController pid({.interval = 100, .setpoint = 100, .bound = 1, .kpd = 2, .kid = 4, .kdd = 8});
  EXPECT_EQ(pid.Classic(10, 200), -50 - 25 - 12);  // 100 / 8 truncates toward zero.
  EXPECT_EQ(pid.Classic(10, 200), -50 - 50 + 0);   // Same tick: a full step all the same.
  EXPECT_EQ(pid.integral(), -200);
  for (int i = 0; i < 5; ++i) pid.Classic(11, 200);
  EXPECT_EQ(pid.integral(), -pid.bound());
}

TEST(PidControllerTest, DivisorsBelowOneDivideByOne) {
  for (int32_t divisor : {0, -3}) {
    PidController pid(
        {.interval = 10, .setpoint = 50, .bound = 0, .kpd = divisor, .kid = 4, .kdd = divisor});
    EXPECT_EQ(pid.Daemon(10, 20), 30 + 0 + 30) << divisor;
  }
}

TEST(PidControllerTest, AnIntervalOpensAcrossTheWrapOfTheTickCounter) {
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  PidController pid(kPageout);
  pid.Daemon(kMax - 49, 1400);
  const int32_t first = pid.output();
  pid.Daemon(kMax - 10, 1400);
  EXPECT_EQ(pid.ticks(), kMax - 49);  // 39 ticks later: the same interval.
  pid.Daemon(std::numeric_limits<int32_t>::min() + 50, 1400);
  EXPECT_EQ(pid.ticks(), std::numeric_limits<int32_t>::min() + 50);  // 100 ticks later.
  EXPECT_GT(first, 0);
}

TEST(PidControllerTest, BeforeTheFirstIntervalIsOverCallsCountAsInside) {
  PidController pid(kPageout);
  pid.Daemon(99, 0);
  EXPECT_EQ(pid.ticks(), 0);
  EXPECT_EQ(pid.olderror(), 0);
  pid.Daemon(100, 0);
  EXPECT_EQ(pid.ticks(), 100);
}

TEST(PidControllerTest, ArithmeticWraps) {
  constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
  PidController pid({.interval = 1, .setpoint = 1, .bound = 1, .kpd = 1, .kid = 1, .kdd = 1});
  // The error 1 - kMin wraps to kMin + 1, the integral is clamped to -1, the derivative is kMin +
  // 1, and the sum 2 * kMin + 1 wraps to 1.
  EXPECT_EQ(pid.Classic(1, kMin), 1);
  EXPECT_EQ(pid.error(), kMin + 1);
  EXPECT_EQ(pid.integral(), -1);
  PidController wide({.interval = 1, .setpoint = 1 << 20, .bound = 1 << 11, .kpd = 1, .kid = 1});
  EXPECT_EQ(wide.bound(), kMin);
}

}  // namespace
}  // namespace vmsim::vm
