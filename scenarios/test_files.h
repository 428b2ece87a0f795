// scenarios/test_files.h: files for tests, in the folder that Bazel gives a test to write to.
#ifndef VMSIM_SCENARIOS_TEST_FILES_H_
#define VMSIM_SCENARIOS_TEST_FILES_H_

#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace vmsim::scenarios {

// A path for `name` in a folder that belongs to the running test alone, and is empty at first.
inline std::string TestPath(const std::string& name) {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::string test = std::string(info->test_suite_name()) + "." + info->name();
  for (char& c : test) {
    if (c == '/') c = '_';
  }
  static std::string* last_test = new std::string;
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / test;
  if (*last_test != test) std::filesystem::remove_all(folder);
  *last_test = test;
  std::filesystem::create_directories(folder);
  return (folder / name).string();
}

inline std::string WriteTestFile(const std::string& name, std::string_view bytes) {
  const std::string path = TestPath(name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

inline std::string ReadTestFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The names in the running test's folder, sorted.
inline std::vector<std::string> TestFiles() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TestPath(""))) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// One zstd frame, with the content's size in its header and a checksum at its end.
inline std::string Zstd(std::string_view bytes) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  ZSTD_CCtx* cctx = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, 1);
  frame.resize(ZSTD_compress2(cctx, frame.data(), frame.size(), bytes.data(), bytes.size()));
  ZSTD_freeCCtx(cctx);
  return frame;
}

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_TEST_FILES_H_
