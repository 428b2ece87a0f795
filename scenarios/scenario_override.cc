#include "scenarios/scenario_override.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "scenarios/status_macros.h"
#include "scenarios/text_hints.h"
#include "scenarios/text_parse.h"

namespace vmsim::scenarios {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;

struct Part {
  std::string name;
  std::optional<std::string> element;  // What stands in brackets.
};

absl::Status Wrong(absl::string_view what) { return absl::InvalidArgumentError(what); }

// "a.b[c.d].e": dots inside brackets belong to a name.
absl::StatusOr<std::vector<Part>> ParsePath(absl::string_view path) {
  std::vector<Part> parts;
  while (true) {
    const size_t end = path.find_first_of(".[");
    Part part{std::string(path.substr(0, end)), std::nullopt};
    path.remove_prefix(part.name.size());
    if (part.name.empty()) return Wrong("the path has an empty part; write it like memory.pages");
    if (absl::ConsumePrefix(&path, "[")) {
      const size_t close = path.find(']');
      if (close == absl::string_view::npos) return Wrong("the path has a [ without a ]; close it");
      part.element = std::string(path.substr(0, close));
      path.remove_prefix(close + 1);
    }
    parts.push_back(std::move(part));
    if (path.empty()) return parts;
    if (!absl::ConsumePrefix(&path, "."))
      return Wrong("the path goes on after ] without a dot; add one");
  }
}

absl::StatusOr<const FieldDescriptor*> FindField(const Descriptor* type, const std::string& name) {
  if (const FieldDescriptor* field = type->FindFieldByName(name); field != nullptr) return field;
  std::vector<std::string> names;
  for (int i = 0; i < type->field_count(); ++i) names.push_back(type->field(i)->name());
  return Wrong(
      absl::StrCat(type->name(), " has no field ", Quoted(name), "; ", Suggestion(name, names)));
}

// The place of an element, given by its number or its name.
absl::StatusOr<int> FindElement(const Message& message, const FieldDescriptor* field,
                                const Part& part) {
  const auto* reflection = message.GetReflection();
  const int size = reflection->FieldSize(message, field);
  if (!part.element.has_value()) {
    return Wrong(
        absl::StrCat(part.name, " is a list of ", size, "; say which, as in ", part.name, "[0]"));
  }
  int index = 0;
  if (absl::SimpleAtoi(*part.element, &index)) {
    if (index >= 0 && index < size) return index;
    return Wrong(absl::StrCat(part.name, " has ", size, " elements, counted from 0; ", index,
                              " is not one of them"));
  }
  const FieldDescriptor* name =
      field->message_type() == nullptr ? nullptr : field->message_type()->FindFieldByName("name");
  if (name == nullptr) {
    return Wrong(absl::StrCat("elements of ", part.name, " have no names; use a number"));
  }
  std::vector<std::string> names;
  for (int i = 0; i < size; ++i) {
    const Message& element = reflection->GetRepeatedMessage(message, field, i);
    names.push_back(element.GetReflection()->GetString(element, name));
    if (names.back() == *part.element) return i;
  }
  return Wrong(absl::StrCat("no element of ", part.name, " is called ", Quoted(*part.element), "; ",
                            Suggestion(*part.element, names)));
}

// Refuses to go into a member of a oneof while another is set.
absl::Status CheckOneof(const Message& message, const FieldDescriptor* field) {
  const OneofDescriptor* oneof = field->real_containing_oneof();
  if (oneof == nullptr) return absl::OkStatus();
  const FieldDescriptor* set = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (set == nullptr || set == field) return absl::OkStatus();
  return Wrong(absl::StrCat("this ", message.GetDescriptor()->name(), " has ", set->name(),
                            ", not ", field->name(), "; to replace it, set ", field->name(),
                            "={ ... }"));
}

template <typename T, typename Setter>
absl::Status SetNumber(const std::string& value, Setter set) {
  T number;
  if (!absl::SimpleAtoi(value, &number)) {
    return Wrong(absl::StrCat(
        Quoted(value), " is not a whole number that fits the field; write one ", "such as 4000"));
  }
  set(number);
  return absl::OkStatus();
}

absl::Status SetEnum(Message* message, const FieldDescriptor* field, const std::string& value) {
  const auto* type = field->enum_type();
  if (const auto* known = type->FindValueByName(value); known != nullptr) {
    message->GetReflection()->SetEnum(message, field, known);
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (int i = 1; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
  return Wrong(absl::StrCat(Quoted(value), " is not a value of ", field->name(), "; ",
                            Suggestion(value, names)));
}

absl::Status SetMessage(Message* target, absl::string_view value) {
  if (!absl::ConsumePrefix(&value, "{") || !absl::ConsumeSuffix(&value, "}")) {
    return Wrong(
        "a message is set as a whole, in braces: { field: value }; or name one of its fields");
  }
  std::unique_ptr<Message> parsed(target->New());
  VMSIM_RETURN_IF_ERROR(ParseText(value, "value", parsed.get(), nullptr));
  target->GetReflection()->Swap(target, parsed.get());
  return absl::OkStatus();
}

// Sets a field that is not a message and not a list.
absl::Status SetScalar(Message* message, const FieldDescriptor* field, const std::string& value) {
  const auto* reflection = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return SetNumber<int32_t>(value, [&](int32_t n) { reflection->SetInt32(message, field, n); });
    case FieldDescriptor::CPPTYPE_INT64:
      return SetNumber<int64_t>(value, [&](int64_t n) { reflection->SetInt64(message, field, n); });
    case FieldDescriptor::CPPTYPE_UINT32:
      return SetNumber<uint32_t>(value,
                                 [&](uint32_t n) { reflection->SetUInt32(message, field, n); });
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetNumber<uint64_t>(value,
                                 [&](uint64_t n) { reflection->SetUInt64(message, field, n); });
    case FieldDescriptor::CPPTYPE_BOOL:
      if (value != "true" && value != "false") {
        return Wrong(absl::StrCat(Quoted(value), " is neither true nor false; write one of them"));
      }
      reflection->SetBool(message, field, value == "true");
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(message, field, value);
    case FieldDescriptor::CPPTYPE_STRING:
      reflection->SetString(message, field, value);
      return absl::OkStatus();
    default:
      return Wrong(absl::StrCat(field->name(), " cannot be set from here; edit the file"));
  }
}

absl::Status SetElement(Message* message, const FieldDescriptor* field, int index,
                        const std::string& value) {
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return Wrong(absl::StrCat(field->name(), " cannot be set from here; edit the file"));
  }
  message->GetReflection()->SetRepeatedString(message, field, index, value);
  return absl::OkStatus();
}

// A walk down the path; `written` is how far it got.
absl::Status Apply(const std::vector<Part>& parts, const std::string& value, Message* message,
                   std::string& written) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    absl::StatusOr<const FieldDescriptor*> field =
        FindField(message->GetDescriptor(), parts[i].name);
    if (!field.ok()) return field.status();
    absl::StrAppend(&written, written.empty() ? "" : ".", (*field)->name());
    const bool is_message = (*field)->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (!last && !is_message) {
      return Wrong(absl::StrCat(written, " has no fields of its own; end the path there"));
    }
    if (!(last && (is_message || (*field)->real_containing_oneof() != nullptr))) {
      VMSIM_RETURN_IF_ERROR(CheckOneof(*message, *field));
    }
    if ((*field)->is_repeated()) {
      const absl::StatusOr<int> index = FindElement(*message, *field, parts[i]);
      if (!index.ok()) return index.status();
      absl::StrAppend(&written, "[", *index, "]");
      if (!is_message) return SetElement(message, *field, *index, value);
      message = message->GetReflection()->MutableRepeatedMessage(message, *field, *index);
    } else if (parts[i].element.has_value()) {
      return Wrong(absl::StrCat(written, " is not a list; leave the brackets out"));
    } else if (is_message) {
      message = message->GetReflection()->MutableMessage(message, *field);
    } else {
      return SetScalar(message, *field, value);
    }
  }
  return SetMessage(message, value);
}

}  // namespace

absl::StatusOr<std::string> ApplyOverride(const std::string& text, v1::Scenario* scenario) {
  const auto failure = [&](const absl::Status& status) {
    return absl::InvalidArgumentError(absl::StrCat("--set ", Quoted(text), ": ", status.message()));
  };
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return failure(Wrong("is not path=value; write it like memory.pages=2000"));
  }
  const absl::StatusOr<std::vector<Part>> parts =
      ParsePath(absl::string_view(text).substr(0, equals));
  if (!parts.ok()) return failure(parts.status());
  std::string written;
  const absl::Status status = Apply(*parts, text.substr(equals + 1), scenario, written);
  if (!status.ok()) return failure(status);
  return written;
}

}  // namespace vmsim::scenarios
