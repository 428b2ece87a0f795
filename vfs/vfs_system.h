// vfs/vfs_system.h: the files of one machine, wired together.
//
//     FileOps (read, write, fsync, ftruncate) --> BufferCache --.
//          |                                        ^           |--> FileDevice --> sim::Disk
//     vm's faults, laundry, msync --> VnodePager ---'-----------'
//                                                   buf_daemon, syncer: write what stayed dirty
//
// Namespace operations are here: create, look up, unlink, open, close. They cost no I/O
// (vfs/mount.h).
#ifndef VMSIM_VFS_VFS_SYSTEM_H_
#define VMSIM_VFS_VFS_SYSTEM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/disk.h"
#include "sim/engine.h"
#include "sim/trace.h"
#include "vfs/buf.h"
#include "vfs/file_device.h"
#include "vfs/file_ops.h"
#include "vfs/file_stats.h"
#include "vfs/syncer.h"
#include "vfs/vnode.h"
#include "vfs/vnode_pager.h"
#include "vm/object_sync.h"
#include "vm/sf_buf.h"
#include "vm/vm_system.h"

namespace vmsim::vfs {

struct VfsConfig {
  vm::SfBufConfig sf_bufs;
  int filedelay_s = Syncer::kDefaultDelay;  // kern.filedelay
  int64_t hirunningspace = 0;               // vfs.hirunningspace: bytes; 0: by memory.
  int64_t lorunningspace = 0;
  int64_t hidirtybuffers = 0;  // vfs.hidirtybuffers; 0: by memory.
  int64_t lodirtybuffers = 0;
};

// How a file that exists when the simulation begins lies on the disk.
struct FileLayout {
  int64_t bytes = 0;
  int64_t fragment_blocks = 0;  // Blocks in a row; 0: as many as there are.
  int64_t gap_blocks = 0;       // Blocks left out on the disk between two fragments.
  // Holes: every nth fragment is not allocated; 0: none.
  int64_t hole_every = 0;
};

class VfsSystem final : public vm::FileSync, public VnodeOwner {
 public:
  VfsSystem(sim::Engine& engine, sim::Trace& trace, vm::VmSystem& vm, const VfsConfig& config);
  ~VfsSystem() override;
  VfsSystem(const VfsSystem&) = delete;
  VfsSystem& operator=(const VfsSystem&) = delete;

  // Starts the buffer daemon and the syncer, if there is any mount.
  void Start();

  Mount& AddMount(const MountConfig& config, sim::Disk& disk);
  // A file that is there when the simulation begins, with contents (kInitialTag). Null: the mount
  // has not enough room. Requires: the name is new.
  Vnode* AddFile(Mount& mount, const std::string& name, const FileLayout& layout);

  // open(2). `*error`: ENOENT; EEXIST with `exclusive`. Null with an error. Close it with Close.
  struct OpenOptions {
    bool create = false;
    bool exclusive = false;
    Mount* mount = nullptr;  // Where to create.
  };
  Vnode* Open(const std::string& name, const OpenOptions& options, int* error);
  sim::Task<void> Close(Vnode& vnode);
  // unlink(2): 0 or ENOENT. The file goes when nobody has it open or mapped.
  sim::Task<int> Unlink(const std::string& name);
  // The file of this name, or null.
  Vnode* Find(const std::string& name) const;

  // Power fails (vfs/file_device.h). The machine must not run on.
  CrashOutcome Crash(uint64_t run_seed);

  const std::vector<std::unique_ptr<Mount>>& mounts() const { return mounts_; }
  const VnodeTable& vnodes() const { return vnodes_; }
  FileStats& stats() { return stats_; }
  const FileStats& stats() const { return stats_; }
  FileDevice& device() { return device_; }
  BufferCache& bufs() { return bufs_; }
  VnodePager& pager() { return pager_; }
  FileOps& ops() { return ops_; }
  vm::SfBufs& sf_bufs() { return sf_bufs_; }
  Syncer& syncer() { return syncer_; }
  vm::VmSystem& vm() { return vm_; }
  sim::Engine& engine() { return engine_; }

  // vm::FileSync, for msync.
  sim::Task<void> Lock(vm::Object& object) override;
  void Unlock(vm::Object& object) override;
  sim::Task<bool> Fsync(vm::Object& object) override;
  sim::Task<bool> FsyncRange(vm::Object& object, vm::Pindex start, vm::Pindex end) override;
  void Promised(vm::Object& object, vm::Pindex start, vm::Pindex end) override;
  bool IoUnderWay() const override { return device_.in_flight() > 0; }
  void SpeedupSyncer() override { syncer_.Speedup(); }
  // VnodeOwner.
  void Reclaim(Vnode& vnode) override;

 private:
  friend class VfsInvariants;

  Vnode& NewVnode(Mount& mount, const std::string& name, int64_t bytes);
  bool Lay(Vnode& vnode, const FileLayout& layout);
  void MakeHole(Vnode& vnode, Lblkno first, int64_t count);
  void SettleAll(Vnode& vnode);
  sim::Task<void> Inactive(Vnode& vnode);

  sim::Engine& engine_;
  vm::VmSystem& vm_;
  FileStats stats_;
  BufLimits limits_;
  std::vector<std::unique_ptr<Mount>> mounts_;
  VnodeTable vnodes_;
  std::map<std::string, VnodeId> names_;
  vm::SfBufs sf_bufs_;
  FileDevice device_;
  BufferCache bufs_;
  VnodePager pager_;
  FileOps ops_;
  Syncer syncer_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_VFS_SYSTEM_H_
