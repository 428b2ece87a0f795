// tests/fuzz/fuzz_target.h: what the fuzz targets share.
//
// Each target is one function in libFuzzer's form, which takes any bytes and must neither crash,
// nor hang, nor take much memory; what it can say about the outcome beyond that, it CHECKs. As a
// test (corpus_main.cc), a target runs over the files of its corpus and fixed mutations of them. To
// search for new inputs, with clang's libFuzzer:
//
//   bazel build --config=clang --platform_suffix=fuzz --strip=never
//       --copt=-fsanitize=fuzzer-no-link,address,undefined --copt=-fno-sanitize-recover=all
//       --copt=-U_FORTIFY_SOURCE --linkopt=-fsanitize=fuzzer,address,undefined
//       --linkopt=-fsanitize-link-c++-runtime //tests/fuzz:lackey_fuzzer
//   bazel-bin/tests/fuzz/lackey_fuzzer -timeout=20 NEW_CORPUS tests/fuzz/corpus/lackey
//
// An input that it finds goes into tests/fuzz/corpus/ with the repair of what it found.
#ifndef VMSIM_TESTS_FUZZ_FUZZ_TARGET_H_
#define VMSIM_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// Always returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace vmsim::tests {

// A file for readers that want a path: bytes in memory, and a link to them in a temporary folder of
// its own that goes when it does.
class ScratchFile {
 public:
  explicit ScratchFile(std::string_view name);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const std::string& folder() const { return folder_; }
  const std::string& path() const { return path_; }
  // Replaces the contents.
  void Write(const uint8_t* data, size_t size) const;

 private:
  std::string folder_;
  std::string path_;
  int fd_ = -1;
};

// CHECKs that an error is one that a person gets to see: of a kind that readers give, one line, no
// control characters.
void CheckReadable(const absl::Status& error);

}  // namespace vmsim::tests

#endif  // VMSIM_TESTS_FUZZ_FUZZ_TARGET_H_
