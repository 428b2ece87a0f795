// scenarios/text_parse.h: protobuf text with errors that a person can act on.
#ifndef VMSIM_SCENARIOS_TEXT_PARSE_H_
#define VMSIM_SCENARIOS_TEXT_PARSE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"

namespace vmsim::scenarios {

// Messages within messages in text; binary files have protobuf's own limit, which is the same.
inline constexpr int kMaxTextDepth = 100;

// Parses `text` into `message`, and the places of its fields into `lines` unless that is null. The
// error is InvalidArgument "where:line:column: what; fix", about the first thing that is wrong: a
// syntax error, an unknown field or enum value, a wrong type, a field given twice, nesting too
// deep, bytes that are not UTF-8. `message` then holds nothing of use.
absl::Status ParseText(absl::string_view text, absl::string_view where,
                       google::protobuf::Message* message,
                       google::protobuf::TextFormat::ParseInfoTree* lines);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_TEXT_PARSE_H_
