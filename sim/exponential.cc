#include "sim/exponential.h"

#include <limits>

#include "sim/check.h"

namespace vmsim::sim {
namespace {

using Wide = unsigned __int128;

constexpr int kGuardBits = 12;  // Of the sums, so that the table is right to its last bit but one.

// ln(n / (n - 1)) = 2 atanh(1 / (2n - 1)) = 2 (z + z^3/3 + z^5/5 + ...), z = 1 / (2n - 1).
constexpr uint64_t LnStep(uint64_t n) {
  const uint64_t d = 2 * n - 1;
  Wide power = (Wide{2} << (Exponential::kFractionBits + kGuardBits)) / d;
  Wide sum = 0;
  for (uint64_t k = 1; power != 0; k += 2) {
    sum += power / k;
    power /= Wide{d} * d;
  }
  return static_cast<uint64_t>(sum);
}

struct Table {
  std::array<uint64_t, Exponential::kStrata> quantiles{};
  uint64_t ln_256 = 0;
  uint64_t mean = 0;  // Of what the table gives, in the same units.
};

// -ln(1 - i/256) = ln(256/255) + ln(255/254) + ... with i terms.
Table MakeTable() {
  Table table;
  uint64_t sum = 0;
  Wide within = 0;
  for (int i = 0; i < Exponential::kStrata; ++i) {
    table.quantiles[static_cast<size_t>(i)] = sum >> kGuardBits;
    const auto left = static_cast<uint64_t>(Exponential::kStrata - i);
    if (left == 1) break;
    const uint64_t next = sum + LnStep(left);
    within += (sum >> kGuardBits) + (next >> kGuardBits);  // Twice the middle of the stratum.
    sum = next;
  }
  // What is left is 1/256 of the probability: ln 256 = 8 ln 2.
  table.ln_256 = (8 * LnStep(2)) >> kGuardBits;
  // mean = within / 512 + (ln_256 + mean) / 256
  table.mean = static_cast<uint64_t>((within / 2 + table.ln_256) / (Exponential::kStrata - 1));
  return table;
}

const Table& TheTable() {
  static const Table table = MakeTable();
  return table;
}

}  // namespace

const std::array<uint64_t, Exponential::kStrata>& Exponential::Quantiles() {
  return TheTable().quantiles;
}

Exponential::Exponential(SimDuration mean_ns) {
  CHECK(mean_ns >= 0 && mean_ns <= SimDuration{1} << 53, "mean ", mean_ns);
  scale_ =
      static_cast<uint64_t>((static_cast<Wide>(mean_ns) << (kFractionBits + 8)) / TheTable().mean);
}

SimDuration Exponential::Draw(SplitMix64& random) const {
  const Table& table = TheTable();
  Wide sum = 0;
  uint64_t stratum;
  while ((stratum = random.Below(kStrata)) == kStrata - 1) sum += table.ln_256;
  const uint64_t low = table.quantiles[stratum];
  sum += low + random.Below(table.quantiles[stratum + 1] - low);
  const Wide ns = (sum * scale_) >> (kFractionBits + 8);
  constexpr auto kMost = static_cast<Wide>(std::numeric_limits<SimDuration>::max() / 2);
  return static_cast<SimDuration>(ns < kMost ? ns : kMost);
}

}  // namespace vmsim::sim
