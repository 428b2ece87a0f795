// vm/pageout_context.h: what the page daemon and the laundry thread work on, and how.
#ifndef VMSIM_VM_PAGEOUT_CONTEXT_H_
#define VMSIM_VM_PAGEOUT_CONTEXT_H_

#include <cstdint>

#include "sim/engine.h"
#include "sim/trace.h"
#include "vm/config.h"
#include "vm/counters.h"
#include "vm/domain.h"
#include "vm/host.h"
#include "vm/object.h"
#include "vm/page_allocator.h"
#include "vm/page_array.h"
#include "vm/page_queues.h"
#include "vm/planted_bugs.h"

namespace vmsim::vm {

struct PageoutContext {
  sim::Engine& engine;
  sim::Trace& trace;
  PageArray& pages;
  ObjectTable& objects;
  Domain& domain;
  PageAllocator& allocator;
  VmCounters& counters;
  Host& host;
  PageQueues& queues;
  Tunables tunables;
  Costs costs;
  RevisionSettings revision;
  PlantedBugs bugs;
  // Whether there is a swap device (swapdev_enabled).
  bool swap_configured = false;
};

// The kernel's tick counter over the simulated clock; wraps as it does.
class TickClock {
 public:
  TickClock(const sim::Engine& engine, int hz) : engine_(engine), tick_ns_(sim::kSecond / hz) {}

  int32_t ticks() const {
    return static_cast<int32_t>(static_cast<uint32_t>(engine_.now() / tick_ns_));
  }
  sim::SimDuration ns(int ticks) const { return ticks * tick_ns_; }
  sim::SimDuration UntilNextTick() const { return tick_ns_ - engine_.now() % tick_ns_; }

 private:
  const sim::Engine& engine_;
  sim::SimDuration tick_ns_;
};

// What the scans of one kind did so far.
struct ScanStats {
  int64_t scans = 0;
  int64_t nodes = 0;  // List nodes passed, markers included.
  int64_t pages = 0;  // Freed (inactive), deactivated (active), put out (laundry).
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGEOUT_CONTEXT_H_
