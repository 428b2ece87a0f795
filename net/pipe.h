// net/pipe.h: a ring of page slots between a read end and a write end.
//
//     write --> [ page | page | page |      |  ...  ] --> read      16 slots by default
//                 oldest        newest
//
// Each slot holds a page of 4096 bytes, however few of them are used. A write tops up the newest
// page if what it has beyond whole pages fits there; otherwise it takes new slots. So single bytes
// written between long writes can fill a pipe early, as they do in the kernel.
//
// Who is told: every write call notifies `in` at the read end, also one refused with EAGAIN; a read
// notifies `out` at the write end only when it empties a page while all slots were in use; when one
// end closes and the other is open, both ends are told that something changed (0).
//
// Model: Linux fs/pipe.c, of a pipe that has been polled.
#ifndef VMSIM_NET_PIPE_H_
#define VMSIM_NET_PIPE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/file.h"

namespace vmsim::net {

inline constexpr int64_t kPipePageBytes = 4096;
inline constexpr int kPipeSlots = 16;
inline constexpr int kMostPipeSlots = 1 << 16;

class PipeEnd;

// The two ends of a new pipe.
struct Pipe {
  Ref<PipeEnd> reader, writer;

  // Both null if the host has all the files it may have (ENFILE). Requires: 1 <= slots <=
  // kMostPipeSlots.
  static Pipe Create(OpenFiles& files, int slots = kPipeSlots);
};

// What both ends share.
class PipeRing : public RefCounted<PipeRing> {
 public:
  explicit PipeRing(int slots) : pages_(static_cast<size_t>(slots)) {}

  bool empty() const { return used_ == 0; }
  bool full() const { return used_ == pages_.size(); }

  // Takes up to `n` bytes out; `freed` says whether a page was emptied while all were in use.
  int64_t Take(int64_t n, bool* freed);
  // Puts up to `n` bytes in.
  int64_t Put(int64_t n);

 private:
  friend class PipeEnd;

  struct Page {
    int64_t begin = 0;  // The bytes in it: [begin, end).
    int64_t end = 0;
  };
  Page& At(size_t i) { return pages_[(first_ + i) % pages_.size()]; }

  std::vector<Page> pages_;
  size_t first_ = 0;
  size_t used_ = 0;
  PipeEnd* reader_ = nullptr;  // Null once closed.
  PipeEnd* writer_ = nullptr;
};

class PipeEnd final : public File {
 public:
  std::string_view kind() const override { return "pipe"; }
  EventMask Peek(EventMask mask) const override;
  // EBADF at the write end. EAGAIN if empty with a writer; 0 bytes if empty without.
  IoResult TryRead(int64_t n, IoMode mode) override;
  // EBADF at the read end. EPIPE without a reader; EAGAIN if nothing fits.
  IoResult TryWrite(int64_t n, IoMode mode) override;

 private:
  friend struct Pipe;

  PipeEnd(OpenFiles& files, Ref<PipeRing> ring, bool writes);
  ~PipeEnd() override = default;
  void OnLastClose() override;

  const Ref<PipeRing> ring_;
  const bool writes_;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_PIPE_H_
