// sim/exponential.h: waiting times of a Poisson process, in integers.
//
// Exponential(mean) by table and without floating point:
//
//     draw s in 0..255          one of 256 strata of equal probability
//     s < 255                   uniform between the quantiles q[s] and q[s+1]
//     s = 255                   ln 256 has passed; begin again and add (it has no memory)
//
// q[i] = -ln(1 - i/256), to 2^-48. The straight line between two quantiles replaces the curve, so
// the table's mean is 1.00032: it is divided out. A draw takes two numbers of the stream, and one
// more for each ln 256 that passes.
#ifndef VMSIM_SIM_EXPONENTIAL_H_
#define VMSIM_SIM_EXPONENTIAL_H_

#include <array>
#include <cstdint>

#include "sim/random.h"
#include "sim/time.h"

namespace vmsim::sim {

class Exponential {
 public:
  static constexpr int kStrata = 256;
  static constexpr int kFractionBits = 48;

  // `mean_ns`: 0 to 2^53. Every draw of 0 is 0.
  explicit Exponential(SimDuration mean_ns);

  // The next waiting time, 0 or more; rounded down.
  SimDuration Draw(SplitMix64& random) const;

  // q[i] in units of 2^-kFractionBits, i up to 255.
  static const std::array<uint64_t, kStrata>& Quantiles();

 private:
  uint64_t scale_;  // ns for 2^kFractionBits of the table, in units of 2^-8 ns.
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_EXPONENTIAL_H_
