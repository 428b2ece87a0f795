// net/epoll_graph.h: the graph of epoll sets that watch epoll sets.
//
// It must have no cycle, and no chain so long that a notification, which goes up it call by call,
// would not end soon. Each set that a search meets is measured once (it carries the number of the
// search and its result), so that sets that share sets below them cost no more than their entries.
//
// Beside the length, Linux limits in how many ways a file's notification can go up to a set that
// nobody watches: 500 chains with one link from set to set, 100 with two, 50, 10. Those without a
// link are free.
//
// Model: Linux fs/eventpoll.c (ep_loop_check, ep_get_upwards_depth_proc, reverse_path_check).
#ifndef VMSIM_NET_EPOLL_GRAPH_H_
#define VMSIM_NET_EPOLL_GRAPH_H_

#include "net/epoll.h"

namespace vmsim::net {

class EpollGraph {
 public:
  // No longest chain: there is a cycle, or one longer than what the caller wants to know about.
  static constexpr int kTooLong = 1 << 20;

  // Whether `upper` may watch `lower`: no cycle, no chain longer than the rules of `upper` allow.
  static bool MayWatch(EventPoll& upper, EventPoll& lower);

  // After `entry` was put in: whether a file at the lower end of its chains has too many ways up.
  static bool TooManyPaths(const EpollEntry& entry);

  // The longest chain of links down from `from`, if it is at most `most` and does not meet `target`;
  // else kTooLong.
  static int LinksBelow(EventPoll& from, const EventPoll* target, int most);
  // The longest chain of links up from `from`, if it is at most `most`; else kTooLong.
  static int LinksAbove(EventPoll& from, int most);

 private:
  struct PathCount;

  static int Below(EventPoll& set, const EventPoll* target, int most, uint64_t search);
  static int Above(EventPoll& set, int most, uint64_t search);
  static bool PathsExceed(const File& file, size_t links, PathCount& count);
  static bool FilesBelowExceed(EventPoll& set, uint64_t search);
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_EPOLL_GRAPH_H_
