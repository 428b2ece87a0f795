// vfs/mpool_memory.h: buffers of pools in the pageable memory of simulated processes.
//
// Two kinds of memory. A heap is one process's, as malloc has it: it maps more when it needs more,
// and keeps what is freed for the next. An area is mapped once, at its full size, and shared by a
// process with the children that it forks from then on (MAP_SHARED | MAP_ANON); every process
// touches it through its own mapping, at the same addresses.
//
//     page      0         1         2         3
//               [64|64|..][ 4096   ][ 12000 ......................]
//                 slots of one size, several in a page; from a page on, whole pages
//
// A buffer of up to half a page is as large as the next power of two, at least 16, and lies in
// a page of such buffers only. The lowest free place of a size is given first. A page whose slots
// are all free is free for every size. Nothing is unmapped before the process ends.
//
// Errors: ENOMEM: no swap can be reserved, page tables are used up, a heap would exceed
// kMaxHeapPages or an area is full; EFAULT: a page could not be had, or the process was killed.
//
// Model: FreeBSD jemalloc's size classes, much simplified; sys/vm/vm_mmap.c (mmap, mlock);
// lib/libc/db/mpool/mpool.c, which gets its buffers by malloc.
#ifndef VMSIM_VFS_MPOOL_MEMORY_H_
#define VMSIM_VFS_MPOOL_MEMORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "vfs/mpool_io.h"
#include "vm/process.h"
#include "vm/vm_system.h"

namespace vmsim::vfs {

// Where heaps and areas lie, far from what a process maps otherwise.
inline constexpr vm::Vpage kMpoolMemoryBase = vm::Vpage{3} << 34;
// The most that a heap maps: RLIMIT_DATA's default of 32 GiB.
inline constexpr int64_t kMaxHeapPages = int64_t{1} << 23;

class VmMpoolMemory final : public MpoolMemory {
 public:
  // A heap of `process`, empty.
  static std::unique_ptr<VmMpoolMemory> Heap(vm::VmSystem& vm, vm::Process& process);
  // An area for `buffers` buffers of `bytes` bytes, mapped into `process`. Null: ENOMEM.
  static std::unique_ptr<VmMpoolMemory> Area(vm::VmSystem& vm, vm::Process& process, uint32_t bytes,
                                             int64_t buffers);

  // A child of a process that has the area uses it, too; and ends.
  void Attach(vm::Process& process);
  void Detach(vm::Process& process);

  // MpoolMemory. Calls are made by threads of processes that are attached.
  sim::Task<Allocation> Allocate(uint32_t bytes) override;
  sim::Task<void> Free(uint64_t address, uint32_t bytes) override;
  sim::Task<MpoolTouch> Touch(uint64_t address, uint32_t bytes, MpoolAccess access) override;
  // Buffers that share a page are wired and unwired together: by the first, with the last. Memory
  // that is shared cannot be wired: EOPNOTSUPP, for mlock is of one process, and who unpins a page
  // is often another.
  sim::Task<int> Wire(uint64_t address, uint32_t bytes) override;
  sim::Task<void> Unwire(uint64_t address, uint32_t bytes) override;

  // How the last Touch that failed did: the signal that an access by the program itself would get.
  int last_signal() const { return last_signal_; }
  int64_t mapped_pages() const { return mapped_pages_; }
  int64_t allocated() const { return allocated_; }  // Buffers.
  bool is_shared() const { return is_shared_; }

 private:
  // A page of slots.
  struct SlotPage {
    uint32_t slot_bytes = 0;
    uint32_t used = 0;
  };

  VmMpoolMemory(vm::VmSystem& vm, vm::Process& process, bool is_shared);

  vm::Process& Caller();
  bool MapMore(vm::Process& process, int64_t pages);
  // A run of free pages, or 0.
  vm::Vpage TakePages(int64_t pages);
  void GivePages(vm::Vpage start, int64_t pages);
  uint64_t TakeSlot(uint32_t slot_bytes);
  void GiveSlot(uint64_t address);
  sim::Task<MpoolTouch> TouchPage(vm::Process& process, vm::Vpage vpage, bool write);

  vm::VmSystem& vm_;
  const bool is_shared_;
  std::vector<vm::Process*> processes_;
  int64_t mapped_pages_ = 0;
  int64_t allocated_ = 0;
  int last_signal_ = 0;
  std::map<vm::Vpage, int64_t> free_pages_;  // Start and length; none touch.
  std::map<vm::Vpage, SlotPage> slot_pages_;
  std::map<uint32_t, std::set<uint64_t>> free_slots_;  // By size: addresses.
  std::map<vm::Vpage, int64_t> wired_;                 // How many buffers want the page wired.
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_MEMORY_H_
