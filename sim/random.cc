#include "sim/random.h"

namespace vmsim::sim {
namespace {

uint64_t Fnv1a(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  }
  return hash;
}

}  // namespace

uint64_t StreamSeed(uint64_t run_seed, std::string_view stream_name) {
  return MixBits(SplitMix64(run_seed).Next() ^ Fnv1a(stream_name));
}

SplitMix64 NamedStream(uint64_t run_seed, std::string_view name) {
  return SplitMix64(StreamSeed(run_seed, name));
}

}  // namespace vmsim::sim
