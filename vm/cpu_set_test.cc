#include "vm/cpu_set.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace vmsim::vm {
namespace {

CpuSet Of(std::initializer_list<int> cpus) {
  CpuSet set;
  for (int cpu : cpus) set.Add(cpu);
  return set;
}

TEST(CpuSetTest, HoldsCpusOfEveryWord) {
  CpuSet set = Of({255, 0, 63, 64, 128});
  EXPECT_EQ(set.ToString(), "{0 63 64 128 255}");
  EXPECT_EQ(set.Count(), 5);
  EXPECT_TRUE(set.Has(64));
  EXPECT_FALSE(set.Has(65));
  set.Remove(64);
  EXPECT_EQ(set, Of({0, 63, 128, 255}));
  set.Clear();
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.ToString(), "{}");
}

TEST(CpuSetTest, FirstCountsFromZero) {
  EXPECT_TRUE(CpuSet::First(0).empty());
  EXPECT_EQ(CpuSet::First(3).ToString(), "{0 1 2}");
  EXPECT_EQ(CpuSet::First(65).Count(), 65);
  EXPECT_EQ(CpuSet::First(sim::kMaxCpus).Count(), sim::kMaxCpus);
}

TEST(CpuSetTest, SetAlgebra) {
  const CpuSet all = CpuSet::First(4);
  EXPECT_EQ(all.Without(Of({1, 3, 200})).ToString(), "{0 2}");
  EXPECT_TRUE(Of({1, 3}).IsSubsetOf(all));
  EXPECT_FALSE(Of({1, 100}).IsSubsetOf(all));
  EXPECT_TRUE(CpuSet().IsSubsetOf(CpuSet()));
  CpuSet set = Of({100});
  set.Merge(all);
  EXPECT_EQ(set.ToString(), "{0 1 2 3 100}");
}

TEST(CpuSetDeathTest, MoreCpusThanThereCanBe) { EXPECT_DEATH(CpuSet::First(257), "cpus=257"); }

}  // namespace
}  // namespace vmsim::vm
