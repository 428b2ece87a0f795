#include "vm/object.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/engine.h"

namespace vmsim::vm {
namespace {

TEST(ObjectTableTest, InsertAndRemoveLinkPageAndObject) {
  PageArray pages(4);
  ObjectTable objects(pages);
  Object& object = objects.Create(ObjectType::kSwap, 10);
  EXPECT_EQ(object.ref_count, 1);
  EXPECT_EQ(object.Lookup(9), kNoFrame);
  objects.Insert(2, object, 9);
  objects.Insert(0, object, 0);
  EXPECT_EQ(object.Lookup(9), 2u);
  EXPECT_EQ(object.Lookup(0), 0u);  // Frame 0 is a page like any other.
  EXPECT_EQ(pages[2].object, object.id);
  EXPECT_EQ(pages[2].pindex, 9u);
  EXPECT_EQ(object.resident_page_count, 2u);
  objects.Remove(2);
  EXPECT_EQ(object.Lookup(9), kNoFrame);
  EXPECT_EQ(pages[2].object, kNoObject);
  EXPECT_EQ(object.resident_page_count, 1u);
}

TEST(ObjectTableTest, AddressesAreStableAndIdsAreReused) {
  PageArray pages(1);
  ObjectTable objects(pages);
  Object& first = objects.Create(ObjectType::kSwap, 1);
  for (int i = 1; i < 100; ++i) objects.Create(ObjectType::kVnode, 1);
  EXPECT_EQ(&objects[first.id], &first);
  EXPECT_EQ(objects.count(), 100u);
  objects[40].ref_count = 0;
  objects.Destroy(40);
  EXPECT_FALSE(objects.exists(40));
  EXPECT_EQ(objects.count(), 99u);
  EXPECT_EQ(objects.Create(ObjectType::kDefault, 7).id, 40u);
  EXPECT_EQ(objects[40].size, 7u);
  EXPECT_EQ(objects[40].type, ObjectType::kDefault);
  EXPECT_EQ(objects.id_limit(), 100u);
}

TEST(ObjectTest, WhoWaitsForPagingWakesWhenAllOfItIsDone) {
  PageArray pages(1);
  ObjectTable objects(pages);
  Object& object = objects.Create(ObjectType::kSwap, 1);
  sim::Engine engine;
  bool ended = false;
  const auto wait = [&]() -> sim::Task<void> {
    while (object.paging_in_progress > 0) {
      co_await object.pip_channel.Sleep(engine, sim::kPriorityDaemon, "objtrm");
    }
    ended = true;
  };
  object.PipAdd(3);
  engine.Spawn("end", sim::kPriorityUser, wait());
  engine.Run();
  object.PipWakeup(2);
  engine.Run();
  EXPECT_FALSE(ended);
  object.PipWakeup();
  engine.Run();
  EXPECT_TRUE(ended);
}

TEST(ObjectDeathTest, RefusesMisuse) {
  PageArray pages(2);
  ObjectTable objects(pages);
  Object& object = objects.Create(ObjectType::kSwap, 2);
  EXPECT_DEATH(objects.Insert(0, object, 2), "object=0");
  objects.Insert(0, object, 1);
  EXPECT_DEATH(objects.Insert(1, object, 1), "pindex=1");
  EXPECT_DEATH(objects.Insert(0, object, 0), "frame=0");
  EXPECT_DEATH(object.PipWakeup(), "object=0");
  EXPECT_DEATH(objects.Destroy(0), "object=0");  // Referenced.
  object.ref_count = 0;
  EXPECT_DEATH(objects.Destroy(0), "object=0");  // Has a page.
}

}  // namespace
}  // namespace vmsim::vm
