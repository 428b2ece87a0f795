// sim/frame_pool.h: memory for coroutine frames.
//
// A fault allocates and frees a few frames of a few hundred bytes each, always of the same sizes,
// so frames come from free lists by size class, one set a host thread: a list is popped and pushed
// without a call. A frame may be freed on another host thread than the one that allocated it (a
// machine handed from one Python thread to another); it then belongs to the other's lists. Lists go
// back to the heap when their host thread ends.
//
// Under AddressSanitizer every frame is an allocation of its own, so that a dangling one is caught.
#ifndef VMSIM_SIM_FRAME_POOL_H_
#define VMSIM_SIM_FRAME_POOL_H_

#include <cstddef>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define VMSIM_POOL_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VMSIM_POOL_FRAMES 0
#endif
#endif
#ifndef VMSIM_POOL_FRAMES
#define VMSIM_POOL_FRAMES 1
#endif

namespace vmsim::sim {

#if VMSIM_POOL_FRAMES

namespace frame_pool_internal {

inline constexpr size_t kClassBytes = 64;
inline constexpr size_t kClasses = 32;  // Frames below 2 KiB; larger ones go to the heap.

struct FreeFrameNode {
  FreeFrameNode* next;
};

// Constant at the start and trivial at the end, so that an access is one instruction.
struct FreeLists {
  FreeFrameNode* heads[kClasses];
  bool in_use;  // The end of the host thread will clear the lists, and has not yet.
};
inline constinit thread_local FreeLists free_lists{};

inline constexpr size_t SizeClass(size_t size) { return (size + kClassBytes - 1) / kClassBytes; }

void* AllocateFromHeap(size_t size);
// Frees a frame that no list takes, or the first of a host thread.
void FreeSlow(void* frame, size_t size);

}  // namespace frame_pool_internal

inline void* AllocateFrame(size_t size) {
  using namespace frame_pool_internal;
  const size_t size_class = SizeClass(size);
  if (__builtin_expect(size_class >= kClasses, 0)) return AllocateFromHeap(size);
  FreeFrameNode*& head = free_lists.heads[size_class];
  FreeFrameNode* node = head;
  if (__builtin_expect(node == nullptr, 0)) return AllocateFromHeap(size_class * kClassBytes);
  head = node->next;
  return node;
}

inline void FreeFrame(void* frame, size_t size) {
  using namespace frame_pool_internal;
  const size_t size_class = SizeClass(size);
  if (__builtin_expect(size_class >= kClasses || !free_lists.in_use, 0)) {
    FreeSlow(frame, size);
    return;
  }
  FreeFrameNode*& head = free_lists.heads[size_class];
  head = new (frame) FreeFrameNode{head};
}

#else

inline void* AllocateFrame(size_t size) { return ::operator new(size); }
inline void FreeFrame(void* frame, size_t) { ::operator delete(frame); }

#endif

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_FRAME_POOL_H_
