// Each invariant of message residency sees what it is there to see, and nothing else does.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/residency.h"
#include "net/residency_story.h"

namespace vmsim::net {
namespace {

using Peer = ResidencyTestPeer;
using State = MessageState;

// Messages 0 PULLING on worker 0, 1 PULLING on worker 1, 2 QUEUED, 3 SENDING with wired pages,
// 4 READY, 5 pulled and not asked about.
class Scene {
 public:
  Scene() : s(MakeOptions()) {
    for (const char* body : {"f0+8192", "f4096+8192", "f16384+1", "f40960+1", "f0+1", "f81920+1"}) {
      s.Make(body);
    }
    s.Warm("f10");
    s.Plan("0 check 5; 200 check 3; 200 check 0; 200 check 1; 200 check 2");
    s.Run(s.engine().now() + 250 * sim::kMicrosecond);
  }
  static ResidencyStory::Options MakeOptions() {
    ResidencyStory::Options options;
    options.residency.pool.concurrency = 2;
    options.residency.wire_during_send = true;
    return options;
  }
  std::string Broken() {
    std::string names;
    for (const Residency::Broken& broken : s.residency().BrokenInvariants()) {
      names += (names.empty() ? "" : " ") + std::string(broken.name);
    }
    return names;
  }
  ResidencyStory s;
};

TEST(ResidencyCheckTest, TheSceneIsAsDescribed) {
  Scene scene;
  std::string states;
  for (size_t i = 0; i < scene.s.messages(); ++i) {
    states += std::string(MessageStateName(scene.s.message(i).state())) + " ";
  }
  EXPECT_EQ(states, "PULLING PULLING QUEUED SENDING READY CHECK' ");
  EXPECT_EQ(scene.Broken(), "");
}

// Changes a place for the time of a look.
template <typename T>
std::string With(Scene& scene, T& place, T value) {
  std::swap(place, value);
  const std::string broken = scene.Broken();
  std::swap(place, value);
  return broken;
}

TEST(ResidencyCheckTest, EachBreakIsFound) {
  struct Case {
    std::string_view name;
    std::string_view want;
    std::function<std::string(Scene&)> look;
  };
  const auto message = [](auto place, size_t i, auto value) {
    return [=](Scene& scene) { return With(scene, place(scene.s.message(i)), value); };
  };
  const auto stat = [](int64_t ResidencyStats::*field, int64_t value) {
    return
        [=](Scene& scene) { return With(scene, Peer::stats(scene.s.residency()).*field, value); };
  };
  const std::vector<Case> cases = {
      {"AStateThatIsNotOnTheQueue", "one-state", message(Peer::state, 2, State::kReady)},
      {"AStateThatHasNoWorker", "one-state one-worker", message(Peer::state, 4, State::kPulling)},
      {"CheckAndNobodyAsks", "one-state", message(Peer::state, 4, State::kCheck)},
      {"SomebodyAsksAboutAReadyOne", "one-state", message(Peer::checking, 4, true)},
      {"ACountIsWrong", "one-state",
       [](Scene& scene) {
         return With(scene, Peer::count(scene.s.residency(), State::kReady), int64_t{7});
       }},
      {"TwoWorkersForOne", "one-worker",
       [](Scene& scene) { return With(scene, Peer::job(scene.s.message(0)).worker, 1); }},
      {"AWorkerForAReadyOne", "one-worker",
       [](Scene& scene) { return With(scene, Peer::job(scene.s.message(4)).worker, 0); }},
      {"PulledByTheScheduler", "thread-of-call",
       [](Scene& scene) {
         return With(scene, Peer::wrong_threads(scene.s.residency()), int64_t{1});
       }},
      {"ADefaultThatNobodyLeftToUs", "hook-order",
       [](Scene& scene) { return With(scene, Peer::defaults(scene.s.residency()), int64_t{99}); }},
      {"AFunctionAfterDone", "hook-order",
       [](Scene& scene) { return With(scene, Peer::stats(scene.s.hooks()).settled, int64_t{1}); }},
      {"TheQueueIsOutOfOrder", "pool-order",
       [](Scene& scene) {
         return With(scene, Peer::job(scene.s.message(2)).sequence, uint64_t{1});
       }},
      {"AnIdleWorkerBesideAQueue", "pool-idle",
       [](Scene& scene) {
         // A third worker of which the pool does not know that it may work.
         return With(scene, Peer::concurrency(scene.s.residency().pool()), 3);
       }},
      {"TooManyAreBusy", "pool-busy",
       [](Scene& scene) { return With(scene, Peer::concurrency(scene.s.residency().pool()), 1); }},
      {"NobodyWillAsk", "no-lost-wakeup", message(Peer::pulled, 5, false)},
      {"ReadableWithoutAPull", "no-lost-wakeup", message(Peer::pulled, 4, true)},
      {"NothingKeepsIt", "no-lost-wakeup",
       [](Scene& scene) { return With(scene, Peer::hold(scene.s.message(2)), Ref<Message>()); }},
      {"TooManyPulls", "pull-bound", message(Peer::pulls, 2, 4)},
      {"APullIsLost", "pulls-add-up", stat(&ResidencyStats::pulls_queued, 5)},
      {"AnswersWithoutQuestions", "answers-add-up", stat(&ResidencyStats::in_core, 77)},
      {"HitsWithoutTouches", "answers-add-up", stat(&ResidencyStats::page_hits, 77)},
      {"TheTestChangedAPage", "test-changes-nothing",
       [](Scene& scene) { return With(scene, Peer::changes(scene.s.residency()), int64_t{1}); }},
      {"TwoReadOnePage", "one-read-a-page",
       [](Scene& scene) {
         return With(scene, Peer::reading(scene.s.message(1)),
                     FoundPage(Peer::reading(scene.s.message(0))));
       }},
      {"SentThoughNotInCore", "sent-in-core", message(Peer::last_result, 3, int{kNotInCore})},
      {"SentWithoutAnAnswer", "sent-in-core", message(Peer::last_result, 3, int{kNoResult})},
      {"WiredAndNotSent", "wired-while-sent",
       [](Scene& scene) {
         auto& wired = Peer::wired(scene.s.message(3));
         std::swap(wired, Peer::wired(scene.s.message(4)));
         const std::string broken = scene.Broken();
         std::swap(wired, Peer::wired(scene.s.message(4)));
         return broken;
       }},
      {"WiringsAreLost", "wired-while-sent", stat(&ResidencyStats::wired_pages, 9)},
      {"NotWiredAfterAll", "wired-while-sent",
       [](Scene& scene) {
         return With(scene, Peer::wired(scene.s.message(3))[0], vm::FrameIndex{3000});
       }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Scene scene;
    EXPECT_EQ(c.look(scene), c.want);
    EXPECT_EQ(scene.Broken(), "");
  }
}

// Wired frames that are not wired, by somebody else's doing.
TEST(ResidencyCheckTest, ThePageWasUnwiredBehindItsBack) {
  Scene scene;
  vm::Page& page = scene.s.vm().pages()[Peer::wired(scene.s.message(3))[0]];
  EXPECT_EQ(With(scene, page.wire_count, uint16_t{0}), "wired-while-sent");
}

// With pull 0 on a worker, and with pull 1 elsewhere: seen when it happens.
TEST(ResidencyCheckTest, AHookThatAsksOnAWorker) {
  struct Closure {
    ResidencyStory* story;
  };
  Closure closure{};
  const ResidencyHook hook = [](void* c, Message& message, int pull, int*) -> sim::Task<int> {
    ResidencyStory& story = *static_cast<Closure*>(c)->story;
    if (pull == 1 && message.number() == 0) {
      static_cast<void>(co_await story.residency().Check(story.message(1)));
    }
    co_return kIoCont;
  };
  ResidencyStory s({}, [&](ResidencyStory& story) { story.hooks().RegisterLast(hook, &closure); });
  closure.story = &s;
  s.Make("f0+1");
  s.Make("f4096+1");
  s.Plan("0 check 0");
  while (s.engine().Step()) {
  }
  ASSERT_EQ(s.residency().BrokenInvariants().size(), 1u);
  EXPECT_EQ(std::string(s.residency().BrokenInvariants()[0].name), "thread-of-call");
}

}  // namespace
}  // namespace vmsim::net
