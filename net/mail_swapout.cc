// Which bodies stay in memory, by count.
#include "net/mail_relay.h"
#include "sim/check.h"

namespace vmsim::net {

// The count of its remote that the message belongs to where it is, or null.
int64_t* MailRelay::ResidentCount(const Mail& mail) {
  Remote& remote = remotes_[static_cast<size_t>(mail.envelope.remote)];
  if (mail.stage == Stage::kWaiting) return &remote.resident_waiting;
  if (mail.stage == Stage::kDeferred) return &remote.resident_deferred;
  return nullptr;
}

// It has come to a queue or among those put off. The one that is too many goes.
sim::Task<void> MailRelay::CountIn(MailId id) {
  Mail& mail = *mails_[id];
  if (!mail.resident) co_return;
  const int64_t count = ++*ResidentCount(mail);
  const int64_t limit = mail.stage == Stage::kWaiting ? config_.max_resident_active_queue
                                                      : config_.max_resident_transfails;
  if (limit >= 0 && count > limit) co_await SwapOut(id);
}

// Requires: it is still where CountIn found it.
void MailRelay::CountOut(Mail& mail) {
  if (mail.resident) --*ResidentCount(mail);
}

// It has been received.
sim::Task<void> MailRelay::BecomeResident(MailId id) {
  mails_[id]->resident = true;
  ++resident_;
  if (config_.max_resident_messages > 0 && resident_ > config_.max_resident_messages) {
    co_await SwapOut(id);
  }
}

sim::Task<void> MailRelay::SwapOut(MailId id) {
  Mail& mail = *mails_[id];
  if (int64_t* const count = ResidentCount(mail)) --*count;
  mail.resident = false;
  --resident_;
  mail.swapping = true;
  ++stats_.swapped_out;
  co_await store_.Submit(mail);
}

}  // namespace vmsim::net
