// vm/vm_system.h: the memory system of one machine, wired together.
//
// Owns the pages, the free count, objects, page tables, pagers, the reclaim family and the
// processes' address spaces, and offers what system calls need of them: anonymous memory, mapping,
// unmapping, exit.
//
//     Syscalls --> MapOps, Wiring, Advisor, ObjectSync, Forker --> ObjectOps
//                                                                      |
//     FaultHandler --> PageAllocator --> Domain (free count) --> wakes --> Reclaim's daemons
//          |                |                                                 |
//          '--> SwapPager --'<----------------- PutPages ---------------------'
//
// Operations that may sleep are coroutines and run in a thread of the machine.
#ifndef VMSIM_VM_VM_SYSTEM_H_
#define VMSIM_VM_VM_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "vm/advice.h"
#include "vm/config.h"
#include "vm/counters.h"
#include "vm/domain.h"
#include "vm/fault.h"
#include "vm/fork.h"
#include "vm/freebsd_reclaim.h"
#include "vm/host.h"
#include "vm/map_ops.h"
#include "vm/mincore.h"
#include "vm/object.h"
#include "vm/object_ops.h"
#include "vm/object_sync.h"
#include "vm/oom.h"
#include "vm/page_allocator.h"
#include "vm/page_array.h"
#include "vm/page_tables.h"
#include "vm/planted_bugs.h"
#include "vm/process.h"
#include "vm/swap_pager.h"
#include "vm/swap_reserve.h"
#include "vm/swapoff.h"
#include "vm/syscalls.h"
#include "vm/wiring.h"

namespace vmsim::vm {

struct VmConfig {
  uint32_t frames = 0;  // At least kMinFrames.
  int cpus = 1;
  FreebsdRevision revision = FreebsdRevision::kR15;
  Tunables tunables;
  Costs costs;
  PlantedBugs planted_bugs;
};

// Below this FreeBSD's thresholds degenerate: the daemon would be woken only below free_min.
inline constexpr uint32_t kMinFrames = 1000;

class VmSystem final : public Host {
 public:
  VmSystem(sim::Engine& engine, sim::Trace& trace, const VmConfig& config);
  VmSystem(const VmSystem&) = delete;
  VmSystem& operator=(const VmSystem&) = delete;

  // Starts the daemons. Swap devices should be there by then.
  void Start();

  sim::Engine& engine() { return engine_; }
  const VmConfig& config() const { return config_; }
  VmCounters& counters() { return counters_; }
  PageArray& pages() { return pages_; }
  PageTables& page_tables() { return page_tables_; }
  ObjectTable& objects() { return objects_; }
  Domain& domain() { return domain_; }
  PageAllocator& allocator() { return allocator_; }
  SwapPager& swap() { return swap_; }
  FreebsdReclaim& reclaim() { return reclaim_; }
  FaultHandler& faults() { return faults_; }
  SwapReserve& reserve() { return reserve_; }
  ObjectOps& object_ops() { return object_ops_; }
  MapOps& map_ops() { return map_ops_; }
  Wiring& wiring() { return wiring_; }
  Advisor& advisor() { return advisor_; }
  Mincore& mincore() { return mincore_; }
  ObjectSync& sync() { return sync_; }
  Syscalls& syscalls() { return syscalls_; }

  // Anonymous memory of `pages` pages with one reference, which is the caller's.
  Object& CreateAnonymous(uint32_t pages) { return object_ops_.AllocateAnon(pages); }
  // The same with a name: it is not copied, split or collapsed (shm_open). Its swap is reserved.
  Object& CreateSegment(uint32_t pages);

  // Maps [start, start + pages) as `entry` says (MapOps::Map). Returns 0 or ENOMEM.
  int Map(Process& process, Vpage start, uint32_t pages, const MapEntry& entry) {
    return map_ops_.Map(process.space, start, pages, entry);
  }
  // What mlockall(MCL_FUTURE) asks for after a Map. Does nothing without it. Returns 0 or ENOMEM;
  // the mapping stays in either case.
  sim::Task<int> WireFuture(Process& process, Vpage start, uint32_t pages);
  // Copies the parent's address space to the empty one of `child` (vm/fork.h).
  sim::Task<int> Fork(Process& parent, Process& child, Forker::LeafMap* leaves) {
    return forker_.Fork(parent, child, leaves);
  }

  // A process without memory. `protect` exempts it from being killed for memory.
  Process& CreateProcess(std::string name, bool protect);
  const std::vector<std::unique_ptr<Process>>& processes() const { return processes_; }

  // Gives back one reference; the last one ends the object and frees its pages and swap
  // (vm_object_deallocate, vm_object_terminate). Waits for paging in progress.
  sim::Task<void> Deallocate(ObjectId object) { return object_ops_.Deallocate(object); }
  // Unmaps the entry that begins at `start` (vm_map_entry_delete).
  sim::Task<void> Unmap(Process& process, Vpage start);
  // Ends a process: unmaps everything (exit1). `status` is its exit status if no signal ended it.
  sim::Task<void> Exit(Process& process, int status);

  // Empties and removes a swap device (vm/swapoff.h). Returns 0 or an errno.
  sim::Task<int> SwapOff(int device, bool force);
  // Adds the area of a swap device that was removed once more, as a new device whose index goes to
  // `*added`. Returns 0, or EBUSY: it is in use, or swapoff has not finished.
  int SwapOn(int device, int* added);

  // Kills a process: its thread sees it at its next fault or return to user mode (kern_psignal).
  void Kill(Process& process, int signal);

  // Who owns the files. Without one there are none.
  void set_file_sync(FileSync* file_sync) {
    file_sync_ = file_sync;
    sync_.set_file_sync(file_sync);
  }
  const FileSync* file_sync() const { return file_sync_; }

  // vm::Host.
  void OutOfMemory(OomReason reason) override;
  void KickSyncer() override {
    if (file_sync_ != nullptr) file_sync_->SpeedupSyncer();
  }

  // Walks everything; CHECKs what must hold between two events.
  void CheckInvariants();

 private:
  sim::Engine& engine_;
  sim::Trace& trace_;
  VmConfig config_;
  VmCounters counters_;
  PageArray pages_;
  PageTables page_tables_;
  ObjectTable objects_;
  Domain domain_;
  PageAllocator allocator_;
  SwapPager swap_;
  FreebsdReclaim reclaim_;
  SwapReserve reserve_;
  ObjectOps object_ops_;
  FaultHandler faults_;
  Wiring wiring_;
  MapOps map_ops_;
  Forker forker_;
  Advisor advisor_;
  Mincore mincore_;
  ObjectSync sync_;
  Syscalls syscalls_;
  vm::SwapOff swapoff_;
  std::vector<std::unique_ptr<Process>> processes_;
  OomKiller oom_;
  FileSync* file_sync_ = nullptr;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_VM_SYSTEM_H_
