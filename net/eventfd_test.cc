#include "net/eventfd.h"

#include <string>

#include "gtest/gtest.h"
#include "net/epoll_story.h"
#include "net/thread_story.h"

namespace vmsim::net {
namespace {

constexpr uint64_t kMost = EventFd::kMostCount;

TEST(EventFdTest, AddsUpAndIsTakenAtOnce) {
  ThreadStory s;
  const Ref<EventFd> fd = EventFd::Create(s.files, 5);
  EXPECT_EQ(fd->TryAdd(3), 0);
  EXPECT_EQ(fd->TryTake().value, 8u);
  EXPECT_EQ(fd->TryTake().error, kEagain);
}

TEST(EventFdTest, ASemaphoreIsTakenOneByOne) {
  ThreadStory s;
  const Ref<EventFd> fd = EventFd::Create(s.files, 2, EventFd::Kind::kSemaphore);
  EXPECT_EQ(fd->TryTake().value, 1u);
  EXPECT_EQ(fd->TryTake().value, 1u);
  EXPECT_EQ(fd->TryTake().error, kEagain);
}

TEST(EventFdTest, EAGAIN_AtTheLimit) {
  ThreadStory s;
  const Ref<EventFd> fd = EventFd::Create(s.files, 1);
  EXPECT_EQ(fd->TryAdd(kMost), kEagain);
  EXPECT_EQ(fd->TryAdd(kMost - 1), 0);
  EXPECT_EQ(fd->count(), kMost);
  EXPECT_EQ(fd->TryAdd(0), 0);
  EXPECT_EQ(fd->TryAdd(1), kEagain);
}

TEST(EventFdTest, EINVAL) {
  ThreadStory s;
  const Ref<EventFd> fd = EventFd::Create(s.files, 1);
  EXPECT_EQ(fd->TryAdd(kMost + 1), kEinval);
  EXPECT_EQ(fd->TryRead(7, IoMode::kNonBlocking).error, kEinval);
  EXPECT_EQ(fd->TryWrite(7, IoMode::kNonBlocking).error, kEinval);
  EXPECT_EQ(fd->count(), 1u);
}

TEST(EventFdTest, Readiness) {
  ThreadStory s;
  const Ref<EventFd> fd = EventFd::Create(s.files, 0);
  EXPECT_EQ(fd->Readiness(sim::kAllEvents), sim::kEventOut);
  fd->TryAdd(1);
  EXPECT_EQ(fd->Readiness(sim::kAllEvents), sim::kEventIn | sim::kEventOut);
  EXPECT_EQ(fd->Readiness(sim::kEventOut), sim::kEventOut);
  fd->TryAdd(kMost - 1);
  EXPECT_EQ(fd->Readiness(sim::kAllEvents), sim::kEventIn);
}

// Who is told of what, as an edge-triggered watcher sees it.
TEST(EventFdTest, WhatIsRefusedNotifiesNobody) {
  EpollStory s;
  EXPECT_EQ(s.Run("epoll e; eventfd a 1; add e a in,out,et; wait e; write a -2; wait e"),
            "[a:in,out] EAGAIN []");
  EXPECT_EQ(s.Run("read a 8; wait e; read a 8; wait e; write a 0; wait e"),
            "8 [a:out] EAGAIN [] [a:out]");
}

sim::Task<void> Take(ThreadStory& s, std::string name, Ref<EventFd> fd,
                     sim::SimDuration timeout_ns = sim::kNever) {
  const EventFd::Taken taken = co_await EventFd::Take(fd, timeout_ns);
  s.Say(name + ":" +
        (taken.error != 0 ? std::string(ErrnoName(taken.error)) : std::to_string(taken.value)));
}
sim::Task<void> Add(ThreadStory& s, std::string name, Ref<EventFd> fd, uint64_t value) {
  const int error = co_await EventFd::Add(fd, value);
  s.Say(name + ":" + (error != 0 ? std::string(ErrnoName(error)) : "ok"));
}

TEST(EventFdThreadTest, TakersSleepAndComeInOrder) {
  ThreadStory s;
  const Ref<EventFd> fd = EventFd::Create(s.files, 0, EventFd::Kind::kSemaphore);
  for (const char* name : {"x", "y", "z"}) s.Spawn(name, Take(s, name, fd));
  s.At(10, [&] { fd->TryAdd(2); });
  s.At(20, [&] { fd->TryAdd(1); });
  EXPECT_EQ(s.Run(), "x:1@10 y:1@10 z:1@20");
}

TEST(EventFdThreadTest, AnAdderSleepsUntilThereIsRoom) {
  ThreadStory s;
  const Ref<EventFd> fd = EventFd::Create(s.files, kMost);
  s.Spawn("x", Add(s, "x", fd, 5));
  s.At(10, [&] { fd->TryTake(); });
  EXPECT_EQ(s.Run(), "x:ok@10");
  EXPECT_EQ(fd->count(), 5u);
  s.Spawn("y", Add(s, "y", fd, kMost + 1));
  EXPECT_EQ(s.Run(), "y:EINVAL@10");
}

TEST(EventFdThreadTest, TimeoutsAndSignals) {
  ThreadStory s;
  const Ref<EventFd> fd = EventFd::Create(s.files, 0);
  s.Spawn("x", Take(s, "x", fd, 10));
  sim::Thread* y = s.Spawn("y", Take(s, "y", fd));
  s.Spawn("z", Take(s, "z", fd, 0));
  s.At(20, [&] { s.engine.Interrupt(y); });
  EXPECT_EQ(s.Run(), "z:EAGAIN@0 x:EAGAIN@10 y:EINTR@20");
}

TEST(EventFdThreadTest, ReadsAndWritesOfBytes) {
  ThreadStory s;
  const Ref<EventFd> fd = EventFd::Create(s.files, 0);
  s.Spawn("x", s.Reader("x", Ref<File>(fd), 8));
  s.Spawn("y", s.Writer("y", Ref<File>(fd), 8));
  s.Spawn("z", s.Reader("z", Ref<File>(fd), 4));
  EXPECT_EQ(s.Run(), "y:8@0 z:EINVAL@0 x:8@0");
}

}  // namespace
}  // namespace vmsim::net
