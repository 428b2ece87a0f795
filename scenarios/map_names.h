// scenarios/map_names.h: which maps exist at a step, followed without running anything.
//
// Names and sizes, with a journal of their changes: a repeat asks whether its steps leave the maps
// as they found them, and after the steps of a child the parent's maps are taken up again. Both
// cost time in proportion to the changes, not to the maps.
#ifndef VMSIM_SCENARIOS_MAP_NAMES_H_
#define VMSIM_SCENARIOS_MAP_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace vmsim::scenarios {

class MapNames {
 public:
  // The pages of a map; none if there is no such map.
  std::optional<int64_t> Find(const std::string& name) const {
    const auto it = pages_.find(name);
    if (it == pages_.end()) return std::nullopt;
    return it->second;
  }
  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& [name, pages] : pages_) names.insert(name);
    return names;
  }
  // Of all maps together.
  int64_t total_pages() const { return static_cast<int64_t>(total_pages_); }

  void Add(const std::string& name, int64_t pages) { Change(name, pages); }
  void Remove(const std::string& name) { Change(name, std::nullopt); }
  void Clear() { *this = MapNames(); }

  // A moment to come back to.
  size_t Mark() const { return journal_.size(); }
  bool ChangedSince(size_t mark) const {
    std::set<std::string> seen;
    for (size_t i = mark; i < journal_.size(); ++i) {
      // The first change after the mark knows what was there at the mark.
      const auto& [name, before] = journal_[i];
      if (seen.insert(name).second && Find(name) != before) return true;
    }
    return false;
  }
  void RevertTo(size_t mark) {
    while (journal_.size() > mark) {
      const auto [name, before] = std::move(journal_.back());
      journal_.pop_back();
      Set(name, before);
    }
  }

 private:
  void Change(const std::string& name, std::optional<int64_t> pages) {
    journal_.emplace_back(name, Find(name));
    Set(name, pages);
  }
  void Set(const std::string& name, std::optional<int64_t> pages) {
    total_pages_ -= static_cast<uint64_t>(Find(name).value_or(0));
    total_pages_ += static_cast<uint64_t>(pages.value_or(0));
    if (pages.has_value()) {
      pages_[name] = *pages;
    } else {
      pages_.erase(name);
    }
  }

  std::map<std::string, int64_t> pages_;
  uint64_t total_pages_ = 0;
  std::vector<std::pair<std::string, std::optional<int64_t>>> journal_;  // Name, what was before.
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MAP_NAMES_H_
