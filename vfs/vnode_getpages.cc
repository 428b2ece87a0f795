// Reading pages of files.
#include <algorithm>
#include <utility>

#include "vfs/errno.h"
#include "vfs/page_bits.h"
#include "vfs/vnode_pager.h"

namespace vmsim::vfs {

uint32_t VnodePager::TakeRead() {
  uint32_t index = free_read_;
  if (index == UINT32_MAX) {
    index = static_cast<uint32_t>(reads_.size());
    reads_.push_back(std::make_unique<Read>());
  } else {
    free_read_ = reads_[index]->next_free;
  }
  Read& read = *reads_[index];
  read.pages.clear();
  read.first_requested = read.end_requested = 0;
  read.done = false;
  read.error = 0;
  read.callback = {};
  return index;
}

void VnodePager::FreeRead(uint32_t index) {
  reads_[index]->next_free = free_read_;
  free_read_ = index;
}

sim::Task<vm::PagerResult> VnodePager::GetPages(vm::Object& object,
                                                std::span<const vm::FrameIndex> pages, int* behind,
                                                int* ahead) {
  Vnode& vnode = VnodeOf(object);
  const vm::PagerResult result = co_await VopGetPages(vnode, pages, behind, ahead);
  if (result == vm::PagerResult::kOk) {
    for (const vm::FrameIndex frame : pages) ZeroInvalid(vnode, frame);
  }
  co_return result;
}

sim::Task<vm::PagerResult> VnodePager::VopGetPages(Vnode& vnode,
                                                   std::span<const vm::FrameIndex> pages,
                                                   int* behind, int* ahead) {
  CHECK_GT(pages.size(), 0u, "a read of no pages, file=", vnode.name);
  CHECK_GE(*behind, 0);
  CHECK_GE(*ahead, 0);
  last_read_ = {};
  if (vnode.mount.config.style == PagerStyle::kBuffer) {
    co_return co_await Buffered(vnode, pages, behind, ahead);
  }
  co_return co_await Generic(vnode, pages, behind, ahead, {});
}

sim::Task<vm::PagerResult> VnodePager::GetPagesAsync(vm::Object& object,
                                                     std::span<const vm::FrameIndex> pages,
                                                     int* ahead, GetPagesDone done, void* context,
                                                     uint64_t argument) {
  CHECK_GT(pages.size(), 0u, "a read of no pages, object=", object.id);
  Vnode& vnode = VnodeOf(object);
  const Callback callback{done, context, argument};
  int behind = 0;
  vm::PagerResult result;
  if (vnode.mount.config.style == PagerStyle::kBuffer) {
    // No page is in the way of another there, so what stands for valid ones must not be asked for.
    result = co_await BufferedRuns(vnode, pages);
    *ahead = 0;
    callback.Call(pages, result == vm::PagerResult::kOk ? 0 : kEio);
  } else {
    result = co_await Generic(vnode, pages, &behind, ahead, callback);
  }
  co_return result;
}

sim::Task<vm::PagerResult> VnodePager::Generic(Vnode& vnode, std::span<const vm::FrameIndex> pages,
                                               int* behind, int* ahead, Callback callback) {
  const vm::Pindex first = p_.vm.pages()[pages[0]].pindex;
  const int wanted_behind = std::exchange(*behind, 0);
  const int wanted_ahead = std::exchange(*ahead, 0);
  if (vnode.doomed) {
    callback.Call(pages, kEio);
    co_return vm::PagerResult::kBad;
  }
  CHECK_LT(int64_t{first} * vm::kPageSize, vnode.size, "file=", vnode.name);
  CHECK_LE(static_cast<int>(pages.size()), max_pages_);
  // Partly valid: it can only be the page that the file ends in, and all of it that there is.
  const vm::FrameIndex last = pages.back();
  if (p_.vm.pages()[last].valid != 0 && vnode.block_bytes() >= vm::kPageSize) {
    if (pages.size() == 1) {
      callback.Call(pages, 0);
      co_return vm::PagerResult::kOk;
    }
    pages = pages.first(pages.size() - 1);
  }
  if (vnode.block_bytes() < vm::kPageSize) {
    const vm::PagerResult result = co_await SmallBlocks(vnode, pages);
    callback.Call(pages, result == vm::PagerResult::kOk ? 0 : kEio);
    co_return result;
  }
  const Window window =
      ChooseWindow(vnode, first, static_cast<int>(pages.size()), wanted_behind, wanted_ahead);
  if (window.sector == kHole) {
    CHECK_EQ(pages.size(), 1u, "a run of pages begins in a hole, file=", vnode.name);
    ZeroInvalid(vnode, pages[0]);
    callback.Call(pages, 0);
    co_return vm::PagerResult::kOk;
  }
  const uint32_t index = TakeRead();
  Fill(vnode, *reads_[index], pages, window);
  reads_[index]->callback = callback;
  *behind = reads_[index]->first_requested;
  *ahead = static_cast<int>(reads_[index]->pages.size()) - reads_[index]->end_requested;
  const bool async = callback.done != nullptr;
  co_await Start(index, window.sector - int64_t{*behind} * kSectorsPerPage);
  if (async) co_return vm::PagerResult::kOk;
  while (!reads_[index]->done) {
    co_await reads_[index]->channel.Sleep(p_.engine, sim::kPriorityDaemon, "vnread");
  }
  const int error = reads_[index]->error;
  last_read_ = reads_[index]->times;
  FreeRead(index);
  co_return error == 0 ? vm::PagerResult::kOk : vm::PagerResult::kError;
}

// How much goes into one request around `count` pages from `first` on.
VnodePager::Window VnodePager::ChooseWindow(const Vnode& vnode, vm::Pindex first, int count,
                                            int behind, int ahead) const {
  const int64_t size = vnode.object->size;
  const int ppb = static_cast<int>(vnode.block_bytes() / vm::kPageSize);
  const int poff = static_cast<int>(first % static_cast<vm::Pindex>(ppb));
  const BlockMap::Run run = vnode.map.Bmap(first / static_cast<vm::Pindex>(ppb));
  Window w;
  if (run.sector == kHole) return w;
  w.sector = run.sector + int64_t{poff} * kSectorsPerPage;
  const int64_t before = int64_t{run.before} * ppb + poff;
  int64_t after = int64_t{run.after} * ppb + (ppb - (poff + 1));
  after = std::min(after, size - 1 - int64_t{first});
  CHECK_LE(count, after + 1, "the blocks end before the pages, file=", vnode.name);
  after -= count - 1;
  const int64_t last = int64_t{first} + count - 1;
  int64_t rbehind = std::min({int64_t{behind}, before, int64_t{first}});
  int64_t rahead = std::min({int64_t{ahead}, after, size - last});
  const int64_t excess = rbehind + rahead + count - max_pages_;
  if (excess > 0) {
    const int64_t trim = excess + 1;
    const int64_t sum = rbehind + rahead;
    if (rbehind == before) {
      // Whole blocks, so that the request still begins where one does.
      rbehind = std::max<int64_t>(0, rbehind - RoundUp(trim * rbehind / sum, ppb));
    } else {
      rbehind -= trim * rbehind / sum;
    }
    rahead -= trim * rahead / sum;
  }
  w.behind = static_cast<int>(rbehind);
  w.ahead = static_cast<int>(rahead);
  return w;
}

// Puts the request together: neighbours are taken as long as they are absent and there is memory.
void VnodePager::Fill(Vnode& vnode, Read& read, std::span<const vm::FrameIndex> pages,
                      const Window& window) {
  vm::Object& object = *vnode.object;
  const vm::Pindex first = p_.vm.pages()[pages[0]].pindex;
  read.vnode = &vnode;
  for (int i = 1; i <= window.behind; ++i) {
    const vm::Pindex pindex = first - static_cast<vm::Pindex>(i);
    if (object.Lookup(pindex) != vm::kNoFrame) break;
    const vm::FrameIndex frame = p_.vm.allocator().Alloc(object, pindex, vm::AllocClass::kNormal);
    if (frame == vm::kNoFrame) break;
    read.pages.push_back(frame);
  }
  std::reverse(read.pages.begin(), read.pages.end());
  read.first_requested = static_cast<int>(read.pages.size());
  read.first = first - static_cast<vm::Pindex>(read.first_requested);
  read.pages.insert(read.pages.end(), pages.begin(), pages.end());
  read.end_requested = static_cast<int>(read.pages.size());
  vm::Pindex pindex = first + static_cast<vm::Pindex>(pages.size());
  for (int i = 0; i < window.ahead && pindex < object.size; ++i, ++pindex) {
    if (object.Lookup(pindex) != vm::kNoFrame) break;
    const vm::FrameIndex frame = p_.vm.allocator().Alloc(object, pindex, vm::AllocClass::kNormal);
    if (frame == vm::kNoFrame) break;
    read.pages.push_back(frame);
  }
}

// Submits the request, which begins at `sector` of the disk.
sim::Task<void> VnodePager::Start(uint32_t index, Daddr sector) {
  reads_[index]->vnode->object->PipAdd();
  co_await p_.engine.Consume(p_.vm.config().costs.swap_io_setup_ns);
  const sim::SimTime built = p_.engine.now();
  if (!pbufs_.TryGet()) co_await pbufs_.Get(p_.engine);
  ++pbufs_held_;
  Read& read = *reads_[index];
  const Vnode& vnode = *read.vnode;
  const int64_t start = int64_t{read.first} * vm::kPageSize;
  const auto count = static_cast<int64_t>(read.pages.size());
  const int64_t bytes = std::min(count * vm::kPageSize, vnode.size - start);
  read.times = {p_.engine.now() - built, 0};
  ++p_.vm.counters().v_vnodein;
  p_.vm.counters().v_vnodepgsin += count;
  p_.device.Submit({.vnode = read.vnode,
                    .first_sector = start / kSectorBytes,
                    .sector = sector,
                    .bytes = RoundUp(bytes, kSectorBytes),
                    .write = false,
                    .running = true},
                   OnRead, this, index);
}

void VnodePager::OnRead(void* context, uint64_t index, int error, int64_t completed_bytes) {
  auto* pager = static_cast<VnodePager*>(context);
  Read& read = *pager->reads_[index];
  read.error = error;
  read.times.queue_ns += pager->p_.device.last_queue_ns();
  read.times.service_ns = pager->p_.device.last_service_ns();
  pager->pbufs_.Put();
  --pager->pbufs_held_;
  pager->Complete(read, completed_bytes);
  read.done = true;
  if (read.callback.done == nullptr) {
    read.channel.WakeAll();
    return;
  }
  const auto first = static_cast<size_t>(read.first_requested);
  const auto end = static_cast<size_t>(read.end_requested);
  read.callback.Call(std::span(read.pages).subspan(first, end - first), error);
  pager->FreeRead(static_cast<uint32_t>(index));
}

// vnode_pager_generic_getpages_done. The file's size is that of now: it may have been cut.
void VnodePager::Complete(Read& read, int64_t completed_bytes) {
  Vnode& vnode = *read.vnode;
  const int count = static_cast<int>(read.pages.size());
  if (read.error == 0) FillTags(read, completed_bytes);
  for (int i = 0; i < count; ++i) {
    const vm::FrameIndex frame = read.pages[i];
    if (frame == kBogusFrame) continue;
    const bool requested = i >= read.first_requested && i < read.end_requested;
    vm::Page& page = p_.vm.pages()[frame];
    if (read.error != 0) {
      if (!requested) p_.vm.allocator().Free(frame);  // vm_page_free_invalid
      continue;
    }
    CHECK_EQ(page.dirty, 0, "frame=", frame);
    CHECK_EQ(page.mappings, 0u, "frame=", frame);
    const int64_t left = vnode.size - int64_t{page.pindex} * vm::kPageSize;
    if (left >= vm::kPageSize) {
      page.valid = vm::kPageBitsAll;
    } else if (left > 0) {
      SetValidRange(frame, 0, left);
    }
    if (requested) continue;
    if (page.valid == 0) {
      p_.vm.allocator().Free(frame);
    } else {
      ReadAheadFinish(frame);
    }
  }
  vnode.object->PipWakeup();
}

// What the transfer brought into memory; zeros where it came short.
void VnodePager::FillTags(const Read& read, int64_t completed_bytes) {
  Vnode& vnode = *read.vnode;
  const int64_t end = int64_t{read.first} * kSectorsPerPage + completed_bytes / kSectorBytes;
  const auto count = static_cast<int64_t>(read.pages.size());
  for (int64_t i = 0; i < count;) {
    if (read.pages[i] == kBogusFrame) {
      ++i;
      continue;
    }
    int64_t behind = i + 1;
    while (behind < count && read.pages[behind] != kBogusFrame) ++behind;
    const int64_t from = (int64_t{read.first} + i) * kSectorsPerPage;
    const int64_t to = (int64_t{read.first} + behind) * kSectorsPerPage;
    const int64_t filled = std::clamp(end, from, to);
    vnode.memory.CopyRange(vnode.medium, from, filled - from);
    if (filled < to) vnode.memory.SetRange(filled, to - filled, kZeroTag);
    i = behind;
  }
}

// vnode_pager_input_smlfs, page by page.
sim::Task<vm::PagerResult> VnodePager::SmallBlocks(Vnode& vnode,
                                                   std::span<const vm::FrameIndex> pages) {
  for (const vm::FrameIndex frame : pages) {
    if (frame == kBogusFrame) continue;
    ++p_.vm.counters().v_vnodein;
    ++p_.vm.counters().v_vnodepgsin;
    const int64_t start = int64_t{p_.vm.pages()[frame].pindex} * vm::kPageSize;
    const int32_t bsize = vnode.block_bytes();
    for (int64_t base = 0; base < vm::kPageSize; base += bsize) {
      vm::Page& page = p_.vm.pages()[frame];
      const uint8_t bits = PageBits(base, bsize);
      if ((page.valid & bits) != 0) continue;
      const int64_t address = start + base;
      const Daddr sector = address >= vnode.size ? kHole : vnode.map.Bmap(address / bsize).sector;
      if (sector == kHole) {
        vnode.memory.SetRange(address / kSectorBytes, bsize / kSectorBytes, kZeroTag);
      } else {
        const int error = co_await ReadSmall(vnode, frame, address, sector);
        if (error != 0) co_return vm::PagerResult::kError;
      }
      p_.vm.pages()[frame].valid |= bits;
    }
  }
  co_return vm::PagerResult::kOk;
}

// Reads one block into its place, through a mapping of the kernel's own, and waits for it.
sim::Task<int> VnodePager::ReadSmall(Vnode& vnode, vm::FrameIndex frame, int64_t address,
                                     Daddr sector) {
  const vm::SfBufIndex buf = co_await p_.sf_bufs.Alloc(frame, 0);
  const uint32_t index = TakeRead();
  reads_[index]->vnode = &vnode;
  reads_[index]->first = static_cast<vm::Pindex>(address / vm::kPageSize);
  vnode.object->PipAdd();
  if (!pbufs_.TryGet()) co_await pbufs_.Get(p_.engine);
  ++pbufs_held_;
  p_.device.Submit({.vnode = &vnode,
                    .first_sector = address / kSectorBytes,
                    .sector = sector,
                    .bytes = vnode.block_bytes(),
                    .write = false,
                    .running = true},
                   OnRead, this, index);
  while (!reads_[index]->done) {
    co_await reads_[index]->channel.Sleep(p_.engine, sim::kPriorityDaemon, "vnsrd");
  }
  const int error = reads_[index]->error;
  last_read_.queue_ns += reads_[index]->times.queue_ns;
  last_read_.service_ns += reads_[index]->times.service_ns;
  FreeRead(index);
  if (error == 0) {
    vnode.memory.CopyRange(vnode.medium, address / kSectorBytes,
                           vnode.block_bytes() / kSectorBytes);
    p_.sf_bufs.Touch(buf, p_.engine.current_cpu());
  }
  p_.sf_bufs.Free(buf);
  co_return error;
}

// vfs_bio_getpages: through buffers, a block at a time. What the caller would like around the pages
// is not heard; the rest of their blocks comes with them.
sim::Task<vm::PagerResult> VnodePager::Buffered(Vnode& vnode, std::span<const vm::FrameIndex> pages,
                                                int* behind, int* ahead) {
  *behind = *ahead = 0;
  const vm::Pindex first = p_.vm.pages()[pages[0]].pindex;
  const int64_t start = int64_t{first} * vm::kPageSize;
  const int64_t end = start + static_cast<int64_t>(pages.size()) * vm::kPageSize;
  if (vnode.doomed || end - vm::kPageSize >= vnode.size) co_return vm::PagerResult::kBad;
  const int64_t block = std::max<int64_t>(vnode.block_bytes(), vm::kPageSize);
  *behind = static_cast<int>((start - start / block * block) / vm::kPageSize);
  const int64_t stop = std::min(RoundUp(end, block), RoundUp(vnode.size, vm::kPageSize));
  *ahead = static_cast<int>((stop - end) / vm::kPageSize);
  ++p_.vm.counters().v_vnodein;
  p_.vm.counters().v_vnodepgsin += static_cast<int64_t>(pages.size()) + *behind + *ahead;
  co_return co_await BufferedRuns(vnode, pages);
}

sim::Task<vm::PagerResult> VnodePager::BufferedRuns(Vnode& vnode,
                                                    std::span<const vm::FrameIndex> pages) {
  // Buffers share the pages' busy state with this call. Nobody else can take them away.
  for (const vm::FrameIndex frame : pages) {
    if (frame != kBogusFrame) p_.vm.pages().BusyDowngrade(frame);
  }
  int error = 0;
  for (const vm::FrameIndex frame : pages) {
    if (frame == kBogusFrame || error != 0) continue;
    error = co_await ReadBlocksOf(vnode, frame);
  }
  for (const vm::FrameIndex frame : pages) {
    if (frame == kBogusFrame) continue;
    while (!p_.vm.pages().TryUpgrade(frame)) {
      co_await sim::Pause(p_.engine, sim::kSecond / p_.vm.config().tunables.hz, "vbgpu");
    }
  }
  co_return error == 0 ? vm::PagerResult::kOk : vm::PagerResult::kError;
}

// Reads the blocks that a page overlaps. Returns 0 or an errno.
sim::Task<int> VnodePager::ReadBlocksOf(Vnode& vnode, vm::FrameIndex frame) {
  const int64_t start = int64_t{p_.vm.pages()[frame].pindex} * vm::kPageSize;
  const int64_t end = std::min(start + vm::kPageSize, vnode.size);
  const uint8_t inside = PageBits(0, end - start);
  for (Lblkno lblkno = start / vnode.block_bytes(); lblkno * vnode.block_bytes() < end; ++lblkno) {
    if ((p_.vm.pages()[frame].valid & inside) == inside) break;
    const BufferCache::ReadResult read = co_await p_.bufs.Bread(vnode, lblkno);
    if (read.error != 0) co_return read.error;
    p_.bufs.Brelse(read.buf);
  }
  co_return 0;
}

}  // namespace vmsim::vfs
