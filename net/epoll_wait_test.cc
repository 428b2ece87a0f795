// Threads that sleep in EventPoll::Wait.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "net/descriptors.h"
#include "net/epoll.h"
#include "net/epoll_calls.h"
#include "net/eventfd.h"
#include "net/pipe.h"
#include "net/thread_story.h"

namespace vmsim::net {
namespace {

constexpr EpollMode kModes[] = {EpollMode::kLinux, EpollMode::kGvisor2019, EpollMode::kGvisorVfs2};

// Sets and counters a, b, c; entries carry a letter as data.
struct Waiters : ThreadStory {
  explicit Waiters(EpollMode mode = EpollMode::kLinux)
      : set(EventPoll::Create(files, mode)), second(EventPoll::Create(files, mode)) {
    for (char name = 'a'; name <= 'c'; ++name) counters.push_back(EventFd::Create(files, 0));
  }
  EventFd& counter(char name) { return *counters[static_cast<size_t>(name - 'a')]; }
  void Watch(char name, EntryFlags flags, EventPoll* by = nullptr) {
    EventPoll& watcher = by != nullptr ? *by : *set;
    ASSERT_EQ(watcher.AddEntry({&counter(name), 0}, flags, sim::kEventIn | sim::kUnaskedEvents,
                               static_cast<uint64_t>(name)),
              0);
  }
  void Add(char name) { counter(name).TryAdd(1); }
  void AddAt(sim::SimTime when, char name, sim::EventClass event_class = sim::EventClass::kDevice) {
    At(
        when, [this, name] { Add(name); }, event_class);
  }

  sim::Task<void> Wait(std::string name, int64_t max, sim::SimDuration timeout_ns, int times = 1,
                       EventPoll* on = nullptr) {
    for (; times > 0; --times) {
      std::vector<EpollEvent> events;
      const int error = co_await (on != nullptr ? *on : *set).Wait(max, timeout_ns, &events);
      std::string text(ErrnoName(error));
      for (const EpollEvent& event : events) text += static_cast<char>(event.data);
      Say(name + ":" + (text.empty() ? "-" : text));
    }
  }

  Ref<EventPoll> set, second;
  std::vector<Ref<EventFd>> counters;
};

class EpollWaitTest : public testing::TestWithParam<EpollMode> {};

TEST_P(EpollWaitTest, WhatIsReadyNeedsNoSleep) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  w.Add('a');
  w.Spawn("x", w.Wait("x", 8, sim::kNever));
  EXPECT_EQ(w.Run(), "x:a@0");
}

TEST_P(EpollWaitTest, SleepsUntilSomethingIsReady) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  w.Watch('b', kLevelTriggered);
  w.Spawn("x", w.Wait("x", 8, sim::kNever));
  w.AddAt(10, 'b');
  w.AddAt(10, 'a');  // Before x has a CPU.
  EXPECT_EQ(w.Run(), "x:ba@10");
}

TEST_P(EpollWaitTest, ATimeoutOfNothingDoesNotSleep) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  w.Spawn("x", w.Wait("x", 8, 0));
  EXPECT_EQ(w.Run(), "x:-@0");
}

TEST_P(EpollWaitTest, TheTimeoutPasses) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  w.Spawn("x", w.Wait("x", 8, 20));
  w.AddAt(21, 'a');
  EXPECT_EQ(w.Run(), "x:-@20");
}

TEST_P(EpollWaitTest, ANotificationAtTheDeadlineIsInTime) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  w.Spawn("x", w.Wait("x", 8, 20));
  w.AddAt(20, 'a');
  EXPECT_EQ(w.Run(), "x:a@20");
}

TEST_P(EpollWaitTest, WhatComesBeforeTheTimedOutThreadHasACpuIsInTimeToo) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  w.Spawn("x", w.Wait("x", 8, 20));
  w.AddAt(20, 'a', sim::EventClass::kDaemon);
  EXPECT_EQ(w.Run(), "x:a@20");
}

TEST_P(EpollWaitTest, AStaleWakeupDoesNotMoveTheDeadline) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  w.Spawn("x", w.Wait("x", 8, 20));
  w.At(5, [&] {
    w.Add('a');
    w.counter('a').TryTake();  // Gone before x looks.
  });
  EXPECT_EQ(w.Run(), "x:-@20");
  EXPECT_EQ(w.files.epoll().stale, 1);
}

TEST_P(EpollWaitTest, EINTR) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  sim::Thread* x = w.Spawn("x", w.Wait("x", 8, 50, 2));
  w.At(5, [&] { w.engine.Interrupt(x); });
  w.At(7, [&] {  // With something to read at once: that is the result.
    w.engine.Interrupt(x);
    w.Add('a');
  });
  EXPECT_EQ(w.Run(), "x:EINTR@5 x:a@7");
}

TEST_P(EpollWaitTest, TheSetLivesUntilTheWaitEnds) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  w.Spawn("x", w.Wait("x", 8, sim::kNever));
  w.At(5, [&] { w.set.reset(); });
  w.AddAt(10, 'a');
  EXPECT_EQ(w.Run(), "x:a@10");
  EXPECT_EQ(w.files.epoll().entries, 0);
}

TEST_P(EpollWaitTest, AThreadSleepsOnAnOuterSet) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  ASSERT_EQ(w.second->AddEntry({w.set.get(), 0}, kLevelTriggered, sim::kEventIn, 's'), 0);
  w.Spawn("x", w.Wait("x", 8, sim::kNever, 1, w.second.get()));
  w.AddAt(10, 'a');
  EXPECT_EQ(w.Run(), "x:s@10");
}

TEST_P(EpollWaitTest, TornDownInTheMiddle) {
  Waiters w(GetParam());
  w.Watch('a', kLevelTriggered);
  w.Spawn("x", w.Wait("x", 8, sim::kNever));
  w.Spawn("y", w.Wait("y", 8, 1000));
  EXPECT_EQ(w.Run(10), "");
}

INSTANTIATE_TEST_SUITE_P(, EpollWaitTest, testing::ValuesIn(kModes),
                         [](const auto& info) { return std::string(RulesOf(info.param).name); });

// ---- Who is woken: in linux one per notification, in gVisor all, most for nothing.

TEST(EpollSleepersTest, OnePerNotificationFirstComeFirstServed) {
  Waiters w;
  w.Watch('a', kEdgeTriggered);
  for (const char* name : {"x", "y", "z"}) w.Spawn(name, w.Wait(name, 8, sim::kNever));
  w.AddAt(10, 'a');
  w.AddAt(20, 'a');
  EXPECT_EQ(w.Run(), "x:a@10 y:a@20");
  EXPECT_EQ(w.files.epoll().reads, 5);  // Each once before it slept; nobody woke for nothing.
}

TEST(EpollSleepersTest, GvisorWakesAll) {
  Waiters w(EpollMode::kGvisorVfs2);
  w.Watch('a', kEdgeTriggered);
  for (const char* name : {"x", "y", "z"}) w.Spawn(name, w.Wait(name, 8, sim::kNever));
  w.AddAt(10, 'a');
  w.AddAt(20, 'a');
  EXPECT_EQ(w.Run(), "x:a@10 y:a@20");
  EXPECT_EQ(w.files.epoll().reads, 11);  // Twice each before the sleep, then 3, then 2.
}

TEST(EpollSleepersTest, WhoLeavesEventsBehindWakesTheNext) {
  Waiters w;
  w.Watch('a', kLevelTriggered);
  for (const char* name : {"x", "y", "z"}) w.Spawn(name, w.Wait(name, 1, sim::kNever));
  w.AddAt(10, 'a');  // Level: ready still when x has read it, and so on.
  EXPECT_EQ(w.Run(), "x:a@10 y:a@10 z:a@10");
}

TEST(EpollSleepersTest, TwoEventsTwoThreads) {
  Waiters w;
  w.Watch('a', kEdgeTriggered);
  w.Watch('b', kEdgeTriggered);
  for (const char* name : {"x", "y", "z"}) w.Spawn(name, w.Wait(name, 1, sim::kNever));
  w.At(10, [&] {
    w.Add('a');
    w.Add('b');
  });
  EXPECT_EQ(w.Run(), "x:a@10 y:b@10");
}

TEST(EpollSleepersTest, WhoFoundNothingStandsAtTheEndOfTheLine) {
  Waiters w;
  w.Watch('a', kEdgeTriggered);
  for (const char* name : {"x", "y"}) w.Spawn(name, w.Wait(name, 8, sim::kNever));
  w.At(10, [&] {
    w.Add('a');
    w.counter('a').TryTake();
  });
  w.AddAt(20, 'a');
  EXPECT_EQ(w.Run(), "y:a@20");
}

// Exclusive entries of several sets on one file: one set's thread is woken, not all.
TEST(EpollSleepersTest, ExclusiveEntriesWakeOneOfManySets) {
  for (const EntryFlags flags :
       {kEdgeTriggered, static_cast<EntryFlags>(kEdgeTriggered | kExclusive)}) {
    Waiters w;
    w.Watch('a', flags);
    w.Watch('a', flags, w.second.get());
    w.Spawn("x", w.Wait("x", 8, sim::kNever));
    w.Spawn("y", w.Wait("y", 8, sim::kNever, 1, w.second.get()));
    w.AddAt(10, 'a');
    const bool exclusive = (flags & kExclusive) != 0;
    EXPECT_EQ(w.Run(), exclusive ? "x:a@10" : "y:a@10 x:a@10");
    if (!exclusive) continue;
    w.AddAt(20, 'a');  // Nobody sleeps on the first set now: the second's turn.
    EXPECT_EQ(w.Run(), "y:a@20");
  }
}

// A notification both to read and to write satisfies no exclusive sleeper for sure, so all are woken.
TEST(EpollSleepersTest, ExclusiveEntriesAndWhatTheyAreFor) {
  Waiters w;
  const Pipe pipe = Pipe::Create(w.files, 1);
  const auto watch = [&](EventPoll& set, EventMask mask) {
    ASSERT_EQ(set.AddEntry({pipe.writer.get(), 0}, kExclusive | kEdgeTriggered, mask, 'w'), 0);
  };
  pipe.writer->TryWrite(kPipePageBytes, IoMode::kNonBlocking);
  watch(*w.set, 0);  // Only err and hup: not what `out` is for.
  watch(*w.second, sim::kEventOut);
  w.Spawn("x", w.Wait("x", 8, 100));
  w.Spawn("y", w.Wait("y", 8, 100, 1, w.second.get()));
  w.At(10, [&] { pipe.reader->TryRead(kPipePageBytes, IoMode::kNonBlocking); });
  EXPECT_EQ(w.Run(), "y:w@10 x:-@100");
}

// ---- The system call.

TEST(EpollCallsTest, WaitChecksWhatItIsGiven) {
  ThreadStory story;
  DescriptorTable descriptors(story.files);
  EpollCalls calls(descriptors, EpollMode::kLinux);
  const int epfd = calls.Create().fd;
  const int counter = descriptors.Install(Ref<File>(EventFd::Create(story.files, 1))).fd;
  ASSERT_EQ(calls.Ctl(epfd, EpollCommand::kAdd, counter, {.mask = sim::kEventIn, .data = 7}), 0);
  const auto body = [&](int fd, int64_t max) -> sim::Task<void> {
    std::vector<EpollEvent> events;
    const int error = co_await calls.Wait(fd, max, sim::kNever, &events);
    story.Say(error != 0 ? std::string(ErrnoName(error)) : std::to_string(events.at(0).data));
  };
  story.Spawn("bad descriptor", body(9, 1));
  story.Spawn("not a set", body(counter, 1));
  story.Spawn("bad max", body(epfd, 0));
  story.Spawn("good", body(epfd, 1));
  EXPECT_EQ(story.Run(), "EBADF@0 EINVAL@0 EINVAL@0 7@0");
  EXPECT_EQ(descriptors.Close(epfd), 0);
  EXPECT_EQ(descriptors.Close(counter), 0);
}

}  // namespace
}  // namespace vmsim::net
