#include "scenarios/distinct_pages.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vmsim::scenarios {

void DistinctPages::Merge() {
  std::sort(fresh_.begin(), fresh_.end());
  fresh_.erase(std::unique(fresh_.begin(), fresh_.end()), fresh_.end());
  std::vector<uint64_t> merged;
  merged.reserve(known_.size() + fresh_.size());
  std::set_union(known_.begin(), known_.end(), fresh_.begin(), fresh_.end(),
                 std::back_inserter(merged));
  known_ = std::move(merged);
  fresh_.clear();
  // Merging when the fresh pages equal half of the known ones keeps its cost constant per page.
  fresh_limit_ = std::max(kMinFresh, known_.size() / 2);
}

}  // namespace vmsim::scenarios
