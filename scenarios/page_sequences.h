// scenarios/page_sequences.h: the recipes of the generators (scenarios/generators.h), one class
// each.
//
// Fill(out, count) writes the next `count` page numbers. Each sequence goes on for ever, phases
// apart: it must not be asked for more than config.refs. The configs are valid. State that a loop
// changes is copied to locals, since the compiler has to assume that `out` points into the object.
#ifndef VMSIM_SCENARIOS_PAGE_SEQUENCES_H_
#define VMSIM_SCENARIOS_PAGE_SEQUENCES_H_

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "scenarios/generators.h"
#include "scenarios/zipf.h"
#include "sim/random.h"

namespace vmsim::scenarios {

// The pages in their own order, to be shuffled.
inline std::vector<uint32_t> Identity(uint64_t pages) {
  std::vector<uint32_t> order(pages);
  std::iota(order.begin(), order.end(), uint32_t{0});
  return order;
}

class LoopPages {
 public:
  explicit LoopPages(const GeneratorConfig& config) : pages_(config.pages) {}
  void Fill(uint64_t* out, size_t count) {
    const uint64_t pages = pages_;
    uint64_t page = next_;
    for (size_t i = 0; i < count; ++i) {
      out[i] = page;
      page = page + 1 == pages ? 0 : page + 1;
    }
    next_ = page;
  }

 private:
  const uint64_t pages_;
  uint64_t next_ = 0;
};

class ZigzagPages {
 public:
  explicit ZigzagPages(const GeneratorConfig& config) : pages_(config.pages) {}
  void Fill(uint64_t* out, size_t count) {
    const uint64_t pages = pages_;
    uint64_t k = k_;
    bool backwards = backwards_;
    for (size_t i = 0; i < count; ++i) {
      out[i] = backwards ? pages - 1 - k : k;
      if (++k == pages) {
        k = 0;
        backwards = !backwards;
      }
    }
    k_ = k;
    backwards_ = backwards;
  }

 private:
  const uint64_t pages_;
  uint64_t k_ = 0;
  bool backwards_ = false;
};

// k = (i mod n) * stride is kept as its quotient and remainder by n, the quotient modulo n.
class StridedPages {
 public:
  explicit StridedPages(const GeneratorConfig& config)
      : pages_(config.pages),
        quotient_step_(config.stride / config.pages % config.pages),
        remainder_step_(config.stride % config.pages) {}
  void Fill(uint64_t* out, size_t count) {
    const uint64_t pages = pages_;
    uint64_t i_in_pass = i_in_pass_, quotient = quotient_, remainder = remainder_;
    for (size_t i = 0; i < count; ++i) {
      out[i] = Wrap(quotient + remainder, pages);
      remainder += remainder_step_;
      const uint64_t carry = remainder >= pages ? 1 : 0;
      remainder = Wrap(remainder, pages);
      quotient = Wrap(Wrap(quotient + quotient_step_, pages) + carry, pages);
      if (++i_in_pass == pages) i_in_pass = quotient = remainder = 0;
    }
    i_in_pass_ = i_in_pass;
    quotient_ = quotient;
    remainder_ = remainder;
  }

 private:
  static uint64_t Wrap(uint64_t value, uint64_t pages) {
    return value >= pages ? value - pages : value;
  }
  const uint64_t pages_, quotient_step_, remainder_step_;
  uint64_t i_in_pass_ = 0, quotient_ = 0, remainder_ = 0;
};

// Walks the cycle once, when it is made: its pages in order are read faster than links are
// followed.
class ChasePages {
 public:
  explicit ChasePages(const GeneratorConfig& config) : order_(config.pages) {
    std::vector<uint32_t> next = Identity(config.pages);
    sim::SplitMix64 random(config.seed);
    for (uint64_t j = config.pages - 1; j > 0; --j) std::swap(next[j], next[random.Below(j)]);
    uint32_t page = 0;
    for (uint32_t& visited : order_) {
      visited = page;
      page = next[page];
    }
  }
  void Fill(uint64_t* out, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      out[i] = order_[at_];
      at_ = at_ + 1 == order_.size() ? 0 : at_ + 1;
    }
  }

 private:
  std::vector<uint32_t> order_;
  size_t at_ = 0;
};

class UniformPages {
 public:
  explicit UniformPages(const GeneratorConfig& config)
      : pages_(config.pages), random_(config.seed) {}
  void Fill(uint64_t* out, size_t count) {
    const uint64_t pages = pages_;
    sim::SplitMix64 random = random_;
    for (size_t i = 0; i < count; ++i) out[i] = random.Below(pages);
    random_ = random;
  }

 private:
  const uint64_t pages_;
  sim::SplitMix64 random_;
};

class ZipfPages {
 public:
  static constexpr uint64_t kShuffleStream = 0x5A495046;  // XORed to the seed.

  explicit ZipfPages(const GeneratorConfig& config)
      : table_(config.pages, config.s10),
        page_of_rank_(Identity(config.pages)),
        random_(config.seed) {
    sim::SplitMix64 shuffle(config.seed ^ kShuffleStream);
    for (uint64_t j = config.pages - 1; j > 0; --j) {
      std::swap(page_of_rank_[j], page_of_rank_[shuffle.Below(j + 1)]);
    }
  }
  // In three steps, so that the cache misses of many draws overlap.
  void Fill(uint64_t* out, size_t count) {
    sim::SplitMix64 random = random_;
    const uint64_t total = table_.total();
    for (size_t i = 0; i < count; ++i) out[i] = random.Below(total);
    random_ = random;
    for (size_t i = 0; i < count; ++i) out[i] = table_.Rank(out[i]);
    for (size_t i = 0; i < count; ++i) out[i] = page_of_rank_[out[i]];
  }

 private:
  const ZipfTable table_;
  std::vector<uint32_t> page_of_rank_;
  sim::SplitMix64 random_;
};

class HotsetPages {
 public:
  explicit HotsetPages(const GeneratorConfig& config)
      : hot_pct_(config.hot_pct),
        hot_(config.pages / 8),
        cold_(config.pages - hot_),
        random_(config.seed) {}
  void Fill(uint64_t* out, size_t count) {
    sim::SplitMix64 random = random_;
    uint64_t scan = scan_;
    for (size_t i = 0; i < count; ++i) {
      if (random.Below(100) < hot_pct_) {
        out[i] = random.Below(hot_);
      } else {
        out[i] = hot_ + scan;
        scan = scan + 1 == cold_ ? 0 : scan + 1;
      }
    }
    random_ = random;
    scan_ = scan;
  }

 private:
  const uint64_t hot_pct_, hot_, cold_;
  uint64_t scan_ = 0;
  sim::SplitMix64 random_;
};

class PhasesPages {
 public:
  explicit PhasesPages(const GeneratorConfig& config)
      : pages_(config.pages), refs_(config.refs), random_(config.seed) {}
  void Fill(uint64_t* out, size_t count) {
    const uint64_t window = pages_ * 3 / 8;
    sim::SplitMix64 random = random_;
    for (size_t i = 0; i < count; ++i, ++i_) {
      if (i_ == phase_end_) StartPhase();
      const uint64_t page = window_start_ + random.Below(window);
      out[i] = page >= pages_ ? page - pages_ : page;
    }
    random_ = random;
  }

 private:
  // Sets the phase of reference i_ and the first reference beyond it.
  void StartPhase() {
    const uint64_t phase = i_ * 4 / refs_;
    window_start_ = phase * (pages_ / 4);
    phase_end_ = ((phase + 1) * refs_ + 3) / 4;
  }
  const uint64_t pages_, refs_;
  uint64_t i_ = 0, phase_end_ = 0, window_start_ = 0;
  sim::SplitMix64 random_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_PAGE_SEQUENCES_H_
