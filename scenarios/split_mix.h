// scenarios/split_mix.h: the random numbers of the reference generators.
//
// SplitMix64: a counter with a mixing function behind it. Fast, portable, and part of the recipes
// that scenarios/generators.h repeats; the machine's own draws come from the streams in sim/.
// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
#ifndef VMSIM_SCENARIOS_SPLIT_MIX_H_
#define VMSIM_SCENARIOS_SPLIT_MIX_H_

#include <cstdint>

namespace vmsim::scenarios {

class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  // A number below `bound`: one draw, no rejection; 0 if `bound` is 0.
  uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(Next()) * bound >> 64);
  }

 private:
  uint64_t state_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SPLIT_MIX_H_
