// net/mail_story.h: a mail relay on a machine with one disk, for tests.
//
// The machine is that of vfs/vfs_test_world.h: one CPU, 100 us a request, no daemons unless asked for.
// The relay runs in a thread of its own, and its process exits when it is through. After each step of
// a run the relay's invariants hold.
//
// What happens is told by its counts, times in ns since the first arrival:
//
//     arrived@1000 received@4200 delivered@8300
#ifndef VMSIM_NET_MAIL_STORY_H_
#define VMSIM_NET_MAIL_STORY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/mail_relay.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::net {

// Looks into a relay, to break it.
struct MailTestPeer {
  using Stage = MailRelay::Stage;
  static constexpr uint32_t kNoMail = MailRelay::kNoMail;

  static size_t mails(const MailRelay& r) { return r.mails_.size(); }
  static Stage& stage(MailRelay& r, size_t id) { return r.mails_[id]->stage; }
  static int& connection(MailRelay& r, size_t id) { return r.mails_[id]->connection; }
  static bool& counted(MailRelay& r, size_t id) { return r.mails_[id]->counted; }
  static bool& resident(MailRelay& r, size_t id) { return r.mails_[id]->resident; }
  static int64_t& resident_waiting(MailRelay& r, size_t remote) {
    return r.remotes_[remote].resident_waiting;
  }
  static int64_t& resident_deferred(MailRelay& r, size_t remote) {
    return r.remotes_[remote].resident_deferred;
  }
  static int64_t& received(MailRelay& r, size_t id) { return r.mails_[id]->received; }
  static int64_t& sent(MailRelay& r, size_t id) { return r.mails_[id]->sent; }
  static int64_t& bytes(MailRelay& r, size_t id) { return r.mails_[id]->envelope.bytes; }
  static const MailBody& body(const MailRelay& r, size_t id) { return r.mails_[id]->body; }
  static MailStats& stats(MailRelay& r) { return r.stats_; }
  static int64_t& finished(MailRelay& r) { return r.finished_; }
  static int64_t dropping(const MailRelay& r) { return r.dropping_; }
  static uint32_t& carries(MailRelay& r, size_t c) { return r.outbound_[c].mail; }
  static int64_t taken(const MailRelay& r, size_t c) { return r.outbound_[c].sink->bytes_read(); }
  static size_t connections(const MailRelay& r) { return r.outbound_.size(); }
  static std::vector<int>& idle(MailRelay& r, size_t remote) { return r.remotes_[remote].idle; }
  static std::deque<uint32_t>& waiting(MailRelay& r, size_t remote) {
    return r.remotes_[remote].waiting;
  }
  static std::multimap<sim::SimTime, uint32_t>& deferred(MailRelay& r) { return r.deferred_; }
  static const WorkerPool& store(const MailRelay& r) { return r.store_; }
  static const WorkerPool& unlink(const MailRelay& r) { return r.unlink_; }
  static EventPoll& poll(MailRelay& r) { return *r.poll_; }
  static int64_t files(const MailRelay& r) { return r.files_.count(); }
  static int64_t peer_files(const MailRelay& r) { return r.peers_.count(); }
};

class MailStory {
 public:
  struct Options {
    vfs::VfsTestWorld::Options vfs;
    MailConfig mail;
    uint64_t seed = 1;
    bool exits = true;  // The process, when the relay is through.
    bool exact = true;  // Times are; else those of the end of a step.
  };
  // `count` bodies of exactly `bytes` bytes, all at 1 ms, for one remote.
  static Options Of(int64_t count, int64_t bytes);
  // Bodies of exactly so many bytes.
  static std::vector<MailSize> Exactly(int64_t bytes) { return {{bytes - 1, 0}, {bytes, 1}}; }

  explicit MailStory(const Options& options);
  ~MailStory();
  MailStory(const MailStory&) = delete;
  MailStory& operator=(const MailStory&) = delete;

  sim::Engine& engine() { return world_.engine(); }
  vm::VmSystem& vm() { return world_.vm(); }
  vfs::VfsTestWorld& world() { return world_; }
  vm::Process& process() { return *process_; }
  MailRelay& relay() { return *relay_; }
  const MailStats& stats() const { return relay_->stats(); }
  bool ended() const { return ended_; }
  // The first arrival that may be.
  sim::SimTime start() const { return options_.mail.start_ns; }

  // Does `what` at `ns` after the first arrival, in a device event.
  void At(sim::SimDuration ns, std::function<void()> what);
  // Evicts the clean pages of spool file `number` that nobody is busy with; how many that were.
  int EvictSpool(int number);
  // Runs all there is to run, or until `ns` after the first arrival, and gives what happened.
  std::string Run(sim::SimDuration ns = sim::kNever);
  // How often the invariants are looked at, in steps.
  void set_check_every(int64_t steps) { check_every_ = steps; }
  void set_watch(std::function<void()> watch) { watch_ = std::move(watch); }

  // Names of the invariants that do not hold.
  std::string Broken() const;
  // What is left of a run that should have left nothing, or "".
  std::string Remains();

 private:
  static constexpr sim::SimDuration kTick = 20;  // Divides all costs.

  sim::Task<void> Main();
  bool Step(sim::SimTime until);
  void Note();
  void Say(std::string_view what, int64_t before, int64_t now);

  vfs::VfsTestWorld world_;
  const Options options_;
  const int64_t free_blocks_;
  const uint64_t reserved_;
  vm::Process* process_;
  std::unique_ptr<MailRelay> relay_;
  int64_t files_ = 0;
  MailStats last_;
  std::vector<std::unique_ptr<std::function<void()>>> events_;
  std::function<void()> watch_;
  int64_t check_every_ = 1;
  int64_t steps_ = 0;
  sim::SimTime limit_ = 0;
  bool ended_ = false;
  std::string log_;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_MAIL_STORY_H_
