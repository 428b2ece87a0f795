// vfs/vnode.h: a file in use: its size, its blocks, its pages, its contents.
//
// A vnode's pages belong to an object of type kVnode, to which the vnode holds one reference as long
// as the file has a name or is open; map entries hold the others. An unlinked file is gone when the
// last of them goes.
//
// What the file contains is known twice, sector by sector (vfs/types.h, Tag): as programs see it
// through resident valid pages (`memory`) and as it is on the disk (`medium`). Simulated programs
// store through mappings without saying what: such a page gets a new tag when the store first
// faults, and another one when the page is written out, for there may have been more stores.
//
// Model: FreeBSD sys/sys/vnode.h, bufobj.h; the size in bytes is that of the vnode pager
// (un_pager.vnp.vnp_size), not the object's in pages.
#ifndef VMSIM_VFS_VNODE_H_
#define VMSIM_VFS_VNODE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/time.h"
#include "sim/wait_channel.h"
#include "vfs/block_map.h"
#include "vfs/mount.h"
#include "vfs/sector_tags.h"
#include "vfs/types.h"
#include "vfs/vnode_lock.h"
#include "vm/object.h"

namespace vmsim::vfs {

using BufIndex = uint32_t;
inline constexpr BufIndex kNoBuf = UINT32_MAX;

struct Vnode {
  Vnode(VnodeId vnode_id, std::string vnode_name, Mount& vnode_mount, int64_t initial_bytes)
      : id(vnode_id),
        name(std::move(vnode_name)),
        mount(vnode_mount),
        map(vnode_mount.block_bytes(), vnode_mount.maxrun()),
        memory(SectorsOf(initial_bytes)),
        medium(SectorsOf(initial_bytes)),
        size(initial_bytes) {}

  int32_t block_bytes() const { return mount.block_bytes(); }
  int64_t pages() const { return PagesOf(size); }
  // Bytes of the buffer of a block: whole sectors, cut at the end of the file; 0 behind it.
  int64_t BufBytes(Lblkno lblkno) const {
    const int64_t start = lblkno * block_bytes();
    if (start >= size) return 0;
    const int64_t bytes = RoundUp(size - start, kSectorBytes);
    return bytes < block_bytes() ? bytes : block_bytes();
  }

  const VnodeId id;
  const std::string name;
  Mount& mount;
  BlockMap map;
  SectorTags memory;
  SectorTags medium;
  int64_t size;  // vnp_size: bytes.
  vm::Object* object = nullptr;
  VnodeLock lock;
  bool unlinked = false;
  bool inactive = false;              // It has given up its reference to the object.
  bool doomed = false;                // VIRF_DOOMED: every operation fails from now on.
  int usecount = 0;                   // Processes that have it open.
  Daddr allocate_next = kHole;        // Where its next block had best be.
  std::vector<bool> stored;           // By page: stored to through a mapping since last written.
  std::vector<bool> read_ahead_mark;  // B_RAM, by block: reading it shall read on.

  // Its buffers (vfs/buf.h), by block; those that are dirty; those whose write is under way.
  std::map<Lblkno, BufIndex> bufs;
  int dirty_bufs = 0;               // bo_dirty.bv_cnt
  int writes_in_flight = 0;         // bo_numoutput
  sim::WaitChannel output_channel;  // "bo_wwait": until there is none.
  bool on_worklist = false;         // The syncer will come to it.
  // A write was given up and its data lost: the next fsync says so once.
  int write_error = 0;
  // While it is locked for msync: what was stored up to then is going to be promised.
  Tag promise_tag = kZeroTag;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_VNODE_H_
