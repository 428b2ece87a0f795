#include "scenarios/map_names.h"

#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

TEST(MapNamesTest, ChangedSinceLooksAtTheWhole) {
  MapNames maps;
  maps.Add("a", 10);
  const size_t mark = maps.Mark();
  EXPECT_FALSE(maps.ChangedSince(mark));
  maps.Add("b", 5);
  EXPECT_TRUE(maps.ChangedSince(mark));
  maps.Remove("b");
  EXPECT_FALSE(maps.ChangedSince(mark));
  maps.Remove("a");
  maps.Add("a", 11);
  EXPECT_TRUE(maps.ChangedSince(mark)) << "another size";
  maps.Add("a", 10);
  EXPECT_FALSE(maps.ChangedSince(mark));
  EXPECT_EQ(maps.total_pages(), 10);
}

// Random changes, marks and reverts against copies of a map.
TEST(MapNamesTest, AgreesWithCopies) {
  const uint64_t seed = 20;
  sim::SplitMix64 random(seed);
  MapNames maps;
  std::map<std::string, int64_t> model;
  std::vector<std::pair<size_t, std::map<std::string, int64_t>>> marks;
  for (int i = 0; i < 20000; ++i) {
    const std::string name(1, static_cast<char>('a' + random.Below(6)));
    switch (random.Below(5)) {
      case 0:
      case 1: {
        const auto pages = static_cast<int64_t>(random.Below(4));
        maps.Add(name, pages);
        model[name] = pages;
        break;
      }
      case 2:
        maps.Remove(name);
        model.erase(name);
        break;
      case 3:
        marks.emplace_back(maps.Mark(), model);
        break;
      default:
        if (marks.empty()) break;
        EXPECT_EQ(maps.ChangedSince(marks.back().first), model != marks.back().second)
            << "seed " << seed << " step " << i;
        if (random.Below(2) == 0) {
          maps.RevertTo(marks.back().first);
          model = marks.back().second;
        }
        marks.pop_back();
        break;
    }
    int64_t total = 0;
    for (const auto& [known, pages] : model) {
      ASSERT_EQ(maps.Find(known), pages) << "seed " << seed << " step " << i;
      total += pages;
    }
    ASSERT_EQ(maps.Names().size(), model.size()) << "seed " << seed << " step " << i;
    ASSERT_EQ(maps.total_pages(), total) << "seed " << seed << " step " << i;
  }
}

}  // namespace
}  // namespace vmsim::scenarios
