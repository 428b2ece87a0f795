// vm/vm_test_world.h: a memory system with swap disks that a test drives step by step.
//
// The daemons do not run unless asked for, so pages stay where a test put them. Disks are of the
// fixed model, 100 us a request. Context switches cost nothing.
#ifndef VMSIM_VM_VM_TEST_WORLD_H_
#define VMSIM_VM_VM_TEST_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/disk.h"
#include "sim/engine.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "vm/vm_system.h"

namespace vmsim::vm {

inline constexpr sim::SimDuration kDiskNs = 100 * sim::kMicrosecond;

class VmTestWorld {
 public:
  struct Options {
    uint32_t frames = 2000;
    std::vector<uint32_t> swap_pages = {1100};  // Of one disk each, two pages of label included.
    int64_t disk_servers = 1;
    std::vector<sim::DiskFaultRule> faults;  // Of the first disk.
    FreebsdRevision revision = FreebsdRevision::kR15;
    Tunables tunables;
    bool daemons = false;
  };
  // One map of one process.
  struct Area {
    Process* process;
    Object* object;
    Vpage start;
    PteSlot slot;
    uint32_t pages;
  };

  explicit VmTestWorld(const Options& options);
  VmTestWorld() : VmTestWorld(Options()) {}
  // Checks the invariants, then ends all threads.
  ~VmTestWorld();

  // CHECKs every invariant, as Run, RunFor and the destructor do when they are through.
  void CheckInvariants();
  // From now on nobody does: the test is about to break something.
  void StopChecking() { checking_ = false; }

  VmSystem& vm() { return vm_; }
  sim::Engine& engine() { return engine_; }
  sim::Trace& trace() { return trace_; }
  sim::Disk& disk(size_t i = 0) { return *disks_[i]; }
  const VmCounters& counters() { return vm_.counters(); }

  // Maps new anonymous memory into a new process, at a multiple of 2 MiB.
  Area Map(uint32_t pages, std::string_view process = "p");
  // Maps `pages` pages of an object from `offset` on into a new process.
  Area Share(Object& object, uint32_t pages, Pindex offset = 0, bool writable = true);
  MapEntry& EntryOf(const Area& area) { return *area.process->space.Lookup(area.start); }

  // A thread that does `body` now.
  sim::Thread* Start(std::string_view name, sim::Task<void> body, bool is_pageproc = false);
  // Runs until the thread is done, or nothing is left to happen.
  void Finish(const sim::Thread* thread);
  // Runs until nothing is left to happen, or to a time.
  void Run();
  void RunFor(sim::SimDuration ns);

  // A reference to page `page` of the area, with a fault if it takes one. The second form starts
  // it.
  FaultResult Touch(const Area& area, uint32_t page, bool write = false);
  sim::Thread* StartTouch(const Area& area, uint32_t page, bool write, FaultResult* result);
  // Writes to [first, first + count).
  void Write(const Area& area, uint32_t first, uint32_t count);

  // Has the object's pager write [first, first + count), as vm_pageout_flush does up to the
  // settling of pages that the pager left to it. `async`: as the laundry thread.
  sim::Thread* StartPageOut(Object& object, Pindex first, uint32_t count, bool async,
                            std::vector<PagerResult>* results);
  // The same, run to the end of all I/O. Results as letters: O, B, F, P, E, A.
  std::string PageOut(Object& object, Pindex first, uint32_t count, bool async = true);
  // Frees a clean resident page, as the page daemon does.
  void Evict(Object& object, Pindex pindex);
  // Writes, pages out and evicts [first, first + count) of the area.
  void SwapOut(const Area& area, uint32_t first, uint32_t count);

  // A letter a page from `first` on: its queue (A, I, L, U, or N for none), in lower case if it is
  // dirty; X exclusively busied, S shared; '.' not resident, ',' not resident but in swap.
  std::string Picture(const Object& object, Pindex first, uint32_t count);
  Page& PageAt(const Object& object, Pindex pindex) { return vm_.pages()[object.Lookup(pindex)]; }
  Pte PteAt(const Area& area, uint32_t page) { return vm_.page_tables().entry(area.slot + page); }

 private:
  sim::Task<void> TouchBody(Area area, uint32_t page, bool write, FaultResult* result);
  sim::Task<void> PageOutBody(Object& object, Pindex first, uint32_t count,
                              std::vector<PagerResult>* results);

  sim::Engine engine_;
  sim::Trace trace_;
  VmSystem vm_;
  std::vector<std::unique_ptr<sim::Disk>> disks_;
  bool checking_ = true;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_VM_TEST_WORLD_H_
