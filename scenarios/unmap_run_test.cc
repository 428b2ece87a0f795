// Maps that are unmapped in part, and what becomes of their names.
#include <string>

#include "scenarios/run_text.h"
#include "scenarios/trace_loader.h"
#include "scenarios/vpt1_writer.h"

namespace vmsim::scenarios {
namespace {

v1::Result RunSteps(const std::string& steps) {
  return RunText(
      "memory { pages: 1000 } shared_segments { name: 'seg' pages: 20 } "
      "processes { name: 'p' " +
      steps + " }");
}

struct Story {
  const char* name;
  const char* steps;
  int64_t references;  // Before it ended.
  int signal;
};

constexpr Story kStories[] = {
    {"TheRestStays",
     "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' write: true } }"
     "steps { unmap { map: 'm' first_page: 3 pages: 4 } }"
     "steps { touch { map: 'm' pages: 3 write: true } }"
     "steps { touch { map: 'm' first_page: 7 } }",
     10 + 3 + 3, 0},
    {"TheHoleFaults",
     "steps { map { name: 'm' pages: 10 } } steps { unmap { map: 'm' first_page: 3 pages: 4 } }"
     "steps { touch { map: 'm' } } steps { touch { map: 'm' } }",
     3, 11},
    {"AllUnmappedFaultsAtOnce",
     "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' } }"
     "steps { unmap { map: 'm' offset_bytes: 0 } } steps { touch { map: 'm' } }",
     10, 11},
    {"GenerateInAHole",
     "steps { map { name: 'm' pages: 10 } } steps { unmap { map: 'm' first_page: 9 } }"
     "steps { generate { map: 'm' kind: SEQUENTIAL } }",
     9, 11},
    {"GenerateInNothing",
     "steps { map { name: 'm' pages: 10 } } steps { unmap { map: 'm' pages: 10 } }"
     "steps { generate { map: 'm' kind: SEQUENTIAL } }",
     0, 11},
    // What is unmapped first would be the place for the next map, if its name were gone.
    {"AnotherMapDoesNotFillTheHole",
     "steps { map { name: 'a' pages: 10 } } steps { map { name: 'b' pages: 10 } }"
     "steps { unmap { map: 'a' pages: 10 } } steps { map { name: 'c' pages: 10 } }"
     "steps { touch { map: 'c' } } steps { touch { map: 'b' } } steps { touch { map: 'a' } }",
     20, 11},
    {"OneCallUnmapsSeveralMaps",
     "steps { map { name: 'a' pages: 10 } } steps { map { name: 'b' pages: 10 } }"
     "steps { map { name: 'c' pages: 10 } }"
     "steps { unmap { map: 'a' length_bytes: 65536 } }"
     "steps { touch { map: 'b' first_page: 6 } } steps { touch { map: 'c' } }"
     "steps { touch { map: 'b' } }",
     4 + 10, 11},
    {"ANameIsFreeAgain",
     "steps { repeat { times: 5 steps { map { name: 'm' pages: 10 } }"
     "  steps { unmap { map: 'm' first_page: 2 pages: 3 } }"
     "  steps { touch { map: 'm' first_page: 5 write: true } } steps { unmap { map: 'm' } } } }",
     25, 0},
    {"ASegmentKeepsWhatWasWritten",
     "steps { map { name: 's' shared_segment: 'seg' } } steps { touch { map: 's' write: true } }"
     "steps { unmap { map: 's' } } steps { map { name: 's' shared_segment: 'seg' } }"
     "steps { mincore { span { map: 's' } } } steps { touch { map: 's' } }",
     40, 0},
    {"WithoutAccess",
     "steps { map { name: 'm' pages: 4 } } steps { touch { map: 'm' } }"
     "steps { mprotect { span { map: 'm' first_page: 2 } } } steps { touch { map: 'm' } }",
     4 + 2, 11},
    {"ReadOnlyAndBack",
     "steps { map { name: 'm' pages: 4 read_only: true } } steps { touch { map: 'm' } }"
     "steps { mprotect { span { map: 'm' pages: 2 } read: true write: true } }"
     "steps { touch { map: 'm' pages: 2 write: true } }"
     "steps { touch { map: 'm' first_page: 2 write: true } }",
     4 + 2, 11},
};

class UnmapTest : public testing::TestWithParam<Story> {};

TEST_P(UnmapTest, Story) {
  const v1::Result result = RunSteps(GetParam().steps);
  const v1::ProcessResult process = ProcessOf(result, "p");
  EXPECT_EQ(process.references(), GetParam().references);
  EXPECT_EQ(process.signal(), GetParam().signal);
  EXPECT_EQ(Failed(result), Texts{});
  // All memory is back but the segment's own.
  const bool segment = std::string(GetParam().steps).find("seg") != std::string::npos;
  EXPECT_EQ(Counter(result, "v_free_count"), segment ? 980 : 1000);
  EXPECT_EQ(Counter(result, "swap_reserved"), 20);
}

INSTANTIATE_TEST_SUITE_P(, UnmapTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// 10 pages are written, 4 of them unmapped; the rest is what is left in memory.
TEST(UnmapRunTest, WhatIsUnmappedIsFree) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' pages: 10 } } steps { touch { map: 'm' write: true } }"
      "steps { unmap { map: 'm' first_page: 3 pages: 4 } }"
      "steps { mincore { span { map: 'm' pages: 3 } } label: 'before' }"
      "steps { mincore { span { map: 'm' first_page: 7 } } label: 'after' }");
  EXPECT_EQ(MincoreOf(result, "p", "before"),
            "incore 3 referenced 3 modified 3 referenced_other 3 modified_other 3");
  EXPECT_EQ(MincoreOf(result, "p", "after"),
            "incore 3 referenced 3 modified 3 referenced_other 3 modified_other 3");
  EXPECT_EQ(Counter(result, "v_zfod"), 10);
  EXPECT_EQ(Counter(result, "v_free_count"), 1000);
}

// A trace keeps its addresses, so its memory can be unmapped by them.
TEST(UnmapRunTest, TracesHaveAddresses) {
  std::vector<uint64_t> words;
  for (const uint64_t page : {100, 101, 102, 500}) {
    words.push_back(MakeRecord(page, kLoad, 1).word);
  }
  ASSERT_TRUE(WriteVpt1(testing::TempDir() + "/addresses.vpt", words).ok());
  RunOptions options;
  options.base_dir = testing::TempDir();
  const auto run = [&](const std::string& unmap) {
    return RunText(
        "memory { pages: 1000 } processes { name: 'p' "
        "steps { trace { file: 'addresses.vpt' } } " +
            unmap + " steps { trace { file: 'addresses.vpt' } } }",
        options);
  };
  EXPECT_EQ(ProcessOf(run(""), "p").references(), 8);
  // Page 102: 102 * 4096.
  const v1::Result part = run("steps { unmap { offset_bytes: 417792 length_bytes: 4096 } }");
  EXPECT_EQ(ProcessOf(part, "p").references(), 4 + 2);
  EXPECT_EQ(ProcessOf(part, "p").signal(), 11);
  const v1::Result all = run("steps { unmap { offset_bytes: 0 length_bytes: 4096000 } }");
  EXPECT_EQ(ProcessOf(all, "p").references(), 4);
  EXPECT_EQ(ProcessOf(all, "p").signal(), 11);
}

}  // namespace
}  // namespace vmsim::scenarios
