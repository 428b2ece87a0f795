#include "sim/waiter.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sim/engine.h"

namespace vmsim::sim {
namespace {

// An entry that logs its name, and what it was called with if that is not 0.
struct Listener {
  Listener(std::string name, EventMask mask, std::string* log, bool wakes = false)
      : name(std::move(name)), log(log), wakes(wakes), entry(OnNotify, this, mask) {}

  static bool OnNotify(void* context, EventMask which) {
    auto* listener = static_cast<Listener*>(context);
    *listener->log += listener->name + (which != 0 ? std::to_string(which) : "") + " ";
    return listener->wakes;
  }

  std::string name;
  std::string* log;
  bool wakes;
  WaiterEntry entry;
};

class WaiterQueueTest : public testing::Test {
 protected:
  std::string Notify(EventMask events) {
    log_.clear();
    queue_.Notify(events);
    return log_;
  }

  std::string log_;
  WaiterQueue queue_;
  Listener a_{"a", kEventIn, &log_};
  Listener b_{"b", kEventOut, &log_};
  Listener c_{"c", kEventIn | kEventOut, &log_};
};

TEST_F(WaiterQueueTest, CallsInOrderThoseWhoseMasksShareABit) {
  queue_.Register(&a_.entry);
  queue_.Register(&b_.entry);
  queue_.Register(&c_.entry);
  EXPECT_EQ(Notify(kEventIn), "a1 c1 ");
  EXPECT_EQ(Notify(kEventOut), "b4 c4 ");
  EXPECT_EQ(Notify(kEventIn | kEventOut | kEventHUp), "a1 b4 c5 ");
  EXPECT_EQ(Notify(kEventHUp), "");
}

TEST_F(WaiterQueueTest, ZeroCallsAll) {
  queue_.Register(&a_.entry);
  queue_.Register(&b_.entry);
  EXPECT_EQ(Notify(0), "a b ");
}

TEST_F(WaiterQueueTest, TheNewestFirstIfItSaysSo) {
  queue_.Register(&a_.entry);
  queue_.RegisterFirst(&b_.entry);
  queue_.RegisterFirst(&c_.entry);
  EXPECT_EQ(Notify(0), "c b a ");
}

TEST_F(WaiterQueueTest, WhoLeftIsNotCalled) {
  queue_.Register(&a_.entry);
  queue_.Register(&b_.entry);
  queue_.Register(&c_.entry);
  queue_.Unregister(&b_.entry);
  EXPECT_FALSE(b_.entry.registered());
  EXPECT_EQ(Notify(0), "a c ");
  queue_.Unregister(&a_.entry);
  EXPECT_EQ(Notify(0), "c ");
  queue_.Register(&a_.entry);  // Comes back, at the tail.
  EXPECT_EQ(Notify(0), "c a ");
}

TEST_F(WaiterQueueTest, AnEntryLeavesWhenItIsDestroyed) {
  auto passing = std::make_unique<Listener>("p", kEventIn, &log_);
  queue_.Register(&passing->entry);
  queue_.Register(&a_.entry);
  passing.reset();
  EXPECT_EQ(Notify(0), "a ");
}

TEST_F(WaiterQueueTest, EventsIsTheUnionOfTheMasks) {
  EXPECT_EQ(queue_.Events(), 0u);
  EXPECT_TRUE(queue_.empty());
  queue_.Register(&a_.entry);
  EXPECT_EQ(queue_.Events(), kEventIn);
  queue_.Register(&b_.entry);
  EXPECT_EQ(queue_.Events(), kEventIn | kEventOut);
}

TEST_F(WaiterQueueTest, TheFirstExclusiveOneThatWakesIsTheLast) {
  Listener idle{"idle", kAllEvents, &log_, false};
  Listener wakes{"wakes", kAllEvents, &log_, true};
  Listener never{"never", kAllEvents, &log_, true};
  Listener usual{"usual", kAllEvents, &log_, true};
  for (Listener* exclusive : {&idle, &wakes, &never}) {
    exclusive->entry.set_exclusive(true);
    queue_.Register(&exclusive->entry);
  }
  queue_.RegisterFirst(&usual.entry);  // Wakes somebody, but is not exclusive.
  EXPECT_EQ(Notify(0), "usual idle wakes ");
}

TEST_F(WaiterQueueTest, ACallbackMayNotifyAnotherQueue) {
  WaiterQueue first;
  WaiterEntry relay(
      [](void* next, EventMask which) {
        static_cast<WaiterQueue*>(next)->Notify(which);
        return false;
      },
      &queue_, kEventIn);
  first.Register(&relay);
  queue_.Register(&a_.entry);
  first.Notify(kEventIn);
  EXPECT_EQ(log_, "a1 ");
}

using WaiterQueueDeathTest = WaiterQueueTest;

TEST_F(WaiterQueueDeathTest, Misuse) {
  queue_.Register(&a_.entry);
  EXPECT_DEATH(queue_.Register(&a_.entry), "in one queue at most");
  EXPECT_DEATH(queue_.Unregister(&b_.entry), "not in");
  EXPECT_DEATH(a_.entry.set_exclusive(true), "while it is in a queue");
  WaiterEntry touches(
      [](void* own, EventMask) {
        static_cast<WaiterQueue*>(own)->Notify(0);
        return false;
      },
      &queue_, kEventIn);
  queue_.Register(&touches);
  EXPECT_DEATH(queue_.Notify(0), "touches the queue");
  EXPECT_DEATH(
      {
        WaiterQueue queue;
        queue.Register(&b_.entry);
      },
      "under its entries");
}

// ---- Threads.

// Something with a number of items to take.
class Store : public Waitable {
 public:
  EventMask Peek(EventMask mask) const override { return items > 0 ? mask & kEventIn : 0; }
  void Put(int n) {
    items += n;
    Notify(kEventIn);
  }
  int items = 0;
};

struct Thief {
  Engine engine{{.context_switch_ns = 0}};
  Store store;
  std::string log;

  // The idiom: try; register; try again; only then sleep; unregister.
  Task<void> Take(std::string name, SleepOptions options = {}) {
    ThreadWaiter waiter(kEventIn);
    store.EventRegister(waiter.entry());
    int why = kAwakened;
    while (store.items == 0 && why == kAwakened) {
      why = co_await waiter.Sleep(engine, kPriorityUser, "take", options);
    }
    if (why == kAwakened) --store.items;
    log += name +
           (why == kAwakened   ? ""
            : why == kTimedOut ? ":timeout"
                               : ":eintr") +
           "@" + std::to_string(engine.now()) + " ";
  }
  void PutAt(SimTime when, int n) {
    engine.events().Schedule(
        when, EventClass::kDevice,
        [](void* context, uint64_t n) {
          static_cast<Thief*>(context)->store.Put(static_cast<int>(n));
        },
        this, static_cast<uint64_t>(n));
  }
};

TEST(ThreadWaiterTest, SleepsUntilTheNotification) {
  Thief t;
  t.engine.Spawn("a", kPriorityUser, t.Take("a"));
  t.PutAt(10, 1);
  t.engine.Run();
  EXPECT_EQ(t.log, "a@10 ");
}

TEST(ThreadWaiterTest, DoesNotSleepIfThereIsSomething) {
  Thief t;
  t.store.items = 1;
  t.engine.Spawn("a", kPriorityUser, t.Take("a"));
  t.engine.Run();
  EXPECT_EQ(t.log, "a@0 ");
}

TEST(ThreadWaiterTest, AllWakeAndWhoFindsNothingSleepsAgain) {
  Thief t;
  for (const char* name : {"a", "b", "c"}) t.engine.Spawn(name, kPriorityUser, t.Take(name));
  t.PutAt(10, 1);
  t.PutAt(20, 2);
  t.engine.Run();
  EXPECT_EQ(t.log, "a@10 b@20 c@20 ");
}

TEST(ThreadWaiterTest, TimeoutsAndSignals) {
  Thief t;
  t.engine.Spawn("a", kPriorityUser, t.Take("a", {.timeout_ns = 5}));
  t.engine.Spawn("b", kPriorityUser, t.Take("b", {.timeout_ns = 10}));
  Thread* c = t.engine.Spawn("c", kPriorityUser, t.Take("c", {.interruptible = true}));
  t.PutAt(10, 1);  // At the deadline of b: in time.
  t.engine.Run();
  t.engine.Interrupt(c);
  t.engine.Run();
  EXPECT_EQ(t.log, "a:timeout@5 b@10 c:eintr@10 ");
}

// Notified before it sleeps: the token makes the next sleep return at once, once.
TEST(ThreadWaiterTest, ManyNotificationsBeforeASleepAreOneToken) {
  Engine engine({.context_switch_ns = 0});
  Store store;
  std::string log;
  const auto body = [&]() -> Task<void> {
    ThreadWaiter waiter(kEventIn);
    store.EventRegister(waiter.entry());
    store.Put(1);
    store.Put(1);
    for (int i = 0; i < 2; ++i) {
      const int why = co_await waiter.Sleep(engine, kPriorityUser, "test", {.timeout_ns = 7});
      log += std::to_string(why) + "@" + std::to_string(engine.now()) + " ";
    }
  };
  engine.Spawn("a", kPriorityUser, body());
  engine.Run();
  EXPECT_EQ(log, "0@0 35@7 ");
}

TEST(ThreadWaiterTest, SleepersGoWithTheirThreads) {
  Thief t;
  t.engine.Spawn("a", kPriorityUser, t.Take("a"));
  t.engine.Run();
  EXPECT_FALSE(t.store.queue().empty());
  t.engine.DestroyThreads();
  EXPECT_TRUE(t.store.queue().empty());
}

}  // namespace
}  // namespace vmsim::sim
