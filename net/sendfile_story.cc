#include "net/sendfile_story.h"

#include <utility>

#include "net/blocking.h"
#include "sim/check.h"
#include "vfs/page_grab.h"
#include "vfs/page_release.h"

namespace vmsim::net {

std::string SendfileStory::Call::Text() const {
  if (!done) return "...";
  const std::string sent = std::to_string(result.sent);
  if (result.error == 0) return sent;
  const std::string_view name = ErrnoName(result.error);
  return (name.empty() ? std::to_string(result.error) : std::string(name)) + " " + sent;
}

SendfileStory::SendfileStory(const Options& options) : world_(options.vfs), files_(engine()) {
  sendfile_ = std::make_unique<Sendfile>(world_.vfs(), stats_);
  for (SocketPair& pair : sockets_) {
    if (options.local) {
      pair = StreamSocket::CreatePair(files_, options.sender);
      continue;
    }
    for (int i = 0; i < 2; ++i) links_.push_back(std::make_unique<Link>(engine(), options.link));
    const StreamSocket::EndConfig a{files_, options.sender, *links_[links_.size() - 2]};
    const StreamSocket::EndConfig b{files_, options.receiver, *links_.back()};
    pair = StreamSocket::CreatePair(a, b);
  }
}

SendfileStory::~SendfileStory() {
  // Threads that end in the middle leave everything as it is.
  if (!Leftovers().empty()) world_.world().StopChecking();
  engine().DestroyThreads();
  for (SocketPair& pair : sockets_) pair = {};
  links_.clear();
}

sim::Task<void> SendfileStory::CallBody(SendfileRequest request, Call* call) {
  call->result = co_await sendfile_->Send(request);
  call->done = true;
  call->done_at = engine().now();
}

SendfileStory::Call* SendfileStory::Start(SendfileRequest request, int pair) {
  request.vnode = &file();
  request.socket = sockets_[pair].a.get();
  calls_.push_back(std::make_unique<Call>());
  Call* call = calls_.back().get();
  call->thread = world_.world().Start("sendfile", CallBody(request, call));
  return call;
}

std::string SendfileStory::Send(SendfileRequest request, int pair) {
  const Call* call = Start(request, pair);
  Run();
  return call->Text();
}

sim::Task<void> SendfileStory::DrainBody(Ref<StreamSocket> socket, int pair) {
  while (true) {
    const IoResult got = co_await Read(socket, 1 << 20);
    if (got.bytes == 0) co_return;
    received_[pair] += got.bytes;
  }
}

void SendfileStory::Drain(int pair) {
  world_.world().Start("drain", DrainBody(sockets_[pair].b, pair));
}

void SendfileStory::Run(sim::SimTime until) {
  while (engine().Step(until)) {
    sendfile_->CheckInvariants();
    bufs().CheckInvariants();
    if (watch_) watch_();
  }
  // With reads under way that no thread waits for, the machine is not at rest, and does not know.
  if (check_machine_ && sendfile_->rounds_reading() == 0) world_.world().CheckInvariants();
}

void SendfileStory::At(sim::SimTime when, std::function<void()> what) {
  events_.push_back(std::make_unique<std::function<void()>>(std::move(what)));
  engine().events().Schedule(
      when, sim::EventClass::kDevice,
      [](void* call, uint64_t) { (*static_cast<std::function<void()>*>(call))(); },
      events_.back().get(), 0);
}

sim::Task<void> SendfileStory::WarmBody(vm::Pindex pindex) {
  vm::Object& object = *file().object;
  co_await file().lock.Lock(engine(), vfs::LockType::kShared);
  std::vector<vm::FrameIndex> frames(1);
  const int got = co_await vfs::GrabPages(vm(), object, pindex, frames, /*no_wait=*/false);
  CHECK_EQ(got, 1);
  int behind = 0;
  int ahead = 0;
  if (vm().pages()[frames[0]].valid == 0) {
    object.PipAdd();
    // A page that cannot be read stays there, invalid.
    co_await world_.vfs().pager().VopGetPages(file(), frames, &behind, &ahead);
    object.PipWakeup();
  }
  vm().pages().Xunbusy(frames[0]);
  vfs::ReleasePage(vm(), frames[0], /*try_free=*/false);
  file().lock.Unlock(engine());
}

void SendfileStory::Warm(vm::Pindex first, int count) {
  for (vm::Pindex pindex = first; pindex < first + static_cast<vm::Pindex>(count); ++pindex) {
    world_.Do(WarmBody(pindex));
  }
}

std::string SendfileStory::Pages(vm::Pindex first, int count) {
  std::string text;
  for (vm::Pindex pindex = first; pindex < first + static_cast<vm::Pindex>(count); ++pindex) {
    const vm::FrameIndex frame = file().object->Lookup(pindex);
    if (frame == vm::kNoFrame) {
      text += '.';
      continue;
    }
    const vm::Page& page = vm().pages()[frame];
    const int state = page.valid == 0 ? 0 : page.fully_valid() ? 2 : 1;
    text += vm().pages().busied(frame) ? '*' : (page.wired() ? "_PV" : "-pv")[state];
  }
  return text;
}

std::string SendfileStory::Leftovers() {
  std::string text;
  for (vm::FrameIndex frame = 0; frame < vm().pages().frames(); ++frame) {
    if (vm().pages()[frame].wired()) text += "page " + std::to_string(frame) + " wired; ";
    if (vm().pages().busied(frame)) text += "page " + std::to_string(frame) + " busy; ";
  }
  if (bufs().stats().nsfbufsused != 0) {
    text += std::to_string(bufs().stats().nsfbufsused) + " sf_bufs; ";
  }
  if (sendfile_->mbufs() != 0) text += std::to_string(sendfile_->mbufs()) + " mbufs; ";
  if (sendfile_->rounds_reading() != 0) text += "reads; ";
  if (file().object->paging_in_progress != 0) text += "paging; ";
  if (file().lock.held()) text += "vnode locked; ";
  return text;
}

}  // namespace vmsim::net
