// net/epoll_entry.h: one watched file in one epoll set, and the lists that it is on.
//
// An entry is on exactly one of its set's three lists, and on its file's list of watchers:
//
//     waiting    believed idle
//     ready      may be ready; looked at again before anything is said
//     disabled   one-shot, delivered; silent until it is updated or removed
//
// Lists are intrusive: a move allocates nothing and costs O(1).
#ifndef VMSIM_NET_EPOLL_ENTRY_H_
#define VMSIM_NET_EPOLL_ENTRY_H_

#include <cstdint>

#include "sim/time.h"
#include "sim/waiter.h"

namespace vmsim::net {

using sim::EventMask;

class EventPoll;
class File;
struct EpollEntry;

// What was asked for beside events; combined with |.
using EntryFlags = uint8_t;
inline constexpr EntryFlags kLevelTriggered = 0;
inline constexpr EntryFlags kOneShot = 1;
inline constexpr EntryFlags kEdgeTriggered = 2;
inline constexpr EntryFlags kExclusive = 4;

// A file under one of its descriptor numbers: the same file may be watched once for each.
struct FileIdentifier {
  File* file = nullptr;
  int32_t fd = -1;
};

enum class EntryPlace : uint8_t { kWaiting, kReady, kDisabled };
inline constexpr int kEntryPlaces = 3;

struct EntryLinks {
  EpollEntry* prev = nullptr;
  EpollEntry* next = nullptr;
};

struct EpollEntry {
  EpollEntry(EventPoll* owner, FileIdentifier id, sim::WaiterEntry::Callback callback)
      : owner(owner), id(id), waiter(callback, this, sim::kAllEvents) {}

  EventPoll* const owner;
  const FileIdentifier id;
  uint64_t data = 0;   // The caller's own, given back with every event.
  EventMask mask = 0;  // What was asked for.
  EntryFlags flags = kLevelTriggered;
  EntryPlace place = EntryPlace::kWaiting;
  bool fired = false;     // One-shot, and delivered since the last update.
  bool notified = false;  // Notified since it was last looked at.

  EntryLinks place_links;
  EntryLinks file_links;
  sim::WaiterEntry waiter;

  // When it went to the tail of the ready list last, and its number among all that did.
  sim::SimTime ready_since = 0;
  uint64_t ready_sequence = 0;
  // Since it was added or updated last. An edge-triggered entry has at most one report a cause.
  uint64_t causes = 0;  // The add or update, and notifications that it did not ignore.
  uint64_t reports = 0;

  // What it may report: nothing once it has fired.
  EventMask effective_mask() const { return fired ? 0 : mask; }
};

// A list threaded through one pair of an entry's links. Requires of every call: the entry is, or is
// not yet, on this list, as the name of the call implies.
template <EntryLinks EpollEntry::*kLinks>
class EntryList {
 public:
  EpollEntry* front() const { return front_; }
  static EpollEntry* Next(const EpollEntry* entry) { return (entry->*kLinks).next; }
  bool empty() const { return front_ == nullptr; }
  int64_t size() const { return size_; }

  void PushBack(EpollEntry* entry) {
    (entry->*kLinks) = {back_, nullptr};
    (back_ != nullptr ? (back_->*kLinks).next : front_) = entry;
    back_ = entry;
    ++size_;
  }
  void Remove(EpollEntry* entry) {
    const EntryLinks links = entry->*kLinks;
    (links.prev != nullptr ? (links.prev->*kLinks).next : front_) = links.next;
    (links.next != nullptr ? (links.next->*kLinks).prev : back_) = links.prev;
    (entry->*kLinks) = {};
    --size_;
  }

 private:
  friend struct EpollTestPeer;

  EpollEntry* front_ = nullptr;
  EpollEntry* back_ = nullptr;
  int64_t size_ = 0;
};

using PlaceList = EntryList<&EpollEntry::place_links>;
using WatcherList = EntryList<&EpollEntry::file_links>;

}  // namespace vmsim::net

#endif  // VMSIM_NET_EPOLL_ENTRY_H_
