#include "python/guarded_run.h"

#include <chrono>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "sim/check.h"

namespace vmsim::python {
namespace {

bool Never() { return false; }

absl::Status ReturnsAfter(const std::atomic<bool>&, absl::Status status) { return status; }

TEST(GuardedRunTest, ReturnsWhatTheWorkReturns) {
  const absl::Status outcomes[] = {absl::OkStatus(), absl::NotFoundError("no such file"),
                                   absl::InvalidArgumentError("memory.pages: too few")};
  for (const absl::Status& outcome : outcomes) {
    EXPECT_EQ(
        RunGuarded([outcome](const auto& stop) { return ReturnsAfter(stop, outcome); }, Never),
        outcome);
  }
}

TEST(GuardedRunTest, BrokenInvariantIsAStatusAndTheNextRunWorks) {
  for (int round = 0; round < 3; ++round) {
    const absl::Status status = RunGuarded(
        [](const auto&) {
          const int pages = 3;
          CHECK_EQ(pages, 4, "on the free list");
          return absl::OkStatus();
        },
        Never);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_NE(status.message().find("3 vs 4 on the free list"), std::string::npos) << status;
    EXPECT_TRUE(RunGuarded([](const auto&) { return absl::OkStatus(); }, Never).ok());
  }
}

TEST(GuardedRunTest, ExceptionsAreStatuses) {
  EXPECT_EQ(RunGuarded([](const auto&) -> absl::Status { throw std::bad_alloc(); }, Never).code(),
            absl::StatusCode::kResourceExhausted);
  const absl::Status status = RunGuarded(
      [](const auto&) -> absl::Status { throw std::runtime_error("no such luck"); }, Never);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "no such luck");
}

TEST(GuardedRunTest, InterruptStopsTheWork) {
  int asked = 0;
  const absl::Status status = RunGuarded(
      [](const std::atomic<bool>& stop) {
        while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return absl::DeadlineExceededError("told to stop");
      },
      [&asked] { return ++asked == 2; });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(asked, 2);  // Not asked again.
}

TEST(GuardedRunTest, WorkIsDestroyedBeforeTheCallReturns) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = owned;
  ASSERT_TRUE(
      RunGuarded([owned = std::move(owned)](const auto&) { return absl::OkStatus(); }, Never).ok());
  EXPECT_TRUE(watch.expired());
}

// On any other thread a broken invariant still ends the process.
TEST(GuardedRunDeathTest, OtherThreadsAbort) {
  EXPECT_DEATH(
      {
        (void)RunGuarded([](const auto&) { return absl::OkStatus(); }, Never);
        CHECK_EQ(1, 2);
      },
      "invariant broken: 1 == 2");
}

}  // namespace
}  // namespace vmsim::python
