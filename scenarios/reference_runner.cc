#include "scenarios/reference_runner.h"

#include <algorithm>

namespace vmsim::scenarios {

using vm::Pte;
using vm::PteSlot;

ReferenceRunner::ReferenceRunner(sim::Engine& engine, vm::VmSystem& vm, vm::Process& process)
    : engine_(engine),
      vm_(vm),
      process_(process),
      reference_ns_(vm.config().costs.reference_ns),
      words_(std::make_unique<std::array<uint64_t, kBlock + kLookAhead>>()) {
  words_->fill(0);
}

// The hit path. `entries` points at the entry of page 0.
ReferenceRunner::Stretch ReferenceRunner::RunResident(Pte* entries, uint64_t* words, size_t i,
                                                      size_t n, int64_t limit) {
  int64_t used = 0;
  while (i < n && used < limit) {
    const uint64_t word = words[i];
    __builtin_prefetch(&entries[words[i + kLookAhead] & kMaxPage], 1);
    Pte& entry = entries[word & kMaxPage];
    const Pte write = (word >> kPageBits & kWriteKinds) != 0;
    const Pte need = vm::kPteValid | write << 29;     // kPteWritable for a write.
    const Pte mark = vm::kPteAccessed | write << 31;  // kPteModified for a write.
    const Pte old = entry;
    if ((old & need) != need) return {i, used, true};
    if ((old & mark) != mark) entry = old | mark;
    const int64_t run = static_cast<int64_t>(word >> kRunShift);
    if (used + run > limit) {
      words[i] = word - (static_cast<uint64_t>(limit - used) << kRunShift);
      return {i, limit, false};
    }
    used += run;
    ++i;
  }
  return {i, used, false};
}
static_assert(vm::kPteWritable == 1u << 29 && vm::kPteModified == 1u << 31);

sim::Task<void> ReferenceRunner::Run(ReferenceSource& source, PteSlot base) {
  uint64_t* const words = words_->data();
  while (!process_.killed()) {
    const size_t n = source.Fill(words, kBlock);
    if (n == 0) break;
    // Behind the last record stands page 0, for the look-ahead.
    std::fill_n(words + n, kLookAhead, uint64_t{0});
    for (size_t i = 0; i < n && !process_.killed();) {
      const int64_t limit = (engine_.Budget() + reference_ns_ - 1) / reference_ns_;
      const Stretch stretch = RunResident(vm_.page_tables().entries() + base, words, i, n, limit);
      i = stretch.next;
      references_ += stretch.used;
      const sim::SimDuration took = stretch.used * reference_ns_;
      user_ns_ += took;
      co_await engine_.Consume(took);
      if (!stretch.fault || process_.killed()) continue;
      const uint64_t word = words[i];
      const sim::SimTime start = engine_.now();
      const vm::FaultResult result = co_await vm_.faults().Fault(
          process_.space, base + static_cast<PteSlot>(word & kMaxPage), VptRecord{word}.writes());
      stall_ns_ += engine_.now() - start;
      if (result != vm::FaultResult::kSuccess) vm_.Kill(process_, vm::SignalOf(result));
    }
  }
}

}  // namespace vmsim::scenarios
