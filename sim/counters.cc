#include "sim/counters.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace vmsim::sim {

std::string_view CounterKindName(CounterKind kind) {
  switch (kind) {
    case CounterKind::kCounter:
      return "counter";
    case CounterKind::kLevel:
      return "level";
    case CounterKind::kTarget:
      return "target";
  }
  CHECK(false, "kind=", static_cast<int>(kind));
  return {};
}

Counter::Counter(const CounterInfo& info, Compute compute, const void* context)
    : name_(info.name),
      unit_(info.unit),
      help_(info.help),
      kind_(info.kind),
      compute_(compute),
      context_(context) {}

void CounterRegistry::Register(const CounterInfo& info, const int64_t* value) {
  CHECK(value != nullptr, std::string(info.name));
  Insert(Counter(
      info, [](const void* field) { return *static_cast<const int64_t*>(field); }, value));
}

void CounterRegistry::Register(const CounterInfo& info, int64_t (*compute)(const void*),
                               const void* context) {
  CHECK(compute != nullptr, std::string(info.name));
  Insert(Counter(info, compute, context));
}

void CounterRegistry::Insert(Counter counter) {
  CHECK(!counter.name().empty(), "help=", counter.help());
  const size_t place = LowerBound(counter.name());
  CHECK(place == by_name_.size() || counters_[by_name_[place]].name() != counter.name(),
        "registered twice: ", counter.name());
  by_name_.insert(by_name_.begin() + static_cast<ptrdiff_t>(place),
                  static_cast<uint32_t>(counters_.size()));
  counters_.push_back(std::move(counter));
}

size_t CounterRegistry::LowerBound(std::string_view name) const {
  const auto less = [this](uint32_t index, std::string_view wanted) {
    return counters_[index].name() < wanted;
  };
  return static_cast<size_t>(std::lower_bound(by_name_.begin(), by_name_.end(), name, less) -
                             by_name_.begin());
}

std::vector<const Counter*> CounterRegistry::SortedByName() const {
  std::vector<const Counter*> sorted;
  sorted.reserve(by_name_.size());
  for (const uint32_t index : by_name_) sorted.push_back(&counters_[index]);
  return sorted;
}

const Counter* CounterRegistry::FindCounter(std::string_view name) const {
  const size_t place = LowerBound(name);
  if (place == by_name_.size()) return nullptr;
  const Counter& counter = counters_[by_name_[place]];
  return counter.name() == name ? &counter : nullptr;
}

std::optional<int64_t> CounterRegistry::Find(std::string_view name) const {
  const Counter* counter = FindCounter(name);
  if (counter == nullptr) return std::nullopt;
  return counter->value();
}

std::vector<int64_t> CounterRegistry::Values() const {
  std::vector<int64_t> values;
  values.reserve(counters_.size());
  for (const Counter& counter : counters_) values.push_back(counter.value());
  return values;
}

}  // namespace vmsim::sim
