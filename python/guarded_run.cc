#include "python/guarded_run.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/check.h"

namespace vmsim::python {
namespace {

// Shared by the caller and the thread that works for it.
struct Run {
  GuardedWork work;
  std::atomic<bool> stop = false;

  std::mutex mutex;
  std::condition_variable ended;
  std::optional<absl::Status> status;  // Set once, when the run has ended.

  void End(absl::Status outcome) {
    const std::lock_guard<std::mutex> lock(mutex);
    status = std::move(outcome);
    ended.notify_all();
  }
};

// The run that the current thread works for.
thread_local Run* current_run = nullptr;

void ParkOnBrokenInvariant(std::string_view message) {
  if (current_run == nullptr) return;  // Not ours: the process ends.
  current_run->End(absl::InternalError(absl::string_view(message.data(), message.size())));
  for (;;) pause();
}

void Work(const std::shared_ptr<Run>& run) {
  current_run = run.get();
  absl::Status outcome;
  try {
    outcome = run->work(run->stop);
  } catch (const std::bad_alloc&) {
    outcome = absl::ResourceExhaustedError("the host has not enough memory for this simulation");
  } catch (const std::exception& error) {
    outcome = absl::InternalError(error.what());
  }
  run->work = nullptr;
  run->End(std::move(outcome));
}

}  // namespace

absl::Status RunGuarded(GuardedWork work, const std::function<bool()>& interrupted) {
  sim::SetCheckFailureHandler(ParkOnBrokenInvariant);
  auto run = std::make_shared<Run>();
  run->work = std::move(work);
  try {
    std::thread(Work, run).detach();
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot start a thread: ", error.what()));
  }
  std::unique_lock<std::mutex> lock(run->mutex);
  while (!run->status.has_value()) {
    if (run->ended.wait_for(lock, std::chrono::milliseconds(50)) == std::cv_status::no_timeout) {
      continue;
    }
    lock.unlock();
    const bool stop = !run->stop && interrupted();
    lock.lock();
    if (stop) run->stop = true;
  }
  // The work may have ended before it saw that it should stop.
  if (run->stop && !run->status->ok()) return absl::CancelledError("interrupted");
  return *run->status;
}

}  // namespace vmsim::python
