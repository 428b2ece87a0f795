// scenarios/saturating.h: sums and products that stop at the largest number instead of wrapping
// round.
//
// For totals of what an unchecked file asks for: what is too much stays too much.
#ifndef VMSIM_SCENARIOS_SATURATING_H_
#define VMSIM_SCENARIOS_SATURATING_H_

#include <cstdint>
#include <limits>

namespace vmsim::scenarios {

// Requires of both: no operand is negative.
constexpr int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}
constexpr int64_t SaturatingMultiply(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<int64_t>::max() : product;
}

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SATURATING_H_
