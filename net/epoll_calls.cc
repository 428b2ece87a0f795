#include "net/epoll_calls.h"

namespace vmsim::net {

// Counts what does not come from the set, which counts its own.
int EpollCalls::Count(int error) {
  EpollStats& stats = descriptors_.files().epoll();
  if (error == kEbadf) ++stats.ebadf;
  if (error == kEinval) ++stats.einval;
  if (error == kEperm) ++stats.eperm;
  return error;
}

DescriptorResult EpollCalls::Create() {
  return descriptors_.Install(Ref<File>(EventPoll::Create(descriptors_.files(), mode_)));
}

int EpollCalls::FindSet(int epfd, Ref<File>* set) const {
  *set = descriptors_.Get(epfd);
  if (!*set) return kEbadf;
  if ((*set)->AsEventPoll() != nullptr) return 0;
  return mode_ == EpollMode::kGvisor2019 ? kEbadf : kEinval;
}

// The set and the file of a request. Linux looks at the file before it asks what epfd is.
int EpollCalls::FindPair(int epfd, int fd, Ref<File>* set, Ref<File>* target) const {
  const int error = FindSet(epfd, set);
  if (error != 0 && (!*set || mode_ != EpollMode::kLinux)) return error;
  *target = descriptors_.Get(fd);
  if (!*target) return kEbadf;
  if (error != 0 && !(*target)->CanPoll()) return kEperm;
  return error;
}

int EpollCalls::Ctl(int epfd, EpollCommand command, int fd, const EpollRequest& request) {
  Ref<File> set, target;
  if (const int error = FindPair(epfd, fd, &set, &target)) return Count(error);
  EventPoll& poll = *set->AsEventPoll();
  const FileIdentifier id{target.get(), fd};
  EventMask mask = request.mask & rules_.known_events;
  if (!rules_.adds_unasked) mask |= sim::kUnaskedEvents;
  switch (command) {
    case EpollCommand::kAdd:
      return poll.AddEntry(id, request.flags, mask, request.data);
    case EpollCommand::kMod:
      return poll.UpdateEntry(id, request.flags, mask, request.data);
    case EpollCommand::kDel:
      return poll.RemoveEntry(id);
  }
  return Count(kEinval);
}

int EpollCalls::FindWaitable(int epfd, int64_t max, Ref<File>* set) const {
  const int error = FindSet(epfd, set);
  if (error == kEbadf && mode_ == EpollMode::kLinux) return kEbadf;
  return rules_.checks_max && (max <= 0 || max > kMostEvents) ? kEinval : error;
}

int EpollCalls::Poll(int epfd, int64_t max, std::vector<EpollEvent>* out) {
  Ref<File> set;
  if (const int error = FindWaitable(epfd, max, &set)) return Count(error);
  set->AsEventPoll()->ReadEvents(max, out);
  return 0;
}

sim::Task<int> EpollCalls::Wait(int epfd, int64_t max, sim::SimDuration timeout_ns,
                                std::vector<EpollEvent>* out) {
  Ref<File> set;
  if (const int error = FindWaitable(epfd, max, &set)) co_return Count(error);
  co_return co_await set->AsEventPoll()->Wait(max, timeout_ns, out);
}

}  // namespace vmsim::net
