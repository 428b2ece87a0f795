// What is wrong with a mail relay: where, and what to do about it.
#include "scenarios/mail_check.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scenarios/mail_config.h"
#include "scenarios/scenario_reader.h"

namespace vmsim::scenarios {
namespace {

using testing::HasSubstr;

constexpr char kMachine[] = "memory { pages: 2000 } disks { name: 'd' size_bytes: 8388608 } ";
constexpr char kSpool[] = "file_systems { name: 's' disk: 'd' } ";

std::string Check(const std::string& text) {
  const auto file = ParseScenario(text, "s", {});
  return file.ok() ? "ok" : std::string(file.status().message());
}

struct Story {
  const char* name;
  const char* text;
  const char* error;  // Part of the message; "ok" for none.
};

void Expect(const Story& story, const std::string& text) {
  if (std::string(story.error) == "ok") {
    EXPECT_EQ(Check(text), "ok");
  } else {
    EXPECT_THAT(Check(text), HasSubstr(story.error));
  }
}

std::string NameOf(const testing::TestParamInfo<Story>& info) { return info.param.name; }

// --- The relay; it has a message and a remote unless the story says otherwise ---

constexpr Story kRelayStories[] = {
    {"Least", "", "ok"},
    {"Name", "name: 'smtp'", "ok"},
    {"BadName", "name: 'a=b'",
     "mail_relay.name: \"a=b\" has a character that names cannot have; use letters"},
    {"LateStart", "start_ns: 100000000000000000", "ok"},
    {"NegativeStart", "start_ns: -1", "mail_relay.start_ns: -1 is outside 0..100000000000000000"},
    {"StartTooLate", "start_ns: 100000000000000001",
     "mail_relay.start_ns: 100000000000000001 is outside"},
    {"NegativeInterval", "mean_interval_ns: -1",
     "mail_relay.mean_interval_ns: -1 is outside 0..9007199254740992"},
    {"LongestInterval", "mean_interval_ns: 9007199254740992", "ok"},
    {"IntervalTooLong", "mean_interval_ns: 9007199254740993",
     "mail_relay.mean_interval_ns: 9007199254740993 is outside"},
    {"NoUnlinkWorkers", "unlink_workers: 0", "ok"},
    {"NegativeUnlinkWorkers", "unlink_workers: -1",
     "mail_relay.unlink_workers: -1 is outside 0..4096"},
    {"TooManyUnlinkWorkers", "unlink_workers: 4097",
     "mail_relay.unlink_workers: 4097 is outside 0..4096"},
    {"NoUnlinkBacklog", "unlink_backlog: 0",
     "mail_relay.unlink_backlog: 0 is outside 1..1099511627776"},
    {"LongestUnlinkBacklog", "unlink_backlog: 1099511627776", "ok"},
    {"UnlinkBacklogTooLong", "unlink_backlog: 1099511627777",
     "mail_relay.unlink_backlog: 1099511627777 is outside"},
    {"LimitWithoutSpool", "max_resident_transfails: 5",
     "mail_relay.max_resident_transfails: is about a spool; set body: SPOOL, or remove it"},
    {"TooLowALimit", "body: SPOOL max_resident_active_queue: -2",
     "mail_relay.max_resident_active_queue: -2 is outside -1..10000000"},
    {"NegativeLimitOfAll", "body: SPOOL max_resident_messages: -1",
     "mail_relay.max_resident_messages: -1 is outside 0..10000000"},
    {"NoStoreWorkers", "store_workers: 0", "ok"},
    {"TooManyStoreWorkers", "store_workers: 4097",
     "mail_relay.store_workers: 4097 is outside 0..4096"},
    {"NegativeStoreWorkers", "store_workers: -1", "mail_relay.store_workers: -1 is outside"},
    // Sizes.
    {"Sizes", "sizes { most_bytes: 1 } sizes { most_bytes: 1073741824 weight: 1000000000 }", "ok"},
    {"SizeZero", "sizes { most_bytes: 0 }",
     "mail_relay.sizes[0].most_bytes: 0 is outside 1..1073741824; rows ascend"},
    {"SizeTooLarge", "sizes { most_bytes: 1073741825 }",
     "mail_relay.sizes[0].most_bytes: 1073741825 is outside 1..1073741824"},
    {"SizesThatDoNotAscend", "sizes { most_bytes: 100 } sizes { most_bytes: 100 }",
     "mail_relay.sizes[1].most_bytes: 100 is outside 101..1073741824; rows ascend"},
    {"SizesThatDescend", "sizes { most_bytes: 100 } sizes { most_bytes: 99 }",
     "mail_relay.sizes[1].most_bytes: 99 is outside 101..1073741824; rows ascend"},
    {"NothingAboveTheLargest", "sizes { most_bytes: 1073741824 } sizes { most_bytes: 1073741825 }",
     "mail_relay.sizes[1].most_bytes: 1073741825 is outside"},
    {"WeightZero", "sizes { most_bytes: 100 weight: 0 }",
     "mail_relay.sizes[0].weight: 0 is outside 1..1000000000"},
    {"WeightTooLarge", "sizes { most_bytes: 100 weight: 1000000001 }",
     "mail_relay.sizes[0].weight: 1000000001 is outside"},
    // The link of the clients.
    {"Inbound",
     "inbound { bytes_per_s: 1 delay_ns: 60000000000 queue_bytes: 1 send_buffer_bytes: 1 "
     "receive_buffer_bytes: 1099511627776 }",
     "ok"},
    {"NegativeRate", "inbound { bytes_per_s: -1 }",
     "mail_relay.inbound.bytes_per_s: -1 is outside 0..1125899906842624"},
    {"RateTooHigh", "inbound { bytes_per_s: 1125899906842625 }",
     "mail_relay.inbound.bytes_per_s: 1125899906842625 is outside"},
    {"NegativeDelay", "inbound { delay_ns: -1 }",
     "mail_relay.inbound.delay_ns: -1 is outside 0..60000000000"},
    {"DelayTooLong", "inbound { delay_ns: 60000000001 }",
     "mail_relay.inbound.delay_ns: 60000000001 is outside"},
    {"NoQueue", "inbound { queue_bytes: 0 }",
     "mail_relay.inbound.queue_bytes: 0 is outside 1..1099511627776"},
    {"QueueTooLong", "inbound { queue_bytes: 1099511627777 }",
     "mail_relay.inbound.queue_bytes: 1099511627777 is outside"},
    {"NoSendBuffer", "inbound { send_buffer_bytes: 0 }",
     "mail_relay.inbound.send_buffer_bytes: 0 is outside 1..1099511627776"},
    {"NoReceiveBuffer", "inbound { receive_buffer_bytes: 0 }",
     "mail_relay.inbound.receive_buffer_bytes: 0 is outside 1..1099511627776"},
    // Where bodies are.
    {"Heap", "body: HEAP", "ok"},
    {"NoSuchPlace", "body: 3", "mail_relay.body: 3 is not a value of this field"},
    {"DurableHeap", "durable: true",
     "mail_relay.durable: is about a spool; set body: SPOOL, or remove it"},
    {"DurableHeapByName", "body: HEAP durable: true", "mail_relay.durable: is about a spool"},
    {"SpoolOfAHeap", "spool_file_system: 's'",
     "mail_relay.spool_file_system: is about a spool; set body: SPOOL, or remove it"},
    {"SpoolNowhere", "body: SPOOL",
     "mail_relay.spool_file_system: is missing, and there is not one file system; name one"},
    {"SpoolSomewhereElse", "body: SPOOL spool_file_system: 't'",
     "mail_relay.spool_file_system: there is no such file system; add it to file_systems"},
    // Residency.
    {"Residency",
     "residency { mode: OFF pull_when: NOT_IN_CORE workers: 0 backlog: 1 max_pulls: 0 "
     "wire_during_send: true }",
     "ok"},
    {"Literal", "residency { pull_when: LITERAL }", "ok"},
    {"LiteralHook", "residency { mode: HOOK pull_when: LITERAL }", "ok"},
    {"LiteralOff", "residency { mode: OFF pull_when: LITERAL }",
     "mail_relay.residency.pull_when: LITERAL turns the meaning of this mode round; use it with "
     "mode HOOK"},
    {"LiteralAlways", "residency { mode: ALWAYS_PULL pull_when: LITERAL }",
     "mail_relay.residency.pull_when: LITERAL turns the meaning"},
    {"NoSuchMode", "residency { mode: 4 }", "mail_relay.residency.mode: 4 is not a value"},
    {"NoSuchPullWhen", "residency { pull_when: 3 }",
     "mail_relay.residency.pull_when: 3 is not a value"},
    {"NegativeWorkers", "residency { workers: -1 }",
     "mail_relay.residency.workers: -1 is outside 0..4096"},
    {"TooManyWorkers", "residency { workers: 4097 }",
     "mail_relay.residency.workers: 4097 is outside 0..4096"},
    {"NoBacklog", "residency { backlog: 0 }",
     "mail_relay.residency.backlog: 0 is outside 1..1099511627776"},
    {"BacklogTooLong", "residency { backlog: 1099511627777 }",
     "mail_relay.residency.backlog: 1099511627777 is outside"},
    {"NegativePulls", "residency { max_pulls: -1 }",
     "mail_relay.residency.max_pulls: -1 is outside 0..1000000"},
    {"TooManyPulls", "residency { max_pulls: 1000001 }",
     "mail_relay.residency.max_pulls: 1000001 is outside"},
};

class MailRelayCheckTest : public testing::TestWithParam<Story> {};
TEST_P(MailRelayCheckTest, Check) {
  Expect(GetParam(), absl::StrCat(kMachine, "mail_relay { messages: 1 remotes { name: 'r' } ",
                                  GetParam().text, " }"));
}
INSTANTIATE_TEST_SUITE_P(, MailRelayCheckTest, testing::ValuesIn(kRelayStories), NameOf);

// --- Its only remote ---

constexpr Story kRemoteStories[] = {
    {"Least", "name: 'r'", "ok"},
    {"Nameless", "", "mail_relay.remotes[0].name: is missing; give it a name"},
    {"BadName", "name: 'a[b]'", "mail_relay.remotes[0].name: \"a[b]\" has a character"},
    {"SameName", "name: 'r' } remotes { name: 'r'",
     "mail_relay.remotes[1].name: another remote is called \"r\"; give each its own name"},
    {"WeightZero", "name: 'r' weight: 0",
     "mail_relay.remotes[0].weight: 0 is outside 1..1000000000"},
    {"WeightTooLarge", "name: 'r' weight: 1000000001",
     "mail_relay.remotes[0].weight: 1000000001 is outside"},
    {"NoConnections", "name: 'r' connections: 0",
     "mail_relay.remotes[0].connections: 0 is outside 1..100000"},
    {"ManyConnections", "name: 'r' connections: 100000", "ok"},
    {"TooManyConnections", "name: 'r' connections: 100001",
     "mail_relay.remotes[0].connections: 100001 is outside 1..100000"},
    {"TooManyTogether", "name: 'r' connections: 99993 } remotes { name: 't'",
     "mail_relay.remotes: have 100001 connections together; use at most 100000"},
    {"JustEnoughTogether", "name: 'r' connections: 99992 } remotes { name: 't'", "ok"},
    {"NegativeReads", "name: 'r' read_bytes_per_s: -1",
     "mail_relay.remotes[0].read_bytes_per_s: -1 is outside 0..1125899906842624"},
    {"ReadsTooFast", "name: 'r' read_bytes_per_s: 1125899906842625",
     "mail_relay.remotes[0].read_bytes_per_s: 1125899906842625 is outside"},
    {"NegativeDeferrals", "name: 'r' defer_pct: -1",
     "mail_relay.remotes[0].defer_pct: -1 is outside 0..100"},
    {"AllDeferred", "name: 'r' defer_pct: 100 defer_ns: 1000000000000000", "ok"},
    {"MoreThanAllDeferred", "name: 'r' defer_pct: 101",
     "mail_relay.remotes[0].defer_pct: 101 is outside 0..100"},
    {"NegativeDeferral", "name: 'r' defer_ns: -1",
     "mail_relay.remotes[0].defer_ns: -1 is outside 0..1000000000000000"},
    {"DeferredForEver", "name: 'r' defer_ns: 1000000000000001",
     "mail_relay.remotes[0].defer_ns: 1000000000000001 is outside"},
    {"Link", "name: 'r' link { bytes_per_s: 1125899906842624 delay_ns: 0 }", "ok"},
    {"NegativeRate", "name: 'r' link { bytes_per_s: -1 }",
     "mail_relay.remotes[0].link.bytes_per_s: -1 is outside"},
    {"NegativeDelay", "name: 'r' link { delay_ns: -1 }",
     "mail_relay.remotes[0].link.delay_ns: -1 is outside"},
    {"NoQueue", "name: 'r' link { queue_bytes: 0 }",
     "mail_relay.remotes[0].link.queue_bytes: 0 is outside"},
    {"NoSendBuffer", "name: 'r' link { send_buffer_bytes: 0 }",
     "mail_relay.remotes[0].link.send_buffer_bytes: 0 is outside"},
    {"ReceiveBufferTooLarge", "name: 'r' link { receive_buffer_bytes: 1099511627777 }",
     "mail_relay.remotes[0].link.receive_buffer_bytes: 1099511627777 is outside"},
    {"Sizes", "name: 'r' sizes { most_bytes: 5 weight: 2 } sizes { most_bytes: 6 }", "ok"},
    {"SizesThatDoNotAscend", "name: 'r' sizes { most_bytes: 5 } sizes { most_bytes: 5 }",
     "mail_relay.remotes[0].sizes[1].most_bytes: 5 is outside 6..1073741824; rows ascend"},
    {"WeightOfASize", "name: 'r' sizes { most_bytes: 5 weight: -1 }",
     "mail_relay.remotes[0].sizes[0].weight: -1 is outside"},
    {"TheSecondRemote", "name: 'r' } remotes { name: 't' defer_pct: 200",
     "mail_relay.remotes[1].defer_pct: 200 is outside"},
};

class MailRemoteCheckTest : public testing::TestWithParam<Story> {};
TEST_P(MailRemoteCheckTest, Check) {
  Expect(GetParam(),
         absl::StrCat(kMachine, "mail_relay { messages: 1 remotes { ", GetParam().text, " } }"));
}
INSTANTIATE_TEST_SUITE_P(, MailRemoteCheckTest, testing::ValuesIn(kRemoteStories), NameOf);

// --- What neither has a place above ---

constexpr Story kWholeStories[] = {
    {"NoMessages", "mail_relay { remotes { name: 'r' } }",
     "mail_relay.messages: 0 is outside 1..10000000"},
    {"NegativeMessages", "mail_relay { messages: -1 remotes { name: 'r' } }",
     "mail_relay.messages: -1 is outside 1..10000000"},
    {"MostMessages", "mail_relay { messages: 10000000 remotes { name: 'r' } }", "ok"},
    {"TooManyMessages", "mail_relay { messages: 10000001 remotes { name: 'r' } }",
     "mail_relay.messages: 10000001 is outside 1..10000000"},
    {"NoRemotes", "mail_relay { messages: 1 }", "mail_relay.remotes: has 0 remotes; use 1 to 1024"},
    {"NoProcessAndNoRelay", "", "processes"},
    {"AProcessOfTheSameName",
     "mail_relay { messages: 1 remotes { name: 'r' } } processes { name: 'relay' }",
     "mail_relay.name: a process is called \"relay\""},
    {"AnotherName",
     "mail_relay { name: 'm' messages: 1 remotes { name: 'r' } } processes { name: 'relay' }",
     "ok"},
    {"TheOnlyFileSystem",
     "file_systems { name: 's' disk: 'd' }"
     "mail_relay { messages: 1 body: SPOOL durable: true remotes { name: 'r' } }",
     "ok"},
    {"LimitsOfBodiesInMemory",
     "file_systems { name: 's' disk: 'd' }"
     "mail_relay { messages: 1 body: SPOOL max_resident_messages: 0 max_resident_active_queue: -1 "
     "max_resident_transfails: 10000000 remotes { name: 'r' } }",
     "ok"},
    {"OneOfTwo",
     "file_systems { name: 's' disk: 'd' size_bytes: 65536 } file_systems { name: 't' disk: 'd' }"
     "mail_relay { messages: 1 body: SPOOL spool_file_system: 't' remotes { name: 'r' } }",
     "ok"},
    {"WhichOfTwo",
     "file_systems { name: 's' disk: 'd' size_bytes: 65536 } file_systems { name: 't' disk: 'd' }"
     "mail_relay { messages: 1 body: SPOOL remotes { name: 'r' } }",
     "mail_relay.spool_file_system: is missing, and there is not one file system; name one"},
    {"DurableWithAFileSystemButOnTheHeap",
     "file_systems { name: 's' disk: 'd' }"
     "mail_relay { messages: 1 durable: true remotes { name: 'r' } }",
     "mail_relay.durable: is about a spool"},
};

class MailWholeCheckTest : public testing::TestWithParam<Story> {};
TEST_P(MailWholeCheckTest, Check) { Expect(GetParam(), absl::StrCat(kMachine, GetParam().text)); }
INSTANTIATE_TEST_SUITE_P(, MailWholeCheckTest, testing::ValuesIn(kWholeStories), NameOf);

// As many rows and remotes as there may be, and one more.
TEST(MailCheckTest, Many) {
  std::string sizes, remotes;
  for (int i = 1; i <= 256; ++i) absl::StrAppend(&sizes, "sizes { most_bytes: ", i, " } ");
  for (int i = 1; i <= 1024; ++i) absl::StrAppend(&remotes, "remotes { name: 'r", i, "' } ");
  const auto relay = [&](const std::string& more) {
    return Check(absl::StrCat(kMachine, "mail_relay { messages: 1 ", sizes, remotes, more, " }"));
  };
  EXPECT_EQ(relay(""), "ok");
  EXPECT_THAT(relay("sizes { most_bytes: 257 }"),
              HasSubstr("mail_relay.sizes: has 257 rows; use at most 256"));
  EXPECT_THAT(relay("remotes { name: 'x' }"),
              HasSubstr("mail_relay.remotes: has 1025 remotes; use 1 to 1024"));
  EXPECT_THAT(Check(absl::StrCat(kMachine, "mail_relay { messages: 1 remotes { name: 'r' ", sizes,
                                 "sizes { most_bytes: 257 } } }")),
              HasSubstr("mail_relay.remotes[0].sizes: has 257 rows; use at most 256"));
}

TEST(MailCheckTest, SaysWhere) {
  EXPECT_THAT(Check(absl::StrCat(kMachine,
                                 "\nmail_relay { messages: 1\n  remotes { name: 'r'\n"
                                 "    defer_pct: 101 } }")),
              HasSubstr("s:4:5: mail_relay.remotes[0].defer_pct: 101 is outside 0..100"));
}

// --- From the message to the configuration ---

net::MailConfig ConfigOf(const std::string& relay) {
  const auto file = ParseScenario(absl::StrCat(kMachine, kSpool, relay), "s", {});
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return {};
  vm::Costs costs;
  costs.syscall_ns = 777;
  costs.pte_ns = 7;
  return ToMailConfig(file->scenario.mail_relay(), costs);
}

TEST(MailConfigTest, Defaults) {
  const net::MailConfig config = ConfigOf("mail_relay { messages: 5 remotes { name: 'r' } }");
  EXPECT_EQ(config.name, "relay");
  EXPECT_EQ(config.messages, 5);
  EXPECT_EQ(config.start_ns, 0);
  EXPECT_EQ(config.mean_interval_ns, 0);
  ASSERT_EQ(config.sizes.size(), 1u);
  EXPECT_EQ(config.sizes[0].most_bytes, 100'000);
  EXPECT_EQ(config.place, net::BodyPlace::kHeap);
  EXPECT_FALSE(config.durable);
  EXPECT_EQ(config.inbound.queue_bytes, 262'144);
  EXPECT_EQ(config.inbound_sockets.send_buffer, 212'992);
  ASSERT_EQ(config.remotes.size(), 1u);
  EXPECT_EQ(config.remotes[0].weight, 1);
  EXPECT_EQ(config.remotes[0].connections, 8);
  EXPECT_TRUE(config.remotes[0].sizes.empty());
  EXPECT_EQ(config.mode, net::PullMode::kHook);
  EXPECT_EQ(config.residency.pull_when, net::PullWhen::kNotInCore);
  EXPECT_EQ(config.residency.max_pulls, 3);
  EXPECT_FALSE(config.residency.wire_during_send);
  EXPECT_EQ(config.residency.pool.name, "SwapIn");
  EXPECT_EQ(config.residency.pool.concurrency, 5);
  EXPECT_EQ(config.residency.pool.backlog, net::kUnlimitedBacklog);
  EXPECT_EQ(config.residency.test.call_ns, 777);
  EXPECT_EQ(config.residency.test.page_ns, 7);
  EXPECT_EQ(config.store.name, "SwapOut");
  EXPECT_EQ(config.store.concurrency, 5);
  EXPECT_EQ(config.unlink.name, "Unlink");
  EXPECT_EQ(config.unlink.concurrency, 6);
  EXPECT_EQ(config.unlink.backlog, 100);
}

TEST(MailConfigTest, Everything) {
  const net::MailConfig config = ConfigOf(
      "mail_relay { name: 'm' start_ns: 1 messages: 2 mean_interval_ns: 3"
      " sizes { most_bytes: 4 weight: 5 } sizes { most_bytes: 6 }"
      " inbound { bytes_per_s: 7 delay_ns: 8 queue_bytes: 9 send_buffer_bytes: 10"
      "   receive_buffer_bytes: 11 }"
      " body: SPOOL durable: true"
      " residency { mode: HOOK pull_when: LITERAL workers: 12 backlog: 13 max_pulls: 14"
      "   wire_during_send: true }"
      " remotes { name: 'r' weight: 15 connections: 16 read_bytes_per_s: 17 defer_pct: 18"
      "   defer_ns: 19 sizes { most_bytes: 20 } link { bytes_per_s: 21 send_buffer_bytes: 22 } }"
      " unlink_workers: 23 unlink_backlog: 24 store_workers: 25 }");
  EXPECT_EQ(config.name, "m");
  EXPECT_EQ(config.start_ns, 1);
  EXPECT_EQ(config.messages, 2);
  EXPECT_EQ(config.mean_interval_ns, 3);
  ASSERT_EQ(config.sizes.size(), 2u);
  EXPECT_EQ(config.sizes[0].most_bytes, 4);
  EXPECT_EQ(config.sizes[0].weight, 5);
  EXPECT_EQ(config.sizes[1].most_bytes, 6);
  EXPECT_EQ(config.sizes[1].weight, 1);
  EXPECT_EQ(config.inbound.bytes_per_second, 7);
  EXPECT_EQ(config.inbound.delay_ns, 8);
  EXPECT_EQ(config.inbound.queue_bytes, 9);
  EXPECT_EQ(config.inbound_sockets.send_buffer, 10);
  EXPECT_EQ(config.inbound_sockets.receive_buffer, 11);
  EXPECT_EQ(config.place, net::BodyPlace::kSpool);
  EXPECT_TRUE(config.durable);
  EXPECT_EQ(config.mode, net::PullMode::kHook);
  EXPECT_EQ(config.residency.pull_when, net::PullWhen::kLiteral);
  EXPECT_EQ(config.residency.pool.concurrency, 12);
  EXPECT_EQ(config.residency.pool.backlog, 13);
  EXPECT_EQ(config.residency.max_pulls, 14);
  EXPECT_TRUE(config.residency.wire_during_send);
  ASSERT_EQ(config.remotes.size(), 1u);
  const net::MailRemote& remote = config.remotes[0];
  EXPECT_EQ(remote.name, "r");
  EXPECT_EQ(remote.weight, 15);
  EXPECT_EQ(remote.connections, 16);
  EXPECT_EQ(remote.read_bytes_per_second, 17);
  EXPECT_EQ(remote.defer_pct, 18);
  EXPECT_EQ(remote.defer_ns, 19);
  ASSERT_EQ(remote.sizes.size(), 1u);
  EXPECT_EQ(remote.sizes[0].most_bytes, 20);
  EXPECT_EQ(remote.link.bytes_per_second, 21);
  EXPECT_EQ(remote.sockets.send_buffer, 22);
  EXPECT_EQ(remote.sockets.receive_buffer, 212'992);
  EXPECT_EQ(config.unlink.concurrency, 23);
  EXPECT_EQ(config.unlink.backlog, 24);
  EXPECT_EQ(config.store.concurrency, 25);
}

TEST(MailConfigTest, Modes) {
  struct Case {
    const char* text;
    net::PullMode mode;
  };
  for (const Case& c : {Case{"HOOK", net::PullMode::kHook}, Case{"OFF", net::PullMode::kOff},
                        Case{"ALWAYS_PULL", net::PullMode::kAlways}}) {
    const net::MailConfig config = ConfigOf(absl::StrCat(
        "mail_relay { messages: 1 remotes { name: 'r' } residency { mode: ", c.text, " } }"));
    EXPECT_EQ(config.mode, c.mode);
  }
}

}  // namespace
}  // namespace vmsim::scenarios
