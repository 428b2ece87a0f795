// What a pool tells of itself: counters, and what is wrong.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "net/worker_pool.h"

namespace vmsim::net {

int64_t WorkerPool::BusyTime() const {
  int64_t busy_ns = stats_.busy_ns;
  for (const auto& worker : workers_) {
    if (worker->job != nullptr) busy_ns += engine_.now() - worker->since;
  }
  return busy_ns;
}

void WorkerPool::RegisterCounters(sim::CounterRegistry& registry) const {
  const auto level = sim::CounterKind::kLevel;
  registry.Register({"pool.submitted", "jobs", "Jobs queued, or run by their submitter."},
                    &stats_.submitted);
  registry.Register({"pool.started", "jobs", "Jobs that workers took up."}, &stats_.started);
  registry.Register({"pool.inlined", "jobs", "Jobs run by their submitter."}, &stats_.inlined);
  registry.Register({"pool.completed", "jobs", "Jobs that were run."}, &stats_.completed);
  registry.Register({"pool.cancelled", "jobs", "Jobs taken back before they ran."},
                    &stats_.cancelled);
  registry.Register({"pool.blocked_submissions", "jobs", "Submitters that found the backlog full."},
                    &stats_.blocked_submissions);
  registry.Register(
      {"pool.blocked_ns", "ns", "Time that submitters slept because the backlog was full."},
      &stats_.blocked_ns);
  registry.Register({"pool.inline_ns", "ns", "Time that submitters spent on jobs themselves."},
                    &stats_.inline_ns);
  registry.Register(
      {"pool.busy_ns", "ns", "Time of all workers with a job."},
      [](const void* pool) { return static_cast<const WorkerPool*>(pool)->BusyTime(); }, this);
  registry.Register(
      {"pool.queued", "jobs", "Jobs that wait.", level},
      [](const void* pool) { return static_cast<const WorkerPool*>(pool)->queued(); }, this);
  registry.Register(
      {"pool.busy", "workers", "Workers with a job.", level},
      [](const void* pool) {
        return static_cast<int64_t>(static_cast<const WorkerPool*>(pool)->busy());
      },
      this);
  // What waited, of all that started: with pool.started a mean.
  registry.Register(
      {"pool.wait_ns", "ns", "Time that jobs waited for a worker."},
      [](const void* pool) { return static_cast<const WorkerPool*>(pool)->wait_histogram().sum(); },
      this);
}

std::string WorkerPool::BrokenBusy() const {
  int busy = 0;
  for (const auto& worker : workers_) {
    const bool idle = (idle_[static_cast<size_t>(worker->number) / 64] >> worker->number % 64) & 1;
    if (idle == (worker->job != nullptr)) {
      return absl::StrCat("worker ", worker->number, idle ? " is idle with" : " is busy without",
                          " a job");
    }
    busy += worker->job != nullptr;
  }
  if (busy != busy_) return absl::StrCat(busy, " busy workers, counted ", busy_);
  if (busy > std::max(Limit(), busy_allowed_)) {
    return absl::StrCat(busy, " busy workers, concurrency ", concurrency_);
  }
  return "";
}

std::string WorkerPool::BrokenIdle() const {
  if (!queue_.empty() && busy_ < Limit()) {
    return absl::StrCat(queue_.size(), " jobs wait, ", busy_, " of ", Limit(), " workers are busy");
  }
  if (!line_.empty() && !Full()) {
    return absl::StrCat(line_.size(), " submitters wait, the queue has ", queue_.size(), " of ",
                        config_.backlog);
  }
  if (config_.backlog >= 0 && queue_.size() > config_.backlog) {
    return absl::StrCat("the queue has ", queue_.size(), " of ", config_.backlog);
  }
  return "";
}

std::string WorkerPool::BrokenOrder() const {
  uint64_t before = last_started_;
  int64_t jobs = 0;
  for (const PoolJob* job = queue_.front(); job != nullptr; job = job->next) {
    if (job->place != PoolJob::Place::kQueued) return "a job on the queue is not queued";
    if (job->sequence <= before) {
      return absl::StrCat("job ", job->sequence, " stands behind job ", before);
    }
    before = job->sequence;
    ++jobs;
  }
  if (jobs != queue_.size()) return absl::StrCat(jobs, " jobs wait, counted ", queue_.size());
  return "";
}

}  // namespace vmsim::net
