#include "vm/swap_pager.h"

#include <algorithm>

#include "vm/trace_types.h"

namespace vmsim::vm {
namespace {

constexpr uint32_t kNoIo = UINT32_MAX;
constexpr sim::SimDuration kSlowRead = 20 * sim::kSecond;

// nswbuf of kern_vfs_bio_buffer_alloc for a machine of this size.
int SwapBuffers(uint32_t frames, int cpus) {
  const int64_t kb = int64_t{frames} * (kPageSize / 1024);
  int64_t nbuf = 50;
  if (kb > 4096) nbuf += std::min<int64_t>((kb - 4096) / 64, 1024);
  if (kb > 65536) nbuf += std::min<int64_t>((kb - 65536) * 2 / 320, 104857);
  return static_cast<int>(std::max<int64_t>(16, std::min<int64_t>(nbuf / 4, 32 * int64_t{cpus})));
}

}  // namespace

sim::Task<void> PbufPool::Get(sim::Engine& engine) {
  while (free_ == 0) co_await channel_.Sleep(engine, sim::kPriorityDaemon, "pbufwait");
  --free_;
}

bool PbufPool::TryGet() {
  if (free_ == 0) return false;
  --free_;
  return true;
}

void PbufPool::Put() {
  ++free_;
  channel_.WakeOne();
}

SwapPager::SwapPager(const Parts& parts, const Tunables& tunables, const Costs& costs, int cpus)
    : p_(parts),
      costs_(costs),
      hz_(tunables.hz),
      params_(ComputeSwapParams(tunables.maxphys, parts.pages.frames(),
                                static_cast<uint64_t>(tunables.maxswzone))),
      read_pbufs_(SwapBuffers(parts.pages.frames(), cpus) / 2),
      write_pbufs_(SwapBuffers(parts.pages.frames(), cpus) / 4),
      max_write_tokens_(tunables.swap_async_max),
      write_tokens_(tunables.swap_async_max) {
  meta_.limit = params_.meta_records;
}

int SwapPager::SwapOn(sim::Disk& disk, int64_t offset, uint32_t size_pages) {
  const int index = space_.SwapOn(uint64_t{size_pages} * (kPageSize / kDevBsize));
  CHECK_EQ(index, static_cast<int>(devices_.size()));
  devices_.push_back({&disk, offset});
  return index;
}

int SwapPager::SwapOnAgain(int device) {
  const Device again = devices_[device];
  return SwapOn(*again.disk, again.offset, space_.device(device).nblks());
}

bool SwapPager::HasPage(const Object& object, Pindex pindex, int* before, int* after) const {
  const SwapBlocks::Neighbours n = object.swap.HasPage(pindex);
  *before = n.before;
  *after = n.after;
  return n.present;
}

void SwapPager::PageUnswapped(Object& object, Pindex pindex) {
  object.swap.FreeRange(meta_, space_, pindex, 1);
}

void SwapPager::Dealloc(Object& object) { object.swap.FreeAll(meta_, space_); }

void SwapPager::FreeRange(Object& object, Pindex start, uint32_t count) {
  object.swap.FreeRange(meta_, space_, start, count);
}

void SwapPager::Copy(Object& from, Object& to, Pindex offset, bool destroy_source) {
  if (!from.swap.empty()) {
    from.swap.Transfer(meta_, space_, to.swap, offset, to.size);
    if (!to.swap.empty() && to.type == ObjectType::kDefault) to.type = ObjectType::kSwap;
  }
  if (destroy_source) from.swap.FreeAll(meta_, space_);
}

uint32_t SwapPager::TakeIo(const Object& object, int count) {
  uint32_t index = free_io_;
  if (index == kNoIo) {
    index = static_cast<uint32_t>(ios_.size());
    ios_.emplace_back();
  } else {
    free_io_ = ios_[index].next_free;
  }
  Io& io = ios_[index];
  io.object = object.id;
  io.count = count;
  io.write = io.async = false;
  io.state = IoState::kBuilt;
  io.error = 0;
  io.queue_ns = io.service_ns = 0;
  ++transfers_;
  return index;
}

void SwapPager::FreeIo(uint32_t io) {
  ios_[io].state = IoState::kFree;
  ios_[io].next_free = free_io_;
  free_io_ = io;
}

// Pages before the requested ones, nearest first, until `wanted`, a resident neighbour or no
// memory. They are collected from the array's end downwards by the caller's layout: here they are
// prepended.
int SwapPager::GrowBehind(Object& object, Io& io, int wanted) {
  const Pindex first = p_.pages[io.pages[0]].pindex;
  int got = 0;
  std::array<FrameIndex, kMaxPageoutCluster> behind;
  while (got < wanted) {
    const Pindex pindex = first - static_cast<Pindex>(got) - 1;
    if (object.frames[pindex] != 0) break;
    const FrameIndex frame = p_.allocator.Alloc(object, pindex, AllocClass::kNormal);
    if (frame == kNoFrame) break;
    p_.pages[frame].oflags |= kVpoSwapInProg;
    behind[got++] = frame;
  }
  std::copy_backward(io.pages.begin(), io.pages.begin() + io.count,
                     io.pages.begin() + io.count + got);
  std::reverse_copy(behind.begin(), behind.begin() + got, io.pages.begin());
  io.count += got;
  return got;
}

int SwapPager::GrowAhead(Object& object, Io& io, int wanted) {
  const Pindex last = p_.pages[io.pages[io.count - 1]].pindex;
  int got = 0;
  while (got < wanted) {
    const Pindex pindex = last + static_cast<Pindex>(got) + 1;
    if (object.frames[pindex] != 0) break;
    const FrameIndex frame = p_.allocator.Alloc(object, pindex, AllocClass::kNormal);
    if (frame == kNoFrame) break;
    p_.pages[frame].oflags |= kVpoSwapInProg;
    io.pages[io.count++] = frame;
    ++got;
  }
  return got;
}

sim::Task<PagerResult> SwapPager::GetPages(Object& object, std::span<const FrameIndex> pages,
                                           int* behind, int* ahead) {
  const int count = static_cast<int>(pages.size());
  const FrameIndex first = pages[0];
  if ((object.flags & (kObjDead | kObjSplit)) != 0) *behind = *ahead = 0;
  const SwapBlocks::Neighbours n =
      object.swap.HasPage(p_.pages[first].pindex, *behind, *ahead + count - 1);
  if (!n.present) co_return PagerResult::kFail;
  CHECK_LE(count - 1, n.after, "object=", object.id);
  const uint32_t index = TakeIo(object, count);
  {
    Io& io = ios_[index];
    std::copy(pages.begin(), pages.end(), io.pages.begin());
    for (const FrameIndex frame : pages) p_.pages[frame].oflags |= kVpoSwapInProg;
    *behind = GrowBehind(object, io, std::min(*behind, n.before));
    *ahead = GrowAhead(object, io, std::min(*ahead, n.after - (count - 1)));
    io.first_requested = *behind;
    io.end_requested = *behind + count;
    object.PipAdd(io.count);
    io.block = object.swap.Lookup(p_.pages[io.pages[0]].pindex);
  }
  co_await p_.engine.Consume(costs_.swap_io_setup_ns);
  ios_[index].built = p_.engine.now();
  if (!read_pbufs_.TryGet()) co_await read_pbufs_.Get(p_.engine);
  ++p_.counters.v_swapin;
  p_.counters.v_swappgsin += ios_[index].count;
  p_.trace.Emit(trace::kSwapRead, object.id, ios_[index].block, ios_[index].count);
  Submit(index);
  while ((p_.pages[first].oflags & kVpoSwapInProg) != 0) {
    p_.pages[first].oflags |= kVpoSwapSleep;
    ++p_.counters.v_intrans;
    const sim::SimTime asleep = p_.engine.now();
    co_await object.swap_channel.Sleep(p_.engine, sim::kPriorityDaemon, "swread");
    // The kernel's sleep times out every 20 s, logs, and sleeps again. A timer that nearly always
    // is cancelled would be a twentieth of a fault's cost; the result is the same.
    const int64_t timeouts =
        std::max<sim::SimDuration>(p_.engine.now() - asleep - 1, 0) / kSlowRead;
    p_.counters.swap_slow_reads += timeouts;
    p_.counters.v_intrans += timeouts;
  }
  last_read_ = {ios_[index].queue_ns, ios_[index].service_ns};
  FreeIo(index);
  for (const FrameIndex frame : pages) {
    if (!p_.pages[frame].fully_valid()) co_return PagerResult::kError;
  }
  co_return PagerResult::kOk;
}

void SwapPager::Submit(uint32_t index) {
  Io& io = ios_[index];
  io.queue_ns = p_.engine.now() - io.built;
  io.state = IoState::kSubmitted;
  const SwapSpace::Location at = space_.Locate(io.block);
  const Device& device = devices_[at.device];
  device.disk->Submit({.offset = device.offset + at.offset,
                       .length = io.count * kPageSize,
                       .op = io.write ? sim::DiskOp::kWrite : sim::DiskOp::kRead},
                      OnDone, this, index);
}

bool SwapPager::TryTakeWriteToken() {
  if (write_tokens_ == 0) return false;
  --write_tokens_;
  return true;
}

sim::Task<void> SwapPager::TakeWriteToken() {
  while (write_tokens_ == 0) {
    co_await token_channel_.Sleep(p_.engine, sim::kPriorityDaemon, "swpwait");
  }
  --write_tokens_;
}

void SwapPager::PutWriteToken() {
  if (++write_tokens_ == 1) token_channel_.WakeAll();
}

// Records `extent`'s blocks as those of pages[done] and on, displacing the ones they had. Returns
// how many pages have theirs: less than all when there is no metadata record to spare.
int SwapPager::EnterBlocks(Object& object, std::span<const FrameIndex> pages,
                           SwapSpace::Extent extent, int done, SwapFreeRange& displaced) {
  for (; done < static_cast<int>(extent.count); ++done) {
    Page& page = p_.pages[pages[done]];
    const SwapBlock block = extent.first + static_cast<SwapBlock>(done);
    const std::optional<SwapBlock> old = object.swap.Build(meta_, page.pindex, block);
    if (!old.has_value()) break;
    if (*old != kNoSwapBlock) displaced.Add(*old);
    page.aflags &= ~kPgaSwapFree;
    page.oflags |= kVpoSwapInProg;
  }
  return done;
}

sim::Task<void> SwapPager::PutPages(Object& object, std::span<const FrameIndex> pages, int flags,
                                    std::span<PagerResult> results) {
  const bool is_pageproc = p_.engine.current() != nullptr && p_.engine.current()->is_pageproc();
  const bool async = is_pageproc && (flags & kPutSync) == 0;
  if (object.type == ObjectType::kDefault) object.type = ObjectType::kSwap;
  SwapFreeRange displaced(space_);
  for (size_t i = 0; i < pages.size();) {
    const size_t want =
        std::min<size_t>(pages.size() - i, static_cast<size_t>(params_.cluster_max));
    const int handled = co_await PutCluster(object, pages.subspan(i, want), async,
                                            results.subspan(i, want), displaced);
    i += static_cast<size_t>(handled);
  }
  displaced.Flush();
}

// Starts one write of as many of `pages`, from the first on, as one extent of blocks holds. Returns
// how many results it set.
sim::Task<int> SwapPager::PutCluster(Object& object, std::span<const FrameIndex> pages, bool async,
                                     std::span<PagerResult> results, SwapFreeRange& displaced) {
  if (async && !TryTakeWriteToken()) co_await TakeWriteToken();
  const SwapSpace::Extent extent = space_.Get(static_cast<uint32_t>(pages.size()));
  const int given = static_cast<int>(extent.count);
  if (given == 0) {
    if (async) PutWriteToken();
    p_.trace.Emit(trace::kSwapFull, object.id, pages.size(), 0);
    std::fill(results.begin(), results.end(), PagerResult::kFail);
    co_return static_cast<int>(pages.size());
  }
  int n = EnterBlocks(object, pages, extent, 0, displaced);
  while (n < given && !object.dead()) {
    p_.host.OutOfMemory(OomReason::kSwapZone);  // A process has to go first.
    co_await sim::Pause(p_.engine, 10 * (sim::kSecond / hz_), "swzonxh");
    n = EnterBlocks(object, pages, extent, n, displaced);
  }
  if (n < given) {
    // The object ended while records were waited for: what has none need not be written.
    space_.Free(extent.first + static_cast<SwapBlock>(n), static_cast<uint32_t>(given - n));
    std::fill_n(results.begin() + n, given - n, PagerResult::kAgain);
  }
  if (n > 0) {
    std::fill_n(results.begin(), n, PagerResult::kPend);
    co_await Write(object, pages.first(static_cast<size_t>(n)), extent.first, async);
  } else if (async) {
    PutWriteToken();
  }
  co_return given;
}

// Starts the write of `pages` to the blocks from `block` on; a synchronous one is waited for.
sim::Task<void> SwapPager::Write(Object& object, std::span<const FrameIndex> pages, SwapBlock block,
                                 bool async) {
  const int count = static_cast<int>(pages.size());
  const uint32_t index = TakeIo(object, count);
  Io& io = ios_[index];
  io.block = block;
  io.write = true;
  io.async = async;
  std::copy(pages.begin(), pages.end(), io.pages.begin());
  co_await p_.engine.Consume(costs_.swap_io_setup_ns);
  ios_[index].built = p_.engine.now();
  if (!write_pbufs_.TryGet()) co_await write_pbufs_.Get(p_.engine);
  ++p_.counters.v_swapout;
  p_.counters.v_swappgsout += count;
  p_.trace.Emit(trace::kSwapWrite, object.id, block, static_cast<uint64_t>(count));
  Submit(index);
  if (async) co_return;
  while (ios_[index].state != IoState::kDone) {
    co_await sync_channel_.Sleep(p_.engine, sim::kPriorityDaemon, "wswbuf");
  }
  FreeIo(index);
}

void SwapPager::NoteTransfer(Io& io, int64_t completed_bytes) {
  const int64_t bytes = io.count * kPageSize;
  const SwapSpace::Location at = space_.Locate(io.block);
  sim::Disk& disk = *devices_[at.device].disk;
  io.queue_ns += disk.wait_ns();
  io.service_ns = p_.engine.now() - io.built - io.queue_ns;
  if (io.error != 0) {
    ++(io.write ? p_.counters.swap_write_errors : p_.counters.swap_read_errors);
    const bool gone = io.error == sim::kDiskEnxio;
    if (gone && !space_.SwapOffBegun(at.device)) space_.SetClosing(at.device, true);
    return;
  }
  if (completed_bytes < bytes) {
    ++p_.counters.swap_short_transfers;
  } else if (io.write && disk.stored_bytes() < bytes) {
    ++p_.counters.swap_torn_writes;
  }
}

void SwapPager::OnDone(void* context, uint64_t index, int error, int64_t completed_bytes) {
  auto* pager = static_cast<SwapPager*>(context);
  Io& io = pager->ios_[index];
  io.error = error;
  pager->p_.trace.Emit(io.write ? trace::kSwapWriteDone : trace::kSwapReadDone, io.object, io.block,
                       static_cast<uint64_t>(error));
  pager->NoteTransfer(io, completed_bytes);
  pager->Complete(io);
  // Whoever waits for a read or a synchronous write gives its Io back.
  io.state = IoState::kDone;
  --pager->transfers_;
  if (io.write && io.async) {
    pager->FreeIo(static_cast<uint32_t>(index));
  } else if (io.write) {
    pager->sync_channel_.WakeAll();
  }
}

void SwapPager::Complete(Io& io) {
  Object& object = p_.objects[io.object];
  bool wake = false;
  for (int i = 0; i < io.count; ++i) {
    Page& page = p_.pages[io.pages[i]];
    wake |= (page.oflags & kVpoSwapSleep) != 0;
    page.oflags &= ~(kVpoSwapInProg | kVpoSwapSleep);
    page.aflags |= kPgaSwapSpace;
    if (io.write) {
      CompleteWrite(io, i);
    } else {
      CompleteRead(io, i);
    }
  }
  if (wake) object.swap_channel.WakeAll();
  object.PipWakeup(io.count);
  (io.write ? write_pbufs_ : read_pbufs_).Put();
  if (io.write && io.async) PutWriteToken();
}

void SwapPager::CompleteRead(const Io& io, int i) {
  const FrameIndex frame = io.pages[i];
  Page& page = p_.pages[frame];
  const bool requested = i >= io.first_requested && i < io.end_requested;
  if (io.error != 0) {
    page.valid = 0;
    if (!requested) p_.allocator.Free(frame);  // vm_page_free_invalid
    return;
  }
  CHECK_EQ(page.dirty, 0, "frame=", frame);
  CHECK_EQ(page.mappings, 0u, "frame=", frame);
  page.valid = kPageBitsAll;
  if (requested) return;
  // vm_page_readahead_finish: somebody waits for it, so it is wanted already.
  if (p_.pages.busy_waiters(frame)) {
    reclaim_->Activate(frame);
  } else {
    reclaim_->Deactivate(frame);
  }
  p_.pages.Xunbusy(frame);
}

void SwapPager::CompleteWrite(const Io& io, int i) {
  const FrameIndex frame = io.pages[i];
  if (io.error != 0) {
    reclaim_->Activate(frame);
  } else {
    p_.pages[frame].dirty = 0;
    reclaim_->DeactivateNoreuse(frame);
  }
  p_.pages.Sunbusy(frame);
}

}  // namespace vmsim::vm
