// vm/swap_pager.h: anonymous memory's backing store.
//
// A page goes out in a run of up to 32 (vm.dmmax) contiguous blocks that swp_pager_getswapspace
// finds on one device, a new block every time; the block it had before is freed. It comes in
// together with the neighbours that lie next to it both in the object and on the device.
//
//     PutPages --> write token --> blocks --> pbuf --> disk --> OnDone: clean, inactive
//     GetPages --> window --> neighbours' pages --> pbuf --> disk --> OnDone: valid, the faulter wakes
//
// There are four write tokens (vm.swap_async_max), one for each asynchronous write under way.
//
// A read page keeps its block until it is dirtied. Metadata is not touched on an I/O error: a
// failed read is tried again from the same block by the next fault; a failed write leaves the page
// dirty and active with its new block, which is given back when it is laundered again.
//
// A device that answers ENXIO is closed: no more blocks are taken from it.
//
// Differences, each with its reason: neighbours of a failed read are freed (15 leaves them busy for
// ever, later releases free them); a synchronous write does not give back an asynchronous token
// that it never took.
//
// Model: FreeBSD sys/vm/swap_pager.c (swap_pager_getpages_locked, swap_pager_putpages,
// swp_pager_async_iodone, swap_pager_haspage, swap_pager_unswapped, swap_pager_dealloc).
#ifndef VMSIM_VM_SWAP_PAGER_H_
#define VMSIM_VM_SWAP_PAGER_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/disk.h"
#include "sim/engine.h"
#include "sim/trace.h"
#include "sim/wait_channel.h"
#include "vm/config.h"
#include "vm/counters.h"
#include "vm/host.h"
#include "vm/object.h"
#include "vm/page_allocator.h"
#include "vm/pager.h"
#include "vm/reclaim.h"
#include "vm/swap_space.h"

namespace vmsim::vm {

// Physical buffers: an I/O holds one, whoever finds none waits (FreeBSD sys/vm/vm_pager.c, pbuf
// zones).
class PbufPool {
 public:
  explicit PbufPool(int count) : count_(count), free_(count) {}
  bool TryGet();
  // Sleeps until there is one.
  sim::Task<void> Get(sim::Engine& engine);
  void Put();
  int free() const { return free_; }
  int count() const { return count_; }

 private:
  int count_;
  int free_;
  sim::WaitChannel channel_;
};

class SwapPager final : public Pager {
 public:
  struct Parts {
    sim::Engine& engine;
    sim::Trace& trace;
    PageArray& pages;
    ObjectTable& objects;
    PageAllocator& allocator;
    VmCounters& counters;
    Host& host;
  };
  SwapPager(const Parts& parts, const Tunables& tunables, const Costs& costs, int cpus);
  void set_reclaim(Reclaim* reclaim) { reclaim_ = reclaim; }

  // Adds `size_pages` pages of `disk` from byte `offset` on; returns the device's index. The first
  // two pages stay unused, as a disk label would. Requires: space().CanSwapOn of the size.
  int SwapOn(sim::Disk& disk, int64_t offset, uint32_t size_pages);
  bool configured() const { return space_.devices_on() > 0; }
  // swapoff (vm/swapoff.h): closes the device; and when nothing on it is in use, removes it.
  void BeginSwapOff(int device) { space_.BeginSwapOff(device); }
  void FinishSwapOff(int device) { space_.FinishSwapOff(device); }
  // Adds the area of a removed device again, under a new index, which is returned.
  int SwapOnAgain(int device);

  sim::Task<PagerResult> GetPages(Object& object, std::span<const FrameIndex> pages, int* behind,
                                  int* ahead) override;
  sim::Task<void> PutPages(Object& object, std::span<const FrameIndex> pages, int flags,
                           std::span<PagerResult> results) override;
  bool HasPage(const Object& object, Pindex pindex, int* before, int* after) const override;
  void PageUnswapped(Object& object, Pindex pindex) override;
  void Dealloc(Object& object) override;
  // Frees the blocks of [start, start + count) (swap_pager_freespace).
  void FreeRange(Object& object, Pindex start, uint32_t count);
  // Moves the blocks of `from` that lie in [offset, offset + size of `to`) to `to`, which keeps
  // what it has already. With `destroy_source` the rest of them is freed (swap_pager_copy).
  void Copy(Object& from, Object& to, Pindex offset, bool destroy_source);

  const SwapSpace& space() const { return space_; }
  const SwapMeta& meta() const { return meta_; }

  // Asynchronous writes that may still be started, of so many at once.
  int write_tokens() const { return write_tokens_; }
  int max_write_tokens() const { return max_write_tokens_; }

  // One transfer under way: from when its pages are marked until it is done.
  struct Transfer {
    ObjectId object;
    SwapBlock block;
    bool write;
    bool async;
    bool submitted;  // It has a physical buffer, and its disk knows of it.
    std::span<const FrameIndex> pages;
  };
  int transfers() const { return transfers_; }
  // Calls visit(transfer) for each.
  template <typename Visit>
  void ForEachTransfer(Visit visit) const;
  const PbufPool& read_pbufs() const { return read_pbufs_; }
  const PbufPool& write_pbufs() const { return write_pbufs_; }
  int devices() const { return static_cast<int>(devices_.size()); }
  const sim::Disk& disk(int device) const { return *devices_[device].disk; }
  // The wait for a physical buffer counts as one in the queue.
  ReadTimes last_read() const override { return last_read_; }

 private:
  friend struct InvariantsTestPeer;  // Plants defects.

  // A write is a cluster at most; a read, one page with as many neighbours on each side.
  static constexpr int kMaxTransfer = 2 * kMaxPageoutCluster;

  enum class IoState : uint8_t { kFree, kBuilt, kSubmitted, kDone };

  // One transfer: `pages` are consecutive in the object, `block` holds the first.
  struct Io {
    ObjectId object;
    SwapBlock block;
    int count;
    int first_requested;  // Reads: pages before it are read behind,
    int end_requested;    // from it on read ahead.
    bool write;
    bool async;
    IoState state;
    int error;
    sim::SimTime built;           // Ready to be submitted.
    sim::SimDuration queue_ns;    // From then on until the device took it,
    sim::SimDuration service_ns;  // and until it was done.
    uint32_t next_free;
    std::array<FrameIndex, kMaxTransfer> pages;
  };
  struct Device {
    sim::Disk* disk;
    int64_t offset;
  };

  uint32_t TakeIo(const Object& object, int count);
  void FreeIo(uint32_t io);
  void Submit(uint32_t io);
  static void OnDone(void* context, uint64_t io, int error, int64_t completed_bytes);
  void NoteTransfer(Io& io, int64_t completed_bytes);
  void Complete(Io& io);
  void CompleteRead(const Io& io, int i);
  void CompleteWrite(const Io& io, int i);
  int GrowBehind(Object& object, Io& io, int wanted);
  int GrowAhead(Object& object, Io& io, int wanted);
  bool TryTakeWriteToken();
  sim::Task<void> TakeWriteToken();
  void PutWriteToken();
  int EnterBlocks(Object& object, std::span<const FrameIndex> pages, SwapSpace::Extent extent,
                  int done, SwapFreeRange& displaced);
  sim::Task<int> PutCluster(Object& object, std::span<const FrameIndex> pages, bool async,
                            std::span<PagerResult> results, SwapFreeRange& displaced);
  sim::Task<void> Write(Object& object, std::span<const FrameIndex> pages, SwapBlock block,
                        bool async);

  Parts p_;
  const Costs& costs_;
  int hz_;
  Reclaim* reclaim_ = nullptr;
  SwapParams params_;
  SwapSpace space_;
  SwapMeta meta_;
  std::vector<Device> devices_;
  PbufPool read_pbufs_;
  PbufPool write_pbufs_;
  int max_write_tokens_;
  int write_tokens_;
  int transfers_ = 0;               // Built or submitted.
  sim::WaitChannel token_channel_;  // "swpwait"
  sim::WaitChannel sync_channel_;   // "wswbuf": synchronous writes.
  std::vector<Io> ios_;
  uint32_t free_io_ = UINT32_MAX;
  ReadTimes last_read_;
};

template <typename Visit>
void SwapPager::ForEachTransfer(Visit visit) const {
  for (const Io& io : ios_) {
    if (io.state != IoState::kBuilt && io.state != IoState::kSubmitted) continue;
    visit(Transfer{io.object, io.block, io.write, io.async, io.state == IoState::kSubmitted,
                   std::span(io.pages).first(static_cast<size_t>(io.count))});
  }
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SWAP_PAGER_H_
