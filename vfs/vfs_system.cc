#include "vfs/vfs_system.h"

#include <algorithm>
#include <utility>

#include "sim/random.h"
#include "vfs/errno.h"

namespace vmsim::vfs {
namespace {

BufLimits LimitsOf(const VfsConfig& config, uint32_t frames) {
  BufLimits limits = ComputeBufLimits(frames);
  if (config.hirunningspace > 0) {
    limits.hirunningspace = config.hirunningspace;
    limits.lorunningspace = config.hirunningspace * 2 / 3;
  }
  if (config.lorunningspace > 0) limits.lorunningspace = config.lorunningspace;
  if (config.hidirtybuffers > 0) {
    limits.hidirtybuffers = config.hidirtybuffers;
    limits.lodirtybuffers = config.hidirtybuffers / 2;
    limits.dirtybufthresh = config.hidirtybuffers * 9 / 10;
  }
  if (config.lodirtybuffers > 0) limits.lodirtybuffers = config.lodirtybuffers;
  return limits;
}

}  // namespace

VfsSystem::VfsSystem(sim::Engine& engine, sim::Trace& trace, vm::VmSystem& vm,
                     const VfsConfig& config)
    : engine_(engine),
      vm_(vm),
      limits_(LimitsOf(config, vm.config().frames)),
      sf_bufs_(engine, vm.pages(), config.sf_bufs),
      device_(engine, trace, stats_, {limits_.hirunningspace, limits_.lorunningspace}),
      bufs_(engine, trace, vm, device_, stats_, limits_),
      pager_({engine, vm, device_, bufs_, sf_bufs_, stats_, *this}),
      ops_({engine, trace, vm, bufs_, pager_, stats_}),
      syncer_({engine, vm, bufs_, vnodes_, stats_}, config.filedelay_s) {
  pager_.set_file_ops(&ops_);
  bufs_.set_dirty_observer(&syncer_);
  vm_.set_file_sync(this);
}

VfsSystem::~VfsSystem() { vm_.set_file_sync(nullptr); }

void VfsSystem::Start() {
  if (mounts_.empty()) return;
  bufs_.AddCleaner(engine_.Spawn("bufdaemon", sim::kPriorityDaemon, bufs_.Daemon()));
  bufs_.AddCleaner(engine_.Spawn("syncer", sim::kPriorityDaemon, syncer_.Run()));
}

Mount& VfsSystem::AddMount(const MountConfig& config, sim::Disk& disk) {
  mounts_.push_back(std::make_unique<Mount>(config, disk));
  return *mounts_.back();
}

Vnode& VfsSystem::NewVnode(Mount& mount, const std::string& name, int64_t bytes) {
  const auto id = static_cast<VnodeId>(vnodes_.size());
  vnodes_.push_back(std::make_unique<Vnode>(id, name, mount, bytes));
  Vnode& vnode = *vnodes_.back();
  names_.emplace(name, id);
  // The vnode's own reference is the one that a new object has.
  vm::Object& object =
      vm_.objects().Create(vm::ObjectType::kVnode, static_cast<uint32_t>(vnode.pages()));
  pager_.Attach(vnode, object);
  return vnode;
}

Vnode* VfsSystem::AddFile(Mount& mount, const std::string& name, const FileLayout& layout) {
  CHECK(names_.find(name) == names_.end(), "file=", name);
  Vnode& vnode = NewVnode(mount, name, layout.bytes);
  return Lay(vnode, layout) ? &vnode : nullptr;
}

// Gives the file its blocks, fragment by fragment. False: there are not enough.
bool VfsSystem::Lay(Vnode& vnode, const FileLayout& layout) {
  const int64_t blocks = CeilDiv(layout.bytes, vnode.block_bytes());
  const int64_t piece = layout.fragment_blocks > 0 ? layout.fragment_blocks : blocks;
  DiskSpace& space = vnode.mount.space;
  int64_t number = 0;
  for (Lblkno at = 0; at < blocks; at += piece, ++number) {
    const int64_t count = std::min(piece, blocks - at);
    if (layout.hole_every > 0 && number % layout.hole_every == layout.hole_every - 1) {
      MakeHole(vnode, at, count);
      continue;
    }
    int64_t done = 0;
    while (done < count) {
      const DiskSpace::Run run = space.Allocate(count - done, vnode.allocate_next);
      if (run.sector == kHole) return false;
      vnode.map.Map(at + done, run.count, run.sector);
      done += run.count;
      vnode.allocate_next = run.sector + (run.count + (done == count ? layout.gap_blocks : 0)) *
                                             vnode.mount.sectors_per_block();
    }
  }
  return true;
}

// Blocks that a file of the beginning has not got hold zeros.
void VfsSystem::MakeHole(Vnode& vnode, Lblkno first, int64_t count) {
  const int64_t per_block = vnode.mount.sectors_per_block();
  vnode.medium.SetRange(first * per_block, count * per_block, kZeroTag);
  vnode.memory.SetRange(first * per_block, count * per_block, kZeroTag);
}

Vnode* VfsSystem::Find(const std::string& name) const {
  const auto it = names_.find(name);
  return it == names_.end() ? nullptr : vnodes_[it->second].get();
}

Vnode* VfsSystem::Open(const std::string& name, const OpenOptions& options, int* error) {
  *error = 0;
  Vnode* vnode = Find(name);
  if (vnode != nullptr && options.create && options.exclusive) {
    *error = kEexist;
    return nullptr;
  }
  if (vnode == nullptr) {
    if (!options.create || options.mount == nullptr) {
      *error = kEnoent;
      return nullptr;
    }
    vnode = &NewVnode(*options.mount, name, 0);
  }
  ++vnode->usecount;
  return vnode;
}

sim::Task<void> VfsSystem::Close(Vnode& vnode) {
  CHECK_GT(vnode.usecount, 0, "file=", vnode.name);
  --vnode.usecount;
  co_await Inactive(vnode);
}

sim::Task<int> VfsSystem::Unlink(const std::string& name) {
  Vnode* vnode = Find(name);
  if (vnode == nullptr) co_return kEnoent;
  names_.erase(name);
  vnode->unlinked = true;
  co_await Inactive(*vnode);
  co_return 0;
}

// A file without a name that nobody has open gives up its reference to its pages; what maps it keeps
// them until it goes (vinactive).
sim::Task<void> VfsSystem::Inactive(Vnode& vnode) {
  if (!vnode.unlinked || vnode.usecount > 0 || vnode.inactive) co_return;
  vnode.inactive = true;
  co_await vm_.Deallocate(vnode.object->id);
}

// The end of a vnode: its blocks are free (vgone, ffs_reclaim after a truncation to nothing).
void VfsSystem::Reclaim(Vnode& vnode) {
  bufs_.Discard(vnode);
  syncer_.Forget(vnode);
  for (const Extent& extent : vnode.map.Truncate(0)) {
    vnode.mount.space.Free(extent.sector, extent.count);
  }
  CHECK(!vnode.lock.held(), "a file ends while it is locked: ", vnode.name);
  vnodes_[vnode.id].reset();
}

CrashOutcome VfsSystem::Crash(uint64_t run_seed) {
  return device_.Crash(sim::NamedStream(run_seed, "crash"));
}

// What was stored through mappings up to here is what a successful msync or fsync will promise.
void VfsSystem::SettleAll(Vnode& vnode) {
  for (size_t i = 0; i < vnode.stored.size(); ++i) {
    if (vnode.stored[i]) bufs_.SettleStores(vnode, static_cast<vm::Pindex>(i));
  }
}

sim::Task<void> VfsSystem::Lock(vm::Object& object) {
  Vnode& vnode = pager_.VnodeOf(object);
  co_await vnode.lock.Lock(engine_, LockType::kExclusive);
  SettleAll(vnode);
  vnode.promise_tag = bufs_.newest_tag();
}

void VfsSystem::Unlock(vm::Object& object) { pager_.VnodeOf(object).lock.Unlock(engine_); }

sim::Task<bool> VfsSystem::Fsync(vm::Object& object) {
  Vnode& vnode = pager_.VnodeOf(object);
  const int error = co_await bufs_.SyncVnode(vnode, /*wait=*/true);
  const int lost = std::exchange(vnode.write_error, 0);
  co_return error == 0 && lost == 0;
}

sim::Task<bool> VfsSystem::FsyncRange(vm::Object& object, vm::Pindex start, vm::Pindex end) {
  Vnode& vnode = pager_.VnodeOf(object);
  const Lblkno first = int64_t{start} * vm::kPageSize / vnode.block_bytes();
  const Lblkno behind = CeilDiv(int64_t{end} * vm::kPageSize, vnode.block_bytes());
  const int error = co_await bufs_.SyncRange(vnode, first, behind);
  // Data that were lost earlier may have been of this range; fsync will tell once more.
  co_return error == 0 && vnode.write_error == 0;
}

void VfsSystem::Promised(vm::Object& object, vm::Pindex start, vm::Pindex end) {
  Vnode& vnode = pager_.VnodeOf(object);
  const int64_t stop = std::min(int64_t{end} * vm::kPageSize, vnode.size);
  const int64_t from = int64_t{start} * vm::kPageSize;
  if (from < stop) ops_.NoteSafe(vnode, from, stop - from, vnode.promise_tag);
}

}  // namespace vmsim::vfs
