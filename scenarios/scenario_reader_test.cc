#include "scenarios/scenario_reader.h"

#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scenarios/scenario_override.h"
#include "scenarios/test_files.h"
#include "scenarios/text_hints.h"

namespace vmsim::scenarios {
namespace {

using testing::HasSubstr;
using testing::Not;

// A scenario that is in order; tests change or append to it. Line 3 is the memory.
constexpr char kGood[] = R"(# A comment.
name: "good"
memory { pages: 2000 }
disks { name: "d0" size_bytes: 8388608 ssd {} }
swap { disk: "d0" }
processes {
  name: "p"
  steps { map { name: "heap" pages: 100 } }
  steps { generate { map: "heap" kind: ZIPF refs: 1000 } }
}
processes { name: "q" count: 3 steps { sleep { ns: 5 } } }
expectations { counter: "v_swapin" ge: 0 }
)";

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

// --- Text that cannot be parsed ---

struct BadText {
  const char* name;
  const char* text;
  const char* error;  // The whole message.
};

constexpr BadText kBadTexts[] = {
    {"UnknownField", "memory { page: 2000 }",
     "s.txtpb:1:14: Message type \"Memory\" has no field named \"page\"; did you mean \"pages\"?"},
    {"UnknownTopField", "\n\n  memroy { pages: 2000 }",
     "s.txtpb:3:10: Message type \"Scenario\" has no field named \"memroy\"; did you mean "
     "\"memory\"?"},
    {"WrongType", "memory { pages: \"many\" }",
     "s.txtpb:1:17: pages: Expected integer, got: \"many\"; write a whole number, such as 4000"},
    {"NotWhole", "memory { pages: 1.5 }",
     "s.txtpb:1:17: pages: Expected integer, got: 1.5; write a whole number, such as 4000"},
    {"TooLargeForInt64", "memory { pages: 99999999999999999999 }",
     "s.txtpb:1:17: pages: Integer out of range (99999999999999999999); write a number that fits "
     "the field"},
    {"NegativeUnsigned", "seed: -1",
     "s.txtpb:1:7: seed: Expected integer, got: -; write a whole number, such as 4000"},
    {"FieldTwice", "memory { pages: 2000 pages: 2000 }",
     "s.txtpb:1:27: Non-repeated field \"pages\" is specified multiple times; keep one of them"},
    {"TwoModels", "disks { ssd {} hdd {} }",
     "s.txtpb:1:20: Field \"hdd\" is specified along with field \"ssd\", another member of oneof "
     "\"model\"; keep one of them"},
    {"UnknownEnumValue", "freebsd { revision: R14 }",
     "s.txtpb:1:25: Unknown enumeration value of \"R14\" for field \"revision\"; did you mean "
     "\"R15\"?"},
    {"Unclosed", "memory { pages: 2000",
     "s.txtpb:1:21: Expected identifier, got: the end of the text; write a field's name, or close "
     "the brace that is "
     "open"},
    {"OpenString", "name: \"x\nseed: 1",
     "s.txtpb:1:9: String literals cannot cross line boundaries; close the double quote"},
    {"NotUtf8", "name: \"a\"\ndescription: \"\xff\"",
     "s.txtpb:2: byte 24 is not UTF-8 text; save the file as UTF-8"},
    {"ControlCharacterInTheText", "name: \"a\"\x01",
     "s.txtpb:1:10: Invalid control characters encountered in text; correct the text"},
};

class BadTextTest : public testing::TestWithParam<BadText> {};

TEST_P(BadTextTest, SaysWhereWhatAndTheFix) {
  const auto file = ParseScenario(GetParam().text, "s.txtpb");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MessageOf(file.status()), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(, BadTextTest, testing::ValuesIn(kBadTexts),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ScenarioReaderTest, DeepNestingIsRefusedNotFollowed) {
  std::string text = "processes { name: 'p' ";
  for (int i = 0; i < 100'000; ++i) text += "steps{repeat{times:1 ";
  const auto file = ParseScenario(text, "s.txtpb");
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(MessageOf(file.status()), HasSubstr("Message is too deep"));
  EXPECT_LT(file.status().message().size(), 500u);
}

// --- Files ---

TEST(ScenarioReaderTest, ReadsText) {
  const std::string path = WriteTestFile("plain name.txtpb", kGood);
  const auto file = ReadScenario(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->scenario.name(), "good");
  EXPECT_EQ(file->scenario.memory().pages(), 2000);
  EXPECT_EQ(file->base_dir, path.substr(0, path.rfind('/')));
}

TEST(ScenarioReaderTest, AFileWithoutANameLendsItsOwn) {
  std::string text = kGood;
  text.replace(text.find("name: \"good\""), 12, "");
  const auto file = ReadScenario(WriteTestFile("plain name.v2.txtpb", text));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->scenario.name(), "plain_name.v2");
}

TEST(ScenarioReaderTest, ReadsBinary) {
  const auto good = ParseScenario(kGood, "s.txtpb");
  ASSERT_TRUE(good.ok());
  const auto file = ReadScenario(WriteTestFile("s.binpb", good->scenario.SerializeAsString()));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->scenario.processes_size(), 2);
}

TEST(ScenarioReaderTest, BrokenBinary) {
  const auto good = ParseScenario(kGood, "s.txtpb");
  ASSERT_TRUE(good.ok());
  std::string bytes = good->scenario.SerializeAsString();
  bytes.resize(bytes.size() - 3);
  const std::string path = WriteTestFile("s.binpb", bytes);
  EXPECT_THAT(MessageOf(ReadScenario(path).status()),
              HasSubstr(path + ": is not a binary scenario: cut short, corrupt"));
}

// Text cannot hold these; binary and programs can.
TEST(ScenarioReaderTest, UnknownFieldAndEnumValueInBinary) {
  const auto good = ParseScenario(kGood, "s.txtpb");
  ASSERT_TRUE(good.ok());
  // Field 1000, varint 1.
  const std::string unknown = good->scenario.SerializeAsString() + "\xc0\x3e\x01";
  EXPECT_THAT(MessageOf(ReadScenario(WriteTestFile("u.binpb", unknown)).status()),
              HasSubstr("holds an unknown field, number 1000; remove it"));
  v1::Scenario odd = good->scenario;
  odd.mutable_freebsd()->set_revision(static_cast<v1::FreeBsd::Revision>(99));
  EXPECT_EQ(MessageOf(CheckScenario(odd)),
            "scenario: freebsd.revision: 99 is not a value of this field; use the name of one");
}

TEST(ScenarioReaderTest, NestedBinaryIsRefused) {
  v1::Scenario scenario;
  v1::Process* process = scenario.add_processes();
  v1::Repeat* repeat = process->add_steps()->mutable_repeat();
  for (int i = 0; i < 200; ++i) repeat = repeat->add_steps()->mutable_repeat();
  const auto file = ReadScenario(WriteTestFile("s.binpb", scenario.SerializeAsString()));
  EXPECT_THAT(MessageOf(file.status()), HasSubstr("nested more than 100 deep"));
  EXPECT_THAT(MessageOf(CheckScenario(scenario)), HasSubstr("nested more than 100 deep"));
}

TEST(ScenarioReaderTest, MissingFilesFoldersAndLargeFiles) {
  const auto missing = ReadScenario(TestPath("none.txtpb"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(MessageOf(missing.status()), HasSubstr("none.txtpb: there is no such file"));
  const auto folder = ReadScenario(testing::TempDir());
  EXPECT_THAT(MessageOf(folder.status()), HasSubstr("is a folder"));
  ReadOptions small;
  small.max_file_bytes = 100;
  const auto large = ReadScenario(WriteTestFile("s.txtpb", kGood), small);
  EXPECT_THAT(MessageOf(large.status()), HasSubstr("is larger than the 100 bytes"));
}

TEST(ScenarioReaderTest, AFileNameCannotReachTheTerminal) {
  EXPECT_THAT(MessageOf(ReadScenario("\033[31m\n.txtpb").status()),
              HasSubstr("\"\\x1b[31m\\n.txtpb\": there is no such file"));
}

// --- Places ---

TEST(ScenarioReaderTest, ErrorsOfMeaningHaveALineToo) {
  std::string text = kGood;
  text.replace(text.find("2000"), 4, "999");
  EXPECT_THAT(MessageOf(ParseScenario(text, "s.txtpb").status()),
              testing::StartsWith("s.txtpb:3:10: memory.pages: 999 is below FreeBSD's workable "
                                  "minimum"));
  text = kGood;
  text.replace(text.find("refs: 1000"), 10, "refs: -5");
  EXPECT_THAT(
      MessageOf(ParseScenario(text, "s.txtpb").status()),
      testing::StartsWith("s.txtpb:9:45: processes[0].steps[1].generate.refs: -5 is outside"));
}

TEST(ScenarioReaderTest, WhatIsMissingHasThePlaceOfWhatItBelongsTo) {
  std::string text = kGood;
  text.replace(text.find("kind: ZIPF"), 10, "");
  EXPECT_THAT(MessageOf(ParseScenario(text, "s.txtpb").status()),
              testing::StartsWith("s.txtpb:9:11: processes[0].steps[1].generate.kind: is missing"));
}

// --- --set ---

struct Override {
  const char* name;
  const char* text;
  const char* result;  // The path, or the error after "--set ...: ".
};

constexpr Override kOverrides[] = {
    {"Field", "memory.pages=3000", "memory.pages"},
    {"Top", "seed=18446744073709551615", "seed"},
    {"Element", "processes[0].steps[1].generate.refs=10", "processes[0].steps[1].generate.refs"},
    {"ByName", "processes[q].count=4", "processes[1].count"},
    {"Enum", "freebsd.revision=R13_2", "freebsd.revision"},
    {"Bool", "processes[0].protect=true", "processes[0].protect"},
    {"Text", "description=a = b", "description"},
    {"EmptyText", "description=", "description"},
    {"Message", "disks[0].hdd={ preset: HP97560 }", "disks[0].hdd"},
    {"BoundOfAnExpectation", "expectations[0].le=3", "expectations[0].le"},
    {"NoEquals", "memory.pages", "is not path=value; write it like memory.pages=2000"},
    {"NoPath", "=3", "is not path=value; write it like memory.pages=2000"},
    {"UnknownField", "memory.page=3", "Memory has no field \"page\"; did you mean \"pages\"?"},
    {"NotANumber", "memory.pages=3k",
     "\"3k\" is not a whole number that fits the field; write one such as 4000"},
    {"TooLarge", "cpus.count=3000000000",
     "\"3000000000\" is not a whole number that fits the field; write one such as 4000"},
    {"NotABool", "processes[0].protect=yes",
     "\"yes\" is neither true nor false; write one of them"},
    {"NotAnEnum", "freebsd.revision=13", "\"13\" is not a value of revision; known are R13_2, R15"},
    {"NoIndex", "processes.count=3", "processes is a list of 2; say which, as in processes[0]"},
    {"BadIndex", "processes[2].count=3",
     "processes has 2 elements, counted from 0; 2 is not one of them"},
    {"NegativeIndex", "processes[-1].count=3",
     "processes has 2 elements, counted from 0; -1 is not one of them"},
    {"UnknownName", "processes[r].count=3",
     "no element of processes is called \"r\"; known are p, q"},
    {"NotAList", "memory[0].pages=3", "memory is not a list; leave the brackets out"},
    {"PastAScalar", "memory.pages.x=3",
     "memory.pages has no fields of its own; end the path there"},
    {"OtherStep", "processes[0].steps[0].touch.pages=3",
     "this Step has map, not touch; to replace it, set touch={ ... }"},
    {"MessageWithoutBraces", "memory=3",
     "a message is set as a whole, in braces: { field: value }; or name one of its fields"},
    {"BadMessage", "memory={ page: 3 }",
     "value:1:6: Message type \"Memory\" has no field named \"page\"; did you mean \"pages\"?"},
    {"UnclosedBracket", "processes[0.count=3", "the path has a [ without a ]; close it"},
    {"EmptyPart", "memory..pages=3", "the path has an empty part; write it like memory.pages"},
};

class OverrideTest : public testing::TestWithParam<Override> {};

TEST_P(OverrideTest, PathOrError) {
  auto file = ParseScenario(kGood, "s.txtpb");
  ASSERT_TRUE(file.ok()) << file.status();
  const auto path = ApplyOverride(GetParam().text, &file->scenario);
  if (path.ok()) {
    EXPECT_EQ(*path, GetParam().result);
  } else {
    EXPECT_EQ(MessageOf(path.status()),
              "--set " + Quoted(GetParam().text) + ": " + GetParam().result);
  }
}

INSTANTIATE_TEST_SUITE_P(, OverrideTest, testing::ValuesIn(kOverrides),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ScenarioOverrideTest, ValuesArrive) {
  ReadOptions options;
  options.overrides = {"memory.pages=3000", "processes[q].count=7",
                       "disks[0].hdd={preset: HP97560}",
                       "processes[0].steps[1].generate.kind=UNIFORM", "memory.pages=4000"};
  const auto file = ParseScenario(kGood, "s.txtpb", options);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->scenario.memory().pages(), 4000);  // The last one holds.
  EXPECT_EQ(file->scenario.processes(1).count(), 7);
  EXPECT_TRUE(file->scenario.disks(0).has_hdd());
  EXPECT_EQ(file->scenario.processes(0).steps(1).generate().kind(), v1::Generate::UNIFORM);
  EXPECT_EQ(file->scenario.processes(0).steps(1).generate().refs(), 1000);
}

TEST(ScenarioOverrideTest, AnErrorOfMeaningNamesTheOverride) {
  ReadOptions options;
  options.overrides = {"memory.pages=10"};
  EXPECT_THAT(MessageOf(ParseScenario(kGood, "s.txtpb", options).status()),
              testing::StartsWith("s.txtpb: --set memory.pages=10: memory.pages: 10 is below"));
  options.overrides = {"swap[0]={ disk: \"d1\" }"};
  EXPECT_THAT(
      MessageOf(ParseScenario(kGood, "s.txtpb", options).status()),
      testing::StartsWith("s.txtpb: --set swap[0]={ disk: \"d1\" }: swap[0].disk: there is no "
                          "disk called \"d1\"; did you mean \"d0\"?"));
}

// --- Hints ---

TEST(TextHintsTest, Nearest) {
  const std::vector<std::string> names = {"run", "import", "counters", "policies"};
  EXPECT_EQ(Nearest("rnu", names), "run");
  EXPECT_EQ(Nearest("conters", names), "counters");
  EXPECT_EQ(Nearest("polices", names), "policies");
  EXPECT_EQ(Nearest("x", names), "");
  EXPECT_EQ(Nearest(std::string(1'000'000, 'a'), names), "");
  EXPECT_EQ(Suggestion("zzz", {"a", "b"}), "known are a, b");
  EXPECT_EQ(Suggestion("zzz", {}), "");
}

TEST(TextHintsTest, QuotedIsSafeAndShort) {
  EXPECT_EQ(Quoted("a\033[2J\n\"b"), "\"a\\x1b[2J\\n\\\"b\"");
  EXPECT_LT(Quoted(std::string(1'000'000, 'a')).size(), 100u);
}

}  // namespace
}  // namespace vmsim::scenarios
