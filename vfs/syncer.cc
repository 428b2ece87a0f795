#include "vfs/syncer.h"

#include <algorithm>
#include <utility>

namespace vmsim::vfs {

Syncer::Syncer(const Parts& parts, int delay_s) : p_(parts), delay_s_(delay_s) {
  CHECK_GE(delay_s, 1);
  CHECK_LE(delay_s, kMaxDelay - 2);
}

// vn_syncer_add_to_worklist.
void Syncer::Add(Vnode& vnode, int delay_s) {
  vnode.on_worklist = true;
  wheel_[static_cast<size_t>(next_slot_ + delay_s) % kMaxDelay].push_back(vnode.id);
}

void Syncer::OnDirty(Vnode& vnode) {
  if (!vnode.on_worklist) Add(vnode, delay_s_);
}

void Syncer::Forget(const Vnode& vnode) {
  if (!vnode.on_worklist) return;
  for (std::vector<VnodeId>& slot : wheel_) std::erase(slot, vnode.id);
}

void Syncer::Speedup() {
  // Further ahead it would write what has only just become dirty.
  if (rush_ >= delay_s_ / 2) return;
  ++rush_;
  ++p_.stats.syncer_rushes;
  channel_.WakeAll();
}

sim::Task<void> Syncer::Run() {
  int seconds = 0;
  while (true) {
    const sim::SimTime begun = p_.engine.now();
    co_await p_.engine.Consume(p_.vm.config().costs.daemon_pass_ns);
    co_await RunSlot();
    if (++seconds >= delay_s_) {
      seconds = 0;
      co_await SyncMapped();
    }
    if (rush_ > 0) {
      --rush_;
      continue;
    }
    // A slot whose files took it into the next second is late already.
    if (p_.engine.now() / sim::kSecond != begun / sim::kSecond) continue;
    co_await channel_.Sleep(p_.engine, sim::kPriorityDaemon, "syncer",
                            {.timeout_ns = sim::kSecond});
  }
}

// Writes the files of the next slot.
sim::Task<void> Syncer::RunSlot() {
  const std::vector<VnodeId> due = std::exchange(wheel_[static_cast<size_t>(next_slot_)], {});
  next_slot_ = (next_slot_ + 1) % kMaxDelay;
  for (const VnodeId id : due) {
    Vnode* vnode = p_.vnodes[id].get();
    if (vnode == nullptr || vnode->object == nullptr) continue;
    vnode->on_worklist = false;
    const bool synced = co_await SyncVnode(*vnode);
    if (!synced) {
      Add(*vnode, 0);  // To the slot that is next now.
    } else if (p_.vnodes[id] != nullptr && p_.vnodes[id]->dirty_bufs > 0) {
      // Still dirty, or again: the writes have only been started, and some may fail.
      if (!p_.vnodes[id]->on_worklist) Add(*p_.vnodes[id], delay_s_);
    }
  }
}

// VOP_FSYNC with MNT_LAZY: starts writing the buffers. False: somebody has the file locked.
sim::Task<bool> Syncer::SyncVnode(Vnode& vnode) {
  if (!vnode.lock.TryLock(p_.engine, LockType::kExclusive)) {
    ++p_.stats.syncer_skips;
    co_return false;
  }
  // The paging count keeps the object, and so the vnode.
  vm::Object& object = *vnode.object;
  object.PipAdd();
  ++p_.stats.syncer_fsyncs;
  co_await p_.bufs.SyncVnode(vnode, /*wait=*/false);
  vnode.lock.Unlock(p_.engine);
  object.PipWakeup();
  co_return true;
}

// vfs_msync: starts writing the pages that mappings made dirty.
sim::Task<void> Syncer::SyncMapped() {
  for (size_t id = 0; id < p_.vnodes.size(); ++id) {
    Vnode* vnode = p_.vnodes[id].get();
    if (vnode == nullptr || vnode->object == nullptr || vnode->object->dead()) continue;
    vm::Object& object = *vnode->object;
    if (!object.might_be_dirty()) continue;
    if (!vnode->lock.TryLock(p_.engine, LockType::kExclusive)) {
      ++p_.stats.syncer_skips;
      continue;
    }
    object.PipAdd();
    vm::ObjectSync& sync = p_.vm.sync();
    co_await sync.PageClean(object.id, 0, 0, vm::kCleanNoSync);
    vnode->lock.Unlock(p_.engine);
    object.PipWakeup();
  }
}

}  // namespace vmsim::vfs
