// net/residency_story.h: a relay in small, for tests of message residency.
//
// A process maps 256 pages of the file "f" and has a heap of as many; the disks take 100 us a
// request. Unless told otherwise page-ins bring no neighbours, and the test and the hooks cost
// nothing. One thread, the scheduler, takes messages from an inbox, asks about them, sends what it
// may at once, and watches the others one-shot in an epoll set. After each step of a run the
// invariants of residency hold.
//
// What happens is told by the trace, times in whole microseconds since the plan was made:
//
//     0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@102 0:CHECK'@102 0?0@102 0:SENDING@102 0:DONE@102
//
// N:STATE, N? an answer with pull 0, N! one with pull 1 (E and a number: an error), N#q: the
// scheduler waits for the backlog. And by the scheduler: N*In, N*Err, N*HUp, events of its poll.
#ifndef VMSIM_NET_RESIDENCY_STORY_H_
#define VMSIM_NET_RESIDENCY_STORY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/epoll.h"
#include "net/eventfd.h"
#include "net/residency.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::net {

// Looks into residency, to break it.
struct ResidencyTestPeer {
  static MessageState& state(Message& m) { return m.state_; }
  static bool& pulled(Message& m) { return m.pulled_; }
  static bool& checking(Message& m) { return m.checking_; }
  static int& pulls(Message& m) { return m.pulls_; }
  static int& last_result(Message& m) { return m.last_result_; }
  static PoolJob& job(Message& m) { return m.job_; }
  static FoundPage& reading(Message& m) { return m.reading_; }
  static Ref<Message>& hold(Message& m) { return m.hold_; }
  static std::vector<vm::FrameIndex>& wired(Message& m) { return m.wired_; }
  static ResidencyStats& stats(Residency& r) { return r.stats_; }
  static int64_t& wrong_threads(Residency& r) { return r.wrong_threads_; }
  static int64_t& defaults(Residency& r) { return r.defaults_; }
  static int64_t& count(Residency& r, MessageState s) { return r.counts_[static_cast<size_t>(s)]; }
  static int64_t& changes(Residency& r) { return r.test_.changes_; }
  static int& concurrency(WorkerPool& p) { return p.concurrency_; }
  static HookStats& stats(HookPoint& h) { return h.stats_; }
};

class ResidencyStory : private sim::TraceSink {
 public:
  static constexpr vm::Vpage kFileAt = 8192;
  static constexpr vm::Vpage kHeapAt = 16384;
  static constexpr vm::Vpage kNothingAt = 32768;

  // The defaults, but that asking costs nothing, and is watched.
  static ResidencyConfig Free() {
    ResidencyConfig config;
    config.test = {.call_ns = 0, .page_ns = 0, .audit = true};
    return config;
  }
  struct Options {
    vfs::VfsTestWorld::Options vfs;
    ResidencyConfig residency = Free();
    uint32_t pages = 256;  // Of the file that is mapped, and of the heap.
    bool clustering = false;
    // Between the answer and the last reference of a send.
    sim::SimDuration send_ns = 0;
    bool check_machine = true;  // The invariants of the machine, when it is at rest.
  };

  explicit ResidencyStory(const Options& options, std::function<void(ResidencyStory&)> hooks = {});
  ResidencyStory() : ResidencyStory(Options()) {}
  ~ResidencyStory();

  sim::Engine& engine() { return world_.engine(); }
  vm::VmSystem& vm() { return world_.vm(); }
  vfs::VfsTestWorld& world() { return world_; }
  vm::Process& process() { return *process_; }
  OpenFiles& files() { return files_; }
  HookPoint& hooks() { return hooks_; }
  Residency& residency() { return *residency_; }
  EventPoll& poll() { return *poll_; }
  const Options& options() const { return options_; }
  Message& message(size_t i) { return *messages_[i]; }
  bool has(size_t i) const { return static_cast<bool>(messages_[i]); }
  size_t messages() const { return messages_.size(); }

  // A message with the body "f100+8192,h0+1": bytes of the file from 100, bytes of the heap; x is
  // where nothing is mapped. "" has no ranges. Returns its number.
  size_t Make(std::string_view body);
  static std::vector<BodyRange> Body(std::string_view text);
  // The scheduler gets the message now.
  void Deliver(size_t message);
  void Delete(size_t message);
  // Lets go of it.
  void Drop(size_t message) { messages_[message].reset(); }

  // Pages "f0 f3 h1": brings them in; h pages are written. Runs the machine.
  void Warm(std::string_view pages);
  // Writes heap pages, puts them to swap and evicts them.
  void SwapOut(uint32_t first, uint32_t count);
  // Evicts one clean page "f3" that is not busy. False: it is not there, or busy, dirty or wired.
  bool Evict(std::string_view page);
  // "I" in core, "t" in transit, "d" on disk, "z" zero fill, "-" hole.
  std::string Places(std::string_view pages);
  static vm::Vpage PageOf(std::string_view page);

  // One step "send 0", "delete 0", "evict f3", "workers 2", "check 0" (asks from a thread of its
  // own), "touch f3" (the same), "reference f3" (the same, and it may fail), "again 0" (another delivery), "unmap" (the heap), "kill".
  void Do(std::string_view step);
  // "0 send 0; 50 evict f1": steps at times in us from now, as events of the device class.
  void Plan(std::string_view steps);
  void At(sim::SimTime when, std::function<void()> what);

  // Runs all there is to run, or up to a time, and gives what happened.
  std::string Run(sim::SimTime until = sim::kNever);
  void set_watch(std::function<void()> watch) { watch_ = std::move(watch); }
  // A registered counter.
  int64_t Counter(std::string_view name) const;
  // The records of the trace so far, and their digest.
  std::string Digest();

 private:
  void OnRecords(const sim::TraceRecord* records, size_t count) override;
  void Say(const std::string& what, sim::SimTime when);
  sim::Task<void> Schedule();
  sim::Task<void> Handle(size_t message);
  sim::Task<void> CheckOnce(size_t message);
  sim::Task<void> TouchOnce(vm::Vpage vpage, bool write);
  sim::Task<void> ReferenceOnce(vm::Vpage vpage);

  vfs::VfsTestWorld world_;
  const Options options_;
  OpenFiles files_;
  HookPoint hooks_;
  vm::Process* process_;
  vm::VmTestWorld::Area file_;
  vm::VmTestWorld::Area heap_;
  std::unique_ptr<Residency> residency_;
  sim::CounterRegistry counters_;
  sim::DigestSink digest_;
  Ref<EventPoll> poll_;
  Ref<EventFd> bell_;
  std::vector<size_t> inbox_;
  std::vector<Ref<Message>> messages_;
  std::vector<std::unique_ptr<std::function<void()>>> events_;
  std::function<void()> watch_;
  std::string log_;
  sim::SimTime base_ = 0;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_RESIDENCY_STORY_H_
