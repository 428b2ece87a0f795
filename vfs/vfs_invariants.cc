#include "vfs/vfs_invariants.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "vfs/page_bits.h"

namespace vmsim::vfs {
namespace {

using vm::CheckLevel;

// Calls visit(vnode), which says what is wrong or nothing, for each file that has pages.
template <typename Visit>
std::string EachVnode(VfsSystem& vfs, Visit visit) {
  for (const auto& vnode : vfs.vnodes()) {
    if (vnode == nullptr || vnode->object == nullptr) continue;
    const std::string wrong = visit(*vnode);
    if (!wrong.empty()) return absl::StrCat("file ", vnode->name, ": ", wrong);
  }
  return "";
}

// The same for each buffer.
template <typename Visit>
std::string EachBuf(VfsSystem& vfs, Visit visit) {
  return EachVnode(vfs, [&](Vnode& vnode) -> std::string {
    for (const auto& [lblkno, index] : vnode.bufs) {
      const std::string wrong = visit(vnode, vfs.bufs()[index]);
      if (!wrong.empty()) return absl::StrCat("block ", lblkno, ": ", wrong);
    }
    return "";
  });
}

std::string SizeOfObject(VfsSystem& vfs) {
  return EachVnode(vfs, [](Vnode& vnode) -> std::string {
    if (int64_t{vnode.object->size} == vnode.pages()) return "";
    return absl::StrCat("its object has ", vnode.object->size, " pages, expected ", vnode.pages(),
                        " of ", vnode.size, " bytes");
  });
}

std::string BlocksInside(VfsSystem& vfs) {
  return EachVnode(vfs, [](Vnode& vnode) -> std::string {
    if (vnode.map.extents().empty() || vnode.lock.held()) return "";
    const Extent& last = vnode.map.extents().back();
    const int64_t blocks = CeilDiv(vnode.size, vnode.block_bytes());
    if (last.first + last.count <= blocks) return "";
    return absl::StrCat("block ", last.first + last.count - 1, " is on the disk, but it has only ",
                        blocks);
  });
}

std::string SpaceBalances(VfsSystem& vfs) {
  for (const auto& mount : vfs.mounts()) {
    int64_t used = 0;
    for (const auto& vnode : vfs.vnodes()) {
      if (vnode != nullptr && &vnode->mount == mount.get()) used += vnode->map.blocks();
    }
    const DiskSpace& space = mount->space;
    if (used + space.free_blocks() == space.blocks()) continue;
    return absl::StrCat("file system ", mount->config.name, ": ", used, " blocks in files and ",
                        space.free_blocks(), " free are not ", space.blocks());
  }
  return "";
}

std::string BufIdentity(VfsSystem& vfs) {
  return EachVnode(vfs, [&](Vnode& vnode) -> std::string {
    for (const auto& [lblkno, index] : vnode.bufs) {
      const Buf& buf = vfs.bufs()[index];
      if (buf.vnode == &vnode && buf.lblkno == lblkno) continue;
      return absl::StrCat("block ", lblkno, " leads to the buffer of block ", buf.lblkno);
    }
    return "";
  });
}

std::string BufIdleIsDirty(VfsSystem& vfs) {
  return EachBuf(vfs, [](Vnode&, const Buf& buf) -> std::string {
    return buf.locked || buf.dirty ? "" : "nobody owns it and it is clean";
  });
}

std::string BufPagesWired(VfsSystem& vfs) {
  return EachBuf(vfs, [&](Vnode& vnode, const Buf& buf) -> std::string {
    for (int i = 0; i < buf.npages; ++i) {
      const vm::Page& page = vfs.vm().pages()[buf.pages[i]];
      const int64_t pindex = buf.lblkno * vnode.block_bytes() / vm::kPageSize + i;
      if (page.wired() && page.object == vnode.object->id && page.pindex == pindex) continue;
      return absl::StrCat("frame ", buf.pages[i], " is wired ", page.wire_count, " times, object ",
                          page.object, " pindex ", page.pindex, "; expected object ",
                          vnode.object->id, " pindex ", pindex);
    }
    return "";
  });
}

std::string BufLoadingBusy(VfsSystem& vfs) {
  return EachBuf(vfs, [&](Vnode&, const Buf& buf) -> std::string {
    for (int i = 0; i < Buf::kMaxPages; ++i) {
      if ((buf.loading >> i & 1) == 0) continue;
      if (i < buf.npages && vfs.vm().pages().sbusied(buf.pages[i])) continue;
      return absl::StrCat("page ", i, " is in a transfer and not shared-busied");
    }
    return "";
  });
}

std::string DirtyCounts(VfsSystem& vfs) {
  int64_t total = 0;
  const std::string wrong = EachVnode(vfs, [&](Vnode& vnode) -> std::string {
    int dirty = 0;
    for (const auto& [lblkno, index] : vnode.bufs) dirty += vfs.bufs()[index].dirty ? 1 : 0;
    total += dirty;
    if (dirty == vnode.dirty_bufs) return "";
    return absl::StrCat(dirty, " dirty buffers, counted ", vnode.dirty_bufs);
  });
  if (!wrong.empty() || total == vfs.stats().numdirtybuffers) return wrong;
  return absl::StrCat(total, " dirty buffers, counted ", vfs.stats().numdirtybuffers);
}

std::string DirtyQueue(VfsSystem& vfs) {
  int64_t length = 0;
  sim::SimTime before = 0;
  BufIndex previous = kNoBuf;
  for (BufIndex i = vfs.bufs().oldest_dirty(); i != kNoBuf; i = vfs.bufs()[i].dirty_next) {
    const Buf& buf = vfs.bufs()[i];
    if (!buf.dirty || buf.dirty_prev != previous || buf.dirtied < before) {
      return absl::StrCat("buffer ", i, " at place ", length, " is ",
                          buf.dirty ? "out of order" : "clean");
    }
    if (++length > vfs.stats().numdirtybuffers) break;
    before = buf.dirtied;
    previous = i;
  }
  if (length == vfs.stats().numdirtybuffers) return "";
  return absl::StrCat(length, " buffers are queued, ", vfs.stats().numdirtybuffers, " dirty");
}

std::string RunningSpace(VfsSystem& vfs) {
  int64_t bytes = 0;
  vfs.device().ForEachInFlight([&](const Transfer& transfer) {
    if (transfer.running) bytes += transfer.bytes;
  });
  if (bytes == vfs.device().runningbufspace()) return "";
  return absl::StrCat(bytes, " bytes are in flight, runningbufspace is ",
                      vfs.device().runningbufspace());
}

std::string PbufsBalance(VfsSystem& vfs) {
  const vm::PbufPool& pool = vfs.pager().pbufs();
  const int used = vfs.pager().pbufs_held();
  if (pool.free() + used == pool.count() && used >= 0) return "";
  return absl::StrCat(pool.free(), " free and ", used, " in use are not ", pool.count());
}

std::string WritesInFlight(VfsSystem& vfs) {
  return EachVnode(vfs, [&](Vnode& vnode) -> std::string {
    int writing = 0;
    for (const auto& [lblkno, index] : vnode.bufs) writing += vfs.bufs()[index].writing ? 1 : 0;
    if (writing == vnode.writes_in_flight) return "";
    return absl::StrCat(writing, " buffers are being written, counted ", vnode.writes_in_flight);
  });
}

std::string DirtyInsideValid(VfsSystem& vfs) {
  return EachBuf(vfs, [&](Vnode& vnode, const Buf& buf) -> std::string {
    if (!buf.dirty || buf.locked) return "";
    const int64_t start = buf.lblkno * vnode.block_bytes();
    for (int i = 0; i < buf.npages; ++i) {
      const vm::Page& page = vfs.vm().pages()[buf.pages[i]];
      const uint8_t bits = PageBitsOf(page.pindex, start, start + buf.bytes);
      if ((page.valid & bits) == bits) continue;
      return absl::StrCat("page ", i, " is dirty in sectors ", bits, ", valid in ", page.valid);
    }
    return "";
  });
}

// Whether somebody may still change what the page's sectors hold, or what the disk has of them.
bool Settled(VfsSystem& vfs, const Vnode& vnode, vm::FrameIndex frame) {
  const vm::Page& page = vfs.vm().pages()[frame];
  if (page.dirty != 0 || vfs.vm().pages().busied(frame)) return false;
  if (page.pindex < vnode.stored.size() && vnode.stored[page.pindex]) return false;
  const Lblkno first = int64_t{page.pindex} * vm::kPageSize / vnode.block_bytes();
  const Lblkno last = ((int64_t{page.pindex} + 1) * vm::kPageSize - 1) / vnode.block_bytes();
  const auto it = vnode.bufs.lower_bound(first);
  return it == vnode.bufs.end() || it->first > last;
}

// A disk that conceals failures can make the two differ.
bool Conceals(const sim::Disk& disk) {
  for (const sim::DiskFaultRule& rule : disk.config().faults) {
    if (rule.kind == sim::DiskFaultKind::kTorn || rule.kind == sim::DiskFaultKind::kShort) {
      return true;
    }
  }
  return false;
}

std::string MemoryIsMedium(VfsSystem& vfs) {
  return EachVnode(vfs, [&](Vnode& vnode) -> std::string {
    if (Conceals(vnode.mount.disk) || vnode.lock.held()) return "";
    const vm::Object& object = *vnode.object;
    const int64_t end = SectorsOf(vnode.size);
    for (vm::Pindex pindex = 0; pindex < object.size; ++pindex) {
      const vm::FrameIndex frame = object.Lookup(pindex);
      if (frame == vm::kNoFrame || !Settled(vfs, vnode, frame)) continue;
      for (int s = 0; s < kSectorsPerPage; ++s) {
        const int64_t sector = int64_t{pindex} * kSectorsPerPage + s;
        if ((vfs.vm().pages()[frame].valid >> s & 1) == 0 || sector >= end) continue;
        if (vnode.memory.Get(sector) == vnode.medium.Get(sector)) continue;
        return absl::StrCat("sector ", sector, " is clean and holds ", vnode.memory.Get(sector),
                            " in memory, ", vnode.medium.Get(sector), " on the disk");
      }
    }
    return "";
  });
}

std::string ZerosBehindEnd(VfsSystem& vfs) {
  return EachVnode(vfs, [&](Vnode& vnode) -> std::string {
    if (vnode.size % vm::kPageSize == 0) return "";
    const auto pindex = static_cast<vm::Pindex>(vnode.size / vm::kPageSize);
    const vm::FrameIndex frame = vnode.object->Lookup(pindex);
    const bool stored = pindex < vnode.stored.size() && vnode.stored[pindex];
    if (frame == vm::kNoFrame || stored) return "";
    for (int64_t s = SectorsOf(vnode.size); s < (int64_t{pindex} + 1) * kSectorsPerPage; ++s) {
      const bool valid = (vfs.vm().pages()[frame].valid >> s % kSectorsPerPage & 1) != 0;
      if (!valid || vnode.memory.Get(s) == kZeroTag) continue;
      return absl::StrCat("sector ", s, " behind the end holds ", vnode.memory.Get(s));
    }
    return "";
  });
}

std::string SfBufsSound(VfsSystem& vfs) {
  const auto broken = vfs.sf_bufs().BrokenInvariants();
  if (broken.empty()) return "";
  return absl::StrCat(broken.front().name, ": ", broken.front().detail);
}

constexpr CheckLevel kCheap = CheckLevel::kCheap;
constexpr CheckLevel kFull = CheckLevel::kFull;

constexpr VfsInvariant kInvariants[] = {
    {"file-size-is-objects", kCheap, "a file's object has as many pages as its bytes take",
     "sys/vm/vnode_pager.c, vnode_pager_setsize", SizeOfObject},
    {"file-blocks-inside", kCheap, "no block behind a file's end is on the disk",
     "sys/ufs/ffs/ffs_inode.c, ffs_truncate", BlocksInside},
    {"space-balances", kCheap, "blocks of files and free blocks are all that a file system has",
     "sys/ufs/ffs/ffs_alloc.c, ffs_blkfree", SpaceBalances},
    {"file-zeros-behind-end", kCheap,
     "what memory holds behind a file's end is zeros, unless it was stored through a mapping",
     "sys/vm/vnode_pager.c, vnode_pager_subpage_purge", ZerosBehindEnd},
    {"running-space", kCheap, "runningbufspace is the sum of the transfers that count",
     "sys/kern/vfs_bio.c, runningbufwakeup", RunningSpace},
    {"vnode-pbufs-balance", kCheap, "each of the pager's buffers is free or in one read",
     "sys/vm/vm_pager.c, vm_pager_bufferinit", PbufsBalance},
    {"buf-identity", kFull, "a block's buffer is that block's", "sys/kern/vfs_subr.c, bgetvp",
     BufIdentity},
    {"buf-idle-is-dirty", kFull, "a buffer that nobody owns is dirty", "sys/kern/vfs_bio.c, brelse",
     BufIdleIsDirty},
    {"buf-pages-wired", kFull, "a buffer's pages are those of its block, and wired",
     "sys/kern/vfs_bio.c, vfs_vmio_extend", BufPagesWired},
    {"buf-transfer-busies", kFull, "the pages of a transfer under way are shared-busied",
     "sys/kern/vfs_bio.c, vfs_busy_pages", BufLoadingBusy},
    {"buf-dirty-counts", kFull, "dirty buffers are counted, by file and in all",
     "sys/kern/vfs_bio.c, bdirtyadd", DirtyCounts},
    {"buf-dirty-queue", kFull, "each dirty buffer stands once in the queue, by age",
     "sys/kern/vfs_bio.c, binsfree", DirtyQueue},
    {"buf-dirty-is-valid", kFull, "what a dirty buffer will write is valid",
     "sys/kern/vfs_bio.c, bdwrite", DirtyInsideValid},
    {"writes-in-flight", kFull, "bo_numoutput counts the file's buffers that are being written",
     "sys/kern/vfs_subr.c, bufobj_wref", WritesInFlight},
    {"file-clean-is-medium", kFull,
     "a valid sector that is clean and at rest holds what the disk holds",
     "sys/kern/vfs_bio.c, vfs_busy_pages", MemoryIsMedium},
    {"sf-bufs-sound", kFull, "the pool of sf_bufs is in order (its own named checks)",
     "sys/kern/subr_sfbuf.c", SfBufsSound},
};

}  // namespace

const std::vector<VfsInvariant>& VfsInvariants() {
  static const auto& invariants =
      *new std::vector<VfsInvariant>(std::begin(kInvariants), std::end(kInvariants));
  return invariants;
}

std::optional<vm::Violation> CheckVfs(VfsSystem& vfs, vm::CheckLevel level) {
  for (const VfsInvariant& invariant : VfsInvariants()) {
    if (invariant.level > level) continue;
    std::string wrong = invariant.check(vfs);
    if (!wrong.empty()) return vm::Violation{invariant.name, std::move(wrong)};
  }
  return std::nullopt;
}

}  // namespace vmsim::vfs
