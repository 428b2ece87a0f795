// The pool: who starts when, on which worker, and who has to wait.
#include "net/worker_pool.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/random.h"

namespace vmsim::net {

// Looks into a pool, to break it.
struct WorkerPoolTestPeer {
  static int& busy(WorkerPool& p) { return p.busy_; }
  static int& concurrency(WorkerPool& p) { return p.concurrency_; }
  static uint64_t& last_started(WorkerPool& p) { return p.last_started_; }
  static std::vector<uint64_t>& idle(WorkerPool& p) { return p.idle_; }
};

namespace {

// Jobs a, b, c... that take the time that they are told, and a log of what becomes of them:
//
//     +a  queued     a0  started on worker 0, a-  by its submitter     a.  done     ~a  refused
class Story : public PoolClient {
 public:
  Story(int concurrency, int64_t backlog) : pool_(engine_, *this, Config(concurrency, backlog)) {
    engine_.Run();
  }
  ~Story() { engine_.DestroyThreads(); }

  static WorkerPoolConfig Config(int concurrency, int64_t backlog) {
    WorkerPoolConfig config;
    config.concurrency = concurrency;
    config.backlog = backlog;
    return config;
  }

  // At `when`: a thread of its own submits a job that takes `ns`.
  void Submit(sim::SimTime when, sim::SimDuration ns) {
    jobs_.emplace_back();
    Job& job = jobs_.back();
    job.name = static_cast<char>('a' + (jobs_.size() - 1) % 26);
    job.ns = ns;
    At(when, [this, &job] { engine_.Spawn("submit", sim::kPriorityUser, SubmitBody(job)); });
  }
  void At(sim::SimTime when, std::function<void()> what) {
    events_.push_back(std::make_unique<std::function<void()>>(std::move(what)));
    engine_.events().Schedule(
        when, sim::EventClass::kDevice,
        [](void* call, uint64_t) { (*static_cast<std::function<void()>*>(call))(); },
        events_.back().get(), 0);
  }
  void Cancel(size_t job) { Say(pool_.Cancel(jobs_[job]) ? "x" : "o", jobs_[job]); }

  std::string Run(sim::SimTime until = sim::kNever) {
    while (engine_.Step(until)) {
      EXPECT_EQ(pool_.BrokenBusy() + pool_.BrokenIdle() + pool_.BrokenOrder(), "")
          << "at " << engine_.now();
    }
    return std::exchange(log_, "");
  }
  WorkerPool& pool() { return pool_; }
  sim::Engine& engine() { return engine_; }
  int most_busy() const { return most_busy_; }

 private:
  struct Job : PoolJob {
    char name = '?';
    sim::SimDuration ns = 0;
  };

  sim::Task<void> SubmitBody(Job& job) {
    const bool queued = co_await pool_.Submit(job);
    if (!queued) Say("~", job);
  }
  void OnQueued(PoolJob& job) override { Say("+", static_cast<Job&>(job)); }
  void OnStarted(PoolJob& job) override {
    const std::string who = job.worker == kInlineWorker ? "-" : std::to_string(job.worker);
    log_ += std::string(" ") + static_cast<Job&>(job).name + who + When();
    most_busy_ = std::max(most_busy_, pool_.busy());
  }
  sim::Task<void> Run(PoolJob& job) override {
    EXPECT_EQ(pool_.InWorker(), job.worker >= 0);
    co_await sim::Pause(engine_, static_cast<Job&>(job).ns, "job");
  }
  void OnFinished(PoolJob& job) override {
    log_ += std::string(" ") + static_cast<Job&>(job).name + "." + When();
  }
  void Say(const std::string& what, const Job& job) { log_ += " " + what + job.name + When(); }
  std::string When() const { return "@" + std::to_string(engine_.now()); }

  sim::Engine engine_{{.context_switch_ns = 0}};
  std::deque<Job> jobs_;
  std::vector<std::unique_ptr<std::function<void()>>> events_;
  std::string log_;
  int most_busy_ = 0;
  WorkerPool pool_;
};

TEST(WorkerPoolTest, OneWorkerTakesThemInOrder) {
  Story s(1, kUnlimitedBacklog);
  s.Submit(0, 10);
  s.Submit(1, 10);
  s.Submit(2, 10);
  EXPECT_EQ(s.Run(), " +a@0 a0@0 +b@1 +c@2 a.@10 b0@10 b.@20 c0@20 c.@30");
  EXPECT_EQ(s.pool().stats().busy_ns, 30);
  EXPECT_EQ(s.pool().wait_histogram().sum(), 9 + 18);
  EXPECT_FALSE(s.pool().InWorker());
}

TEST(WorkerPoolTest, TheLowestIdleWorkerTakesAJob) {
  Story s(5, kUnlimitedBacklog);
  s.Submit(0, 10);  // a on 0, b on 1, c on 2.
  s.Submit(1, 3);
  s.Submit(2, 30);
  s.Submit(5, 2);   // 1 is free again,
  s.Submit(12, 5);  // now 0 and 1 are.
  EXPECT_EQ(s.Run(),
            " +a@0 a0@0 +b@1 b1@1 +c@2 c2@2 b.@4 +d@5 d1@5 d.@7 a.@10 +e@12 e0@12 e.@17 c.@32");
}

TEST(WorkerPoolTest, WithoutWorkersTheSubmitterDoesIt) {
  Story s(0, 1);
  s.Submit(0, 10);
  s.Submit(5, 10);
  EXPECT_EQ(s.Run(), " a-@0 b-@5 a.@10 b.@15");
  EXPECT_EQ(s.pool().stats().inline_ns, 20);
  EXPECT_EQ(s.pool().stats().inlined, 2);
  EXPECT_EQ(s.pool().stats().busy_ns, 0);
}

// Raised: queued jobs start at once, in order. Lowered: who is busy finishes.
TEST(WorkerPoolTest, ConcurrencyRaisedWhileBusy) {
  Story s(1, kUnlimitedBacklog);
  for (int i = 0; i < 5; ++i) s.Submit(0, 100);
  s.At(10, [&] { s.pool().SetConcurrency(3); });
  EXPECT_EQ(s.Run(),
            " +a@0 a0@0 +b@0 +c@0 +d@0 +e@0 b1@10 c2@10 a.@100 d0@100 b.@110 e1@110 c.@110 d.@200"
            " e.@210");
}

TEST(WorkerPoolTest, ConcurrencyLoweredWhileBusy) {
  Story s(3, kUnlimitedBacklog);
  for (int i = 0; i < 6; ++i) s.Submit(0, 100 + 10 * i);
  s.At(10, [&] { s.pool().SetConcurrency(1); });
  // a and b end, and two are still or only one is busy: none starts before c ends.
  EXPECT_EQ(s.Run(),
            " +a@0 a0@0 +b@0 b1@0 +c@0 c2@0 +d@0 +e@0 +f@0 a.@100 b.@110 c.@120 d0@120 d.@250"
            " e0@250 e.@390 f0@390 f.@540");
}

TEST(WorkerPoolTest, LoweredToNothingOneWorkerEmptiesTheQueue) {
  Story s(2, kUnlimitedBacklog);
  for (int i = 0; i < 4; ++i) s.Submit(0, 100);
  s.At(10, [&] { s.pool().SetConcurrency(0); });
  s.Submit(20, 5);  // By its submitter, past those that wait.
  EXPECT_EQ(s.Run(),
            " +a@0 a0@0 +b@0 b1@0 +c@0 +d@0 e-@20 e.@25 a.@100 b.@100 c0@100 c.@200 d0@200 d.@300");
  EXPECT_EQ(s.pool().busy(), 0);
}

TEST(WorkerPoolTest, LoweredAndRaisedAgain) {
  Story s(4, kUnlimitedBacklog);
  for (int i = 0; i < 8; ++i) s.Submit(0, 100);
  s.At(10, [&] { s.pool().SetConcurrency(0); });
  s.At(20, [&] { s.pool().SetConcurrency(6); });
  s.Run();
  EXPECT_EQ(s.most_busy(), 6);
  EXPECT_EQ(s.pool().workers(), 6);
  EXPECT_EQ(s.pool().stats().completed, 8);
}

// A full backlog keeps submitters; they get the room in the order in which they came.
TEST(WorkerPoolTest, AFullBacklogBlocksTheSubmitter) {
  Story s(1, 1);
  s.Submit(0, 10);
  s.Submit(1, 10);
  s.Submit(2, 10);  // Blocked until b starts at 10,
  s.Submit(3, 10);  // and until c does at 20.
  EXPECT_EQ(s.Run(5), " +a@0 a0@0 +b@1");
  EXPECT_EQ(s.pool().blocked(), 2);
  EXPECT_EQ(s.Run(), " a.@10 b0@10 +c@10 b.@20 c0@20 +d@20 c.@30 d0@30 d.@40");
  EXPECT_EQ(s.pool().stats().blocked_submissions, 2);
  EXPECT_EQ(s.pool().stats().blocked_ns, 8 + 17);
}

TEST(WorkerPoolTest, JobsAreTakenBack) {
  struct Case {
    std::string_view name;
    size_t job;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"Running", 0, " oa@5 a.@10 b0@10 +c@10 b.@20 c0@20 c.@30"},
      {"Queued", 1, " +c@5 xb@5 a.@10 c0@10 c.@20"},
      {"Blocked", 2, " xc@5 ~c@5 a.@10 b0@10 b.@20"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    Story s(1, 1);
    for (int i = 0; i < 3; ++i) s.Submit(0, 10);
    EXPECT_EQ(s.Run(4), " +a@0 a0@0 +b@0");
    s.At(5, [&] { s.Cancel(c.job); });
    EXPECT_EQ(s.Run(), c.want);
    EXPECT_EQ(s.pool().stats().cancelled, c.job == 0 ? 0 : 1);
  }
}

TEST(WorkerPoolTest, AThreadThatEndsLeavesTheLine) {
  Story s(1, 1);
  for (int i = 0; i < 3; ++i) s.Submit(0, 10);
  s.Run(4);
  ASSERT_EQ(s.pool().blocked(), 1);
  s.engine().DestroyThreads();
  EXPECT_EQ(s.pool().blocked(), 0);
}

TEST(WorkerPoolTest, BusyTimeCountsJobsUnderWay) {
  Story s(2, kUnlimitedBacklog);
  s.Submit(0, 100);
  s.Submit(20, 100);
  s.At(50, [] {});
  s.Run(50);
  EXPECT_EQ(s.pool().BusyTime(), 50 + 30);
  s.Run();
  EXPECT_EQ(s.pool().BusyTime(), 200);
}

TEST(WorkerPoolTest, MoreWorkersThanAWordHasBits) {
  Story s(130, kUnlimitedBacklog);
  for (int i = 0; i < 140; ++i) s.Submit(i, 1000);
  s.Run();
  EXPECT_EQ(s.most_busy(), 130);
  EXPECT_EQ(s.pool().stats().completed, 140);
}

TEST(WorkerPoolTest, BrokenPoolsAreFound) {
  Story s(1, kUnlimitedBacklog);
  for (int i = 0; i < 3; ++i) s.Submit(0, 10);
  s.Run(5);
  WorkerPool& pool = s.pool();
  const auto broken = [&] { return pool.BrokenBusy() + pool.BrokenIdle() + pool.BrokenOrder(); };
  ASSERT_EQ(broken(), "");
  const auto with = [&](auto& place, auto value) {
    const auto old = place;
    place = value;
    const std::string text = broken();
    place = old;
    return text;
  };
  using Peer = WorkerPoolTestPeer;
  EXPECT_EQ(with(Peer::busy(pool), 0),
            "1 busy workers, counted 02 jobs wait, 0 of 1 workers are busy");
  EXPECT_EQ(with(Peer::concurrency(pool), 2), "2 jobs wait, 1 of 2 workers are busy");
  EXPECT_EQ(with(Peer::last_started(pool), 2), "job 2 stands behind job 2");
  EXPECT_EQ(with(Peer::idle(pool)[0], 1), "worker 0 is idle with a job");
  EXPECT_EQ(broken(), "");
}

// Random jobs, workers and cancellations against what must hold: the invariants in Run, and that
// everything ends.
TEST(WorkerPoolTest, EverythingEnds) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    sim::SplitMix64 random(seed);
    const int64_t backlog = random.Below(2) == 0 ? kUnlimitedBacklog : 1 + random.Below(4);
    Story s(static_cast<int>(random.Below(4)), backlog);
    const size_t jobs = 1 + random.Below(30);
    for (size_t i = 0; i < jobs; ++i) {
      s.Submit(static_cast<sim::SimTime>(random.Below(200)), 1 + random.Below(50));
    }
    for (int i = 0; i < 5; ++i) {
      const auto when = static_cast<sim::SimTime>(random.Below(250));
      const int workers = static_cast<int>(random.Below(5));
      const size_t job = random.Below(jobs);
      s.At(when, [&s, workers] { s.pool().SetConcurrency(workers); });
      s.At(when + 3, [&s, job] { s.Cancel(job); });
    }
    s.Run();
    const WorkerPoolStats& stats = s.pool().stats();
    EXPECT_EQ(stats.completed + stats.cancelled, static_cast<int64_t>(jobs));
    EXPECT_EQ(s.pool().busy() + s.pool().queued() + s.pool().blocked(), 0);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace vmsim::net
