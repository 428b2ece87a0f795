// The relay's sending side: queues, questions, pieces.
#include <algorithm>
#include <utility>

#include "net/mail_relay.h"
#include "sim/check.h"

namespace vmsim::net {

// Behind all that wait for its remote.
sim::Task<void> MailRelay::Enqueue(MailId id) {
  Mail& mail = *mails_[id];
  mail.stage = Stage::kWaiting;
  remotes_[static_cast<size_t>(mail.envelope.remote)].waiting.push_back(id);
  to_serve_.push_back(mail.envelope.remote);
  co_await CountIn(id);
}

sim::Task<void> MailRelay::ServeRemotes() {
  while (!to_serve_.empty() && !p_.process.killed()) {
    const int remote = to_serve_.front();
    to_serve_.pop_front();
    co_await ServeRemote(remote);
  }
}

sim::Task<void> MailRelay::ServeRemote(int index) {
  while (true) {
    const Remote& remote = remotes_[static_cast<size_t>(index)];
    if (remote.idle.empty() || remote.waiting.empty()) co_return;
    co_await p_.engine.Consume(p_.vm.config().costs.syscall_ns);
    const MailId id = remotes_[static_cast<size_t>(index)].waiting.front();
    remotes_[static_cast<size_t>(index)].waiting.pop_front();
    Mail& mail = *mails_[id];
    CountOut(mail);
    if (std::exchange(mail.envelope.deferred, false)) {
      co_await Defer(id);
      continue;
    }
    mail.stage = Stage::kAsking;
    mail.connection = remotes_[static_cast<size_t>(index)].idle.back();
    remotes_[static_cast<size_t>(index)].idle.pop_back();
    outbound_[static_cast<size_t>(mail.connection)].mail = id;
    co_await Ask(id);
  }
}

// Also after each pull.
sim::Task<void> MailRelay::Ask(MailId id) {
  Mail& mail = *mails_[id];
  if (mail.stage != Stage::kAsking) co_return;
  if (!mail.message) {
    mail.message = residency_->NewMessage(p_.process, {&mail.body.range, 1}, &mail.error);
    if (mail.error != 0) {
      co_await Finish(id, false);
      co_return;
    }
  }
  const Verdict verdict = co_await residency_->Check(*mail.message);
  switch (verdict.what) {
    case Verdict::What::kSend:
      StartSending(mail);
      break;
    case Verdict::What::kQueued:
      Await(mail);
      break;
    case Verdict::What::kFailed:
    case Verdict::What::kGone:
      mail.error = verdict.error;
      co_await Finish(id, false);
      break;
  }
}

// One-shot: armed once for each pull.
void MailRelay::Await(Mail& mail) {
  const FileIdentifier id{mail.message.get(), 0};
  const uint64_t data = DataOf(Source::kMessage, mail.id);
  const int error = std::exchange(mail.watched, true)
                        ? poll_->UpdateEntry(id, kOneShot, sim::kEventIn, data)
                        : poll_->AddEntry(id, kOneShot, sim::kEventIn, data);
  CHECK_EQ(error, 0, "epoll");
}

// ---- 451: not now.

sim::Task<void> MailRelay::Defer(MailId id) {
  Mail& mail = *mails_[id];
  ++stats_.deferred;
  mail.stage = Stage::kDeferred;
  const sim::SimDuration wait = config_.remotes[static_cast<size_t>(mail.envelope.remote)].defer_ns;
  mail.due = p_.engine.now() + wait;
  const auto it = deferred_.emplace(mail.due, mail.id);
  if (it == deferred_.begin()) timer_->Set({.value_ns = it->first}, Timer::From::kStart);
  co_await CountIn(id);
}

sim::Task<void> MailRelay::EndDeferrals() {
  timer_->TryTake();
  while (!deferred_.empty() && deferred_.begin()->first <= p_.engine.now()) {
    const MailId id = deferred_.begin()->second;
    deferred_.erase(deferred_.begin());
    CountOut(*mails_[id]);
    co_await Enqueue(id);
  }
  if (!deferred_.empty()) {
    timer_->Set({.value_ns = deferred_.begin()->first}, Timer::From::kStart);
  }
}

// ---- Sending.

void MailRelay::StartSending(Mail& mail) {
  mail.stage = Stage::kSending;
  mail.sent = 0;
  const Outbound& out = outbound_[static_cast<size_t>(mail.connection)];
  const int error =
      poll_->UpdateEntry({out.socket.get(), 0}, kLevelTriggered, sim::kEventOut,
                         DataOf(Source::kOutbound, static_cast<uint32_t>(mail.connection)));
  CHECK_EQ(error, 0, "epoll");
}

// One piece a turn: what the socket has room for.
sim::Task<void> MailRelay::Send(int connection) {
  Outbound& out = outbound_[static_cast<size_t>(connection)];
  if (out.mail == kNoMail) co_return;
  const MailId id = out.mail;
  Mail& mail = *mails_[id];
  if (mail.stage != Stage::kSending) co_return;
  const MailRemote& remote = config_.remotes[static_cast<size_t>(out.remote)];
  const int64_t room = remote.sockets.send_buffer - out.socket->unsent();
  const int64_t bytes = std::min({room, mail.envelope.bytes - mail.sent, kPieceBytes});
  if (bytes <= 0) co_return;
  const SendTouch touch = co_await residency_->TouchBody(*mail.message, mail.sent, bytes);
  if (touch.error != 0) {
    mail.error = touch.error;
    co_await Finish(id, false);
    co_return;
  }
  const vm::Costs& costs = p_.vm.config().costs;
  co_await p_.engine.Consume(costs.syscall_ns + touch.pages * costs.page_copy_ns);
  const IoResult wrote =
      outbound_[static_cast<size_t>(connection)].socket->TryWrite(bytes, IoMode::kNonBlocking);
  if (wrote.error == kEagain) co_return;
  CHECK_EQ(wrote.error, 0, "a remote that hangs up");
  mail.sent += wrote.bytes;
  stats_.delivered_bytes += wrote.bytes;
  if (mail.sent == mail.envelope.bytes) co_await Finish(id, true);
}

// ---- The end of a message.

void MailRelay::ReleaseConnection(Mail& mail) {
  Outbound& out = outbound_[static_cast<size_t>(mail.connection)];
  const int error =
      poll_->UpdateEntry({out.socket.get(), 0}, kLevelTriggered, 0,
                         DataOf(Source::kOutbound, static_cast<uint32_t>(mail.connection)));
  CHECK_EQ(error, 0, "epoll");
  out.mail = kNoMail;
  remotes_[static_cast<size_t>(out.remote)].idle.push_back(mail.connection);
  mail.connection = -1;
}

// What has been sent when a body turns out to be gone ends with the connection's next message: a
// remote takes so many bytes, whoever they are of.
sim::Task<void> MailRelay::Finish(MailId id, bool ok) {
  Mail& mail = *mails_[id];
  to_serve_.push_back(mail.envelope.remote);
  if (ok) {
    ++stats_.delivered;
    const sim::SimDuration took = p_.engine.now() - mail.due;
    stats_.delivery_ns.Record(took);
    stats_.remote_ns[static_cast<size_t>(mail.envelope.remote)].Record(took);
  } else {
    ++stats_.failed;
  }
  ++finished_;
  mail.counted = false;
  --stats_.queued;
  stats_.queued_bytes -= mail.envelope.bytes;
  if (std::exchange(mail.resident, false)) --resident_;
  if (mail.message) {
    residency_->Done(*mail.message, ok);
    residency_->Delete(*mail.message);
    mail.message.reset();
  }
  if (mail.connection >= 0) ReleaseConnection(mail);
  co_await DropMail(id);
}

sim::Task<void> MailRelay::DropMail(MailId id) {
  Mail& mail = *mails_[id];
  mail.stage = Stage::kDropping;
  ++dropping_;
  if (!mail.swapping) co_await unlink_.Submit(mail);
}

}  // namespace vmsim::net
