#include "scenarios/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vmsim::scenarios {
namespace {

constexpr int kMaxWindowLog = 27;  // 128 MiB: what zstd's own decoder accepts by default.
constexpr size_t kBufferBytes = size_t{1} << 17;
constexpr size_t kMagicBytes = 4;

// Does a zstd frame, or a skippable one, start with these four bytes?
bool IsZstdMagic(const char* bytes) {
  uint32_t magic = 0;
  for (size_t i = 0; i < kMagicBytes; ++i) {
    magic |= uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return magic == ZSTD_MAGICNUMBER ||
         (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

}  // namespace

void ByteSource::FreeDctx::operator()(ZSTD_DCtx_s* dctx) const { ZSTD_freeDCtx(dctx); }

ByteSource::ByteSource(std::string name, int fd, ByteLimits limits)
    : name_(std::move(name)),
      fd_(fd),
      limits_{std::min(limits.max_bytes, uint64_t{1} << 62)},
      buffer_(kBufferBytes) {}

ByteSource::~ByteSource() {
  if (fd_ != STDIN_FILENO) close(fd_);
}

absl::StatusOr<std::unique_ptr<ByteSource>> ByteSource::Open(const std::string& path,
                                                             ByteLimits limits) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    if (error == ENOENT) {
      return absl::NotFoundError(absl::StrCat(path, ": no such file; check the path"));
    }
    return absl::ErrnoToStatus(error, absl::StrCat(path, ": cannot open"));
  }
  std::unique_ptr<ByteSource> source(new ByteSource(standard_input ? "<stdin>" : path, fd, limits));
  struct stat info;
  if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder; name a file in it"));
  }
  if (absl::Status status = source->DetectFormat(); !status.ok()) return status;
  return source;
}

absl::Status ByteSource::DetectFormat() {
  if (absl::Status status = Fill(kMagicBytes); !status.ok()) return status;
  if (buffered() < kMagicBytes || !IsZstdMagic(buffer_.data())) return absl::OkStatus();
  dctx_.reset(ZSTD_createDCtx());
  if (dctx_ == nullptr) return absl::ResourceExhaustedError("no memory for a zstd decoder");
  ZSTD_DCtx_setParameter(dctx_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  return absl::OkStatus();
}

std::string ByteSource::Place(uint64_t offset) const {
  return absl::StrCat(name_, ": byte ", offset, compressed() ? " (decompressed)" : "");
}

absl::StatusOr<size_t> ByteSource::Read(void* to, size_t size) {
  if (!status_.ok()) return status_;
  // One byte more than allowed is asked for, so that a stream of just the limit's size is good.
  const uint64_t left = limits_.max_bytes - offset_;
  const size_t ask = left < size ? static_cast<size_t>(left) + 1 : size;
  absl::StatusOr<size_t> got = ReadSome(static_cast<char*>(to), ask);
  if (!got.ok()) {
    status_ = got.status();
    return status_;
  }
  if (*got > left) {
    status_ = absl::ResourceExhaustedError(
        absl::StrCat(Place(limits_.max_bytes), ": the limit of ", limits_.max_bytes,
                     " bytes is reached; use a smaller file or raise the limit"));
    return status_;
  }
  offset_ += *got;
  return *got;
}

absl::StatusOr<size_t> ByteSource::ReadSome(char* to, size_t size) {
  return compressed() ? ReadZstd(to, size) : ReadPlain(to, size);
}

absl::StatusOr<size_t> ByteSource::ReadPlain(char* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    if (absl::Status status = Fill(1); !status.ok()) return status;
    if (buffered() == 0) break;
    const size_t n = std::min(size - done, buffered());
    std::memcpy(to + done, buffer_.data() + begin_, n);
    begin_ += n;
    done += n;
  }
  return done;
}

absl::StatusOr<size_t> ByteSource::ReadZstd(char* to, size_t size) {
  ZSTD_outBuffer out = {to, size, 0};
  while (out.pos < out.size) {
    if (!in_frame_) {
      absl::StatusOr<bool> started = StartFrame();
      if (!started.ok()) return started.status();
      if (!*started) break;
    }
    ZSTD_inBuffer in = {buffer_.data() + begin_, buffered(), 0};
    const size_t code = ZSTD_decompressStream(dctx_.get(), &out, &in);
    begin_ += in.pos;
    if (ZSTD_isError(code)) return FrameError(code);
    if (code == 0) {
      in_frame_ = false;
    } else if (buffered() == 0 && out.pos < out.size) {
      if (absl::Status status = Fill(1); !status.ok()) return status;
      if (buffered() == 0) {
        return absl::DataLossError(
            absl::StrCat(name_, ": byte ", file_offset(),
                         ": the file ends inside a zstd frame; it was cut short, copy it again"));
      }
    }
  }
  return out.pos;
}

// False at the end of the file. Anything but a frame is an error.
absl::StatusOr<bool> ByteSource::StartFrame() {
  if (absl::Status status = Fill(kMagicBytes); !status.ok()) return status;
  if (buffered() == 0) return false;
  if (buffered() < kMagicBytes || !IsZstdMagic(buffer_.data() + begin_)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": byte ", file_offset(),
                     ": trailing bytes after the last zstd frame; remove them or compress again"));
  }
  in_frame_ = true;
  return true;
}

absl::Status ByteSource::FrameError(size_t code) const {
  const std::string place = absl::StrCat(name_, ": near byte ", file_offset(), ": ");
  switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_frameParameter_windowTooLarge:
      return absl::ResourceExhaustedError(absl::StrCat(
          place,
          "the zstd frame needs a window beyond 128 MiB; compress it with --long=27 or less"));
    case ZSTD_error_memory_allocation:
      return absl::ResourceExhaustedError(absl::StrCat(place, "no memory for the zstd window"));
    default:
      return absl::DataLossError(absl::StrCat(place, "the zstd frame is corrupt (",
                                              ZSTD_getErrorName(code), "); copy the file again"));
  }
}

absl::Status ByteSource::Fill(size_t bytes) {
  while (buffered() < bytes && !file_ended_) {
    std::copy(buffer_.begin() + begin_, buffer_.begin() + end_, buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
    const ssize_t got = read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      return absl::ErrnoToStatus(error,
                                 absl::StrCat(name_, ": byte ", file_read_, ": cannot read"));
    }
    file_ended_ = got == 0;
    end_ += static_cast<size_t>(got);
    file_read_ += static_cast<uint64_t>(got);
    // Frames can hold nothing, without end: what is consumed of the file is limited too. The slack
    // is more than zstd ever adds.
    if (file_offset() > limits_.max_bytes + limits_.max_bytes / 64 + kBufferBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(name_, ": the limit of ", limits_.max_bytes,
                       " bytes is reached; use a smaller file or raise the limit"));
    }
  }
  return absl::OkStatus();
}

}  // namespace vmsim::scenarios
