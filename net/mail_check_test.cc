// Each invariant of a mail relay sees what it is there to see, and nothing else does.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/mail_relay.h"
#include "net/mail_story.h"
#include "net/residency_story.h"

namespace vmsim::net {

// Looks into an epoll set, to break it.
struct EpollTestPeer {
  static EntryPlace& first_place(EventPoll& poll) { return poll.entries_.begin()->second.place; }
};

namespace {

using Options = MailStory::Options;
using Peer = MailTestPeer;
using Stage = Peer::Stage;

// Messages that are sent, that wait for the one connection, that are deferred, and that come in.
class Scene {
 public:
  static Options MakeOptions() {
    Options options = MailStory::Of(12, 60'000);
    options.mail.inbound.bytes_per_second = 200'000'000;
    options.mail.remotes[0] = {.name = "slow", .connections = 1};
    options.mail.remotes[0].link.bytes_per_second = 1'000'000;
    options.mail.remotes[0].sockets = {.send_buffer = 8192, .receive_buffer = 8192};
    options.mail.remotes.push_back(
        {.name = "later", .connections = 2, .defer_pct = 100, .defer_ns = sim::kSecond});
    return options;
  }
  Scene() : s(MakeOptions()) {
    s.Run(3'400'000);
    s.world().StopChecking();
  }
  // The first message in a stage.
  size_t In(Stage stage) {
    size_t id = 0;
    while (id < Peer::mails(r()) && Peer::stage(r(), id) != stage) ++id;
    EXPECT_LT(id, Peer::mails(r())) << "nobody in stage " << static_cast<int>(stage);
    return id;
  }
  MailRelay& r() { return s.relay(); }
  // Changes a place for the time of a look.
  template <typename T>
  std::string With(T& place, T value) {
    std::swap(place, value);
    std::string broken = s.Broken();
    std::swap(place, value);
    EXPECT_EQ(s.Broken(), "");
    return broken;
  }

  MailStory s;
};

TEST(MailCheckTest, EachBreakIsFound) {
  struct Case {
    std::string_view name;
    std::string_view want;
    std::function<std::string(Scene&)> look;
  };
  const std::vector<Case> cases = {
      {"OneHasVanished", "mail-conserved",
       [](Scene& c) { return c.With(Peer::stats(c.r()).arrived, c.s.stats().arrived + 1); }},
      {"OneHasEndedAndNobodyKnows", "mail-conserved",
       [](Scene& c) { return c.With(Peer::finished(c.r()), int64_t{7}); }},
      {"ThereForgotten", "mail-queued",
       [](Scene& c) { return c.With(Peer::counted(c.r(), c.In(Stage::kSending)), false); }},
      {"BytesForgotten", "mail-queued",
       [](Scene& c) { return c.With(Peer::stats(c.r()).queued_bytes, int64_t{1}); }},
      {"AConnectionIsIdleTwice", "mail-connection-has-one",
       [](Scene& c) {
         return c.With(Peer::idle(c.r(), 1), std::vector<int>{1, 2, 2});
       }},
      {"AConnectionIsNowhere", "mail-connection-has-one",
       [](Scene& c) { return c.With(Peer::idle(c.r(), 1), std::vector<int>{1}); }},
      {"ABusyConnectionIsIdle", "mail-connection-has-one",
       [](Scene& c) { return c.With(Peer::idle(c.r(), 0), std::vector<int>{0}); }},
      {"ItCarriesAnother", "mail-connection-has-one",
       [](Scene& c) {
         return c.With(Peer::carries(c.r(), 0), static_cast<uint32_t>(c.In(Stage::kWaiting)));
       }},
      {"SentOverNothing", "mail-connection-has-one mail-has-connection",
       [](Scene& c) { return c.With(Peer::connection(c.r(), c.In(Stage::kSending)), -1); }},
      {"AConnectionToWaitWith", "mail-has-connection",
       [](Scene& c) { return c.With(Peer::connection(c.r(), c.In(Stage::kWaiting)), 1); }},
      {"OutOfTheQueue", "mail-queued-once",
       [](Scene& c) { return c.With(Peer::waiting(c.r(), 0), std::deque<uint32_t>{}); }},
      {"QueuedTwice", "mail-queued-once",
       [](Scene& c) {
         std::deque<uint32_t> twice = Peer::waiting(c.r(), 0);
         twice.push_back(twice.front());
         return c.With(Peer::waiting(c.r(), 0), twice);
       }},
      {"InAnothersQueue", "mail-queued-once",
       [](Scene& c) {
         std::deque<uint32_t> queue = Peer::waiting(c.r(), 0);
         return c.With(Peer::waiting(c.r(), 1), queue);
       }},
      {"NeverTriedAgain", "mail-queued-once",
       [](Scene& c) {
         return c.With(Peer::deferred(c.r()), std::multimap<sim::SimTime, uint32_t>{});
       }},
      {"DeferredWhileItIsSent", "mail-queued-once",
       [](Scene& c) {
         auto deferred = Peer::deferred(c.r());
         deferred.emplace(1, static_cast<uint32_t>(c.In(Stage::kSending)));
         return c.With(Peer::deferred(c.r()), deferred);
       }},
      {"MoreSentThanReceived", "mail-progress",
       [](Scene& c) { return c.With(Peer::sent(c.r(), c.In(Stage::kSending)), int64_t{60'001}); }},
      {"SentBeforeItIsThere", "mail-progress",
       [](Scene& c) {
         return c.With(Peer::received(c.r(), c.In(Stage::kWaiting)), int64_t{59'999});
       }},
      {"MoreReceivedThanThereIs", "mail-progress",
       [](Scene& c) {
         return c.With(Peer::received(c.r(), c.In(Stage::kReceiving)), int64_t{60'001});
       }},
      {"OutOfMemoryUncounted", "mail-resident",
       [](Scene& c) { return c.With(Peer::resident(c.r(), c.In(Stage::kSending)), false); }},
      {"WaitingUncounted", "mail-resident",
       [](Scene& c) { return c.With(Peer::resident_waiting(c.r(), 0), int64_t{0}); }},
      {"DeferredCountedTooOften", "mail-resident",
       [](Scene& c) { return c.With(Peer::resident_deferred(c.r(), 1), int64_t{99}); }},
      {"ResidencyIsBroken", "mail-residency",
       [](Scene& c) {
         return c.With(ResidencyTestPeer::wrong_threads(c.r().residency()), int64_t{1});
       }},
      {"EpollIsBroken", "mail-epoll",
       [](Scene& c) {
         return c.With(EpollTestPeer::first_place(Peer::poll(c.r())), EntryPlace::kDisabled);
       }},
  };
  Scene scene;
  EXPECT_EQ(scene.s.Broken(), "");
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(c.look(scene), c.want);
  }
}

}  // namespace
}  // namespace vmsim::net
