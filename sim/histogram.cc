#include "sim/histogram.h"

#include <algorithm>

namespace vmsim::sim {
namespace {
constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();
}  // namespace

int64_t Histogram::FirstOf(size_t bucket) {
  if (bucket < 2 * kPerOctave) return static_cast<int64_t>(bucket);
  const size_t shift = bucket / kPerOctave - 1;
  return static_cast<int64_t>((kPerOctave + bucket % kPerOctave) << shift);
}

int64_t Histogram::LastOf(size_t bucket) {
  return bucket + 1 == kBuckets ? kInt64Max : FirstOf(bucket + 1) - 1;
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void Histogram::Reset() {
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = 0;
  min_ = kInt64Max;
  max_ = 0;
  sum_ = 0;
}

int64_t Histogram::sum() const {
  return sum_ > static_cast<uint64_t>(kInt64Max) ? kInt64Max : static_cast<int64_t>(sum_);
}

int64_t Histogram::Mean() const {
  return count_ == 0 ? 0 : static_cast<int64_t>(sum_ / static_cast<uint64_t>(count_));
}

int64_t Histogram::Percentile(int64_t numerator, int64_t denominator) const {
  CHECK(0 <= numerator && numerator <= denominator && denominator > 0, numerator, "/", denominator);
  if (count_ == 0) return 0;
  const auto scaled = static_cast<unsigned __int128>(count_) * static_cast<uint64_t>(numerator);
  const auto divisor = static_cast<uint64_t>(denominator);
  const int64_t rank = std::max<int64_t>(1, static_cast<int64_t>((scaled + divisor - 1) / divisor));
  int64_t seen = 0;
  size_t bucket = 0;
  while ((seen += counts_[bucket]) < rank) ++bucket;
  return std::min(LastOf(bucket), max_);
}

std::vector<Histogram::Bucket> Histogram::Buckets() const {
  std::vector<Bucket> buckets;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (counts_[i] != 0) buckets.push_back({FirstOf(i), LastOf(i), counts_[i]});
  }
  return buckets;
}

}  // namespace vmsim::sim
