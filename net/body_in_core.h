// net/body_in_core.h: is a message body in memory? The default test, which asks as mincore does.
//
// Per page, the answer comes from the object that the address leads to, and those it shadows:
//
//     in core       a valid frame is there, whether or not the process maps it; being written out
//                   does not matter, nor whose copy-on-write parent has it
//     in transit    a frame is there, somebody is filling it: not in core
//     on disk       a pager would have to be asked: a file's page, or one in swap
//     zero fill     nobody has it; touching it needs no disk. Not in core all the same: the test's
//                   false negatives (mincore.zero_fill_absent)
//     hole          nothing is mapped
//
// Asking changes nothing: no reference bit, no queue, no mapping. The answer is a snapshot. It is
// another function than the system call of a FreeBSD process (vm/mincore.h), which by default asks
// the process's own page tables.
//
// MincoreAs is the system call of three kernels, literally, on the same pages:
//
//                            linux               netbsd    freebsd
//     a page's byte          bit 0               bit 0     flags of vm/mincore.h
//     unaligned start        EINVAL              EINVAL    rounded down
//     length 0               0, vector untouched EINVAL    0, vector untouched
//     hole                   ENOMEM in all; what lies before it has been written
//     no vector              EFAULT, unless the length is 0
//     no free page           EAGAIN              -         -
//     file, not writable     every page 1        as it is  as it is
//
// Lengths are rounded up to pages in all. FreeBSD's manual says nothing of addresses and lengths;
// they are rounded as its code does (vm/syscalls.h).
//
// Sources: Momentum's reference page of the hook message_body_in_core; mincore(2) of Linux, NetBSD
// and FreeBSD; Linux mm/mincore.c (since 5.2 for files that the caller may not write).
#ifndef VMSIM_NET_BODY_IN_CORE_H_
#define VMSIM_NET_BODY_IN_CORE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "sim/task.h"
#include "vm/vm_system.h"

namespace vmsim::net {

// Bytes [address, address + bytes) of a process.
struct BodyRange {
  uint64_t address = 0;
  uint64_t bytes = 0;

  vm::Vpage first_page() const { return address >> vm::kPageShift; }
  // The first page behind the range, which is widened to whole pages.
  vm::Vpage end_page() const {
    return bytes == 0 ? first_page() : ((address + bytes - 1) >> vm::kPageShift) + 1;
  }
  uint64_t pages() const { return end_page() - first_page(); }
};

enum class PagePlace : uint8_t { kInCore, kInTransit, kOnDisk, kZeroFill, kHole };

// Where one page is. `found`, if not null, gets the frame that is valid or in transit, and the
// object and index at which the search ended.
struct FoundPage {
  vm::FrameIndex frame = vm::kNoFrame;
  vm::ObjectId object = vm::kNoObject;
  vm::Pindex pindex = 0;
};
PagePlace PlaceOf(vm::VmSystem& vm, const vm::AddressSpace& space, vm::Vpage vpage,
                  FoundPage* found = nullptr);

enum class MincoreConvention : uint8_t { kLinux, kNetbsd, kFreebsd };

// mincore(addr, length, vec) of `process` as the kernel of `convention` answers. Returns 0 or an
// errno; the vector is resized to what was written. `vec` null: a bad address.
int MincoreAs(MincoreConvention convention, vm::VmSystem& vm, const vm::Process& process,
              uint64_t addr, uint64_t length, std::vector<uint8_t>* vec);

// A hash of all that an answer about a range may depend on and must not change: where its pages are,
// their rows, their places in their queues, the entries that map them. For the audit.
uint64_t BodyFingerprint(vm::VmSystem& vm, const vm::AddressSpace& space, const BodyRange& range);

struct CoreAnswer {
  int error = 0;          // EAGAIN, ENOMEM; then nothing below counts.
  bool in_core = true;    // Every page of every range is.
  int64_t pages = 0;      // Looked at.
  int64_t absent = 0;     // Of these, not in core;
  int64_t zero_fill = 0;  // and of those, in want of nothing but zeros.
  int64_t calls = 0;      // Of mincore: one for each range that is not empty.
};

struct BodyInCoreConfig {
  MincoreConvention convention = MincoreConvention::kFreebsd;
  sim::SimDuration call_ns = 500;  // A call's entry and exit.
  sim::SimDuration page_ns = 20;   // A page of it.
  bool audit = false;              // Compare the pages before and after: for tests.
};

class BodyInCore {
 public:
  BodyInCore(sim::Engine& engine, vm::VmSystem& vm, const BodyInCoreConfig& config)
      : engine_(engine), vm_(vm), config_(config) {}

  // Asks about all ranges, one call each, in the executing thread. `ranges` must outlive the call.
  // Linux's convention may answer EAGAIN and takes a file that is not writable for resident.
  sim::Task<CoreAnswer> Ask(const vm::Process& process, std::span<const BodyRange> ranges);
  // Calls that changed a page's row, its place in its queue or its mapping: none, with `audit`.
  int64_t changes() const { return changes_; }

 private:
  friend struct ResidencyTestPeer;

  void AskRange(const vm::Process& process, const BodyRange& range, CoreAnswer* answer);

  uint64_t Audit(const vm::Process& process, const BodyRange& range) const {
    return config_.audit ? BodyFingerprint(vm_, process.space, range) : 0;
  }

  sim::Engine& engine_;
  vm::VmSystem& vm_;
  const BodyInCoreConfig config_;
  int64_t changes_ = 0;
};

// How many pages from `first` on, up to `end`, are mapped without a hole. O(map entries).
uint64_t MappedPages(const vm::AddressSpace& space, vm::Vpage first, vm::Vpage end);

}  // namespace vmsim::net

#endif  // VMSIM_NET_BODY_IN_CORE_H_
