// vm/syscalls.h: the system calls on memory, from arguments to errno.
//
// Addresses and lengths are bytes as a program passes them: unaligned, wrapping or unmapped ranges
// are the caller's mistake and come back as FreeBSD's errno, 0 being success. A range is rounded
// outwards to whole pages; whether it may wrap, be empty, have holes or reach beyond user addresses
// differs from call to call, as it does in the kernel:
//
//                 empty     wraps    beyond user addresses   hole
//     munmap      EINVAL    EINVAL   EINVAL                  passed over
//     madvise     0         EINVAL   EINVAL                  passed over
//     mlock       0         EINVAL   cut off                 ENOMEM
//     munlock     0         EINVAL   cut off                 ENOMEM
//     msync       an entry  EINVAL   cut off                 ENOMEM
//     mincore     0         ENOMEM   ENOMEM                  ENOMEM
//     mprotect    0         EINVAL   cut off                 as MapOps::Protect
//     minherit    0         EINVAL   cut off                 passed over
//
// A range that does not begin on a page boundary is not empty, even with length 0 (munmap looks at
// the length alone). Rounding wraps, too, as it does in the kernel: for munmap, msync, mincore,
// mprotect and minherit a length that is rounded up to 2^64 counts as 0.
//
// Each call costs Costs::syscall_ns, and those that look at pages or page-table entries
// Costs::pte_ns for each mapped page of the range.
//
// Model: FreeBSD sys/vm/vm_mmap.c (kern_munmap, kern_madvise, kern_mlock, kern_munlock,
// sys_mlockall, sys_munlockall, kern_msync, kern_mincore, kern_mprotect, kern_minherit).
#ifndef VMSIM_VM_SYSCALLS_H_
#define VMSIM_VM_SYSCALLS_H_

#include <cstdint>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "vm/advice.h"
#include "vm/config.h"
#include "vm/map_ops.h"
#include "vm/mincore.h"
#include "vm/object_sync.h"
#include "vm/process.h"
#include "vm/wiring.h"

namespace vmsim::vm {

// User addresses end here (VM_MAXUSER_ADDRESS): page numbers have 36 bits.
inline constexpr uint64_t kMaxUserAddress = (kMaxVpage + 1) << kPageShift;

// madvise. kProtect acts on the process, the others on the range.
enum class MadviseAdvice : uint8_t {
  kNormal,
  kRandom,
  kSequential,
  kWillNeed,
  kDontNeed,
  kFree,
  kNoSync,
  kAutoSync,
  kNoCore,
  kCore,
  kProtect
};

// mlockall.
inline constexpr int kMclCurrent = 1;
inline constexpr int kMclFuture = 2;
// msync.
inline constexpr int kMsSync = 0;
inline constexpr int kMsAsync = 1;
inline constexpr int kMsInvalidate = 2;

class Syscalls {
 public:
  struct Parts {
    sim::Engine& engine;
    MapOps& map_ops;
    Wiring& wiring;
    Advisor& advisor;
    Mincore& mincore;
    ObjectSync& sync;
  };
  Syscalls(const Parts& parts, const Costs& costs) : p_(parts), costs_(costs) {}

  // EINVAL.
  sim::Task<int> Munmap(Process& process, uint64_t addr, uint64_t length);
  // EINVAL. kProtect looks at no range.
  sim::Task<int> Madvise(Process& process, uint64_t addr, uint64_t length, MadviseAdvice advice);
  // EINVAL; ENOMEM: a hole, no access, no memory, or more than vm.max_user_wired or RLIMIT_MEMLOCK.
  sim::Task<int> Mlock(Process& process, uint64_t addr, uint64_t length);
  sim::Task<int> Munlock(Process& process, uint64_t addr, uint64_t length);
  // `how`: kMcl*. EINVAL: none or unknown ones. ENOMEM: the process maps more than RLIMIT_MEMLOCK
  // (and nothing is done), or a limit was met. EAGAIN: a page could not be wired.
  sim::Task<int> Mlockall(Process& process, int how);
  sim::Task<int> Munlockall(Process& process);
  // `flags`: kMs*. EINVAL, ENOMEM; EBUSY: invalidating what the user wired; EIO.
  sim::Task<int> Msync(Process& process, uint64_t addr, uint64_t length, int flags);
  // One byte a page of MINCORE_* (vm/mincore.h) into `vec`, which is resized.
  sim::Task<int> Mincore(Process& process, uint64_t addr, uint64_t length,
                         std::vector<uint8_t>* vec);
  // `protection`: bits of vm::Protection, others are EINVAL. EACCES: more than a mapping may have.
  // ENOMEM.
  sim::Task<int> Mprotect(Process& process, uint64_t addr, uint64_t length, int protection);
  sim::Task<int> Minherit(Process& process, uint64_t addr, uint64_t length,
                          Inheritance inheritance);

 private:
  struct Range;

  static Range RangeOf(uint64_t addr, uint64_t length);
  // Enters the kernel; looks at what is mapped of [start, end).
  auto Enter() { return p_.engine.Consume(costs_.syscall_ns); }
  auto Look(const AddressSpace& space, const Range& range);
  void AdviseEntries(AddressSpace& space, const Range& range, MadviseAdvice advice);

  Parts p_;
  const Costs& costs_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SYSCALLS_H_
