// scenarios/run_collapser.h: from single references to records (scenarios/reference_source.h).
//
// The depth K says which references are folded. A reference to any of the K most recently
// referenced distinct pages goes into that page's newest record; any other opens a record at the
// end, so that records are in order of first touch. With K = 1 a record is a maximal run. LRU with
// K frames or more misses exactly as on the single references. K = 2, references left to right:
//
//     a b a b c a      a and b fold until c comes, which leaves {c, b}; then a is new again
//     records: a*2 b*2 c*1 a*1
//
// A record is settled once its page has left the K, or its run is full. Records are given out in
// order, so they wait for the first one that is not settled; as every one of them waits for less
// than kMaxRun references to an older page, real traces keep few waiting.
// Source: pages folded like this are the "stack deletion" of A. J. Smith, "Two Methods for the
// Efficient Analysis of Memory Address Trace Data", IEEE TSE 3(1), 1977.
#ifndef VMSIM_SCENARIOS_RUN_COLLAPSER_H_
#define VMSIM_SCENARIOS_RUN_COLLAPSER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "scenarios/reference_source.h"

namespace vmsim::scenarios {

// A reference searches the K pages in turn: a limit that keeps this quick.
inline constexpr uint32_t kMaxFilterDepth = 256;

class RunCollapser {
 public:
  // Requires: depth in 1..kMaxFilterDepth.
  explicit RunCollapser(uint32_t depth);

  // Adds a reference. Requires: page <= kMaxPage, kinds in 1..15.
  void Add(uint64_t page, uint32_t kinds);

  // Records not yet given out.
  size_t pending() const { return records_.size(); }

  // Gives out the settled records at the front: appends them to `out`.
  void TakeSettled(std::vector<uint64_t>& out);
  // Gives out all records; no more references may be added.
  void TakeAll(std::vector<uint64_t>& out);

 private:
  struct Recent {
    uint64_t page;
    uint64_t record;  // Its newest record, counted from the start of the trace.
  };

  const uint32_t depth_;
  std::vector<Recent> recent_;     // The most recently referenced page first; at most depth_.
  std::vector<uint64_t> records_;  // Pending.
  uint64_t taken_ = 0;             // Records given out: the number of records_[0].
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_RUN_COLLAPSER_H_
