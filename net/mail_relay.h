// net/mail_relay.h: a mail relay: one thread on epoll, and helpers that may wait for the disk.
//
//     clients --> receive --> [queue of the remote] --> body in core? --> send --> remotes
//                    |               ^      |                 | no
//                    v               '------' 451, later      v
//                SwapOut: fsync, swap-out                 SwapIn: pull, and ask again
//
// The scheduler accepts, receives into a body's memory, asks net/residency.h whether a body may be
// sent, and sends it in pieces as the remote's socket takes them. It never waits for a disk on
// purpose. What it may wait for all the same is memory: a page of a body that is not there, or a
// free page to receive into. Then nothing moves: that is its stall time.
//
// Unmapping and unlinking, which wait for transfers under way, are the Unlink pool's.
//
// A remote has so many connections, each of which carries one message at a time; those that wait
// for one are served first come, first served. A message whose body is being pulled keeps its
// connection. One that a remote has put off waits its time and goes to the end of the queue.
//
// Limits of bodies in memory (max_resident_*) have those above them written to the spool and dropped
// from memory: of all, of those that wait for one remote, of those that one remote has put off. A
// body that is dropped counts no more; what a pull brings back does not count again.
//
// The run is over when every message has been delivered, refused or has failed, or the process was
// killed.
#ifndef VMSIM_NET_MAIL_RELAY_H_
#define VMSIM_NET_MAIL_RELAY_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/epoll.h"
#include "net/mail_body.h"
#include "net/mail_config.h"
#include "net/mail_source.h"
#include "net/mail_stats.h"
#include "net/residency.h"
#include "net/sink.h"
#include "net/timer.h"
#include "net/worker_pool.h"
#include "sim/counters.h"
#include "sim/trace.h"

namespace vmsim::net {

class MailRelay final : private PoolClient {
 public:
  struct Parts {
    sim::Engine& engine;
    sim::Trace& trace;
    vm::VmSystem& vm;
    vfs::VfsSystem* vfs = nullptr;  // Null without a spool.
    vfs::Mount* spool = nullptr;
    vm::Process& process;  // The relay's.
  };
  // All outlive this. The engine's threads have ended before this goes.
  MailRelay(const Parts& parts, const MailConfig& config, uint64_t seed);
  ~MailRelay();
  MailRelay(const MailRelay&) = delete;
  MailRelay& operator=(const MailRelay&) = delete;

  // The scheduler's thread. To be run once.
  sim::Task<void> Run();

  const MailStats& stats() const { return stats_; }
  Residency& residency() { return *residency_; }
  const Residency& residency() const { return *residency_; }
  const EventPoll& poll() const { return *poll_; }
  // "mail.*", and those of residency. This must outlive the last reading.
  void RegisterCounters(sim::CounterRegistry& registry) const;

  // Everything that must hold between events, each under a name of its own; those of residency and
  // of epoll among them. O(messages).
  struct Broken {
    std::string name;
    std::string detail;
  };
  std::vector<Broken> BrokenInvariants() const;

 private:
  friend class MailInvariants;
  friend struct MailTestPeer;

  using MailId = uint32_t;
  static constexpr MailId kNoMail = UINT32_MAX;
  static constexpr int64_t kPieceBytes = 64 << 10;  // Moved at a time.
  static constexpr int64_t kEventsPerWait = 64;

  enum class Stage : uint8_t {
    kFree,
    kReceiving,
    kStoring,  // Its fsync is under way.
    kWaiting,  // In its remote's queue.
    kDeferred,
    kAsking,  // Has a connection; its body is being pulled, or asked after.
    kSending,
    kDropping,  // The Unlink pool's.
  };
  struct Mail : PoolJob {
    MailId id = 0;
    Stage stage = Stage::kFree;
    MailEnvelope envelope;
    MailBody body;
    sim::SimTime due = 0;  // When it arrived, or when its remote was to be tried again.
    int64_t received = 0;
    int64_t sent = 0;
    int connection = -1;
    int error = 0;
    bool counted = false;   // Among those queued.
    bool resident = false;  // It counts for the limits of those in memory.
    bool swapping = false;  // The SwapOut pool has it.
    bool watched = false;   // The message is in the epoll set.
    Ref<Message> message;
  };
  struct Outbound {
    int remote = 0;
    Ref<StreamSocket> socket;
    std::unique_ptr<Sink> sink;
    MailId mail = kNoMail;
  };
  struct Remote {
    std::unique_ptr<Link> out, back;
    std::deque<MailId> waiting;
    std::vector<int> idle;  // Connections, the one used last at the end.
    int64_t resident_waiting = 0;
    int64_t resident_deferred = 0;
  };

  // What an epoll entry is about: a kind in the upper half, an index in the lower.
  enum class Source : uint32_t { kListener, kClient, kOutbound, kMessage, kStored, kTimer };
  static uint64_t DataOf(Source source, uint32_t index) {
    return static_cast<uint64_t>(source) << 32 | index;
  }

  // mail_relay.cc.
  void RegisterHook();
  void Connect(int remote);
  bool over() const;
  sim::Task<void> Turn(std::vector<EpollEvent> events);
  sim::Task<void> Handle(EpollEvent event);
  void Watch(const FileIdentifier& id, EventMask mask, uint64_t data);
  Mail& NewMail();
  void NoteTurn(sim::SimTime since, sim::SimDuration cpu_before);
  static sim::Task<int> NeverPull(void*, Message& message, int pull, int* result);
  static sim::Task<int> PullOnce(void*, Message& message, int pull, int* result);

  // mail_receive.cc.
  sim::Task<void> AcceptAll();
  sim::Task<void> Receive(MailId id);
  sim::Task<void> Received(MailId id);
  void NoteLost();
  void Refuse(MailId id);
  void CloseClient(Mail& mail);
  sim::Task<void> TakeStored();

  // mail_deliver.cc.
  sim::Task<void> Enqueue(MailId id);
  sim::Task<void> ServeRemotes();
  sim::Task<void> ServeRemote(int remote);
  sim::Task<void> Ask(MailId id);
  void Await(Mail& mail);
  sim::Task<void> Defer(MailId id);
  sim::Task<void> EndDeferrals();
  void StartSending(Mail& mail);
  sim::Task<void> Send(int connection);
  sim::Task<void> Finish(MailId id, bool ok);
  void ReleaseConnection(Mail& mail);
  sim::Task<void> DropMail(MailId id);

  // mail_swapout.cc: the limits of bodies in memory.
  int64_t* ResidentCount(const Mail& mail);
  sim::Task<void> CountIn(MailId id);
  void CountOut(Mail& mail);
  sim::Task<void> BecomeResident(MailId id);
  sim::Task<void> SwapOut(MailId id);

  // PoolClient: stores, swap-outs and drops.
  void OnQueued(PoolJob&) override {}
  void OnStarted(PoolJob&) override {}
  sim::Task<void> Run(PoolJob& job) override;
  void OnFinished(PoolJob& job) override;

  const Parts p_;
  const MailConfig config_;
  MailStats stats_;
  OpenFiles files_;  // The relay's host.
  OpenFiles peers_;  // Clients and remotes.
  HookPoint hooks_;
  std::unique_ptr<Residency> residency_;
  MailBodies bodies_;
  WorkerPool store_;
  WorkerPool unlink_;
  std::vector<Remote> remotes_;
  MailSource source_;
  Ref<EventPoll> poll_;
  Ref<EventFd> stored_event_;
  Ref<Timer> timer_;
  std::vector<std::unique_ptr<Mail>> mails_;
  std::vector<MailId> free_;
  std::vector<Outbound> outbound_;
  std::deque<MailId> stored_;
  std::deque<MailId> to_drop_;  // Ended while the SwapOut pool had them.
  int64_t resident_ = 0;
  std::deque<int>
      to_serve_;  // Remotes with something new in their queue or a connection less busy.
  std::multimap<sim::SimTime, MailId> deferred_;
  int64_t finished_ = 0;  // Delivered, refused or failed.
  int64_t lost_ = 0;      // Of MailSource::lost, those that are counted.
  int64_t dropping_ = 0;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_MAIL_RELAY_H_
