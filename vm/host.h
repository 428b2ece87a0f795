// vm/host.h: what the memory system needs from the machine around it.
#ifndef VMSIM_VM_HOST_H_
#define VMSIM_VM_HOST_H_

#include <cstdint>

namespace vmsim::vm {

// Why memory ran out (VM_OOM_MEM, VM_OOM_MEM_PF, VM_OOM_SWAPZ).
enum class OomReason : uint8_t { kMem = 1, kMemPf = 2, kSwapZone = 3 };

class Host {
 public:
  virtual ~Host() = default;
  // Memory is exhausted: choose a victim and kill it (vm_pageout_oom). May find none.
  virtual void OutOfMemory(OomReason reason) = 0;
  // Laundering skipped files whose vnodes were locked: have the syncer write (speedup_syncer).
  virtual void KickSyncer() = 0;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_HOST_H_
