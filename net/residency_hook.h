// net/residency_hook.h: the hook message_body_in_core: who answers whether a body is in memory.
//
//     first, latest first --> last, earliest first --> (all said kIoCont) the caller's own test
//          |                        |
//          '------- kIoDone --------'--> *result is the answer, nobody else is asked
//
// A function is called with the closure that it was registered with, the message, `pull` and where
// to put the result. With pull 0 it only tests; with pull 1 it makes the body resident, normally by
// reading a byte of every page (Residency::Reference). *result: 0 in core, 1 not in core; this is
// the opposite of mincore's sense. The same function may be registered again with another closure.
//
// What a function must not do is counted, and put right: a code other than kIoCont and kIoDone is
// taken for kIoCont; a result other than 0 and 1 with kIoDone, or none at all, for 1, since a pull
// is safe and a send is not. A result beside kIoCont is discarded.
//
// The chain of a call is the one at its start: a function registered meanwhile is asked next time.
//
// Source: Momentum's reference page of the hook message_body_in_core, and its pages on hooks.
#ifndef VMSIM_NET_RESIDENCY_HOOK_H_
#define VMSIM_NET_RESIDENCY_HOOK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"

namespace vmsim::net {

class Message;

inline constexpr int kIoCont = 0;
inline constexpr int kIoDone = 1;

inline constexpr int kInCore = 0;
inline constexpr int kNotInCore = 1;
inline constexpr int kNoResult = -1;

// A coroutine: it may sleep, and with pull 1 it normally does. `result` outlives the call.
using ResidencyHook = sim::Task<int> (*)(void* closure, Message& message, int pull, int* result);

struct HookStats {
  int64_t calls = 0;       // Of the chain.
  int64_t ran = 0;         // Functions that were called,
  int64_t continued = 0;   // said kIoCont, or something that was taken for it,
  int64_t settled = 0;     // or settled the matter.
  int64_t exhausted = 0;   // Calls of the chain that nobody settled.
  int64_t bad_result = 0;  // hook.bad_result
  int64_t bad_return = 0;  // hook.bad_return
};

class HookPoint {
 public:
  // `hook_ns`: what calling one function costs the caller, beside what it does.
  explicit HookPoint(sim::Engine& engine, sim::SimDuration hook_ns = 0)
      : engine_(engine), hook_ns_(hook_ns), chain_(std::make_shared<const Chain>()) {}
  HookPoint(const HookPoint&) = delete;
  HookPoint& operator=(const HookPoint&) = delete;

  // has_core_message_body_in_core_hook().
  bool HasHook() const { return !chain_->empty(); }
  // register_core_message_body_in_core_hook_first() and _last(). The configuration's version is
  // kept with the function. O(functions). Requires: hook is not null.
  void RegisterFirst(ResidencyHook hook, void* closure, int64_t config_version = 0);
  void RegisterLast(ResidencyHook hook, void* closure, int64_t config_version = 0);

  // call_core_message_body_in_core_hook(): the last code. `result` must outlive the call; it is good
  // after kIoDone, 0 or 1. `decided_by`, if not null, gets the position in the chain of who settled
  // it, or -1.
  sim::Task<int> Call(Message& message, int pull, int* result, int* decided_by = nullptr);

  struct Registration {
    ResidencyHook hook = nullptr;
    void* closure = nullptr;
    int64_t config_version = 0;
    int64_t decided = 0;  // Matters that it settled.
  };
  // As the next call will ask them. The registrations stay where they are.
  using Chain = std::vector<Registration*>;
  const Chain& chain() const { return *chain_; }
  const HookStats& stats() const { return stats_; }

  // What is wrong with the order in which functions ran, or "".
  std::string BrokenOrder() const;

 private:
  friend struct ResidencyTestPeer;

  // A call of the chain that has not ended.
  struct Running {
    Running(HookPoint& point) : point(point), next(point.running_) {
      if (next != nullptr) next->prev = this;
      point.running_ = this;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
      (prev != nullptr ? prev->next : point.running_) = next;
      if (next != nullptr) next->prev = prev;
    }
    HookPoint& point;
    Running* prev = nullptr;
    Running* next;
    size_t functions = 0;  // In its chain.
    size_t ran = 0;
    size_t continued = 0;
    size_t settled = 0;
  };

  Registration* Add(ResidencyHook hook, void* closure, int64_t config_version);
  // Whether `code` and `*result` settle the matter, as far as they are what they may be.
  bool Judge(int code, int* result);

  sim::Engine& engine_;
  const sim::SimDuration hook_ns_;
  std::vector<std::unique_ptr<Registration>> registrations_;
  std::shared_ptr<const Chain> chain_;
  Running* running_ = nullptr;
  HookStats stats_;
  int64_t out_of_order_ = 0;  // Ended calls in which somebody ran who should not, or did not.
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_RESIDENCY_HOOK_H_
