#include "scenarios/check_rules.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"
#include "scenarios/text_hints.h"
#include "sim/check.h"

namespace vmsim::scenarios {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kMaxNameBytes = 64;
constexpr int kMaxDepth = 100;

int64_t IntegerValue(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->GetUInt32(message, field);
    default:
      CHECK_EQ(static_cast<int>(field->cpp_type()),
               static_cast<int>(FieldDescriptor::CPPTYPE_INT64));
      return reflection->GetInt64(message, field);
  }
}

absl::Status CheckEnum(const ScenarioPlace& place, const FieldRef& at, const Message& message,
                       const FieldDescriptor* field) {
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_ENUM || field->is_repeated()) {
    return absl::OkStatus();
  }
  const int value = message.GetReflection()->GetEnumValue(message, field);
  if (field->enum_type()->FindValueByNumber(value) != nullptr) return absl::OkStatus();
  return place.Error(at, absl::StrCat(value, " is not a value of this field; use the name of one"));
}

absl::Status CheckShapeAt(const ScenarioPlace& place, const FieldRef& at, const Message& message,
                          int depth) {
  const Reflection* reflection = message.GetReflection();
  if (depth > kMaxDepth)
    return place.Error("", "messages are nested more than 100 deep; flatten them");
  if (!reflection->GetUnknownFields(message).empty()) {
    return place.Error(at, absl::StrCat("holds an unknown field, number ",
                                        reflection->GetUnknownFields(message).field(0).number(),
                                        "; remove it, or use the vmsim that knows it"));
  }
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const absl::string_view name(field->name());
    if (absl::Status status = CheckEnum(place, {&at, name}, message, field); !status.ok()) {
      return status;
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const bool repeated = field->is_repeated();
      const Message& child = repeated ? reflection->GetRepeatedMessage(message, field, i)
                                      : reflection->GetMessage(message, field);
      const FieldRef child_ref{&at, name, repeated ? i : -1};
      if (absl::Status status = CheckShapeAt(place, child_ref, child, depth + 1); !status.ok()) {
        return status;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckInRange(const ScenarioPlace& place, const FieldRef& field, int64_t value,
                          int64_t least, int64_t most, const char* why) {
  if (least <= value && value <= most) return absl::OkStatus();
  return place.Error(field, absl::StrCat(value, " is outside ", least, "..", most, "; ",
                                         why != nullptr ? why : "use a value in this range"));
}

absl::Status CheckIntegers(const ScenarioPlace& place, const FieldRef& at, const Message& message,
                           absl::Span<const IntegerRule> rules) {
  for (const IntegerRule& rule : rules) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(rule.field);
    CHECK(field != nullptr, rule.field);
    if (field->has_presence() && !message.GetReflection()->HasField(message, field)) continue;
    absl::Status status = CheckInRange(place, {&at, rule.field}, IntegerValue(message, field),
                                       rule.least, rule.most, rule.why);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckName(const ScenarioPlace& place, const FieldRef& field, const std::string& name) {
  if (name.empty()) return place.Error(field, "is missing; give it a name");
  if (name.size() > kMaxNameBytes) {
    return place.Error(field, absl::StrCat(Quoted(name), " has ", name.size(),
                                           " bytes; use at most ", kMaxNameBytes));
  }
  for (const char c : name) {
    if (c < 0x20 || c > 0x7e || absl::string_view("[]\"=\\").find(c) != absl::string_view::npos) {
      return place.Error(field,
                         absl::StrCat(Quoted(name), " has a character that names cannot have; ",
                                      "use letters, digits, '_', '-', '.'"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNewName(const ScenarioPlace& place, const FieldRef& field,
                          const std::string& name, absl::string_view what,
                          std::set<std::string>& names) {
  if (absl::Status status = CheckName(place, field, name); !status.ok()) return status;
  if (names.insert(name).second) return absl::OkStatus();
  return place.Error(field, absl::StrCat("another ", what, " is called ", Quoted(name),
                                         "; give each its own name"));
}

absl::Status CheckKnownName(const ScenarioPlace& place, const FieldRef& field,
                            const std::string& name, absl::string_view what,
                            const std::set<std::string>& names) {
  if (names.count(name) != 0) return absl::OkStatus();
  if (name.empty()) return place.Error(field, absl::StrCat("is missing; name a ", what));
  const std::string hint = Suggestion(name, {names.begin(), names.end()});
  return place.Error(field, absl::StrCat("there is no ", what, " called ", Quoted(name), "; ",
                                         hint.empty() ? absl::StrCat("add one") : hint));
}

absl::Status CheckShape(const ScenarioPlace& place, const Message& message) {
  return CheckShapeAt(place, FieldRef{}, message, 1);
}

}  // namespace vmsim::scenarios
