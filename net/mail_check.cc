// The invariants of a mail relay, one small check each.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "net/mail_relay.h"

namespace vmsim::net {

// Each check returns "", or what is wrong.
class MailInvariants {
 public:
  struct Check {
    const char* name;
    std::string (*find)(const MailRelay&);
  };
  static const Check kAll[];

 private:
  using Mail = MailRelay::Mail;
  using Stage = MailRelay::Stage;

  static int64_t Count(const MailRelay& r, Stage stage) {
    return std::count_if(r.mails_.begin(), r.mails_.end(),
                         [stage](const auto& mail) { return mail->stage == stage; });
  }

  // Every message that arrived is somewhere, or has ended.
  static std::string Conserved(const MailRelay& r) {
    const auto kept =
        static_cast<int64_t>(r.mails_.size()) - Count(r, Stage::kFree) - Count(r, Stage::kDropping);
    const int64_t ended = r.stats_.refused + r.stats_.delivered + r.stats_.failed;
    // One that has been accepted and has no body yet is here, but not queued.
    if (r.stats_.arrived == ended + kept && r.finished_ == ended && r.stats_.queued <= kept &&
        kept <= r.stats_.queued + 1) {
      return "";
    }
    return absl::StrCat(r.stats_.arrived, " arrived, ", ended, " ended, ", kept, " are kept, ",
                        r.stats_.queued, " counted");
  }

  static std::string Queued(const MailRelay& r) {
    int64_t messages = 0, bytes = 0;
    for (const auto& mail : r.mails_) {
      if (!mail->counted) continue;
      ++messages;
      bytes += mail->envelope.bytes;
    }
    if (messages == r.stats_.queued && bytes == r.stats_.queued_bytes) return "";
    return absl::StrCat(messages, " messages of ", bytes, " bytes, counted are ", r.stats_.queued,
                        " of ", r.stats_.queued_bytes);
  }

  // A connection is idle, once, or carries a message that knows it.
  static std::string Connections(const MailRelay& r) {
    std::vector<int> idle(r.outbound_.size());
    for (const auto& remote : r.remotes_) {
      for (const int connection : remote.idle) ++idle[static_cast<size_t>(connection)];
    }
    for (size_t i = 0; i < r.outbound_.size(); ++i) {
      const MailRelay::MailId id = r.outbound_[i].mail;
      const bool busy = id != MailRelay::kNoMail;
      if (idle[i] != (busy ? 0 : 1)) {
        return absl::StrCat("connection ", i, " is idle ", idle[i], " times, and ",
                            busy ? "carries" : "does not carry", " a message");
      }
      if (busy && r.mails_[id]->connection != static_cast<int>(i)) {
        return absl::StrCat("connection ", i, " carries message ", id, ", which has ",
                            r.mails_[id]->connection);
      }
    }
    return "";
  }

  static std::string HasConnection(const MailRelay& r) {
    for (const auto& mail : r.mails_) {
      const bool needs = mail->stage == Stage::kAsking || mail->stage == Stage::kSending;
      if (needs != (mail->connection >= 0)) {
        return absl::StrCat("message ", mail->id, " in stage ", static_cast<int>(mail->stage),
                            " has connection ", mail->connection);
      }
    }
    return "";
  }

  // Waiting messages stand once in their remote's queue, deferred ones once in the list.
  static std::string Queues(const MailRelay& r) {
    std::vector<int> found(r.mails_.size());
    for (size_t i = 0; i < r.remotes_.size(); ++i) {
      for (const MailRelay::MailId id : r.remotes_[i].waiting) {
        if (r.mails_[id]->stage != Stage::kWaiting ||
            r.mails_[id]->envelope.remote != static_cast<int>(i)) {
          return absl::StrCat("message ", id, " stands in the queue of remote ", i);
        }
        ++found[id];
      }
    }
    for (const auto& [when, id] : r.deferred_) {
      if (r.mails_[id]->stage != Stage::kDeferred) {
        return absl::StrCat("message ", id, " is deferred until ", when);
      }
      ++found[id];
    }
    for (const auto& mail : r.mails_) {
      const bool waits = mail->stage == Stage::kWaiting || mail->stage == Stage::kDeferred;
      if (found[mail->id] != (waits ? 1 : 0)) {
        return absl::StrCat("message ", mail->id, " is queued ", found[mail->id], " times");
      }
    }
    return "";
  }

  // Messages that count as in memory, in all and by remote.
  static std::string Resident(const MailRelay& r) {
    int64_t all = 0;
    std::vector<int64_t> waiting(r.remotes_.size()), deferred(r.remotes_.size());
    for (const auto& mail : r.mails_) {
      if (!mail->resident) continue;
      ++all;
      waiting[static_cast<size_t>(mail->envelope.remote)] += mail->stage == Stage::kWaiting;
      deferred[static_cast<size_t>(mail->envelope.remote)] += mail->stage == Stage::kDeferred;
    }
    if (all != r.resident_) return absl::StrCat(all, " are in memory, counted are ", r.resident_);
    for (size_t i = 0; i < r.remotes_.size(); ++i) {
      const MailRelay::Remote& remote = r.remotes_[i];
      if (waiting[i] == remote.resident_waiting && deferred[i] == remote.resident_deferred)
        continue;
      return absl::StrCat("remote ", i, ": ", waiting[i], " and ", deferred[i],
                          " are in memory, counted are ", remote.resident_waiting, " and ",
                          remote.resident_deferred);
    }
    return "";
  }

  static std::string Progress(const MailRelay& r) {
    for (const auto& mail : r.mails_) {
      if (mail->stage == Stage::kFree || mail->stage == Stage::kDropping) continue;
      const bool whole = mail->received == mail->envelope.bytes;
      if (mail->sent < 0 || mail->sent > mail->received || mail->received > mail->envelope.bytes ||
          (mail->stage != Stage::kReceiving && !whole)) {
        return absl::StrCat("message ", mail->id, " of ", mail->envelope.bytes,
                            " bytes: ", mail->received, " received, ", mail->sent, " sent");
      }
    }
    return "";
  }

  static std::string ResidencySound(const MailRelay& r) {
    const auto broken = r.residency_->BrokenInvariants();
    return broken.empty() ? "" : absl::StrCat(broken[0].name, ": ", broken[0].detail);
  }

  static std::string EpollSound(const MailRelay& r) {
    const auto broken = r.poll_->BrokenInvariants();
    return broken.empty() ? "" : std::string(broken[0]);
  }
};

const MailInvariants::Check MailInvariants::kAll[] = {
    {"mail-conserved", Conserved},
    {"mail-queued", Queued},
    {"mail-connection-has-one", Connections},
    {"mail-has-connection", HasConnection},
    {"mail-queued-once", Queues},
    {"mail-progress", Progress},
    {"mail-resident", Resident},
    {"mail-residency", ResidencySound},
    {"mail-epoll", EpollSound},
};

std::vector<MailRelay::Broken> MailRelay::BrokenInvariants() const {
  std::vector<Broken> broken;
  for (const MailInvariants::Check& check : MailInvariants::kAll) {
    std::string detail = check.find(*this);
    if (!detail.empty()) broken.push_back({check.name, std::move(detail)});
  }
  return broken;
}

}  // namespace vmsim::net
