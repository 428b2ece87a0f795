// Breaks each invariant of an epoll set on purpose, and sees that its check fires and no other.
#include "net/epoll_invariants.h"

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "net/epoll_story.h"

namespace vmsim::net {

// Reaches into a set to break it, and mends it before it is destroyed.
struct EpollTestPeer {
  EpollStory& story;
  std::unique_ptr<EpollEntry> stranger = nullptr;  // An entry of the set that was never put in.

  EpollEntry* Stranger() {
    stranger = std::make_unique<EpollEntry>(&set(), FileIdentifier{story.file("a").get(), 77},
                                            [](void*, EventMask) { return false; });
    return stranger.get();
  }

  EventPoll& set() { return story.set("e"); }
  EpollEntry& entry(const std::string& name) { return *set().Find(story.id(name)); }
  PlaceList& list(EntryPlace place) { return set().list(place); }
  void set_ready_size(int64_t size) { list(EntryPlace::kReady).size_ = size; }
  std::vector<EventPoll::Output>& output() { return set().last_output_; }

  // A link that no check was asked about.
  void Link(const std::string& upper, const std::string& lower) {
    EventPoll& set = story.set(upper);
    EpollEntry& entry = set.Insert(story.id(lower), kLevelTriggered, sim::kEventIn, 0);
    set.Register(entry);
  }
  void Unlink(const std::string& upper, const std::string& lower) {
    story.set(upper).Erase(*story.set(upper).Find(story.id(lower)));
  }
  static WatcherList& watchers(File& file) { return file.watchers_; }
};

namespace {

struct Corruption {
  std::string_view invariant;
  std::string_view story;  // Up to the moment before.
  void (*corrupt)(EpollTestPeer& peer);
  void (*mend)(EpollTestPeer& peer);  // So that the set can go in good order; null: it can.
};

constexpr std::string_view kTwoWaiting = "epoll e; eventfd a; eventfd b; add e a in; add e b in";
constexpr std::string_view kTwoReady = "epoll e; eventfd a 1; eventfd b 1; add e a in; add e b in";

const Corruption kCorruptions[] = {
    {"EntryIsOnItsList", kTwoWaiting,
     [](EpollTestPeer& p) { p.entry("a").place = EntryPlace::kReady; },
     [](EpollTestPeer& p) { p.entry("a").place = EntryPlace::kWaiting; }},
    {"EntryIsOnItsList", kTwoWaiting,
     [](EpollTestPeer& p) { p.list(EntryPlace::kWaiting).Remove(&p.entry("b")); },
     [](EpollTestPeer& p) { p.list(EntryPlace::kWaiting).PushBack(&p.entry("b")); }},
    {"ListsHoldLiveEntries", kTwoWaiting,
     [](EpollTestPeer& p) { p.list(EntryPlace::kWaiting).PushBack(p.Stranger()); },
     [](EpollTestPeer& p) { p.list(EntryPlace::kWaiting).Remove(p.stranger.get()); }},
    {"EntryIsRegistered", kTwoWaiting,
     [](EpollTestPeer& p) { p.story.file("a")->EventUnregister(&p.entry("a").waiter); }, nullptr},
    {"EntryIsRegistered", kTwoWaiting,
     [](EpollTestPeer& p) {  // With another file.
       p.story.file("a")->EventUnregister(&p.entry("a").waiter);
       p.story.file("b")->EventRegister(&p.entry("a").waiter);
     },
     [](EpollTestPeer& p) {
       p.story.file("b")->EventUnregister(&p.entry("a").waiter);
       p.story.file("a")->EventRegister(&p.entry("a").waiter);
     }},
    {"FileKnowsItsWatchers", kTwoWaiting,
     [](EpollTestPeer& p) { p.watchers(*p.story.file("a")).Remove(&p.entry("a")); },
     [](EpollTestPeer& p) { p.watchers(*p.story.file("a")).PushBack(&p.entry("a")); }},
    {"FileKnowsItsWatchers", kTwoWaiting,
     [](EpollTestPeer& p) { p.watchers(*p.story.file("a")).PushBack(p.Stranger()); },
     [](EpollTestPeer& p) { p.watchers(*p.story.file("a")).Remove(p.stranger.get()); }},
    {"DisabledHaveFired", "epoll e; eventfd a 1; eventfd b; add e a in,oneshot; wait e; wait e",
     [](EpollTestPeer& p) { p.entry("a").fired = false; }, nullptr},
    {"DisabledHaveFired", kTwoWaiting, [](EpollTestPeer& p) { p.entry("a").fired = true; },
     nullptr},
    {"OneShotIsReportedOnce", "epoll e; eventfd a 1; add e a in,oneshot; wait e",
     [](EpollTestPeer& p) { p.entry("a").reports = 2; }, nullptr},
    {"EdgeIsReportedOncePerCause", "epoll e; eventfd a 1; add e a in,et; wait e",
     [](EpollTestPeer& p) { ++p.entry("a").reports; }, nullptr},
    {"NoWakeupIsLost", "epoll e; eventfd a 1; add e a in,et; wait e; write a 1; wait e",
     [](EpollTestPeer& p) { p.entry("a").notified = true; }, nullptr},
    {"ReadyIsFirstComeFirstServed", kTwoReady,
     [](EpollTestPeer& p) {
       EpollEntry& first = p.entry("a");  // Jumps back over the other.
       p.list(EntryPlace::kReady).Remove(&first);
       p.list(EntryPlace::kReady).PushBack(&first);
     },
     nullptr},
    {"OutputHasNoRepeats", "epoll e; eventfd a 1; add e a in; wait e",
     [](EpollTestPeer& p) { p.output().push_back(p.output().front()); }, nullptr},
    {"OutputIsWithinMask", "epoll e; eventfd a 1; add e a in; wait e",
     [](EpollTestPeer& p) { p.output().front().events |= sim::kEventOut; }, nullptr},
    {"OutputIsWithinMask", "epoll e; eventfd a 1; add e a in; wait e",
     [](EpollTestPeer& p) { p.output().front().events = 0; }, nullptr},
    {"DisabledAreNotInOutput", "epoll e; eventfd a 1; add e a in,oneshot; wait e",
     [](EpollTestPeer& p) { p.output().front().repeated_one_shot = true; }, nullptr},
    {"ReadinessAgreesWithRead", kTwoReady, [](EpollTestPeer& p) { p.set_ready_size(0); },
     [](EpollTestPeer& p) { p.set_ready_size(2); }},
    {"GraphHasNoCycle", "epoll e; epoll f; add e f in", [](EpollTestPeer& p) { p.Link("f", "e"); },
     [](EpollTestPeer& p) { p.Unlink("f", "e"); }},
    {"GraphHasNoCycle", "epoll e", [](EpollTestPeer& p) { p.Link("e", "e"); },
     [](EpollTestPeer& p) { p.Unlink("e", "e"); }},
    {"ChainsAreShort",
     "epoll e; epoll f; epoll g; epoll h; epoll i; epoll j; add e f in; add f g in; add g h in; "
     "add h i in",
     [](EpollTestPeer& p) { p.Link("i", "j"); }, [](EpollTestPeer& p) { p.Unlink("i", "j"); }},
};

class CorruptionTest : public testing::TestWithParam<size_t> {};

TEST_P(CorruptionTest, FiresItsCheckAlone) {
  const Corruption& corruption = kCorruptions[GetParam()];
  EpollStory story;
  story.Run(corruption.story);
  EpollTestPeer peer{story};
  ASSERT_TRUE(story.set("e").BrokenInvariants().empty());
  corruption.corrupt(peer);
  EXPECT_EQ(story.set("e").BrokenInvariants(), std::vector<std::string_view>{corruption.invariant});
  EXPECT_DEATH(story.set("e").CheckInvariants(), std::string(corruption.invariant));
  if (corruption.mend != nullptr) {
    corruption.mend(peer);
    EXPECT_TRUE(story.set("e").BrokenInvariants().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(, CorruptionTest, testing::Range(size_t{0}, std::size(kCorruptions)),
                         [](const auto& info) {
                           return std::string(kCorruptions[info.param].invariant) + "_" +
                                  std::to_string(info.param);
                         });

TEST(EpollInvariantsTest, EachHasItsCorruption) {
  std::set<std::string_view> corrupted;
  for (const Corruption& corruption : kCorruptions) corrupted.insert(corruption.invariant);
  for (const EpollInvariant& invariant : kEpollInvariants) {
    EXPECT_TRUE(corrupted.count(invariant.name) == 1) << invariant.name;
  }
}

// What the modes allow differs: a fired entry may be queued once more in one of them.
TEST(EpollInvariantsTest, AFiredEntryMayBeQueuedWhereItHears) {
  EpollStory story(EpollMode::kGvisorVfs2);
  story.Run("epoll e; eventfd a 1; add e a in,oneshot; wait e; write a 1");
  EXPECT_EQ(story.set("e").ready_size(), 1);
  EXPECT_EQ(story.Run("wait e"), "[]");
}

}  // namespace
}  // namespace vmsim::net
