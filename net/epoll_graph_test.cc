#include "net/epoll_graph.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "net/eventfd.h"
#include "sim/random.h"

namespace vmsim::net {
namespace {

struct Graph {
  explicit Graph(int count, EpollMode mode = EpollMode::kLinux) {
    for (int i = 0; i < count; ++i) sets.push_back(EventPoll::Create(files, mode));
  }
  int Add(int upper, int lower, int fd = 0) {
    return sets[static_cast<size_t>(upper)]->AddEntry({sets[static_cast<size_t>(lower)].get(), fd},
                                                      kLevelTriggered, sim::kEventIn, 0);
  }
  int Watch(int upper, File* file, int fd = 0) {
    return sets[static_cast<size_t>(upper)]->AddEntry({file, fd}, kLevelTriggered, sim::kEventIn,
                                                      0);
  }

  sim::Engine engine;
  OpenFiles files{engine};
  std::vector<Ref<EventPoll>> sets;
};

TEST(EpollGraphTest, FourLinksBuiltFromAboveOrBelow) {
  Graph down(7);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(down.Add(i, i + 1), 0) << i;
  EXPECT_EQ(down.Add(4, 5), kEloop);
  Graph up(7);
  for (int i = 5; i > 1; --i) EXPECT_EQ(up.Add(i - 1, i), 0) << i;
  EXPECT_EQ(up.Add(0, 1), kEloop);
}

TEST(EpollGraphTest, ALinkInTheMiddleCountsBothSides) {
  Graph graph(8);
  ASSERT_EQ(graph.Add(0, 1), 0);
  ASSERT_EQ(graph.Add(1, 2), 0);  // Two links above 2,
  ASSERT_EQ(graph.Add(3, 4), 0);  // one below 3: the link makes four.
  EXPECT_EQ(graph.Add(2, 3), 0);
  ASSERT_EQ(graph.Add(6, 7), 0);
  EXPECT_EQ(graph.Add(4, 6), kEloop);
  EXPECT_EQ(graph.sets[2]->RemoveEntry({graph.sets[3].get(), 0}), 0);
  EXPECT_EQ(graph.Add(4, 6), 0);
}

TEST(EpollGraphTest, GvisorCountsBelowOnly) {
  Graph g2019(12, EpollMode::kGvisor2019);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(g2019.Add(i, i + 1), 0) << i;  // Each adds a leaf.
  EXPECT_EQ(g2019.Add(11, 0), kEloop);
  EXPECT_EQ(g2019.Add(11, 6), kEloop);  // Four links below 6.
  EXPECT_EQ(g2019.Add(11, 7), 0);
  Graph vfs2(12, EpollMode::kGvisorVfs2);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(vfs2.Add(i, i + 1), 0) << i;
  EXPECT_EQ(vfs2.Add(11, 5), kEloop);
  EXPECT_EQ(vfs2.Add(11, 6), 0);
}

TEST(EpollGraphTest, GvisorChainsEndSomewhereToo) {
  Graph graph(400, EpollMode::kGvisor2019);
  int links = 0;
  while (graph.Add(links, links + 1) == 0) ++links;
  EXPECT_EQ(links, kMostGvisorLinks);
  graph.sets[0]->CheckInvariants();
  // A notification goes all the way up.
  const Ref<EventFd> leaf = EventFd::Create(graph.files, 0);
  ASSERT_EQ(graph.Watch(links, leaf.get()), 0);
  leaf->TryAdd(1);
  EXPECT_EQ(graph.sets[0]->Readiness(sim::kEventIn), sim::kEventIn);
}

// The answers of searches that measure each set once are those of one that does not.
int NaiveBelow(const std::vector<std::vector<int>>& links, int from) {
  int longest = 0;
  for (const int to : links[static_cast<size_t>(from)]) {
    longest = std::max(longest, NaiveBelow(links, to) + 1);
  }
  return longest;
}
bool NaiveReaches(const std::vector<std::vector<int>>& links, int from, int target) {
  if (from == target) return true;
  for (const int to : links[static_cast<size_t>(from)]) {
    if (NaiveReaches(links, to, target)) return true;
  }
  return false;
}

TEST(EpollGraphTest, AgreesWithANaiveSearch) {
  constexpr int kSets = 9;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    sim::SplitMix64 random(seed);
    Graph graph(kSets);
    std::vector<std::vector<int>> down(kSets), up(kSets);
    for (int fd = 0; fd < 60; ++fd) {
      const auto a = static_cast<int>(random.Below(kSets)),
                 b = static_cast<int>(random.Below(kSets));
      int want = 0;
      if (a == b) {
        want = kEinval;
      } else if (NaiveReaches(down, b, a) || NaiveBelow(down, b) + 1 + NaiveBelow(up, a) > 4) {
        want = kEloop;
      }
      ASSERT_EQ(graph.Add(a, b, fd), want) << "seed " << seed << " link " << a << "-" << b;
      if (want == 0) {
        down[static_cast<size_t>(a)].push_back(b);
        up[static_cast<size_t>(b)].push_back(a);
      }
    }
    for (const Ref<EventPoll>& set : graph.sets) set->CheckInvariants();
  }
}

// Sets below sets, each watched through many descriptors: as many paths as 1,000 to the power of 4,
// but the search sees each set once.
TEST(EpollGraphTest, SharedSetsAreMeasuredOnce) {
  Graph graph(6);
  for (int level = 1; level < 4; ++level) {
    for (int fd = 0; fd < 1000; ++fd) ASSERT_EQ(graph.Add(level, level + 1, fd), 0);
  }
  EXPECT_EQ(graph.Add(0, 1), 0);
  EXPECT_EQ(graph.Add(5, 0), kEloop);
}

// ---- Wake-up paths: 500 of one link.

TEST(EpollPathsTest, EINVAL_TooManyOfOneLink) {
  Graph graph(503);
  const Ref<EventFd> file = EventFd::Create(graph.files, 0);
  ASSERT_EQ(graph.Watch(0, file.get()), 0);
  for (int i = 1; i <= 500; ++i) ASSERT_EQ(graph.Add(i, 0), 0) << i;
  EXPECT_EQ(graph.Add(501, 0), kEinval);
  EXPECT_EQ(graph.sets[501]->size(), 0);  // And it left no trace.
  EXPECT_EQ(graph.sets[0]->watchers().size(), 500);
  // Without the file below nothing limits the sets above.
  ASSERT_EQ(graph.sets[0]->RemoveEntry({file.get(), 0}), 0);
  EXPECT_EQ(graph.Add(501, 0), 0);
  // Then it is the file that comes too much.
  EXPECT_EQ(graph.Watch(0, file.get()), kEinval);
}

TEST(EpollPathsTest, NoLinkNoLimit) {
  Graph graph(1200);
  const Ref<EventFd> file = EventFd::Create(graph.files, 0);
  for (int i = 0; i < 1200; ++i) ASSERT_EQ(graph.Watch(i, file.get()), 0) << i;
}

TEST(EpollPathsTest, OneHundredOfTwoLinks) {
  Graph graph(103);  // The file, 0, 1, then all others.
  const Ref<EventFd> file = EventFd::Create(graph.files, 0);
  ASSERT_EQ(graph.Watch(0, file.get()), 0);
  ASSERT_EQ(graph.Add(1, 0), 0);
  for (int i = 2; i < 102; ++i) ASSERT_EQ(graph.Add(i, 1), 0) << i;
  EXPECT_EQ(graph.Add(102, 1), kEinval);
}

TEST(EpollPathsTest, GvisorHasNoSuchLimit) {
  Graph graph(600, EpollMode::kGvisorVfs2);
  const Ref<EventFd> file = EventFd::Create(graph.files, 0);
  ASSERT_EQ(graph.Watch(0, file.get()), 0);
  for (int i = 1; i < 600; ++i) ASSERT_EQ(graph.Add(i, 0), 0) << i;
}

}  // namespace
}  // namespace vmsim::net
