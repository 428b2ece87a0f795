#include "scenarios/run_collapser.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

struct Reference {
  uint64_t page;
  uint32_t kinds;
};

std::vector<uint64_t> Collapse(const std::vector<Reference>& references, uint32_t depth) {
  RunCollapser collapser(depth);
  for (const Reference& reference : references) collapser.Add(reference.page, reference.kinds);
  std::vector<uint64_t> words;
  collapser.TakeAll(words);
  return words;
}

// Pages are letters: small ones are loads, capital ones stores. "a*3" is three references, "aA*3"
// three of which some are loads and some stores.
struct Story {
  std::string_view name;
  uint32_t depth;
  std::string_view references, want;
};
constexpr Story kStories[] = {
    {"RunsOfOnePage", 1, "aaabbaa", "a*3 b*2 a*2"},
    {"KindsAreGathered", 1, "aAabBc", "aA*3 bB*2 c*1"},
    {"DepthOneForgetsAtOnce", 1, "ababa", "a*1 b*1 a*1 b*1 a*1"},
    {"DepthTwoFoldsAlternation", 2, "ababa", "a*3 b*2"},
    {"LeastRecentOfTwoLeaves", 2, "ababca", "a*2 b*2 c*1 a*1"},
    {"AReferenceRefreshesItsPage", 2, "abacb", "a*2 b*1 c*1 b*1"},
    {"RefreshedPageStaysOpen", 2, "abaca", "a*3 b*1 c*1"},
    {"DepthThree", 3, "abcabcdab", "a*2 b*2 c*2 d*1 a*1 b*1"},
    {"StoreInAFoldedRecord", 2, "abAb", "aA*2 b*2"},
};

std::string Print(const std::vector<uint64_t>& words) {
  std::string text;
  for (uint64_t word : words) {
    const VptRecord record = {word};
    const char page = static_cast<char>('a' + record.page());
    absl::StrAppend(&text, text.empty() ? "" : " ");
    if (record.kinds() & kLoad) text += page;
    if (record.kinds() & kStore) text += static_cast<char>(page - 'a' + 'A');
    absl::StrAppend(&text, "*", record.run());
  }
  return text;
}

class RunCollapserStory : public testing::TestWithParam<Story> {};
TEST_P(RunCollapserStory, Collapses) {
  std::vector<Reference> references;
  for (char c : GetParam().references) {
    if (c >= 'a') {
      references.push_back({static_cast<uint64_t>(c - 'a'), kLoad});
    } else {
      references.push_back({static_cast<uint64_t>(c - 'A'), kStore});
    }
  }
  EXPECT_EQ(Print(Collapse(references, GetParam().depth)), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(, RunCollapserStory, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(RunCollapserTest, FullRunContinuesInAnotherRecord) {
  RunCollapser collapser(2);
  collapser.Add(7, kLoad);
  collapser.Add(8, kLoad);
  for (uint64_t i = 1; i < kMaxRun; ++i) collapser.Add(7, kLoad);
  for (int i = 0; i < 3; ++i) collapser.Add(7, kStore);
  collapser.Add(8, kStore);
  std::vector<uint64_t> words;
  collapser.TakeAll(words);
  EXPECT_EQ(words, (std::vector<uint64_t>{MakeRecord(7, kLoad, kMaxRun).word,
                                          MakeRecord(8, kLoad | kStore, 2).word,
                                          MakeRecord(7, kStore, 3).word}));
}

// The definition, in quadratic time: the newest record of a page takes a reference if fewer than K
// other pages were referenced since the page was.
std::vector<uint64_t> NaiveCollapse(const std::vector<Reference>& references, uint32_t depth) {
  std::vector<uint64_t> words;
  for (size_t i = 0; i < references.size(); ++i) {
    const Reference& now = references[i];
    std::vector<uint64_t> others;
    bool folds = false;
    for (size_t j = i; j-- > 0 && !folds;) {
      folds = references[j].page == now.page;
      if (!folds && std::find(others.begin(), others.end(), references[j].page) == others.end()) {
        others.push_back(references[j].page);
      }
      if (others.size() == depth) break;
    }
    size_t record = words.size();
    while (folds && VptRecord{words[--record]}.page() != now.page) continue;
    if (folds) {
      const VptRecord old = {words[record]};
      words[record] = MakeRecord(now.page, old.kinds() | now.kinds, old.run() + 1).word;
    } else {
      words.push_back(MakeRecord(now.page, now.kinds, 1).word);
    }
  }
  return words;
}

TEST(RunCollapserTest, AgreesWithTheDefinitionHoweverItIsDrained) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    sim::SplitMix64 random(seed);
    const uint32_t depth = 1 + static_cast<uint32_t>(random.Below(6));
    const uint64_t pages = 1 + random.Below(12);
    std::vector<Reference> references;
    RunCollapser collapser(depth);
    std::vector<uint64_t> drained;
    for (int i = 0; i < 300; ++i) {
      const Reference next = {random.Below(pages), 1u << random.Below(4)};
      references.push_back(next);
      collapser.Add(next.page, next.kinds);
      if (random.Below(10) == 0) collapser.TakeSettled(drained);
      ASSERT_LE(collapser.pending(), references.size());
    }
    collapser.TakeAll(drained);
    EXPECT_EQ(collapser.pending(), 0u);
    ASSERT_EQ(drained, NaiveCollapse(references, depth)) << "seed " << seed;
  }
}

TEST(RunCollapserTest, SettledRecordsDoNotWait) {
  RunCollapser collapser(3);
  std::vector<uint64_t> words;
  for (uint64_t page = 0; page < 1000; ++page) collapser.Add(page, kLoad);
  collapser.TakeSettled(words);
  EXPECT_EQ(words.size(), 997u);
  EXPECT_EQ(collapser.pending(), 3u);
}

}  // namespace
}  // namespace vmsim::scenarios
