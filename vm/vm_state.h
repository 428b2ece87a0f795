// vm/vm_state.h: the parts of a memory system, to be looked at and not to be touched.
//
// What checks its invariants (vm/invariants.h) sees no more than this. A whole machine has every
// part; what a test has built without one leaves it null, and what would look at it is skipped.
#ifndef VMSIM_VM_VM_STATE_H_
#define VMSIM_VM_VM_STATE_H_

#include <memory>
#include <vector>

#include "sim/engine.h"
#include "vm/counters.h"
#include "vm/domain.h"
#include "vm/file_sync.h"
#include "vm/laundry_thread.h"
#include "vm/object.h"
#include "vm/page_array.h"
#include "vm/page_queues.h"
#include "vm/page_tables.h"
#include "vm/pid_controller.h"
#include "vm/process.h"
#include "vm/swap_blocks.h"
#include "vm/swap_pager.h"
#include "vm/swap_reserve.h"
#include "vm/swap_space.h"

namespace vmsim::vm {

struct VmState {
  const sim::Engine* engine = nullptr;
  const PageArray* pages = nullptr;
  const PageQueues* queues = nullptr;
  const ObjectTable* objects = nullptr;
  const PageTables* page_tables = nullptr;
  const std::vector<std::unique_ptr<Process>>* processes = nullptr;
  const Domain* domain = nullptr;
  const PidController* pid = nullptr;
  const LaundryThread* laundry = nullptr;
  const SwapSpace* swap_space = nullptr;
  const SwapMeta* swap_meta = nullptr;
  const SwapPager* swap_pager = nullptr;
  const SwapReserve* swap_reserve = nullptr;
  const VmCounters* counters = nullptr;
  const FileSync* files = nullptr;  // Null: there are none.
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_VM_STATE_H_
