#include "net/epoll_graph.h"

#include <algorithm>
#include <array>

namespace vmsim::net {

namespace {
// By links from set to set. The graph is checked for length before paths are counted.
constexpr std::array<int, kMostLinks + 1> kMostPaths = {0, 500, 100, 50, 10};
}  // namespace

struct EpollGraph::PathCount {
  std::array<int, kMostPaths.size()> paths{};
};

int EpollGraph::Below(EventPoll& set, const EventPoll* target, int most, uint64_t search) {
  if (set.graph_search_ == search) return set.graph_links_;
  set.graph_search_ = search;
  set.graph_links_ = kTooLong;  // Until it is measured: whoever comes by again found a cycle.
  int longest = 0;
  for (auto& [key, entry] : set.entries_) {
    EventPoll* lower = entry.id.file->AsEventPoll();
    if (lower == nullptr) continue;
    if (lower == target || most == 0) return kTooLong;
    longest = std::max(longest, Below(*lower, target, most - 1, search) + 1);
    if (longest > most) return kTooLong;
  }
  return set.graph_links_ = longest;
}

int EpollGraph::Above(EventPoll& set, int most, uint64_t search) {
  if (set.graph_search_ == search) return set.graph_links_;
  set.graph_search_ = search;
  set.graph_links_ = kTooLong;
  int longest = 0;
  for (const EpollEntry* entry = set.watchers().front(); entry != nullptr;
       entry = WatcherList::Next(entry)) {
    if (most == 0) return kTooLong;
    longest = std::max(longest, Above(*entry->owner, most - 1, search) + 1);
    if (longest > most) return kTooLong;
  }
  return set.graph_links_ = longest;
}

int EpollGraph::LinksBelow(EventPoll& from, const EventPoll* target, int most) {
  return Below(from, target, most, from.files().NextGraphSearch());
}

int EpollGraph::LinksAbove(EventPoll& from, int most) {
  return Above(from, most, from.files().NextGraphSearch());
}

bool EpollGraph::MayWatch(EventPoll& upper, EventPoll& lower) {
  const EpollRules& rules = upper.rules();
  const int below = LinksBelow(lower, &upper, rules.links_below - 1);
  if (below == kTooLong) return false;
  return LinksAbove(upper, rules.links_in_all - 1 - below) != kTooLong;
}

bool EpollGraph::PathsExceed(const File& file, size_t links, PathCount& count) {
  for (const EpollEntry* entry = file.watchers().front(); entry != nullptr;
       entry = WatcherList::Next(entry)) {
    const EventPoll& set = *entry->owner;
    if (!set.watchers().empty()) {
      if (links + 1 >= kMostPaths.size()) return true;
      if (PathsExceed(set, links + 1, count)) return true;
    } else if (links > 0 && ++count.paths[links] > kMostPaths[links]) {
      return true;
    }
  }
  return false;
}

bool EpollGraph::FilesBelowExceed(EventPoll& set, uint64_t search) {
  if (set.graph_search_ == search) return false;
  set.graph_search_ = search;
  for (auto& [key, entry] : set.entries_) {
    EventPoll* lower = entry.id.file->AsEventPoll();
    PathCount count;
    if (lower != nullptr ? FilesBelowExceed(*lower, search)
                         : PathsExceed(*entry.id.file, 0, count)) {
      return true;
    }
  }
  return false;
}

bool EpollGraph::TooManyPaths(const EpollEntry& entry) {
  EventPoll* lower = entry.id.file->AsEventPoll();
  if (lower != nullptr) return FilesBelowExceed(*lower, lower->files().NextGraphSearch());
  if (entry.owner->watchers().empty()) return false;  // No link from set to set: free.
  PathCount count;
  return PathsExceed(*entry.id.file, 0, count);
}

}  // namespace vmsim::net
