// Random calls on an epoll set against a model that keeps plain lists and looks at everything.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "net/epoll.h"
#include "net/epoll_story.h"
#include "net/eventfd.h"
#include "sim/random.h"

namespace vmsim::net {
namespace {

constexpr size_t kFiles = 5;    // Counters,
constexpr size_t kAliases = 2;  // each under so many descriptors.

// One level of the rules of each mode, written down again without the machinery: every entry knows
// whether it is queued, and a vector says in which order.
class NaiveEpoll {
 public:
  explicit NaiveEpoll(EpollMode mode) : mode_(mode) {}

  struct Entry {
    size_t id;  // file * kAliases + alias.
    EntryFlags flags;
    EventMask mask;
    uint64_t data;
    bool fired;
  };
  uint64_t counts[kFiles] = {};

  int Add(size_t id, EntryFlags flags, EventMask mask, uint64_t data) {
    if (Find(id) != nullptr) return kEexist;
    entries_.push_back({id, flags, mask | sim::kUnaskedEvents, data, false});
    heard_.push_back(id);
    QueueIfReady(id);
    return 0;
  }
  int Update(size_t id, EntryFlags flags, EventMask mask, uint64_t data) {
    Entry* entry = Find(id);
    if (entry == nullptr) return kEnoent;
    *entry = {id, flags, mask | sim::kUnaskedEvents, data, false};
    if (mode_ != EpollMode::kLinux) {
      std::erase(heard_, id);
      heard_.push_back(id);
    }
    if (mode_ == EpollMode::kGvisor2019) std::erase(ready_, id);
    QueueIfReady(id);
    return 0;
  }
  int Remove(size_t id) {
    if (Find(id) == nullptr) return kEnoent;
    std::erase_if(entries_, [&](const Entry& entry) { return entry.id == id; });
    std::erase(heard_, id);
    std::erase(ready_, id);
    return 0;
  }
  void Notify(size_t file, EventMask events) {
    std::vector<size_t> order = heard_;
    if (mode_ == EpollMode::kLinux) std::reverse(order.begin(), order.end());
    for (const size_t id : order) {
      const Entry& entry = *Find(id);
      const bool deaf = entry.fired && mode_ != EpollMode::kGvisorVfs2;
      if (id / kAliases == file && (entry.mask & events) != 0 && !deaf) Queue(id);
    }
  }
  std::vector<std::pair<uint64_t, EventMask>> Read(size_t max) {
    std::vector<std::pair<uint64_t, EventMask>> out;
    std::vector<size_t> unreached, again;
    for (const size_t id : ready_) {
      if (out.size() >= max) {
        unreached.push_back(id);
        continue;
      }
      Entry& entry = *Find(id);
      const EventMask events = Ready(entry);
      if (events == 0) continue;
      out.emplace_back(entry.data, events);
      if ((entry.flags & kOneShot) != 0) {
        entry.fired = true;
      } else if ((entry.flags & kEdgeTriggered) == 0) {
        again.push_back(id);
      }
    }
    ready_ = unreached;
    ready_.insert(ready_.end(), again.begin(), again.end());
    return out;
  }
  bool Readable() {
    while (!ready_.empty() && Ready(*Find(ready_.front())) == 0) ready_.erase(ready_.begin());
    return !ready_.empty();
  }

 private:
  Entry* Find(size_t id) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.id == id; });
    return found != entries_.end() ? &*found : nullptr;
  }
  EventMask Ready(const Entry& entry) const {
    const uint64_t count = counts[entry.id / kAliases];
    const EventMask state =
        (count > 0 ? sim::kEventIn : 0) | (count < EventFd::kMostCount ? sim::kEventOut : 0);
    return entry.fired ? 0 : state & entry.mask;
  }
  void Queue(size_t id) {
    if (std::find(ready_.begin(), ready_.end(), id) == ready_.end()) ready_.push_back(id);
  }
  void QueueIfReady(size_t id) {
    if (Ready(*Find(id)) != 0) Queue(id);
  }

  const EpollMode mode_;
  std::vector<Entry> entries_;
  std::vector<size_t> heard_;  // In order of registration with the files.
  std::vector<size_t> ready_;
};

class EpollPropertyTest : public testing::TestWithParam<EpollMode> {
 protected:
  struct World {
    explicit World(EpollMode mode) : set(EventPoll::Create(files, mode)), naive(mode) {
      for (size_t i = 0; i < kFiles; ++i) counters.push_back(EventFd::Create(files, 0));
    }
    FileIdentifier Id(size_t id) const {
      return {counters[id / kAliases].get(), static_cast<int32_t>(id)};
    }
    sim::Engine engine;
    OpenFiles files{engine};
    Ref<EventPoll> set;
    std::vector<Ref<EventFd>> counters;
    NaiveEpoll naive;
  };

  static EventMask SomeEvents(sim::SplitMix64& random) {
    constexpr EventMask kChoices[] = {sim::kEventIn, sim::kEventOut, sim::kEventIn | sim::kEventOut,
                                      sim::kEventIn, 0};
    return kChoices[random.Below(std::size(kChoices))];
  }

  // Does one random thing to both, and compares.
  static void Step(World& world, sim::SplitMix64& random, uint64_t data) {
    const size_t id = random.Below(kFiles * kAliases);
    const auto flags = static_cast<EntryFlags>(random.Below(4));  // One-shot and edge.
    const EventMask mask = SomeEvents(random);
    // The call layer of the mode that does not add them itself.
    const EventMask asked = mask | sim::kUnaskedEvents;
    EventFd& counter = *world.counters[id / kAliases];
    uint64_t& count = world.naive.counts[id / kAliases];
    switch (random.Below(8)) {
      case 0:
        ASSERT_EQ(world.set->AddEntry(world.Id(id), flags, asked, data),
                  world.naive.Add(id, flags, mask, data));
        break;
      case 1:
        ASSERT_EQ(world.set->UpdateEntry(world.Id(id), flags, asked, data),
                  world.naive.Update(id, flags, mask, data));
        break;
      case 2:
        if (random.Below(3) > 0) break;
        ASSERT_EQ(world.set->RemoveEntry(world.Id(id)), world.naive.Remove(id));
        break;
      case 3: {
        const uint64_t value = random.Below(10) == 0 ? EventFd::kMostCount : random.Below(3);
        if (counter.TryAdd(value) != 0) break;
        count += value;
        world.naive.Notify(id / kAliases, sim::kEventIn);
        break;
      }
      case 4:
        if (counter.TryTake().error != 0) break;
        count = 0;
        world.naive.Notify(id / kAliases, sim::kEventOut);
        break;
      case 5:
        ASSERT_EQ(world.set->Readiness(sim::kEventIn) != 0, world.naive.Readable());
        break;
      default: {
        const size_t max = random.Below(4);
        std::vector<EpollEvent> events;
        world.set->ReadEvents(static_cast<int64_t>(max), &events);
        std::vector<std::pair<uint64_t, EventMask>> got;
        for (const EpollEvent& event : events) got.emplace_back(event.data, event.events);
        ASSERT_EQ(got, world.naive.Read(max));
      }
    }
    ASSERT_TRUE(world.set->BrokenInvariants().empty()) << world.set->BrokenInvariants().front();
  }
};

TEST_P(EpollPropertyTest, AgreesWithTheNaiveModel) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    World world(GetParam());
    sim::SplitMix64 random(seed);
    for (uint64_t step = 1; step <= 300; ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " step " + std::to_string(step));
      Step(world, random, step);
      if (testing::Test::HasFatalFailure()) return;
    }
    ASSERT_EQ(world.set->CountSilentFiles(), 0) << "seed " << seed;
  }
}

// Of k entries that stay ready each is reported within ceil(k / max) reads.
TEST_P(EpollPropertyTest, LevelTriggeredIsFair) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    sim::SplitMix64 random(seed);
    sim::Engine engine;
    OpenFiles files(engine);
    const Ref<EventPoll> set = EventPoll::Create(files, GetParam());
    std::vector<Ref<EventFd>> counters;
    const size_t k = 1 + random.Below(20), max = 1 + random.Below(6);
    for (size_t i = 0; i < k; ++i) {
      counters.push_back(EventFd::Create(files, 1));
      ASSERT_EQ(set->AddEntry({counters.back().get(), 0}, kLevelTriggered, sim::kEventIn, i), 0);
    }
    std::vector<size_t> last_read(k, 0);
    for (size_t read = 1; read <= 30; ++read) {
      std::vector<EpollEvent> events;
      ASSERT_EQ(set->ReadEvents(static_cast<int64_t>(max), &events),
                static_cast<int64_t>(std::min(k, max)));
      for (const EpollEvent& event : events) last_read[event.data] = read;
      const size_t within = (k + max - 1) / max;
      for (size_t i = 0; i < k; ++i) ASSERT_LT(read - last_read[i], within) << "seed " << seed;
      counters[random.Below(k)]->TryAdd(1);  // More of the same moves nobody.
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, EpollPropertyTest,
                         testing::Values(EpollMode::kLinux, EpollMode::kGvisor2019,
                                         EpollMode::kGvisorVfs2),
                         [](const auto& info) { return std::string(RulesOf(info.param).name); });

}  // namespace
}  // namespace vmsim::net
