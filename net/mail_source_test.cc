// The clients of a mail relay: what they bring is drawn from streams of their own.
#include "net/mail_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/engine.h"

namespace vmsim::net {
namespace {

using sim::kMillisecond;
using sim::kSecond;

MailConfig ConfigOf(int64_t messages, sim::SimDuration mean_interval_ns) {
  MailConfig config;
  config.messages = messages;
  config.mean_interval_ns = mean_interval_ns;
  config.sizes = {{1000, 1}};
  config.remotes.push_back({.name = "r"});
  return config;
}

// The source, and a relay in small: `take` says what becomes of each client.
class World {
 public:
  enum class Take {
    kNever,   // Leaves all of them waiting.
    kReads,   // Accepts, reads everything, closes.
    kHangUp,  // Accepts, and closes at once.
  };
  World(const MailConfig& config, uint64_t seed, const OpenFilesLimits& limits = {})
      : config_(config),
        relay_(engine_, limits),
        clients_(engine_),
        source_(std::make_unique<MailSource>(engine_, relay_, clients_, config_, seed)) {}
  ~World() { source_.reset(); }

  // Runs to the end. "arrival bytes remote deferred; " of each.
  std::string Run(Take take) {
    while (true) {
      if (take != Take::kNever) Serve(take);
      if (!engine_.Step()) break;
    }
    while (source_->HasWaiting()) Note(source_->Accept());
    return log_;
  }

  sim::Engine& engine() { return engine_; }
  MailSource& source() { return *source_; }
  const std::vector<MailEnvelope>& envelopes() const { return envelopes_; }
  int64_t relay_files() const { return relay_.count(); }
  int64_t client_files() const { return clients_.count(); }
  int64_t read() const { return read_; }

 private:
  void Note(const MailEnvelope& envelope) {
    absl::StrAppend(&log_, envelope.arrived, " ", envelope.bytes, " ", envelope.remote, " ",
                    envelope.deferred, "; ");
    envelopes_.push_back(envelope);
    envelopes_.back().socket.reset();
  }
  void Serve(Take take) {
    while (source_->HasWaiting()) {
      MailEnvelope envelope = source_->Accept();
      Note(envelope);
      if (take == Take::kReads) reading_.push_back(std::move(envelope));
    }
    for (MailEnvelope& envelope : reading_) {
      const IoResult got = envelope.socket->TryRead(1 << 20, IoMode::kNonBlocking);
      if (got.error != 0) continue;
      read_ += got.bytes;
      envelope.bytes -= got.bytes;
    }
    std::erase_if(reading_, [](const MailEnvelope& e) { return e.bytes == 0; });
  }

  sim::Engine engine_;
  const MailConfig config_;
  OpenFiles relay_;
  OpenFiles clients_;
  std::unique_ptr<MailSource> source_;
  std::vector<MailEnvelope> reading_;
  std::vector<MailEnvelope> envelopes_;
  std::string log_;
  int64_t read_ = 0;
};

// ---- What is drawn.

MailConfig Varied() {
  MailConfig config = ConfigOf(500, kMillisecond);
  config.inbound = {.bytes_per_second = 10'000'000, .delay_ns = 300'000};
  config.inbound_sockets = {.send_buffer = 3000, .receive_buffer = 2000};
  config.sizes = {{100, 3}, {50'000, 1}};
  config.remotes = {{.name = "a", .weight = 3, .defer_pct = 40}, {.name = "b", .defer_pct = 5}};
  config.remotes[1].sizes = {{7, 1}};
  return config;
}

// Whatever the relay does, and however fast the network is, the same messages come.
TEST(MailSourceTest, AFunctionOfTheSeedAlone) {
  const MailConfig config = Varied();
  const std::string want = World(config, 1).Run(World::Take::kReads);
  EXPECT_EQ(std::count(want.begin(), want.end(), ';'), 500);
  EXPECT_EQ(World(config, 1).Run(World::Take::kReads), want);
  EXPECT_EQ(World(config, 1).Run(World::Take::kNever), want);
  EXPECT_EQ(World(config, 1).Run(World::Take::kHangUp), want);
  MailConfig fast = config;
  fast.inbound = {};
  fast.inbound_sockets = {};
  EXPECT_EQ(World(fast, 1).Run(World::Take::kReads), want);
  EXPECT_NE(World(config, 2).Run(World::Take::kReads), want);
}

// Each thing is drawn from a stream of its own: changing one table moves nothing else.
TEST(MailSourceTest, StreamsOfTheirOwn) {
  MailConfig config = Varied();
  World before(config, 5);
  before.Run(World::Take::kReads);
  config.remotes[0].defer_pct = 90;
  config.sizes = {{123, 1}};
  World after(config, 5);
  after.Run(World::Take::kReads);
  ASSERT_EQ(before.envelopes().size(), after.envelopes().size());
  for (size_t i = 0; i < after.envelopes().size(); ++i) {
    const MailEnvelope &a = before.envelopes()[i], &b = after.envelopes()[i];
    EXPECT_EQ(a.arrived, b.arrived);
    EXPECT_EQ(a.remote, b.remote);
    // Who was put off at 40 % is at 90 %, too.
    EXPECT_LE(a.deferred, b.deferred);
    if (a.remote == 1) {
      EXPECT_EQ(a.bytes, b.bytes);
    }
  }
}

// ---- How it is spread.

// The sum of (seen - expected)^2 / expected.
double ChiSquare(const std::vector<int64_t>& seen, const std::vector<double>& expected) {
  double sum = 0;
  for (size_t i = 0; i < seen.size(); ++i) {
    const double off = static_cast<double>(seen[i]) - expected[i];
    sum += off * off / expected[i];
  }
  return sum;
}

TEST(MailSourceTest, SpreadAsTheTablesSay) {
  constexpr int64_t kMessages = 40'000;
  MailConfig config = ConfigOf(kMessages, kMillisecond);
  config.sizes = {{10, 5}, {1000, 3}, {1003, 2}};
  config.remotes = {{.name = "a", .weight = 1, .defer_pct = 25},
                    {.name = "b", .weight = 2, .defer_pct = 0},
                    {.name = "c", .weight = 5, .defer_pct = 100}};
  config.remotes[1].sizes = {{4, 1}};
  World world(config, 7);
  world.Run(World::Take::kReads);
  ASSERT_EQ(world.envelopes().size(), static_cast<size_t>(kMessages));
  std::vector<int64_t> remotes(3), deferred(3), rows(3), small(10), large(3), of_b(4);
  for (const MailEnvelope& e : world.envelopes()) {
    const auto remote = static_cast<size_t>(e.remote);
    ++remotes[remote];
    deferred[remote] += e.deferred;
    ASSERT_GE(e.bytes, 1);
    if (remote == 1) {
      ASSERT_LE(e.bytes, 4);
      ++of_b[static_cast<size_t>(e.bytes - 1)];
      continue;
    }
    ASSERT_LE(e.bytes, 1003);
    ++rows[e.bytes <= 10 ? 0 : e.bytes <= 1000 ? 1 : 2];
    if (e.bytes <= 10) ++small[static_cast<size_t>(e.bytes - 1)];
    if (e.bytes > 1000) ++large[static_cast<size_t>(e.bytes - 1001)];
  }
  // Bounds: 99.9 % of chi-square with 2, 3 and 9 degrees of freedom.
  EXPECT_LT(ChiSquare(remotes, {kMessages / 8.0, kMessages / 4.0, kMessages * 5 / 8.0}), 13.8);
  const double others = static_cast<double>(kMessages - remotes[1]);
  EXPECT_LT(ChiSquare(rows, {others * 0.5, others * 0.3, others * 0.2}), 13.8);
  EXPECT_LT(ChiSquare(small, std::vector<double>(10, static_cast<double>(rows[0]) / 10)), 27.9);
  EXPECT_LT(ChiSquare(large, std::vector<double>(3, static_cast<double>(rows[2]) / 3)), 13.8);
  EXPECT_LT(ChiSquare(of_b, std::vector<double>(4, static_cast<double>(remotes[1]) / 4)), 16.3);
  EXPECT_NEAR(static_cast<double>(deferred[0]) / static_cast<double>(remotes[0]), 0.25, 0.02);
  EXPECT_EQ(deferred[1], 0);
  EXPECT_EQ(deferred[2], remotes[2]);
}

// A Poisson process: the mean is the interval, and of a second's arrivals mean and variance agree.
TEST(MailSourceTest, ArrivalsAreAPoissonProcess) {
  constexpr int64_t kMessages = 40'000;
  MailConfig config = ConfigOf(kMessages, 10 * kMillisecond);
  config.start_ns = 5 * kSecond;
  World world(config, 3);
  world.Run(World::Take::kReads);
  sim::SimTime last = config.start_ns;
  std::map<int64_t, int64_t> by_second;
  for (const MailEnvelope& e : world.envelopes()) {
    ASSERT_GE(e.arrived, last);
    last = e.arrived;
    ++by_second[(e.arrived - config.start_ns) / kSecond];
  }
  EXPECT_NEAR(static_cast<double>(last - config.start_ns) / kMessages, 10e6, 0.2e6);
  double sum = 0, squares = 0;
  const double seconds = static_cast<double>(by_second.rbegin()->first);  // Whole ones.
  for (int64_t s = 0; s < by_second.rbegin()->first; ++s) {
    const auto n = static_cast<double>(by_second[s]);
    sum += n;
    squares += n * n;
  }
  const double mean = sum / seconds;
  EXPECT_NEAR(mean, 100, 2);
  EXPECT_NEAR(squares / seconds - mean * mean, 100, 25);
}

// ---- Clients.

TEST(MailSourceTest, IntervalZeroBringsAllAtOnce) {
  MailConfig config = ConfigOf(1000, 0);
  config.start_ns = kSecond;
  World world(config, 1);
  world.engine().Run(kSecond - 1);
  EXPECT_EQ(world.source().arrived(), 0);
  EXPECT_FALSE(world.source().HasWaiting());
  world.engine().Run(kSecond);
  EXPECT_EQ(world.source().arrived(), 1000);
  EXPECT_EQ(world.source().listener()->count(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(world.source().Accept().arrived, kSecond);
  EXPECT_FALSE(world.source().HasWaiting());
}

// Bodies larger than the buffers are written as they are read, and nothing of it stays behind.
TEST(MailSourceTest, ManyClientsAtOnce) {
  MailConfig config = ConfigOf(300, 1000);
  config.sizes = {{100'000, 1}};
  config.inbound = {.bytes_per_second = 100'000'000, .delay_ns = kMillisecond};
  config.inbound_sockets = {.send_buffer = 5000, .receive_buffer = 4000};
  World world(config, 9);
  world.Run(World::Take::kReads);
  int64_t bytes = 0;
  for (const MailEnvelope& e : world.envelopes()) bytes += e.bytes;
  EXPECT_EQ(world.read(), bytes);
  EXPECT_EQ(world.client_files(), 0);
  EXPECT_EQ(world.relay_files(), 1);  // The listener.
}

// A client that is refused gives up, even if it has more to say than fits in its buffer.
TEST(MailSourceTest, RefusedClientsGoAway) {
  struct Case {
    const char* name;
    LinkConfig link;
    SocketConfig sockets;
  };
  const Case cases[] = {
      {"AtOnce", {}, {}},
      {"ItHasMoreToSay", {}, {.send_buffer = 4096, .receive_buffer = 4096}},
      {"SlowLink",
       {.bytes_per_second = 1'000'000, .delay_ns = 5 * kMillisecond},
       {.send_buffer = 4096, .receive_buffer = 4096}},
      {"OneByteAtATime", {}, {.send_buffer = 1, .receive_buffer = 1}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    MailConfig config = ConfigOf(20, kMillisecond);
    config.sizes = {{100'000, 1}};
    config.inbound = c.link;
    config.inbound_sockets = c.sockets;
    World world(config, 4);
    world.Run(World::Take::kHangUp);
    EXPECT_EQ(world.envelopes().size(), 20u);
    EXPECT_EQ(world.client_files(), 0);
    EXPECT_EQ(world.relay_files(), 1);
  }
}

// When the host is out of files clients are lost; those behind them are what they would have been.
TEST(MailSourceTest, NoFileForAClient) {
  const MailConfig config = ConfigOf(100, kMillisecond);
  World all(config, 1);
  all.Run(World::Take::kNever);
  World few(config, 1, {.files = 11});
  EXPECT_EQ(few.source().lost(), 0);
  few.Run(World::Take::kNever);
  EXPECT_EQ(few.source().arrived(), 100);
  EXPECT_EQ(few.source().lost(), 90);
  ASSERT_EQ(few.envelopes().size(), 10u);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(few.envelopes()[i].arrived, all.envelopes()[i].arrived);
    EXPECT_EQ(few.envelopes()[i].bytes, all.envelopes()[i].bytes);
  }
  // With room for one at a time, whoever comes when it is free is the one that would have come.
  World one(config, 1, {.files = 2});
  one.Run(World::Take::kReads);
  EXPECT_GT(one.envelopes().size(), 50u);
  for (const MailEnvelope& e : one.envelopes()) {
    EXPECT_TRUE(
        std::any_of(all.envelopes().begin(), all.envelopes().end(), [&](const MailEnvelope& other) {
          return other.arrived == e.arrived && other.bytes == e.bytes;
        }));
  }
}

// Nothing is left over when it goes in the middle: clients at work, and clients that wait.
TEST(MailSourceTest, GoesInTheMiddle) {
  for (const sim::SimTime until : {0, 1, 20, 50}) {
    World world(Varied(), 6);
    world.engine().Run(until * kMillisecond);
  }
}

}  // namespace
}  // namespace vmsim::net
