// sim/random.h: random numbers, one stream per consumer.
//
// Every part that draws (a workload, a disk's faults, a policy) has a stream of its own, split from
// the run's seed by name, so that one more draw in one part shifts no draw in another. Everything
// is integer arithmetic modulo 2^64: a seed gives the same numbers with any compiler and library.
//
// Model: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA
// 2014): the state walks all 2^64 values by a fixed odd step, and a finaliser scrambles each.
// Names are hashed with FNV-1a, 64 bits. Not for cryptography.
#ifndef VMSIM_SIM_RANDOM_H_
#define VMSIM_SIM_RANDOM_H_

#include <cstdint>
#include <string_view>

namespace vmsim::sim {

// The finaliser of SplitMix64: a bijection in which each input bit moves about half of the output.
constexpr uint64_t MixBits(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

class SplitMix64 {
 public:
  explicit constexpr SplitMix64(uint64_t seed) : state_(seed) {}

  // Uniform over all 64-bit values. Any seed is good, 0 too; the period is 2^64.
  constexpr uint64_t Next() { return MixBits(state_ += kStep); }

  // Uniform over [0, m): the high 64 bits of Next() * m. Always exactly one Next(), so the position
  // in a stream is the number of draws; the price is a bias below m / 2^64. 0 when m is 0.
  constexpr uint64_t Below(uint64_t m) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * m) >> 64);
  }

 private:
  static constexpr uint64_t kStep = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio, odd.

  uint64_t state_;
};

// The seed of the stream `stream_name` of a run. Both arguments are mixed before they meet, so
// neighbouring seeds (1, 2, 3...) and similar names ("disk0", "disk1") give unrelated streams.
uint64_t StreamSeed(uint64_t run_seed, std::string_view stream_name);

// The stream itself, at its beginning. Two consumers must not use one name: they would draw the
// same numbers.
SplitMix64 NamedStream(uint64_t run_seed, std::string_view name);

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_RANDOM_H_
