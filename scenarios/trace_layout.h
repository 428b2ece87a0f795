// scenarios/trace_layout.h: where a replayed trace's pages lie in an address space.
//
// A trace keeps its addresses. Pages less than kSameEntryPages apart belong to one map entry, which
// takes in what lies between them; so code, heap and stacks become a few hundred entries, as in a
// real process. The entries' pages are numbered through, from 0, in address order, and the records
// are rewritten to those numbers once: with one run of page-table slots for the whole layout, a
// reference finds its entry of the page table by one addition.
#ifndef VMSIM_SCENARIOS_TRACE_LAYOUT_H_
#define VMSIM_SCENARIOS_TRACE_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scenarios/vpt1.h"

namespace vmsim::scenarios {

inline constexpr uint64_t kSameEntryPages = 16;

struct TraceEntry {
  uint64_t start;  // First virtual page.
  uint32_t pages;
  uint32_t first;  // Number of its first page in the layout.
};

struct TraceLayout {
  std::vector<TraceEntry> entries;  // By start.
  uint32_t pages = 0;               // Of all entries.
  uint64_t references = 0;          // One replay.
  std::vector<uint64_t> records;    // As in VPT1, with layout page numbers.
};

// Lays `trace` out. Errors: more than 2^31 - 1 pages in all entries.
absl::StatusOr<TraceLayout> LayOutTrace(Vpt1Trace trace, const std::string& file);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_TRACE_LAYOUT_H_
