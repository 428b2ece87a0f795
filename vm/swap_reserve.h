// vm/swap_reserve.h: swap promised to anonymous memory, whether or not it will be used.
//
// Every writable private or anonymous mapping reserves swap for all its pages when it is made; the
// reservation is an account, no blocks are assigned. By default (vm.overcommit = 0) it is never
// refused. Each is held by a map entry until the entry has an object of its own, by that object
// from then on.
//
// Not modelled: limits per user (RLIMIT_SWAP), so bit 2 of vm.overcommit changes nothing.
//
// Model: FreeBSD sys/vm/swap_pager.c (swap_reserve_by_cred, swap_reserve_force, swap_release).
#ifndef VMSIM_VM_SWAP_RESERVE_H_
#define VMSIM_VM_SWAP_RESERVE_H_

#include <cstdint>

#include "sim/check.h"
#include "vm/counters.h"
#include "vm/domain.h"
#include "vm/swap_space.h"

namespace vmsim::vm {

// Bits of vm.overcommit (SWAP_RESERVE_*).
inline constexpr int kSwapReserveForceOn = 1;        // Refuse what exceeds swap.
inline constexpr int kSwapReserveAllowNonwired = 4;  // Count memory that is not wired as swap.

class SwapReserve {
 public:
  // `overcommit` is vm.overcommit; the others outlive this.
  SwapReserve(int overcommit, uint32_t page_count, const SwapSpace& space, const Domain& domain,
              const VmCounters& counters)
      : overcommit_(overcommit),
        page_count_(page_count),
        space_(space),
        domain_(domain),
        counters_(counters) {}

  // Reserves `pages` pages, or returns false and none (ENOMEM to the caller's caller).
  bool Reserve(uint64_t pages) {
    reserved_ += pages;
    if (!Exceeded()) return true;
    reserved_ -= pages;
    return false;
  }
  // Whether more is reserved than vm.overcommit allows.
  bool Exceeded() const {
    if ((overcommit_ & kSwapReserveForceOn) == 0) return false;
    int64_t room = space_.total();
    if ((overcommit_ & kSwapReserveAllowNonwired) != 0) {
      const int64_t usable =
          int64_t{page_count_} - domain_.thresholds().free_reserved - counters_.v_wire_count;
      room += usable > 0 ? usable : 0;
    }
    return reserved_ > static_cast<uint64_t>(room);
  }
  // Without asking.
  void ReserveForce(uint64_t pages) { reserved_ += pages; }
  void Release(uint64_t pages) {
    CHECK_GE(reserved_, pages, "swap released that was not reserved");
    reserved_ -= pages;
  }
  // vm.swap_reserved, in pages.
  uint64_t reserved() const { return reserved_; }

 private:
  int overcommit_;
  uint32_t page_count_;
  const SwapSpace& space_;
  const Domain& domain_;
  const VmCounters& counters_;
  uint64_t reserved_ = 0;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SWAP_RESERVE_H_
