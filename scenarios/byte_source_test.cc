#include "scenarios/byte_source.h"

#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scenarios/test_files.h"

namespace vmsim::scenarios {
namespace {

using testing::HasSubstr;

// Everything in `path`, asked for `piece` bytes at a time.
absl::StatusOr<std::string> ReadAll(const std::string& path, size_t piece, ByteLimits limits = {}) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source = ByteSource::Open(path, limits);
  if (!source.ok()) return source.status();
  std::string all;
  std::string buffer(piece, '\0');
  while (true) {
    const absl::StatusOr<size_t> got = (*source)->Read(buffer.data(), piece);
    if (!got.ok()) {
      EXPECT_EQ((*source)->Read(buffer.data(), piece).status(), got.status()) << "errors stay";
      return got.status();
    }
    all.append(buffer, 0, *got);
    EXPECT_EQ((*source)->offset(), all.size());
    if (*got < piece) return all;
  }
}

// Text that compresses well but is longer than all buffers on the way.
std::string LongText() {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += std::to_string(i * 7919 % 100003) + "\n";
  return text;
}

TEST(ByteSourceTest, PlainAndCompressedGiveTheSameBytesInAnyPieces) {
  const std::string text = LongText();
  const std::string plain = WriteTestFile("plain", text);
  const std::string packed = WriteTestFile("packed", Zstd(text));
  for (size_t piece : {1u, 7u, 4096u, 1u << 20}) {
    EXPECT_EQ(*ReadAll(plain, piece), text);
    EXPECT_EQ(*ReadAll(packed, piece), text);
  }
}

TEST(ByteSourceTest, FormatIsToldByContentNotByName) {
  EXPECT_EQ(*ReadAll(WriteTestFile("a.zst", "plain text"), 64), "plain text");
  EXPECT_EQ(*ReadAll(WriteTestFile("b.txt", Zstd("hidden")), 64), "hidden");
  EXPECT_EQ(*ReadAll(WriteTestFile("empty", ""), 64), "");
  EXPECT_EQ(*ReadAll(WriteTestFile("short", "\x28\xb5\x2f"), 64), "\x28\xb5\x2f");
}

TEST(ByteSourceTest, FramesFollowOneAnother) {
  const std::string skippable = std::string("\x50\x2a\x4d\x18\x03\x00\x00\x00", 8) + "abc";
  EXPECT_EQ(*ReadAll(WriteTestFile("f", Zstd("one ") + skippable + Zstd("") + Zstd("two")), 3),
            "one two");
  EXPECT_EQ(*ReadAll(WriteTestFile("g", skippable + Zstd("after")), 3), "after");
}

TEST(ByteSourceTest, MissingFileIsNotFound) {
  const absl::Status status = ByteSource::Open(TestPath("nowhere.vpt")).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("nowhere.vpt: no such file"));
}

TEST(ByteSourceTest, FolderIsRefused) {
  const absl::Status status = ByteSource::Open(TestPath("")).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("is a folder"));
}

TEST(ByteSourceTest, FrameCutAnywhereIsAnError) {
  const std::string frame = Zstd("The quick brown fox jumps over the lazy dog, again and again.");
  for (size_t length = 4; length < frame.size(); ++length) {
    const std::string path = WriteTestFile("cut.zst", frame.substr(0, length));
    const absl::Status status = ReadAll(path, 16).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << length << ": " << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("cut.zst: byte " + std::to_string(length)));
  }
}

TEST(ByteSourceTest, BytesAfterTheLastFrameAreAnError) {
  const std::string frame = Zstd("content");
  for (const char* trailing : {"x", "xyz", "garbage that is longer"}) {
    const absl::Status status = ReadAll(WriteTestFile("t.zst", frame + trailing), 64).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << trailing << ": " << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("t.zst: byte " + std::to_string(frame.size()) + ": trailing bytes"));
  }
}

TEST(ByteSourceTest, CorruptFrameIsDataLoss) {
  std::string frame = Zstd(LongText());
  std::fill(frame.begin() + 1000, frame.begin() + 1100, '\xff');
  const absl::Status status = ReadAll(WriteTestFile("bad.zst", frame), 4096).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("bad.zst: near byte "));
}

TEST(ByteSourceTest, LimitCountsDecompressedBytes) {
  const std::string bomb = WriteTestFile("bomb.zst", Zstd(std::string(1 << 20, 'a')));
  ASSERT_LT(ReadTestFile(bomb).size(), 1000u);
  EXPECT_EQ(ReadAll(bomb, 4096, {1 << 20})->size(), size_t{1} << 20);
  for (uint64_t limit : {uint64_t{0}, uint64_t{4096}, (uint64_t{1} << 20) - 1}) {
    EXPECT_TRUE(absl::IsResourceExhausted(ReadAll(bomb, 4096, {limit}).status())) << limit;
  }
  const std::string plain = WriteTestFile("plain", "12345");
  EXPECT_EQ(*ReadAll(plain, 4096, {5}), "12345");
  EXPECT_TRUE(absl::IsResourceExhausted(ReadAll(plain, 4096, {4}).status()));
}

TEST(ByteSourceTest, EmptyFramesWithoutEndReachTheLimit) {
  std::string frames;
  const std::string empty = Zstd("");
  while (frames.size() < (1 << 20)) frames += empty;
  const absl::Status status = ReadAll(WriteTestFile("f.zst", frames), 64, {1000}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST(ByteSourceTest, WindowBeyond128MiBIsRefused) {
  // A frame header (RFC 8878, 3.1.1.1): no single segment, window descriptor 0x90 = 2^(10+18)
  // bytes.
  const std::string frame("\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00", 9);
  const absl::Status status = ReadAll(WriteTestFile("w.zst", frame), 64).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("128 MiB"));
}

}  // namespace
}  // namespace vmsim::scenarios
