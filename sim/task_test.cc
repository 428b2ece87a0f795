#include "sim/task.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "sim/frame_pool.h"

namespace vmsim::sim {
namespace {

// Where a coroutine sleeps until the test opens it.
struct Gate {
  std::coroutine_handle<> sleeper;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { sleeper = handle; }
  void await_resume() const noexcept {}
  void Open() { ResumeChain(std::exchange(sleeper, nullptr)); }
};

Task<int> Immediate(int value) { co_return value; }

Task<int> Sum(int n) {
  int sum = 0;
  for (int i = 1; i <= n; ++i) sum += co_await Immediate(i);
  co_return sum;
}

Task<std::unique_ptr<std::string>> MoveOnly() {
  co_return std::make_unique<std::string>("only one");
}

Task<void> Assign(int* out, int value) {
  *out = value;
  co_return;
}

TEST(TaskTest, GivesItsValue) {
  EXPECT_EQ(Immediate(7).RunToCompletion(), 7);
  EXPECT_EQ(Sum(10).RunToCompletion(), 55);
  EXPECT_EQ(*MoveOnly().RunToCompletion(), "only one");
  int out = 0;
  Assign(&out, 3).RunToCompletion();
  EXPECT_EQ(out, 3);
}

TEST(TaskTest, DoesNotStartBeforeItIsAwaited) {
  int out = 0;
  {
    const Task<void> task = Assign(&out, 3);
    EXPECT_TRUE(task.valid());
    EXPECT_FALSE(task.done());
  }
  EXPECT_EQ(out, 0);
}

TEST(TaskTest, AwaitsANamedTask) {
  const auto body = []() -> Task<int> {
    Task<int> child = Immediate(4);
    const int first = co_await child;
    EXPECT_TRUE(child.done());
    co_return first + 1;
  };
  EXPECT_EQ(body().RunToCompletion(), 5);
}

TEST(TaskTest, MovesAndSwaps) {
  Task<int> empty;
  EXPECT_FALSE(empty.valid());
  Task<int> a = Immediate(1);
  Task<int> b = std::move(a);
  EXPECT_FALSE(a.valid());
  a = Immediate(2);
  a = std::move(b);
  EXPECT_EQ(a.RunToCompletion(), 1);
}

Task<std::string> SleepTwice(Gate& gate) {
  co_await gate;
  co_await gate;
  co_return "leaf";
}
Task<std::string> Middle(Gate& gate) {
  const std::string leaf = co_await SleepTwice(gate);
  const int now = co_await Immediate(1);  // A call that does not sleep, by a frame that did.
  co_return leaf + " middle" + std::to_string(now);
}
Task<void> Top(Gate& gate, std::string* out) {
  *out = co_await Middle(gate) + " top";
  co_await gate;
  *out += " again";
}

TEST(TaskTest, SleepsAndGoesOnThreeFramesDeep) {
  Gate gate;
  std::string out;
  const Task<void> top = Top(gate, &out);
  ResumeChain(top.handle());
  EXPECT_FALSE(top.done());
  gate.Open();
  EXPECT_EQ(out, "");
  gate.Open();
  EXPECT_EQ(out, "leaf middle1 top");
  EXPECT_FALSE(top.done());
  gate.Open();
  EXPECT_EQ(out, "leaf middle1 top again");
  EXPECT_TRUE(top.done());
}

TEST(TaskTest, WhoCalledBeforeItSleptSleeps) {
  Gate gate;
  std::string log;
  const auto body = [](Gate& gate, std::string* log) -> Task<void> {
    *log += std::to_string(co_await Immediate(1));
    *log += co_await SleepTwice(gate);
    *log += std::to_string(co_await Immediate(2));
    co_await gate;
    *log += "end";
  };
  const Task<void> task = body(gate, &log);
  ResumeChain(task.handle());
  EXPECT_EQ(log, "1");
  gate.Open();
  EXPECT_EQ(log, "1");
  gate.Open();
  EXPECT_EQ(log, "1leaf2");
  gate.Open();
  EXPECT_EQ(log, "1leaf2end");
}

TEST(TaskTest, ATaskRunsInsideAnother) {
  Gate gate;
  std::string log;
  const auto body = [](Gate& gate, std::string* log) -> Task<void> {
    co_await gate;
    *log += std::to_string(Sum(3).RunToCompletion());  // A chain of resumptions inside one.
    co_await gate;
    *log += " end";
  };
  const Task<void> task = body(gate, &log);
  ResumeChain(task.handle());
  gate.Open();
  gate.Open();
  EXPECT_EQ(log, "6 end");
  EXPECT_TRUE(task.done());
}

// ---- Teardown.

struct Tomb {
  std::string name;
  std::vector<std::string>* log;
  ~Tomb() { log->push_back(name); }
};

Task<int> DieInside(Gate& gate, std::vector<std::string>* log) {
  const Tomb tomb{"leaf", log};
  co_await gate;
  co_return 1;
}
Task<int> DieBetween(Gate& gate, std::vector<std::string>* log) {
  const Tomb tomb{"middle", log};
  co_return co_await DieInside(gate, log) + co_await Immediate(1);
}
Task<void> DieOutside(Gate& gate, std::vector<std::string>* log) {
  const Tomb tomb{"top", log};
  const Task<int> never_started = DieInside(gate, log);
  co_await DieBetween(gate, log);
}

TEST(TaskTest, DestroyingASleeperDestroysItsCalleesFirst) {
  Gate gate;
  std::vector<std::string> log;
  {
    const Task<void> task = DieOutside(gate, &log);
    ResumeChain(task.handle());
    EXPECT_TRUE(log.empty());
  }
  EXPECT_EQ(log, (std::vector<std::string>{"leaf", "middle", "top"}));
}

using TaskDeathTest = testing::Test;
TEST(TaskDeathTest, RunToCompletionOfASleeper) {
  Gate gate;
  EXPECT_DEATH(SleepTwice(gate).RunToCompletion(), "must not sleep slept");
}

// ---- The host's stack.

class StackRange {
 public:
  void Note() {
    volatile char here = 0;
    const auto address = reinterpret_cast<uintptr_t>(&here);
    low_ = std::min(low_, address);
    high_ = std::max(high_, address);
  }
  size_t bytes() const { return high_ - low_; }

 private:
  uintptr_t low_ = UINTPTR_MAX;
  uintptr_t high_ = 0;
};

Task<int> NotingCall(StackRange* stack) {
  stack->Note();
  co_return 1;
}
Task<int> NotingSleep(StackRange* stack, Gate& gate) {
  stack->Note();
  co_await gate;
  stack->Note();
  co_return 1;
}
Task<int> MillionCalls(StackRange* stack) {
  int calls = 0;
  for (int i = 0; i < 1'000'000; ++i) calls += co_await NotingCall(stack);
  co_return calls;
}
Task<int> CallsAndSleeps(StackRange* stack, Gate& gate) {
  int calls = 0;
  for (int i = 0; i < 100'000; ++i) {
    calls += co_await NotingSleep(stack, gate);
    calls += co_await NotingCall(stack);
  }
  co_return calls;
}

TEST(TaskTest, AMillionCallsDoNotGrowTheStack) {
  StackRange stack;
  EXPECT_EQ(MillionCalls(&stack).RunToCompletion(), 1'000'000);
  EXPECT_LT(stack.bytes(), 64u);
}

TEST(TaskTest, CallsAndSleepsDoNotGrowTheStack) {
  StackRange stack;
  Gate gate;
  Task<int> task = CallsAndSleeps(&stack, gate);
  ResumeChain(task.handle());
  while (!task.done()) gate.Open();
  EXPECT_EQ(task.Take(), 200'000);
  EXPECT_LT(stack.bytes(), 4096u);
}

Task<int> Nest(int depth, StackRange* stack, Gate& gate) {
  int below = 0;
  if (depth == 0) {
    co_await gate;
  } else {
    below = co_await Nest(depth - 1, stack, gate);
  }
  stack->Note();
  co_return below + 1;
}

TEST(TaskTest, ReturningThroughManyFramesDoesNotGrowTheStack) {
  StackRange stack;
  Gate gate;
  Task<int> task = Nest(1000, &stack, gate);
  ResumeChain(task.handle());
  gate.Open();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.Take(), 1001);
  EXPECT_LT(stack.bytes(), 64u);
}

// ---- The pool.

TEST(FramePoolTest, FramesDoNotOverlap) {
  constexpr size_t kSizes[] = {1, 63, 64, 65, 500, 1984, 1985, 2048, 5000};
  for (int round = 0; round < 3; ++round) {
    std::vector<std::pair<unsigned char*, size_t>> frames;
    for (int copy = 0; copy < 4; ++copy) {
      for (const size_t size : kSizes) {
        auto* frame = static_cast<unsigned char*>(AllocateFrame(size));
        EXPECT_EQ(reinterpret_cast<uintptr_t>(frame) % alignof(std::max_align_t), 0u);
        std::fill_n(frame, size, static_cast<unsigned char>(frames.size()));
        frames.emplace_back(frame, size);
      }
    }
    for (size_t i = 0; i < frames.size(); ++i) {
      const auto [frame, size] = frames[i];
      EXPECT_TRUE(std::all_of(frame, frame + size, [&](unsigned char c) { return c == i; })) << i;
      FreeFrame(frame, size);
    }
  }
}

#if VMSIM_POOL_FRAMES
TEST(FramePoolTest, AFreedFrameIsTheNextOfItsClass) {
  void* const a = AllocateFrame(100);
  void* const b = AllocateFrame(128);
  FreeFrame(a, 100);
  FreeFrame(b, 128);
  EXPECT_EQ(AllocateFrame(65), b);
  EXPECT_EQ(AllocateFrame(110), a);
  FreeFrame(a, 110);
  FreeFrame(b, 65);
}
#endif

TEST(FramePoolTest, FramesMayBeFreedOnAnotherHostThread) {
  Gate gate;
  std::string out;
  Task<void> task;
  std::thread([&] {
    task = Top(gate, &out);
    ResumeChain(task.handle());
  }).join();
  gate.Open();
  std::thread([&] { gate.Open(); }).join();
  gate.Open();
  EXPECT_TRUE(task.done());
  std::thread([&] { task = Task<void>(); }).join();
}

}  // namespace
}  // namespace vmsim::sim
