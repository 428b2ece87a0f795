// The relay's receiving side: accept, read into the body, have it stored.
#include <algorithm>

#include "net/mail_relay.h"
#include "sim/check.h"

namespace vmsim::net {

sim::Task<void> MailRelay::AcceptAll() {
  source_.listener()->TryTake();
  NoteLost();
  while (source_.HasWaiting() && !p_.process.killed()) {
    MailEnvelope envelope = source_.Accept();
    ++stats_.arrived;
    Mail& mail = NewMail();
    const MailId id = mail.id;
    mail.stage = Stage::kReceiving;
    mail.envelope = std::move(envelope);
    mail.due = mail.envelope.arrived;
    co_await p_.engine.Consume(p_.vm.config().costs.syscall_ns);
    const int error = co_await bodies_.Make(config_.place, mail.envelope.bytes, &mail.body);
    if (error != 0) {
      Refuse(id);
      continue;
    }
    mail.counted = true;
    ++stats_.queued;
    stats_.queued_bytes += mail.envelope.bytes;
    Watch({mail.envelope.socket.get(), 0}, sim::kEventIn, DataOf(Source::kClient, id));
  }
}

// Clients that there was no descriptor for.
void MailRelay::NoteLost() {
  const int64_t more = source_.lost() - lost_;
  lost_ += more;
  stats_.arrived += more;
  stats_.refused += more;
  finished_ += more;
}

// 452: no body was made.
void MailRelay::Refuse(MailId id) {
  Mail& mail = *mails_[id];
  ++stats_.refused;
  ++finished_;
  mail = Mail();
  mail.id = id;
  free_.push_back(id);
}

void MailRelay::CloseClient(Mail& mail) {
  // Closing removes the epoll entry, too.
  mail.envelope.socket.reset();
}

// One piece a turn, so that everybody gets theirs.
sim::Task<void> MailRelay::Receive(MailId id) {
  Mail& mail = *mails_[id];
  if (mail.stage != Stage::kReceiving) co_return;
  const int64_t left = mail.envelope.bytes - mail.received;
  const IoResult got =
      mail.envelope.socket->TryRead(std::min(left, kPieceBytes), IoMode::kNonBlocking);
  if (got.error == kEagain) co_return;
  co_await p_.engine.Consume(p_.vm.config().costs.syscall_ns);
  if (got.error != 0 || got.bytes == 0) {
    mail.error = kEconnreset;
    CloseClient(mail);
    co_await Finish(id, false);
    co_return;
  }
  const int error = co_await bodies_.Store(mail.body, mail.received, got.bytes);
  if (error != 0) {
    mail.error = error;
    CloseClient(mail);
    co_await Finish(id, false);
    co_return;
  }
  mail.received += got.bytes;
  stats_.received_bytes += got.bytes;
  if (mail.received == mail.envelope.bytes) co_await Received(id);
}

sim::Task<void> MailRelay::Received(MailId id) {
  Mail& mail = *mails_[id];
  CloseClient(mail);
  if (config_.durable && config_.place == BodyPlace::kSpool) {
    mail.stage = Stage::kStoring;
    co_await store_.Submit(mail);
    co_return;
  }
  ++stats_.received;
  co_await BecomeResident(id);
  co_await Enqueue(id);
}

sim::Task<void> MailRelay::TakeStored() {
  stored_event_->TryTake();
  while (!to_drop_.empty() && !p_.process.killed()) {
    const MailId id = to_drop_.front();
    to_drop_.pop_front();
    co_await unlink_.Submit(*mails_[id]);
  }
  while (!stored_.empty() && !p_.process.killed()) {
    const MailId id = stored_.front();
    stored_.pop_front();
    if (mails_[id]->error != 0) {
      co_await Finish(id, false);
      continue;
    }
    ++stats_.received;
    co_await BecomeResident(id);
    co_await Enqueue(id);
  }
}

}  // namespace vmsim::net
