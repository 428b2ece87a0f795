// vm/page.h: one physical page as a row.
//
// A frame is a 32-bit index into a dense array of these 24-byte rows. Everything that a fault or a
// scan touches of a page is in its row, but for the queue links: they stand in an array of their
// own (vm/page_array.h), so that a walk along a queue is not held up by the rows that it passes.
// See vm/page_queues.h for what the queue fields mean.
//
// Model: FreeBSD sys/vm/vm_page.h, struct vm_page and vm_page_astate.
#ifndef VMSIM_VM_PAGE_H_
#define VMSIM_VM_PAGE_H_

#include <cstdint>

namespace vmsim::vm {

using FrameIndex = uint32_t;
using ObjectId = uint32_t;
using Pindex = uint32_t;  // Page index within an object: offset / 4096.

inline constexpr FrameIndex kNoFrame = UINT32_MAX;
inline constexpr ObjectId kNoObject = UINT32_MAX;
inline constexpr int64_t kPageSize = 4096;
inline constexpr int kPageShift = 12;
// Frame numbers have 28 bits in a page-table entry: 1 TiB of memory.
inline constexpr uint32_t kMaxFrames = (1u << 28) - 1;

// The logical queue of a page (a.queue). The numbers are the kernel's.
enum class QueueId : uint8_t {
  kInactive = 0,
  kActive = 1,
  kLaundry = 2,
  kUnswappable = 3,
  kNone = 255
};
inline constexpr int kQueueCount = 4;

// act_count: how recently and how often a page was referenced.
inline constexpr int kActDecline = 1;
inline constexpr int kActAdvance = 3;
inline constexpr int kActInit = 5;
inline constexpr int kActMax = 64;

// One valid and one dirty bit for each 512-byte block.
inline constexpr uint8_t kPageBitsAll = 0xff;

// a.flags (PGA_*).
enum PageAFlags : uint8_t {
  kPgaWriteable = 0x01,    // A writable mapping may exist.
  kPgaReferenced = 0x02,   // A reference remembered outside the page tables.
  kPgaEnqueued = 0x04,     // Linked in the list of a.queue.
  kPgaDequeue = 0x08,      // Pending: remove from the queue.
  kPgaRequeue = 0x10,      // Pending: (re)insert at the tail.
  kPgaRequeueHead = 0x20,  // Pending: insert at the no-reuse point of the inactive queue.
  kPgaSwapFree = 0x40,     // The swap block is stale: free it when the object is next at hand.
  kPgaSwapSpace = 0x80,    // The page's object owns a swap block for it.
};
inline constexpr uint8_t kPgaQueueOpMask = kPgaDequeue | kPgaRequeue | kPgaRequeueHead;

// oflags (VPO_*).
enum PageOFlags : uint8_t {
  kVpoUnmanaged = 0x04,   // Not pageable, never queued.
  kVpoSwapInProg = 0x08,  // Swap I/O on the page is under way.
  kVpoSwapSleep = 0x10,   // Someone waits for that I/O.
  kVpoNoSync = 0x20,      // The syncer skips the page while it is dirty (PGA_NOSYNC).
};

// busy: 0 unbusied, 1..kBusyMaxShared sharers, kBusyExclusive, kBusyFreed; plus kBusyWaiters.
inline constexpr uint16_t kUnbusied = 0;
inline constexpr uint16_t kBusyMaxShared = 0x7ff0;
inline constexpr uint16_t kBusyExclusive = 0x7ffe;
inline constexpr uint16_t kBusyFreed = 0x7fff;
inline constexpr uint16_t kBusyWaiters = 0x8000;

struct Page {
  ObjectId object = kNoObject;  // Owner, kNoObject when free.
  Pindex pindex = 0;            // Index in the owner; link of the free list when free.
  uint32_t mappings = 0;        // Reverse mapping: see vm/page_tables.h. 0: not mapped.
  uint16_t wire_count = 0;
  uint16_t busy = kBusyFreed;
  QueueId queue = QueueId::kNone;
  uint8_t act_count = 0;
  uint8_t aflags = 0;
  uint8_t oflags = 0;
  uint8_t valid = 0;
  uint8_t dirty = 0;
  uint16_t reserved = 0;

  bool wired() const { return wire_count != 0; }
  bool has(PageAFlags flag) const { return (aflags & flag) != 0; }
  bool fully_valid() const { return valid == kPageBitsAll; }
  // vm_page_queue: a page with a pending dequeue is as good as gone.
  QueueId effective_queue() const { return has(kPgaDequeue) ? QueueId::kNone : queue; }
  // vm_page_in_laundry: true for the unswappable queue too.
  bool in_laundry() const {
    const QueueId q = effective_queue();
    return q == QueueId::kLaundry || q == QueueId::kUnswappable;
  }
  bool inactive() const { return effective_queue() == QueueId::kInactive; }
  bool active() const { return effective_queue() == QueueId::kActive; }
};
static_assert(sizeof(Page) == 24);

// Where a row stands in its list: rows of the page array, pages or markers.
struct PageLinks {
  uint32_t next = 0;
  uint32_t prev = 0;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGE_H_
