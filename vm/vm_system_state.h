// vm/vm_system_state.h: a whole machine's memory, for checks of its invariants.
#ifndef VMSIM_VM_VM_SYSTEM_STATE_H_
#define VMSIM_VM_VM_SYSTEM_STATE_H_

#include "vm/vm_state.h"
#include "vm/vm_system.h"

namespace vmsim::vm {

// Every part of `vm`, which outlives the result.
inline VmState StateOf(VmSystem& vm) {
  VmState state = vm.reclaim().state();
  state.engine = &vm.engine();
  state.page_tables = &vm.page_tables();
  state.processes = &vm.processes();
  state.domain = &vm.domain();
  state.swap_space = &vm.swap().space();
  state.swap_meta = &vm.swap().meta();
  state.swap_pager = &vm.swap();
  state.swap_reserve = &vm.reserve();
  state.counters = &vm.counters();
  state.files = vm.file_sync();
  return state;
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_VM_SYSTEM_STATE_H_
