#include "sim/counters.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "sim/random.h"

namespace vmsim::sim {
namespace {

// A part as the simulator has them: plain fields, and a size that is only worked out when asked.
struct Part {
  int64_t v_vm_faults = 0;
  int64_t v_free_count = 40;
  int64_t v_free_target = 12;
  std::vector<int> queue;

  void RegisterCounters(CounterRegistry& registry) {
    registry.Register({"v_vm_faults", "faults", "Address memory faults."}, &v_vm_faults);
    registry.Register({"v_free_count", "pages", "Free pages.", CounterKind::kLevel}, &v_free_count);
    registry.Register({"v_free_target", "pages", "Desired.", CounterKind::kTarget}, &v_free_target);
    registry.Register(
        {"queue_length", "requests", "Requests waiting.", CounterKind::kLevel},
        [](const void* part) {
          return static_cast<int64_t>(static_cast<const Part*>(part)->queue.size());
        },
        this);
  }
};

TEST(CounterRegistryTest, ReadsWhatThePartCountedSince) {
  Part part;
  CounterRegistry registry;
  part.RegisterCounters(registry);
  EXPECT_EQ(registry.Values(), (std::vector<int64_t>{0, 40, 12, 0}));

  ++part.v_vm_faults;
  part.v_free_count -= 3;
  part.queue = {1, 2};
  EXPECT_EQ(registry.Values(), (std::vector<int64_t>{1, 37, 12, 2}));
  EXPECT_EQ(registry.Find("v_vm_faults"), 1);
  EXPECT_EQ(registry.Find("queue_length"), 2);
}

TEST(CounterRegistryTest, KeepsBothOrders) {
  Part part;
  CounterRegistry registry;
  part.RegisterCounters(registry);

  std::string registered, sorted;
  for (const Counter& counter : registry.counters()) registered += counter.name() + " ";
  for (const Counter* counter : registry.SortedByName()) sorted += counter->name() + " ";
  EXPECT_EQ(registered, "v_vm_faults v_free_count v_free_target queue_length ");
  EXPECT_EQ(sorted, "queue_length v_free_count v_free_target v_vm_faults ");
}

TEST(CounterRegistryTest, DescribesACounter) {
  Part part;
  CounterRegistry registry;
  part.RegisterCounters(registry);

  const Counter* target = registry.FindCounter("v_free_target");
  ASSERT_NE(target, nullptr);
  EXPECT_EQ(target->unit(), "pages");
  EXPECT_EQ(target->help(), "Desired.");
  EXPECT_EQ(CounterKindName(target->kind()), "target");
  EXPECT_EQ(CounterKindName(registry.FindCounter("v_free_count")->kind()), "level");
  EXPECT_EQ(CounterKindName(registry.FindCounter("v_vm_faults")->kind()), "counter");
}

TEST(CounterRegistryTest, FindsOnlyWholeNames) {
  Part part;
  CounterRegistry registry;
  EXPECT_EQ(registry.Find("v_free_count"), std::nullopt);
  part.RegisterCounters(registry);
  for (const std::string_view name :
       {"", "a", "v_free", "v_free_counts", "V_FREE_COUNT", "zzz", "v_vm_faults "}) {
    EXPECT_EQ(registry.Find(name), std::nullopt) << name;
    EXPECT_EQ(registry.FindCounter(name), nullptr) << name;
  }
}

TEST(CounterRegistryTest, KeepsItsOwnCopyOfTheName) {
  CounterRegistry registry;
  int64_t reads = 9;
  {
    std::string name = "disk.ada0.reads";
    registry.Register({name, "requests", "Reads done."}, &reads);
    name.assign(name.size(), '?');
  }
  EXPECT_EQ(registry.Find("disk.ada0.reads"), 9);
}

TEST(CounterRegistryTest, AgreesWithAMapForAnyOrderOfRegistration) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SplitMix64 random(seed);
    std::vector<int64_t> fields(200);
    std::map<std::string, int64_t> model;
    CounterRegistry registry;
    for (int64_t& field : fields) {
      const std::string name = "c" + std::to_string(random.Below(10'000));
      field = static_cast<int64_t>(random.Next() >> 1);
      if (!model.emplace(name, field).second) continue;
      registry.Register({name, "", ""}, &field);
    }
    ASSERT_EQ(registry.size(), model.size()) << "seed " << seed;
    auto want = model.begin();
    for (const Counter* counter : registry.SortedByName()) {
      ASSERT_EQ(counter->name(), want->first) << "seed " << seed;
      ASSERT_EQ(counter->value(), want->second) << "seed " << seed;
      ASSERT_EQ(registry.Find(want->first), want->second) << "seed " << seed;
      ++want;
    }
  }
}

TEST(CounterRegistryDeathTest, RefusesMisuse) {
  CounterRegistry registry;
  int64_t a = 0, b = 0;
  registry.Register({"v_zfod", "pages", ""}, &a);
  EXPECT_DEATH(registry.Register({"v_zfod", "pages", ""}, &b), "registered twice: v_zfod");
  EXPECT_DEATH(registry.Register({"", "pages", "Nameless."}, &b), "help=Nameless.");
  EXPECT_DEATH(registry.Register({"v_cow", "", ""}, static_cast<const int64_t*>(nullptr)), "v_cow");
}

}  // namespace
}  // namespace vmsim::sim
