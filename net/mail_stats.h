// net/mail_stats.h: what a mail relay counts.
#ifndef VMSIM_NET_MAIL_STATS_H_
#define VMSIM_NET_MAIL_STATS_H_

#include <cstdint>
#include <vector>

#include "sim/counters.h"
#include "sim/histogram.h"

namespace vmsim::net {

struct MailStats {
  int64_t arrived = 0;
  int64_t refused = 0;
  int64_t received = 0;
  int64_t received_bytes = 0;
  int64_t deferred = 0;
  int64_t delivered = 0;
  int64_t delivered_bytes = 0;
  int64_t failed = 0;
  int64_t swapped_out = 0;
  int64_t queued = 0;
  int64_t queued_bytes = 0;
  int64_t turns = 0;
  int64_t events = 0;
  int64_t stall_ns = 0;
  int64_t busy_ns = 0;

  sim::Histogram
      delivery_ns;  // From the arrival, or from when it was due again, to the last byte in
                    // the remote's socket.
  std::vector<sim::Histogram> remote_ns;  // The same by remote.
  sim::Histogram turn_ns;  // From the return of one wait to the beginning of the next.
};

struct MailCounter {
  sim::CounterInfo info;
  int64_t MailStats::*field;
};

inline constexpr MailCounter kMailCounters[] = {
    {{"mail.arrived", "messages", "Clients that connected with a message."}, &MailStats::arrived},
    {{"mail.refused", "messages", "Messages refused: no descriptor, or no room for a body."},
     &MailStats::refused},
    {{"mail.received", "messages", "Messages taken in whole."}, &MailStats::received},
    {{"mail.received_bytes", "bytes", "Bytes of bodies received."}, &MailStats::received_bytes},
    {{"mail.deferred", "messages", "Deliveries put off by a remote."}, &MailStats::deferred},
    {{"mail.delivered", "messages", "Messages delivered."}, &MailStats::delivered},
    {{"mail.delivered_bytes", "bytes", "Bytes of bodies sent."}, &MailStats::delivered_bytes},
    {{"mail.failed", "messages", "Messages whose body could not be read or kept."},
     &MailStats::failed},
    {{"mail.swapped_out", "messages", "Bodies that limits had written and dropped from memory."},
     &MailStats::swapped_out},
    {{"mail.queued", "messages",
      "Messages that the relay has, delivered ones and others that ended left out.",
      sim::CounterKind::kLevel},
     &MailStats::queued},
    {{"mail.queued_bytes", "bytes", "Bytes of the bodies that the relay has.",
      sim::CounterKind::kLevel},
     &MailStats::queued_bytes},
    {{"mail.turns", "turns", "Turns of the event loop."}, &MailStats::turns},
    {{"mail.events", "events", "Events that epoll gave the relay."}, &MailStats::events},
    {{"mail.stall_ns", "ns", "Time in which the loop stood still, neither at work nor waiting."},
     &MailStats::stall_ns},
    {{"mail.busy_ns", "ns", "Time in which the loop was at work."}, &MailStats::busy_ns},
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_MAIL_STATS_H_
