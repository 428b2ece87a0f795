// vm/oom.h: out of memory: whom to kill.
//
// The victim is the largest process: the swap it uses, and, unless it is swap metadata that ran
// out, the resident pages of the objects it maps. Nothing is prorated between sharers. The first
// seen wins a tie; one of no size is never chosen. Protected, exiting and already killed processes
// are passed over, and low pids while there is swap.
//
// A request from a page fault is dropped if anything was asked for in the last vm.oom_pf_secs
// seconds.
//
// Model: FreeBSD sys/vm/vm_pageout.c (vm_pageout_oom, vm_pageout_oom_pagecount), swap_pager.c
// (vmspace_swap_count).
#ifndef VMSIM_VM_OOM_H_
#define VMSIM_VM_OOM_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/engine.h"
#include "vm/config.h"
#include "vm/host.h"
#include "vm/object.h"
#include "vm/process.h"

namespace vmsim::vm {

// Pages of swap that the process's own objects use. As in the kernel, blocks in a metadata record
// that begins before the entry's range are missed.
int64_t SwapCount(const AddressSpace& space, const ObjectTable& objects);
// Resident pages of the objects it maps, but for those that it would have to copy before writing
// and shares with others.
int64_t ResidentCount(const AddressSpace& space, const ObjectTable& objects);

class OomKiller {
 public:
  using ProcessList = std::vector<std::unique_ptr<Process>>;

  OomKiller(const ProcessList& processes, const ObjectTable& objects, const Tunables& tunables)
      : processes_(processes), objects_(objects), tunables_(tunables) {}

  struct Choice {
    Process* victim = nullptr;  // Null: the request was dropped, or there is nobody to kill.
    int64_t size_pages = 0;
  };
  // Accepts or drops the request and chooses. Whoever asks does the killing.
  Choice Choose(OomReason reason, sim::SimTime now, bool swap_available);

 private:
  const ProcessList& processes_;
  const ObjectTable& objects_;
  const Tunables& tunables_;
  bool ever_ = false;
  sim::SimTime last_ = 0;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_OOM_H_
