#include "scenarios/zipf.h"

#include <algorithm>
#include <cstddef>

#include "sim/check.h"

namespace vmsim::scenarios {
namespace {

using Uint128 = unsigned __int128;

// Is q^5 <= k * 2^100? Compared in units of 2^64, since q^5 can have 129 bits.
bool FifthPowerAtMost(uint64_t q, uint64_t k) {
  const Uint128 q4 = Uint128{q * q} * (q * q);
  const Uint128 low = Uint128{static_cast<uint64_t>(q4)} * q;
  const Uint128 high = (q4 >> 64) * q + (low >> 64);
  const Uint128 bound = Uint128{k} << 36;
  return high < bound || (high == bound && static_cast<uint64_t>(low) == 0);
}

// The largest q in [low, high) that FifthPowerAtMost. Requires: low is one, high is not.
uint64_t SearchRoot(uint64_t low, uint64_t high, uint64_t k) {
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    (FifthPowerAtMost(middle, k) ? low : high) = middle;
  }
  return low;
}

constexpr uint64_t kRootOfOne = uint64_t{1} << 20;
constexpr uint64_t kRootLimit = uint64_t{1} << 26;  // Beyond the root of kMaxZipfRanks.

// The root of k, from that of k - 1: the curve is concave, so that it rises by less than q / (5k).
uint64_t NextRoot(uint64_t root, uint64_t k) {
  return SearchRoot(root, root + 2 + (root + 1) / (5 * (k - 1)) + 1, k);
}

uint64_t Weight(uint64_t k, uint64_t root, uint32_t s10) {
  switch (s10) {
    case 8:
      return (root << 20) / k;
    case 10:
      return (uint64_t{1} << 40) / k;
    default:
      return (uint64_t{1} << 60) / (k * root);  // k * root has at most 54 bits.
  }
}

}  // namespace

uint64_t FifthRoot(uint64_t k) {
  CHECK(k >= 1 && k <= kMaxZipfRanks, k);
  return SearchRoot(kRootOfOne, kRootLimit, k);
}

ZipfTable::ZipfTable(uint64_t ranks, uint32_t s10) {
  CHECK(ranks >= 1 && ranks <= kMaxZipfRanks, ranks);
  CHECK(s10 == 8 || s10 == 10 || s10 == 12, s10);
  cumulated_.resize(ranks + kNear, ~uint64_t{0});
  uint64_t sum = 0;
  uint64_t root = kRootOfOne;
  for (uint64_t k = 1; k <= ranks; ++k) {
    if (k > 1 && s10 != 10) root = NextRoot(root, k);
    sum += Weight(k, root, s10);
    cumulated_[k - 1] = sum;
  }
  total_ = sum;
  while (((sum - 1) >> bucket_shift_) >= ranks) ++bucket_shift_;
  guide_.resize(((sum - 1) >> bucket_shift_) + 2);
  uint32_t rank = 0;
  for (uint64_t bucket = 0; bucket < guide_.size() - 1; ++bucket) {
    while (cumulated_[rank] <= bucket << bucket_shift_) ++rank;
    guide_[bucket] = rank;
  }
  guide_.back() = static_cast<uint32_t>(ranks - 1);
}

uint64_t ZipfTable::FarRank(uint64_t first, uint64_t last, uint64_t u) const {
  const auto begin = cumulated_.begin();
  return static_cast<uint64_t>(std::upper_bound(begin + static_cast<ptrdiff_t>(first),
                                                begin + static_cast<ptrdiff_t>(last), u) -
                               begin);
}

}  // namespace vmsim::scenarios
