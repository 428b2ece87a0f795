// net/worker_pool.h: jobs that wait for a few threads, first in, first out.
//
//     Submit --> [blocked submitters] --> queue (backlog) --> lowest-numbered idle worker --> Run
//                 while it is full                        '-- concurrency 0: the submitter itself
//
// The concurrency may change at any time. When it is raised, queued jobs start at once; when it is
// lowered, busy workers finish what they do. At 0 new jobs run in the thread that submits them; what
// was queued before is left to one worker, so that nothing is stranded. The backlog, how many jobs
// may wait, is fixed. Submitters that find it full sleep; as room comes they get it in the order in
// which they came, whoever comes later stands behind them.
//
// A job is intrusive: submitting, starting and cancelling allocate nothing and cost O(1), finding
// the idle worker O(workers / 64).
//
// Model: thread pools of Momentum (ThreadPool: Concurrency, Backlog), as far as its manual says.
#ifndef VMSIM_NET_WORKER_POOL_H_
#define VMSIM_NET_WORKER_POOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/counters.h"
#include "sim/engine.h"
#include "sim/histogram.h"
#include "sim/task.h"
#include "sim/time.h"
#include "sim/wait_channel.h"

namespace vmsim::net {

inline constexpr int64_t kUnlimitedBacklog = -1;
inline constexpr int kMaxWorkers = 4096;
inline constexpr int kNoWorker = -1;
inline constexpr int kInlineWorker = -2;  // The submitter itself.

struct WorkerPoolConfig {
  std::string name = "SwapIn";
  int concurrency = 5;                  // 0..kMaxWorkers.
  int64_t backlog = kUnlimitedBacklog;  // Jobs that may wait: at least 1, or unlimited.
};

struct BlockedSubmit;

// What a job is part of. Must not go away while the pool has it.
struct PoolJob {
  enum class Place : uint8_t { kOutside, kBlocked, kQueued, kRunning };

  Place place = Place::kOutside;
  int worker = kNoWorker;  // Who runs it.
  uint64_t sequence = 0;   // Its number among all that were queued.
  sim::SimTime queued_at = 0;
  PoolJob* prev = nullptr;  // In the queue, or in the line of blocked submitters.
  PoolJob* next = nullptr;
  BlockedSubmit* submitter = nullptr;  // Who sleeps until it leaves the line.
};

// A list of jobs through their links.
class PoolJobList {
 public:
  PoolJob* front() const { return front_; }
  bool empty() const { return front_ == nullptr; }
  int64_t size() const { return size_; }
  void PushBack(PoolJob* job);
  void Remove(PoolJob* job);

 private:
  PoolJob* front_ = nullptr;
  PoolJob* back_ = nullptr;
  int64_t size_ = 0;
};

// Who submits.
class PoolClient {
 public:
  // The job has been put on the queue, or has gone from there to a worker. Must not call the pool.
  virtual void OnQueued(PoolJob& job) = 0;
  virtual void OnStarted(PoolJob& job) = 0;
  // Does the job, in a worker's thread or the submitter's.
  virtual sim::Task<void> Run(PoolJob& job) = 0;
  // The job has been run and the pool has let go of it. May end it. Must not call the pool.
  virtual void OnFinished(PoolJob& job) = 0;

 protected:
  ~PoolClient() = default;
};

struct WorkerPoolStats {
  int64_t submitted = 0;  // Jobs that were queued or run inline.
  int64_t started = 0;    // By workers.
  int64_t inlined = 0;
  int64_t completed = 0;
  int64_t cancelled = 0;            // Taken from the queue or the line.
  int64_t blocked_submissions = 0;  // A submitter found the backlog full.
  int64_t blocked_ns = 0;           // And how long it slept.
  int64_t inline_ns = 0;            // What submitters lost by doing the work themselves.
  int64_t busy_ns = 0;              // Of all workers, sleeping in a job included; finished jobs.
};

class WorkerPool {
 public:
  // `client` outlives this. The engine's threads have ended before this goes.
  WorkerPool(sim::Engine& engine, PoolClient& client, const WorkerPoolConfig& config);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Hands over `job`; sleeps while the backlog is full, and runs it if the concurrency is 0. False:
  // it was cancelled before it was queued. Requires: the pool does not have it.
  sim::Task<bool> Submit(PoolJob& job);
  // Takes back a job that is not running yet. False: it is running, or the pool does not have it.
  bool Cancel(PoolJob& job);
  // Requires: 0..kMaxWorkers.
  void SetConcurrency(int concurrency);

  int concurrency() const { return concurrency_; }
  int64_t backlog() const { return config_.backlog; }
  int busy() const { return busy_; }
  int64_t queued() const { return queue_.size(); }
  int64_t blocked() const { return line_.size(); }
  bool Full() const { return config_.backlog >= 0 && queue_.size() >= config_.backlog; }
  const WorkerPoolStats& stats() const { return stats_; }
  // The same, with what busy workers have spent on their jobs so far.
  int64_t BusyTime() const;
  const sim::Histogram& wait_histogram() const { return wait_histogram_; }
  const PoolJobList& queue() const { return queue_; }
  const PoolJobList& line() const { return line_; }
  // Whether the executing thread is one of the workers.
  bool InWorker() const;
  // The thread of worker `worker`.
  const sim::Thread* thread(int worker) const { return workers_[worker]->thread; }
  int workers() const { return static_cast<int>(workers_.size()); }
  const PoolJob* job(int worker) const { return workers_[worker]->job; }

  // "pool.queued" and so on. This must outlive the last reading.
  void RegisterCounters(sim::CounterRegistry& registry) const;

  // What is wrong, or "": busy workers, idle ones beside a queue, order, counts. O(jobs + workers).
  std::string BrokenBusy() const;
  std::string BrokenIdle() const;
  std::string BrokenOrder() const;

 private:
  friend struct BlockedSubmit;
  friend struct ResidencyTestPeer;
  friend struct WorkerPoolTestPeer;

  struct Worker {
    int number = 0;
    sim::Thread* thread = nullptr;
    PoolJob* job = nullptr;
    sim::SimTime since = 0;  // When it got the job.
    sim::WaitChannel channel;
  };

  sim::Task<void> Work(Worker* worker);
  sim::Task<void> RunInline(PoolJob& job);
  // How many may be busy now.
  int Limit() const { return concurrency_ == 0 && !queue_.empty() ? 1 : concurrency_; }
  // Gives idle workers queued jobs, and submitters the room that comes.
  void Dispatch();
  void Enqueue(PoolJob& job);
  void StartNext();
  void Finish(Worker& worker);
  void AddWorkers(int count);
  int LowestIdle() const;
  void SetIdle(int worker, bool idle);

  sim::Engine& engine_;
  PoolClient& client_;
  const WorkerPoolConfig config_;
  int concurrency_;
  int busy_ = 0;
  int busy_allowed_ = 0;  // More than the concurrency, while it has just been lowered.
  PoolJobList queue_;
  PoolJobList line_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<uint64_t> idle_;  // A bit a worker.
  uint64_t next_sequence_ = 1;
  uint64_t last_started_ = 0;
  WorkerPoolStats stats_;
  sim::Histogram wait_histogram_;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_WORKER_POOL_H_
