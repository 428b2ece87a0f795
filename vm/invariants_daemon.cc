// Invariants of the free count, those who wait for it, the daemons' controllers, and counters.
#include <array>

#include "vm/invariants_internal.h"

namespace vmsim::vm {
namespace {

std::string FreeCount(const VmState& s) {
  const int64_t listed = s.pages->free_list_length();
  if (s.domain->free_count() == listed) return {};
  return absl::StrCat("free count ", s.domain->free_count(), ", pages on the free list ", listed);
}

// Nothing allocates as an interrupt handler may, so the last pages always stay.
std::string FreeCountFloor(const VmState& s) {
  const int floor = s.domain->thresholds().interrupt_free_min;
  if (s.domain->free_count() >= floor) return {};
  return absl::StrCat("free count ", s.domain->free_count(), ", interrupt_free_min ", floor);
}

std::string FreeCountReserve(const VmState& s) {
  const int reserved = s.domain->thresholds().free_reserved;
  if (s.domain->free_count() >= reserved) return {};
  // Pages of a block's buffer are taken as the system's own (vfs_vmio_extend, VM_ALLOC_SYSTEM).
  if (s.files != nullptr) return {};
  for (const auto& process : *s.processes) {
    if (process->killed()) return {};
  }
  return absl::StrCat("free count ", s.domain->free_count(), ", free_reserved ", reserved,
                      ", and nobody was killed");
}

std::string Bit(absl::string_view name, bool bit, int free, int threshold) {
  if (bit == (free < threshold)) return {};
  return absl::StrCat("the ", name, " bit is ", bit ? "set" : "clear", ", free count ", free,
                      ", threshold ", threshold);
}

std::string MinBit(const VmState& s) {
  return Bit("min", s.domain->min_set(), s.domain->free_count(), s.domain->thresholds().free_min);
}

std::string SevereBit(const VmState& s) {
  return Bit("severe", s.domain->severe_set(), s.domain->free_count(),
             s.domain->thresholds().free_severe);
}

std::string SevereImpliesMin(const VmState& s) {
  if (!s.domain->severe_set() || s.domain->min_set()) return {};
  return absl::StrCat("the severe bit is set, the min bit clear, free count ",
                      s.domain->free_count());
}

std::string ThresholdsOrdered(const VmState& s) {
  const PageoutThresholds& t = s.domain->thresholds();
  const std::array<int, 6> rungs = {t.interrupt_free_min, t.free_reserved, t.free_severe,
                                    t.free_min,           t.wakeup_thresh, t.free_target};
  for (size_t i = 1; i < rungs.size(); ++i) {
    if (rungs[i - 1] >= rungs[i]) {
      return absl::StrCat("interrupt_free_min ", rungs[0], ", free_reserved ", rungs[1],
                          ", free_severe ", rungs[2], ", free_min ", rungs[3],
                          absl::StrCat(", wakeup_thresh ", rungs[4], ", free_target ", rungs[5]),
                          ": expected in rising order");
    }
  }
  return {};
}

std::string NoSleeperInPlenty(const VmState& s) {
  const int free_min = s.domain->thresholds().free_min;
  if (!s.domain->min_sleepers() || s.domain->free_count() < free_min) return {};
  return absl::StrCat("threads sleep for memory, free count ", s.domain->free_count(),
                      ", free_min ", free_min);
}

std::string NoPageprocSleeperInPlenty(const VmState& s) {
  const int least = s.domain->thresholds().pageout_free_min;
  if (!s.domain->pageproc_sleepers() || s.domain->free_count() < least) return {};
  return absl::StrCat("a page daemon thread sleeps for memory, free count ", s.domain->free_count(),
                      ", pageout_free_min ", least);
}

std::string PidIntegralBounds(const VmState& s) {
  if (s.pid->integral() >= 0 && s.pid->integral() <= s.pid->bound()) return {};
  return absl::StrCat("integral ", s.pid->integral(), ", expected 0 to ", s.pid->bound());
}

std::string PidOutputNotNegative(const VmState& s) {
  if (s.pid->output() >= 0) return {};
  return absl::StrCat("the controller asks for ", s.pid->output(), " pages");
}

std::string LaundryTargetNotNegative(const VmState& s) {
  if (s.laundry->target() >= 0) return {};
  return absl::StrCat("the laundry thread's target is ", s.laundry->target(), " pages");
}

std::string LaundryCycleNotNegative(const VmState& s) {
  if (s.laundry->shortfall_cycle() >= 0) return {};
  return absl::StrCat("the shortfall run has ", s.laundry->shortfall_cycle(), " rounds left");
}

// What a part of something counts is no more than the whole.
std::string CountersAgree(const VmState& s) {
  struct Pair {
    absl::string_view part_name;
    int64_t part;
    absl::string_view whole_name;
    int64_t whole;
  };
  const VmCounters& c = *s.counters;
  const Pair pairs[] = {
      {"v_dfree + v_pfree", c.v_dfree + c.v_pfree, "v_tfree", c.v_tfree},
      {"v_io_faults", c.v_io_faults, "v_vm_faults", c.v_vm_faults},
      {"v_cow_optim", c.v_cow_optim, "v_cow_faults", c.v_cow_faults},
      {"v_ozfod", c.v_ozfod, "v_zfod", c.v_zfod},
      {"v_swapin", c.v_swapin, "v_swappgsin", c.v_swappgsin},
      {"v_swapout", c.v_swapout, "v_swappgsout", c.v_swappgsout},
      {"v_vnodein", c.v_vnodein, "v_vnodepgsin", c.v_vnodepgsin},
      {"v_vnodeout", c.v_vnodeout, "v_vnodepgsout", c.v_vnodepgsout},
      {"swap_free_completed", c.swap_free_completed, "swap_free_deferred", c.swap_free_deferred},
  };
  for (const Pair& pair : pairs) {
    if (pair.part >= 0 && pair.part <= pair.whole) continue;
    return absl::StrCat(pair.part_name, " is ", pair.part, ", of ", pair.whole_name, " ",
                        pair.whole);
  }
  return {};
}

constexpr Invariant kInvariants[] = {
    {"free-count", CheckLevel::kCheap, "the free count is the length of the free list",
     "sys/vm/vm_pagequeue.h, vm_domain_freecnt_inc", kNeedsPages | kNeedsDomain, FreeCount},
    {"free-count-floor", CheckLevel::kCheap, "the free count stays at interrupt_free_min or above",
     "sys/vm/vm_page.c, _vm_domain_allocate", kNeedsDomain, FreeCountFloor},
    {"free-count-reserve", CheckLevel::kCheap,
     "without files, the free count stays at free_reserved or above until a process was killed",
     "sys/vm/vm_page.c, _vm_domain_allocate", kNeedsDomain | kNeedsProcesses, FreeCountReserve},
    {"min-bit", CheckLevel::kCheap, "the min bit says that the free count is below free_min",
     "sys/vm/vm_page.c, vm_domain_set, vm_domain_clear", kNeedsDomain, MinBit},
    {"severe-bit", CheckLevel::kCheap,
     "the severe bit says that the free count is below free_severe",
     "sys/vm/vm_page.c, vm_domain_set, vm_domain_clear", kNeedsDomain, SevereBit},
    {"severe-implies-min", CheckLevel::kCheap, "the severe bit is not set without the min bit",
     "sys/vm/vm_page.c, vm_domain_set", kNeedsDomain, SevereImpliesMin},
    {"thresholds-ordered", CheckLevel::kCheap, "the thresholds of the free count rise in order",
     "sys/vm/vm_pageout.c, vm_pageout_init_domain", kNeedsDomain, ThresholdsOrdered},
    {"no-sleeper-in-plenty", CheckLevel::kCheap, "nobody sleeps for memory at free_min or above",
     "sys/vm/vm_page.c, vm_domain_clear", kNeedsDomain, NoSleeperInPlenty},
    {"no-pageproc-sleeper-in-plenty", CheckLevel::kCheap,
     "no page daemon thread sleeps for memory at pageout_free_min or above",
     "sys/vm/vm_page.c, vm_domain_clear", kNeedsDomain, NoPageprocSleeperInPlenty},
    {"pid-integral-bounds", CheckLevel::kCheap, "the controller's integral is within 0 and bound",
     "sys/kern/subr_pidctrl.c, pidctrl_daemon", kNeedsPid, PidIntegralBounds},
    {"pid-output-not-negative", CheckLevel::kCheap,
     "the controller does not ask for less than nothing", "sys/kern/subr_pidctrl.c, pidctrl_daemon",
     kNeedsPid, PidOutputNotNegative},
    {"laundry-target-not-negative", CheckLevel::kCheap,
     "the laundry thread's target is not negative",
     "sys/vm/vm_pageout.c, vm_pageout_laundry_worker", kNeedsLaundry, LaundryTargetNotNegative},
    {"laundry-cycle-not-negative", CheckLevel::kCheap,
     "the rounds left of a shortfall run are not negative",
     "sys/vm/vm_pageout.c, vm_pageout_laundry_worker", kNeedsLaundry, LaundryCycleNotNegative},
    {"counters-agree", CheckLevel::kCheap, "no part is counted above its whole",
     "sys/sys/vmmeter.h, struct vmmeter", kNeedsCounters, CountersAgree},
};

}  // namespace

std::span<const Invariant> DaemonInvariants() { return kInvariants; }

}  // namespace vmsim::vm
