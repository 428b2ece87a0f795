// net/epoll_rules.h: whose epoll it is, and the rules in which the three differ.
//
//     linux        Linux fs/eventpoll.c: the default, and the one checked against a kernel
//     gvisor2019   gVisor pkg/sentry/kernel/epoll, December 2019; with three mistakes of that
//                  revision mended: Readiness masks, Release clears, a restore does not stop early
//     gvisor_vfs2  gVisor pkg/sentry/vfs/epoll.go
#ifndef VMSIM_NET_EPOLL_RULES_H_
#define VMSIM_NET_EPOLL_RULES_H_

#include <cstdint>
#include <string_view>

#include "sim/waiter.h"

namespace vmsim::net {

enum class EpollMode : uint8_t { kLinux, kGvisor2019, kGvisorVfs2 };

struct EpollRules {
  std::string_view name;

  // A file tells the entry that registered last first; else first come, first told.
  bool newest_first;
  // A notification for an entry that is queued already still tells the set's own watchers.
  bool renotifies;
  // A one-shot entry that has fired still hears its file: it is queued, tells the watchers once, and
  // is dropped when it is looked at.
  bool fired_hears;
  // An update leaves the file's queue and joins it again, at the tail.
  bool update_reregisters;
  // An update takes the entry off the ready list; it goes to the tail if it is ready still.
  bool update_requeues;
  // err and hup are asked for without saying so, by the set itself and not by the system call.
  bool adds_unasked;
  // Files that cannot be waited for are refused (EPERM).
  bool refuses_unpollable;
  // Exclusive entries, the limit on watches and that on wake-up paths.
  bool has_exclusive;
  bool limits_watches;
  // Stale entries are dropped also when the set is asked for other events than readable.
  bool tidies_unasked;
  // One sleeper is woken per notification, not all of them.
  bool wakes_one;
  // The number of events that a wait may ask for is checked (EINVAL).
  bool checks_max;
  // Reads and writes of the set's descriptor: ENOSYS, else EINVAL.
  bool reads_are_enosys;
  // The events that a caller of the system call can ask for; others are dropped.
  sim::EventMask known_events;

  // Links from set to set in a chain that ends below a new link, that link included; and in any
  // chain through it. More are ELOOP.
  int links_below;
  int links_in_all;
};

// Linux's EP_MAX_NESTS counts links above and below. gVisor counts below only; so that a
// notification cannot use up the host's stack, its chains end here.
inline constexpr int kMostLinks = 4;
inline constexpr int kMostGvisorLinks = 256;

inline constexpr sim::EventMask kEvents2019 =
    sim::kEventIn | sim::kEventPri | sim::kEventOut | sim::kEventErr | sim::kEventHUp;

inline constexpr EpollRules kEpollRules[] = {
    {.name = "linux",
     .newest_first = true,
     .renotifies = true,
     .fired_hears = false,
     .update_reregisters = false,
     .update_requeues = false,
     .adds_unasked = true,
     .refuses_unpollable = true,
     .has_exclusive = true,
     .limits_watches = true,
     .tidies_unasked = true,
     .wakes_one = true,
     .checks_max = true,
     .reads_are_enosys = false,
     .known_events = sim::kAllEvents,
     .links_below = kMostLinks,
     .links_in_all = kMostLinks},
    {.name = "gvisor2019",
     .newest_first = false,
     .renotifies = false,
     .fired_hears = false,
     .update_reregisters = true,
     .update_requeues = true,
     .adds_unasked = false,
     .refuses_unpollable = false,
     .has_exclusive = false,
     .limits_watches = false,
     .tidies_unasked = false,
     .wakes_one = false,
     .checks_max = false,
     .reads_are_enosys = true,
     .known_events = kEvents2019,
     .links_below = kMostLinks,
     .links_in_all = kMostGvisorLinks},
    {.name = "gvisor_vfs2",
     .newest_first = false,
     .renotifies = false,
     .fired_hears = true,
     .update_reregisters = true,
     .update_requeues = false,
     .adds_unasked = true,
     .refuses_unpollable = true,
     .has_exclusive = false,
     .limits_watches = false,
     .tidies_unasked = false,
     .wakes_one = false,
     .checks_max = true,
     .reads_are_enosys = false,
     .known_events = sim::kAllEvents,
     .links_below = kMostLinks + 1,
     .links_in_all = kMostGvisorLinks},
};

constexpr const EpollRules& RulesOf(EpollMode mode) {
  return kEpollRules[static_cast<size_t>(mode)];
}

}  // namespace vmsim::net

#endif  // VMSIM_NET_EPOLL_RULES_H_
