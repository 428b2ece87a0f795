#include "vm/daemon_script.h"

#include <cctype>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "sim/check.h"
#include "vm/trace_types.h"

namespace vmsim::vm {
namespace {

constexpr uint32_t kFrames = 64;  // More than letters: no frame is used twice.
constexpr uint32_t kLetters = 26;

PageoutThresholds Thresholds(int page_count) {
  PageoutThresholds t;
  t.free_target = 1;
  t.inactive_threads = 1;
  t.pageout_page_count = page_count;
  return t;
}

Costs NoCosts() {
  Costs costs;
  costs.page_scan_ns = costs.scan_batch_ns = costs.daemon_pass_ns = 0;
  return costs;
}

}  // namespace

sim::Task<PagerResult> OneAnswerPager::GetPages(Object&, std::span<const FrameIndex>, int*, int*) {
  co_return PagerResult::kFail;
}

sim::Task<void> OneAnswerPager::PutPages(Object&, std::span<const FrameIndex> pages, int flags,
                                         std::span<PagerResult> results) {
  CHECK_EQ(flags, kPutNoReuse);
  writes_.emplace_back(pages.begin(), pages.end());
  for (size_t i = 0; i < pages.size(); ++i) {
    CHECK(pages_.sbusied(pages[i]), "frame=", pages[i]);
    results[i] = answer_;
    if (answer_ == PagerResult::kOk) pages_[pages[i]].dirty = 0;
  }
  co_return;
}

DaemonScript::DaemonScript(const DaemonScriptConfig& config)
    : trace_(engine_.events().clock()),
      pages_(kFrames),
      tables_(pages_),
      objects_(pages_),
      domain_(engine_, Thresholds(config.page_count), kFrames),
      allocator_(pages_, domain_, objects_, counters_),
      pager_(pages_),
      reclaim_({engine_, trace_, pages_, tables_, objects_, domain_, allocator_, counters_, host_},
               config.tunables, NoCosts(), config.revision, PlantedBugs{}, /*cpus=*/1),
      lower_(&objects_.Create(config.type, kLetters)),
      upper_(&objects_.Create(config.type, kLetters)),
      leaf_(tables_.AllocateLeaf(2 * kLetters)) {
  allocator_.set_reclaim(&reclaim_);
  reclaim_.set_swap_configured(config.swap_configured);
  lower_->pager = upper_->pager = &pager_;
  trace_.AddSink(&events_);
}

bool DaemonScript::Run(std::string_view script) {
  const absl::string_view text(script.data(), script.size());
  for (absl::string_view part : absl::StrSplit(text, ';')) {
    Command command;
    for (absl::string_view word : absl::StrSplit(part, ' ', absl::SkipEmpty())) {
      if (std::isdigit(word[0]) != 0) {
        command.number = std::atoi(std::string(word).c_str());
      } else if (command.verb.empty()) {
        command.verb = std::string(word);
      } else {
        command.words.emplace_back(word);
      }
    }
    if (!command.verb.empty() && !RunCommand(command)) return false;
    if (!lazy_) reclaim_.queues().Drain();
  }
  return true;
}

bool DaemonScript::RunCommand(const Command& command) {
  if (command.verb == "lazy") {
    lazy_ = true;
    return true;
  }
  if (command.verb == "drain") {
    reclaim_.queues().Drain();
    return true;
  }
  if (command.verb == "answer") return RunAnswer(command);
  if (command.words.empty()) return RunScan(command);
  for (const std::string& word : command.words) {
    if (word.size() != 1 || std::isalpha(word[0]) == 0) return false;
    if (!RunOnPage(command.verb, word[0], command.number)) return false;
  }
  return true;
}

bool DaemonScript::RunScan(const Command& command) {
  if (command.verb == "inactive") {
    last_inactive_ = reclaim_.daemon().inactive_scan().Run(command.number).RunToCompletion();
  } else if (command.verb == "active") {
    // So late that without a shortage, too, the limit is the length of the queue.
    ticks_ += 1000 * 600;
    reclaim_.daemon().active_scan().Run(command.number, ticks_).RunToCompletion();
  } else if (command.verb == "laundry" || command.verb == "shortfall") {
    const bool in_shortfall = command.verb == "shortfall";
    last_laundered_ = reclaim_.laundering().Run(command.number, in_shortfall).RunToCompletion();
  } else {
    return false;
  }
  return true;
}

bool DaemonScript::RunAnswer(const Command& command) {
  static const std::map<std::string, PagerResult> kAnswers = {
      {"ok", PagerResult::kOk},   {"pend", PagerResult::kPend},   {"fail", PagerResult::kFail},
      {"bad", PagerResult::kBad}, {"error", PagerResult::kError}, {"again", PagerResult::kAgain}};
  if (command.words.size() != 1) return false;
  pager_.set_locked(command.words[0] == "locked");
  if (command.words[0] == "locked") return true;
  const auto answer = kAnswers.find(command.words[0]);
  if (answer == kAnswers.end()) return false;
  pager_.set_answer(answer->second);
  return true;
}

FrameIndex DaemonScript::Frame(char letter) {
  const auto known = frames_.find(letter);
  if (known != frames_.end()) return known->second;
  const auto pindex = static_cast<Pindex>(std::tolower(letter) - 'a');
  const FrameIndex frame = allocator_.Alloc(ObjectOf(letter), pindex, AllocClass::kInterrupt);
  CHECK_NE(frame, kNoFrame);
  pages_[frame].valid = kPageBitsAll;
  pages_.Xunbusy(frame);
  frames_[letter] = frame;
  letters_[frame] = letter;
  return frame;
}

bool DaemonScript::RunOnPage(const std::string& verb, char letter, int number) {
  const FrameIndex frame = Frame(letter);
  return RunQueueVerb(verb, frame) || RunStateVerb(verb, frame, number) ||
         RunMappingVerb(verb, letter, frame);
}

bool DaemonScript::RunQueueVerb(const std::string& verb, FrameIndex frame) {
  if (verb == "activate") {
    reclaim_.Activate(frame);
  } else if (verb == "deactivate") {
    reclaim_.Deactivate(frame);
  } else if (verb == "noreuse") {
    reclaim_.DeactivateNoreuse(frame);
  } else if (verb == "launder") {
    reclaim_.Launder(frame);
  } else if (verb == "unswappable") {
    reclaim_.Unswappable(frame);
  } else if (verb == "reference") {
    reclaim_.Reference(frame);
  } else if (verb == "wire") {
    allocator_.Wire(frame);
  } else if (verb == "unwire") {
    allocator_.Unwire(frame, QueueId::kActive);
  } else {
    return false;
  }
  return true;
}

bool DaemonScript::RunStateVerb(const std::string& verb, FrameIndex frame, int number) {
  Page& page = pages_[frame];
  if (verb == "dirty") {
    allocator_.Dirty(frame);
  } else if (verb == "invalid") {
    page.valid = 0;
  } else if (verb == "act") {
    page.act_count = static_cast<uint8_t>(number);
  } else if (verb == "busy") {
    CHECK(pages_.TryXbusy(frame));
  } else if (verb == "unbusy") {
    pages_.Xunbusy(frame);
  } else if (verb == "free") {
    CHECK(pages_.TryXbusy(frame));
    allocator_.Free(frame);
  } else if (verb == "unref") {
    objects_[page.object].ref_count = 0;
  } else if (verb == "dead") {
    objects_[page.object].ref_count = 0;
    objects_[page.object].flags |= kObjDead;
  } else {
    return false;
  }
  return true;
}

bool DaemonScript::RunMappingVerb(const std::string& verb, char letter, FrameIndex frame) {
  const PteSlot slot =
      leaf_ + static_cast<PteSlot>(std::tolower(letter) - 'a') + (letter >= 'a' ? 0 : kLetters);
  if (verb == "touch") {
    tables_.Enter(slot, frame, /*writable=*/true, /*write=*/false);
  } else if (verb == "write") {
    tables_.Enter(slot, frame, /*writable=*/true, /*write=*/true);
  } else if (verb == "map") {
    tables_.EnterQuick(slot, frame);
  } else {
    return false;
  }
  return true;
}

std::string DaemonScript::Name(uint32_t row) const {
  const PageQueues& queues = const_cast<FreebsdReclaim&>(reclaim_).queues();
  if (row == queues.inacthead()) return "H";
  if (row == queues.clock(0)) return "C0";
  if (row == queues.clock(1)) return "C1";
  return std::string(1, letters_.at(row));
}

std::string DaemonScript::List(QueueId queue) const {
  const PageQueues& queues = const_cast<FreebsdReclaim&>(reclaim_).queues();
  std::string list;
  const uint32_t head = queues.head(queue);
  for (uint32_t row = queues.next(head); row != head; row = queues.next(row)) {
    const bool is_hand = row == queues.clock(0) || row == queues.clock(1);
    if (!is_hand) absl::StrAppend(&list, " ", Name(row));
  }
  return list;
}

std::string DaemonScript::Queues() const {
  const std::string unswappable = List(QueueId::kUnswappable);
  return absl::StrCat("active:", List(QueueId::kActive), " | inactive:", List(QueueId::kInactive),
                      " | laundry:", List(QueueId::kLaundry),
                      unswappable.empty() ? "" : " | unswappable:", unswappable);
}

std::string DaemonScript::InactiveAndLaundry() const {
  return absl::StrCat(List(QueueId::kInactive).substr(1), " |", List(QueueId::kLaundry));
}

std::string DaemonScript::Clock() const {
  const PageQueues& queues = const_cast<FreebsdReclaim&>(reclaim_).queues();
  std::string list;
  const uint32_t head = queues.head(QueueId::kActive);
  for (uint32_t row = queues.next(head); row != head; row = queues.next(row)) {
    absl::StrAppend(&list, list.empty() ? "" : " ", Name(row));
    if (pages_.is_page(row)) absl::StrAppend(&list, static_cast<int>(pages_[row].act_count));
  }
  return list;
}

std::string DaemonScript::Freed() {
  trace_.Flush();
  std::string freed;
  for (const sim::TraceRecord& record : events_.records()) {
    if (record.type != trace::kEvict) continue;
    const char letter = letters_.at(static_cast<FrameIndex>(record.b));
    absl::StrAppend(&freed, freed.empty() ? "" : " ", std::string(1, letter));
  }
  return freed;
}

std::string DaemonScript::Writes() const {
  std::string writes;
  for (const std::vector<FrameIndex>& cluster : pager_.writes()) {
    if (!writes.empty()) writes += ' ';
    for (const FrameIndex frame : cluster) writes += letters_.at(frame);
  }
  return writes;
}

}  // namespace vmsim::vm
