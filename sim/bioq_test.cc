#include "sim/bioq.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/random.h"

namespace vmsim::sim {
namespace {

// A script of words. "s3@40" sorts request 3 that starts at 40, "t" inserts at the tail, "h" at the
// head, "b" sorts an ordered one, "f" sorts a flush command; "x" takes the first, "r3" removes 3.
// Every request is 10 long. The state reads "queue | last_offset insert_point batched".
class BioqScript {
 public:
  explicit BioqScript(int batchsize) : queue_(batchsize) {}

  std::string Run(const std::string& script) {
    std::istringstream words(script);
    for (std::string word; words >> word;) {
      Step(word);
      EXPECT_EQ(queue_.Inconsistency(), "");
    }
    return State();
  }

 private:
  void Step(const std::string& word) {
    if (word == "x") {
      queue_.Takefirst();
      return;
    }
    const auto id = static_cast<uint32_t>(std::stoul(word.substr(1)));
    if (word[0] == 'r') {
      queue_.Remove(id);
      return;
    }
    DiskRequest request{std::stoll(word.substr(word.find('@') + 1)), 10, DiskOp::kWrite, false};
    if (word[0] == 'b') request.ordered = true;
    if (word[0] == 'f') request.op = DiskOp::kFlush;
    if (word[0] == 't') {
      queue_.InsertTail(id, request);
    } else if (word[0] == 'h') {
      queue_.InsertHead(id, request);
    } else {
      queue_.Disksort(id, request);
    }
  }

  std::string State() const {
    std::ostringstream out;
    for (uint32_t id = queue_.First(); id != Bioq::kNone; id = queue_.Next(id)) out << id << " ";
    out << "| " << queue_.last_offset() << " ";
    if (queue_.insert_point() == Bioq::kNone) {
      out << "-";
    } else {
      out << queue_.insert_point();
    }
    out << " " << queue_.batched();
    return out.str();
  }

  Bioq queue_;
};

struct Story {
  std::string_view name;
  std::string_view script;
  std::string_view want;
  int batchsize = Bioq::kDefaultBatchsize;
};

constexpr Story kStories[] = {
    {"SortsByOffset", "s0@50 s1@10 s2@30", "1 2 0 | 0 - 3"},
    {"TiesKeepArrivalOrder", "s0@20 s1@20 s2@10 s3@20", "2 0 1 3 | 0 - 4"},
    {"TheArmMovesToTheEndOfWhatWasTaken", "s0@50 s1@10 x", "0 | 20 - 2"},
    {"WhatLiesBehindTheArmGoesLast", "s0@50 s1@30 x s2@10 s3@45 s4@20", "3 0 2 4 | 40 - 5"},
    {"RemovingFromTheMiddleLeavesTheArm", "s0@50 s1@10 s2@30 r2", "1 0 | 0 - 3"},
    {"RemovingTheHeadMovesTheArm", "s0@50 s1@10 r1", "0 | 20 - 2"},
    {"AnOrderedRequestIsABarrier", "s0@50 b1@30 s2@10 s3@40", "0 1 3 2 | 30 1 2"},
    {"AFlushIsABarrier", "s0@50 f1@0 s2@10", "0 1 2 | 0 1 1"},
    {"WithABarrierTheArmStays", "s0@50 b1@30 s2@10 x", "1 2 | 30 1 1"},
    {"TakingTheBarrierLeavesTheArm", "s0@50 b1@30 s2@10 x x", "2 | 30 - 1"},
    {"AfterTheBarrierTheArmMovesAgain", "s0@50 b1@30 s2@10 x x x", "| 20 - 0"},
    {"TheLastBarrierCounts", "b0@50 b1@30 s2@10 x", "1 2 | 30 1 1"},
    {"HeadMovesTheArmToItsStart", "s0@50 s1@10 h2@30 s3@40", "2 3 1 0 | 30 - 1"},
    {"HeadBeforeABarrierLeavesTheArm", "t0@50 h1@30", "1 0 | 50 0 0"},
    {"ABatchOfTwoTakesThree", "s0@10 s1@20 s2@30 s3@5", "0 1 2 3 | 5 3 0", 2},
    {"ABatchEndsWhenTheQueueEmpties", "s0@10 s1@20 s2@30 x x x s3@5", "3 | 40 - 1", 2},
    {"TakingDoesNotShrinkTheBatch", "s0@10 s1@20 s2@30 x x s3@5", "2 3 | 5 3 0", 2},
    {"NoBatchLimit", "s0@10 s1@20 s2@30 s3@5", "3 0 1 2 | 0 - 4", 0},
    {"RemovingABarrierJoinsBothSides", "s0@50 s1@60 b2@30 s3@10 r2 s4@55", "0 4 1 3 | 30 - 2"},
};

class BioqStoryTest : public testing::TestWithParam<Story> {};

TEST_P(BioqStoryTest, Story) {
  BioqScript script(GetParam().batchsize);
  EXPECT_EQ(script.Run(std::string(GetParam().script)), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(, BioqStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// The rules without any shortcut: a vector, walked from the front.
class NaiveBioq {
 public:
  explicit NaiveBioq(int batchsize) : batchsize_(batchsize) {}

  void Disksort(uint32_t id, const DiskRequest& r) {
    if (r.ordered || !IsDataOp(r.op) || (batchsize_ > 0 && batched > batchsize_)) {
      return InsertTail(id, r);
    }
    size_t at = insert_point == Bioq::kNone ? 0 : PositionOf(insert_point) + 1;
    while (at < queue.size() && Key(r.offset) >= Key(queue[at].request.offset)) ++at;
    queue.insert(queue.begin() + static_cast<ptrdiff_t>(at), {id, r});
    ++batched;
  }
  void InsertTail(uint32_t id, const DiskRequest& r) {
    queue.push_back({id, r});
    batched = 0;
    insert_point = id;
    last_offset = r.offset;
  }
  void InsertHead(uint32_t id, const DiskRequest& r) {
    if (insert_point == Bioq::kNone) last_offset = r.offset;
    queue.insert(queue.begin(), {id, r});
    batched = 0;
  }
  void Remove(uint32_t id) {
    const size_t at = PositionOf(id);
    const DiskRequest r = queue[at].request;
    if (insert_point == Bioq::kNone) {
      if (at == 0) last_offset = r.offset + r.length;
    } else if (id == insert_point) {
      insert_point = Bioq::kNone;
    }
    queue.erase(queue.begin() + static_cast<ptrdiff_t>(at));
    if (queue.empty()) batched = 0;
  }

  struct Entry {
    uint32_t id;
    DiskRequest request;
  };
  std::vector<Entry> queue;
  uint32_t insert_point = Bioq::kNone;
  int64_t last_offset = 0;
  int64_t batched = 0;

 private:
  uint64_t Key(int64_t offset) const {
    return static_cast<uint64_t>(offset) - static_cast<uint64_t>(last_offset);
  }
  size_t PositionOf(uint32_t id) const {
    const auto it = std::find_if(queue.begin(), queue.end(),
                                 [id](const Entry& entry) { return entry.id == id; });
    return static_cast<size_t>(it - queue.begin());
  }

  int batchsize_;
};

void ExpectSame(const Bioq& queue, const NaiveBioq& naive) {
  std::vector<uint32_t> got;
  std::vector<uint32_t> want;
  for (uint32_t id = queue.First(); id != Bioq::kNone; id = queue.Next(id)) got.push_back(id);
  for (const NaiveBioq::Entry& entry : naive.queue) want.push_back(entry.id);
  ASSERT_EQ(got, want);
  ASSERT_EQ(queue.last_offset(), naive.last_offset);
  ASSERT_EQ(queue.insert_point(), naive.insert_point);
  ASSERT_EQ(queue.batched(), naive.batched);
  ASSERT_EQ(queue.total(), static_cast<int64_t>(naive.queue.size()));
  EXPECT_EQ(queue.Inconsistency(), "");
}

// `barriers` of 100 insertions are special; few different offsets make ties and overlaps common.
void RunRandom(uint64_t seed, int batchsize, uint64_t offsets, uint64_t barriers) {
  SCOPED_TRACE(testing::Message() << "seed " << seed << " batchsize " << batchsize << " offsets "
                                  << offsets << " barriers " << barriers);
  SplitMix64 random(seed);
  Bioq queue(batchsize);
  NaiveBioq naive(batchsize);
  std::vector<uint32_t> free(40);
  for (uint32_t id = 0; id < free.size(); ++id) free[id] = id;
  const auto remove = [&](uint32_t id) {
    queue.Remove(id);
    naive.Remove(id);
    free.push_back(id);
  };
  for (int step = 0; step < 2000; ++step) {
    const uint64_t length = naive.queue.size();
    // Fills and drains in turn.
    const bool insert = random.Below(100) < (step / 200 % 2 == 0 ? 60u : 40u);
    if (insert && !free.empty()) {
      const uint32_t id = free.back();
      free.pop_back();
      DiskRequest r{static_cast<int64_t>(random.Below(offsets)) * 512,
                    static_cast<int64_t>(1 + random.Below(4)) * 512, DiskOp::kRead, false};
      const bool special = random.Below(100) < barriers;
      const uint64_t how = special ? random.Below(4) : 3;
      if (special && how == 3) r.ordered = true;
      if (how == 0) {
        queue.InsertHead(id, r);
        naive.InsertHead(id, r);
      } else if (how == 1) {
        queue.InsertTail(id, r);
        naive.InsertTail(id, r);
      } else {
        if (how == 2) r.op = DiskOp::kGetattr;
        queue.Disksort(id, r);
        naive.Disksort(id, r);
      }
    } else if (length > 0) {
      remove(naive.queue[random.Below(4) == 0 ? random.Below(length) : 0].id);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSame(queue, naive)) << "step " << step;
  }
}

TEST(BioqPropertyTest, AgreesWithTheNaiveQueue) {
  uint64_t seed = 1;
  for (const int batchsize : {-1, 0, 3, 128}) {
    for (const uint64_t offsets : {3, 20, 100000}) {
      for (const uint64_t barriers : {0, 10}) RunRandom(seed++, batchsize, offsets, barriers);
    }
  }
}

TEST(BioqTest, FlushEmptiesInOrder) {
  Bioq queue;
  queue.Disksort(0, {50, 10});
  queue.Disksort(1, {10, 10});
  std::vector<uint32_t> order;
  queue.Flush([&order](uint32_t id) { order.push_back(id); });
  EXPECT_EQ(order, (std::vector<uint32_t>{1, 0}));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.last_offset(), 60);
  EXPECT_EQ(queue.Takefirst(), Bioq::kNone);
}

TEST(BioqTest, OffsetsNearTheEndOfTheRangeWrap) {
  Bioq queue;
  queue.Disksort(0, {INT64_MAX - 5, 10});
  EXPECT_EQ(queue.Takefirst(), 0u);
  EXPECT_EQ(queue.last_offset(), INT64_MIN + 4);
}

TEST(BioqDeathTest, MisuseIsCaught) {
  Bioq queue;
  queue.Disksort(3, {0, 10});
  EXPECT_DEATH(queue.Disksort(3, {0, 10}), "bioq entry 3");
  EXPECT_DEATH(queue.Remove(2), "bioq entry 2");
}

}  // namespace
}  // namespace vmsim::sim
