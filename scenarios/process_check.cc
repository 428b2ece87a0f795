#include "scenarios/process_check.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "scenarios/check_rules.h"
#include "scenarios/mail_config.h"
#include "scenarios/status_macros.h"
#include "scenarios/step_check.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kMaxLimitPages = int64_t{1} << 32;
constexpr int64_t kMaxSegmentPages = (int64_t{1} << 32) - 1;
constexpr int64_t kMaxTimeNs = 100'000'000'000'000'000;
constexpr int kMaxSegments = 4096;

absl::Status CheckSegments(const v1::Scenario& scenario, const ScenarioPlace& place) {
  const FieldRef root;
  if (scenario.shared_segments_size() > kMaxSegments) {
    return place.Error("shared_segments",
                       absl::StrCat("there are ", scenario.shared_segments_size(), "; use at most ",
                                    kMaxSegments));
  }
  std::set<std::string> names;
  for (int i = 0; i < scenario.shared_segments_size(); ++i) {
    const FieldRef at{&root, "shared_segments", i};
    const v1::SharedSegment& segment = scenario.shared_segments(i);
    VMSIM_RETURN_IF_ERROR(
        CheckNewName(place, {&at, "name"}, segment.name(), "shared segment", names));
    VMSIM_RETURN_IF_ERROR(
        CheckInRange(place, {&at, "pages"}, segment.pages(), 1, kMaxSegmentPages));
  }
  return absl::OkStatus();
}

absl::Status CheckProcess(const StepRules& rules, const FieldRef& at, const v1::Process& process) {
  constexpr IntegerRule kRules[] = {
      {"count", 1, kMaxProcesses},
      {"start_ns", 0, kMaxTimeNs},
      {"rlimit_memlock_pages", 0, kMaxLimitPages},
  };
  VMSIM_RETURN_IF_ERROR(CheckName(rules.place, {&at, "name"}, process.name()));
  VMSIM_RETURN_IF_ERROR(CheckIntegers(rules.place, at, process, kRules));
  const int count = process.has_count() ? process.count() : 1;
  const size_t program = rules.names.labels.size();
  rules.names.labels.emplace_back();
  VMSIM_RETURN_IF_ERROR(EnterProcesses(rules.place, at, process.has_count() ? "count" : "name",
                                       process.name(), count, program, rules.names));
  return StepChecker(rules).CheckProcess(at, process.steps(), count);
}

}  // namespace

absl::Status CheckProcesses(const v1::Scenario& scenario, const ScenarioPlace& place,
                            const CheckOptions& options, KnownNames& names) {
  VMSIM_RETURN_IF_ERROR(CheckSegments(scenario, place));
  if (scenario.processes().empty() && !scenario.has_mail_relay()) {
    return place.Error("processes", "there are none; add at least one");
  }
  StepRules rules{
      scenario, place, options, SizesOf(scenario), {}, FileNames(scenario), MpoolNames(scenario),
      names};
  for (const auto& [name, pages] : rules.sizes.segments) rules.segment_names.insert(name);
  const FieldRef root;
  for (int i = 0; i < scenario.processes_size(); ++i) {
    VMSIM_RETURN_IF_ERROR(CheckProcess(rules, {&root, "processes", i}, scenario.processes(i)));
  }
  if (!scenario.has_mail_relay()) return absl::OkStatus();
  const std::string relay = MailProcessName(scenario.mail_relay());
  if (!names.processes.insert(relay).second) {
    return place.Error("mail_relay.name", absl::StrCat("a process is called \"", relay,
                                                       "\", too; give each its own name"));
  }
  // It labels no calls.
  names.program_of[relay] = names.labels.size();
  names.labels.emplace_back();
  return absl::OkStatus();
}

}  // namespace vmsim::scenarios
