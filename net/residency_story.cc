#include "net/residency_story.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "net/residency_trace.h"
#include "sim/check.h"
#include "sim/wait_channel.h"

namespace vmsim::net {
namespace {

constexpr uint64_t kBell = UINT64_MAX;

uint64_t NumberOf(std::string_view text) {
  uint64_t number = 0;
  CHECK(absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number),
        "not a number: ", std::string(text));
  return number;
}

// The words of a text between `separator`s; none of an empty text.
std::vector<std::string> Words(std::string_view text, char separator) {
  return absl::StrSplit(absl::string_view(text.data(), text.size()), separator, absl::SkipEmpty());
}

vm::Vpage PageWhere(char where) {
  return where == 'f'   ? ResidencyStory::kFileAt
         : where == 'h' ? ResidencyStory::kHeapAt
                        : ResidencyStory::kNothingAt;
}

}  // namespace

ResidencyStory::ResidencyStory(const Options& options, std::function<void(ResidencyStory&)> hooks)
    : world_(options.vfs), options_(options), files_(engine()), hooks_(engine()) {
  const uint32_t pages = options.pages;
  process_ = &vm().CreateProcess("relay", /*protect=*/false);
  vm::Object& file = *world_.file().object;
  vm::MapEntry entry;
  entry.object = file.id;
  entry.inheritance = vm::Inheritance::kShare;
  entry.behavior = options.clustering ? vm::Behavior::kNormal : vm::Behavior::kRandom;
  ++file.ref_count;
  CHECK_EQ(vm().Map(*process_, kFileAt, pages, entry), 0);
  file_ = {process_, &file, kFileAt, process_->space.Lookup(kFileAt)->slot, pages};
  vm::Object& heap = vm().CreateAnonymous(pages);
  entry.object = heap.id;
  CHECK_EQ(vm().Map(*process_, kHeapAt, pages, entry), 0);
  heap_ = {process_, &heap, kHeapAt, process_->space.Lookup(kHeapAt)->slot, pages};
  if (hooks) hooks(*this);
  world_.world().trace().AddSink(this);
  world_.world().trace().AddSink(&digest_);
  residency_ = std::make_unique<Residency>(engine(), world_.world().trace(), vm(), files_, hooks_,
                                           options.residency);
  residency_->RegisterCounters(counters_);
  poll_ = EventPoll::Create(files_);
  bell_ = EventFd::Create(files_, 0);
  CHECK_EQ(poll_->AddEntry({bell_.get(), 0}, kLevelTriggered, sim::kEventIn, kBell), 0);
  world_.world().Start("scheduler", Schedule());
  Run(engine().now());
}

ResidencyStory::~ResidencyStory() {
  engine().DestroyThreads();
  world_.world().trace().Flush();
  world_.world().trace().RemoveSink(this);
  world_.world().trace().RemoveSink(&digest_);
  world_.StopChecking();
  residency_.reset();
  messages_.clear();
}

std::vector<BodyRange> ResidencyStory::Body(std::string_view text) {
  std::vector<BodyRange> body;
  for (const std::string& word : Words(text, ',')) {
    const size_t plus = word.find('+');
    CHECK(plus != std::string::npos, "a range is like f0+1: ", word);
    const uint64_t base = PageWhere(word[0]) << vm::kPageShift;
    body.push_back({base + NumberOf(std::string_view(word).substr(1, plus - 1)),
                    NumberOf(std::string_view(word).substr(plus + 1))});
  }
  return body;
}

size_t ResidencyStory::Make(std::string_view body) {
  int error = 0;
  Ref<Message> message = residency_->NewMessage(*process_, Body(body), &error);
  CHECK(message, "error ", error);
  messages_.push_back(std::move(message));
  return messages_.size() - 1;
}

void ResidencyStory::Deliver(size_t message) {
  inbox_.push_back(message);
  CHECK_EQ(bell_->TryAdd(1), 0);
}

void ResidencyStory::Delete(size_t message) {
  if (!messages_[message]) return;
  residency_->Delete(*messages_[message]);
}

sim::Task<void> ResidencyStory::Schedule() {
  std::vector<EpollEvent> events;
  while (true) {
    events.clear();
    static_cast<void>(co_await poll_->Wait(4, sim::kNever, &events));
    for (const EpollEvent& event : events) {
      if (event.data != kBell) {
        const std::string name = (event.events & sim::kEventHUp) != 0   ? "*HUp"
                                 : (event.events & sim::kEventErr) != 0 ? "*Err"
                                                                        : "*In";
        world_.world().trace().Flush();
        Say(absl::StrCat(event.data, name), engine().now());
        if (name == "*In") co_await Handle(event.data);
        continue;
      }
      static_cast<void>(bell_->TryTake());
      const std::vector<size_t> inbox = std::exchange(inbox_, {});
      for (const size_t message : inbox) co_await Handle(message);
    }
  }
}

sim::Task<void> ResidencyStory::Handle(size_t number) {
  const Ref<Message> message = messages_[number];
  const FileIdentifier id{message.get(), static_cast<int32_t>(number) + 1};
  const Verdict verdict = co_await residency_->Check(*message);
  if (verdict.what == Verdict::What::kQueued) {
    const int error = poll_->AddEntry(id, kOneShot, sim::kEventIn, number);
    if (error == kEexist) {
      CHECK_EQ(poll_->UpdateEntry(id, kOneShot, sim::kEventIn, number), 0);
    }
  }
  if (verdict.what != Verdict::What::kSend) co_return;
  if (options_.send_ns > 0) co_await sim::Pause(engine(), options_.send_ns, "send");
  const SendTouch touch = co_await residency_->TouchBody(*message, 0, message->bytes());
  residency_->Done(*message, touch.error == 0);
}

sim::Task<void> ResidencyStory::CheckOnce(size_t number) {
  const Ref<Message> message = messages_[number];
  const Verdict verdict = co_await residency_->Check(*message);
  static constexpr const char* kNames[] = {"send", "queued", "failed", "gone"};
  world_.world().trace().Flush();
  Say(absl::StrCat(number, "=", kNames[static_cast<int>(verdict.what)]), engine().now());
}

sim::Task<void> ResidencyStory::TouchOnce(vm::Vpage vpage, bool write) {
  const PageTouch touch = co_await TouchPage(engine(), vm(), *process_, vpage, write);
  CHECK(touch.result == vm::FaultResult::kSuccess, "page ", vpage);
}

sim::Task<void> ResidencyStory::ReferenceOnce(vm::Vpage vpage) {
  static_cast<void>(co_await TouchPage(engine(), vm(), *process_, vpage, /*write=*/false));
}

void ResidencyStory::Warm(std::string_view pages) {
  for (const std::string& page : Words(pages, ' ')) {
    world_.Do(TouchOnce(PageOf(page), /*write=*/page[0] == 'h'));
  }
}

void ResidencyStory::SwapOut(uint32_t first, uint32_t count) {
  world_.world().SwapOut(heap_, first, count);
}

vm::Vpage ResidencyStory::PageOf(std::string_view page) {
  return PageWhere(page[0]) + NumberOf(page.substr(1));
}

bool ResidencyStory::Evict(std::string_view page) {
  FoundPage found;
  if (PlaceOf(vm(), process_->space, PageOf(page), &found) != PagePlace::kInCore) return false;
  const vm::FrameIndex frame = found.frame;
  if (vm().pages()[frame].wired() || vm().pages().busied(frame)) return false;
  if (vm().page_tables().IsModified(frame) || vm().pages()[frame].dirty != 0) return false;
  world_.world().Evict(vm().objects()[found.object], found.pindex);
  return true;
}

std::string ResidencyStory::Places(std::string_view pages) {
  std::string places;
  for (const std::string& page : Words(pages, ' ')) {
    places += "Itdz-"[static_cast<int>(PlaceOf(vm(), process_->space, PageOf(page)))];
  }
  return places;
}

void ResidencyStory::Do(std::string_view step) {
  const std::vector<std::string> words = Words(step, ' ');
  const std::string& verb = words[0];
  const std::string what = words.size() > 1 ? words[1] : "";
  if (verb == "send") {
    Deliver(NumberOf(what));
  } else if (verb == "delete") {
    Delete(NumberOf(what));
  } else if (verb == "evict") {
    CHECK(Evict(what), "cannot evict ", what);
  } else if (verb == "workers") {
    residency_->pool().SetConcurrency(static_cast<int>(NumberOf(what)));
  } else if (verb == "check") {
    world_.world().Start("check", CheckOnce(NumberOf(what)));
  } else if (verb == "touch") {
    world_.world().Start("touch", TouchOnce(PageOf(what), /*write=*/false));
  } else if (verb == "reference") {
    world_.world().Start("reference", ReferenceOnce(PageOf(what)));
  } else if (verb == "again") {
    residency_->Again(*messages_[NumberOf(what)]);
    Deliver(NumberOf(what));
  } else if (verb == "unmap") {
    world_.world().Start("unmap",
                         vm().map_ops().Delete(process_->space, kHeapAt, kHeapAt + options_.pages));
  } else if (verb == "kill") {
    vm().Kill(*process_, vm::kSigKill);
  } else {
    CHECK(false, "no such step: ", std::string(step));
  }
}

void ResidencyStory::Plan(std::string_view steps) {
  base_ = engine().now();
  for (const std::string& step : Words(steps, ';')) {
    const std::vector<std::string> words = Words(step, ' ');
    const sim::SimTime when = static_cast<sim::SimTime>(NumberOf(words[0])) * sim::kMicrosecond;
    At(engine().now() + when,
       [this, what = absl::StrCat(words[1], " ", words.size() > 2 ? words[2] : "")] { Do(what); });
  }
}

void ResidencyStory::At(sim::SimTime when, std::function<void()> what) {
  events_.push_back(std::make_unique<std::function<void()>>(std::move(what)));
  engine().events().Schedule(
      when, sim::EventClass::kDevice,
      [](void* call, uint64_t) { (*static_cast<std::function<void()>*>(call))(); },
      events_.back().get(), 0);
}

std::string ResidencyStory::Run(sim::SimTime until) {
  residency_->CheckInvariants();
  while (engine().Step(until)) {
    residency_->CheckInvariants();
    if (watch_) watch_();
  }
  world_.world().trace().Flush();
  if (until == sim::kNever && options_.check_machine) world_.CheckInvariants();
  return std::exchange(log_, "");
}

void ResidencyStory::Say(const std::string& what, sim::SimTime when) {
  absl::StrAppend(&log_, log_.empty() ? "" : " ", what, "@", (when - base_) / sim::kMicrosecond);
}

void ResidencyStory::OnRecords(const sim::TraceRecord* records, size_t count) {
  for (const sim::TraceRecord* r = records; r < records + count; ++r) {
    if (r->type == trace::kMessageState && r->a != static_cast<uint64_t>(MessageState::kReady)) {
      const auto state = static_cast<MessageState>(r->a);
      Say(absl::StrCat(r->actor, ":", std::string(MessageStateName(state))), r->time);
    } else if (r->type == trace::kMessageAnswer) {
      const std::string answer = r->b < 2 ? absl::StrCat(r->b) : absl::StrCat("E", r->b - 2);
      Say(absl::StrCat(r->actor, r->a == 0 ? "?" : "!", answer), r->time);
    } else if (r->type == trace::kMessageBlock) {
      Say(absl::StrCat(r->actor, "#", r->a), r->time);
    }
  }
}

int64_t ResidencyStory::Counter(std::string_view name) const {
  const std::optional<int64_t> value = counters_.Find(name);
  CHECK(value.has_value(), "no counter ", std::string(name));
  return *value;
}

std::string ResidencyStory::Digest() {
  world_.world().trace().Flush();
  return digest_.Hex();
}

}  // namespace vmsim::net
