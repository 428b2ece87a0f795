#include "scenarios/text_parse.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "scenarios/text_hints.h"

namespace vmsim::scenarios {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::TextFormat;

constexpr int kTabWidth = 8;  // Protobuf's tokenizer counts columns so.

// Keeps the first error; those that follow are mostly its consequences.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!message_.empty()) return;
    line_ = line;
    column_ = column;
    message_ = message;
  }
  void AddWarning(int, google::protobuf::io::ColumnNumber, const std::string&) override {}

  int line() const { return line_; }
  int column() const { return column_; }
  const std::string& message() const { return message_; }

 private:
  int line_ = 0;
  int column_ = 0;
  std::string message_;
};

// Whether `text` is UTF-8, without surrogates and overlong forms; if not, `bad` is where it ceases
// to be.
bool IsUtf8(absl::string_view text, size_t& bad) {
  for (size_t i = 0; i < text.size();) {
    bad = i;
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char lead = byte(i);
    const size_t length = lead < 0x80       ? 1
                          : lead >> 5 == 6  ? 2
                          : lead >> 4 == 14 ? 3
                          : lead >> 3 == 30 ? 4
                                            : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t code = length == 1 ? lead : lead & (0x7f >> length);
    for (size_t k = 1; k < length; ++k) {
      if (byte(i + k) >> 6 != 2) return false;
      code = code << 6 | (byte(i + k) & 0x3f);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += length;
  }
  return true;
}

// What stands in quotes after `before`: the words of protobuf's messages.
std::string QuotedAfter(absl::string_view message, absl::string_view before) {
  const size_t start = message.find(before);
  if (start == absl::string_view::npos) return "";
  absl::string_view rest = message.substr(start + before.size());
  return std::string(rest.substr(0, rest.find('"')));
}

// Descends the messages that the scenario's own type is made of.
const Descriptor* FindMessage(const Descriptor* root, const std::string& full_name) {
  return root->file()->pool()->FindMessageTypeByName(full_name);
}

std::string FieldHint(const Descriptor* root, const std::string& message) {
  const Descriptor* type = FindMessage(root, QuotedAfter(message, "Message type \""));
  if (type == nullptr) return "remove it";
  std::vector<std::string> names;
  for (int i = 0; i < type->field_count(); ++i) names.push_back(type->field(i)->name());
  const std::string hint = Suggestion(QuotedAfter(message, "field named \""), names);
  return hint.empty() ? "remove it" : hint;
}

// The enums of all messages, searched for the field that the error names.
void CollectEnumValues(const Descriptor* type, const std::string& field_name,
                       std::vector<std::string>& values) {
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->name() != field_name || field->enum_type() == nullptr) continue;
    for (int v = 1; v < field->enum_type()->value_count(); ++v) {
      values.push_back(field->enum_type()->value(v)->name());
    }
  }
}

std::string EnumHint(const Descriptor* root, const std::string& message) {
  const std::string field_name = QuotedAfter(message, "for field \"");
  std::vector<std::string> values;
  for (int i = 0; i < root->file()->message_type_count(); ++i) {
    CollectEnumValues(root->file()->message_type(i), field_name, values);
  }
  return Suggestion(QuotedAfter(message, "enumeration value of \""), values);
}

// The word before `column` of a line: the field whose value is wrong there.
std::string WordBefore(absl::string_view line, int column) {
  int at = 0;
  size_t end = 0;  // The byte at `column`: a tab reaches to the next multiple of eight.
  while (end < line.size() && at < column) {
    at = line[end] == '\t' ? (at / kTabWidth + 1) * kTabWidth : at + 1;
    ++end;
  }
  absl::string_view before = line.substr(0, end);
  while (!before.empty() &&
         absl::string_view(" \t:<{[-,").find(before.back()) != absl::string_view::npos) {
    before.remove_suffix(1);
  }
  size_t start = before.size();
  while (start > 0 && (absl::ascii_isalnum(before[start - 1]) || before[start - 1] == '_')) --start;
  return std::string(before.substr(start));
}

struct Rewording {
  absl::string_view starts;  // Of protobuf's message.
  absl::string_view fix;
};
constexpr Rewording kRewordings[] = {
    {"Expected integer", "write a whole number, such as 4000"},
    {"Integer out of range", "write a number that fits the field"},
    {"Expected string", "write text in double quotes"},
    {"Invalid value for boolean", "write true or false"},
    {"Expected \"{\"", "write the message in braces: field { ... }"},
    {"Expected identifier", "write a field's name, or close the brace that is open"},
    {"Expected double", "write a number"},
    {"Non-repeated field", "keep one of them"},
    {"Expected \":\"", "write a colon between a field and its value"},
    {"String literals cannot cross line boundaries", "close the double quote"},
    {"Message is too deep", "flatten it"},
};

std::string Fix(const Descriptor* root, const std::string& message) {
  if (absl::StrContains(message, "has no field named")) return FieldHint(root, message);
  if (absl::StartsWith(message, "Unknown enumeration value")) return EnumHint(root, message);
  if (absl::StrContains(message, "another member of oneof")) return "keep one of them";
  for (const Rewording& rewording : kRewordings) {
    if (absl::StartsWith(message, rewording.starts)) return std::string(rewording.fix);
  }
  return "correct the text";
}

// Protobuf's words, with the message's full name shortened and without its full stop.
std::string What(std::string message, absl::string_view field) {
  constexpr absl::string_view kPackage = "vmsim.v1.";
  for (size_t at = message.find(kPackage.data()); at != std::string::npos;
       at = message.find(kPackage.data(), at)) {
    message.erase(at, kPackage.size());
  }
  if (absl::EndsWith(message, ".")) message.pop_back();
  std::string clean;
  for (const char c : message) clean += c >= 0x20 && c < 0x7f ? c : '?';
  constexpr size_t kMaxBytes = 300;
  if (clean.size() > kMaxBytes) clean = clean.substr(0, kMaxBytes) + "...";
  if (absl::EndsWith(clean, "got: ")) clean += "the end of the text";
  const bool about_value =
      absl::StartsWith(clean, "Expected integer") || absl::StartsWith(clean, "Expected string") ||
      absl::StartsWith(clean, "Expected double") || absl::StartsWith(clean, "Integer out of range");
  return about_value && !field.empty() ? absl::StrCat(field, ": ", clean) : clean;
}

absl::string_view LineOf(absl::string_view text, int line) {
  for (; line > 0; --line) {
    const size_t end = text.find('\n');
    if (end == absl::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

absl::Status ParseText(absl::string_view text, absl::string_view where,
                       google::protobuf::Message* message, TextFormat::ParseInfoTree* lines) {
  size_t bad = 0;
  if (!IsUtf8(text, bad)) {
    const auto line =
        1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(bad), '\n');
    return absl::InvalidArgumentError(absl::StrCat(where, ":", line, ": byte ", bad,
                                                   " is not UTF-8 text; save the file as UTF-8"));
  }
  FirstError error;
  TextFormat::Parser parser;
  parser.SetRecursionLimit(kMaxTextDepth);
  parser.RecordErrorsTo(&error);
  if (lines != nullptr) parser.WriteLocationsTo(lines);
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  if (parser.Parse(&input, message)) return absl::OkStatus();
  const std::string field = WordBefore(LineOf(text, error.line()), error.column());
  return absl::InvalidArgumentError(absl::StrCat(
      where, ":", error.line() + 1, ":", error.column() + 1, ": ", What(error.message(), field),
      "; ", Fix(message->GetDescriptor(), error.message())));
}

}  // namespace vmsim::scenarios
