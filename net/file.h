// net/file.h: what a descriptor refers to, and the host's account of all of them.
//
// A File lives as long as a descriptor, a sleeping call or whoever holds a Ref to it. When the last
// goes, the epoll sets that watch it forget it, silently; then the file itself winds up (a pipe
// tells its other end). Reads and writes move counts of bytes, not contents: what a byte says is
// not modelled.
//
// OpenFiles gives files their identity, a number in order of creation that is never used again, so
// that whatever is ordered by file is ordered alike in every run.
//
// Model: FreeBSD sys/kern/kern_descrip.c (struct file, openfiles, maxfiles), sys/sys/file.h
// (fileops).
#ifndef VMSIM_NET_FILE_H_
#define VMSIM_NET_FILE_H_

#include <cstdint>
#include <string_view>

#include "net/epoll_entry.h"
#include "net/epoll_stats.h"
#include "net/errno.h"
#include "net/ref.h"
#include "sim/engine.h"
#include "sim/waiter.h"

namespace vmsim::net {

class OpenFiles;

// What a read or write came to: an error and nothing, or how many bytes.
struct IoResult {
  int error = 0;
  int64_t bytes = 0;
};

// Whether the caller sleeps and comes again if it is refused.
enum class IoMode : uint8_t { kNonBlocking, kBlocking };

class File : public sim::Waitable {
 public:
  // Requires: files.HasRoom(1).
  explicit File(OpenFiles& files);
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() override;

  uint64_t id() const { return id_; }
  OpenFiles& files() const { return files_; }
  const WatcherList& watchers() const { return watchers_; }

  // "eventfd", "pipe", ...
  virtual std::string_view kind() const = 0;
  // Whether it can be waited for. One that cannot is always ready.
  virtual bool CanPoll() const { return true; }
  // This file as an epoll set, or null if it is none.
  virtual EventPoll* AsEventPoll() { return nullptr; }

  // Reads or writes up to `n` bytes, n >= 0, without sleeping. EAGAIN: not now; the file notifies
  // when it is worth trying again. EBADF: not open for that. EINVAL: it does not read or write.
  virtual IoResult TryRead(int64_t, IoMode = IoMode::kNonBlocking) { return {.error = kEinval}; }
  virtual IoResult TryWrite(int64_t, IoMode = IoMode::kNonBlocking) { return {.error = kEinval}; }

  // For Ref.
  void AddRef() { ++references_; }
  void DropRef() {
    if (--references_ == 0) Die();
  }

 protected:
  // The last reference has gone, and no epoll set watches the file any more.
  virtual void OnLastClose() {}

 private:
  friend class EventPoll;
  friend struct EpollTestPeer;

  void Die();

  OpenFiles& files_;
  const uint64_t id_;
  int64_t references_ = 0;
  WatcherList watchers_;
};

struct OpenFilesLimits {
  int64_t files = 1'000'000;           // kern.maxfiles; then ENFILE.
  int64_t epoll_watches = 10'000'000;  // fs.epoll.max_user_watches, mode linux; then ENOSPC.
  // Kernel memory for epoll entries; then ENOMEM. An entry takes kEpollEntryBytes.
  int64_t epoll_bytes = int64_t{4} << 30;
};
inline constexpr int64_t kEpollEntryBytes = 160;  // Linux epoll(7), on a 64-bit kernel.

// All open files of a simulated host. Outlives them.
class OpenFiles {
 public:
  explicit OpenFiles(sim::Engine& engine, const OpenFilesLimits& limits = {})
      : engine_(engine), limits_(limits) {}
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;
  ~OpenFiles() { CHECK_EQ(count_, 0, "files outlive their host"); }

  sim::Engine& engine() const { return engine_; }
  const OpenFilesLimits& limits() const { return limits_; }
  int64_t count() const { return count_; }
  // Whether `n` more files may be opened.
  bool HasRoom(int64_t n) const { return count_ + n <= limits_.files; }

  // Counted by all epoll sets of the host.
  EpollStats& epoll() { return epoll_; }
  const EpollStats& epoll() const { return epoll_; }
  // A new number for a search of the graph of epoll sets, to mark those that it has seen.
  uint64_t NextGraphSearch() { return ++graph_searches_; }

 private:
  friend class File;

  sim::Engine& engine_;
  const OpenFilesLimits limits_;
  int64_t count_ = 0;
  uint64_t next_id_ = 0;
  uint64_t graph_searches_ = 0;
  EpollStats epoll_;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_FILE_H_
