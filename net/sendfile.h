// net/sendfile.h: sends a file on a socket without copying it: its pages travel themselves.
//
//     room in the send buffer --> pages grabbed, wired --> what is invalid is read, asynchronously
//            ^                                                       |
//            |                    an sf_buf and an mbuf a page <-----'
//            '-- link <-- send buffer: mbufs not ready, until the reads of the round are done
//
// A call goes round this loop until it has put all it was asked for into the send buffer, or an
// error ends it; it does not wait until that has been read or sent. An mbuf holds its page wired
// and its sf_buf from then on until its last byte leaves the send buffer. Reads that fail when
// their mbufs are queued already leave a hole in the stream: the connection is reset, its error is
// EIO.
//
// Flags are FreeBSD's. kSfNodiskio does not forbid disk I/O: it only means not to wait for pages
// that are busy, or for memory. The upper 16 bits say how many pages to read ahead.
//
// Differences from the kernel: a page that is partly valid, the file having grown since it was
// read, is zero-filled as a fault does it (the kernel sends what the memory holds, zeros in
// practice); runs are cut at maxphys; who waits for room in the send buffer wakes when it is
// writable, not each time that it drains. With a direct map the handle of an sf_buf is the page
// (vm/sf_buf.h), as if the network could not send external pages.
//
// Model: FreeBSD sys/kern/kern_sendfile.c (vn_sendfile, sendfile_swapin, sendfile_iodone,
// sendfile_iowait, sendfile_free_mext, xfsize, vmoff, fixspace, do_sendfile), sendfile(2).
#ifndef VMSIM_NET_SENDFILE_H_
#define VMSIM_NET_SENDFILE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/sendfile_stats.h"
#include "net/stream_socket.h"
#include "sim/task.h"
#include "sim/wait_channel.h"
#include "vfs/vfs_system.h"

namespace vmsim::net {

// SF_*.
enum SendfileFlags : uint32_t {
  kSfNodiskio = 0x1,
  kSfMnowait = 0x2,        // Accepted, and without effect.
  kSfSync = 0x4,           // Returns when every mbuf of the call has been freed.
  kSfUserReadahead = 0x8,  // Reads ahead what the flags say, not more.
  kSfNocache = 0x10,       // Tries to free the pages when they have been sent.
};
constexpr uint32_t SendfileFlagsOf(int readahead_pages, uint32_t flags) {
  return static_cast<uint32_t>(readahead_pages) << 16 | flags;
}

struct SendfileRequest {
  vfs::Vnode* vnode = nullptr;  // A regular file that the caller has open.
  StreamSocket* socket = nullptr;
  int64_t offset = 0;
  int64_t nbytes = 0;         // 0: to the end of the file.
  int64_t header_bytes = 0;   // Sent before the file's,
  int64_t trailer_bytes = 0;  // and after them, if all of them were.
  uint32_t flags = 0;
  bool nonblocking = false;  // The socket's SS_NBIO.
};

// `sent` counts header and trailer; it may be positive with an error, too.
struct SendfileResult {
  int error = 0;
  int64_t sent = 0;
};

// What of a file goes into one round of the loop: bytes [off, off + len), page by page.
struct SendfileSpan {
  int64_t off = 0;
  int64_t len = 0;

  int pages() const;
  vm::Pindex pindex(int page) const;
  // Where page `page` of the span begins in its page of the file (vmoff), and its bytes (xfsize).
  int64_t InPage(int page) const;
  int64_t Bytes(int page) const;
  // What is left of it if only the first `pages` pages are kept (fixspace).
  SendfileSpan First(int pages) const;
};

class Sendfile {
 public:
  // Both outlive this, and this outlives every connection that it has sent on; the engine's threads
  // have ended by then.
  Sendfile(vfs::VfsSystem& vfs, SendfileStats& stats);
  ~Sendfile();
  Sendfile(const Sendfile&) = delete;
  Sendfile& operator=(const Sendfile&) = delete;

  // sendfile(2), for the executing thread. Errors, with what had been sent by then:
  //   EINVAL       an argument is negative, or no file or socket at all
  //   ENOENT       the file is doomed
  //   ENOTCONN     the connection was reset, or the other end of a local pair is closed
  //   EPIPE        it is shut for writing; or the socket's pending error (ECONNRESET, EIO)
  //   EAGAIN       nonblocking, and there is no room
  //   EBUSY        kSfNodiskio, and a page was busy or memory short
  //   EIO          a read could not be started, or failed before its pages were queued
  //   ENOBUFS      a signal ended the wait for the first sf_buf
  //   EINTR        a signal ended the wait for room, or for the socket's other senders
  // At or behind the end of the file nothing but the trailer is sent, not even the header.
  sim::Task<SendfileResult> Send(SendfileRequest request);

  // Mbufs that hold a page and an sf_buf.
  int64_t mbufs() const { return mbufs_; }
  // Rounds whose reads have not all come back.
  int64_t rounds_reading() const;

  // Everything that must hold between events, each under a name of its own. O(pages in mbufs).
  struct Broken {
    const char* name;
    std::string detail;
  };
  std::vector<Broken> BrokenInvariants() const;
  // Fails a CHECK that names the first one that is broken. For tests, and after each step of a
  // debugging run.
  void CheckInvariants() const;

 private:
  friend class SendfileInvariants;
  friend struct SendfileTestPeer;

  // Who waits for the mbufs of a call with kSfSync (struct sendfile_sync).
  struct Sync {
    int64_t count = 0;
    sim::WaitChannel channel;  // "sfsync"
  };

  // One round of one call: struct sf_io, and its mbufs.
  struct Sfio {
    struct Mbuf {
      vm::FrameIndex page = vm::kNoFrame;  // Wired, until it is freed: then kNoFrame.
      vm::SfBufIndex buf = vm::kNoSfBuf;
      int64_t bytes = 0;
      bool nocache = false;
    };
    enum class State : uint8_t {
      kPaging,   // Nothing is queued.
      kQueued,   // The mbufs are in the send buffer, not ready.
      kRefused,  // They were to be, but the connection would not have them.
      kReady,    // They are in the send buffer, or nobody's business any more.
    };

    uint32_t index = 0;
    bool in_use = false;
    State state = State::kPaging;
    vm::Object* object = nullptr;  // Paging is in progress there as long as nios > 0.
    SendfileSpan span;
    // Reads under way, and 1 for the call until it lets go. `started`, `done` and `call_holds` say
    // the same, for the invariants.
    int nios = 0;
    int started = 0;
    int done = 0;
    bool call_holds = false;
    int error = 0;
    std::vector<Mbuf> pages;  // Of the span, as far as they were grabbed, or kept.
    int mbufs = 0;            // Not freed yet.
    // While nios > 0 and there are mbufs: where they are.
    Ref<Connection> connection;
    int end = 0;
    SendBuffer::SegmentId first_segment = 0;
    std::shared_ptr<Sync> sync;
    uint32_t next_free = UINT32_MAX;
  };

  // A call, as it goes round.
  struct Call {
    SendfileRequest request;
    Ref<StreamSocket> socket;
    vm::Object& object;
    int64_t size = 0;  // Of the file, as last seen.
    int64_t off = 0;
    int64_t rem = 0;
    int64_t header = 0;  // Left of it.
    int64_t sent = 0;
    bool cut = false;  // The file ended before `rem` did.
    std::shared_ptr<Sync> sync = nullptr;
  };

  // sendfile.cc.
  sim::Task<int> Locked(Call& call);
  sim::Task<int> Round(Call& call);
  sim::Task<IoResult> WaitForSpace(Call& call);
  sim::Task<int> LockVnode(Call& call);
  int ReadAhead(const Call& call, const SendfileSpan& span) const;
  sim::Task<int> SendTrailer(Call& call);

  // sendfile_swapin.cc.
  sim::Task<int> Swapin(const Call& call, Sfio& sfio, int readahead);
  sim::Task<int> FillPages(Sfio& sfio, vfs::Vnode& vnode, int readahead);
  bool NeededIsValid(const Sfio& sfio, vfs::Vnode& vnode, int page);
  int RunLength(const Sfio& sfio, const vfs::Vnode& vnode, int page, int after) const;
  sim::Task<int> Read(Sfio& sfio, vfs::Vnode& vnode, int page, int run, int readahead);
  sim::Task<void> IoWait(Sfio& sfio, std::string_view message);
  void UnwireFrom(Sfio& sfio, int page);
  static void OnRead(void* sendfile, uint64_t sfio, std::span<const vm::FrameIndex> pages,
                     int error);
  void IoDone(Sfio& sfio, int error);

  // sendfile_mbuf.cc.
  Sfio& TakeSfio(const Call& call, const SendfileSpan& span);
  void FreeSfioIfIdle(Sfio& sfio);
  sim::Task<int> MakeMbufs(const Call& call, Sfio& sfio, int readahead);
  void SetMbuf(Sfio& sfio, int page, vm::SfBufIndex buf, bool nocache);
  int Queue(const Call& call, Sfio& sfio, int64_t header);
  void LetGo(Sfio& sfio, int error);
  void FreeMbuf(Sfio& sfio, int page);
  void FreeMbufs(Sfio& sfio);
  static void OnSent(void* sendfile, uint64_t mbuf);

  sim::Engine& engine_;
  vm::VmSystem& vm_;
  vfs::VfsSystem& vfs_;
  SendfileStats& stats_;
  std::vector<std::unique_ptr<Sfio>> sfios_;
  uint32_t free_sfio_ = UINT32_MAX;
  int64_t mbufs_ = 0;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_SENDFILE_H_
