#include "net/mail_relay.h"

#include "sim/check.h"

namespace vmsim::net {

MailRelay::MailRelay(const Parts& parts, const MailConfig& config, uint64_t seed)
    : p_(parts),
      config_(config),
      files_(parts.engine),
      peers_(parts.engine),
      hooks_(parts.engine),
      residency_(std::make_unique<Residency>(parts.engine, parts.trace, parts.vm, files_, hooks_,
                                             config_.residency)),
      bodies_(parts.vm, parts.process, parts.vfs, parts.spool),
      store_(parts.engine, *this, config_.store),
      unlink_(parts.engine, *this, config_.unlink),
      source_(parts.engine, files_, peers_, config_, seed),
      poll_(EventPoll::Create(files_)),
      stored_event_(EventFd::Create(files_, 0)),
      timer_(Timer::Create(files_)) {
  RegisterHook();
  remotes_.resize(config_.remotes.size());
  stats_.remote_ns.resize(config_.remotes.size());
  for (size_t i = 0; i < remotes_.size(); ++i) {
    const LinkConfig& link = config_.remotes[i].link;
    remotes_[i].out = std::make_unique<Link>(p_.engine, link);
    remotes_[i].back = std::make_unique<Link>(p_.engine, BackOf(link));
    for (int c = 0; c < config_.remotes[i].connections; ++c) Connect(static_cast<int>(i));
  }
  Watch({source_.listener().get(), 0}, sim::kEventIn, DataOf(Source::kListener, 0));
  Watch({stored_event_.get(), 0}, sim::kEventIn, DataOf(Source::kStored, 0));
  Watch({timer_.get(), 0}, sim::kEventIn, DataOf(Source::kTimer, 0));
}

MailRelay::~MailRelay() {
  // Messages may outlive the residency, but not their host.
  for (const auto& mail : mails_) mail->message.reset();
}

void MailRelay::RegisterHook() {
  if (config_.mode == PullMode::kOff) hooks_.RegisterFirst(NeverPull, nullptr);
  if (config_.mode == PullMode::kAlways) hooks_.RegisterFirst(PullOnce, nullptr);
}

sim::Task<int> MailRelay::NeverPull(void*, Message&, int, int* result) {
  *result = kInCore;
  co_return kIoDone;
}

// The pull itself is the default one.
sim::Task<int> MailRelay::PullOnce(void*, Message& message, int pull, int* result) {
  if (pull == 1) co_return kIoCont;
  *result = message.pulls() == 0 ? kNotInCore : kInCore;
  co_return kIoDone;
}

void MailRelay::Connect(int remote) {
  const MailRemote& config = config_.remotes[static_cast<size_t>(remote)];
  Remote& state = remotes_[static_cast<size_t>(remote)];
  const SocketPair pair = StreamSocket::CreatePair({files_, config.sockets, *state.out},
                                                   {peers_, config.sockets, *state.back});
  CHECK(static_cast<bool>(pair.a), "more connections than files");
  const auto index = static_cast<uint32_t>(outbound_.size());
  Outbound out{remote, pair.a, nullptr, kNoMail};
  out.sink = std::make_unique<Sink>(p_.engine, pair.b,
                                    SinkConfig{.bytes_per_second = config.read_bytes_per_second});
  Watch({out.socket.get(), 0}, 0, DataOf(Source::kOutbound, index));
  outbound_.push_back(std::move(out));
  state.idle.insert(state.idle.begin(), static_cast<int>(index));
}

void MailRelay::Watch(const FileIdentifier& id, EventMask mask, uint64_t data) {
  const int error = poll_->AddEntry(id, kLevelTriggered, mask, data);
  CHECK_EQ(error, 0, "epoll");
}

MailRelay::Mail& MailRelay::NewMail() {
  if (free_.empty()) {
    free_.push_back(static_cast<MailId>(mails_.size()));
    mails_.push_back(std::make_unique<Mail>());
    mails_.back()->id = free_.back();
  }
  Mail& mail = *mails_[free_.back()];
  free_.pop_back();
  return mail;
}

// ---- The event loop.

bool MailRelay::over() const {
  return p_.process.killed() || (finished_ == config_.messages && dropping_ == 0);
}

sim::Task<void> MailRelay::Run() {
  while (!over()) {
    std::vector<EpollEvent> events;
    const int error = co_await poll_->Wait(kEventsPerWait, sim::kNever, &events);
    if (error != 0) continue;  // EINTR: perhaps it has been killed.
    const sim::SimTime since = p_.engine.now();
    const sim::SimDuration cpu = p_.engine.current()->cpu_time();
    co_await Turn(std::move(events));
    NoteTurn(since, cpu);
  }
}

void MailRelay::NoteTurn(sim::SimTime since, sim::SimDuration cpu_before) {
  const sim::SimDuration took = p_.engine.now() - since;
  const sim::SimDuration busy = p_.engine.current()->cpu_time() - cpu_before;
  ++stats_.turns;
  stats_.busy_ns += busy;
  stats_.stall_ns += took - busy;
  stats_.turn_ns.Record(took);
}

sim::Task<void> MailRelay::Turn(std::vector<EpollEvent> events) {
  co_await p_.engine.Consume(p_.vm.config().costs.syscall_ns);
  for (const EpollEvent& event : events) {
    if (p_.process.killed()) co_return;
    ++stats_.events;
    co_await Handle(event);
    co_await ServeRemotes();
  }
}

sim::Task<void> MailRelay::Handle(EpollEvent event) {
  const auto index = static_cast<uint32_t>(event.data);
  switch (static_cast<Source>(event.data >> 32)) {
    case Source::kListener:
      co_await AcceptAll();
      break;
    case Source::kClient:
      co_await Receive(index);
      break;
    case Source::kOutbound:
      co_await Send(static_cast<int>(index));
      break;
    case Source::kMessage:
      co_await Ask(index);
      break;
    case Source::kStored:
      co_await TakeStored();
      break;
    case Source::kTimer:
      co_await EndDeferrals();
      break;
  }
}

// ---- Helpers.

// The Unlink pool has what is to be dropped, the SwapOut pool what is to be stored or swapped out.
sim::Task<void> MailRelay::Run(PoolJob& job) {
  Mail& mail = static_cast<Mail&>(job);
  if (mail.swapping) {
    co_await bodies_.SwapOut(mail.body);
    co_return;
  }
  if (mail.stage == Stage::kDropping) {
    co_await bodies_.Drop(&mail.body);
    co_return;
  }
  const int error = co_await bodies_.Sync(mail.body);
  mail.error = error;
}

void MailRelay::OnFinished(PoolJob& job) {
  Mail& mail = static_cast<Mail&>(job);
  if (mail.swapping) {
    mail.swapping = false;
    if (mail.stage != Stage::kDropping) return;
    to_drop_.push_back(mail.id);
  } else if (mail.stage == Stage::kDropping) {
    const MailId id = mail.id;
    mail = Mail();
    mail.id = id;
    free_.push_back(id);
    --dropping_;
  } else {
    stored_.push_back(mail.id);
  }
  // Also when the last body is gone: the loop has to see that it is over.
  CHECK_EQ(stored_event_->TryAdd(1), 0);
}

void MailRelay::RegisterCounters(sim::CounterRegistry& registry) const {
  for (const MailCounter& counter : kMailCounters) {
    registry.Register(counter.info, &(stats_.*counter.field));
  }
  residency_->RegisterCounters(registry);
}

}  // namespace vmsim::net
