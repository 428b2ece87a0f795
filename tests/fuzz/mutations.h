// tests/fuzz/mutations.h: small damage to bytes, decided by a stream of random numbers.
#ifndef VMSIM_TESTS_FUZZ_MUTATIONS_H_
#define VMSIM_TESTS_FUZZ_MUTATIONS_H_

#include <string>

#include "sim/random.h"

namespace vmsim::tests {

// Longer results are cut.
inline constexpr size_t kMaxMutatedBytes = size_t{1} << 18;

// `seed` with one to four changes: a bit flipped, a byte or a digit replaced, a number made
// extreme, the end cut off, a part removed, repeated, or exchanged for zeros.
std::string Mutate(const std::string& seed, sim::SplitMix64& random);

}  // namespace vmsim::tests

#endif  // VMSIM_TESTS_FUZZ_MUTATIONS_H_
