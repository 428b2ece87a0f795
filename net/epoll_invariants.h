// net/epoll_invariants.h: what holds of an epoll set after every event, each under a name.
//
// EventPoll::CheckInvariants() tries them all. A check sees everything and changes nothing.
#ifndef VMSIM_NET_EPOLL_INVARIANTS_H_
#define VMSIM_NET_EPOLL_INVARIANTS_H_

#include <string_view>

#include "net/epoll.h"

namespace vmsim::net {

struct EpollChecks {
  // Structure.
  static bool EntryIsOnItsList(const EventPoll& set);
  static bool ListsHoldLiveEntries(const EventPoll& set);
  static bool EntryIsRegistered(const EventPoll& set);
  static bool FileKnowsItsWatchers(const EventPoll& set);
  // What is reported, and how often.
  static bool DisabledHaveFired(const EventPoll& set);
  static bool OneShotIsReportedOnce(const EventPoll& set);
  static bool EdgeIsReportedOncePerCause(const EventPoll& set);
  static bool NoWakeupIsLost(const EventPoll& set);
  static bool ReadyIsFirstComeFirstServed(const EventPoll& set);
  // The last read.
  static bool OutputHasNoRepeats(const EventPoll& set);
  static bool OutputIsWithinMask(const EventPoll& set);
  static bool DisabledAreNotInOutput(const EventPoll& set);
  static bool ReadinessAgreesWithRead(const EventPoll& set);
  // Sets that watch sets.
  static bool GraphHasNoCycle(const EventPoll& set);
  static bool ChainsAreShort(const EventPoll& set);

  // Whether the entry's file is ready for it, now.
  static bool IsReady(const EpollEntry& entry);
};

struct EpollInvariant {
  std::string_view name;
  bool (*holds)(const EventPoll& set);
};

inline constexpr EpollInvariant kEpollInvariants[] = {
    {"EntryIsOnItsList", EpollChecks::EntryIsOnItsList},
    {"ListsHoldLiveEntries", EpollChecks::ListsHoldLiveEntries},
    {"EntryIsRegistered", EpollChecks::EntryIsRegistered},
    {"FileKnowsItsWatchers", EpollChecks::FileKnowsItsWatchers},
    {"DisabledHaveFired", EpollChecks::DisabledHaveFired},
    {"OneShotIsReportedOnce", EpollChecks::OneShotIsReportedOnce},
    {"EdgeIsReportedOncePerCause", EpollChecks::EdgeIsReportedOncePerCause},
    {"NoWakeupIsLost", EpollChecks::NoWakeupIsLost},
    {"ReadyIsFirstComeFirstServed", EpollChecks::ReadyIsFirstComeFirstServed},
    {"OutputHasNoRepeats", EpollChecks::OutputHasNoRepeats},
    {"OutputIsWithinMask", EpollChecks::OutputIsWithinMask},
    {"DisabledAreNotInOutput", EpollChecks::DisabledAreNotInOutput},
    {"ReadinessAgreesWithRead", EpollChecks::ReadinessAgreesWithRead},
    {"GraphHasNoCycle", EpollChecks::GraphHasNoCycle},
    {"ChainsAreShort", EpollChecks::ChainsAreShort},
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_EPOLL_INVARIANTS_H_
