// vm/cpu_set.h: a set of simulated CPUs, as the kernel keeps who may have a stale translation.
//
// Four words, whatever the number of CPUs. Model: FreeBSD sys/sys/cpuset.h, cpuset_t.
#ifndef VMSIM_VM_CPU_SET_H_
#define VMSIM_VM_CPU_SET_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/check.h"
#include "sim/engine.h"

namespace vmsim::vm {

class CpuSet {
 public:
  // CPUs 0..cpus-1 (all_cpus). Requires: 0 <= cpus <= sim::kMaxCpus.
  static CpuSet First(int cpus) {
    CHECK(cpus >= 0 && cpus <= sim::kMaxCpus, "cpus=", cpus);
    CpuSet set;
    for (int cpu = 0; cpu < cpus; ++cpu) set.Add(cpu);
    return set;
  }

  // Requires, here and below: 0 <= cpu < sim::kMaxCpus.
  void Add(int cpu) { words_[Word(cpu)] |= Bit(cpu); }
  void Remove(int cpu) { words_[Word(cpu)] &= ~Bit(cpu); }
  bool Has(int cpu) const { return (words_[Word(cpu)] & Bit(cpu)) != 0; }
  void Clear() { words_ = {}; }

  bool empty() const { return *this == CpuSet(); }
  int Count() const {
    int count = 0;
    for (uint64_t word : words_) count += std::popcount(word);
    return count;
  }
  bool IsSubsetOf(const CpuSet& other) const { return Without(other).empty(); }

  // The members that are not in `other`.
  CpuSet Without(const CpuSet& other) const {
    CpuSet set;
    for (size_t i = 0; i < words_.size(); ++i) set.words_[i] = words_[i] & ~other.words_[i];
    return set;
  }
  void Merge(const CpuSet& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }

  // Calls visit(cpu), lowest first.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t i = 0; i < words_.size(); ++i) {
      for (uint64_t left = words_[i]; left != 0; left &= left - 1) {
        visit(static_cast<int>(i) * kWordBits + std::countr_zero(left));
      }
    }
  }

  // "{0 2 3}".
  std::string ToString() const {
    std::string text;
    ForEach([&](int cpu) { text += (text.empty() ? "" : " ") + std::to_string(cpu); });
    return "{" + text + "}";
  }

  friend bool operator==(const CpuSet&, const CpuSet&) = default;

 private:
  static constexpr int kWordBits = 64;
  static size_t Word(int cpu) { return static_cast<size_t>(cpu) / kWordBits; }
  static uint64_t Bit(int cpu) { return uint64_t{1} << (cpu % kWordBits); }

  std::array<uint64_t, sim::kMaxCpus / kWordBits> words_{};
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_CPU_SET_H_
