#include "scenarios/trace_layout.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmsim::scenarios {
namespace {

Vpt1Trace TraceOf(const std::vector<uint64_t>& pages) {
  Vpt1Trace trace;
  for (const uint64_t page : pages) trace.records.push_back(MakeRecord(page, kLoad, 2).word);
  trace.header.references = 2 * pages.size();
  return trace;
}

std::string Entries(const TraceLayout& layout) {
  std::string text;
  for (const TraceEntry& entry : layout.entries) {
    text += std::to_string(entry.start) + "+" + std::to_string(entry.pages) + "@" +
            std::to_string(entry.first) + " ";
  }
  return text;
}

struct Story {
  const char* name;
  std::vector<uint64_t> pages;  // As referenced.
  const char* entries;          // start+pages@first
  std::vector<uint64_t> numbers;
};

class TraceLayoutTest : public testing::TestWithParam<Story> {};

TEST_P(TraceLayoutTest, Story) {
  const auto layout = LayOutTrace(TraceOf(GetParam().pages), "trace");
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(Entries(*layout), GetParam().entries);
  std::vector<uint64_t> numbers;
  for (const uint64_t word : layout->records) {
    numbers.push_back(VptRecord{word}.page());
    EXPECT_EQ(VptRecord{word}.kinds(), kLoad);
    EXPECT_EQ(VptRecord{word}.run(), 2u);
  }
  EXPECT_EQ(numbers, GetParam().numbers);
  EXPECT_EQ(layout->references, 2 * GetParam().pages.size());
}

INSTANTIATE_TEST_SUITE_P(
    , TraceLayoutTest,
    testing::Values(
        Story{"Empty", {}, "", {}}, Story{"OnePage", {5, 5}, "5+1@0 ", {0, 0}},
        Story{"FifteenApartIsOneEntry", {100, 115}, "100+16@0 ", {0, 15}},
        Story{"SixteenApartIsTwo", {100, 116}, "100+1@0 116+1@1 ", {0, 1}},
        Story{"GapsCountFromTheLastPage", {10, 20, 30, 46}, "10+21@0 46+1@21 ", {0, 10, 20, 21}},
        Story{"OrderOfReferenceDoesNotMatter", {1000, 3, 1001, 4}, "3+2@0 1000+2@2 ", {2, 0, 3, 1}},
        Story{"TheLastPageThereIs", {kMaxPage, 0}, "0+1@0 68719476735+1@1 ", {1, 0}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(TraceLayoutCacheTest, MoreEntriesThanTheCacheHasPlaces) {
  std::vector<uint64_t> pages;
  for (uint64_t i = 0; i < 20000; ++i) pages.push_back(i * 7919 % 20000 * 40);
  const auto layout = LayOutTrace(TraceOf(pages), "trace");
  ASSERT_TRUE(layout.ok());
  ASSERT_EQ(layout->entries.size(), 20000u);
  for (size_t i = 0; i < pages.size(); ++i) {
    ASSERT_EQ(VptRecord{layout->records[i]}.page(), pages[i] / 40);
  }
}

}  // namespace
}  // namespace vmsim::scenarios
