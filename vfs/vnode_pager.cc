#include "vfs/vnode_pager.h"

#include <algorithm>

#include "vfs/page_bits.h"

namespace vmsim::vfs {
namespace {

// vnode_pbuf_zone: twice nswbuf on 64-bit machines (vm_pager_bufferinit).
int VnodePbufs(const BufLimits& limits, int cpus) {
  const int64_t nswbuf =
      std::max<int64_t>(16, std::min<int64_t>(limits.nbuf / 4, 32 * int64_t{cpus}));
  return static_cast<int>(2 * nswbuf);
}

// Whether any of the small blocks of the page that begins with block `first` is on the disk. The
// kernel asks for the first alone: its files with holes have no blocks smaller than a page.
bool AnyBlockOfPage(const Vnode& vnode, Lblkno first) {
  for (int64_t i = 0; i < vm::kPageSize / vnode.block_bytes(); ++i) {
    if (vnode.map.mapped(first + i)) return true;
  }
  return false;
}

}  // namespace

VnodePager::VnodePager(const Parts& parts)
    : p_(parts),
      max_pages_(static_cast<int>(parts.vm.config().tunables.maxphys / vm::kPageSize)),
      pbufs_(VnodePbufs(parts.bufs.limits(), parts.vm.config().cpus)) {}

void VnodePager::Attach(Vnode& vnode, vm::Object& object) {
  CHECK_EQ(object.type, vm::ObjectType::kVnode);
  if (vnodes_.size() <= object.id) vnodes_.resize(object.id + 1);
  vnodes_[object.id] = &vnode;
  vnode.object = &object;
  object.pager = this;
}

void VnodePager::Dealloc(vm::Object& object) {
  Vnode& vnode = VnodeOf(object);
  vnodes_[object.id] = nullptr;
  vnode.object = nullptr;
  p_.owner.Reclaim(vnode);
}

bool VnodePager::HasPage(const vm::Object& object, vm::Pindex pindex, int* before,
                         int* after) const {
  *before = *after = 0;
  const Vnode& vnode = VnodeOf(object);
  if (vnode.doomed || int64_t{pindex} * vm::kPageSize >= vnode.size) return false;
  const int32_t bsize = vnode.block_bytes();
  const Lblkno lblkno = int64_t{pindex} * vm::kPageSize / bsize;
  const BlockMap::Run run = vnode.map.Bmap(lblkno);
  if (run.sector == kHole) return bsize < vm::kPageSize && AnyBlockOfPage(vnode, lblkno);
  if (bsize >= vm::kPageSize) {
    const int ppb = static_cast<int>(bsize / vm::kPageSize);
    const int poff = static_cast<int>(int64_t{pindex} - lblkno * ppb);
    *before = run.before * ppb + poff;
    *after = run.after * ppb + (ppb - (poff + 1));
    if (int64_t{pindex} + *after >= int64_t{object.size}) {
      *after = static_cast<int>(object.size - 1 - pindex);
    }
  } else {
    const int bpp = static_cast<int>(vm::kPageSize / bsize);
    *before = run.before / bpp;
    *after = run.after / bpp;
  }
  return true;
}

sim::Task<bool> VnodePager::LockForPageout(vm::Object& object) {
  Vnode& vnode = VnodeOf(object);
  if (vnode.lock.TryLock(p_.engine, LockType::kExclusive)) co_return true;
  ++p_.stats.vnode_lock_misses;
  const int hz = p_.vm.config().tunables.hz;
  const sim::SimDuration tick = sim::kSecond / hz;
  co_return co_await vnode.lock.LockFor(p_.engine, LockType::kExclusive, (hz / 20 + 1) * tick);
}

void VnodePager::UnlockAfterPageout(vm::Object& object) { VnodeOf(object).lock.Unlock(p_.engine); }

// A thread that has the file locked to write it may fault on it.
LockType VnodePager::FaultLock(const Vnode& vnode) const {
  const bool mine = vnode.lock.writer() != nullptr && vnode.lock.writer() == p_.engine.current();
  return mine ? LockType::kExclusive : LockType::kShared;
}

bool VnodePager::TryLockForFault(vm::Object& object) {
  Vnode& vnode = VnodeOf(object);
  if (vnode.lock.TryLock(p_.engine, FaultLock(vnode))) return true;
  ++p_.stats.vnode_lock_misses;
  return false;
}

sim::Task<void> VnodePager::WaitLockForFault(vm::Object& object) {
  Vnode& vnode = VnodeOf(object);
  co_await vnode.lock.Lock(p_.engine, FaultLock(vnode));
}

void VnodePager::UnlockAfterFault(vm::Object& object) { VnodeOf(object).lock.Unlock(p_.engine); }

void VnodePager::PageStored(vm::Object& object, vm::Pindex pindex) {
  p_.bufs.PageStored(VnodeOf(object), pindex);
}

// What a range covers only in part of its first and last sector is zeroed around the range; a
// sector's tag is that of the part that is not.
void VnodePager::SetValidRange(vm::FrameIndex frame, int64_t base, int64_t bytes) {
  p_.vm.pages()[frame].valid |= PageBits(base, bytes);
}

void VnodePager::ZeroInvalid(Vnode& vnode, vm::FrameIndex frame) {
  vm::Page& page = p_.vm.pages()[frame];
  if (page.fully_valid()) return;
  const int64_t first = int64_t{page.pindex} * kSectorsPerPage;
  for (int s = 0; s < kSectorsPerPage; ++s) {
    if ((page.valid >> s & 1) == 0) vnode.memory.Set(first + s, kZeroTag);
  }
  page.valid = vm::kPageBitsAll;
}

void VnodePager::ReadAheadFinish(vm::FrameIndex frame) {
  CHECK_NE(p_.vm.pages()[frame].valid, 0, "frame=", frame);
  if (p_.vm.pages().busy_waiters(frame)) {
    p_.vm.reclaim().Activate(frame);
  } else {
    p_.vm.reclaim().Deactivate(frame);
  }
  p_.vm.pages().Xunbusy(frame);
}

}  // namespace vmsim::vfs
