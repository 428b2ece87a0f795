#include "scenarios/mpools.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scenarios/file_calls.h"
#include "scenarios/steps.h"
#include "sim/check.h"

namespace vmsim::scenarios {
namespace {

using vfs::kMpoolCounters;

template <size_t kIndex>
int64_t CountOf(const void* family) {
  return static_cast<const Mpools::Family*>(family)->Now().*kMpoolCounters[kIndex].field;
}

template <size_t... kIndices>
void RegisterFamily(const std::vector<std::string>& names, const Mpools::Family& family,
                    sim::CounterRegistry& registry, std::index_sequence<kIndices...>) {
  (registry.Register({names[kIndices], kMpoolCounters[kIndices].info.unit,
                      kMpoolCounters[kIndices].info.help, kMpoolCounters[kIndices].info.kind},
                     CountOf<kIndices>, &family),
   ...);
}

}  // namespace

vfs::OpenFile* OpenPool::Descriptor(const sim::Engine& engine) const {
  for (const User& user : users) {
    if (user.process->thread == engine.current()) return user.files->Find(file);
  }
  CHECK(false, "a process that does not have the pool ", name);
  return nullptr;
}

Mpools::Mpools(const v1::Scenario& scenario, vfs::VfsSystem& vfs) : words_(vfs) {
  for (const std::string& name : PoolNames(scenario)) families_[name];
}

void Mpools::Enter(OpenPoolPtr pool) {
  Family& family = families_.at(pool->name);
  family.open.push_back(std::move(pool));
}

void Mpools::Leave(const OpenPool& pool) {
  Family& family = families_.at(pool.name);
  vfs::MpoolStats stats = pool.pool->stats();
  for (const vfs::MpoolCounter& counter : kMpoolCounters) {
    if (counter.info.kind == sim::CounterKind::kLevel) stats.*counter.field = 0;
  }
  family.left += stats;
  family.open.erase(std::find_if(family.open.begin(), family.open.end(),
                                 [&](const OpenPoolPtr& p) { return p.get() == &pool; }));
}

vfs::MpoolStats Mpools::Family::Now() const {
  vfs::MpoolStats sum = left;
  for (const OpenPoolPtr& pool : open) sum += pool->pool->stats();
  return sum;
}

void Mpools::RegisterCounters(sim::CounterRegistry& registry) const {
  for (const auto& [name, family] : families_) {
    RegisterFamily(CounterNames(name), family, registry,
                   std::make_index_sequence<vfs::kMpoolCounterCount>());
  }
}

std::vector<std::string> Mpools::CounterNames(const std::string& pool) {
  constexpr std::string_view kPrefix = "mpool.";
  std::vector<std::string> names;
  for (const vfs::MpoolCounter& counter : kMpoolCounters) {
    const std::string_view name = counter.info.name.substr(kPrefix.size());
    names.push_back(absl::StrCat("mpool.", pool, ".", std::string(name)));
  }
  return names;
}

std::vector<std::string_view> Mpools::BrokenInvariants() const {
  std::vector<std::string_view> broken;
  for (const auto& [name, family] : families_) {
    for (const OpenPoolPtr& pool : family.open) {
      for (const std::string_view invariant : pool->pool->BrokenInvariants()) {
        broken.push_back(invariant);
      }
    }
  }
  return broken;
}

}  // namespace vmsim::scenarios
