#include "sim/event_queue.h"

#include <vector>

namespace vmsim::sim {

// Rebuilds the heap without husks. Order is unaffected: it depends on the entries' keys alone.
void EventQueue::Sweep() {
  std::erase_if(heap_, [this](const Entry& entry) {
    const bool husk = slots_[entry.slot].callback == nullptr;
    if (husk) FreeSlot(entry.slot);
    return husk;
  });
  for (size_t i = heap_.size(); i-- > 0;) SiftDown(i, heap_[i]);
}

}  // namespace vmsim::sim
