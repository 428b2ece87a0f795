// net/epoll_calls.h: the system calls: descriptors in, and each kernel's own order of errors.
//
//   linux        EBADF (epfd, then fd), EPERM, EINVAL (not a set; itself), then those of EventPoll
//   gvisor2019   EBADF for a bad or other descriptor; does not check the number of events
//   gvisor_vfs2  EBADF (epfd), EINVAL (not a set), EBADF (fd), then those of EventPoll
//
// Waits for a number of events outside of 1..kMostEvents are EINVAL, in gvisor_vfs2 whatever the
// descriptor is; in linux a descriptor that is not open comes first (6.18; older kernels have it
// the other way round).
//
// Model: Linux fs/eventpoll.c do_epoll_ctl, do_epoll_wait; gVisor
// pkg/sentry/syscalls/linux/sys_epoll.go.
#ifndef VMSIM_NET_EPOLL_CALLS_H_
#define VMSIM_NET_EPOLL_CALLS_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "net/descriptors.h"
#include "net/epoll.h"
#include "sim/task.h"

namespace vmsim::net {

// EP_MAX_EVENTS: what fits in memory that an int can count, at 12 bytes an event.
inline constexpr int64_t kMostEvents = std::numeric_limits<int32_t>::max() / 12;

enum class EpollCommand : uint8_t { kAdd = 1, kDel = 2, kMod = 3 };

struct EpollRequest {
  EntryFlags flags = kLevelTriggered;
  EventMask mask = 0;
  uint64_t data = 0;
};

class EpollCalls {
 public:
  EpollCalls(DescriptorTable& descriptors, EpollMode mode)
      : descriptors_(descriptors), mode_(mode), rules_(RulesOf(mode)) {}

  // A new set, under the lowest free descriptor. ENFILE, EMFILE.
  DescriptorResult Create();

  // `request` is not read for kDel. EINVAL for a command that there is not.
  int Ctl(int epfd, EpollCommand command, int fd, const EpollRequest& request);

  // Appends to `out` without sleeping.
  int Poll(int epfd, int64_t max, std::vector<EpollEvent>* out);
  // EventPoll::Wait. `out` and this must outlive it.
  sim::Task<int> Wait(int epfd, int64_t max, sim::SimDuration timeout_ns,
                      std::vector<EpollEvent>* out);

 private:
  int FindSet(int epfd, Ref<File>* set) const;
  int FindWaitable(int epfd, int64_t max, Ref<File>* set) const;
  int FindPair(int epfd, int fd, Ref<File>* set, Ref<File>* target) const;
  int Count(int error);

  DescriptorTable& descriptors_;
  const EpollMode mode_;
  const EpollRules& rules_;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_EPOLL_CALLS_H_
