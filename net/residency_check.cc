// The invariants of message residency, one small check each.
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "net/residency.h"
#include "sim/check.h"

namespace vmsim::net {

// Each check returns "", or what is wrong.
class ResidencyInvariants {
 public:
  struct Check {
    const char* name;
    std::string (*find)(const Residency&);
  };
  static const Check kAll[];

 private:
  using State = MessageState;
  using Place = PoolJob::Place;

  // Calls visit(message) for each message until it returns something.
  template <typename Visit>
  static std::string First(const Residency& r, Visit visit) {
    for (const Message* message = r.first_; message != nullptr; message = message->next_) {
      const std::string wrong = visit(*message);
      if (!wrong.empty()) {
        return absl::StrCat("message ", message->number(), " in ",
                            std::string(MessageStateName(message->state_)), ": ", wrong);
      }
    }
    return "";
  }

  static bool Asked(State state) { return state == State::kCheck || state == State::kRecheck; }

  static std::string OneState(const Residency& r) {
    std::array<int64_t, kMessageStates> counts{};
    std::string wrong = First(r, [&](const Message& m) -> std::string {
      ++counts[static_cast<size_t>(m.state_)];
      const Place place = m.job_.place;
      if ((place == Place::kQueued) != (m.state_ == State::kQueued)) return "and the queue differs";
      if ((place == Place::kRunning) != (m.state_ == State::kPulling))
        return "and a worker differs";
      if (place == Place::kBlocked && !m.checking_) return "in line, and nobody asks";
      if (m.checking_ && !Asked(m.state_)) return "somebody asks";
      if (m.state_ == State::kCheck && !m.checking_) return "nobody asks";
      return "";
    });
    for (int i = 0; i < kMessageStates && wrong.empty(); ++i) {
      const auto state = static_cast<State>(i);
      if (counts[static_cast<size_t>(i)] == r.count(state)) continue;
      wrong = absl::StrCat(counts[static_cast<size_t>(i)], " messages in ",
                           std::string(MessageStateName(state)), ", counted ", r.count(state));
    }
    return wrong;
  }

  static std::string OneWorker(const Residency& r) {
    for (int i = 0; i < r.pool_.workers(); ++i) {
      const PoolJob* job = r.pool_.job(i);
      if (job == nullptr) continue;
      const Message& m = *static_cast<const Message::Job*>(job)->message;
      if (m.state_ != State::kPulling || m.worker() != i) {
        return absl::StrCat("worker ", i, " has message ", m.number(), ", whose worker is ",
                            m.worker());
      }
    }
    return First(r, [&](const Message& m) -> std::string {
      const int worker = m.worker();
      if (m.state_ != State::kPulling) return worker == kNoWorker ? "" : "it has a worker";
      if (worker == kInlineWorker) return "";
      if (worker == kNoWorker) return "it has no worker";
      return r.pool_.job(worker) == &m.job_ ? "" : absl::StrCat("worker ", worker, " has another");
    });
  }

  static std::string ThreadOfCall(const Residency& r) {
    if (r.wrong_threads_ == 0) return "";
    return absl::StrCat(r.wrong_threads_, " calls with pull 1 on no worker, or pull 0 on one");
  }

  static std::string HookOrder(const Residency& r) {
    const std::string wrong = r.hooks_.BrokenOrder();
    if (!wrong.empty() || r.defaults_ == r.hooks_.stats().exhausted) return wrong;
    return absl::StrCat(r.hooks_.stats().exhausted, " calls were left to the default, which ran ",
                        r.defaults_, " times");
  }

  static std::string PoolBusy(const Residency& r) { return r.pool_.BrokenBusy(); }
  static std::string PoolIdle(const Residency& r) { return r.pool_.BrokenIdle(); }
  static std::string PoolOrder(const Residency& r) { return r.pool_.BrokenOrder(); }

  static std::string NoLostWakeup(const Residency& r) {
    return First(r, [&](const Message& m) -> std::string {
      if (m.state_ == State::kRecheck && !m.checking_ && !m.pulled_) return "nobody will ask";
      if (m.pulled_ && m.state_ != State::kRecheck) return "it is readable";
      if (m.worker() >= 0 && r.pool_.thread(m.worker())->done()) return "its worker has ended";
      const bool in_hand = m.job_.place != Place::kOutside;
      if (in_hand && !m.hold_) return "nothing keeps it while it is in the pool";
      return "";
    });
  }

  static std::string PullBound(const Residency& r) {
    return First(r, [&](const Message& m) -> std::string {
      if (m.pulls_ <= r.config_.max_pulls) return "";
      return absl::StrCat(m.pulls_, " pulls, max_pulls is ", r.config_.max_pulls);
    });
  }

  static std::string PullsAddUp(const Residency& r) {
    const ResidencyStats& s = r.stats_;
    const int64_t ended = s.pulls_completed + s.pulls_failed + s.pulls_cancelled;
    const int64_t now = r.count(State::kQueued) + r.count(State::kPulling);
    if (s.pulls_queued == ended + now) return "";
    return absl::StrCat(s.pulls_queued, " pulls were queued, ", ended, " ended, there are ", now);
  }

  static std::string AnswersAddUp(const Residency& r) {
    const ResidencyStats& s = r.stats_;
    const int64_t touched = s.page_hits + s.transit_waits + s.pageins + s.zero_fills;
    if (s.in_core + s.not_in_core <= s.checks && s.rechecks_failed <= s.rechecks &&
        s.rechecks <= s.checks && touched <= s.pages_touched) {
      return "";
    }
    return absl::StrCat(s.checks, " checks, ", s.in_core, " in core, ", s.not_in_core, " not, ",
                        s.rechecks, " again, ", s.rechecks_failed, " in vain; ", s.pages_touched,
                        " pages touched, ", touched, " known how");
  }

  static std::string TestChangesNothing(const Residency& r) {
    if (r.test_.changes() == 0) return "";
    return absl::StrCat(r.test_.changes(), " calls of mincore changed the pages");
  }

  // Of the workers in a fault on one page at most one reads it; the others wait for that.
  static std::string OneReadAPage(const Residency& r) {
    for (int i = 0; i < r.pool_.workers(); ++i) {
      if (!Reads(r, i)) continue;
      for (int j = 0; j < i; ++j) {
        if (!Reads(r, j)) continue;
        const FoundPage& a = PageOf(r, i);
        const FoundPage& b = PageOf(r, j);
        if (a.object != b.object || a.pindex != b.pindex) continue;
        return absl::StrCat("workers ", j, " and ", i, " both read page ", a.pindex, " of object ",
                            a.object);
      }
    }
    return "";
  }
  static const FoundPage& PageOf(const Residency& r, int worker) {
    return static_cast<const Message::Job*>(r.pool_.job(worker))->message->reading_;
  }
  static bool Reads(const Residency& r, int worker) {
    if (r.pool_.job(worker) == nullptr || PageOf(r, worker).object == vm::kNoObject) return false;
    const std::string_view sleeps = r.pool_.thread(worker)->wait_message();
    return sleeps == "swread" || sleeps == "vnread" || sleeps == "vnsrd";
  }

  static std::string SentInCore(const Residency& r) {
    if (r.config_.pull_when == PullWhen::kLiteral) return "";
    return First(r, [&](const Message& m) -> std::string {
      if (m.state_ != State::kSending || m.last_result_ == kInCore) return "";
      if (m.pulls_ >= r.config_.max_pulls) return "";
      return absl::StrCat("its last result was ", m.last_result_, ", after ", m.pulls_, " pulls");
    });
  }

  static std::string WiredWhileSent(const Residency& r) {
    int64_t wired = 0;
    std::string wrong = First(r, [&](const Message& m) -> std::string {
      wired += static_cast<int64_t>(m.wired_.size());
      if (!m.wired_.empty() && m.state_ != State::kSending) return "it has wired pages";
      for (const vm::FrameIndex frame : m.wired_) {
        if (!r.vm_.pages()[frame].wired()) return absl::StrCat("page ", frame, " is not wired");
      }
      return "";
    });
    if (wrong.empty() && wired != r.stats_.wired_pages) {
      wrong = absl::StrCat(wired, " pages wired, counted ", r.stats_.wired_pages);
    }
    if (wrong.empty() && wired > r.vm_.wiring().max_user_wired()) {
      wrong = absl::StrCat(wired, " pages wired, of ", r.vm_.wiring().max_user_wired());
    }
    return wrong;
  }
};

const ResidencyInvariants::Check ResidencyInvariants::kAll[] = {
    {"one-state", OneState},
    {"one-worker", OneWorker},
    {"thread-of-call", ThreadOfCall},
    {"hook-order", HookOrder},
    {"pool-busy", PoolBusy},
    {"pool-idle", PoolIdle},
    {"pool-order", PoolOrder},
    {"no-lost-wakeup", NoLostWakeup},
    {"pull-bound", PullBound},
    {"pulls-add-up", PullsAddUp},
    {"answers-add-up", AnswersAddUp},
    {"test-changes-nothing", TestChangesNothing},
    {"one-read-a-page", OneReadAPage},
    {"sent-in-core", SentInCore},
    {"wired-while-sent", WiredWhileSent},
};

std::vector<Residency::Broken> Residency::BrokenInvariants() const {
  std::vector<Broken> broken;
  for (const ResidencyInvariants::Check& check : ResidencyInvariants::kAll) {
    std::string detail = check.find(*this);
    if (!detail.empty()) broken.push_back({check.name, std::move(detail)});
  }
  return broken;
}

void Residency::CheckInvariants() const {
  const std::vector<Broken> broken = BrokenInvariants();
  CHECK(broken.empty(), "residency: ", broken.front().name, ": ", broken.front().detail);
}

}  // namespace vmsim::net
