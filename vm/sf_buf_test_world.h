// vm/sf_buf_test_world.h: a machine with sf_bufs and nothing else, for their tests.
//
// All pages are wired. Context switches cost nothing. Threads are named after what they are for.
#ifndef VMSIM_VM_SF_BUF_TEST_WORLD_H_
#define VMSIM_VM_SF_BUF_TEST_WORLD_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "vm/page_array.h"
#include "vm/sf_buf.h"

namespace vmsim::vm {

class SfBufWorld {
 public:
  static constexpr uint32_t kFrames = 64;

  // One allocation by a thread of its own.
  struct Call {
    std::string name;
    FrameIndex page;
    uint32_t flags;
    sim::Thread* thread = nullptr;
    bool done = false;
    SfBufIndex got = kNoSfBuf;
    int cpu = -1;  // Where it ended.
  };

  SfBufWorld(int cpus, const SfBufConfig& config, SfBufObserver* observer = nullptr)
      : engine_({.cpus = cpus, .context_switch_ns = 0}),
        pages_(kFrames),
        sf_bufs_(engine_, pages_, config, observer) {
    for (FrameIndex frame = 0; frame < kFrames; ++frame) pages_[frame].wire_count = 1;
  }
  ~SfBufWorld() { engine_.DestroyThreads(); }

  // A pool of `nsfbufs` in which dropping translations costs nothing.
  static SfBufConfig Pool(uint32_t nsfbufs) { return {.nsfbufs = nsfbufs, .costs = {0, 0}}; }

  sim::Engine& engine() { return engine_; }
  PageArray& pages() { return pages_; }
  SfBufs& bufs() { return sf_bufs_; }
  // Calls that have returned, in that order.
  const std::vector<const Call*>& returned() const { return returned_; }

  // Starts an allocation; Run() runs it until it returns or sleeps.
  Call* Start(std::string name, FrameIndex page, uint32_t flags = 0) {
    calls_.push_back(std::make_unique<Call>(Call{std::move(name), page, flags}));
    Call* call = calls_.back().get();
    call->thread = engine_.Spawn(call->name, sim::kPriorityUser, Body(*call));
    return call;
  }
  void Run() { engine_.Run(); }
  // The latest call of that name; null if there is none.
  Call* Find(const std::string& name) {
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
      if ((*call)->name == name) return call->get();
    }
    return nullptr;
  }

  // The free list, head first: "0 2 1".
  std::string FreeList() const {
    std::string text;
    const SfBufPool& pool = sf_bufs_.pool();
    for (SfBufIndex i = pool.free_head(); i != kNoSfBuf; i = pool.buf(i).next_free) {
      text += (text.empty() ? "" : " ") + std::to_string(i);
    }
    return text;
  }

 private:
  sim::Task<void> Body(Call& call) {
    call.got = co_await sf_bufs_.Alloc(call.page, call.flags);
    call.cpu = engine_.current_cpu();
    call.done = true;
    returned_.push_back(&call);
  }

  sim::Engine engine_;
  PageArray pages_;
  SfBufs sf_bufs_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<const Call*> returned_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SF_BUF_TEST_WORLD_H_
