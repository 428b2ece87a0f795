#include "net/worker_pool.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "sim/check.h"

namespace vmsim::net {

// A submitter that sleeps, in its frame. A frame that is destroyed leaves the line.
struct BlockedSubmit {
  BlockedSubmit(WorkerPool& pool, PoolJob& job) : pool(pool), job(&job) {
    job.place = PoolJob::Place::kBlocked;
    job.submitter = this;
    pool.line_.PushBack(&job);
  }
  BlockedSubmit(const BlockedSubmit&) = delete;
  BlockedSubmit& operator=(const BlockedSubmit&) = delete;
  ~BlockedSubmit() {
    if (job != nullptr) Leave(false);
  }
  void Leave(bool to_queue) {
    pool.line_.Remove(job);
    job->submitter = nullptr;
    job->place = PoolJob::Place::kOutside;
    job = nullptr;
    queued = to_queue;
    channel.WakeAll();
  }

  WorkerPool& pool;
  PoolJob* job;
  bool queued = false;
  sim::WaitChannel channel;
};

void PoolJobList::PushBack(PoolJob* job) {
  job->prev = back_;
  job->next = nullptr;
  (back_ != nullptr ? back_->next : front_) = job;
  back_ = job;
  ++size_;
}

void PoolJobList::Remove(PoolJob* job) {
  (job->prev != nullptr ? job->prev->next : front_) = job->next;
  (job->next != nullptr ? job->next->prev : back_) = job->prev;
  job->prev = job->next = nullptr;
  --size_;
}

WorkerPool::WorkerPool(sim::Engine& engine, PoolClient& client, const WorkerPoolConfig& config)
    : engine_(engine), client_(client), config_(config), concurrency_(config.concurrency) {
  CHECK(concurrency_ >= 0 && concurrency_ <= kMaxWorkers, "concurrency=", concurrency_);
  CHECK(config.backlog == kUnlimitedBacklog || config.backlog >= 1, "backlog=", config.backlog);
  AddWorkers(concurrency_);
}

sim::Task<bool> WorkerPool::Submit(PoolJob& job) {
  CHECK(job.place == PoolJob::Place::kOutside, "a job is submitted twice");
  if (concurrency_ == 0) {
    co_await RunInline(job);
    co_return true;
  }
  // If there is room, nobody is in line for it.
  if (!Full()) {
    Enqueue(job);
    Dispatch();
    co_return true;
  }
  BlockedSubmit blocked(*this, job);
  ++stats_.blocked_submissions;
  const sim::SimTime start = engine_.now();
  co_await blocked.channel.Sleep(engine_, sim::kPriorityUser, "backlog");
  stats_.blocked_ns += engine_.now() - start;
  co_return blocked.queued;
}

sim::Task<void> WorkerPool::RunInline(PoolJob& job) {
  ++stats_.submitted;
  ++stats_.inlined;
  job.place = PoolJob::Place::kRunning;
  job.worker = kInlineWorker;
  client_.OnStarted(job);
  const sim::SimTime start = engine_.now();
  co_await client_.Run(job);
  stats_.inline_ns += engine_.now() - start;
  ++stats_.completed;
  job.place = PoolJob::Place::kOutside;
  job.worker = kNoWorker;
  client_.OnFinished(job);
}

bool WorkerPool::Cancel(PoolJob& job) {
  if (job.place == PoolJob::Place::kBlocked) {
    job.submitter->Leave(/*to_queue=*/false);
  } else if (job.place == PoolJob::Place::kQueued) {
    queue_.Remove(&job);
    job.place = PoolJob::Place::kOutside;
    Dispatch();
  } else {
    return false;
  }
  ++stats_.cancelled;
  return true;
}

void WorkerPool::SetConcurrency(int concurrency) {
  CHECK(concurrency >= 0 && concurrency <= kMaxWorkers, "concurrency=", concurrency);
  concurrency_ = concurrency;
  busy_allowed_ = std::max(busy_allowed_, busy_);
  AddWorkers(concurrency - workers());
  Dispatch();
}

void WorkerPool::Dispatch() {
  while (true) {
    while (!line_.empty() && !Full()) {
      PoolJob& job = *line_.front();
      job.submitter->Leave(/*to_queue=*/true);
      Enqueue(job);
    }
    if (queue_.empty() || busy_ >= Limit()) return;
    StartNext();
  }
}

void WorkerPool::Enqueue(PoolJob& job) {
  ++stats_.submitted;
  job.sequence = next_sequence_++;
  job.queued_at = engine_.now();
  job.place = PoolJob::Place::kQueued;
  queue_.PushBack(&job);
  client_.OnQueued(job);
}

void WorkerPool::StartNext() {
  Worker& worker = *workers_[static_cast<size_t>(LowestIdle())];
  SetIdle(worker.number, false);
  PoolJob& job = *queue_.front();
  queue_.Remove(&job);
  job.place = PoolJob::Place::kRunning;
  job.worker = worker.number;
  last_started_ = job.sequence;
  wait_histogram_.Record(engine_.now() - job.queued_at);
  worker.job = &job;
  worker.since = engine_.now();
  ++busy_;
  ++stats_.started;
  // The one that is left to empty the queue at concurrency 0.
  if (concurrency_ == 0) busy_allowed_ = std::max(busy_allowed_, busy_);
  worker.channel.WakeAll();
  client_.OnStarted(job);
}

sim::Task<void> WorkerPool::Work(Worker* worker) {
  while (true) {
    while (worker->job == nullptr) {
      co_await worker->channel.Sleep(engine_, sim::kPriorityUser, "poolwait");
    }
    co_await client_.Run(*worker->job);
    Finish(*worker);
    // Who was told goes first, even if there is one CPU and the next job is here already.
    co_await engine_.YieldCpu();
  }
}

void WorkerPool::Finish(Worker& worker) {
  PoolJob& job = *worker.job;
  worker.job = nullptr;
  SetIdle(worker.number, true);
  --busy_;
  busy_allowed_ = std::min(busy_allowed_, busy_);
  stats_.busy_ns += engine_.now() - worker.since;
  ++stats_.completed;
  job.place = PoolJob::Place::kOutside;
  job.worker = kNoWorker;
  client_.OnFinished(job);
  Dispatch();
}

void WorkerPool::AddWorkers(int count) {
  for (; count > 0; --count) {
    workers_.push_back(std::make_unique<Worker>());
    Worker* worker = workers_.back().get();
    worker->number = workers() - 1;
    idle_.resize(static_cast<size_t>(worker->number) / 64 + 1);
    SetIdle(worker->number, true);
    worker->thread = engine_.Spawn(absl::StrCat(config_.name, "/", worker->number),
                                   sim::kPriorityUser, Work(worker));
  }
}

int WorkerPool::LowestIdle() const {
  for (size_t i = 0; i < idle_.size(); ++i) {
    if (idle_[i] != 0) return static_cast<int>(i * 64) + std::countr_zero(idle_[i]);
  }
  CHECK(false, "no worker is idle, busy=", busy_);
  return kNoWorker;
}

void WorkerPool::SetIdle(int worker, bool idle) {
  uint64_t& word = idle_[static_cast<size_t>(worker) / 64];
  const uint64_t bit = uint64_t{1} << (worker % 64);
  word = idle ? word | bit : word & ~bit;
}

// Threads are numbered as they are made, so the workers stand in the order of their numbers.
bool WorkerPool::InWorker() const {
  const sim::Thread* current = engine_.current();
  if (current == nullptr) return false;
  const auto at =
      std::lower_bound(workers_.begin(), workers_.end(), current->id(),
                       [](const auto& worker, uint32_t id) { return worker->thread->id() < id; });
  return at != workers_.end() && (*at)->thread == current;
}

}  // namespace vmsim::net
