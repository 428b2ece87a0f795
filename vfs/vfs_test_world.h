// vfs/vfs_test_world.h: a memory system with one file system that a test drives step by step.
//
// The disk is of the fixed model, 100 us a request, one at a time. Neither the page daemon nor the
// syncer nor the buffer daemon runs unless asked for. The file "f" is there from the beginning.
#ifndef VMSIM_VFS_VFS_TEST_WORLD_H_
#define VMSIM_VFS_VFS_TEST_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/disk.h"
#include "sim/task.h"
#include "vfs/vfs_system.h"
#include "vm/vm_test_world.h"

namespace vmsim::vfs {

class VfsTestWorld {
 public:
  struct Options {
    uint32_t frames = 4000;
    int64_t disk_bytes = 64 << 20;
    MountConfig mount = {.block_bytes = 16 << 10, .iosize_max = 128 << 10};
    FileLayout file = {.bytes = 1 << 20};
    VfsConfig vfs;
    std::vector<sim::DiskFaultRule> faults;
    vm::Tunables tunables;
    bool daemons = false;
  };
  explicit VfsTestWorld(const Options& options);
  VfsTestWorld() : VfsTestWorld(Options()) {}
  // Checks the invariants, then ends all threads.
  ~VfsTestWorld();
  VfsTestWorld(const VfsTestWorld&) = delete;
  VfsTestWorld& operator=(const VfsTestWorld&) = delete;

  // CHECKs every invariant, as Run and the destructor do when they are through.
  void CheckInvariants();
  // From now on nobody does: the test is about to break something.
  void StopChecking() {
    checking_ = false;
    world_.StopChecking();
  }

  sim::Engine& engine() { return world_.engine(); }
  vm::VmTestWorld& world() { return world_; }
  vm::VmSystem& vm() { return world_.vm(); }
  VfsSystem& vfs() { return *vfs_; }
  sim::Disk& disk() { return *disk_; }
  Vnode& file() { return *vfs_->Find("f"); }
  OpenFile& open() { return open_; }
  FileStats& stats() { return vfs_->stats(); }
  const vm::VmCounters& counters() { return world_.counters(); }

  // Runs a call in a thread of its own to its end.
  template <typename T>
  T Do(sim::Task<T> call) {
    T result{};
    world_.Finish(world_.Start("call", Keep(std::move(call), &result)));
    return result;
  }
  void Do(sim::Task<void> call) { world_.Finish(world_.Start("call", std::move(call))); }
  template <typename T>
  sim::Thread* Begin(sim::Task<T> call, T* result) {
    return world_.Start("call", Keep(std::move(call), result));
  }
  void Run() {
    world_.Run();
    CheckInvariants();
  }

  // Maps `pages` pages of "f" from `first` on into a new process.
  vm::VmTestWorld::Area Map(uint32_t pages, vm::Pindex first = 0, bool is_private = false);
  // Tags of sectors [first, first + count): in memory, on the medium. As "1 1 0 7".
  std::string Memory(int64_t first, int64_t count) { return Tags(file().memory, first, count); }
  std::string Medium(int64_t first, int64_t count) { return Tags(file().medium, first, count); }
  // VmTestWorld::Picture of pages of "f".
  std::string Picture(vm::Pindex first, uint32_t count) {
    return world_.Picture(*file().object, first, count);
  }
  int64_t reads() { return disk_->stats().reads(); }
  int64_t writes() { return disk_->stats().writes(); }

 private:
  template <typename T>
  static sim::Task<void> Keep(sim::Task<T> call, T* result) {
    *result = co_await call;
  }
  static std::string Tags(const SectorTags& tags, int64_t first, int64_t count);

  vm::VmTestWorld world_;
  std::unique_ptr<sim::Disk> disk_;
  std::unique_ptr<VfsSystem> vfs_;
  OpenFile open_;
  bool checking_ = true;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_VFS_TEST_WORLD_H_
