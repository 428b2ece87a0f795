#include "scenarios/lackey.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scenarios/run_collapser.h"
#include "scenarios/test_files.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

using testing::HasSubstr;

TEST(LackeyLineTest, Accesses) {
  const struct {
    std::string_view line;
    uint32_t kind;
    uint64_t address;
    uint32_t bytes;
  } kCases[] = {
      {"I  04001090,3", kFetch, 0x4001090, 3},
      {" S 1fff000628,8", kStore, 0x1fff000628, 8},
      {" L 04021e40,8", kLoad, 0x4021e40, 8},
      {" M 0402a010,4", kModify, 0x402a010, 4},
      {" L 0,1", kLoad, 0, 1},
      {" L ABCdef,4096", kLoad, 0xabcdef, 4096},
      {" S ffffffffffff,1", kStore, 0xffffffffffff, 1},
      {" S 0000000000000000000fff,2", kStore, 0xfff, 2},
  };
  for (const auto& expected : kCases) {
    const absl::StatusOr<LackeyAccess> access = ParseLackeyLine(expected.line);
    ASSERT_TRUE(access.ok()) << expected.line << ": " << access.status();
    EXPECT_EQ(access->kind, expected.kind) << expected.line;
    EXPECT_EQ(access->address, expected.address) << expected.line;
    EXPECT_EQ(access->bytes, expected.bytes) << expected.line;
  }
}

TEST(LackeyLineTest, OtherLinesAreNoAccesses) {
  for (const char* line :
       {"", "==123== Lackey, an example Valgrind tool", "I", "I ", "I 04001090,3", "L  04021e40,8",
        " X 04021e40,8", "  S 04021e40,8", " Load", "hello", "Important, 5"}) {
    const absl::StatusOr<LackeyAccess> access = ParseLackeyLine(line);
    ASSERT_TRUE(access.ok()) << line << ": " << access.status();
    EXPECT_EQ(access->kind, 0u) << line;
  }
}

TEST(LackeyLineTest, BrokenAccesses) {
  const struct {
    std::string_view line, want;
  } kCases[] = {
      {"I  ", "no hexadecimal address"},
      {" L xyz,4", "no hexadecimal address"},
      {" L ,4", "no hexadecimal address"},
      {" L 0400", "no comma"},
      {" L 0400;4", "no comma"},
      {" L 0x400,4", "no comma"},
      {" L 0400,", "no size"},
      {" L 0400,-4", "no size"},
      {" L 0400,0", "the size is not 1 to 4096"},
      {" L 0400,4097", "the size is not 1 to 4096"},
      {" L 0400,99999999999999999999", "the size is not 1 to 4096"},
      {" L 0400,8 ", "something follows"},
      {" L 0400,8I  04001090,3", "something follows"},
      {" L 1000000000000,8", "more than 48 bits"},
      {" L fffffffffffffffffffffffff,8", "more than 48 bits"},
      {" L fffffffffffc,8", "beyond 48 bits"},
  };
  for (const auto& [line, want] : kCases) {
    const absl::Status status = ParseLackeyLine(line).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << line;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(want))) << line;
  }
}

std::string Print(const Vpt1Trace& trace) {
  std::string text;
  for (uint64_t word : trace.records) {
    const VptRecord record = {word};
    absl::StrAppendFormat(&text, "%s%x:", text.empty() ? "" : " ", record.page());
    for (auto [kind, letter] :
         {std::pair(kFetch, 'I'), {kLoad, 'L'}, {kStore, 'S'}, {kModify, 'M'}}) {
      if (record.kinds() & kind) text += letter;
    }
    absl::StrAppend(&text, record.run());
  }
  return text;
}

constexpr std::string_view kLog =
    "==42== Lackey, an example Valgrind tool\n"
    "==42== Command: /bin/true\n"
    "==42== \n"
    "I  04001090,3\n"
    "I  04001093,5\n"
    " S 1fff000628,8\n"
    "I  04001098,4\n"
    " L 04021ffc,8\n"  // On two pages.
    "I  0400109c,3\n"
    " M 04022010,4\n"
    "==42== Exit code:       0\n";

struct Story {
  std::string_view name;
  LackeyOptions options;
  std::string_view want;
};
const Story kStories[] = {
    {"Runs", {}, "4001:I2 1fff000:S1 4001:I1 4021:L1 4022:L1 4001:I1 4022:M1"},
    {"Folded", {.filter_depth = 4}, "4001:I4 1fff000:S1 4021:L1 4022:LM2"},
    {"FoldedByTwo", {.filter_depth = 2}, "4001:I3 1fff000:S1 4021:L1 4022:LM2 4001:I1"},
    {"DataOnly", {.drop_fetches = true}, "1fff000:S1 4021:L1 4022:LM2"},
};
class LackeyStory : public testing::TestWithParam<Story> {};
TEST_P(LackeyStory, Converts) {
  const std::string input = WriteTestFile("true.log", kLog);
  const absl::StatusOr<Vpt1Trace> trace = ReadLackey(input, GetParam().options);
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(Print(*trace), GetParam().want);

  // The same through a file; the header counts the same.
  const std::string output = TestPath("true.vpt.zst");
  const absl::StatusOr<LackeySummary> summary = ImportLackey(input, output, GetParam().options);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->lines, 11u);
  EXPECT_EQ(summary->accesses, 7u);
  const absl::StatusOr<Vpt1Trace> read = ReadVpt1(output);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->records, trace->records);
  EXPECT_EQ(read->header, trace->header);
  EXPECT_EQ(read->header, summary->header);
  EXPECT_EQ(read->header.name, "true");
  EXPECT_EQ(read->header.fetches_dropped, GetParam().options.drop_fetches);
  EXPECT_EQ(read->header.filter_depth, GetParam().options.filter_depth);
}
INSTANTIATE_TEST_SUITE_P(, LackeyStory, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(LackeyTest, LineEndsAndCompressionDoNotMatter) {
  const std::string want = Print(*ReadLackey(WriteTestFile("plain", kLog)));
  std::string dos;
  for (char c : kLog) dos += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(Print(*ReadLackey(WriteTestFile("dos", dos))), want);
  EXPECT_EQ(Print(*ReadLackey(WriteTestFile("zst", Zstd(kLog)))), want);
  EXPECT_EQ(Print(*ReadLackey(WriteTestFile("one", "I  1000,2"))), "1:I1");
}

TEST(LackeyTest, BrokenLineIsNamedAndNothingIsWritten) {
  const std::string input = WriteTestFile("bad.log", "I  04001090,3\nnoise\n L 0400zz,8\n");
  const absl::Status status = ImportLackey(input, TestPath("bad.vpt")).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("bad.log: line 3: a broken access (no comma"));
  EXPECT_EQ(TestFiles(), std::vector<std::string>{"bad.log"});
}

TEST(LackeyTest, OtherTextIsNoTrace) {
  const absl::Status status = ReadLackey(WriteTestFile("mail.txt", "Dear all,\n")).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("mail.txt: no memory accesses in 1 lines"));
  EXPECT_TRUE(absl::IsNotFound(ReadLackey(TestPath("none.log")).status()));
  EXPECT_TRUE(absl::IsNotFound(ImportLackey(TestPath("none.log"), TestPath("o.vpt")).status()));
}

TEST(LackeyTest, OptionsAndLimits) {
  const std::string input = WriteTestFile("true.log", kLog);
  for (uint32_t depth : {0u, kMaxFilterDepth + 1}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadLackey(input, {.filter_depth = depth}).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(
        ImportLackey(input, TestPath("o.vpt"), {.filter_depth = depth}).status()));
  }
  for (const LackeyOptions& options :
       {LackeyOptions{.limits = {.max_records = 6}},
        LackeyOptions{.limits = {.max_distinct_pages = 3}}, LackeyOptions{.byte_limits = {100}}}) {
    EXPECT_TRUE(absl::IsResourceExhausted(ReadLackey(input, options).status()));
    EXPECT_TRUE(
        absl::IsResourceExhausted(ImportLackey(input, TestPath("o.vpt"), options).status()));
  }
  EXPECT_EQ(TestFiles(), std::vector<std::string>{"true.log"});
}

// A long log: pieces, old records that hold others back, and the sum of everything.
TEST(LackeyTest, LongLogKeepsEveryReference) {
  sim::SplitMix64 random(3);
  std::string log;
  uint64_t references = 0;
  for (int i = 0; i < 300'000; ++i) {
    const uint64_t address = random.Below(uint64_t{1} << 33);
    const uint32_t bytes = 1 + static_cast<uint32_t>(random.Below(64));
    absl::StrAppendFormat(&log, "I  1000,4\n L %08x,%d\n", address, bytes);
    references += 2 + ((address + bytes - 1) >> 12) - (address >> 12);
  }
  const std::string input = WriteTestFile("long.log", log);
  for (uint32_t depth : {1u, 8u}) {
    const LackeyOptions options = {.filter_depth = depth};
    const absl::StatusOr<Vpt1Trace> trace = ReadLackey(input, options);
    ASSERT_TRUE(trace.ok()) << trace.status();
    EXPECT_EQ(trace->header.references, references);
    // With folding the code page is one record, which stays open to the end.
    if (depth > 1) {
      EXPECT_EQ(VptRecord{trace->records[0]}.run(), 300'000u);
    }
    ASSERT_TRUE(ImportLackey(input, TestPath("long.vpt"), options).ok());
    const absl::StatusOr<Vpt1Trace> read = ReadVpt1(TestPath("long.vpt"));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->records, trace->records);
    EXPECT_EQ(read->header, trace->header);
  }
}

}  // namespace
}  // namespace vmsim::scenarios
