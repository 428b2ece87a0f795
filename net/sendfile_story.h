// net/sendfile_story.h: a host that sends the file "f" to another one, for tests of sendfile.
//
// A vfs::VfsTestWorld (disk: 100 us a request) with two pairs of sockets, each with links of its
// own that are as fast as one likes unless told otherwise; or with local pairs. Sockets 0 and 1
// send, their peers receive. After each step of a run the invariants of sendfile and of sf_bufs
// hold.
#ifndef VMSIM_NET_SENDFILE_STORY_H_
#define VMSIM_NET_SENDFILE_STORY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/file.h"
#include "net/link.h"
#include "net/sendfile.h"
#include "net/stream_socket.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::net {

// Looks into sendfile.
struct SendfileTestPeer {
  static std::vector<std::unique_ptr<Sendfile::Sfio>>& sfios(Sendfile& s) { return s.sfios_; }
  static int64_t& mbufs(Sendfile& s) { return s.mbufs_; }
  using Sfio = Sendfile::Sfio;
};

class SendfileStory {
 public:
  static constexpr int kPairs = 2;
  struct Options {
    vfs::VfsTestWorld::Options vfs;
    SocketConfig sender = {.send_buffer = 64 << 10};
    SocketConfig receiver = {.receive_buffer = 64 << 10};
    LinkConfig link;
    bool local = false;
  };
  struct Call {
    sim::Thread* thread = nullptr;
    bool done = false;
    sim::SimTime done_at = 0;
    SendfileResult result;
    std::string Text() const;  // "12288", "EBUSY 8192", "..." while it runs.
  };

  explicit SendfileStory(const Options& options);
  SendfileStory() : SendfileStory(Options()) {}
  ~SendfileStory();

  sim::Engine& engine() { return world_.engine(); }
  vfs::VfsTestWorld& world() { return world_; }
  vm::VmSystem& vm() { return world_.vm(); }
  vm::SfBufs& bufs() { return world_.vfs().sf_bufs(); }
  vfs::Vnode& file() { return world_.file(); }
  Sendfile& sendfile() { return *sendfile_; }
  const SendfileStats& stats() { return stats_; }
  StreamSocket& sender(int pair = 0) { return *sockets_[pair].a; }
  StreamSocket& peer(int pair = 0) { return *sockets_[pair].b; }
  void CloseSender(int pair = 0) { sockets_[pair].a.reset(); }
  void ClosePeer(int pair = 0) { sockets_[pair].b.reset(); }
  const Link& link(int pair = 0) { return *links_[2 * pair]; }

  // Sends on socket `pair` what the request says; file and socket are filled in. Runs at the next
  // Run.
  Call* Start(SendfileRequest request, int pair = 0);
  // The same, and runs until nothing is left to happen.
  std::string Send(SendfileRequest request, int pair = 0);
  // A thread that reads all that comes at a peer; how much did.
  void Drain(int pair = 0);
  int64_t received(int pair = 0) const { return received_[pair]; }

  void Run(sim::SimTime until = sim::kNever);
  // The invariants of the whole machine are not looked at after a run any more: the test has
  // something busy for nobody.
  void StopCheckingMachine() { check_machine_ = false; }
  void At(sim::SimTime when, std::function<void()> what);
  // Watches after each step.
  void set_watch(std::function<void()> watch) { watch_ = std::move(watch); }

  // Reads pages of the file into memory, one by one, and nothing around them. What cannot be read
  // is resident all the same.
  void Warm(vm::Pindex first, int count);
  // Pages [first, first + count) of the file: '.' not resident, 'v' valid, 'p' partly, '-' not; in
  // upper case ('_' for '-') if wired; '*' busy.
  std::string Pages(vm::Pindex first, int count);
  // "" if no page is wired or busy, no sf_buf is used, no mbuf is left; else what is.
  std::string Leftovers();

 private:
  sim::Task<void> CallBody(SendfileRequest request, Call* call);
  sim::Task<void> DrainBody(Ref<StreamSocket> socket, int pair);
  sim::Task<void> WarmBody(vm::Pindex pindex);

  vfs::VfsTestWorld world_;
  OpenFiles files_;
  SendfileStats stats_;
  std::unique_ptr<Sendfile> sendfile_;
  std::vector<std::unique_ptr<Link>> links_;
  SocketPair sockets_[kPairs];
  int64_t received_[kPairs] = {};
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<std::unique_ptr<std::function<void()>>> events_;
  std::function<void()> watch_;
  bool check_machine_ = true;
};

// A file of so many bytes.
inline SendfileStory::Options FileOf(int64_t bytes) {
  SendfileStory::Options options;
  options.vfs.file = {.bytes = bytes};
  return options;
}

// A link that takes 1 ms for a page, and holds one.
inline SendfileStory::Options SlowLink(int64_t bytes) {
  SendfileStory::Options options = FileOf(bytes);
  options.link = {.bytes_per_second = vm::kPageSize * 1000,
                  .queue_bytes = vm::kPageSize,
                  .segment_bytes = vm::kPageSize};
  return options;
}

}  // namespace vmsim::net

#endif  // VMSIM_NET_SENDFILE_STORY_H_
