// scenarios/zipf.h: exact Zipf draws in integers.
//
// Rank k (from 1) has a weight in proportion to k^-s, with s = s10/10 and s10 one of 8, 10, 12:
//
//     q(k) = floor(k^(1/5) * 2^20)
//     s10 =  8:  w(k) = floor(2^20 * q(k) / k)
//     s10 = 10:  w(k) = floor(2^40 / k)
//     s10 = 12:  w(k) = floor(2^60 / (k * q(k)))
//
// A draw u below the sum of all weights falls on the first rank whose cumulated weight exceeds u.
// The cumulated weights are cut into buckets of equal width, about one a rank, and a guide table
// says where each begins, so that a draw searches a handful of ranks instead of all. Source: Chen
// and Asau, "On Generating Random Variates from an Empirical Distribution", AIIE Transactions 6(2),
// 1974 (guide tables).
#ifndef VMSIM_SCENARIOS_ZIPF_H_
#define VMSIM_SCENARIOS_ZIPF_H_

#include <cstdint>
#include <vector>

namespace vmsim::scenarios {

// The most ranks a table can have: 16 bytes or so each, and weights that stay above 0.
inline constexpr uint64_t kMaxZipfRanks = uint64_t{1} << 28;

// Largest q with q^5 <= k * 2^100. Requires: 1 <= k <= kMaxZipfRanks.
uint64_t FifthRoot(uint64_t k);

class ZipfTable {
 public:
  // Requires: 1 <= ranks <= kMaxZipfRanks, s10 in {8, 10, 12}.
  ZipfTable(uint64_t ranks, uint32_t s10);

  // Draws are made below this.
  uint64_t total() const { return total_; }
  // The rank, counted from 0, that draw `u` falls on. Requires: u < total().
  uint64_t Rank(uint64_t u) const {
    const uint64_t bucket = u >> bucket_shift_;
    const uint64_t first = guide_[bucket];
    const uint64_t last = guide_[bucket + 1];
    if (last - first > kNear) return FarRank(first, last, u);
    // Four steps without a branch: many draws' cache misses overlap.
    const uint64_t* at = cumulated_.data() + first;
    at += uint64_t{at[7] <= u} << 3;
    at += uint64_t{at[3] <= u} << 2;
    at += uint64_t{at[1] <= u} << 1;
    at += uint64_t{at[0] <= u};
    return static_cast<uint64_t>(at - cumulated_.data());
  }

 private:
  static constexpr uint64_t kNear = 15;  // What four steps reach.

  // The same, between any two ranks.
  uint64_t FarRank(uint64_t first, uint64_t last, uint64_t u) const;

  uint64_t total_ = 0;
  std::vector<uint64_t> cumulated_;  // By rank: the sum of its weight and all before it. Then kNear
                                     // times more than any draw.
  std::vector<uint32_t> guide_;      // By bucket: the first rank that ends beyond its start.
  int bucket_shift_ = 0;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_ZIPF_H_
