// vm/daemon_script.h: small stories about pages and queues, for tests.
//
// Pages are letters: a..z are pages 0..25 of one object, A..Z of another. A letter is a valid,
// clean, unmapped page from its first mention on. A script is a list of commands, `verb page...`,
// separated by semicolons; a number in a command is its argument:
//
//   activate deactivate noreuse launder unswappable reference wire unwire free
//   dirty         the page was modified, and the memory system knows
//   touch write   through a mapping, which is made if there is none
//   map           a clean mapping, not accessed
//   invalid busy unbusy act N
//   unref dead    of the page's object: nobody references it; it is being terminated as well
//   answer NAME   what the pager says from now on: ok pend fail error bad again locked
//   drain         apply all batches (done after each command, unless `lazy` was given)
//   inactive N    one inactive scan with target N
//   active N      one active scan of the whole queue, at a shortage of N (0: no shortage)
//   laundry N     launder N pages; `shortfall N` does so in a shortfall
#ifndef VMSIM_VM_DAEMON_SCRIPT_H_
#define VMSIM_VM_DAEMON_SCRIPT_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/engine.h"
#include "sim/trace.h"
#include "vm/freebsd_reclaim.h"

namespace vmsim::vm {

// Answers every write alike.
class OneAnswerPager final : public Pager {
 public:
  explicit OneAnswerPager(PageArray& pages) : pages_(pages) {}

  void set_answer(PagerResult answer) { answer_ = answer; }
  void set_locked(bool locked) { locked_ = locked; }
  // The first pages and lengths of what it was asked to write, by frame.
  const std::vector<std::vector<FrameIndex>>& writes() const { return writes_; }
  int unlocks() const { return unlocks_; }

  sim::Task<PagerResult> GetPages(Object&, std::span<const FrameIndex>, int*, int*) override;
  sim::Task<void> PutPages(Object& object, std::span<const FrameIndex> pages, int flags,
                           std::span<PagerResult> results) override;
  bool HasPage(const Object&, Pindex, int*, int*) const override { return false; }
  sim::Task<bool> LockForPageout(Object&) override { co_return !locked_; }
  void UnlockAfterPageout(Object&) override { ++unlocks_; }
  void PageUnswapped(Object&, Pindex) override {}
  void Dealloc(Object&) override {}

 private:
  PageArray& pages_;
  PagerResult answer_ = PagerResult::kOk;
  bool locked_ = false;
  int unlocks_ = 0;
  std::vector<std::vector<FrameIndex>> writes_;
};

class CountingHost final : public Host {
 public:
  void OutOfMemory(OomReason) override { ++oom; }
  void KickSyncer() override { ++syncer_kicks; }

  int oom = 0;
  int syncer_kicks = 0;
};

struct DaemonScriptConfig {
  FreebsdRevision revision = FreebsdRevision::kR15;
  ObjectType type = ObjectType::kSwap;
  int page_count = 32;  // Largest cluster.
  bool swap_configured = true;
  Tunables tunables;
};

class DaemonScript {
 public:
  explicit DaemonScript(const DaemonScriptConfig& config = {});

  // False: the script has a command that there is not.
  [[nodiscard]] bool Run(std::string_view script);

  // "active: a b | inactive: H c | laundry: d", and " | unswappable: e" if there is any. Heads
  // first.
  std::string Queues() const;
  // "H c | d": of Queues() only these two.
  std::string InactiveAndLaundry() const;
  // The active queue with its hands and activity: "C0 a5 b9 C1".
  std::string Clock() const;
  // Pages that scans have freed so far, in order: "c b".
  std::string Freed();
  // What the pager wrote, a word a cluster: "abc f".
  std::string Writes() const;

  FreebsdReclaim& reclaim() { return reclaim_; }
  PageArray& pages() { return pages_; }
  VmCounters& counters() { return counters_; }
  const CountingHost& host() const { return host_; }
  const OneAnswerPager& pager() const { return pager_; }
  FrameIndex Frame(char letter);
  InactiveResult last_inactive() const { return last_inactive_; }
  int last_laundered() const { return last_laundered_; }
  void CheckInvariants() const { reclaim_.CheckInvariants(); }

 private:
  struct Command {
    std::string verb;
    std::vector<std::string> words;
    int number = 0;
  };
  bool RunCommand(const Command& command);
  bool RunScan(const Command& command);
  bool RunAnswer(const Command& command);
  bool RunOnPage(const std::string& verb, char letter, int number);
  bool RunQueueVerb(const std::string& verb, FrameIndex frame);
  bool RunStateVerb(const std::string& verb, FrameIndex frame, int number);
  bool RunMappingVerb(const std::string& verb, char letter, FrameIndex frame);
  Object& ObjectOf(char letter) { return letter >= 'a' ? *lower_ : *upper_; }
  std::string Name(uint32_t row) const;
  std::string List(QueueId queue) const;

  sim::Engine engine_;
  sim::Trace trace_;
  PageArray pages_;
  PageTables tables_;
  ObjectTable objects_;
  Domain domain_;
  VmCounters counters_;
  PageAllocator allocator_;
  OneAnswerPager pager_;
  CountingHost host_;
  FreebsdReclaim reclaim_;
  Object* lower_;
  Object* upper_;
  PteSlot leaf_;
  std::map<char, FrameIndex> frames_;
  std::map<FrameIndex, char> letters_;
  sim::VectorSink events_;
  bool lazy_ = false;
  int32_t ticks_ = 0;
  InactiveResult last_inactive_;
  int last_laundered_ = 0;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_DAEMON_SCRIPT_H_
