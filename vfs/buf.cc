#include "vfs/buf.h"

#include <algorithm>

#include "vfs/page_bits.h"

namespace vmsim::vfs {

BufferCache::BufferCache(sim::Engine& engine, sim::Trace& trace, vm::VmSystem& vm,
                         FileDevice& device, FileStats& stats, const BufLimits& limits)
    : engine_(engine), trace_(trace), vm_(vm), device_(device), stats_(stats), limits_(limits) {}

BufIndex BufferCache::Take(Vnode& vnode, Lblkno lblkno) {
  BufIndex index = free_;
  if (index == kNoBuf) {
    index = static_cast<BufIndex>(bufs_.size());
    bufs_.push_back(std::make_unique<Buf>());
  } else {
    free_ = bufs_[index]->next;
  }
  Buf& buf = *bufs_[index];
  buf.vnode = &vnode;
  buf.lblkno = lblkno;
  buf.bytes = 0;
  buf.locked = true;
  buf.dirty = buf.async = buf.noreuse = buf.writing = false;
  buf.tries = 0;
  buf.error = 0;
  buf.npages = 0;
  buf.loading = 0;
  buf.next = kNoBuf;
  vnode.bufs.emplace(lblkno, index);
  return index;
}

// Its identity goes; who waits for it looks for the block again.
void BufferCache::Forget(BufIndex index) {
  Buf& buf = *bufs_[index];
  CHECK(!buf.dirty, "a dirty buffer is forgotten, block=", buf.lblkno);
  CHECK_EQ(buf.npages, 0);
  buf.vnode->bufs.erase(buf.lblkno);
  buf.vnode = nullptr;
  buf.locked = false;
  buf.next = free_;
  free_ = index;
  buf.channel.WakeAll();
}

void BufferCache::Unlock(Buf& buf) {
  buf.locked = false;
  buf.channel.WakeAll();
}

int BufferCache::PagesFor(const Buf& buf) const {
  const int64_t start = buf.lblkno * buf.vnode->block_bytes();
  if (buf.bytes == 0) return 0;
  return static_cast<int>((start + buf.bytes - 1) / vm::kPageSize - start / vm::kPageSize + 1);
}

vm::Pindex BufferCache::FirstPage(const Buf& buf) const {
  return static_cast<vm::Pindex>(buf.lblkno * buf.vnode->block_bytes() / vm::kPageSize);
}

uint8_t BufferCache::BitsOf(const Buf& buf, int page) const {
  const int64_t start = buf.lblkno * buf.vnode->block_bytes();
  return PageBitsOf(FirstPage(buf) + static_cast<vm::Pindex>(page), start, start + buf.bytes);
}

// The page of an object, wired; kNoFrame if it is being filled (`*busy` says which) or there is no
// memory for it (vm_page_grab with VM_ALLOC_WIRED, NOBUSY and IGN_SBUSY).
vm::FrameIndex BufferCache::TryGrab(vm::Object& object, vm::Pindex pindex, vm::AllocClass klass,
                                    vm::FrameIndex* busy) {
  *busy = vm::kNoFrame;
  vm::FrameIndex frame = object.Lookup(pindex);
  if (frame == vm::kNoFrame) {
    const sim::Thread* thread = engine_.current();
    const bool is_pageproc = thread != nullptr && thread->is_pageproc();
    frame = vm_.allocator().Alloc(object, pindex, klass, is_pageproc);
    if (frame == vm::kNoFrame) return vm::kNoFrame;
    vm_.allocator().Wire(frame);
    vm_.pages().Xunbusy(frame);
    return frame;
  }
  if (vm_.pages().xbusied(frame)) {
    *busy = frame;
    return vm::kNoFrame;
  }
  vm_.allocator().Wire(frame);
  return frame;
}

sim::Task<void> BufferCache::WaitForMemory() {
  const sim::Thread* thread = engine_.current();
  if (thread != nullptr && thread->is_pageproc()) {
    co_await vm_.domain().WaitPageproc();
  } else {
    co_await vm_.domain().Wait();
  }
  // The count may be good again and the page gone to somebody else: not in no time.
  co_await engine_.Consume(vm_.config().costs.soft_fault_ns);
}

// Wires the pages of the block that the buffer has not got yet.
sim::Task<void> BufferCache::AttachPages(BufIndex index) {
  while (true) {
    Buf& buf = *bufs_[index];
    buf.bytes = buf.vnode->BufBytes(buf.lblkno);
    if (buf.npages >= PagesFor(buf)) co_return;
    vm::FrameIndex busy;
    const vm::FrameIndex frame =
        TryGrab(*buf.vnode->object, FirstPage(buf) + static_cast<vm::Pindex>(buf.npages),
                vm::AllocClass::kSystem, &busy);
    if (frame != vm::kNoFrame) {
      buf.pages[buf.npages++] = frame;
    } else if (busy != vm::kNoFrame) {
      co_await vm_.object_ops().BusySleep(busy, "pgrbwt");
    } else {
      co_await WaitForMemory();
    }
  }
}

// The same without waiting for anything: false, and nothing is wired.
bool BufferCache::TryAttachPages(Buf& buf) {
  buf.bytes = buf.vnode->BufBytes(buf.lblkno);
  while (buf.npages < PagesFor(buf)) {
    vm::FrameIndex busy;
    const vm::FrameIndex frame =
        TryGrab(*buf.vnode->object, FirstPage(buf) + static_cast<vm::Pindex>(buf.npages),
                vm::AllocClass::kNormal, &busy);
    if (frame == vm::kNoFrame) {
      DetachPages(buf, 0);
      return false;
    }
    buf.pages[buf.npages++] = frame;
  }
  return true;
}

// Gives the pages from number `keep` on back to the queues (vfs_vmio_unwire).
void BufferCache::DetachPages(Buf& buf, int keep) {
  while (buf.npages > keep) {
    const vm::FrameIndex frame = buf.pages[--buf.npages];
    const vm::Page& page = vm_.pages()[frame];
    const bool last = page.wire_count == 1;
    if (last && page.valid == 0 && page.mappings == 0 && page.object != vm::kNoObject &&
        vm_.pages().TryXbusy(frame)) {
      // Nothing was ever read into it: it need not be looked at again (vm_page_free_invalid).
      vm_.allocator().Release(frame, vm::QueueId::kInactive, true);
      vm_.allocator().Free(frame);
      continue;
    }
    vm_.allocator().Release(frame, vm::QueueId::kInactive, buf.noreuse || page.valid == 0);
  }
}

sim::Task<BufIndex> BufferCache::GetBlk(Vnode& vnode, Lblkno lblkno) {
  ++stats_.getblks;
  BufIndex index = kNoBuf;
  while (true) {
    const auto it = vnode.bufs.find(lblkno);
    if (it == vnode.bufs.end()) {
      index = Take(vnode, lblkno);
      break;
    }
    Buf& buf = *bufs_[it->second];
    if (!buf.locked) {
      buf.locked = true;
      index = it->second;
      break;
    }
    co_await buf.channel.Sleep(engine_, sim::kPriorityDaemon, "getblk");
  }
  co_await AttachPages(index);
  co_return index;
}

void BufferCache::Brelse(BufIndex index) {
  Buf& buf = *bufs_[index];
  CHECK(buf.locked, "a buffer that nobody owns is released, block=", buf.lblkno);
  if (buf.dirty) {
    Unlock(buf);
    return;
  }
  DetachPages(buf, 0);
  Forget(index);
}

bool BufferCache::Resident(const Vnode& vnode, Lblkno lblkno) const {
  const int64_t start = lblkno * vnode.block_bytes();
  const int64_t end = start + vnode.BufBytes(lblkno);
  for (int64_t at = start; at < end; at = (at / vm::kPageSize + 1) * vm::kPageSize) {
    const auto pindex = static_cast<vm::Pindex>(at / vm::kPageSize);
    const vm::FrameIndex frame = vnode.object->Lookup(pindex);
    if (frame == vm::kNoFrame) return false;
    const uint8_t bits = PageBitsOf(pindex, start, end);
    if ((vm_.pages()[frame].valid & bits) != bits) return false;
  }
  return end > start;
}

void BufferCache::SetValid(BufIndex index, int64_t start, int64_t end) {
  const Buf& buf = *bufs_[index];
  for (int i = 0; i < buf.npages; ++i) {
    vm::Page& page = vm_.pages()[buf.pages[i]];
    page.valid |= PageBitsOf(page.pindex, start, end);
  }
}

bool BufferCache::IsValid(BufIndex index, int64_t start, int64_t end) const {
  const Buf& buf = *bufs_[index];
  for (int i = 0; i < buf.npages; ++i) {
    const vm::Page& page = vm_.pages()[buf.pages[i]];
    const uint8_t bits = PageBitsOf(page.pindex, start, end);
    if ((page.valid & bits) != bits) return false;
  }
  return true;
}

// Queues a buffer that was not dirty behind all that are (bdirty, bdirtyadd).
void BufferCache::MarkDirty(BufIndex index) {
  Buf& buf = *bufs_[index];
  if (buf.dirty) return;
  buf.dirty = true;
  buf.dirtied = engine_.now();
  buf.dirty_prev = dirty_tail_;
  buf.dirty_next = kNoBuf;
  (dirty_tail_ == kNoBuf ? dirty_head_ : bufs_[dirty_tail_]->dirty_next) = index;
  dirty_tail_ = index;
  ++buf.vnode->dirty_bufs;
  if (++stats_.numdirtybuffers == limits_.middirty() + 1) WakeDaemon();
  if (observer_ != nullptr && buf.vnode->dirty_bufs == 1) observer_->OnDirty(*buf.vnode);
}

// bundirty, bdirtysub.
void BufferCache::MarkClean(BufIndex index) {
  Buf& buf = *bufs_[index];
  if (!buf.dirty) return;
  buf.dirty = false;
  (buf.dirty_prev == kNoBuf ? dirty_head_ : bufs_[buf.dirty_prev]->dirty_next) = buf.dirty_next;
  (buf.dirty_next == kNoBuf ? dirty_tail_ : bufs_[buf.dirty_next]->dirty_prev) = buf.dirty_prev;
  --buf.vnode->dirty_bufs;
  if (stats_.numdirtybuffers-- == limits_.middirty()) dirty_channel_.WakeAll();
}

void BufferCache::PageStored(Vnode& vnode, vm::Pindex pindex) {
  if (vnode.stored.size() <= pindex) vnode.stored.resize(static_cast<size_t>(pindex) + 1);
  vnode.stored[pindex] = true;
}

void BufferCache::SettleStores(Vnode& vnode, vm::Pindex pindex) {
  if (pindex >= vnode.stored.size() || !vnode.stored[pindex]) return;
  const vm::FrameIndex frame = vnode.object->Lookup(pindex);
  if (frame == vm::kNoFrame) return;
  vm::Page& page = vm_.pages()[frame];
  if (vm_.page_tables().IsModified(frame)) page.dirty = vm::kPageBitsAll;  // vm_page_test_dirty
  const int64_t end = SectorsOf(vnode.size);
  Tag tag = kZeroTag;
  for (int s = 0; s < kSectorsPerPage; ++s) {
    const int64_t sector = int64_t{pindex} * kSectorsPerPage + s;
    if ((page.dirty >> s & 1) == 0 || sector >= end) continue;
    if (tag == kZeroTag) tag = NextTag();
    vnode.memory.Set(sector, tag);
    if (store_observer_ != nullptr) store_observer_->OnStore(vnode, sector, 1, tag);
  }
}

}  // namespace vmsim::vfs
