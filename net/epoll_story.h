// net/epoll_story.h: tests of epoll sets and files as short texts.
//
// Statements are separated by ';'. Files are created under a name, which stands for a descriptor of
// its own from then on:
//
//     epoll NAME; eventfd NAME [COUNT]; pipe READER WRITER [SLOTS]; sockets NAME NAME; timer NAME
//     file NAME               a file that cannot be waited for
//     dup NAME NEW            close NAME             reopen NAME    (an eventfd, same descriptor)
//     add SET NAME WHAT       mod SET NAME WHAT      del SET NAME
//     wait SET [MAX]          without sleeping       poll NAME
//     read NAME N             write NAME N           shutdown NAME rd|wr|rdwr
//
// WHAT is a list such as in,out,et; "-" is none. The outcome is a text, too: errors by name, what a
// read gave, "[a:in b:in,out]" for a wait, "(in out)" for a poll; what succeeds otherwise says
// nothing. Invariants of all sets are checked after every statement.
#ifndef VMSIM_NET_EPOLL_STORY_H_
#define VMSIM_NET_EPOLL_STORY_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "net/descriptors.h"
#include "net/epoll.h"
#include "net/epoll_calls.h"
#include "net/file.h"
#include "sim/engine.h"

namespace vmsim::net {

class EpollStory {
 public:
  explicit EpollStory(EpollMode mode = EpollMode::kLinux, const OpenFilesLimits& limits = {})
      : files_(engine_, limits),
        descriptors_(files_, 4096),
        calls_(descriptors_, mode),
        mode_(mode) {}

  // Runs statements and returns their outcomes, separated by spaces.
  std::string Run(std::string_view text);

  sim::Engine& engine() { return engine_; }
  OpenFiles& files() { return files_; }
  const EpollStats& stats() const { return files_.epoll(); }
  DescriptorTable& descriptors() { return descriptors_; }
  EpollCalls& calls() { return calls_; }
  // The descriptor that a name stands for. Requires: there is one.
  int fd(const std::string& name) const { return fds_.at(name); }
  Ref<File> file(const std::string& name) const { return descriptors_.Get(fd(name)); }
  EventPoll& set(const std::string& name) const { return *file(name)->AsEventPoll(); }
  FileIdentifier id(const std::string& name) const { return {file(name).get(), fd(name)}; }
  const std::string& name(uint64_t fd) const { return names_.at(static_cast<size_t>(fd)); }

  void CheckInvariants() const;
  static std::string EventNames(EventMask events, std::string_view separator);
  // The events as Run writes them. Data is the descriptor.
  std::string Show(const std::vector<EpollEvent>& events) const;

 private:
  using Words = std::vector<std::string>;
  std::string Do(const Words& words);
  std::string Create(const Words& words);
  std::string Ctl(const Words& words);
  std::string ReadOrWrite(const Words& words);
  int NewFd(const std::string& name);

  sim::Engine engine_;
  OpenFiles files_;
  DescriptorTable descriptors_;
  EpollCalls calls_;
  const EpollMode mode_;
  std::map<std::string, int> fds_;
  std::vector<std::string> names_;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_EPOLL_STORY_H_
