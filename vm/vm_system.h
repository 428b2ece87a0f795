// vm/vm_system.h: the memory system of one machine, wired together.
//
// Owns the pages, the free count, objects, page tables, pagers, the reclaim family and the
// processes' address spaces, and offers what system calls need of them: anonymous memory, mapping,
// unmapping, exit.
//
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
#include "vm/config.h"
#include "vm/counters.h"
#include "vm/domain.h"
#include "vm/fault.h"
#include "vm/freebsd_reclaim.h"
#include "vm/host.h"
#include "vm/object.h"
#include "vm/oom.h"
#include "vm/page_allocator.h"
#include "vm/page_array.h"
#include "vm/page_tables.h"
#include "vm/planted_bugs.h"
#include "vm/process.h"
#include "vm/swap_pager.h"

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

  // Anonymous memory of `pages` pages with one reference, which is the caller's.
  Object& CreateAnonymous(uint32_t pages);

  // A process without memory. `protect` exempts it from being killed for memory.
  Process& CreateProcess(std::string name, bool protect);
  const std::vector<std::unique_ptr<Process>>& processes() const { return processes_; }

  // Gives back one reference; the last one ends the object and frees its pages and swap
  // (vm_object_deallocate, vm_object_terminate). Waits for paging in progress.
  sim::Task<void> Deallocate(ObjectId object);
  // Unmaps the entry that begins at `start` (vm_map_entry_delete).
  sim::Task<void> Unmap(Process& process, Vpage start);
  // Ends a process: unmaps everything (exit1). `status` is its exit status if no signal ended it.
  sim::Task<void> Exit(Process& process, int status);

  // Kills a process: its thread sees it at its next fault or return to user mode (kern_psignal).
  void Kill(Process& process, int signal);

  // vm::Host.
  void OutOfMemory(OomReason reason) override;
  void KickSyncer() override {}

  // Walks everything; CHECKs what must hold between two events.
  void CheckInvariants() const;

 private:
  sim::Task<void> Terminate(Object& object);

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
  FaultHandler faults_;
  std::vector<std::unique_ptr<Process>> processes_;
  OomKiller oom_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_VM_SYSTEM_H_
