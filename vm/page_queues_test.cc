// Stories about queue operations, the rule of the batches, and random operations against a model
// that keeps each queue as a plain list and each batch as another.
#include "vm/page_queues.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/random.h"
#include "vm/daemon_script.h"
#include "vm/invariants.h"

namespace vmsim::vm {
namespace {

struct Story {
  std::string_view name, script, want;
};

constexpr Story kStories[] = {
    {"ActivateGoesToTheTail", "activate a b c", "active: a b c | inactive: H | laundry:"},
    {"AnActivePageDoesNotMove", "activate a b; activate a", "active: a b | inactive: H | laundry:"},
    {"AnInactivePageDoes", "deactivate a b; deactivate a", "active: | inactive: H b a | laundry:"},
    {"NoreusePagesStandBeforeHFirstComeFirst", "deactivate a; noreuse b c",
     "active: | inactive: b c H a | laundry:"},
    {"NoreuseMovesAnInactivePage", "deactivate a b; noreuse b",
     "active: | inactive: b H a | laundry:"},
    {"LaunderedPagesQueueUp", "activate a b; launder b a", "active: | inactive: H | laundry: b a"},
    {"UnswappablePagesHaveAQueue", "launder a b; unswappable a",
     "active: | inactive: H | laundry: b | unswappable: a"},
    {"AWiredPageLingersUntilSomebodyMeetsIt", "lazy; activate a b; drain; wire a; drain",
     "active: a b | inactive: H | laundry:"},
    {"AWiredPageIsNotMoved", "activate a; wire a; deactivate a; launder a",
     "active: a | inactive: H | laundry:"},
    {"AnActivePageUnwiredStaysWhereItIs", "activate a b; wire a; unwire a",
     "active: a b | inactive: H | laundry:"},
    {"AnInactivePageUnwiredMovesToTheAskedQueue", "deactivate a; wire a; unwire a",
     "active: a | inactive: H | laundry:"},
    {"AnInvalidPageUnwiredIsTheNextToGo", "deactivate a b; wire b; invalid b; unwire b",
     "active: | inactive: b H a | laundry:"},
    {"AFreedPageLeaves", "deactivate a b c; free b", "active: | inactive: H a c | laundry:"},
    {"InsertionWaitsForTheBatch", "lazy; activate a b", "active: | inactive: H | laundry:"},
    {"RemovalOnAMoveDoesNot", "activate a b; lazy; deactivate a",
     "active: b | inactive: H | laundry:"},
    {"ThereAndBackInOneBatch", "deactivate a b; lazy; activate a; deactivate a; drain",
     "active: | inactive: H b a | laundry:"},
    {"NoreuseBeatsAnOrdinaryRequeue", "deactivate a b; lazy; deactivate b; noreuse b; drain",
     "active: | inactive: b H a | laundry:"},
    {"TheLastRequestHolds", "deactivate a b; lazy; noreuse b; deactivate b; drain",
     "active: | inactive: H a b | laundry:"},
};

class QueueStoryTest : public testing::TestWithParam<Story> {};
TEST_P(QueueStoryTest, Story) {
  DaemonScript script;
  ASSERT_TRUE(script.Run(GetParam().script));
  EXPECT_EQ(script.Queues(), GetParam().want);
  script.CheckInvariants();
}
INSTANTIATE_TEST_SUITE_P(, QueueStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PageQueuesTest, ActivationRaisesTheActivityToItsInitialValueOnly) {
  DaemonScript script;
  ASSERT_TRUE(script.Run("deactivate a b; act a 2; act b 9; activate a b"));
  EXPECT_EQ(script.Clock(), "C0 C1 a5 b9");
}

TEST(PageQueuesTest, UnwiringAnActivePageIsAReference) {
  DaemonScript script;
  ASSERT_TRUE(script.Run("activate a; wire a; unwire a"));
  EXPECT_TRUE(script.pages()[script.Frame('a')].has(kPgaReferenced));
}

// A machine of pages without owners, for what only concerns the queues.
struct Bench {
  explicit Bench(FreebsdRevision revision, uint32_t frames = 200)
      : pages(frames), queues(pages, engine, /*cpus=*/1, SettingsOf(revision)) {}
  size_t Held(QueueId queue) const { return queues.pending(0, queue).size(); }

  sim::Engine engine;
  PageArray pages;
  PageQueues queues;
};

TEST(PageQueuesTest, In15TheEntryAfter32EmptiesTheBatch) {
  Bench bench(FreebsdRevision::kR15);
  for (FrameIndex f = 0; f < 32; ++f) bench.queues.Deactivate(f);
  EXPECT_EQ(bench.Held(QueueId::kInactive), 32u);
  EXPECT_EQ(bench.queues.length(QueueId::kInactive), 0);
  bench.queues.Deactivate(32);
  EXPECT_EQ(bench.Held(QueueId::kInactive), 0u);
  EXPECT_EQ(bench.queues.length(QueueId::kInactive), 33);
}

TEST(PageQueuesTest, In13TheEntryAfter31EmptiesTheBatch) {
  Bench bench(FreebsdRevision::kR13_2);
  for (FrameIndex f = 0; f < 31; ++f) bench.queues.Deactivate(f);
  EXPECT_EQ(bench.Held(QueueId::kInactive), 31u);
  EXPECT_EQ(bench.queues.length(QueueId::kInactive), 0);
  bench.queues.Deactivate(31);
  EXPECT_EQ(bench.Held(QueueId::kInactive), 0u);
  EXPECT_EQ(bench.queues.length(QueueId::kInactive), 32);
}

TEST(PageQueuesTest, BatchesOfOtherQueuesDoNotFill) {
  Bench bench(FreebsdRevision::kR15);
  for (FrameIndex f = 0; f < 32; ++f) bench.queues.Deactivate(f);
  for (FrameIndex f = 32; f < 64; ++f) bench.queues.Launder(f);
  EXPECT_EQ(bench.Held(QueueId::kInactive), 32u);
  EXPECT_EQ(bench.Held(QueueId::kLaundry), 32u);
}

// The model: each queue a plain list, each page's pending operations a set of letters: l(eave),
// t(ail), h(ead). A batch is a list of pages; the one that finds it full has it applied.
class Model {
 public:
  Model(uint32_t frames, size_t held) : held_(held), rows_(frames) {}

  void Move(FrameIndex f, int queue, char op) {
    Row& row = rows_[f];
    if (row.wired || row.ops.count('l') > 0) return;
    const bool stays = queue == 1 && row.queue == 1 && IsLinked(f);
    Commit(f, queue, stays ? std::set<char>() : std::set<char>{op});
  }
  void Wire(FrameIndex f) {
    rows_[f].wired = true;
    rows_[f].ops.insert('l');
  }
  void Unwire(FrameIndex f, int queue) {
    Row& row = rows_[f];
    row.wired = false;
    if (row.queue == 1 && IsLinked(f)) {
      row.ops.clear();
    } else {
      Commit(f, queue, {'t'});
    }
  }
  void Dequeue(FrameIndex f) {
    if (rows_[f].queue >= 0) Commit(f, -1, {});
  }
  void DequeueDeferred(FrameIndex f) {
    if (rows_[f].queue < 0) return;
    std::set<char> ops = rows_[f].ops;
    ops.insert('l');
    Commit(f, rows_[f].queue, ops);
  }
  void Drain() {
    for (int q = 0; q < kQueueCount; ++q) Apply(q);
  }

  bool wired(FrameIndex f) const { return rows_[f].wired; }
  // Head first; H is kNoFrame.
  const std::list<FrameIndex>& list(int queue) const { return lists_[queue]; }
  size_t held(int queue) const { return batches_[queue].size(); }

 private:
  struct Row {
    int queue = -1;
    std::set<char> ops;
    bool wired = false;
  };

  bool IsLinked(FrameIndex f) const {
    const int queue = rows_[f].queue;
    return queue >= 0 && std::count(lists_[queue].begin(), lists_[queue].end(), f) > 0;
  }
  void Commit(FrameIndex f, int queue, std::set<char> ops) {
    Row& row = rows_[f];
    const bool moves = row.queue >= 0 && queue != row.queue;
    const bool is_new = !std::includes(row.ops.begin(), row.ops.end(), ops.begin(), ops.end());
    if (moves) lists_[row.queue].remove(f);
    row.queue = queue;
    row.ops = std::move(ops);
    if (queue < 0 || !(moves || is_new)) return;
    if (batches_[queue].size() < held_) {
      batches_[queue].push_back(f);
    } else {
      Apply(queue);
      ApplyOne(queue, f);
    }
  }
  void Apply(int queue) {
    for (const FrameIndex f : std::exchange(batches_[queue], {})) ApplyOne(queue, f);
  }
  void ApplyOne(int queue, FrameIndex f) {
    Row& row = rows_[f];
    if (row.queue != queue || row.ops.empty()) return;
    std::list<FrameIndex>& list = lists_[queue];
    list.remove(f);
    const std::set<char> ops = std::exchange(row.ops, {});
    if (ops.count('l') > 0) {
      row.queue = -1;
    } else {
      list.insert(ops.count('h') > 0 ? std::find(list.begin(), list.end(), kNoFrame) : list.end(),
                  f);
    }
  }

  size_t held_;
  std::vector<Row> rows_;
  std::list<FrameIndex> lists_[kQueueCount] = {{kNoFrame}, {}, {}, {}};
  std::vector<FrameIndex> batches_[kQueueCount];
};

std::list<FrameIndex> Actual(const PageQueues& queues, int queue) {
  std::list<FrameIndex> list;
  const uint32_t head = queues.head(static_cast<QueueId>(queue));
  for (uint32_t row = queues.next(head); row != head; row = queues.next(row)) {
    if (row == queues.clock(0) || row == queues.clock(1)) continue;
    list.push_back(row == queues.inacthead() ? kNoFrame : row);
  }
  return list;
}

// One random operation on both.
void Step(sim::SplitMix64& random, Bench& bench, Model& model) {
  PageQueues& queues = bench.queues;
  const auto f = static_cast<FrameIndex>(random.Below(bench.pages.frames()));
  Page& page = bench.pages[f];
  switch (random.Below(12)) {
    case 0:
    case 1:
    case 2:
      queues.Activate(f);
      return model.Move(f, 1, 't');
    case 3:
    case 4:
      queues.Deactivate(f);
      return model.Move(f, 0, 't');
    case 5:
    case 6:
      queues.DeactivateNoreuse(f);
      return model.Move(f, 0, 'h');
    case 7:
      queues.Launder(f);
      return model.Move(f, 2, 't');
    case 8:
      if (page.wired()) return;
      queues.Dequeue(f);
      return model.Dequeue(f);
    case 9:
      if (page.wired()) return;
      queues.DequeueDeferred(f);
      return model.DequeueDeferred(f);
    case 10:
      if (!page.wired()) {
        page.wire_count = 1;
        queues.Wire(f);
        return model.Wire(f);
      }
      queues.Release(f, QueueId::kLaundry, /*noreuse=*/false);
      page.wire_count = 0;
      return model.Unwire(f, 2);
    case 11:
      if (random.Below(20) != 0) return;
      queues.Drain();
      return model.Drain();
  }
}

class RandomQueuesTest : public testing::TestWithParam<FreebsdRevision> {};
TEST_P(RandomQueuesTest, FollowTheModel) {
  const size_t held = GetParam() == FreebsdRevision::kR15 ? 32 : 31;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    sim::SplitMix64 random = sim::NamedStream(seed, "page_queues_test");
    Bench bench(GetParam(), /*frames=*/120);
    for (FrameIndex f = 0; f < 120; ++f) bench.pages[f].valid = kPageBitsAll;
    Model model(120, held);
    for (int step = 0; step < 2000; ++step) {
      Step(random, bench, model);
      for (int q = 0; q < kQueueCount; ++q) {
        const auto queue = static_cast<QueueId>(q);
        ASSERT_EQ(bench.Held(queue), model.held(q)) << "step " << step << " queue " << q;
        ASSERT_LE(bench.Held(queue), held) << "step " << step << " queue " << q;
        ASSERT_EQ(Actual(bench.queues, q), model.list(q)) << "step " << step << " queue " << q;
      }
    }
    CheckAllInvariants({.queues = &bench.queues});
  }
}
INSTANTIATE_TEST_SUITE_P(, RandomQueuesTest,
                         testing::Values(FreebsdRevision::kR13_2, FreebsdRevision::kR15));

}  // namespace
}  // namespace vmsim::vm
