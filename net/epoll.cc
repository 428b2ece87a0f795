#include "net/epoll.h"

#include <algorithm>
#include <tuple>

#include "net/epoll_graph.h"
#include "sim/check.h"

namespace vmsim::net {

using sim::kEventErr;
using sim::kEventHUp;
using sim::kEventIn;
using sim::kEventOut;
using sim::kReadableEvents;
using sim::kUnaskedEvents;

namespace {

// What an exclusive entry may ask for beside kEdgeTriggered.
constexpr EventMask kExclusiveEvents = kEventIn | kEventOut | kUnaskedEvents;

// Whether a thread woken for `events` is one that the exclusive entry's mask calls for; if not, the
// file goes on to wake another. Linux ep_poll_callback.
bool IsForExclusive(EventMask events, EventMask mask) {
  const EventMask direction = events & (kEventIn | kEventOut);
  if (direction == (kEventIn | kEventOut)) return false;
  return direction == 0 || (direction & mask) != 0;
}

}  // namespace

Ref<EventPoll> EventPoll::Create(OpenFiles& files, EpollMode mode) {
  return Ref<EventPoll>(files.HasRoom(1) ? new EventPoll(files, mode) : nullptr);
}

EventPoll::EventPoll(OpenFiles& files, EpollMode mode)
    : File(files), mode_(mode), rules_(RulesOf(mode)) {}

// ---- Adding, updating, removing.

int EventPoll::Count(int error) {
  EpollStats& stats = files().epoll();
  switch (error) {
    case kEexist:
      ++stats.eexist;
      break;
    case kEinval:
      ++stats.einval;
      break;
    case kEloop:
      ++stats.eloop;
      break;
    case kEnoent:
      ++stats.enoent;
      break;
    case kEnomem:
      ++stats.enomem;
      break;
    case kEnospc:
      ++stats.enospc;
      break;
    case kEperm:
      ++stats.eperm;
      break;
    default:
      CHECK(false, "no error of an epoll set: ", error);
  }
  return error;
}

EpollEntry* EventPoll::Find(const FileIdentifier& id) {
  const auto found = entries_.find(KeyOf(id));
  return found != entries_.end() ? &found->second : nullptr;
}

// What is wrong with the file whatever is asked.
int EventPoll::CheckTarget(const FileIdentifier& id) const {
  if (mode_ == EpollMode::kLinux && !id.file->CanPoll()) return kEperm;
  if (mode_ != EpollMode::kGvisor2019 && id.file == this) return kEinval;
  return 0;
}

int EventPoll::CheckRoom() const {
  const OpenFilesLimits& limits = files().limits();
  const int64_t entries = files().epoll().entries;
  if (rules_.limits_watches && entries >= limits.epoll_watches) return kEnospc;
  if ((entries + 1) * kEpollEntryBytes > limits.epoll_bytes) return kEnomem;
  return 0;
}

int EventPoll::CheckAdd(const FileIdentifier& id, EntryFlags flags, EventMask mask) {
  const bool exists = Find(id) != nullptr;
  if (mode_ == EpollMode::kGvisor2019) {
    if (exists) return kEexist;
    if (id.file == this) return kEinval;
  }
  if (const int error = CheckTarget(id)) return error;
  if (rules_.refuses_unpollable && !id.file->CanPoll()) return kEperm;
  EventPoll* lower = id.file->AsEventPoll();
  if (rules_.has_exclusive && (flags & kExclusive) != 0 &&
      (lower != nullptr || (flags & kOneShot) != 0 || (mask & ~kExclusiveEvents) != 0)) {
    return kEinval;
  }
  if (lower != nullptr && !EpollGraph::MayWatch(*this, *lower)) return kEloop;
  return exists ? kEexist : CheckRoom();
}

int EventPoll::AddEntry(FileIdentifier id, EntryFlags flags, EventMask mask, uint64_t data) {
  if (const int error = CheckAdd(id, flags, mask)) return Count(error);
  EpollEntry& entry = Insert(id, flags, mask, data);
  if (rules_.limits_watches && EpollGraph::TooManyPaths(entry)) {
    Erase(entry);
    return Count(kEinval);
  }
  ++files().epoll().adds;
  if (registered_) Register(entry);
  EnqueueIfReady(entry);
  return 0;
}

int EventPoll::UpdateEntry(FileIdentifier id, EntryFlags flags, EventMask mask, uint64_t data) {
  if (const int error = CheckTarget(id)) return Count(error);
  if (rules_.has_exclusive && (flags & kExclusive) != 0) return Count(kEinval);
  EpollEntry* entry = Find(id);
  if (entry == nullptr) return Count(kEnoent);
  if ((entry->flags & kExclusive) != 0) return Count(kEinval);
  ++files().epoll().updates;
  Store(*entry, flags, mask, data);
  if (rules_.update_reregisters && registered_) {
    id.file->EventUnregister(&entry->waiter);
    Register(*entry);
  }
  if (rules_.update_requeues || entry->place == EntryPlace::kDisabled) {
    Move(*entry, EntryPlace::kWaiting);
  }
  EnqueueIfReady(*entry);
  return 0;
}

int EventPoll::RemoveEntry(FileIdentifier id) {
  if (const int error = CheckTarget(id)) return Count(error);
  EpollEntry* entry = Find(id);
  if (entry == nullptr) return Count(kEnoent);
  Erase(*entry);
  ++files().epoll().removes;
  return 0;
}

EpollEntry& EventPoll::Insert(const FileIdentifier& id, EntryFlags flags, EventMask mask,
                              uint64_t data) {
  EpollEntry& entry = entries_
                          .emplace(std::piecewise_construct, std::forward_as_tuple(KeyOf(id)),
                                   std::forward_as_tuple(this, id, &EventPoll::OnNotify))
                          .first->second;
  ++files().epoll().entries;
  list(EntryPlace::kWaiting).PushBack(&entry);
  id.file->watchers_.PushBack(&entry);
  Store(entry, flags, mask, data);
  return entry;
}

void EventPoll::Store(EpollEntry& entry, EntryFlags flags, EventMask mask, uint64_t data) {
  entry.flags = rules_.has_exclusive ? flags : flags & ~kExclusive;
  entry.mask = rules_.adds_unasked ? mask | kUnaskedEvents : mask;
  entry.data = data;
  entry.fired = false;
  entry.causes = 1;
  entry.reports = 0;
}

void EventPoll::Erase(EpollEntry& entry) {
  if (entry.waiter.registered()) entry.id.file->EventUnregister(&entry.waiter);
  list(entry.place).Remove(&entry);
  entry.id.file->watchers_.Remove(&entry);
  --files().epoll().entries;
  entries_.erase(KeyOf(entry.id));
}

void EventPoll::Forget(EpollEntry& entry) {
  Erase(entry);
  ++files().epoll().forgotten;
}

void EventPoll::Release() {
  while (!entries_.empty()) Forget(entries_.begin()->second);
}

void EventPoll::Register(EpollEntry& entry) {
  const bool exclusive = (entry.flags & kExclusive) != 0;
  entry.waiter.set_exclusive(exclusive);
  if (rules_.newest_first && !exclusive) {
    entry.id.file->EventRegisterFirst(&entry.waiter);
  } else {
    entry.id.file->EventRegister(&entry.waiter);
  }
}

void EventPoll::UnregisterEpollWaiters() {
  for (auto& [key, entry] : entries_) {
    if (entry.waiter.registered()) entry.id.file->EventUnregister(&entry.waiter);
  }
  registered_ = false;
}

void EventPoll::RegisterEpollWaiters() {
  registered_ = true;
  for (auto& [key, entry] : entries_) {
    if (!entry.waiter.registered()) Register(entry);
  }
  for (EpollEntry* entry = list(EntryPlace::kWaiting).front(); entry != nullptr;) {
    EpollEntry* next = PlaceList::Next(entry);  // Before the entry moves to another list.
    ++entry->causes;
    EnqueueIfReady(*entry);
    entry = next;
  }
}

// ---- Notifications.

// Entries register for everything, and what they ignore is counted here.
bool EventPoll::OnNotify(void* context, EventMask events) {
  auto* entry = static_cast<EpollEntry*>(context);
  return entry->owner->Hear(*entry, events);
}

// Returns whether a sleeping thread was woken that the notification was meant for.
bool EventPoll::Hear(EpollEntry& entry, EventMask events) {
  const bool asked = events == 0 || (events & entry.mask) != 0;
  const bool queued = entry.place == EntryPlace::kReady;
  EpollStats& stats = files().epoll();
  ++(entry.fired ? stats.disabled
     : !asked    ? stats.filtered
     : queued    ? stats.already_queued
                 : stats.queued);
  if (!asked || (entry.fired && !rules_.fired_hears)) return false;
  entry.notified = true;
  ++entry.causes;
  if (!queued) Enqueue(entry);
  if (queued && !rules_.renotifies) return false;
  return TellWatchers() && IsForExclusive(events, entry.mask);
}

// Wakes a thread that sleeps in Wait, and then whoever watches this set. Returns whether there was
// such a thread.
bool EventPoll::TellWatchers() {
  const bool woke = sleepers_.WakeOne();
  if (!queue().empty()) {
    ++files().epoll().watcher_notifications;
    Notify(kEventIn);
  }
  return woke;
}

void EventPoll::Move(EpollEntry& entry, EntryPlace to) {
  if (entry.place == to) return;
  list(entry.place).Remove(&entry);
  list(to).PushBack(&entry);
  entry.place = to;
}

void EventPoll::Enqueue(EpollEntry& entry) {
  Move(entry, EntryPlace::kReady);
  entry.ready_since = files().engine().now();
  entry.ready_sequence = ++ready_sequence_;
  EpollStats& stats = files().epoll();
  stats.longest_ready = std::max(stats.longest_ready, ready_size());
}

void EventPoll::EnqueueIfReady(EpollEntry& entry) {
  if (entry.place == EntryPlace::kReady) return;
  if (Look(entry) == 0) return;
  Enqueue(entry);
  TellWatchers();
}

// ---- Reading.

EventMask EventPoll::Look(EpollEntry& entry) {
  const EventMask mask = entry.effective_mask();
  return entry.id.file->Readiness(mask) & mask;
}

int64_t EventPoll::ReadEvents(int64_t max, std::vector<EpollEvent>* out) {
  EpollStats& stats = files().epoll();
  ++stats.reads;
  last_output_.clear();
  int64_t delivered = 0;
  // Entries queued from here on are the next read's.
  for (int64_t left = ready_size(); left > 0 && delivered < max; --left) {
    EpollEntry& entry = *list(EntryPlace::kReady).front();
    // Off the list before the file is asked, so that one that notifies meanwhile queues it again.
    Move(entry, entry.fired ? EntryPlace::kDisabled : EntryPlace::kWaiting);
    entry.notified = false;
    if (const EventMask events = Look(entry); events != 0) {
      Deliver(entry, events, out);
      ++delivered;
    } else {
      ++stats.stale;
    }
  }
  stats.delivered += delivered;
  WakeNext();
  return delivered;
}

void EventPoll::Deliver(EpollEntry& entry, EventMask events, std::vector<EpollEvent>* out) {
  EpollStats& stats = files().epoll();
  out->push_back({events, entry.data});
  const bool one_shot = (entry.flags & kOneShot) != 0;
  last_output_.push_back(
      {KeyOf(entry.id), events, entry.effective_mask(), one_shot && entry.reports > 0});
  stats.ready_ns.Record(files().engine().now() - entry.ready_since);
  ++entry.reports;
  if (one_shot) {
    entry.fired = true;
    Move(entry, EntryPlace::kDisabled);
  } else if ((entry.flags & kEdgeTriggered) == 0 && entry.place != EntryPlace::kReady) {
    Enqueue(entry);
    ++stats.requeues;
  }
}

EventMask EventPoll::Readiness(EventMask mask) {
  if ((mask & kReadableEvents) == 0 && !rules_.tidies_unasked) return 0;
  PlaceList& ready = list(EntryPlace::kReady);
  while (!ready.empty()) {
    EpollEntry& entry = *ready.front();
    if (Look(entry) != 0) {
      WakeNext();
      return mask & kReadableEvents;
    }
    entry.notified = false;
    Move(entry, entry.fired ? EntryPlace::kDisabled : EntryPlace::kWaiting);
    ++files().epoll().stale;
  }
  return 0;
}

EventMask EventPoll::Peek(EventMask mask) const {
  const PlaceList& ready = list(EntryPlace::kReady);
  if ((mask & kReadableEvents) == 0 || ready.size() == 0) return 0;
  for (const EpollEntry* entry = ready.front(); entry != nullptr; entry = PlaceList::Next(entry)) {
    const EventMask asked = entry->effective_mask();
    if ((entry->id.file->Peek(asked) & asked) != 0) return mask & kReadableEvents;
  }
  return 0;
}

// The set is not a stream of bytes.
IoResult EventPoll::TryRead(int64_t, IoMode) {
  return {.error = rules_.reads_are_enosys ? kEnosys : kEinval};
}
IoResult EventPoll::TryWrite(int64_t, IoMode) {
  return {.error = rules_.reads_are_enosys ? kEnosys : kEinval};
}

}  // namespace vmsim::net
