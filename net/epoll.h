// net/epoll.h: which of many files are ready, at a cost that does not depend on how many there are.
//
//      file ------- callback ------> [waiting] --> [ready] --ReadEvents--> {events, data}
//        \                               ^            |  level-triggered: back to the tail of ready
//         `- Readiness, asked again <----+------------+  edge-triggered:  to waiting
//            when it is looked at        |            `- one-shot:         to [disabled]
//                                        +--- found idle (stale)
//
// An entry is a file under one descriptor number, a mask, flags and the caller's data. A file that
// notifies moves its entries to the tail of the ready list; being on it is a hint, not a fact, and
// every entry is asked again before it is reported. So a page that came in and was evicted before
// anybody looked yields no event, and its entry waits again (EpollStats::stale).
//
// Entries that stay ready are reported in turn: those that a read did not reach come before those
// that it reported and queued again.
//
// A set is a file itself, readable while something in it is ready, so sets can watch sets. Chains
// are short and cycles refused (net/epoll_graph.h).
//
// Calls return 0 or an error of net/errno.h, and count both (EpollStats). The modes differ by the
// table of net/epoll_rules.h. What checks descriptors is net/epoll_calls.h.
//
// Model: gVisor pkg/sentry/kernel/epoll/epoll.go (the names), Linux fs/eventpoll.c (the rules of the
// default mode).
#ifndef VMSIM_NET_EPOLL_H_
#define VMSIM_NET_EPOLL_H_

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "net/epoll_entry.h"
#include "net/epoll_rules.h"
#include "net/file.h"
#include "sim/task.h"
#include "sim/time.h"
#include "sim/wait_channel.h"

namespace vmsim::net {

struct EpollEvent {
  EventMask events = 0;
  uint64_t data = 0;
};

class EventPoll final : public File {
 public:
  // Null if the host has all the files it may have (ENFILE).
  static Ref<EventPoll> Create(OpenFiles& files, EpollMode mode = EpollMode::kLinux);

  EpollMode mode() const { return mode_; }
  const EpollRules& rules() const { return rules_; }
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  int64_t ready_size() const { return list(EntryPlace::kReady).size(); }

  // Watches id.file for the events of `mask`, as id.fd. The set keeps no reference: the entry goes
  // when the file does. An entry that is ready is on the ready list at once.
  //   EPERM   the file cannot be waited for
  //   EINVAL  the file is this set; or kExclusive with what it does not go with: one-shot, events
  //           other than in, out, err and hup, or a set; or too many wake-up paths
  //   ELOOP   the file is a set, and a cycle or too long a chain would come about
  //   EEXIST  there is such an entry
  //   ENOSPC, ENOMEM  the host's limits (OpenFilesLimits)
  int AddEntry(FileIdentifier id, EntryFlags flags, EventMask mask, uint64_t data);
  // Changes what is asked for and looks anew: wakes a fired one-shot entry, reports an edge-triggered
  // one again if it is ready. ENOENT; EPERM and EINVAL as above, and EINVAL for an exclusive entry.
  int UpdateEntry(FileIdentifier id, EntryFlags flags, EventMask mask, uint64_t data);
  // ENOENT; EPERM and EINVAL (this set) as above.
  int RemoveEntry(FileIdentifier id);

  // Appends up to `max` events to `out`, in the order of the ready list, and returns how many. None
  // for max <= 0. Costs O(events + stale entries), however many are watched.
  int64_t ReadEvents(int64_t max, std::vector<EpollEvent>* out);

  // Readable while an entry is really ready. Drops stale entries up to the first that is.
  EventMask Readiness(EventMask mask) override;
  EventMask Peek(EventMask mask) const override;

  // As ReadEvents, but sleeps until there is something to read. Returns 0, with no events if
  // `timeout_ns` passed (0: does not sleep; kNever: no timeout), or EINTR. `out` must outlive it. A
  // notification at the deadline is in time.
  sim::Task<int> Wait(int64_t max, sim::SimDuration timeout_ns, std::vector<EpollEvent>* out);

  // Forgets all entries.
  void Release();
  // Stops listening to the files but keeps entries and lists: what is on the ready list can still be
  // read, nothing new arrives. For a save.
  void UnregisterEpollWaiters();
  // Listens again, and queues those waiting that are ready by now. For a restore.
  void RegisterEpollWaiters();

  // The names of the invariants (net/epoll_invariants.h) that do not hold.
  std::vector<std::string_view> BrokenInvariants() const;
  // A CHECK that there are none. O(entries and all sets that they lead to).
  void CheckInvariants() const;
  // Entries that are ready and wait because their file never said so: faults of the files.
  int64_t CountSilentFiles() const;

  std::string_view kind() const override { return "eventpoll"; }
  EventPoll* AsEventPoll() override { return this; }
  IoResult TryRead(int64_t n, IoMode mode) override;
  IoResult TryWrite(int64_t n, IoMode mode) override;

 private:
  friend class File;
  friend class EpollGraph;
  friend struct EpollChecks;
  friend struct EpollTestPeer;

  // Ordered, for walks: by the file's number, then the descriptor.
  using Key = std::pair<uint64_t, int32_t>;
  // What the last read put out, for the invariants.
  struct Output {
    Key key;
    EventMask events;
    EventMask mask;  // Of the entry, when it was asked.
    bool repeated_one_shot;
  };

  EventPoll(OpenFiles& files, EpollMode mode);
  ~EventPoll() override = default;
  void OnLastClose() override { Release(); }

  static Key KeyOf(const FileIdentifier& id) { return {id.file->id(), id.fd}; }
  PlaceList& list(EntryPlace place) { return lists_[static_cast<size_t>(place)]; }
  const PlaceList& list(EntryPlace place) const { return lists_[static_cast<size_t>(place)]; }
  EpollEntry* Find(const FileIdentifier& id);

  int CheckTarget(const FileIdentifier& id) const;
  int CheckAdd(const FileIdentifier& id, EntryFlags flags, EventMask mask);
  int CheckRoom() const;
  EpollEntry& Insert(const FileIdentifier& id, EntryFlags flags, EventMask mask, uint64_t data);
  void Store(EpollEntry& entry, EntryFlags flags, EventMask mask, uint64_t data);
  void Erase(EpollEntry& entry);
  // The file, or all, goes.
  void Forget(EpollEntry& entry);
  int Count(int error);

  void Register(EpollEntry& entry);
  static bool OnNotify(void* context, EventMask events);
  bool Hear(EpollEntry& entry, EventMask events);
  bool TellWatchers();

  void Move(EpollEntry& entry, EntryPlace to);
  void Enqueue(EpollEntry& entry);
  void EnqueueIfReady(EpollEntry& entry);
  EventMask Look(EpollEntry& entry);
  void Deliver(EpollEntry& entry, EventMask events, std::vector<EpollEvent>* out);
  void WakeNext();
  sim::Task<int> WaitInLine(int64_t max, sim::SimTime deadline, std::vector<EpollEvent>* out);
  sim::Task<int> WaitInCrowd(int64_t max, sim::SimTime deadline, std::vector<EpollEvent>* out);

  const EpollMode mode_;
  const EpollRules& rules_;
  std::map<Key, EpollEntry> entries_;
  PlaceList lists_[kEntryPlaces];
  bool registered_ = true;       // False between UnregisterEpollWaiters and RegisterEpollWaiters.
  uint64_t ready_sequence_ = 0;  // Entries put on the ready list so far.
  std::vector<Output> last_output_;
  sim::WaitChannel sleepers_;  // Threads in Wait, of modes that wake them one by one.
  // Marks of the search of the graph that came by last.
  uint64_t graph_search_ = 0;
  int graph_links_ = 0;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_EPOLL_H_
