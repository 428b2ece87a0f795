#include "net/mail_story.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sim/check.h"

namespace vmsim::net {

MailStory::Options MailStory::Of(int64_t count, int64_t bytes) {
  Options options;
  options.vfs.file.bytes = 0;
  options.mail.start_ns = sim::kMillisecond;
  options.mail.messages = count;
  options.mail.sizes = Exactly(bytes);
  options.mail.remotes.push_back({.name = "r"});
  return options;
}

MailStory::MailStory(const Options& options)
    : world_(options.vfs),
      options_(options),
      free_blocks_(world_.vfs().mounts()[0]->space.free_blocks()),
      reserved_(vm().reserve().reserved()),
      process_(&vm().CreateProcess("relay", /*protect=*/false)) {
  relay_ = std::make_unique<MailRelay>(
      MailRelay::Parts{engine(), world_.world().trace(), vm(), &world_.vfs(),
                       world_.vfs().mounts()[0].get(), *process_},
      options.mail, options.seed);
  files_ = MailTestPeer::files(*relay_);
  process_->thread = world_.world().Start("relay", Main());
}

MailStory::~MailStory() {
  engine().DestroyThreads();
  world_.StopChecking();
  relay_.reset();
}

sim::Task<void> MailStory::Main() {
  co_await relay_->Run();
  if (options_.exits) co_await vm().Exit(*process_, 0);
  ended_ = true;
}

void MailStory::At(sim::SimDuration ns, std::function<void()> what) {
  events_.push_back(std::make_unique<std::function<void()>>(std::move(what)));
  engine().events().Schedule(
      start() + ns, sim::EventClass::kDevice,
      [](void* call, uint64_t) { (*static_cast<std::function<void()>*>(call))(); },
      events_.back().get(), 0);
}

int MailStory::EvictSpool(int number) {
  const vfs::Vnode* vnode = world_.vfs().Find(absl::StrCat("spool/", number));
  if (vnode == nullptr) return 0;
  vm::Object& object = *vnode->object;
  int evicted = 0;
  for (vm::Pindex i = 0; i < object.size; ++i) {
    const vm::FrameIndex frame = object.Lookup(i);
    if (frame == vm::kNoFrame || vm().pages()[frame].wired() || vm().pages().busied(frame)) {
      continue;
    }
    if (vm().page_tables().IsModified(frame) || vm().pages()[frame].dirty != 0) continue;
    world_.world().Evict(object, i);
    ++evicted;
  }
  return evicted;
}

// One instant, or what is left of it. False: nothing is left to happen up to `until`. A limit that
// stays close behind the clock makes every Consume() a step, so that what is noted after a step
// happened at the clock's time.
bool MailStory::Step(sim::SimTime until) {
  while (!engine().Step(std::min(limit_, until))) {
    const bool idle = engine().running() == 0 && engine().run_queue_length() == 0;
    const sim::SimTime next = engine().events().NextTime();
    if (limit_ >= until || (idle && next == sim::kNever)) return false;
    limit_ = idle ? next : limit_ + kTick;
  }
  return true;
}

std::string MailStory::Run(sim::SimDuration ns) {
  const sim::SimTime until = ns == sim::kNever ? sim::kNever : start() + ns;
  while (options_.exact ? Step(until) : engine().Step(until)) {
    Note();
    if (watch_) watch_();
    if (++steps_ % check_every_ != 0) continue;
    const auto broken = relay_->BrokenInvariants();
    CHECK(broken.empty(), broken[0].name, ": ", broken[0].detail);
  }
  world_.world().trace().Flush();
  if (ended_ && !options_.vfs.daemons) world_.CheckInvariants();
  return std::exchange(log_, "");
}

void MailStory::Note() {
  const MailStats& now = relay_->stats();
  if (now.arrived + now.refused + now.received + now.deferred + now.delivered + now.failed ==
      last_.arrived + last_.refused + last_.received + last_.deferred + last_.delivered +
          last_.failed) {
    return;
  }
  Say("arrived", last_.arrived, now.arrived);
  Say("refused", last_.refused, now.refused);
  Say("received", last_.received, now.received);
  Say("deferred", last_.deferred, now.deferred);
  Say("delivered", last_.delivered, now.delivered);
  Say("failed", last_.failed, now.failed);
  last_ = now;
}

void MailStory::Say(std::string_view what, int64_t before, int64_t now) {
  for (; before < now; ++before) {
    absl::StrAppend(&log_, log_.empty() ? "" : " ", std::string(what), "@",
                    engine().now() - start());
  }
}

std::string MailStory::Broken() const {
  std::string names;
  for (const MailRelay::Broken& broken : relay_->BrokenInvariants()) {
    absl::StrAppend(&names, names.empty() ? "" : " ", broken.name);
  }
  return names;
}

std::string MailStory::Remains() {
  std::string remains;
  const auto expect = [&](std::string_view what, int64_t is, int64_t was) {
    if (is != was) absl::StrAppend(&remains, std::string(what), " ", is, ", not ", was, "; ");
  };
  const MailStats& stats = relay_->stats();
  expect("queued", stats.queued, 0);
  expect("queued bytes", stats.queued_bytes, 0);
  expect("dropping", MailTestPeer::dropping(*relay_), 0);
  expect("wired", relay_->residency().stats().wired_pages, 0);
  expect("files", MailTestPeer::files(*relay_), files_);
  expect("peers", MailTestPeer::peer_files(*relay_),
         static_cast<int64_t>(MailTestPeer::connections(*relay_)));
  for (size_t i = 0; i < MailTestPeer::mails(*relay_); ++i) {
    if (MailTestPeer::body(*relay_, i).mapped()) absl::StrAppend(&remains, "body ", i, "; ");
  }
  expect("maps", static_cast<int64_t>(process_->space.entries().size()), 0);
  expect("swap", static_cast<int64_t>(vm().reserve().reserved()), static_cast<int64_t>(reserved_));
  expect("blocks", world_.vfs().mounts()[0]->space.free_blocks(), free_blocks_);
  for (int64_t i = 0; i < stats.arrived; ++i) {
    if (world_.vfs().Find(absl::StrCat("spool/", i)) != nullptr) {
      absl::StrAppend(&remains, "spool/", i, "; ");
    }
  }
  return remains;
}

}  // namespace vmsim::net
