#include "tests/fuzz/fuzz_target.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sim/check.h"

namespace vmsim::tests {

ScratchFile::ScratchFile(std::string_view name) {
  const char* bazel_folder = std::getenv("TEST_TMPDIR");
  const std::filesystem::path parent =
      bazel_folder != nullptr ? bazel_folder : std::filesystem::temp_directory_path();
  folder_ = (parent / "fuzz.XXXXXX").string();
  CHECK(mkdtemp(folder_.data()) != nullptr, "no temporary folder in ", parent.string());
  path_ = (std::filesystem::path(folder_) / name).string();
}

ScratchFile::~ScratchFile() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void ScratchFile::Write(const uint8_t* data, size_t size) const {
  std::ofstream file(path_, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  file.close();
  CHECK(file.good(), "cannot write ", path_);
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
