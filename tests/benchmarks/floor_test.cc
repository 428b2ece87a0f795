#include "tests/benchmarks/floor.h"

#include <vector>

#include "gtest/gtest.h"
#include "scenarios/reference_source.h"

namespace vmsim::benchmarks {
namespace {

using scenarios::kFetch;
using scenarios::kLoad;
using scenarios::kModify;
using scenarios::kStore;
using scenarios::MakeRecord;

TEST(FloorTest, SetsBitsAndCountsReferences) {
  std::vector<uint32_t> table(6);
  const std::vector<uint64_t> records = {
      MakeRecord(0, kLoad, 1).word,   MakeRecord(1, kStore, 2).word,
      MakeRecord(2, kModify, 3).word, MakeRecord(3, kFetch, 4).word,
      MakeRecord(4, kLoad, 1).word,   MakeRecord(4, kLoad | kStore, 5).word,
      MakeRecord(1, kLoad, 1).word};
  EXPECT_EQ(TouchPages(records, table), 17u);
  constexpr uint32_t kBoth = kAccessed | kModified;
  EXPECT_EQ(table, (std::vector<uint32_t>{kAccessed, kBoth, kBoth, kAccessed, kBoth, 0}));
}

// The loop that prefetches and its tail, against a loop that does neither.
TEST(FloorTest, TouchesWhatAPlainLoopTouches) {
  const Floor& floor = Floor::Zipf();
  for (const size_t count : {0, 1, 23, 24, 25, 26, 100'000}) {
    const std::span<const uint64_t> records(floor.records().data(), count);
    std::vector<uint32_t> table(Floor::kPages), plain(Floor::kPages);
    EXPECT_EQ(TouchPages(records, table), count);
    for (const uint64_t word : records) {
      const scenarios::VptRecord record{word};
      plain[record.page()] |= kAccessed;
      if (record.writes()) plain[record.page()] |= kModified;
    }
    EXPECT_EQ(table, plain) << count;
  }
}

TEST(FloorTest, MeasuresSomething) { EXPECT_GT(Floor::Zipf().MeasureNs(), 0); }

}  // namespace
}  // namespace vmsim::benchmarks
