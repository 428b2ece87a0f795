// vm/object_sync.h: writing back what was changed through mappings: msync.
//
// Only files have something to write to: anonymous memory is passed over. Dirty pages go out in
// runs of up to 32 neighbours, through the object's pager:
//
//     page found dirty: 12      forward to the first that is clean or busy, then backward
//     run                       10 11 | 12 13 14 15      and on with page 16
//
// An object knows whether it might have dirty pages at all: `generation` moves whenever a page may
// become dirty through a mapping, and a complete cleaning notes at which generation it began.
//
// Model: FreeBSD sys/vm/vm_map.c (vm_map_sync), vm_object.c (vm_object_sync, vm_object_page_clean,
// vm_object_page_collect_flush, vm_object_page_remove_write), vm_pageout.c (vm_pageout_flush).
#ifndef VMSIM_VM_OBJECT_SYNC_H_
#define VMSIM_VM_OBJECT_SYNC_H_

#include <cstdint>

#include "sim/engine.h"
#include "sim/task.h"
#include "vm/file_sync.h"
#include "vm/map.h"
#include "vm/object_ops.h"
#include "vm/page_allocator.h"
#include "vm/page_tables.h"
#include "vm/pageout_flush.h"
#include "vm/reclaim.h"

namespace vmsim::vm {

// OBJPC_*.
enum PageCleanFlags : int { kCleanSync = 0x1, kCleanInval = 0x2, kCleanNoSync = 0x4 };

class ObjectSync {
 public:
  struct Parts {
    sim::Engine& engine;
    PageArray& pages;
    PageTables& page_tables;
    ObjectTable& objects;
    ObjectOps& object_ops;
    PageAllocator& allocator;
  };
  explicit ObjectSync(const Parts& parts) : p_(parts) {}
  void set_reclaim(Reclaim* reclaim) { reclaim_ = reclaim; }
  // Without one files are written without a lock, and a whole file page by page, synchronously.
  void set_file_sync(FileSync* file_sync) { file_sync_ = file_sync; }
  // Largest run (vm_pageout_page_count): 32, or 8 on a small machine.
  void set_cluster_pages(int pages) { cluster_pages_ = pages; }

  // Writes the dirty pages of [start, end) (end 0: to the object's size), of runs that begin there
  // also what lies outside. False: a page could not be written. kCleanNoSync passes over pages that
  // the syncer is to leave alone. With kCleanSync or kCleanInval the writes are synchronous, and
  // with kCleanSync pages that may have become dirty meanwhile are written, too. Waits for busy
  // pages. Does nothing to an object that is not a file's. Requires: a reference is held.
  sim::Task<bool> PageClean(ObjectId id, Pindex start, Pindex end, int flags);
  // vm_object_sync: the part of msync below the map. Descends to the file at the end of the chain.
  // With `invalidate` what is clean afterwards is freed. False: as PageClean, or fsync failed.
  // Requires: the caller holds a reference; with `invalidate` it has unmapped the range.
  sim::Task<bool> Sync(ObjectId id, Pindex offset, uint32_t pages, bool sync, bool invalidate);
  // vm_map_sync over whole pages. Returns 0, ENOMEM (a hole), EBUSY (invalidating what the user
  // wired) or EIO, the latter after everything was tried. start == end stands for the whole entry
  // at `start`.
  sim::Task<int> SyncMap(AddressSpace& space, Vpage start, Vpage end, bool sync, bool invalidate);

 private:
  // One call of PageClean.
  struct Cleaning {
    Object& object;
    const int flags;
    bool all_clean;  // Nothing was left dirty, the whole object being looked at.
    bool ok = true;
  };

  bool RemoveWrite(Cleaning& cleaning, FrameIndex frame);
  FrameIndex Neighbour(Cleaning& cleaning, Pindex pindex);
  sim::Task<int> FlushRun(Cleaning& cleaning, FrameIndex frame);
  sim::Task<bool> CleanFile(Object& file, Pindex start, Pindex end, bool sync, bool invalidate);
  static int CheckRange(const AddressSpace& space, Vpage start, Vpage end, bool invalidate);
  void Unmap(AddressSpace& space, Vpage start, Vpage end);

  Parts p_;
  Reclaim* reclaim_ = nullptr;
  FileSync* file_sync_ = nullptr;
  int cluster_pages_ = PageoutCluster::kMaxPages;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_OBJECT_SYNC_H_
