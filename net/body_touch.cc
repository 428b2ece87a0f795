#include "net/body_touch.h"

#include <algorithm>

#include "sim/errno.h"

namespace vmsim::net {

sim::Task<PageTouch> TouchPage(sim::Engine& engine, vm::VmSystem& vm, vm::Process& process,
                               vm::Vpage vpage, bool write, FoundPage* waits_for) {
  PageTouch touch;
  const sim::SimTime start = engine.now();
  const vm::MapEntry* entry = process.space.Lookup(vpage);
  if (entry == nullptr) {
    touch.place = PagePlace::kHole;
    touch.result = vm::FaultResult::kInvalidAddress;
    co_return touch;
  }
  const vm::PteSlot slot = entry->SlotOf(vpage);
  const vm::Pte need = vm::kPteValid | (write ? vm::kPteWritable : 0);
  if ((vm.page_tables().entry(slot) & need) == need) {
    vm.page_tables().entries()[slot] |= vm::kPteAccessed | (write ? vm::kPteModified : 0);
  } else {
    FoundPage found;
    touch.place = PlaceOf(vm, process.space, vpage, &found);
    touch.faulted = true;
    if (waits_for != nullptr) *waits_for = found;
    touch.result = co_await vm.faults().Fault(process.space, slot, write);
    if (waits_for != nullptr) *waits_for = {};
    if (touch.result == vm::FaultResult::kSuccess && touch.place == PagePlace::kOnDisk) {
      // Where the entry expects the next fault tells how far this one read.
      entry = process.space.Lookup(vpage);
      if (entry != nullptr && entry->next_read > vpage) {
        touch.ahead = static_cast<int>(entry->next_read - vpage - 1);
      }
    }
  }
  if (touch.result == vm::FaultResult::kSuccess) {
    co_await engine.Consume(vm.config().costs.reference_ns);
  }
  touch.ns = engine.now() - start;
  co_return touch;
}

int ErrnoOf(vm::FaultResult result) {
  switch (result) {
    case vm::FaultResult::kSuccess:
      return 0;
    case vm::FaultResult::kOutOfBounds:
      return sim::kEio;
    case vm::FaultResult::kResourceShortage:
      return sim::kEnomem;
    default:
      return sim::kEfault;
  }
}

}  // namespace vmsim::net
