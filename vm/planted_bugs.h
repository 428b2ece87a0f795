// vm/planted_bugs.h: deliberate defects, for tests that must see them caught.
//
// A vector or digest test that passes with one of these on tests nothing. They can be set from C++
// only: no scenario field, command or Python call reaches them.
#ifndef VMSIM_VM_PLANTED_BUGS_H_
#define VMSIM_VM_PLANTED_BUGS_H_

namespace vmsim::vm {

struct PlantedBugs {
  bool fifo_batches = false;        // Scan batches processed first in, first out.
  bool wrong_batch_size = false;    // The other revision's number of batch slots.
  bool no_act_decline = false;      // The active scan forgets to take 1 from an idle page.
  bool uncounted_reinsert = false;  // The inactive scan does not count the pages that it puts back.
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PLANTED_BUGS_H_
