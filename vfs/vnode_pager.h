// vfs/vnode_pager.h: files as backing store of memory.
//
// Reading, generic style: one call makes at most one disk request. It takes the pages asked for and
// as many neighbours, that are not resident, as the caller would like, the file's blocks continue on
// the disk, and maxphys allows:
//
//     resident    . . # . . m m . . . #         asked for: m m, 3 behind, 8 ahead
//     request           - - m m - - -           neighbours end at resident pages (#)
//
// A page that reaches over the end of the file is valid up to the end, and filled with zeros when
// somebody asks for it. Holes are zeros, without any I/O. Files whose blocks are smaller than a page
// are read a block at a time, one after the other, through sf_bufs (small-block style); with
// PagerStyle::kBuffer pages are read through buffers, whole blocks and nothing around them.
//
// Writing: dirty sectors go out in runs through the file system's write (vfs/file_ops.h), with
// buffers. Their dirty bits are cleared when a write is queued: so a result is kOk, not kPend, for
// an asynchronous write that is still under way.
//
// Differences, with their reasons: hints are 0 where no neighbour was read (the kernel leaves the
// caller's wish on some paths); a call with a completion callback always calls it exactly once; a
// synchronous write that fails leaves its pages dirty, as if the file system checked its result
// (UFS does not), so that it shows as kError.
//
// Model: FreeBSD sys/vm/vnode_pager.c (vnode_pager_haspage, vnode_pager_generic_getpages,
// vnode_pager_generic_getpages_done, vnode_pager_input_smlfs, vnode_pager_putpages,
// vnode_pager_generic_putpages, vnode_pager_setsize, vnode_pager_purge_range), sys/kern/vfs_bio.c
// (vfs_bio_getpages), vm_pager.c (vm_pager_get_pages); VOP_GETPAGES(9).
#ifndef VMSIM_VFS_VNODE_PAGER_H_
#define VMSIM_VFS_VNODE_PAGER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "vfs/buf.h"
#include "vfs/file_device.h"
#include "vfs/file_stats.h"
#include "vfs/vnode.h"
#include "vm/pager.h"
#include "vm/sf_buf.h"
#include "vm/vm_system.h"

namespace vmsim::vfs {

class FileOps;

// In the middle of a run of pages: this one is valid already and not to be touched (bogus_page).
inline constexpr vm::FrameIndex kBogusFrame = vm::kNoFrame - 1;

// The end of an asynchronous read: 0 or an errno, for the pages that were asked for. They are still
// exclusively busied, and the callee's to unbusy or free. With an error they are invalid.
using GetPagesDone = void (*)(void* context, uint64_t argument,
                              std::span<const vm::FrameIndex> pages, int error);

// Who owns the vnodes.
class VnodeOwner {
 public:
  virtual ~VnodeOwner() = default;
  // The last reference to a file's object went, and with it its pages.
  virtual void Reclaim(Vnode& vnode) = 0;
};

class VnodePager final : public vm::Pager {
 public:
  struct Parts {
    sim::Engine& engine;
    vm::VmSystem& vm;
    FileDevice& device;
    BufferCache& bufs;
    vm::SfBufs& sf_bufs;
    FileStats& stats;
    VnodeOwner& owner;
  };
  explicit VnodePager(const Parts& parts);
  void set_file_ops(FileOps* ops) { ops_ = ops; }

  // Ties an object of type kVnode to its vnode.
  void Attach(Vnode& vnode, vm::Object& object);
  Vnode& VnodeOf(const vm::Object& object) const { return *vnodes_[object.id]; }

  // vm::Pager. GetPages requires: the vnode is locked, shared or exclusively.
  sim::Task<vm::PagerResult> GetPages(vm::Object& object, std::span<const vm::FrameIndex> pages,
                                      int* behind, int* ahead) override;
  sim::Task<void> PutPages(vm::Object& object, std::span<const vm::FrameIndex> pages, int flags,
                           std::span<vm::PagerResult> results) override;
  bool HasPage(const vm::Object& object, vm::Pindex pindex, int* before, int* after) const override;
  sim::Task<bool> LockForPageout(vm::Object& object) override;
  void UnlockAfterPageout(vm::Object& object) override;
  bool TryLockForFault(vm::Object& object) override;
  sim::Task<void> WaitLockForFault(vm::Object& object) override;
  void UnlockAfterFault(vm::Object& object) override;
  void PageStored(vm::Object& object, vm::Pindex pindex) override;
  void PageUnswapped(vm::Object& object, vm::Pindex pindex) override {}
  void Dealloc(vm::Object& object) override;

  // VOP_GETPAGES_ASYNC. `pages` as for GetPages, but interior ones may be kBogusFrame, and a page
  // that is partly valid may not be the last. Reads no neighbours behind. Returns kOk when the read
  // was started, or was not needed; done(context, argument, pages, errno) is called exactly once in
  // any case, maybe before this returns.
  sim::Task<vm::PagerResult> GetPagesAsync(vm::Object& object,
                                           std::span<const vm::FrameIndex> pages, int* ahead,
                                           GetPagesDone done, void* context, uint64_t argument);

  // VOP_GETPAGES and VOP_PUTPAGES as the manual page has them: what GetPages and PutPages call.
  // Vop results leave the last page's end invalid (GetPages zero-fills it).
  sim::Task<vm::PagerResult> VopGetPages(Vnode& vnode, std::span<const vm::FrameIndex> pages,
                                         int* behind, int* ahead);
  // `bytes` is the count of the pages in bytes; `flags` a sum of vm::PutFlags. Returns rtvals[0].
  sim::Task<vm::PagerResult> VopPutPages(Vnode& vnode, std::span<const vm::FrameIndex> pages,
                                         int64_t bytes, int flags,
                                         std::span<vm::PagerResult> rtvals);

  // vnode_pager_undirty_pages: what a write of `written` bytes from the start of `pages` on came to,
  // in a file that ends at `eof`; `lpos` is the end of the pages. The page that was begun is kAgain.
  void UndirtyPages(std::span<const vm::FrameIndex> pages, std::span<vm::PagerResult> rtvals,
                    int64_t written, int64_t eof, int64_t lpos);

  // vnode_pager_setsize: the pages of a file that has a new size. Requires: the vnode is locked
  // exclusively.
  sim::Task<void> SetSize(Vnode& vnode, int64_t size);
  // vnode_pager_purge_range: forgets [start, end) in bytes; end 0: to the end.
  sim::Task<void> PurgeRange(Vnode& vnode, int64_t start, int64_t end);

  // vm_page_set_valid_range: what is not covered of the first and last sector becomes zeros.
  void SetValidRange(vm::FrameIndex frame, int64_t base, int64_t bytes);
  // vm_page_zero_invalid: zeros for every invalid sector, and all of the page valid.
  void ZeroInvalid(Vnode& vnode, vm::FrameIndex frame);
  // vm_page_readahead_finish.
  void ReadAheadFinish(vm::FrameIndex frame);
  // Physical buffers for reads, and how many are in one.
  const vm::PbufPool& pbufs() const { return pbufs_; }
  int pbufs_held() const { return pbufs_held_; }
  // How long the read of the GetPages that returned last waited for the disk and was served.
  vm::ReadTimes last_read() const override { return last_read_; }

 private:
  friend struct VfsInvariantsTestPeer;

  struct Callback {
    GetPagesDone done = nullptr;
    void* context = nullptr;
    uint64_t argument = 0;
    void Call(std::span<const vm::FrameIndex> pages, int error) const {
      if (done != nullptr) done(context, argument, pages, error);
    }
  };
  // One request under way.
  struct Read {
    Vnode* vnode = nullptr;
    std::vector<vm::FrameIndex> pages;  // Consecutive; kBogusFrame in between.
    vm::Pindex first = 0;
    int first_requested = 0;  // Pages before it are read behind,
    int end_requested = 0;    // from it on read ahead.
    bool done = false;
    int error = 0;
    Callback callback;  // Without one somebody sleeps here.
    vm::ReadTimes times;
    sim::WaitChannel channel;  // "vnread", "vnsrd"
    uint32_t next_free = UINT32_MAX;
  };
  struct Window {
    Daddr sector = kHole;  // Of the first page asked for.
    int behind = 0;
    int ahead = 0;
  };

  LockType FaultLock(const Vnode& vnode) const;

  // vnode_getpages.cc.
  uint32_t TakeRead();
  void FreeRead(uint32_t read);
  sim::Task<vm::PagerResult> Generic(Vnode& vnode, std::span<const vm::FrameIndex> pages,
                                     int* behind, int* ahead, Callback callback);
  Window ChooseWindow(const Vnode& vnode, vm::Pindex first, int count, int behind, int ahead) const;
  void Fill(Vnode& vnode, Read& read, std::span<const vm::FrameIndex> pages, const Window& window);
  sim::Task<void> Start(uint32_t read, Daddr sector);
  static void OnRead(void* context, uint64_t read, int error, int64_t completed_bytes);
  void Complete(Read& read, int64_t completed_bytes);
  void FillTags(const Read& read, int64_t completed_bytes);
  sim::Task<vm::PagerResult> SmallBlocks(Vnode& vnode, std::span<const vm::FrameIndex> pages);
  sim::Task<int> ReadSmall(Vnode& vnode, vm::FrameIndex frame, int64_t address, Daddr sector);
  sim::Task<vm::PagerResult> Buffered(Vnode& vnode, std::span<const vm::FrameIndex> pages,
                                      int* behind, int* ahead);
  sim::Task<vm::PagerResult> BufferedRuns(Vnode& vnode, std::span<const vm::FrameIndex> pages);
  sim::Task<int> ReadBlocksOf(Vnode& vnode, vm::FrameIndex frame);

  // vnode_putpages.cc.
  sim::Task<vm::PagerResult> PutWhole(Vnode& vnode, std::span<const vm::FrameIndex> pages,
                                      int ioflags, std::span<vm::PagerResult> rtvals);
  int TrimAtEnd(Vnode& vnode, std::span<const vm::FrameIndex> pages, int64_t* bytes,
                std::span<vm::PagerResult> rtvals);
  sim::Task<int64_t> WriteRuns(Vnode& vnode, std::span<const vm::FrameIndex> pages, int64_t offset,
                               int64_t bytes, int ioflags);
  void SubpagePurge(Vnode& vnode, vm::FrameIndex frame, int64_t base, int64_t end);
  sim::Task<vm::FrameIndex> GrabResident(Vnode& vnode, vm::Pindex pindex);
  sim::Task<void> PurgePart(Vnode& vnode, vm::Pindex pindex, int64_t base, int64_t end);

  Parts p_;
  FileOps* ops_ = nullptr;
  int max_pages_;               // pages(maxphys)
  std::vector<Vnode*> vnodes_;  // By object.
  std::vector<std::unique_ptr<Read>> reads_;
  uint32_t free_read_ = UINT32_MAX;
  vm::PbufPool pbufs_;  // vnode_pbuf
  int pbufs_held_ = 0;
  vm::ReadTimes last_read_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_VNODE_PAGER_H_
