#include "net/stream_socket.h"

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "net/epoll_story.h"
#include "net/thread_story.h"
#include "sim/random.h"

namespace vmsim::net {
namespace {

// ---- Local pairs.

struct Story {
  std::string_view name, text, want;
};

constexpr Story kStories[] = {
    {"BytesComeOutAtTheOtherEnd", "sockets a b; write a 5; read b 3; read b 9; read b 1; read a 1",
     "3 2 EAGAIN EAGAIN"},
    {"AReadCrossesSegments", "sockets a b; write a 5; write a 5; read b 7; read b 7", "7 3"},
    {"NothingOfNothing", "sockets a b; read a 0; write a 0; read b 1", "0 EAGAIN"},
    {"Readiness", "sockets a b; poll a; write a 1; poll b; read b 1; poll b",
     "(out) (in out) 1 (out)"},
    // Shutdown.
    {"ShutdownForWriting",
     "sockets a b; write a 2; shutdown a wr; poll a; poll b; write a 1; read b 9; read b 9; write "
     "b 1;"
     "read a 1",
     "(out) (in out rdhup) EPIPE 2 0 1"},
    {"ShutdownForReading",
     "sockets a b; write b 2; shutdown a rd; poll a; poll b; write b 1; read a 9; read a 9; write "
     "a 1;"
     "read b 1",
     "(in out rdhup) (out) EPIPE 2 0 1"},
    {"ShutdownOfBoth",
     "sockets a b; shutdown a rdwr; poll a; poll b; read a 1; read b 1; write b 1",
     "(in out hup rdhup) (in out hup rdhup) 0 0 EPIPE"},
    {"ShutdownFromBothSides", "sockets a b; shutdown a wr; shutdown b wr; poll a; poll b",
     "(in out hup rdhup) (in out hup rdhup)"},
    // Close.
    {"Close", "sockets a b; write a 2; close a; poll b; read b 9; read b 9; write b 1",
     "(in out hup rdhup) 2 0 EPIPE"},
    {"ECONNRESET",
     "sockets a b; write a 3; write b 2; close a; poll b; write b 1; read b 2; read b 9; read b 9; "
     "read b 9; poll b",
     "(in out err hup rdhup) EPIPE 2 1 ECONNRESET 0 (in out hup rdhup)"},
    {"EPIPE", "sockets a b; close b; write a 1", "EPIPE"},
    // Who is told, seen by edge-triggered watchers.
    {"TheReceiverOfEachWrite",
     "epoll e; sockets a b; add e b in,et; write a 1; wait e; wait e; write a 1; wait e",
     "[b:in] [] [b:in]"},
    {"TheSenderOfEachSegmentThatIsFinished",
     "epoll e; sockets a b; add e a out,et; wait e; write a 4; wait e; read b 3; wait e; read b 1; "
     "wait e",
     "[a:out] [] 3 [] 1 [a:out]"},
    {"BothOfAShutdownTheEndItselfFirst",
     "epoll e; sockets a b; add e b rdhup,et; add e a rdhup,et; shutdown a rdwr; wait e; wait e",
     "[a:hup,rdhup b:hup,rdhup] []"},
    {"TheOtherOfAClose", "epoll e; sockets a b; add e b in,et; close a; wait e; wait e",
     "[b:in,hup] []"},
    {"TheOtherOfAReset", "epoll e; sockets a b; write b 1; add e b in,et; close a; wait e; wait e",
     "[b:in,err,hup] []"},
};

class SocketStoryTest : public testing::TestWithParam<Story> {};
TEST_P(SocketStoryTest, Story) {
  EpollStory story;
  EXPECT_EQ(story.Run(GetParam().text), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(, SocketStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

IoResult Write(const Ref<StreamSocket>& socket, int64_t n) {
  return socket->TryWrite(n, IoMode::kNonBlocking);
}
IoResult Read(const Ref<StreamSocket>& socket, int64_t n) {
  return socket->TryRead(n, IoMode::kNonBlocking);
}

constexpr SocketConfig kSmall = {
    .send_buffer = 100, .receive_buffer = 50, .send_low_water = 20, .receive_low_water = 1};

TEST(SocketBufferTest, TheSendBufferTakesWhatTheReceiverHasNoRoomFor) {
  ThreadStory s;
  const SocketPair pair = StreamSocket::CreatePair(s.files, kSmall);
  EXPECT_EQ(Write(pair.a, 500).bytes, 100);  // What the buffer holds at once; half goes on.
  EXPECT_EQ(pair.b->unread(), 50);
  EXPECT_EQ(pair.a->unsent(), 50);
  EXPECT_EQ(Write(pair.a, 500).bytes, 50);
  EXPECT_EQ(Write(pair.a, 1).error, kEagain);
  EXPECT_EQ(pair.a->Peek(sim::kEventOut), 0u);
  EXPECT_EQ(Read(pair.b, 30).bytes, 30);
  EXPECT_EQ(pair.b->unread(), 50);  // The window opened by 30.
  EXPECT_EQ(pair.a->unsent(), 70);
  EXPECT_EQ(pair.a->Peek(sim::kEventOut), sim::kEventOut);
}

TEST(SocketBufferTest, SendLowWater) {
  ThreadStory s;
  const SocketPair pair = StreamSocket::CreatePair(s.files, kSmall);
  Write(pair.a, 100);
  Write(pair.a, 40);  // Unsent: 90.
  EXPECT_EQ(pair.a->Peek(sim::kEventOut), 0u);
  EXPECT_EQ(Write(pair.a, 11).error, kEagain);  // Neither fits it, nor is a part worth the trouble.
  EXPECT_EQ(Write(pair.a, 5).bytes, 5);         // That fits.
  Read(pair.b, 15);                             // Unsent: 80.
  EXPECT_EQ(pair.a->Peek(sim::kEventOut), sim::kEventOut);
  EXPECT_EQ(Write(pair.a, 30).bytes, 20);
  EXPECT_EQ(pair.a->SetSendLowWater(0), kEinval);
  EXPECT_EQ(pair.a->SetSendLowWater(1'000'000), 0);  // As much as the buffer holds.
  EXPECT_EQ(pair.a->Peek(sim::kEventOut), 0u);
  while (Read(pair.b, 100).error == 0) {
  }
  EXPECT_EQ(pair.a->Peek(sim::kEventOut), sim::kEventOut);
}

TEST(SocketBufferTest, ReceiveLowWater) {
  ThreadStory s;
  const SocketPair pair = StreamSocket::CreatePair(s.files, kSmall);
  const Ref<EventPoll> set = EventPoll::Create(s.files);
  EXPECT_EQ(pair.b->SetReceiveLowWater(0), kEinval);
  EXPECT_EQ(pair.b->SetReceiveLowWater(10), 0);
  ASSERT_EQ(set->AddEntry({pair.b.get(), 0}, kEdgeTriggered, sim::kEventIn, 0), 0);
  std::vector<EpollEvent> events;
  Write(pair.a, 9);
  EXPECT_EQ(pair.b->Peek(sim::kEventIn), 0u);
  EXPECT_EQ(set->ReadEvents(1, &events), 0);
  EXPECT_EQ(s.files.epoll().queued, 0);
  Write(pair.a, 1);
  EXPECT_EQ(set->ReadEvents(1, &events), 1);
  EXPECT_EQ(Read(pair.b, 3).bytes, 3);  // A read without sleeping takes what there is.
  EXPECT_EQ(pair.b->Peek(sim::kEventIn), 0u);
  EXPECT_EQ(pair.b->TryRead(9, IoMode::kBlocking).error, kEagain);
  EXPECT_EQ(pair.b->TryRead(7, IoMode::kBlocking).bytes, 7);
  pair.a->Shutdown(ShutdownHow::kWrite);
  EXPECT_NE(pair.b->Peek(sim::kEventIn), 0u);
}

TEST(SocketBufferTest, TheEndComesAfterWhatIsUnsent) {
  ThreadStory s;
  for (const bool close : {false, true}) {
    SocketPair pair = StreamSocket::CreatePair(s.files, kSmall);
    Write(pair.a, 100);
    if (close) {
      pair.a.reset();
    } else {
      pair.a->Shutdown(ShutdownHow::kWrite);
    }
    EXPECT_EQ(pair.b->Peek(sim::kEventRdHUp), 0u);
    EXPECT_EQ(Read(pair.b, 60).bytes, 50);
    EXPECT_NE(pair.b->Peek(sim::kEventRdHUp), 0u);
    EXPECT_EQ(Read(pair.b, 60).bytes, 50);
    EXPECT_EQ(Read(pair.b, 60).bytes, 0);
    EXPECT_EQ(Read(pair.b, 60).error, 0);
  }
}

TEST(SocketBufferTest, NothingIsLostOrInvented) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    sim::SplitMix64 random(seed);
    ThreadStory s;
    const SocketPair pair = StreamSocket::CreatePair(s.files, kSmall);
    int64_t sent = 0, received = 0;
    for (int step = 0; step < 1000; ++step) {
      const auto n = static_cast<int64_t>(random.Below(120));
      if (random.Below(2) == 0) {
        sent += Write(pair.a, n).bytes;
      } else {
        received += Read(pair.b, n).bytes;
      }
      ASSERT_EQ(sent, received + pair.b->unread() + pair.a->unsent()) << "seed " << seed;
      ASSERT_LE(pair.b->unread(), kSmall.receive_buffer);
      ASSERT_LE(pair.a->unsent(), kSmall.send_buffer);
    }
  }
}

TEST(SocketThreadTest, AWriterAndAReader) {
  ThreadStory s;
  const SocketPair pair = StreamSocket::CreatePair(s.files, kSmall);
  s.Spawn("w", s.Writer("w", Ref<File>(pair.a), 400));
  for (int i = 1; i <= 8; ++i) {
    s.At(10 * i, [&] { Read(pair.b, 50); });
  }
  EXPECT_EQ(s.Run(), "w:400@50");  // 250 read, 50 at the receiver, 100 in the buffer.
  s.Spawn("r", s.Reader("r", Ref<File>(pair.b), 400));
  s.At(100, [&] { Write(pair.a, 1); });
  EXPECT_EQ(s.Run(), "r:1@100");
}

TEST(SocketThreadTest, AReaderSleepsToItsLowWaterMark) {
  ThreadStory s;
  const SocketPair pair = StreamSocket::CreatePair(s.files, kSmall);
  pair.b->SetReceiveLowWater(10);
  s.Spawn("r", s.Reader("r", Ref<File>(pair.b), 100));
  s.Spawn("q", s.Reader("q", Ref<File>(pair.b), 100, 40));
  s.At(10, [&] { Write(pair.a, 6); });
  s.At(20, [&] { Write(pair.a, 6); });
  s.At(30, [&] { Write(pair.a, 6); });
  EXPECT_EQ(s.Run(), "r:12@20 q:EAGAIN@40");
}

TEST(SocketThreadTest, TheOtherEndGoes) {
  ThreadStory s;
  SocketPair pair = StreamSocket::CreatePair(s.files, kSmall);
  s.Spawn("r", s.Reader("r", Ref<File>(pair.a), 1));
  s.Spawn("w", s.Writer("w", Ref<File>(pair.a), 1000));
  s.At(10, [&] { pair.b.reset(); });
  EXPECT_EQ(s.Run(), "r:ECONNRESET@10 w:150@10");
}

// ---- Ends of links.

// Two hosts, and a connection between them over a pair of links.
struct Wire : ThreadStory {
  explicit Wire(const LinkConfig& link, const SocketConfig& config = {})
      : there(engine, link), back(engine, link) {
    pair = Connect(config);
  }
  SocketPair Connect(const SocketConfig& config) {
    return StreamSocket::CreatePair({files, config, there}, {other_host, config, back});
  }
  // Runs `when` and all before.
  void RunTo(sim::SimTime when) {
    At(when, [] {});
    engine.Run(when);
  }

  OpenFiles other_host{engine};
  Link there, back;
  SocketPair pair;
};

TEST(LinkTest, DataTakesItsTimeOnTheWireAndTheDelay) {
  Wire w({.bytes_per_second = 1'000'000'000, .delay_ns = 500});  // 1 ns a byte.
  EXPECT_EQ(Write(w.pair.a, 100).bytes, 100);
  w.RunTo(599);
  EXPECT_EQ(w.pair.b->unread(), 0);
  w.RunTo(600);
  EXPECT_EQ(w.pair.b->unread(), 100);
  EXPECT_EQ(w.there.stats().bytes, 100);
  EXPECT_EQ(w.there.stats().busy_ns, 100);
}

TEST(LinkTest, WithoutARateOnlyTheDelay) {
  Wire w({.delay_ns = 7});
  w.Spawn("r", w.Reader("r", Ref<File>(w.pair.b), 1000));
  Write(w.pair.a, 1000);
  EXPECT_EQ(w.Run(), "r:1000@7");
}

TEST(LinkTest, SegmentsFollowOneAnother) {
  Wire w({.bytes_per_second = 1'000'000'000, .delay_ns = 0, .segment_bytes = 100});
  Write(w.pair.a, 250);
  w.RunTo(99);
  EXPECT_EQ(w.pair.b->unread(), 0);
  w.RunTo(199);
  EXPECT_EQ(w.pair.b->unread(), 100);
  w.RunTo(249);
  EXPECT_EQ(w.pair.b->unread(), 200);
  w.RunTo(250);
  EXPECT_EQ(w.pair.b->unread(), 250);
  EXPECT_EQ(w.there.stats().segments, 3);
}

TEST(LinkTest, RatesDoNotDrift) {
  // 3 bytes a second: a byte takes 333,333,333.3 ns.
  Wire w({.bytes_per_second = 3, .segment_bytes = 1});
  Write(w.pair.a, 9);
  w.RunTo(2'999'999'999);
  EXPECT_EQ(w.pair.b->unread(), 8);
  w.RunTo(3'000'000'000);
  EXPECT_EQ(w.pair.b->unread(), 9);
}

TEST(LinkTest, AFullQueueBlocksTheSender) {
  Wire w({.bytes_per_second = 1'000'000'000, .queue_bytes = 60, .segment_bytes = 30},
         {.send_buffer = 100, .receive_buffer = 1000, .send_low_water = 1});
  w.Spawn("w", w.Writer("w", Ref<File>(w.pair.a), 200));
  w.RunTo(0);
  EXPECT_EQ(w.there.queued_bytes(), 60);
  EXPECT_EQ(w.pair.a->unsent(), 100);
  EXPECT_EQ(w.log, "");
  // 160 are taken at once; of the 40 others 30 find room when the first segment has left, and 10
  // when the second has.
  EXPECT_EQ(w.Run(), "w:200@60");
  EXPECT_EQ(w.pair.b->unread(), 200);
  EXPECT_EQ(w.there.stats().longest_queue, 60);
}

TEST(LinkTest, TheWindowBlocksTheSender) {
  Wire w({.delay_ns = 10}, {.send_buffer = 100, .receive_buffer = 50, .send_low_water = 1});
  Write(w.pair.a, 100);
  Write(w.pair.a, 50);
  w.RunTo(10);
  EXPECT_EQ(w.pair.b->unread(), 50);
  EXPECT_EQ(w.pair.a->unsent(), 100);
  EXPECT_EQ(Read(w.pair.b, 30).bytes, 30);
  w.RunTo(19);
  EXPECT_EQ(w.pair.a->unsent(), 100);
  w.RunTo(20);  // The window is back,
  EXPECT_EQ(w.pair.a->unsent(), 70);
  w.RunTo(30);  // and the data is there.
  EXPECT_EQ(w.pair.b->unread(), 50);
}

TEST(LinkTest, ConnectionsShareItInTurns) {
  Wire w({.bytes_per_second = 1'000'000'000, .queue_bytes = 10, .segment_bytes = 10});
  const SocketPair second = w.Connect({});
  Write(w.pair.a, 50);
  Write(second.a, 50);
  w.RunTo(50);  // The first was back in line before the second came.
  EXPECT_EQ(w.pair.b->unread(), 30);
  EXPECT_EQ(second.b->unread(), 20);
  w.RunTo(100);
  EXPECT_EQ(w.pair.b->unread(), 50);
  EXPECT_EQ(second.b->unread(), 50);
}

TEST(LinkTest, TheSenderIsToldWhenItsBufferDrains) {
  Wire w({.bytes_per_second = 1'000'000'000, .queue_bytes = 50},
         {.send_buffer = 100, .send_low_water = 50});
  const Ref<EventPoll> set = EventPoll::Create(w.files);
  Write(w.pair.a, 100);
  Write(w.pair.a, 50);  // 50 on the wire, 100 unsent.
  ASSERT_EQ(set->AddEntry({w.pair.a.get(), 0}, kEdgeTriggered, sim::kEventOut, 0), 0);
  std::vector<EpollEvent> events;
  EXPECT_EQ(set->ReadEvents(1, &events), 0);
  w.RunTo(50);
  EXPECT_EQ(set->ReadEvents(1, &events), 1);
}

TEST(LinkTest, TheEndComesAfterTheData) {
  Wire w({.bytes_per_second = 1'000'000'000, .delay_ns = 10});
  Write(w.pair.a, 100);
  w.pair.a->Shutdown(ShutdownHow::kWrite);
  EXPECT_EQ(Write(w.pair.a, 1).error, kEpipe);
  w.RunTo(109);
  EXPECT_EQ(w.pair.b->Peek(sim::kAllEvents) & sim::kEventRdHUp, 0u);
  w.RunTo(110);
  EXPECT_NE(w.pair.b->Peek(sim::kAllEvents) & sim::kEventRdHUp, 0u);
  EXPECT_EQ(Read(w.pair.b, 1000).bytes, 100);
  EXPECT_EQ(Read(w.pair.b, 1000).bytes, 0);
  EXPECT_EQ(Write(w.pair.b, 5).bytes, 5);  // The other way is open.
  w.RunTo(200);
  EXPECT_EQ(Read(w.pair.a, 1000).bytes, 5);
}

TEST(LinkTest, WhatAClosedSocketHadToSendArrives) {
  Wire w(
      {.bytes_per_second = 1'000'000'000, .delay_ns = 10, .queue_bytes = 20, .segment_bytes = 20});
  Write(w.pair.a, 100);
  w.pair.a.reset();
  w.Run();
  EXPECT_EQ(Read(w.pair.b, 1000).bytes, 100);
  EXPECT_EQ(Read(w.pair.b, 1000).bytes, 0);
  EXPECT_EQ(w.pair.b->Peek(sim::kEventErr), 0u);
}

TEST(LinkTest, ECONNRESET_ToClosedEnd) {
  Wire w({.delay_ns = 10});
  w.pair.b.reset();
  w.RunTo(10);
  EXPECT_EQ(w.pair.a->Peek(sim::kAllEvents),
            sim::kEventRdHUp | sim::kReadableEvents | sim::kWritableEvents);
  EXPECT_EQ(Write(w.pair.a, 7).bytes, 7);  // Does not know yet.
  EXPECT_EQ(Write(w.pair.a, 7).bytes, 7);
  w.RunTo(30);
  EXPECT_NE(w.pair.a->Peek(sim::kEventErr) & sim::kEventErr, 0u);
  EXPECT_EQ(Write(w.pair.a, 1).error, kEconnreset);  // Once, of two resets.
  EXPECT_EQ(Write(w.pair.a, 1).error, kEpipe);
  EXPECT_EQ(Read(w.pair.a, 1).error, 0);
}

TEST(LinkTest, ECONNRESET_ClosedWithDataUnread) {
  Wire w({.delay_ns = 10});
  Write(w.pair.a, 7);
  Write(w.pair.b, 3);
  w.RunTo(10);
  w.pair.b.reset();
  w.RunTo(20);
  EXPECT_NE(w.pair.a->Peek(0) & sim::kEventErr, 0u);
  EXPECT_NE(w.pair.a->Peek(0) & sim::kEventHUp, 0u);
  EXPECT_EQ(Read(w.pair.a, 9).bytes, 3);
  EXPECT_EQ(Read(w.pair.a, 9).error, kEconnreset);
  EXPECT_EQ(Read(w.pair.a, 9).bytes, 0);
}

TEST(LinkTest, WhatNobodyWillReadIsThrownAway) {
  Wire w({.delay_ns = 10}, {.send_buffer = 10, .receive_buffer = 10});
  w.pair.b->Shutdown(ShutdownHow::kRead);
  w.Spawn("w", w.Writer("w", Ref<File>(w.pair.a), 100));
  EXPECT_EQ(w.Run().substr(0, 5), "w:100");  // The window opens all the same.
  EXPECT_EQ(w.pair.b->unread(), 0);
  EXPECT_EQ(Read(w.pair.b, 9).bytes, 0);
}

TEST(LinkTest, BothWaysAtOnceNothingIsLost) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    sim::SplitMix64 random(seed);
    Wire w({.bytes_per_second = static_cast<int64_t>(random.Below(1'000'000'000)),
            .delay_ns = static_cast<int64_t>(random.Below(1000)),
            .queue_bytes = static_cast<int64_t>(1 + random.Below(300)),
            .segment_bytes = static_cast<int64_t>(1 + random.Below(100))},
           {.send_buffer = 200, .receive_buffer = 150, .send_low_water = 1});
    const auto sink = [&](std::string name, Ref<File> file) -> sim::Task<void> {
      int64_t total = 0;
      for (;;) {
        const IoResult result = co_await vmsim::net::Read(file, 64);
        if (result.error != 0 || result.bytes == 0) break;
        total += result.bytes;
      }
      w.log += name + std::to_string(total) + " ";
    };
    const auto source = [&](Ref<StreamSocket> socket, int64_t n) -> sim::Task<void> {
      co_await vmsim::net::Write(Ref<File>(socket), n);
      socket->Shutdown(ShutdownHow::kWrite);
    };
    w.Spawn("", sink("a", Ref<File>(w.pair.a)));
    w.Spawn("", sink("a", Ref<File>(w.pair.b)));
    w.Spawn("", source(w.pair.a, 5000));
    w.Spawn("", source(w.pair.b, 5000));
    EXPECT_EQ(w.Run(), "a5000 a5000 ") << "seed " << seed;
    EXPECT_LE(w.there.stats().longest_queue, w.there.config().queue_bytes);
  }
}

TEST(LinkTest, TornDownWithPacketsOnTheWay) {
  Wire w({.bytes_per_second = 1000, .delay_ns = 1'000'000, .queue_bytes = 50});
  Write(w.pair.a, 200);
  Write(w.pair.b, 200);
  w.RunTo(60'000'000);
  w.pair = {};
}

using LinkDeathTest = testing::Test;
TEST(LinkDeathTest, Misuse) {
  sim::Engine engine;
  EXPECT_DEATH(Link(engine, {.delay_ns = -1}), "delay");
  EXPECT_DEATH(Link(engine, {.bytes_per_second = -1}), "bytes_per_second");
  EXPECT_DEATH(Link(engine, {.queue_bytes = 0}), "queue_bytes");
  OpenFiles files(engine);
  EXPECT_DEATH(StreamSocket::CreatePair(files, {.send_buffer = 0}), "send_buffer");
}

}  // namespace
}  // namespace vmsim::net
