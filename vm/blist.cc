#include "vm/blist.h"

#include <algorithm>
#include <bit>

#include "sim/check.h"

namespace vmsim::vm {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr uint64_t kAllOnes = ~uint64_t{0};

// 128 blocks: a word and its right neighbour. A run of 64 that begins in the first ends in the
// second.
struct TwoWords {
  uint64_t low, high;
  TwoWords ShiftRight(uint32_t by) const {  // by < 64
    if (by == 0) return *this;
    return {low >> by | high << (64 - by), high >> by};
  }
  TwoWords And(TwoWords other) const { return {low & other.low, high & other.high}; }
};

// Bit p is set iff blocks p .. p+length-1 are all free. Requires: 1 <= length <= 64.
uint64_t StartsOfRuns(TwoWords free, uint32_t length) {
  for (uint32_t have = 1; have < length;) {
    const uint32_t step = std::min(have, length - have);
    free = free.And(free.ShiftRight(step));
    have += step;
  }
  return free.low;
}

// The longest run that begins in the first word, at most 64.
uint8_t LongestRun(TwoWords free) {
  uint32_t longest = 0;
  for (uint32_t step = 64; step > 0; step /= 2) {
    if (longest + step <= 64 && StartsOfRuns(free, longest + step) != 0) longest += step;
  }
  return static_cast<uint8_t>(longest);
}

// Calls visit(word, mask) for each word that [first, first + count) touches.
template <typename Visit>
void ForEachWord(uint32_t first, uint32_t count, Visit visit) {
  const uint64_t end = uint64_t{first} + count;
  for (uint64_t at = first; at < end;) {
    const uint32_t bit = at % 64;
    const uint64_t length = std::min<uint64_t>(64 - bit, end - at);
    visit(static_cast<uint32_t>(at / 64), kAllOnes >> (64 - length) << bit);
    at += length;
  }
}

}  // namespace

Blist::Blist(uint32_t blocks) : blocks_(blocks) {
  size_t nodes = std::max<size_t>((uint64_t{blocks} + 63) / 64, 1);
  words_.assign(nodes + 1, 0);
  bounds_.emplace_back(nodes, 0);
  while (nodes > 1) {
    nodes = (nodes + 63) / 64;
    bounds_.emplace_back(nodes, 0);
  }
}

Blist::Extent Blist::Alloc(uint32_t min, uint32_t max) {
  CHECK(min >= 1 && min <= kMaxAlloc && min <= max, "blist: bad request ", min, "..", max);
  uint32_t first = Find(cursor_, min);
  if (first == kNone && cursor_ != 0) first = Find(0, min);
  if (first == kNone) return {};
  const uint32_t count = RunLength(first, max);
  ForEachWord(first, count, [this](uint32_t word, uint64_t mask) { words_[word] &= ~mask; });
  avail_ -= count;
  cursor_ = first + count == blocks_ ? 0 : first + count;
  return {first, count};
}

void Blist::Free(uint32_t first, uint32_t count) {
  CheckRange(first, count);
  if (count == 0) return;
  ForEachWord(first, count, [&](uint32_t word, uint64_t mask) {
    CHECK_EQ(words_[word] & mask, 0u, "blist: freeing a free block in ", first, "+", count);
    words_[word] |= mask;
  });
  avail_ += count;
  // Only the run that now holds the range may have grown, and bounds end at 64: neither what begins
  // before the word before nor a run of other blocks is concerned.
  const uint32_t before = FreeBefore(first);
  const uint32_t run = before + RunLength(first, kMaxAlloc);
  RaiseBounds((first - before) / 64, (first + count - 1) / 64, std::min(run, kMaxAlloc));
}

uint32_t Blist::Fill(uint32_t first, uint32_t count) {
  CheckRange(first, count);
  uint32_t taken = 0;
  ForEachWord(first, count, [&](uint32_t word, uint64_t mask) {
    taken += std::popcount(words_[word] & mask);
    words_[word] &= ~mask;
  });
  avail_ -= taken;
  return taken;
}

void Blist::Resize(uint32_t blocks, bool free_new) {
  const uint32_t kept = std::min(blocks, blocks_);
  Blist resized(blocks);
  for (Extent extent = NextFree(0); extent.count > 0 && extent.first < kept;
       extent = NextFree(extent.first + extent.count)) {
    resized.Free(extent.first, std::min(extent.count, kept - extent.first));
  }
  if (free_new) resized.Free(kept, blocks - kept);
  *this = std::move(resized);
}

Blist::Extent Blist::NextFree(uint32_t from) const {
  if (from >= blocks_) return {};
  uint32_t word = from / 64;
  uint64_t free = words_[word] & kAllOnes << from % 64;
  while (free == 0) {
    if (++word + 1 >= words_.size()) return {};
    free = words_[word];
  }
  const uint32_t first = word * 64 + std::countr_zero(free);
  return {first, RunLength(first, blocks_ - first)};
}

uint64_t Blist::Radix(uint32_t blocks) {
  uint64_t radix = 1;
  if (blocks == 0) return radix;
  while ((blocks - 1) / 64 / radix != 0) radix *= 64;
  return radix;
}

void Blist::CheckRange(uint32_t first, uint32_t count) const {
  CHECK_LE(uint64_t{first} + count, blocks_, "blist: ", first, "+", count, " is past the end");
}

// The lowest block >= from where `min` free blocks begin, or kNone.
uint32_t Blist::Find(uint32_t from, uint32_t min) {
  const int root = static_cast<int>(bounds_.size()) - 1;
  return bounds_[root][0] < min ? kNone : Search(root, 0, from, min);
}

// Find, below one node whose blocks do not all lie before `from`.
uint32_t Blist::Search(int level, uint32_t node, uint32_t from, uint32_t min) {
  if (level == 0) return SearchWord(node, from, min);
  const std::vector<uint8_t>& below = bounds_[level - 1];
  const uint32_t begin = node * 64;
  const uint32_t end = static_cast<uint32_t>(std::min<size_t>(begin + 64, below.size()));
  for (uint32_t child = std::max(begin, from >> (6 * level)); child < end; ++child) {
    if (below[child] < min) continue;
    const uint32_t found = Search(level - 1, child, from, min);
    if (found != kNone) return found;
  }
  bounds_[level][node] = *std::max_element(&below[begin], &below[0] + end);
  return kNone;
}

uint32_t Blist::SearchWord(uint32_t word, uint32_t from, uint32_t min) {
  const TwoWords free = {words_[word], words_[word + 1]};
  uint64_t starts = StartsOfRuns(free, min);
  if (from / 64 == word) starts &= kAllOnes << from % 64;
  if (starts != 0) return word * 64 + std::countr_zero(starts);
  bounds_[0][word] = LongestRun(free);
  return kNone;
}

// How many blocks are free in a row from `first` on, at most `max`.
uint32_t Blist::RunLength(uint32_t first, uint32_t max) const {
  uint32_t length = 0;
  while (length < max) {
    const uint32_t at = first + length;
    const uint32_t ones = std::countr_one(words_[at / 64] >> at % 64);
    length += ones;
    if (ones < 64 - at % 64) break;
  }
  return std::min(length, max);
}

// How many blocks are free in a row just before `block`, as far as the word before its own.
uint32_t Blist::FreeBefore(uint32_t block) const {
  const uint32_t word = block / 64, bit = block % 64;
  const uint32_t in_word = bit == 0 ? 0 : std::countl_one(words_[word] << (64 - bit));
  if (in_word < bit || word == 0) return in_word;
  return in_word + std::countl_one(words_[word - 1]);
}

// No node has a lower bound than one below it: once a level needs no change, those above need none.
void Blist::RaiseBounds(uint32_t first_word, uint32_t last_word, uint32_t bound) {
  uint32_t first = first_word, last = last_word;
  for (std::vector<uint8_t>& level : bounds_) {
    bool raised = false;
    for (uint32_t node = first; node <= last; ++node) {
      if (level[node] >= bound) continue;
      level[node] = static_cast<uint8_t>(bound);
      raised = true;
    }
    if (!raised) return;
    first /= 64;
    last /= 64;
  }
}

}  // namespace vmsim::vm
