// scenarios/distinct_pages.h: how many different pages a trace touches.
//
// Pages come one at a time, in any order. Most were just counted, and a small direct-mapped filter
// recognises them; the rest is collected, sorted and merged into the sorted pages known so far.
// Unlike in a hash table, no choice of pages makes this slow: O(log n) a page at worst. Memory:
// 640 KiB, and at most 24 bytes for each distinct page.
#ifndef VMSIM_SCENARIOS_DISTINCT_PAGES_H_
#define VMSIM_SCENARIOS_DISTINCT_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vmsim::scenarios {

class DistinctPages {
 public:
  DistinctPages() : filter_(kFilterSlots, kEmpty) {}

  // Any page number but 2^64 - 1.
  void Add(uint64_t page) {
    uint64_t& slot = filter_[page % kFilterSlots];
    if (slot == page) return;
    slot = page;
    fresh_.push_back(page);
    if (fresh_.size() >= fresh_limit_) Merge();
  }

  // O(n log n) in the pages added since the last call.
  uint64_t Count() {
    Merge();
    return known_.size();
  }
  // The pages, ascending, each once; until the next Add.
  const std::vector<uint64_t>& Sorted() {
    Merge();
    return known_;
  }
  // A lower bound of Count() that costs nothing: the pages of all merges so far.
  uint64_t AtLeast() const { return known_.size(); }

 private:
  static constexpr size_t kFilterSlots = size_t{1} << 14;
  static constexpr size_t kMinFresh = size_t{1} << 16;
  static constexpr uint64_t kEmpty = ~uint64_t{0};

  void Merge();

  std::vector<uint64_t> filter_;  // Slot p % kFilterSlots: the last page that was added there.
  std::vector<uint64_t> known_;   // Sorted, each once.
  std::vector<uint64_t> fresh_;   // As they came; may be known.
  size_t fresh_limit_ = kMinFresh;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_DISTINCT_PAGES_H_
