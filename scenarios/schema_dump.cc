#include "scenarios/schema_dump.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "scenarios/result.pb.h"
#include "scenarios/scenario.pb.h"

namespace vmsim::scenarios {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using Lines = std::vector<std::string>;

std::string TypeName(const FieldDescriptor& field) {
  if (field.message_type() != nullptr) return field.message_type()->full_name();
  if (field.enum_type() != nullptr) return field.enum_type()->full_name();
  return field.type_name();
}

// How often the field can be there, and whether its absence shows.
std::string Presence(const FieldDescriptor& field) {
  if (field.is_repeated()) return "repeated ";
  if (field.real_containing_oneof() != nullptr) {
    return absl::StrCat("oneof ", field.real_containing_oneof()->name(), ", ");
  }
  return field.has_optional_keyword() ? "optional " : "singular ";
}

void AddReserved(const std::string& type, int number, Lines& lines) {
  lines.push_back(absl::StrCat(type, " reserved ", number));
}

void AddReserved(const std::string& type, absl::string_view name, Lines& lines) {
  lines.push_back(absl::StrCat(type, " reserved \"", name, "\""));
}

void AddEnum(const EnumDescriptor& type, Lines& lines) {
  const std::string& name = type.full_name();
  for (int i = 0; i < type.value_count(); ++i) {
    lines.push_back(
        absl::StrCat(name, ".", type.value(i)->name(), " = ", type.value(i)->number(), ": value"));
  }
  // Both ends of an enum's range are reserved; a message's range ends before its last.
  for (int i = 0; i < type.reserved_range_count(); ++i) {
    const auto* range = type.reserved_range(i);
    for (int number = range->start; number <= range->end; ++number) {
      AddReserved(name, number, lines);
    }
  }
  for (int i = 0; i < type.reserved_name_count(); ++i) {
    AddReserved(name, type.reserved_name(i), lines);
  }
}

void AddMessage(const Descriptor& type, Lines& lines) {
  const std::string& name = type.full_name();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    lines.push_back(absl::StrCat(field.full_name(), " = ", field.number(), ": ", Presence(field),
                                 TypeName(field)));
  }
  for (int i = 0; i < type.reserved_range_count(); ++i) {
    const auto* range = type.reserved_range(i);
    for (int number = range->start; number < range->end; ++number) {
      AddReserved(name, number, lines);
    }
  }
  for (int i = 0; i < type.reserved_name_count(); ++i) {
    AddReserved(name, type.reserved_name(i), lines);
  }
  for (int i = 0; i < type.enum_type_count(); ++i) AddEnum(*type.enum_type(i), lines);
  for (int i = 0; i < type.nested_type_count(); ++i) AddMessage(*type.nested_type(i), lines);
}

// Whether `line` is a field or a value whose number and name are both reserved in `lines`.
bool IsReserved(absl::string_view line, const std::set<std::string>& lines) {
  const size_t equals = line.find(" = ");
  const size_t colon = line.find(": ");
  if (equals == absl::string_view::npos || colon == absl::string_view::npos) return false;
  const size_t dot = line.rfind('.', equals);
  if (dot == absl::string_view::npos) return false;
  const absl::string_view type = line.substr(0, dot);
  const absl::string_view name = line.substr(dot + 1, equals - dot - 1);
  const absl::string_view number = line.substr(equals + 3, colon - equals - 3);
  return lines.count(absl::StrCat(type, " reserved ", number)) != 0 &&
         lines.count(absl::StrCat(type, " reserved \"", name, "\"")) != 0;
}

}  // namespace

std::vector<std::string> SchemaLines(const FileDescriptor& file) {
  Lines lines;
  for (int i = 0; i < file.enum_type_count(); ++i) AddEnum(*file.enum_type(i), lines);
  for (int i = 0; i < file.message_type_count(); ++i) AddMessage(*file.message_type(i), lines);
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> CurrentSchemaLines() {
  Lines lines = SchemaLines(*v1::Scenario::descriptor()->file());
  const Lines result = SchemaLines(*v1::Result::descriptor()->file());
  lines.insert(lines.end(), result.begin(), result.end());
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> CompareSchemas(const std::vector<std::string>& recorded,
                                        const std::vector<std::string>& current) {
  const std::set<std::string> promised(recorded.begin(), recorded.end());
  const std::set<std::string> there(current.begin(), current.end());
  std::vector<std::string> problems;
  for (const std::string& line : promised) {
    if (there.count(line) != 0 || IsReserved(line, there)) continue;
    problems.push_back(absl::StrCat(
        "was there and is not any more: ", line,
        "\n  Names, numbers and types are never changed, since files carry them: put it back. To "
        "remove a field or a value, reserve its number and its name."));
  }
  for (const std::string& line : there) {
    if (promised.count(line) != 0) continue;
    problems.push_back(absl::StrCat("is not recorded: ", line,
                                    "\n  Record it: bazel run //scenarios:schema_dump > "
                                    "scenarios/testdata/schema.txt"));
  }
  return problems;
}

}  // namespace vmsim::scenarios
