#include "net/sink.h"

#include <cstdint>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "net/errno.h"
#include "net/link.h"
#include "net/thread_story.h"

namespace vmsim::net {
namespace {

// A host and a client, with a link of its own in each direction.
struct Service : ThreadStory {
  explicit Service(const LinkConfig& link, const SinkConfig& client,
                   const SocketConfig& config = {})
      : there(engine, link), back(engine, {.delay_ns = link.delay_ns}) {
    pair = StreamSocket::CreatePair({files, config, there}, {other_host, config, back});
    sink = std::make_unique<Sink>(engine, pair.b, client);
  }
  // What the client has read when all has run that happens up to `when`.
  int64_t ReadBy(sim::SimTime when) {
    At(when, [] {});
    engine.Run(when);
    return sink->bytes_read();
  }
  IoResult Write(int64_t n) { return pair.a->TryWrite(n, IoMode::kNonBlocking); }

  OpenFiles other_host{engine};
  Link there, back;
  SocketPair pair;
  std::unique_ptr<Sink> sink;
};

TEST(SinkTest, ReadsAllAsItComes) {
  Service s({.bytes_per_second = 1'000'000'000, .delay_ns = 50, .segment_bytes = 100}, {});
  s.Write(250);
  EXPECT_EQ(s.ReadBy(149), 0);
  EXPECT_EQ(s.ReadBy(150), 100);
  EXPECT_EQ(s.ReadBy(250), 200);
  EXPECT_EQ(s.ReadBy(300), 250);
  EXPECT_EQ(s.pair.a->unsent(), 0);
  EXPECT_FALSE(s.sink->ended());
}

// 10 ns a byte, 50 bytes at a time.
TEST(SinkTest, ReadsAtItsRate) {
  Service s({}, {.bytes_per_second = 100'000'000, .piece_bytes = 50});
  s.Write(120);
  EXPECT_EQ(s.ReadBy(0), 50);
  EXPECT_EQ(s.ReadBy(499), 50);
  EXPECT_EQ(s.ReadBy(500), 100);
  EXPECT_EQ(s.ReadBy(1000), 120);  // 20 of them, which take 200 ns.
  s.Write(10);                     // Comes in between.
  EXPECT_EQ(s.ReadBy(1199), 120);
  EXPECT_EQ(s.ReadBy(1200), 130);
  EXPECT_EQ(s.ReadBy(5000), 130);
  s.Write(10);  // It is idle.
  EXPECT_EQ(s.ReadBy(5000), 140);
}

TEST(SinkTest, RatesDoNotDrift) {
  Service s({}, {.bytes_per_second = 3, .piece_bytes = 1});
  s.Write(100);
  EXPECT_EQ(s.ReadBy(333'333'332), 1);
  EXPECT_EQ(s.ReadBy(333'333'333), 2);
  EXPECT_EQ(s.ReadBy(666'666'666), 3);
  EXPECT_EQ(s.ReadBy(999'999'999), 3);
  EXPECT_EQ(s.ReadBy(1'000'000'000), 4);
  EXPECT_EQ(s.ReadBy(9'999'999'999), 30);
  EXPECT_EQ(s.ReadBy(10'000'000'000), 31);
}

// At 0 the client has 100 bytes and its buffer, like the sender's, 100 each. Each 1000 ns it takes
// 100 more, and the writer can write as many.
TEST(SinkTest, ASlowClientHoldsTheSenderUp) {
  Service s({}, {.bytes_per_second = 100'000'000, .piece_bytes = 100},
            {.send_buffer = 100, .receive_buffer = 100});
  s.Spawn("w", s.Writer("w", Ref<File>(s.pair.a), 1000));
  EXPECT_EQ(s.ReadBy(6999), 700);
  EXPECT_EQ(s.Run(), "w:1000@7000");
  EXPECT_EQ(s.sink->bytes_read(), 1000);
}

TEST(SinkTest, TakesNoCpu) {
  Service s({.delay_ns = 10}, {});
  s.Write(1000);
  EXPECT_EQ(s.ReadBy(100), 1000);
  EXPECT_TRUE(s.engine.threads().empty());
}

TEST(SinkTest, TheSenderCloses) {
  for (const bool slow : {false, true}) {
    Service s({.delay_ns = 10}, {.bytes_per_second = slow ? 1'000'000'000 : 0, .piece_bytes = 50});
    s.Write(120);
    s.pair.a.reset();
    EXPECT_EQ(s.ReadBy(1000), 120);
    EXPECT_TRUE(s.sink->ended());
    EXPECT_EQ(s.sink->error(), 0);
  }
}

TEST(SinkTest, TheConnectionIsReset) {
  Service s({.delay_ns = 10}, {});
  s.Write(120);
  s.pair.b->TryWrite(1, IoMode::kNonBlocking);
  EXPECT_EQ(s.ReadBy(100), 120);
  s.pair.a.reset();  // With data that it has not read.
  s.ReadBy(200);
  EXPECT_TRUE(s.sink->ended());
  EXPECT_EQ(s.sink->error(), kEconnreset);
}

// It may go while something is planned.
TEST(SinkTest, TheClientGoes) {
  Service s({}, {.bytes_per_second = 1, .piece_bytes = 10});
  s.Write(100);
  EXPECT_EQ(s.ReadBy(0), 10);
  s.sink.reset();
  EXPECT_EQ(s.Run(), "");
  EXPECT_EQ(s.pair.b->unread(), 90);
}

}  // namespace
}  // namespace vmsim::net
