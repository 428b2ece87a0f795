// sim/histogram.h: how long things took, as counts in buckets that grow with the value.
//
// Values are non-negative int64, usually nanoseconds. Below 256 each value has a bucket of its
// own; above, every power of two is cut into 128 equal buckets:
//
//     0 1 2 ... 255 | 256-257 258-259 ... 510-511 | 512-515 516-519 ... 1020-1023 | 1024-1031 ...
//
// so a bucket is never wider than 1/128 of its values: a percentile is at most 1/128 (0.8 %) above
// the true one, and never below it. Count, minimum, maximum and sum are exact. Two histograms add
// up to what one would have recorded. One costs 57 KiB, allocated when it is made.
//
// Model: HdrHistogram (G. Tene), which rounds the same way.
#ifndef VMSIM_SIM_HISTOGRAM_H_
#define VMSIM_SIM_HISTOGRAM_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "sim/check.h"

namespace vmsim::sim {

class Histogram {
 public:
  // log2 of the buckets per power of two; the relative error is at most 2^-kPrecisionBits.
  static constexpr int kPrecisionBits = 7;

  Histogram() : counts_(kBuckets) {}

  // Counts one value. Requires: value >= 0.
  void Record(int64_t value) {
    CHECK_GE(value, 0);
    ++counts_[BucketOf(value)];
    ++count_;
    sum_ += static_cast<uint64_t>(value);
    if (value < min_) min_ = value;
    if (value > max_) max_ = value;
  }

  // Adds everything that `other` recorded.
  void Merge(const Histogram& other);
  // Forgets everything.
  void Reset();

  int64_t count() const { return count_; }
  int64_t min() const { return count_ == 0 ? 0 : min_; }  // 0 when empty.
  int64_t max() const { return max_; }                    // 0 when empty.
  // The exact sum; kept in 128 bits, and INT64_MAX when it does not fit in 63.
  int64_t sum() const;
  // The exact sum divided by the count, rounded down; 0 when empty.
  int64_t Mean() const;

  // The value that numerator/denominator of all recorded values do not exceed: Percentile(1, 2) is
  // the median, Percentile(999, 1000) p99.9. It is the value of rank
  // ceil(count * numerator / denominator), at least 1, rounded up to the last value of its bucket,
  // or to max() if that is less. 0 when empty. Requires: 0 <= numerator <= denominator, and
  // denominator > 0.
  int64_t Percentile(int64_t numerator, int64_t denominator) const;

  struct Bucket {
    int64_t first;  // The smallest and the largest value that fall in.
    int64_t last;
    int64_t count;
  };
  // The buckets that hold something, by value.
  std::vector<Bucket> Buckets() const;

 private:
  static constexpr size_t kPerOctave = size_t{1} << kPrecisionBits;
  // Values below 2^(kPrecisionBits + 1) have shift 0, the largest int64 has shift 55.
  static constexpr int kMaxShift = 63 - (kPrecisionBits + 1);
  static constexpr size_t kBuckets = (kMaxShift + 2) * kPerOctave;

  // The low `shift` bits of a value are lost; the rest, of kPrecisionBits + 1 bits, counts on from
  // where the octave before ended.
  static size_t BucketOf(int64_t value) {
    const uint64_t v = static_cast<uint64_t>(value);
    const int width = static_cast<int>(std::bit_width(v | (2 * kPerOctave - 1)));
    const int shift = width - (kPrecisionBits + 1);
    return static_cast<size_t>(shift) * kPerOctave + static_cast<size_t>(v >> shift);
  }
  static int64_t FirstOf(size_t bucket);
  static int64_t LastOf(size_t bucket);

  std::vector<int64_t> counts_;
  int64_t count_ = 0;
  int64_t min_ = std::numeric_limits<int64_t>::max();
  int64_t max_ = 0;
  unsigned __int128 sum_ = 0;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_HISTOGRAM_H_
