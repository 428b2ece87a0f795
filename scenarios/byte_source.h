// scenarios/byte_source.h: reading files that nobody has checked yet.
//
// A ByteSource hands out the bytes of a file in order, in pieces of the caller's size. A file that
// starts with zstd's magic number is decompressed on the way: what the caller sees, counts and
// limits is the decompressed stream. Files may hold several zstd frames one after the other.
//
// Memory is fixed: an input buffer and zstd's window, at most 128 MiB. Sizes that a file claims are
// never believed; how much may come out is ByteLimits' to say.
//
// Errors are absl::Status, name the file and the byte, and say what to do:
//   NotFound            there is no such file
//   PermissionDenied, ... what the system said when the file was opened or read
//   InvalidArgument     not a file, or bytes after the last zstd frame
//   DataLoss            a zstd frame that is cut short or corrupt
//   ResourceExhausted   the stream or its window is larger than the limits
// After an error every further read gives the same error.
// Format: RFC 8878 (Zstandard compression), section 3.
#ifndef VMSIM_SCENARIOS_BYTE_SOURCE_H_
#define VMSIM_SCENARIOS_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct ZSTD_DCtx_s;

namespace vmsim::scenarios {

struct ByteLimits {
  uint64_t max_bytes = uint64_t{1} << 36;  // Of the stream, and of the file: 64 GiB.
};

class ByteSource {
 public:
  // Opens `path`, or standard input if `path` is "-".
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& path,
                                                          ByteLimits limits = {});
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Copies the next `size` bytes to `to`. Returns how many; fewer than `size` only at the end.
  absl::StatusOr<size_t> Read(void* to, size_t size);

  const std::string& name() const { return name_; }  // The path, or "<stdin>".
  uint64_t offset() const { return offset_; }        // Bytes handed out so far.
  bool compressed() const { return dctx_ != nullptr; }

  // "trace.vpt.zst: byte 64 (decompressed)": how messages name a place in the stream.
  std::string Place(uint64_t offset) const;

 private:
  struct FreeDctx {
    void operator()(ZSTD_DCtx_s* dctx) const;
  };

  ByteSource(std::string name, int fd, ByteLimits limits);
  absl::Status DetectFormat();
  absl::StatusOr<size_t> ReadSome(char* to, size_t size);
  absl::StatusOr<size_t> ReadPlain(char* to, size_t size);
  absl::StatusOr<size_t> ReadZstd(char* to, size_t size);
  absl::StatusOr<bool> StartFrame();
  absl::Status FrameError(size_t code) const;
  // Reads on until `bytes` of the file are in the buffer, or its end has come.
  absl::Status Fill(size_t bytes);
  size_t buffered() const { return end_ - begin_; }
  uint64_t file_offset() const { return file_read_ - buffered(); }

  const std::string name_;
  const int fd_;
  const ByteLimits limits_;
  std::unique_ptr<ZSTD_DCtx_s, FreeDctx> dctx_;  // Null for a plain file.
  bool in_frame_ = false;
  std::vector<char> buffer_;  // Bytes of the file; the unread ones are [begin_, end_).
  size_t begin_ = 0, end_ = 0;
  uint64_t file_read_ = 0;  // Bytes read from the file so far.
  bool file_ended_ = false;
  uint64_t offset_ = 0;
  absl::Status status_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_BYTE_SOURCE_H_
