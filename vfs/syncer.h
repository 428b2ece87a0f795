// vfs/syncer.h: the syncer: files that stayed dirty for half a minute are written.
//
// A file whose first buffer becomes dirty is put `filedelay` seconds ahead on a wheel of one-second
// slots. Each second the syncer writes the buffers of the files in its slot, without waiting for
// them; a file that is locked, or dirty still, comes back later. Every `filedelay` seconds it also
// starts writing the pages that were dirtied through mappings (but not those of MAP_NOSYNC maps),
// which no buffer knows of.
//
// The laundry thread hurries it (speedup_syncer) when locked vnodes keep it from its pages: then it
// goes on to the next slot at once, at most half a wheel ahead of the clock.
//
// Model: FreeBSD sys/kern/vfs_subr.c (sched_sync, sync_vnode, vn_syncer_add_to_worklist,
// speedup_syncer, sync_fsync, vfs_msync). Its interval is SYNCER_MAXDELAY 32 slots, filedelay 30 s.
#ifndef VMSIM_VFS_SYNCER_H_
#define VMSIM_VFS_SYNCER_H_

#include <array>
#include <cstdint>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/wait_channel.h"
#include "vfs/buf.h"
#include "vfs/file_stats.h"
#include "vfs/vnode.h"
#include "vm/vm_system.h"

namespace vmsim::vfs {

// All vnodes of the machine, in order of creation; vacant entries are null.
using VnodeTable = std::vector<std::unique_ptr<Vnode>>;

class Syncer final : public BufferCache::DirtyObserver {
 public:
  static constexpr int kMaxDelay = 32;      // SYNCER_MAXDELAY: slots of the wheel.
  static constexpr int kDefaultDelay = 30;  // kern.filedelay, syncdelay: seconds.

  struct Parts {
    sim::Engine& engine;
    vm::VmSystem& vm;
    BufferCache& bufs;
    VnodeTable& vnodes;
    FileStats& stats;
  };
  // `delay_s`: kern.filedelay, 1..kMaxDelay - 2.
  Syncer(const Parts& parts, int delay_s);

  // The syncer's thread.
  sim::Task<void> Run();
  // speedup_syncer. Wakes it; it goes on to the next slot, unless it is far ahead already.
  void Speedup();
  // BufferCache::DirtyObserver: puts the file on the wheel.
  void OnDirty(Vnode& vnode) override;
  // The file is gone.
  void Forget(const Vnode& vnode);

 private:
  Parts p_;
  int delay_s_;
  int next_slot_ = 0;
  int rush_ = 0;
  std::array<std::vector<VnodeId>, kMaxDelay> wheel_;
  sim::WaitChannel channel_;  // "syncer"

  sim::Task<void> RunSlot();
  sim::Task<bool> SyncVnode(Vnode& vnode);
  sim::Task<void> SyncMapped();
  void Add(Vnode& vnode, int delay_s);
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_SYNCER_H_
