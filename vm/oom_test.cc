#include "vm/oom.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/time.h"

namespace vmsim::vm {
namespace {

// A process with one map of 64 pages: so many resident, so many others in swap.
struct Row {
  std::string_view name;
  int pid;
  uint32_t resident;
  uint32_t swap;
  std::string_view state = "";  // protected, exiting, exited, killed
};

struct Story {
  std::string_view name;
  std::vector<Row> processes;
  OomReason reason;
  bool swap_available;
  std::string_view victim;
  int64_t size_pages;
};

const Story kStories[] = {
    {"TheLargest",
     {{"a", 100, 3, 0}, {"b", 101, 5, 0}, {"c", 102, 4, 0}},
     OomReason::kMem,
     true,
     "b",
     5},
    {"SwapCountsToo", {{"a", 100, 5, 0}, {"b", 101, 1, 5}}, OomReason::kMem, true, "b", 6},
    {"TheFirstWinsATie", {{"a", 100, 2, 2}, {"b", 101, 4, 0}}, OomReason::kMem, true, "a", 4},
    {"ForSwapMetadataOnlySwapCounts",
     {{"a", 100, 9, 1}, {"b", 101, 0, 2}},
     OomReason::kSwapZone,
     true,
     "b",
     2},
    {"NobodyHasSwap", {{"a", 100, 9, 0}}, OomReason::kSwapZone, true, "", 0},
    {"AnEmptyProcessIsNeverWorthIt", {{"a", 100, 0, 0}}, OomReason::kMem, true, "", 0},
    {"ProtectedIsSpared",
     {{"a", 100, 9, 0, "protected"}, {"b", 101, 1, 0}},
     OomReason::kMem,
     true,
     "b",
     1},
    {"ExitingIsPassedOver",
     {{"a", 100, 9, 0, "exiting"}, {"b", 101, 1, 0}},
     OomReason::kMem,
     true,
     "b",
     1},
    {"ExitedIsPassedOver",
     {{"a", 100, 9, 0, "exited"}, {"b", 101, 1, 0}},
     OomReason::kMem,
     true,
     "b",
     1},
    {"KilledIsPassedOver",
     {{"a", 100, 9, 0, "killed"}, {"b", 101, 1, 0}},
     OomReason::kMem,
     true,
     "b",
     1},
    {"InitIsSparedAlways", {{"init", 1, 9, 0}, {"b", 101, 1, 0}}, OomReason::kMem, false, "b", 1},
    {"LowPidsAreSparedWithSwap",
     {{"a", 47, 9, 0}, {"b", 101, 1, 0}},
     OomReason::kMem,
     true,
     "b",
     1},
    {"ButNotWithout", {{"a", 47, 9, 0}, {"b", 101, 1, 0}}, OomReason::kMem, false, "a", 9},
    {"NorFromPid48On", {{"a", 48, 9, 0}, {"b", 101, 1, 0}}, OomReason::kMem, true, "a", 9},
};

class OomTest : public testing::Test {
 protected:
  OomTest() { space_.SwapOn(1000 * 8); }

  Process& Add(const Row& row) {
    processes_.push_back(std::make_unique<Process>(row.pid, std::string(row.name), tables_));
    Process& process = *processes_.back();
    Object& object = objects_.Create(ObjectType::kSwap, 64);
    process.space.Insert(0, 64, object, 0, tables_.AllocateLeaf(64), true);
    for (Pindex i = 0; i < row.resident; ++i) objects_.Insert(next_frame_++, object, i);
    for (Pindex i = 0; i < row.swap; ++i) Swap(object, 63 - i);
    process.protect = row.state == "protected";
    process.exiting = row.state == "exiting";
    process.exited = row.state == "exited";
    process.space.killed = row.state == "killed";
    return process;
  }
  void Swap(Object& object, Pindex pindex) {
    object.swap.Build(meta_, pindex, space_.Get(1).first);
  }

  PageArray pages_{100};
  PageTables tables_{pages_};
  ObjectTable objects_{pages_};
  SwapSpace space_;
  SwapMeta meta_;
  FrameIndex next_frame_ = 0;
  OomKiller::ProcessList processes_;
  Tunables tunables_;
  OomKiller oom_{processes_, objects_, tunables_};
};

class OomStoryTest : public OomTest, public testing::WithParamInterface<Story> {};

TEST_P(OomStoryTest, Story) {
  for (const Row& row : GetParam().processes) Add(row);
  const OomKiller::Choice choice = oom_.Choose(GetParam().reason, 0, GetParam().swap_available);
  EXPECT_EQ(choice.victim == nullptr ? "" : choice.victim->name, std::string(GetParam().victim));
  EXPECT_EQ(choice.size_pages, GetParam().size_pages);
}

INSTANTIATE_TEST_SUITE_P(, OomStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(OomTest, ASharedObjectCountsForEachEntryInFull) {
  Process& process = Add({"a", 100, 3, 2});
  Object& object = objects_[process.space.entries()[0].object];
  process.space.Insert(100, 32, object, 32, tables_.AllocateLeaf(32), true);
  // All resident pages of the object, twice; but only the swap inside each entry's range.
  EXPECT_EQ(ResidentCount(process.space, objects_), 6);
  EXPECT_EQ(SwapCount(process.space, objects_), 4);
}

// Blocks at 4, 15, 16 and 40; an entry over [3, 40) begins inside the record of 0..15, whose blocks
// are therefore missed, and ends before 40.
TEST_F(OomTest, BlocksOfARecordThatBeginsBeforeTheEntryAreMissed) {
  processes_.push_back(std::make_unique<Process>(100, "a", tables_));
  AddressSpace& space = processes_.back()->space;
  Object& object = objects_.Create(ObjectType::kSwap, 64);
  for (const Pindex pindex : {4u, 15u, 16u, 40u}) Swap(object, pindex);
  space.Insert(0, 37, object, 3, tables_.AllocateLeaf(37), true);
  EXPECT_EQ(SwapCount(space, objects_), 1);
  space.Remove(0);
  space.Insert(0, 41, object, 0, tables_.AllocateLeaf(41), true);
  EXPECT_EQ(SwapCount(space, objects_), 4);
}

TEST_F(OomTest, AFaultsRequestIsDroppedForTenSecondsAfterAnyOther) {
  Add({"a", 100, 1, 0});
  const auto accepted = [&](OomReason reason, sim::SimTime now) {
    return oom_.Choose(reason, now, true).victim != nullptr;
  };
  EXPECT_TRUE(accepted(OomReason::kMemPf, 0));  // The first ever.
  EXPECT_FALSE(accepted(OomReason::kMemPf, 10 * sim::kSecond - 1));
  EXPECT_TRUE(accepted(OomReason::kMem, 10 * sim::kSecond - 1));  // Others never are.
  EXPECT_FALSE(accepted(OomReason::kMemPf, 19 * sim::kSecond));
  // What was dropped did not start the time anew.
  EXPECT_TRUE(accepted(OomReason::kMemPf, 20 * sim::kSecond));
}

}  // namespace
}  // namespace vmsim::vm
