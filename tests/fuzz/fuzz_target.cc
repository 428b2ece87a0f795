#include "tests/fuzz/fuzz_target.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "sim/check.h"

namespace vmsim::tests {

ScratchFile::ScratchFile(std::string_view name) {
  const char* bazel_folder = std::getenv("TEST_TMPDIR");
  const std::filesystem::path parent =
      bazel_folder != nullptr ? bazel_folder : std::filesystem::temp_directory_path();
  folder_ = (parent / "fuzz.XXXXXX").string();
  CHECK(mkdtemp(folder_.data()) != nullptr, "no temporary folder in ", parent.string());
  path_ = (std::filesystem::path(folder_) / name).string();
  // The bytes stay in memory; a disk would be the slowest part of a target.
  fd_ = memfd_create("fuzz", MFD_CLOEXEC);
  CHECK(fd_ >= 0, "no file in memory");
  std::filesystem::create_symlink(absl::StrCat("/proc/self/fd/", fd_), path_);
}

ScratchFile::~ScratchFile() {
  close(fd_);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void ScratchFile::Write(const uint8_t* data, size_t size) const {
  CHECK(ftruncate(fd_, 0) == 0);
  for (size_t done = 0; done < size;) {
    const ssize_t n = pwrite(fd_, data + done, size - done, static_cast<off_t>(done));
    CHECK(n > 0, "cannot write ", path_);
    done += static_cast<size_t>(n);
  }
}

void CheckReadable(const absl::Status& error) {
  const bool known = absl::IsInvalidArgument(error) || absl::IsNotFound(error) ||
                     absl::IsDataLoss(error) || absl::IsResourceExhausted(error);
  CHECK(known, error.ToString());
  CHECK(!error.message().empty());
  CHECK_LT(error.message().size(), size_t{4096});
  for (const char c : error.message()) {
    const auto byte = static_cast<unsigned char>(c);
    CHECK(byte >= 0x20 && byte != 0x7f, "byte ", uint32_t{byte}, " in: ", error.ToString());
  }
}

}  // namespace vmsim::tests
