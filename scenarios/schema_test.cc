// Scenario files and readers of results outlive versions of vmsim: no change of the protos may take
// away what they use.
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "scenarios/schema_dump.h"

namespace vmsim::scenarios {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SchemaTest, KeepsWhatIsRecorded) {
  std::ifstream file("scenarios/testdata/schema.txt");
  ASSERT_TRUE(file.is_open());
  std::vector<std::string> recorded;
  for (std::string line; std::getline(file, line);) recorded.push_back(line);
  EXPECT_GT(recorded.size(), 100u);
  const std::vector<std::string> current = CurrentSchemaLines();
  for (const std::string& problem : CompareSchemas(recorded, current)) ADD_FAILURE() << problem;
}

// The lines of a file that is described in text.
std::vector<std::string> LinesOf(const std::string& text) {
  google::protobuf::FileDescriptorProto proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &proto));
  google::protobuf::DescriptorPool pool;
  const auto* file = pool.BuildFile(proto);
  EXPECT_NE(file, nullptr);
  return file == nullptr ? std::vector<std::string>() : SchemaLines(*file);
}

TEST(SchemaTest, WritesEachKindOfLine) {
  EXPECT_THAT(
      LinesOf(R"(
    name: "a.proto" package: "p" syntax: "proto3"
    message_type {
      name: "M"
      field { name: "plain" number: 1 label: LABEL_OPTIONAL type: TYPE_INT64 }
      field { name: "many" number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".p.M" }
      field { name: "one" number: 3 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 }
      field {
        name: "maybe" number: 4 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".p.M.E"
        oneof_index: 1 proto3_optional: true
      }
      oneof_decl { name: "choice" }
      oneof_decl { name: "_maybe" }
      reserved_range { start: 7 end: 9 }
      reserved_name: "old"
      enum_type {
        name: "E"
        value { name: "E_UNSPECIFIED" number: 0 }
        reserved_range { start: 5 end: 5 }
        reserved_name: "GONE"
      }
    }
  )"),
      ElementsAre("p.M reserved \"old\"", "p.M reserved 7", "p.M reserved 8",
                  "p.M.E reserved \"GONE\"", "p.M.E reserved 5", "p.M.E.E_UNSPECIFIED = 0: value",
                  "p.M.many = 2: repeated p.M", "p.M.maybe = 4: optional p.M.E",
                  "p.M.one = 3: oneof choice, string", "p.M.plain = 1: singular int64"));
}

TEST(SchemaTest, EveryChangeOfALineIsRefused) {
  const std::string line = "p.M.size = 2: singular int64";
  for (const std::string now : {
           "p.M.bytes = 2: singular int64",  // Another name,
           "p.M.size = 3: singular int64",   // number,
           "p.M.size = 2: singular int32",   // type,
           "p.M.size = 2: optional int64",   // presence.
       }) {
    EXPECT_THAT(CompareSchemas({line}, {now}),
                ElementsAre(HasSubstr("not any more: " + line), HasSubstr("not recorded: " + now)));
  }
}

TEST(SchemaTest, AdditionsAreToBeRecorded) {
  EXPECT_THAT(CompareSchemas({"p.M.a = 1: singular bool"}, {"p.M.a = 1: singular bool"}),
              IsEmpty());
  EXPECT_THAT(CompareSchemas({}, {"p.M.a = 1: singular bool"}),
              ElementsAre(HasSubstr("bazel run //scenarios:schema_dump")));
}

TEST(SchemaTest, RemovalReservesNumberAndName) {
  const std::string field = "p.M.a = 1: singular bool";
  const std::string number = "p.M reserved 1";
  const std::string name = "p.M reserved \"a\"";
  EXPECT_THAT(CompareSchemas({field, number, name}, {number, name}), IsEmpty());
  EXPECT_THAT(CompareSchemas({field, number}, {number}), ElementsAre(HasSubstr("reserve")));
  EXPECT_THAT(CompareSchemas({field, name}, {name}), ElementsAre(HasSubstr("reserve")));
  // What is reserved stays so.
  EXPECT_THAT(CompareSchemas({number, name}, {number}), ElementsAre(HasSubstr(name)));
}

}  // namespace
}  // namespace vmsim::scenarios
