// sim/task.h: kernel threads and the calls they make, as C++20 coroutines.
//
//   sim::Task<vm::FaultResult> Fault(...) {
//     const PagerResult result = co_await pager.GetPages(...);   // May sleep here, and only here.
//
// A Task starts when it is awaited and gives its value to the awaiter. One that never sleeps costs
// a pooled frame and two calls. Between two co_awaits nothing else runs.
//
// Destroying a Task destroys its frame and with it the frames it awaits: a machine torn down while
// threads sleep frees everything, innermost last awaited first.
//
// Control does not pass between coroutines by symmetric transfer: compilers turn that into a tail
// call only when they optimise, and a thread that makes a million calls must not need a million
// stack frames at -O0. A child that finishes while its parent is starting it simply returns; one
// that finishes later leaves the parent in `pending_continuation`, and ResumeChain() picks it up.
#ifndef VMSIM_SIM_TASK_H_
#define VMSIM_SIM_TASK_H_

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <utility>

#include "sim/check.h"
#include "sim/frame_pool.h"

namespace vmsim::sim {

namespace task_internal {

// The parent of the coroutine that has just finished, to be resumed next on this host thread.
inline constinit thread_local std::coroutine_handle<> pending_continuation;

struct PromiseBase {
  static void* operator new(size_t size) { return AllocateFrame(size); }
  static void operator delete(void* frame, size_t size) { FreeFrame(frame, size); }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
      PromiseBase& promise = finished.promise();
      if (promise.parent_waits) pending_continuation = promise.continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  // The simulator does not throw. What is thrown all the same (by a failure handler that a test
  // set, or no memory) goes to whoever resumed the coroutine, which is then finished.
  void unhandled_exception() const { throw; }

  std::coroutine_handle<> continuation;
  bool parent_waits = false;  // The parent is suspended, not still inside our first resume().
};

}  // namespace task_internal

// Resumes `handle`, then every parent that becomes ready by it.
inline void ResumeChain(std::coroutine_handle<> handle) {
  while (handle) {
    handle.resume();
    handle = std::exchange(task_internal::pending_continuation, nullptr);
  }
}

template <typename T = void>
class [[nodiscard]] Task;

namespace task_internal {

template <typename T>
struct Promise : PromiseBase {
  Task<T> get_return_object();
  void return_value(T v) { value.emplace(std::move(v)); }
  T Take() { return std::move(*value); }
  std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void Take() const noexcept {}
};

}  // namespace task_internal

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = task_internal::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool valid() const { return static_cast<bool>(handle_); }
  bool done() const { return handle_.done(); }
  Handle handle() const { return handle_; }

  // The value of a finished task that nobody awaited.
  T Take() { return handle_.promise().Take(); }

  // Runs a task that must not sleep, and gives its value.
  T RunToCompletion() {
    ResumeChain(handle_);
    CHECK(handle_.done(), "a task that must not sleep slept");
    return handle_.promise().Take();
  }

  struct Awaiter {
    Handle child;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> parent) const {
      child.promise().continuation = parent;
      child.resume();
      if (child.done()) return false;
      child.promise().parent_waits = true;
      return true;
    }
    T await_resume() const { return child.promise().Take(); }
  };
  Awaiter operator co_await() const& noexcept { return Awaiter{handle_}; }
  Awaiter operator co_await() && noexcept { return Awaiter{handle_}; }

 private:
  Handle handle_;
};

namespace task_internal {

template <typename T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace task_internal
}  // namespace vmsim::sim

#endif  // VMSIM_SIM_TASK_H_
