// Vectors freebsd-sfbuf: lists of operations on a pool of sf_bufs, of a machine without a direct
// map, with what other threads did each time an allocation slept.
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/check.h"
#include "sim/engine.h"
#include "sim/task.h"
#include "sim/wait_channel.h"
#include "tests/conformance.h"
#include "vm/page_array.h"
#include "vm/sf_buf.h"

namespace vmsim::vm {

// What threads cannot do.
struct SfBufTestPeer {
  // A wakeup that no free buffer caused, which every sleeper has to stand.
  static void WakeForNothing(SfBufs& sf_bufs) { sf_bufs.channel_.WakeAll(); }
  // A processor goes through the address of a buffer, allocated or not.
  static void SetAccessed(SfBufs& sf_bufs, SfBufIndex buf) { sf_bufs.pool_.SetAccessed(buf); }
};

}  // namespace vmsim::vm

namespace vmsim::tests {
namespace {

constexpr int64_t kMostCpus = 64;  // A mask of them is one number.
constexpr uint32_t kPages = 1u << 16;

Json Number(vm::SfBufIndex index) { return index == vm::kNoSfBuf ? Json(-1) : Json(index); }

uint64_t Mask(const vm::CpuSet& cpus) {
  uint64_t mask = 0;
  cpus.ForEach([&mask](int cpu) { mask |= uint64_t{1} << cpu; });
  return mask;
}

// Writes down what happens, in the vectors' words.
class Recorder : public vm::SfBufObserver {
 public:
  void OnSleep(int priority, bool interruptible) override {
    events_.push_back({"sleep", priority, int{interruptible}});
  }
  void OnWakeup() override { events_.push_back(Json::array({"wakeup"})); }
  void OnMap(vm::SfBufIndex buf, vm::FrameIndex page, bool was_used) override {
    events_.push_back({"map", buf, page, int{was_used}});
  }
  void OnInvalidate(int cpu, vm::SfBufIndex buf) override { events_.push_back({"inv", cpu, buf}); }
  void OnShootdown(int, vm::SfBufIndex buf, const vm::CpuSet& others) override {
    events_.push_back({"shoot", buf, Mask(others)});
  }
  void OnQenter(vm::SfBufIndex buf, vm::FrameIndex page) override {
    events_.push_back({"qenter", buf, page});
  }
  void OnCacheInvalidate(vm::SfBufIndex buf) override { events_.push_back({"cacheinv", buf}); }

  Json Take() { return std::exchange(events_, Json::array()); }

 private:
  Json events_ = Json::array();
};

// A machine with one thread on each CPU, which allocates when it is told to.
class SfBufMachine {
 public:
  SfBufMachine(int cpus, uint32_t nsfbufs)
      : engine_({.cpus = cpus, .context_switch_ns = 0}),
        pages_(kPages),
        sf_bufs_(engine_, pages_, {.nsfbufs = nsfbufs, .costs = {0, 0}}, &recorder_) {
    for (vm::FrameIndex frame = 0; frame < kPages; ++frame) pages_[frame].wire_count = 1;
    for (int cpu = 0; cpu < cpus; ++cpu) {
      workers_.push_back(std::make_unique<Worker>());
      workers_[cpu]->thread = engine_.Spawn("worker", sim::kPriorityUser, Work(*workers_[cpu]));
    }
    engine_.Run();
  }
  ~SfBufMachine() { engine_.DestroyThreads(); }

  const vm::SfBufPool& pool() const { return sf_bufs_.pool(); }

  // "", or where operation `index` and the record part.
  std::string Run(size_t index, const Json& op) {
    const std::string what = op.at(0);
    std::string difference;
    if (what == "a") {
      difference = RowDifference(index, op, 5, WithTail(Json::array({Alloc(op)})));
    } else if (what == "f") {
      sf_bufs_.Free(Natural(op.at(1)));
      difference = RowDifference(index, op, 2, WithTail(Json::array()));
    } else if (what == "ref") {
      sf_bufs_.Ref(Natural(op.at(1)));
      difference = RowDifference(index, op, 2, WithTail(Json::array()));
    } else if (what == "ic") {
      const bool found = sf_bufs_.InvalidateCache(Natural(op.at(1)));
      difference = RowDifference(index, op, 2, WithTail(Json::array({int{found}})));
    } else if (what == "t") {
      vm::SfBufTestPeer::SetAccessed(sf_bufs_, Natural(op.at(1)));
    } else {
      throw BadVector(absl::StrCat("row ", index, ": unknown operation ", what));
    }
    if (difference.empty()) sf_bufs_.CheckInvariants();
    return difference;
  }

  // The free list, and the buffers.
  Json Final() const {
    Json freelist = Json::array(), bufs = Json::array();
    for (vm::SfBufIndex i = pool().free_head(); i != vm::kNoSfBuf; i = pool().buf(i).next_free) {
      freelist.push_back(i);
    }
    for (vm::SfBufIndex i = 0; i < pool().size(); ++i) {
      const vm::SfBuf& buf = pool().buf(i);
      bufs.push_back({Number(buf.page), buf.ref_count, Mask(buf.cpumask)});
    }
    return {{"freelist", freelist}, {"bufs", bufs}};
  }

 private:
  struct Worker {
    sim::Thread* thread = nullptr;
    sim::WaitChannel told;
    vm::FrameIndex page = 0;
    uint32_t flags = 0;
    int cpu = 0;  // Where it allocated.
    bool done = false;
    vm::SfBufIndex got = vm::kNoSfBuf;
  };

  static uint32_t Natural(const Json& value) {
    return static_cast<uint32_t>(Int(value, 0, kPages - 1));
  }

  sim::Task<void> Work(Worker& worker) {
    for (;;) {
      co_await worker.told.Sleep(engine_, sim::kPriorityUser, "idle");
      worker.cpu = engine_.current_cpu();
      worker.got = co_await sf_bufs_.Alloc(worker.page, worker.flags);
      worker.done = true;
    }
  }

  // The buffer got, or in words why there is none to compare.
  Json Alloc(const Json& op) {
    const int cpu = static_cast<int>(Int(op.at(3), 0, engine_.config().cpus - 1));
    Worker& worker = *workers_[cpu];
    worker.page = Natural(op.at(1));
    worker.flags = static_cast<uint32_t>(Int(op.at(2), 0, 7));
    worker.done = false;
    worker.told.WakeAll();
    engine_.Run();
    for (const Json& others : op.at(4)) {
      if (worker.done) return "did not sleep as often";
      if (const std::string wrong = WhileItSleeps(worker, cpu, others); !wrong.empty())
        return wrong;
      engine_.Run();
    }
    if (!worker.done) return "sleeps once more";
    CHECK_EQ(worker.cpu, cpu, "the engine moved a worker");
    return Number(worker.got);
  }

  // What other threads do while `worker` sleeps; then it wakes.
  std::string WhileItSleeps(Worker& worker, int cpu, const Json& others) {
    const std::string what = others.at(0);
    if (what == "signal") {
      if (Int32(others.at(1)) == 0) throw BadVector("a signal without an error");
      engine_.Interrupt(worker.thread);
      return "";
    }
    if (what == "free") {
      sf_bufs_.Free(Natural(others.at(1)));
    } else if (what == "race") {
      sf_bufs_.Free(Natural(others.at(1)));
      const vm::SfBufGrant grant = sf_bufs_.TryAlloc(Natural(others.at(2)), vm::kSfbNoWait, cpu);
      const std::string wrong = Difference("race", others.at(3), Number(grant.buf));
      if (!wrong.empty()) return wrong;
      sf_bufs_.Free(Natural(others.at(4)));
    } else if (what != "spurious") {
      throw BadVector(absl::StrCat("unknown in a script: ", what));
    }
    vm::SfBufTestPeer::WakeForNothing(sf_bufs_);
    return "";
  }

  Json WithTail(Json result) {
    const vm::SfBufStats& stats = sf_bufs_.stats();
    result.push_back(recorder_.Take());
    for (int64_t value : {stats.nsfbufsused, stats.nsfbufspeak, stats.sf_allocwait}) {
      result.push_back(value);
    }
    return result;
  }

  sim::Engine engine_;
  vm::PageArray pages_;
  Recorder recorder_;
  std::vector<std::unique_ptr<Worker>> workers_;
  vm::SfBufs sf_bufs_;
};

}  // namespace

std::string RunSfbuf(const Json& vector) {
  SfBufMachine machine(static_cast<int>(Int(vector.at("ncpus"), 1, kMostCpus)),
                       static_cast<uint32_t>(Int(vector.at("nsfbufs"), 1, vm::kMaxSfBufs)));
  std::string difference =
      Difference("hashmask", vector.at("hashmask"), machine.pool().hash_mask());
  size_t index = 0;
  for (const Json& op : vector.at("ops")) {
    if (!difference.empty()) return difference;
    difference = machine.Run(index++, op);
  }
  if (!difference.empty()) return difference;
  return Difference("final", vector.at("final"), machine.Final());
}

}  // namespace vmsim::tests
