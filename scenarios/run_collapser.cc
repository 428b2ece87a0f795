#include "scenarios/run_collapser.h"

#include <algorithm>

#include "sim/check.h"

namespace vmsim::scenarios {

RunCollapser::RunCollapser(uint32_t depth) : depth_(depth) {
  CHECK(depth >= 1 && depth <= kMaxFilterDepth, depth);
  recent_.reserve(depth);
}

void RunCollapser::Add(uint64_t page, uint32_t kinds) {
  size_t at = 0;
  while (at < recent_.size() && recent_[at].page != page) ++at;
  const bool folds = at < recent_.size();
  Recent found = folds ? recent_[at] : Recent{page, 0};
  if (folds && VptRecord{records_[found.record - taken_]}.run() < kMaxRun) {
    uint64_t& word = records_[found.record - taken_];
    word = (word | uint64_t{kinds} << kPageBits) + kOneReference;
  } else {
    found.record = taken_ + records_.size();
    records_.push_back(MakeRecord(page, kinds, 1).word);
  }
  if (!folds) {
    if (recent_.size() < depth_) recent_.push_back(found);
    at = recent_.size() - 1;
  }
  std::copy_backward(recent_.begin(), recent_.begin() + at, recent_.begin() + at + 1);
  recent_[0] = found;
}

void RunCollapser::TakeSettled(std::vector<uint64_t>& out) {
  uint64_t first_open = taken_ + records_.size();
  for (const Recent& recent : recent_) first_open = std::min(first_open, recent.record);
  const auto end = records_.begin() + static_cast<ptrdiff_t>(first_open - taken_);
  out.insert(out.end(), records_.begin(), end);
  records_.erase(records_.begin(), end);
  taken_ = first_open;
}

void RunCollapser::TakeAll(std::vector<uint64_t>& out) {
  out.insert(out.end(), records_.begin(), records_.end());
  taken_ += records_.size();
  records_.clear();
  recent_.clear();
}

}  // namespace vmsim::scenarios
