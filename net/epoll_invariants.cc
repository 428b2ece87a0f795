#include "net/epoll_invariants.h"

#include <algorithm>
#include <set>
#include <vector>

#include "net/epoll_graph.h"
#include "sim/check.h"

namespace vmsim::net {

namespace {

template <typename Visit>
void ForEachListed(const PlaceList& list, Visit visit) {
  for (const EpollEntry* entry = list.front(); entry != nullptr; entry = PlaceList::Next(entry)) {
    visit(*entry);
  }
}

}  // namespace

bool EpollChecks::IsReady(const EpollEntry& entry) {
  const EventMask mask = entry.effective_mask();
  return (entry.id.file->Peek(mask) & mask) != 0;
}

// Each entry is on the list that it says, once, and on no other.
bool EpollChecks::EntryIsOnItsList(const EventPoll& set) {
  std::multiset<const EpollEntry*> found;  // For counting only: the order means nothing.
  bool right = true;
  for (int place = 0; place < kEntryPlaces; ++place) {
    ForEachListed(set.lists_[place], [&](const EpollEntry& entry) {
      right &= entry.place == static_cast<EntryPlace>(place);
      found.insert(&entry);
    });
  }
  for (const auto& [key, entry] : set.entries_) right &= found.count(&entry) == 1;
  return right;
}

// No list holds an entry that was removed.
bool EpollChecks::ListsHoldLiveEntries(const EventPoll& set) {
  std::set<const EpollEntry*> live;
  for (const auto& [key, entry] : set.entries_) live.insert(&entry);
  bool right = true;
  for (const PlaceList& list : set.lists_) {
    ForEachListed(list, [&](const EpollEntry& entry) { right &= live.count(&entry) == 1; });
  }
  return right;
}

// The file's queue has each entry, unless the set has stopped listening.
bool EpollChecks::EntryIsRegistered(const EventPoll& set) {
  for (const auto& [key, entry] : set.entries_) {
    const sim::WaiterQueue* want = set.registered_ ? &entry.id.file->queue() : nullptr;
    if (entry.waiter.queue() != want) return false;
  }
  return true;
}

// Each entry is one of its file's watchers, and the file has no other watcher of this set.
bool EpollChecks::FileKnowsItsWatchers(const EventPoll& set) {
  std::set<const File*> files;
  for (const auto& [key, entry] : set.entries_) files.insert(entry.id.file);
  size_t watchers = 0;
  for (const File* file : files) {
    for (const EpollEntry* entry = file->watchers().front(); entry != nullptr;
         entry = WatcherList::Next(entry)) {
      if (entry->owner != &set) continue;
      const auto known = set.entries_.find(EventPoll::KeyOf(entry->id));
      if (known == set.entries_.end() || &known->second != entry || entry->id.file != file) {
        return false;
      }
      ++watchers;
    }
  }
  return watchers == set.entries_.size();
}

// The disabled list holds nothing else, and those that fired wait on no other; except that in
// some modes they may be queued once more, to be dropped.
bool EpollChecks::DisabledHaveFired(const EventPoll& set) {
  for (const auto& [key, entry] : set.entries_) {
    if (entry.place == EntryPlace::kDisabled && !entry.fired) return false;
    if (entry.place == EntryPlace::kWaiting && entry.fired) return false;
    if (entry.place == EntryPlace::kReady && entry.fired && !set.rules().fired_hears) return false;
  }
  return true;
}

bool EpollChecks::OneShotIsReportedOnce(const EventPoll& set) {
  return std::all_of(set.entries_.begin(), set.entries_.end(), [](const auto& item) {
    const EpollEntry& entry = item.second;
    return (entry.flags & kOneShot) == 0 || entry.reports <= 1;
  });
}

bool EpollChecks::EdgeIsReportedOncePerCause(const EventPoll& set) {
  return std::all_of(set.entries_.begin(), set.entries_.end(), [](const auto& item) {
    const EpollEntry& entry = item.second;
    return (entry.flags & kEdgeTriggered) == 0 || entry.reports <= entry.causes;
  });
}

// Whoever was told of something is on the ready list until it was looked at.
bool EpollChecks::NoWakeupIsLost(const EventPoll& set) {
  return std::none_of(set.entries_.begin(), set.entries_.end(), [](const auto& item) {
    const EpollEntry& entry = item.second;
    return entry.place == EntryPlace::kWaiting && entry.notified && IsReady(entry);
  });
}

// Reads take from the front and all enter at the back, so of k ready entries each is reported
// within ceil(k / max) reads.
bool EpollChecks::ReadyIsFirstComeFirstServed(const EventPoll& set) {
  uint64_t last = 0;
  bool right = true;
  ForEachListed(set.list(EntryPlace::kReady), [&](const EpollEntry& entry) {
    right &= entry.ready_sequence > last;
    last = entry.ready_sequence;
  });
  return right;
}

bool EpollChecks::OutputHasNoRepeats(const EventPoll& set) {
  std::vector<EventPoll::Key> keys;
  for (const EventPoll::Output& output : set.last_output_) keys.push_back(output.key);
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) == keys.end();
}

bool EpollChecks::OutputIsWithinMask(const EventPoll& set) {
  return std::all_of(set.last_output_.begin(), set.last_output_.end(),
                     [](const EventPoll::Output& output) {
                       return output.events != 0 && (output.events & ~output.mask) == 0;
                     });
}

bool EpollChecks::DisabledAreNotInOutput(const EventPoll& set) {
  return std::none_of(set.last_output_.begin(), set.last_output_.end(),
                      [](const EventPoll::Output& output) { return output.repeated_one_shot; });
}

// Readable if and only if a read of one event would give it.
bool EpollChecks::ReadinessAgreesWithRead(const EventPoll& set) {
  bool would_read = false;
  ForEachListed(set.list(EntryPlace::kReady),
                [&](const EpollEntry& entry) { would_read |= IsReady(entry); });
  return (set.Peek(sim::kEventIn) != 0) == would_read;
}

namespace {
// A cycle is not a chain; a search that goes down for longer than this has met one.
constexpr int kMostEver = 1000;
}  // namespace

bool EpollChecks::GraphHasNoCycle(const EventPoll& set) {
  auto& from = const_cast<EventPoll&>(set);  // The search leaves its marks, and nothing else.
  return EpollGraph::LinksBelow(from, &set, kMostEver) != EpollGraph::kTooLong;
}

bool EpollChecks::ChainsAreShort(const EventPoll& set) {
  auto& from = const_cast<EventPoll&>(set);
  const int below = EpollGraph::LinksBelow(from, &set, kMostEver);
  if (below == EpollGraph::kTooLong) return true;  // GraphHasNoCycle says so.
  return EpollGraph::LinksAbove(from, kMostEver) + below <= set.rules().links_in_all;
}

std::vector<std::string_view> EventPoll::BrokenInvariants() const {
  std::vector<std::string_view> broken;
  for (const EpollInvariant& invariant : kEpollInvariants) {
    if (!invariant.holds(*this)) broken.push_back(invariant.name);
  }
  return broken;
}

void EventPoll::CheckInvariants() const {
  for (const EpollInvariant& invariant : kEpollInvariants) {
    CHECK(invariant.holds(*this), absl::string_view(invariant.name.data(), invariant.name.size()),
          " does not hold of the epoll set of file ", id());
  }
}

int64_t EventPoll::CountSilentFiles() const {
  int64_t silent = 0;
  for (const auto& [key, entry] : entries_) {
    const bool reported_edge = (entry.flags & kEdgeTriggered) != 0 && entry.reports > 0;
    silent += entry.place == EntryPlace::kWaiting && !entry.notified && !reported_edge &&
              EpollChecks::IsReady(entry);
  }
  return silent;
}

}  // namespace vmsim::net
