#include "scenarios/reference_runner.h"

#include <algorithm>

namespace vmsim::scenarios {

using vm::Pte;
using vm::PteSlot;

ReferenceRunner::ReferenceRunner(sim::Engine& engine, vm::VmSystem& vm, vm::Process& process)
    : engine_(engine), vm_(vm), process_(process), reference_ns_(vm.config().costs.reference_ns) {}

// The hit path. `entries` points at the entry of page 0; `part` references of record `i` are done.
ReferenceRunner::Stretch ReferenceRunner::RunResident(Pte* entries, const uint64_t* words, size_t i,
                                                      size_t n, int64_t part, int64_t limit) {
  if (limit == 0) return {i, part, 0, false};
  // Counted from where the first record began, so that every record counts whole.
  int64_t used = -part;
  while (i < n && used < limit) {
    const uint64_t word = words[i];
    __builtin_prefetch(&entries[words[i + ReferenceSource::kLookAhead] & kMaxPage], 1);
    Pte& entry = entries[word & kMaxPage];
    const Pte write = (word >> kPageBits & kWriteKinds) != 0;
    const Pte need = vm::kPteValid | write << 29;     // kPteWritable for a write.
    const Pte mark = vm::kPteAccessed | write << 31;  // kPteModified for a write.
    const Pte old = entry;
    if ((old & need) != need) return {i, used < 0 ? part : 0, std::max<int64_t>(used, 0), true};
    if ((old & mark) != mark) entry = old | mark;
    const int64_t run = static_cast<int64_t>(word >> kRunShift);
    if (used + run > limit) return {i, limit - used, limit, false};
    used += run;
    ++i;
  }
  return {i, 0, std::max<int64_t>(used, 0), false};
}
static_assert(vm::kPteWritable == 1u << 29 && vm::kPteModified == 1u << 31);

sim::Task<void> ReferenceRunner::Run(ReferenceSource& source, PteSlot base) {
  while (!process_.killed()) {
    const std::span<const uint64_t> words = source.Next();
    if (words.empty()) break;
    Stretch at{0, 0, 0, false};
    while (at.next < words.size() && !process_.killed()) {
      const int64_t limit = (engine_.Budget() + reference_ns_ - 1) / reference_ns_;
      at = RunResident(vm_.page_tables().entries() + base, words.data(), at.next, words.size(),
                       at.part, limit);
      references_ += at.used;
      const sim::SimDuration took = at.used * reference_ns_;
      user_ns_ += took;
      co_await engine_.Consume(took);
      if (!at.fault || process_.killed()) continue;
      const VptRecord record{words[at.next]};
      const sim::SimTime start = engine_.now();
      const vm::FaultResult result = co_await vm_.faults().Fault(
          process_.space, base + static_cast<PteSlot>(record.page()), record.writes());
      stall_ns_ += engine_.now() - start;
      if (result != vm::FaultResult::kSuccess) vm_.Kill(process_, vm::SignalOf(result));
    }
  }
}

}  // namespace vmsim::scenarios
