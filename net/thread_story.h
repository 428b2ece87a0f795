// net/thread_story.h: simulated threads that sleep on files, for tests.
//
// Threads do what a coroutine says and write into one log, "who:what@when".
#ifndef VMSIM_NET_THREAD_STORY_H_
#define VMSIM_NET_THREAD_STORY_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/blocking.h"
#include "net/file.h"
#include "sim/engine.h"

namespace vmsim::net {

class ThreadStory {
 public:
  ThreadStory() = default;
  ~ThreadStory() { engine.DestroyThreads(); }

  // Runs `body` as a thread.
  sim::Thread* Spawn(const std::string& name, sim::Task<void> body) {
    return engine.Spawn(name, sim::kPriorityUser, std::move(body));
  }
  // Calls `what` at `when`, as an event of `event_class`.
  void At(sim::SimTime when, std::function<void()> what,
          sim::EventClass event_class = sim::EventClass::kDevice) {
    calls_.push_back(std::make_unique<std::function<void()>>(std::move(what)));
    engine.events().Schedule(
        when, event_class,
        [](void* call, uint64_t) { (*static_cast<std::function<void()>*>(call))(); },
        calls_.back().get(), 0);
  }
  void Say(const std::string& what) {
    log += (log.empty() ? "" : " ") + what + "@" + std::to_string(engine.now());
  }
  static std::string Text(const IoResult& result) {
    return result.error != 0 ? std::string(ErrnoName(result.error)) : std::to_string(result.bytes);
  }
  // Threads that read or write once.
  sim::Task<void> Reader(std::string name, Ref<File> file, int64_t n,
                         sim::SimDuration timeout_ns = sim::kNever) {
    const IoResult result = co_await Read(file, n, timeout_ns);
    Say(name + ":" + Text(result));
  }
  sim::Task<void> Writer(std::string name, Ref<File> file, int64_t n,
                         sim::SimDuration timeout_ns = sim::kNever) {
    const IoResult result = co_await Write(file, n, timeout_ns);
    Say(name + ":" + Text(result));
  }
  // Runs all there is to run, and gives the log up to then.
  std::string Run(sim::SimTime limit = sim::kNever) {
    engine.Run(limit);
    return std::exchange(log, "");
  }

  sim::Engine engine{{.context_switch_ns = 0}};
  OpenFiles files{engine};
  std::string log;

 private:
  std::vector<std::unique_ptr<std::function<void()>>> calls_;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_THREAD_STORY_H_
