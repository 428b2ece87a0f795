// scenarios/check_rules.h: the rules that many fields share.
#ifndef VMSIM_SCENARIOS_CHECK_RULES_H_
#define VMSIM_SCENARIOS_CHECK_RULES_H_

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "scenarios/scenario_place.h"

namespace vmsim::scenarios {

// An integer field and its limits. `why` completes the message: what the limit is for, what to use.
struct IntegerRule {
  const char* field;
  int64_t least;
  int64_t most;
  const char* why = nullptr;
};

// Checks the integer fields of `message` that the rules name. An optional field that is not set
// passes.
absl::Status CheckIntegers(const ScenarioPlace& place, const FieldRef& at,
                           const google::protobuf::Message& message,
                           absl::Span<const IntegerRule> rules);

absl::Status CheckInRange(const ScenarioPlace& place, const FieldRef& field, int64_t value,
                          int64_t least, int64_t most, const char* why = nullptr);

// A name that something is found by, of the form that scenario_check.h gives.
absl::Status CheckName(const ScenarioPlace& place, const FieldRef& field, const std::string& name);

// The same, and enters it in `names`; `what` is "disk", "process", ...
absl::Status CheckNewName(const ScenarioPlace& place, const FieldRef& field,
                          const std::string& name, absl::string_view what,
                          std::set<std::string>& names);

// Whether `name` is one of `names`.
absl::Status CheckKnownName(const ScenarioPlace& place, const FieldRef& field,
                            const std::string& name, absl::string_view what,
                            const std::set<std::string>& names);

// Every enum holds a value that this program knows, no field is unknown, and messages are at most
// 100 deep: what a binary file or a program can get wrong and a text file cannot.
absl::Status CheckShape(const ScenarioPlace& place, const google::protobuf::Message& message);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_CHECK_RULES_H_
