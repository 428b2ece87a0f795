// vm/fault_stats.h: how long faults took, and what they waited for.
//
// Latency runs from the trap to the return to user mode. Where a fault sleeps, the time is charged
// to a cause; the rest is work on the CPU and waiting for one. So that "what did the slow ones wait
// for" can be answered for any percentile afterwards, causes are summed by the fault's power-of-two
// latency class.
#ifndef VMSIM_VM_FAULT_STATS_H_
#define VMSIM_VM_FAULT_STATS_H_

#include <array>
#include <bit>
#include <cstdint>

#include "sim/histogram.h"
#include "sim/time.h"

namespace vmsim::vm {

enum class FaultKind : uint8_t { kSoft, kZero, kHard, kError };

enum class WaitCause : uint8_t {
  kDiskQueue,    // The read waited for the device.
  kDiskService,  // The device worked on it.
  kPageBusy,     // Another thread's I/O on the same page ("vmpfw").
  kFreeMemory,   // No page could be allocated ("pfault").
  kVnodeLock,    // Somebody had the file locked ("vnode").
};
inline constexpr int kWaitCauses = 5;
constexpr const char* WaitCauseName(WaitCause cause) {
  constexpr const char* kNames[] = {"disk_queue", "disk_service", "page_busy", "free_memory",
                                    "vnode_lock"};
  return kNames[static_cast<int>(cause)];
}

// Waits of one fault, in the fault's frame.
struct FaultWaits {
  std::array<sim::SimDuration, kWaitCauses> ns{};
  sim::SimDuration& operator[](WaitCause cause) { return ns[static_cast<int>(cause)]; }
};

class FaultStats {
 public:
  struct Class {
    int64_t faults = 0;
    sim::SimDuration total_ns = 0;
    std::array<sim::SimDuration, kWaitCauses> wait_ns{};
  };

  void Record(FaultKind kind, sim::SimDuration latency, const FaultWaits& waits) {
    Of(kind).Record(latency);
    all_.Record(latency);
    Class& c = classes_[std::bit_width(static_cast<uint64_t>(latency))];
    ++c.faults;
    c.total_ns += latency;
    for (int i = 0; i < kWaitCauses; ++i) {
      if (waits.ns[i] == 0) continue;
      c.wait_ns[i] += waits.ns[i];
      waits_[i].Record(waits.ns[i]);
    }
  }

  const sim::Histogram& soft() const { return soft_; }
  const sim::Histogram& zero() const { return zero_; }
  const sim::Histogram& hard() const { return hard_; }
  const sim::Histogram& all() const { return all_; }
  // Of the faults that waited for it at all.
  const sim::Histogram& waits(WaitCause cause) const { return waits_[static_cast<int>(cause)]; }

  // The power of two at or below `latency`: faults are summed up by these.
  static sim::SimDuration BoundOf(sim::SimDuration latency) {
    return static_cast<sim::SimDuration>(std::bit_floor(static_cast<uint64_t>(latency)));
  }
  // Sums over the faults that took BoundOf(latency) or more.
  Class SlowerThan(sim::SimDuration latency) const {
    Class sum;
    for (size_t i = std::bit_width(static_cast<uint64_t>(latency)); i < classes_.size(); ++i) {
      sum.faults += classes_[i].faults;
      sum.total_ns += classes_[i].total_ns;
      for (int c = 0; c < kWaitCauses; ++c) sum.wait_ns[c] += classes_[i].wait_ns[c];
    }
    return sum;
  }

 private:
  sim::Histogram& Of(FaultKind kind) {
    return kind == FaultKind::kHard   ? hard_
           : kind == FaultKind::kZero ? zero_
           : kind == FaultKind::kSoft ? soft_
                                      : error_;
  }
  sim::Histogram soft_, zero_, hard_, error_, all_;
  std::array<sim::Histogram, kWaitCauses> waits_;
  std::array<Class, 65> classes_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_FAULT_STATS_H_
