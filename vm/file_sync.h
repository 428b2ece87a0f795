// vm/file_sync.h: what the memory system needs of whoever owns the files, beyond their pager.
#ifndef VMSIM_VM_FILE_SYNC_H_
#define VMSIM_VM_FILE_SYNC_H_

#include "sim/task.h"
#include "vm/page.h"

namespace vmsim::vm {

struct Object;

// For objects of type kVnode.
class FileSync {
 public:
  virtual ~FileSync() = default;

  // The file is going to be written (vn_start_write, vn_lock): waits as long as it takes.
  virtual sim::Task<void> Lock(Object& object) = 0;
  virtual void Unlock(Object& object) = 0;
  // Everything written to the file so far reaches the disk (VOP_FSYNC, MNT_WAIT). False: some of it
  // could not be written. Called with the lock held.
  virtual sim::Task<bool> Fsync(Object& object) = 0;
  // The same for pages [start, end) only. The kernel does not: what an earlier call left in a buffer
  // for a delayed write is then not on the disk although msync says so.
  virtual sim::Task<bool> FsyncRange(Object& object, Pindex start, Pindex end) { co_return true; }
  // What pages [start, end) contained when the lock was taken is on the disk, and whoever asked is
  // going to be told so. Called with the lock held.
  virtual void Promised(Object& object, Pindex start, Pindex end) {}
  // Whether transfers of files are under way.
  virtual bool IoUnderWay() const { return false; }
  // Files that were skipped because they are locked shall be written soon (speedup_syncer).
  virtual void SpeedupSyncer() {}
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_FILE_SYNC_H_
