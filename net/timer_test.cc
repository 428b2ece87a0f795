#include "net/timer.h"

#include <string>

#include "gtest/gtest.h"
#include "net/epoll.h"
#include "net/thread_story.h"

namespace vmsim::net {
namespace {

class TimerTest : public testing::Test {
 protected:
  void RunTo(sim::SimTime when) {
    s_.At(when, [] {});
    s_.Run(when);
  }
  int64_t Take() {
    const Timer::Taken taken = timer_->TryTake();
    return taken.error != 0 ? -taken.error : taken.expirations;
  }

  ThreadStory s_;
  Ref<Timer> timer_ = Timer::Create(s_.files);
};

TEST_F(TimerTest, ExpiresOnce) {
  EXPECT_EQ(timer_->Set({.value_ns = 100}), 0);
  RunTo(99);
  EXPECT_EQ(timer_->Readiness(sim::kAllEvents), 0u);
  EXPECT_EQ(Take(), -kEagain);
  RunTo(100);
  EXPECT_EQ(timer_->Readiness(sim::kAllEvents), sim::kEventIn);
  EXPECT_EQ(Take(), 1);
  RunTo(1000);
  EXPECT_EQ(Take(), -kEagain);
  EXPECT_TRUE(s_.engine.events().empty());
}

TEST_F(TimerTest, CountsWhatPassedSinceTheLastRead) {
  timer_->Set({.value_ns = 100, .interval_ns = 10});
  RunTo(135);
  EXPECT_EQ(Take(), 4);  // At 100, 110, 120, 130.
  EXPECT_EQ(timer_->Get().value_ns, 5);
  RunTo(140);
  EXPECT_EQ(Take(), 1);
  RunTo(150);
  EXPECT_EQ(Take(), 1);
}

TEST_F(TimerTest, NobodyIsWokenBetweenTheFirstExpirationAndTheRead) {
  const Ref<EventPoll> set = EventPoll::Create(s_.files);
  ASSERT_EQ(set->AddEntry({timer_.get(), 0}, kEdgeTriggered, sim::kEventIn, 0), 0);
  timer_->Set({.value_ns = 10, .interval_ns = 10});
  std::vector<EpollEvent> events;
  RunTo(10);
  EXPECT_EQ(set->ReadEvents(1, &events), 1);
  RunTo(45);
  EXPECT_EQ(set->ReadEvents(1, &events), 0);
  EXPECT_EQ(Take(), 4);
  RunTo(50);
  EXPECT_EQ(set->ReadEvents(1, &events), 1);
}

TEST_F(TimerTest, SettingItForgetsAndSaysWhatWas) {
  timer_->Set({.value_ns = 100, .interval_ns = 7});
  RunTo(40);
  Timer::Setting old;
  EXPECT_EQ(timer_->Set({.value_ns = 10}, Timer::From::kNow, &old), 0);
  EXPECT_EQ(old.value_ns, 60);
  EXPECT_EQ(old.interval_ns, 7);
  RunTo(50);
  EXPECT_EQ(timer_->Set({.value_ns = 30}), 0);  // Expired, not read: forgotten.
  EXPECT_EQ(Take(), -kEagain);
  EXPECT_EQ(timer_->Set({}, Timer::From::kNow, &old), 0);  // Disarmed.
  EXPECT_EQ(old.value_ns, 30);
  EXPECT_EQ(timer_->Get().value_ns, 0);
  RunTo(500);
  EXPECT_EQ(Take(), -kEagain);
}

TEST_F(TimerTest, AbsoluteTimes) {
  RunTo(50);
  timer_->Set({.value_ns = 70}, Timer::From::kStart);
  EXPECT_EQ(timer_->Get().value_ns, 20);
  RunTo(70);
  EXPECT_EQ(Take(), 1);
  // Passed: at once, and all the expirations since count.
  timer_->Set({.value_ns = 40, .interval_ns = 10}, Timer::From::kStart);
  s_.Run(70);
  EXPECT_EQ(Take(), 4);  // 40, 50, 60, 70.
  EXPECT_EQ(timer_->Get().value_ns, 10);
}

TEST_F(TimerTest, BeyondTheEndOfTime) {
  RunTo(5);
  EXPECT_EQ(timer_->Set({.value_ns = INT64_MAX, .interval_ns = INT64_MAX}), 0);
  EXPECT_TRUE(s_.engine.events().empty());
  EXPECT_EQ(timer_->Set({.value_ns = 5, .interval_ns = INT64_MAX}), 0);
  RunTo(20);
  EXPECT_EQ(Take(), 1);
  EXPECT_TRUE(s_.engine.events().empty());
}

TEST_F(TimerTest, EINVAL) {
  EXPECT_EQ(timer_->Set({.value_ns = -1}), kEinval);
  EXPECT_EQ(timer_->Set({.value_ns = 1, .interval_ns = -1}), kEinval);
  EXPECT_EQ(timer_->TryRead(7, IoMode::kNonBlocking).error, kEinval);
  EXPECT_EQ(timer_->TryWrite(8, IoMode::kNonBlocking).error, kEinval);
}

TEST_F(TimerTest, GoesWithItsEvent) {
  timer_->Set({.value_ns = 100});
  EXPECT_EQ(s_.engine.events().size(), 1u);
  timer_.reset();
  EXPECT_TRUE(s_.engine.events().empty());
}

TEST_F(TimerTest, AThreadSleepsOnIt) {
  timer_->Set({.value_ns = 100, .interval_ns = 50});
  s_.Spawn("x", s_.Reader("x", Ref<File>(timer_), 8));
  s_.Spawn("y", s_.Reader("y", Ref<File>(timer_), 8));
  EXPECT_EQ(s_.Run(1000), "x:8@100 y:8@150");
}

// Of one instant: a completion, then the timer.
TEST_F(TimerTest, ComesAfterCompletionsOfTheSameInstant) {
  timer_->Set({.value_ns = 100});
  s_.Spawn("x", s_.Reader("x", Ref<File>(timer_), 8));
  s_.At(100, [&] { s_.Say("completion"); });
  EXPECT_EQ(s_.Run(), "completion@100 x:8@100");
}

}  // namespace
}  // namespace vmsim::net
