#include "sim/event_queue.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "sim/random.h"

namespace vmsim::sim {
namespace {

// ---- Stories. "a@10d" schedules event a at 10 in class d(evice), w(akeup), t(imeout), D(aemon) or
// T(hread); "a>b@10d" does so while a runs; "-a" cancels a; "." runs the next event. At the end the
// rest runs. Events print as name@time.

constexpr std::string_view kClassLetters = "dwtDT";

class Script {
 public:
  std::string Run(std::string_view text) {
    std::istringstream words{std::string(text)};
    for (std::string word; words >> word;) Do(word);
    while (!queue_.empty()) queue_.RunNext();
    return log_;
  }

 private:
  void Do(const std::string& word) {
    if (word == ".") {
      queue_.RunNext();
    } else if (word[0] == '-') {
      if (!queue_.Cancel(ids_[word[1]])) log_ += "(gone " + word.substr(1) + ") ";
    } else if (word[1] == '>') {
      followers_[word[0]] = word.substr(2);
    } else {
      const auto event_class = static_cast<EventClass>(kClassLetters.find(word.back()));
      const SimTime when = std::stoll(word.substr(2));
      ids_[word[0]] = queue_.Schedule(when, event_class, OnEvent, this, word[0]);
    }
  }

  static void OnEvent(void* context, uint64_t name) {
    auto* script = static_cast<Script*>(context);
    script->log_ += static_cast<char>(name);
    script->log_ += "@" + std::to_string(script->queue_.now()) + " ";
    if (const auto next = script->followers_.find(static_cast<char>(name));
        next != script->followers_.end()) {
      script->Do(next->second);
    }
  }

  EventQueue queue_;
  std::map<char, EventId> ids_;
  std::map<char, std::string> followers_;
  std::string log_;
};

struct Story {
  std::string_view name, script, want;
};

constexpr Story kStories[] = {
    {"Empty", "", ""},
    {"ByTime", "a@30d b@10d c@20d", "b@10 c@20 a@30 "},
    {"FirstScheduledFirstRun", "c@10d a@10d b@10d", "c@10 a@10 b@10 "},
    {"ClassesInOneInstant", "a@5T b@5D c@5t e@5w f@5d", "f@5 e@5 c@5 b@5 a@5 "},
    {"TimeBeforeClass", "a@6d b@5T", "b@5 a@6 "},
    {"CompletionBeatsTimeoutScheduledEarlier", "t@10t c@10d", "c@10 t@10 "},
    {"EventsOfTheSameInstantMayFollow", "a@5d b@5T a>c@5d", "a@5 c@5 b@5 "},
    {"AFollowerQueuesBehindItsClass", "a@5d b@5d a>c@5d", "a@5 b@5 c@5 "},
    {"AnEventMayScheduleItself", "b@5T b>b@7T . b>-b", "b@5 b@7 (gone b) "},
    {"Cancelled", "a@1d b@2d c@3d -b", "a@1 c@3 "},
    {"CancelledTop", "a@1d b@2d -a", "b@2 "},
    {"CancelledTwice", "a@1d b@2d -a -a", "(gone a) b@2 "},
    {"CancelledAfterItRan", "a@1d b@2d . -a", "a@1 (gone a) b@2 "},
    {"CancelledAll", "a@1d b@2d c@3d -b -a -c e@9d", "e@9 "},
    {"CancelledByAnEventOfTheSameInstant", "a@5d t@5t a>-t", "a@5 "},
    {"AStaleHandleSparesTheSlotsNextUser", "a@1d . b@2d -a", "a@1 (gone a) b@2 "},
};

class EventQueueStoryTest : public testing::TestWithParam<Story> {};
TEST_P(EventQueueStoryTest, Story) { EXPECT_EQ(Script().Run(GetParam().script), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(, EventQueueStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// ---- Properties.

void AppendArgument(void* context, uint64_t argument) {
  static_cast<std::vector<uint64_t>*>(context)->push_back(argument);
}

// The same queue as a vector that is searched.
class NaiveQueue {
 public:
  uint64_t Schedule(SimTime when, EventClass event_class) {
    events_.push_back({when, event_class, next_, next_});
    return next_++;
  }
  bool Cancel(uint64_t name) {
    return std::erase_if(events_, [&](const Event& e) { return e.name == name; }) > 0;
  }
  size_t size() const { return events_.size(); }
  SimTime NextTime() const { return events_.empty() ? kNever : Next()->when; }
  uint64_t RunNext() {
    const auto next = Next();
    const uint64_t name = next->name;
    now_ = next->when;
    events_.erase(next);
    return name;
  }
  SimTime now() const { return now_; }

 private:
  struct Event {
    SimTime when;
    EventClass event_class;
    uint64_t sequence;
    uint64_t name;
  };
  std::vector<Event>::const_iterator Next() const {
    return std::min_element(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
      return std::tuple(a.when, a.event_class, a.sequence) <
             std::tuple(b.when, b.event_class, b.sequence);
    });
  }

  std::vector<Event> events_;
  uint64_t next_ = 0;
  SimTime now_ = 0;
};

struct Weights {
  uint64_t schedule, cancel;  // Percent; the rest runs an event.
  SimTime spread;             // How far ahead events are scheduled: small for many ties.
};

void CompareWithNaive(uint64_t seed, const Weights& weights, int operations) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  SplitMix64 random(seed);
  EventQueue queue;
  NaiveQueue naive;
  std::vector<EventId> ids;
  std::vector<uint64_t> ran;
  for (int i = 0; i < operations; ++i) {
    const uint64_t dice = random.Below(100);
    if (dice < weights.schedule) {
      const SimTime when = queue.now() + static_cast<SimTime>(random.Below(weights.spread));
      const auto event_class = static_cast<EventClass>(random.Below(5));
      const uint64_t name = naive.Schedule(when, event_class);
      ids.push_back(queue.Schedule(when, event_class, AppendArgument, &ran, name));
    } else if (dice < weights.schedule + weights.cancel) {
      if (ids.empty()) continue;
      const uint64_t name = random.Below(ids.size());  // Many have run or are cancelled.
      ASSERT_EQ(queue.Cancel(ids[name]), naive.Cancel(name)) << "operation " << i;
    } else if (naive.size() > 0) {
      const uint64_t want = naive.RunNext();
      queue.RunNext();
      ASSERT_EQ(ran.back(), want) << "operation " << i;
    }
    ASSERT_EQ(queue.size(), naive.size()) << "operation " << i;
    ASSERT_EQ(queue.NextTime(), naive.NextTime()) << "operation " << i;
    ASSERT_EQ(queue.now(), naive.now()) << "operation " << i;
  }
  EXPECT_EQ(queue.events_run(), ran.size());
}

TEST(EventQueuePropertyTest, BehavesLikeASearchedVector) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CompareWithNaive(seed, {.schedule = 45, .cancel = 15, .spread = 8}, 2000);
    CompareWithNaive(seed, {.schedule = 45, .cancel = 15, .spread = 1'000'000}, 2000);
    CompareWithNaive(seed, {.schedule = 34, .cancel = 33, .spread = 100}, 2000);
    CompareWithNaive(seed, {.schedule = 60, .cancel = 38, .spread = 100}, 2000);
  }
}

TEST(EventQueueTest, SweepsKeepOrderAndHandles) {
  EventQueue queue;
  std::vector<uint64_t> ran;
  std::vector<EventId> ids;
  for (uint64_t i = 0; i < 1000; ++i) {
    // 7 is prime to 1000: every time once, out of order.
    const SimTime when = static_cast<SimTime>(i * 7 % 1000);
    ids.push_back(queue.Schedule(when, EventClass::kDevice, AppendArgument, &ran, i * 7 % 1000));
  }
  for (uint64_t i = 0; i < 1000; ++i) {
    if (i * 7 % 1000 % 10 != 0) {
      EXPECT_TRUE(queue.Cancel(ids[i]));
    }
  }
  for (uint64_t i = 0; i < 1000; ++i) {
    if (i * 7 % 1000 % 10 != 0) {
      EXPECT_FALSE(queue.Cancel(ids[i]));
    }
  }
  EXPECT_EQ(queue.size(), 100u);
  EXPECT_TRUE(queue.Cancel(ids[0]));  // A live event after the sweeps: time 0.
  std::vector<uint64_t> want;
  for (uint64_t when = 10; when < 1000; when += 10) want.push_back(when);
  while (!queue.empty()) queue.RunNext();
  EXPECT_EQ(ran, want);
}

TEST(EventQueueTest, SlotsAreReused) {
  EventQueue queue;
  std::vector<uint64_t> ran;
  queue.Schedule(1, EventClass::kDevice, AppendArgument, &ran, 0);  // Keeps husks from the top.
  for (int i = 0; i < 10'000; ++i) {
    const EventId id = queue.Schedule(5, EventClass::kTimeout, AppendArgument, &ran, 0);
    EXPECT_LT(id.slot, 200u);
    EXPECT_TRUE(queue.Cancel(id));
  }
}

TEST(EventQueueTest, HandlesOfNothingAreStale) {
  EventQueue queue;
  EXPECT_FALSE(EventId{}.valid());
  EXPECT_FALSE(queue.Cancel(EventId{}));
  EXPECT_FALSE(queue.Cancel(EventId{.slot = 3, .generation = 0}));
}

TEST(EventQueueTest, TheClockMovesByEventsAndByHand) {
  EventQueue queue;
  std::vector<uint64_t> ran;
  EXPECT_EQ(queue.NextTime(), kNever);
  queue.Schedule(10, EventClass::kDevice, AppendArgument, &ran, 1);
  queue.AdvanceTo(4);
  EXPECT_EQ(*queue.clock(), 4);
  EXPECT_EQ(queue.NextTime(), 10);
  queue.AdvanceTo(10);
  EXPECT_TRUE(ran.empty());
  queue.RunNext();
  EXPECT_EQ(ran, std::vector<uint64_t>{1});
  EXPECT_EQ(*queue.clock(), 10);
}

using EventQueueDeathTest = testing::Test;

TEST(EventQueueDeathTest, ThePastIsClosed) {
  EventQueue queue;
  queue.AdvanceTo(10);
  EXPECT_DEATH(queue.Schedule(9, EventClass::kDevice, AppendArgument, nullptr, 0), "in the past");
  EXPECT_DEATH(queue.AdvanceTo(9), "when >= now_");
  EXPECT_DEATH(queue.RunNext(), "without a pending event");
  EXPECT_DEATH(queue.Schedule(11, EventClass::kDevice, nullptr, nullptr, 0), "callback");
  queue.Schedule(11, EventClass::kDevice, AppendArgument, nullptr, 0);
  EXPECT_DEATH(queue.AdvanceTo(12), "pass an event");
}

}  // namespace
}  // namespace vmsim::sim
