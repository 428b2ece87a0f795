// net/send_buffer.h: what an end of a connection has still to send.
//
// Bytes that a program wrote are only counted. Bytes that stand in memory of somebody else's (pages
// of a file, from sendfile) come as external segments: each of them is freed, by a call to whoever
// owns the memory, when its last byte has left the buffer. A segment that is not ready, because its
// memory is still being read from disk, takes up space and holds up everything behind it:
//
//     sent <-- | 300 plain | 4096 page | 4096 page, not ready | 4096 page | 100 plain |
//              '------ ready ------'                                                  '
//              '------------------------------- used --------------------------------'
//
// Every segment is freed exactly once: when it has been sent; when the buffer is cleared (the
// connection is reset), if it is ready; if it is not, when its owner says so, for whoever fills the
// memory still needs it; at the latest when the buffer goes away. The callback must not call back.
//
// Without external segments there is no list, only one number. Model: FreeBSD
// sys/kern/uipc_sockbuf.c (sb_ccc is `used`, sb_acc is `ready`, sb_fnrdy; sbready, sbcut_internal),
// sys/sys/mbuf.h (M_EXT, M_NOTREADY, mb_free_notready).
#ifndef VMSIM_NET_SEND_BUFFER_H_
#define VMSIM_NET_SEND_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vmsim::net {

// Bytes in somebody else's memory. free(context, argument) gives it back.
struct ExternalSegment {
  using Free = void (*)(void* context, uint64_t argument);

  int64_t bytes = 0;
  Free free = nullptr;
  void* context = nullptr;
  uint64_t argument = 0;
};

class SendBuffer {
 public:
  // Names an external segment; ascending in order of appending, consecutive without plain bytes in
  // between.
  using SegmentId = uint64_t;

  SendBuffer() = default;
  SendBuffer(const SendBuffer&) = delete;
  SendBuffer& operator=(const SendBuffer&) = delete;
  // Frees all there is.
  ~SendBuffer();

  int64_t used() const { return used_; }
  // Bytes that may be sent now.
  int64_t ready() const { return ready_; }

  // Requires, here and below: n > 0; the buffer was not cleared.
  void Append(int64_t n) {
    used_ += n;
    if (__builtin_expect(segments_.empty(), 1)) {
      ready_ += n;
    } else {
      AppendBehindSegments(n);
    }
  }
  // Requires: segment.bytes > 0.
  SegmentId AppendExternal(const ExternalSegment& segment, bool ready);

  // Takes the first `n` bytes. Requires: 0 <= n <= ready().
  void Take(int64_t n) {
    used_ -= n;
    ready_ -= n;
    if (__builtin_expect(!segments_.empty(), 0)) TakeFromSegments(n);
  }

  // sbready: `count` segments from `first` on have become ready. In a buffer that was cleared
  // since, they are freed. Requires: they were appended one after the other, and not ready.
  void MarkReady(SegmentId first, int count);
  // Empties the buffer for good. What is not ready stays until MarkReady or FreeNotReady.
  void Clear();
  // mb_free_notready: frees segments that will not become ready. Requires: the buffer was cleared;
  // as for MarkReady.
  void FreeNotReady(SegmentId first, int count);

  // External segments that have not been freed.
  int64_t external_segments() const;

 private:
  struct Segment {
    int64_t bytes = 0;
    ExternalSegment::Free free = nullptr;  // Null: plain, or freed.
    void* context = nullptr;
    uint64_t argument = 0;
    bool ready = true;
  };

  static void FreeNow(Segment& segment);
  Segment& At(SegmentId id);
  bool blocked() const { return first_not_ready_ < segments_.size(); }
  void AppendBehindSegments(int64_t n);
  void Push(const Segment& segment);
  void TakeFromSegments(int64_t n);
  void DropSent();
  void CountReady();

  int64_t used_ = 0;
  int64_t ready_ = 0;
  bool cleared_ = false;
  // Empty, or all that is in the buffer from `head_` on. The first has the id `first_id_`.
  std::vector<Segment> segments_;
  size_t head_ = 0;
  size_t first_not_ready_ = 0;  // The size if all are ready.
  SegmentId first_id_ = 0;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_SEND_BUFFER_H_
