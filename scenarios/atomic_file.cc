#include "scenarios/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/check.h"

namespace vmsim::scenarios {
namespace {

constexpr int kMaxTemporaries = 100;

}  // namespace

AtomicFile::AtomicFile(std::string path, std::string temporary_path, int fd)
    : path_(std::move(path)), temporary_path_(std::move(temporary_path)), fd_(fd) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) close(fd_);
  if (!committed_) unlink(temporary_path_.c_str());
}

absl::StatusOr<std::unique_ptr<AtomicFile>> AtomicFile::Create(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": exists and is not a regular file; name another output file"));
  }
  int error = EEXIST;
  for (int i = 0; i < kMaxTemporaries && error == EEXIST; ++i) {
    std::string temporary = absl::StrCat(path, ".", getpid(), ".", i, ".tmp");
    const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      return std::unique_ptr<AtomicFile>(new AtomicFile(path, std::move(temporary), fd));
    }
    error = errno;
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": cannot create this file: ", std::strerror(error)));
}

absl::Status AtomicFile::Error(int error, absl::string_view what) const {
  return absl::UnavailableError(absl::StrCat(path_, ": ", what, ": ", std::strerror(error)));
}

absl::Status AtomicFile::WriteAll(uint64_t offset, std::string_view bytes) {
  CHECK_GE(fd_, 0, "written after Commit");
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Error(errno, absl::StrCat("byte ", offset, ": cannot write"));
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Write(std::string_view bytes) {
  absl::Status status = WriteAll(written_, bytes);
  if (status.ok()) written_ += bytes.size();
  return status;
}

absl::Status AtomicFile::WriteAt(uint64_t offset, std::string_view bytes) {
  CHECK_LE(offset + bytes.size(), written_);
  return WriteAll(offset, bytes);
}

absl::Status AtomicFile::Commit() {
  CHECK_GE(fd_, 0, "committed twice");
  const int closed = close(std::exchange(fd_, -1));
  if (closed != 0) return Error(errno, "cannot write");
  if (std::rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    return Error(errno, "cannot rename the finished file to this name");
  }
  committed_ = true;
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  absl::StatusOr<std::unique_ptr<AtomicFile>> file = AtomicFile::Create(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Write(bytes); !status.ok()) return status;
  return (*file)->Commit();
}

}  // namespace vmsim::scenarios
