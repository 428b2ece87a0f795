// sim/counters.h: the named numbers of a run.
//
// A part keeps its numbers as plain int64_t fields of a struct of its own and counts with
// `++stats.v_intrans`; it registers their addresses once. Reading happens at samples and at the end
// of a run, so the hot path knows nothing of names. Names are those that users of the modelled
// system know (vmstat, sysctl); units are words such as "pages", "faults", "ns".
//
//     struct VmStats { int64_t v_vm_faults = 0; } stats;
//     registry.Register({"v_vm_faults", "faults", "Address memory faults."}, &stats.v_vm_faults);
//
// Misuse (an empty name, a name twice, no address) fails a CHECK.
#ifndef VMSIM_SIM_COUNTERS_H_
#define VMSIM_SIM_COUNTERS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmsim::sim {

enum class CounterKind : uint8_t {
  kCounter,  // Cumulative since the machine started; a difference of two readings is a rate.
  kLevel,    // The state of this moment: pages free, requests in flight.
  kTarget,   // A constant of the run, once the machine is set up: v_free_target.
};

// "counter", "level" or "target".
std::string_view CounterKindName(CounterKind kind);

struct CounterInfo {
  std::string_view name;
  std::string_view unit;
  std::string_view help;  // One line for people, a whole sentence.
  CounterKind kind = CounterKind::kCounter;
};

// One registered number.
class Counter {
 public:
  const std::string& name() const { return name_; }
  const std::string& unit() const { return unit_; }
  const std::string& help() const { return help_; }
  CounterKind kind() const { return kind_; }

  // The value now.
  int64_t value() const { return compute_(context_); }

 private:
  friend class CounterRegistry;
  using Compute = int64_t (*)(const void* context);
  Counter(const CounterInfo& info, Compute compute, const void* context);

  std::string name_;
  std::string unit_;
  std::string help_;
  CounterKind kind_;
  Compute compute_;
  const void* context_;
};

// Keeps the texts of an info but not the numbers: a part must outlive the last reading of its own.
class CounterRegistry {
 public:
  CounterRegistry() = default;
  CounterRegistry(const CounterRegistry&) = delete;
  CounterRegistry& operator=(const CounterRegistry&) = delete;

  // Registers a field. Requires: the name is new and not empty; `value` is not null.
  void Register(const CounterInfo& info, const int64_t* value);
  // Registers a number that is worked out at each reading, as compute(context). `compute` must not
  // change the simulation: how often it runs depends on who looks.
  void Register(const CounterInfo& info, int64_t (*compute)(const void* context),
                const void* context);

  size_t size() const { return counters_.size(); }

  // In the order of registration, which is the order of the columns of samples.
  const std::vector<Counter>& counters() const { return counters_; }

  // By name, bytewise: the order of reports. The pointers are good until the next Register().
  std::vector<const Counter*> SortedByName() const;

  // The value now of the counter `name`; nothing if there is none.
  std::optional<int64_t> Find(std::string_view name) const;
  // The counter itself, or null. Good until the next Register().
  const Counter* FindCounter(std::string_view name) const;

  // Every value now, in the order of registration.
  std::vector<int64_t> Values() const;

 private:
  void Insert(Counter counter);
  // The place of `name` in by_name_, or where it would go.
  size_t LowerBound(std::string_view name) const;

  std::vector<Counter> counters_;
  std::vector<uint32_t> by_name_;  // Indices into counters_, sorted by name.
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_COUNTERS_H_
