#include "scenarios/vpt1.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scenarios/test_files.h"
#include "scenarios/vpt1_writer.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

using testing::HasSubstr;
using Words = std::vector<uint64_t>;

std::string Bytes(const Words& words) {
  std::string bytes;
  for (uint64_t word : words) {
    for (int byte = 0; byte < 8; ++byte) bytes += static_cast<char>(word >> (8 * byte));
  }
  return bytes;
}

// Three records on two pages, written out by hand.
const Words kWords = {0x0000036000004033, 0x0000014000001fff, 0x0000021000004033};

std::string SmallTrace() {
  Vpt1Header header;
  header.records = 3;
  header.references = 6;
  header.distinct_pages = 2;
  header.name = "small";
  return EncodeVpt1Header(header) + Bytes(kWords);
}

TEST(VptRecordTest, Fields) {
  const VptRecord record = {0x0000036000004033};
  EXPECT_EQ(record.page(), 0x4033u);
  EXPECT_EQ(record.kinds(), static_cast<uint32_t>(kLoad | kStore));
  EXPECT_EQ(record.run(), 3u);
  EXPECT_TRUE(record.writes());
  EXPECT_EQ(record, MakeRecord(0x4033, kLoad | kStore, 3));
  const VptRecord largest = MakeRecord(kMaxPage, 15, kMaxRun);
  EXPECT_EQ(largest.word, ~uint64_t{0});
  EXPECT_EQ(largest.page(), 0xfffffffffu);
  EXPECT_EQ(largest.run(), 16777215u);
  EXPECT_FALSE(MakeRecord(1, kFetch | kLoad, 1).writes());
}

TEST(Vpt1Test, HeaderBytes) {
  Vpt1Header header;
  header.fetches_dropped = true;
  header.records = 0x0102030405060708;
  header.references = 2;
  header.distinct_pages = 3;
  header.filter_depth = 4;
  header.name = "abc";
  EXPECT_EQ(EncodeVpt1Header(header), std::string("VPT1\x01\x00\x0c\x01", 8) +
                                          "\x08\x07\x06\x05\x04\x03\x02\x01" + Bytes({2, 3, 4}) +
                                          "abc" + std::string(21, '\0'));
}

TEST(Vpt1Test, ReadsPlainAndCompressed) {
  for (const std::string& bytes : {SmallTrace(), Zstd(SmallTrace())}) {
    const absl::StatusOr<Vpt1Trace> trace = ReadVpt1(WriteTestFile("t.vpt", bytes));
    ASSERT_TRUE(trace.ok()) << trace.status();
    EXPECT_EQ(trace->records, kWords);
    EXPECT_EQ(trace->header.references, 6u);
    EXPECT_EQ(trace->header.name, "small");
    EXPECT_FALSE(trace->header.fetches_dropped);
  }
}

TEST(Vpt1Test, ReaderGivesPiecesOfAnySize) {
  const std::string path = WriteTestFile("t.vpt", SmallTrace());
  for (size_t piece : {1u, 2u, 3u, 100u}) {
    auto reader = Vpt1Reader::Open(path);
    ASSERT_TRUE(reader.ok());
    Words all, words(piece);
    while (true) {
      const absl::StatusOr<size_t> got = (*reader)->Read(words);
      ASSERT_TRUE(got.ok()) << got.status();
      if (*got == 0) break;
      all.insert(all.end(), words.begin(), words.begin() + static_cast<ptrdiff_t>(*got));
    }
    EXPECT_EQ(all, kWords);
  }
}

// One byte of the small trace is changed, or its length; the message must say where and what.
struct Damage {
  std::string_view name;
  size_t at;
  uint8_t value;
  absl::StatusCode code;
  std::string_view want;
};
constexpr Damage kDamages[] = {
    {"Magic", 3, '2', absl::StatusCode::kInvalidArgument, "byte 0: is not a VPT1 trace"},
    {"Version", 4, 2, absl::StatusCode::kInvalidArgument, "byte 4: version 2 is not known"},
    {"VersionHighByte", 5, 1, absl::StatusCode::kInvalidArgument, "byte 4: version 257"},
    {"PageShift", 6, 13, absl::StatusCode::kInvalidArgument, "byte 6: page shift 13"},
    {"Flags", 7, 2, absl::StatusCode::kInvalidArgument, "byte 7: flags 2"},
    {"MoreRecords", 8, 4, absl::StatusCode::kDataLoss,
     "byte 88: the file ends after 3 of the 4 records"},
    {"FewerRecords", 8, 2, absl::StatusCode::kInvalidArgument,
     "byte 80: trailing bytes after the 2 records"},
    {"NoRecords", 8, 0, absl::StatusCode::kInvalidArgument, "byte 64: trailing bytes"},
    {"EnormousRecords", 15, 0x7f, absl::StatusCode::kResourceExhausted,
     "byte 8: 9151314442816847875 records"},
    {"References", 16, 7, absl::StatusCode::kInvalidArgument,
     "byte 16: the header says 7 references, the runs add up to 6"},
    {"DistinctPages", 24, 3, absl::StatusCode::kInvalidArgument,
     "byte 24: the header says 3 distinct pages, the records have 2"},
    {"FilterDepth", 32, 0, absl::StatusCode::kInvalidArgument, "byte 32: filter depth 0"},
    {"NameWithControl", 41, 7, absl::StatusCode::kInvalidArgument, "byte 40: the name"},
    {"NameGoesOnAfterZero", 50, 'x', absl::StatusCode::kInvalidArgument, "byte 40: the name"},
    {"EmptyRun", 72 + 5, 0, absl::StatusCode::kInvalidArgument,
     "byte 72: record 1 (page 8191) has an empty run"},
    {"NoKind", 64 + 4, 0, absl::StatusCode::kInvalidArgument,
     "byte 64: record 0 (page 16435) has no reference kind"},
};

class Vpt1DamageTest : public testing::TestWithParam<Damage> {};
TEST_P(Vpt1DamageTest, IsReported) {
  std::string bytes = SmallTrace();
  bytes[GetParam().at] = static_cast<char>(GetParam().value);
  if (GetParam().name == "EmptyRun") bytes[72 + 6] = bytes[72 + 7] = 0;
  const absl::Status status = ReadVpt1(WriteTestFile("t.vpt", bytes)).status();
  EXPECT_EQ(status.code(), GetParam().code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("t.vpt: " + std::string(GetParam().want)));
}
INSTANTIATE_TEST_SUITE_P(, Vpt1DamageTest, testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Vpt1Test, Limits) {
  const std::string path = WriteTestFile("t.vpt", SmallTrace());
  EXPECT_TRUE(ReadVpt1(path, {.max_records = 3, .max_distinct_pages = 2}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(ReadVpt1(path, {.max_records = 2}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(ReadVpt1(path, {.max_distinct_pages = 1}).status()));
  // The header's claim alone takes no memory.
  std::string bytes = SmallTrace();
  bytes[14] = 1;
  const absl::Status status =
      ReadVpt1(WriteTestFile("u.vpt", bytes), {.max_records = ~uint64_t{0}}).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

// Properties: whatever happens to the bytes, the answer is a trace or an error that names the file.

void ExpectTraceOrError(const std::string& bytes, const std::string& what) {
  const absl::StatusOr<Vpt1Trace> trace = ReadVpt1(WriteTestFile("x.vpt", bytes));
  if (trace.ok()) {
    EXPECT_EQ(trace->records.size(), trace->header.records) << what;
    return;
  }
  EXPECT_THAT(std::string(trace.status().message()), HasSubstr("x.vpt: ")) << what;
}

TEST(Vpt1Property, CutAtEveryLengthIsAnError) {
  for (const std::string& bytes : {SmallTrace(), Zstd(SmallTrace())}) {
    for (size_t length = 0; length < bytes.size(); ++length) {
      const absl::Status status =
          ReadVpt1(WriteTestFile("x.vpt", bytes.substr(0, length))).status();
      EXPECT_FALSE(status.ok()) << length;
      EXPECT_THAT(std::string(status.message()), HasSubstr("x.vpt: "));
      if (length >= 64 && bytes == SmallTrace()) {
        EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      }
    }
  }
}

TEST(Vpt1Property, EveryFlippedBitGivesATraceOrAnError) {
  for (const std::string& good : {SmallTrace(), Zstd(SmallTrace())}) {
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bytes = good;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      ExpectTraceOrError(bytes, "bit " + std::to_string(bit));
    }
  }
}

TEST(Vpt1Property, RandomDamageGivesATraceOrAnError) {
  Words words;
  for (uint64_t i = 0; i < 500; ++i) words.push_back(MakeRecord(i % 37, kLoad, 1 + i % 5).word);
  ASSERT_TRUE(WriteVpt1(TestPath("good.vpt.zst"), words).ok());
  const std::string good = ReadTestFile(TestPath("good.vpt.zst"));
  for (uint64_t seed = 0; seed < 500; ++seed) {
    sim::SplitMix64 random(seed);
    std::string bytes = good;
    for (uint64_t i = 1 + random.Below(8); i > 0; --i) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    }
    if (random.Below(4) == 0) bytes.resize(random.Below(bytes.size()));
    if (random.Below(4) == 0) bytes += bytes.substr(random.Below(bytes.size()));
    ExpectTraceOrError(bytes, "seed " + std::to_string(seed));
  }
}

// Writing.

TEST(Vpt1WriterTest, RoundTrip) {
  sim::SplitMix64 random(1);
  Words words;
  for (int i = 0; i < 50000; ++i) {
    words.push_back(
        MakeRecord(random.Below(3000), 1 + random.Below(15), 1 + random.Below(kMaxRun)).word);
  }
  const Vpt1WriterOptions options = {
      .name = "a name of 24 characters!", .filter_depth = 8, .fetches_dropped = true};
  for (const char* name : {"t.vpt", "t.vpt.zst"}) {
    const absl::StatusOr<Vpt1Header> written = WriteVpt1(TestPath(name), words, options);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ(written->records, 50000u);
    EXPECT_EQ(written->filter_depth, 8u);
    EXPECT_TRUE(written->fetches_dropped);
    const absl::StatusOr<Vpt1Trace> trace = ReadVpt1(TestPath(name));
    ASSERT_TRUE(trace.ok()) << trace.status();
    EXPECT_EQ(trace->records, words);
    EXPECT_EQ(trace->header, *written);
  }
  EXPECT_EQ(TestFiles(), (std::vector<std::string>{"t.vpt", "t.vpt.zst"}));
  EXPECT_EQ(ReadTestFile(TestPath("t.vpt")).size(), 64 + 8 * words.size());
  EXPECT_LT(ReadTestFile(TestPath("t.vpt.zst")).size(), 8 * words.size());
}

TEST(Vpt1WriterTest, EmptyTrace) {
  ASSERT_TRUE(WriteVpt1(TestPath("t.vpt.zst"), {}).ok());
  const absl::StatusOr<Vpt1Trace> trace = ReadVpt1(TestPath("t.vpt.zst"));
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_TRUE(trace->records.empty());
}

TEST(Vpt1WriterTest, ErrorsLeaveNothingBehind) {
  const uint64_t good = MakeRecord(1, kLoad, 1).word;
  const std::string path = TestPath("t.vpt.zst");
  EXPECT_TRUE(
      absl::IsInvalidArgument(WriteVpt1(path, {}, {.name = "a name of 25 characters!!"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(WriteVpt1(path, {}, {.name = "a\n"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(WriteVpt1(path, {}, {.filter_depth = 0}).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(WriteVpt1(path, Words{good, MakeRecord(1, 0, 1).word}).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(WriteVpt1(path, Words{good, MakeRecord(1, kLoad, 0).word}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(
      WriteVpt1(path, Words{good, good}, {.limits = {.max_records = 1}}).status()));
  const Words two_pages = {good, MakeRecord(2, kLoad, 1).word};
  EXPECT_TRUE(absl::IsResourceExhausted(
      WriteVpt1(path, two_pages, {.limits = {.max_distinct_pages = 1}}).status()));
  {
    auto abandoned = Vpt1Writer::Create(path);
    ASSERT_TRUE(abandoned.ok() && (*abandoned)->Append(two_pages).ok());
  }
  EXPECT_TRUE(TestFiles().empty()) << testing::PrintToString(TestFiles());
}

TEST(Vpt1WriterTest, NameFromPath) {
  EXPECT_EQ(Vpt1NameFromPath("/tmp/sqlite-sort.vpt.zst"), "sqlite-sort");
  EXPECT_EQ(Vpt1NameFromPath("trace"), "trace");
  EXPECT_EQ(Vpt1NameFromPath("a b\xc3\xa4.log"), "a_b__");
  EXPECT_EQ(Vpt1NameFromPath("x/.hidden.log"), ".hidden");
  EXPECT_EQ(Vpt1NameFromPath("a-name-of-more-than-24-characters"), "a-name-of-more-than-24-c");
  EXPECT_EQ(Vpt1NameFromPath("folder/"), "");
}

// Replay.

TEST(VptTraceSourceTest, RepeatsAcrossPieces) {
  for (size_t piece : {1u, 2u, 4u, 5u, 100u}) {
    VptTraceSource source(kWords, 3);
    Words all, words(piece);
    size_t got;
    while ((got = source.Fill(words.data(), piece)) > 0) {
      all.insert(all.end(), words.begin(), words.begin() + static_cast<ptrdiff_t>(got));
      if (got < piece) {
        EXPECT_EQ(source.Fill(words.data(), piece), 0u);
      }
    }
    ASSERT_EQ(all.size(), 9u) << piece;
    for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], kWords[i % 3]);
  }
  uint64_t word;
  EXPECT_EQ(VptTraceSource(kWords, 0).Fill(&word, 1), 0u);
  EXPECT_EQ(VptTraceSource({}, 5).Fill(&word, 1), 0u);
}

// The traces that come with vmsim (scenarios/traces/README.md).

TEST(Vpt1Test, OurTracesAreWhole) {
  const struct {
    const char* path;
    uint64_t references, distinct_pages;
    const char* name;
  } kTraces[] = {
      {"scenarios/traces/lackey-cc1-compile.vpt.zst", 55'522'935, 2'885, "cc1-compile"},
      {"scenarios/traces/lackey-sqlite-sort.vpt.zst", 34'406'862, 635, "sqlite-sort"},
  };
  for (const auto& expected : kTraces) {
    const absl::StatusOr<Vpt1Trace> trace = ReadVpt1(expected.path);
    ASSERT_TRUE(trace.ok()) << trace.status();
    EXPECT_EQ(trace->records.size(), 3'000'000u);
    EXPECT_EQ(trace->header.references, expected.references);
    EXPECT_EQ(trace->header.distinct_pages, expected.distinct_pages);
    EXPECT_EQ(trace->header.filter_depth, 8u);
    EXPECT_EQ(trace->header.name, expected.name);
  }
}

}  // namespace
}  // namespace vmsim::scenarios
