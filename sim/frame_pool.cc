#include "sim/frame_pool.h"

#if VMSIM_POOL_FRAMES

#include <utility>

namespace vmsim::sim::frame_pool_internal {
namespace {

constinit thread_local bool ended = false;

// Its end is the end of the host thread. Frames freed later still (by the destructors of statics)
// go to the heap one by one.
struct Cleaner {
  void Start() { free_lists.in_use = true; }
  ~Cleaner() {
    ended = true;
    free_lists.in_use = false;
    for (FreeFrameNode*& head : free_lists.heads) {
      while (head != nullptr) ::operator delete(std::exchange(head, head->next));
    }
  }
};
thread_local Cleaner cleaner;

}  // namespace

void* AllocateFromHeap(size_t size) { return ::operator new(size); }

void FreeSlow(void* frame, size_t size) {
  if (SizeClass(size) >= kClasses || ended) {
    ::operator delete(frame);
    return;
  }
  cleaner.Start();  // Its first use arranges for its end.
  FreeFrame(frame, size);
}

}  // namespace vmsim::sim::frame_pool_internal

#endif  // VMSIM_POOL_FRAMES
