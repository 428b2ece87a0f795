#include "scenarios/line_reader.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "scenarios/test_files.h"

namespace vmsim::scenarios {
namespace {

struct Lines {
  std::vector<std::string> lines;
  absl::Status status;
};

Lines ReadLines(const std::string& path) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source = ByteSource::Open(path);
  if (!source.ok()) return {{}, source.status()};
  Lines result;
  LineReader reader(**source);
  std::string_view line;
  while (reader.Next(&line)) {
    result.lines.emplace_back(line);
    EXPECT_EQ(reader.line_number(), result.lines.size());
  }
  result.status = reader.status();
  return result;
}

TEST(LineReaderTest, Ends) {
  const struct {
    std::string text;
    std::vector<std::string> want;
  } kCases[] = {
      {"", {}},
      {"\n", {""}},
      {"a", {"a"}},
      {"a\n", {"a"}},
      {"a\n\nb", {"a", "", "b"}},
      {"a\r\nb\r\n", {"a", "b"}},
      {"a\rb\n", {"a\rb"}},
      {std::string("a\0b\nc", 5), {std::string("a\0b", 3), "c"}},
  };
  for (const auto& [text, want] : kCases) {
    const Lines got = ReadLines(WriteTestFile("text", text));
    EXPECT_EQ(got.lines, want) << testing::PrintToString(text);
    EXPECT_TRUE(got.status.ok()) << got.status;
  }
}

TEST(LineReaderTest, LinesOfAllLengthsAcrossTheBuffer) {
  std::vector<std::string> want;
  std::string text;
  for (size_t length = 0; length < 1200; ++length) {
    want.push_back(std::string(length * 7 % 1201, static_cast<char>('a' + length % 26)));
    text += want.back() + "\n";
  }
  want.push_back(std::string(300000, 'z'));
  text += want.back() + "\nend";
  want.push_back("end");
  EXPECT_EQ(ReadLines(WriteTestFile("text", text)).lines, want);
}

TEST(LineReaderTest, EndlessLineIsRefused) {
  const Lines got = ReadLines(WriteTestFile("t", "ok\n" + std::string(2 * kMaxLineBytes, 'x')));
  EXPECT_EQ(got.lines, std::vector<std::string>{"ok"});
  EXPECT_TRUE(absl::IsInvalidArgument(got.status)) << got.status;
  EXPECT_NE(got.status.ToString().find("t: line 2 is longer"), std::string::npos) << got.status;
}

TEST(LineReaderTest, CutFileGivesNoHalfLine) {
  std::string frame = Zstd("first\nsecond\nthird\n");
  frame.resize(frame.size() - 3);
  const Lines got = ReadLines(WriteTestFile("t.zst", frame));
  EXPECT_TRUE(absl::IsDataLoss(got.status)) << got.status;
  EXPECT_TRUE(got.lines.empty());
}

}  // namespace
}  // namespace vmsim::scenarios
