#include "scenarios/step_check.h"

#include <limits>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scenarios/call_check.h"
#include "scenarios/check_rules.h"
#include "scenarios/generators.h"
#include "scenarios/saturating.h"
#include "scenarios/scenario_config.h"
#include "scenarios/status_macros.h"
#include "scenarios/text_hints.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxMapPages = int64_t{1} << 32;
constexpr int64_t kMaxTimeNs = 100'000'000'000'000'000;
constexpr size_t kMaxPathBytes = 1024;

absl::Status CheckTracePath(const ScenarioPlace& place, const FieldRef& field,
                            const std::string& path, bool allow_any_path) {
  if (path.empty()) return place.Error(field, "is missing; name a VPT1 trace");
  if (path.size() > kMaxPathBytes) {
    return place.Error(field,
                       absl::StrCat("has ", path.size(), " bytes; use at most ", kMaxPathBytes));
  }
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return place.Error(
          field, absl::StrCat(Quoted(path), " has a control character; rename the ", "file"));
    }
  }
  if (allow_any_path) return absl::OkStatus();
  if (path[0] == '/') {
    return place.Error(field,
                       absl::StrCat(Quoted(path), " is an absolute path; put the file beside ",
                                    "the scenario, or allow it with --allow-any-path"));
  }
  for (absl::string_view part : absl::StrSplit(path, '/')) {
    if (part != "..") continue;
    return place.Error(field, absl::StrCat(Quoted(path), " leaves the scenario's folder; put the ",
                                           "file below it, or allow it with --allow-any-path"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status StepChecker::CheckProcess(const FieldRef& at, const Steps& steps, int64_t members) {
  return CheckSteps(at, steps, {0, members, 1, r_.names.labels.size() - 1});
}

absl::Status StepChecker::CheckSteps(const FieldRef& parent, const Steps& steps,
                                     const Scope& scope) {
  for (int i = 0; i < steps.size(); ++i) {
    const FieldRef at{&parent, "steps", i};
    if (i > 0 && (steps[i - 1].has_exit() || steps[i - 1].has_crash())) {
      const char* const end = steps[i - 1].has_exit() ? "an exit" : "a crash";
      return r_.place.Error(
          at, absl::StrCat("comes after ", end, " and would never run; remove one of them"));
    }
    VMSIM_RETURN_IF_ERROR(CheckCallFields(r_.place, at, steps[i], r_.names.labels[scope.program]));
    VMSIM_RETURN_IF_ERROR(CheckStep(at, steps[i], scope));
  }
  return absl::OkStatus();
}

absl::Status StepChecker::CheckStep(const FieldRef& at, const v1::Step& step, const Scope& scope) {
  switch (step.step_case()) {
    case v1::Step::kMap:
      return CheckMap({&at, "map"}, step);
    case v1::Step::kUnmap:
      return CheckUnmap({&at, "unmap"}, step.unmap());
    case v1::Step::kTouch:
      return CheckTouch({&at, "touch"}, step.touch());
    case v1::Step::kGenerate:
      return CheckGenerate({&at, "generate"}, step.generate());
    case v1::Step::kTrace:
      return CheckTrace({&at, "trace"}, step.trace());
    case v1::Step::kSleep:
      return CheckInRange(r_.place, {&at, "sleep.ns"}, step.sleep().ns(), 0, kMaxTimeNs);
    case v1::Step::kExit:
      return CheckInRange(r_.place, {&at, "exit.status"}, step.exit().status(), 0, 255);
    case v1::Step::kRepeat:
      return CheckRepeat({&at, "repeat"}, step.repeat(), scope);
    case v1::Step::kFork:
      return CheckFork({&at, "fork"}, step.fork(), scope);
    case v1::Step::STEP_NOT_SET:
      return r_.place.Error(at,
                            "is empty; say what to do: map, unmap, touch, generate, trace, sleep, "
                            "exit, repeat, or a system call");
    default:
      VMSIM_RETURN_IF_ERROR(CheckFileCall(r_.files, r_.place, at, step));
      VMSIM_RETURN_IF_ERROR(CheckMpoolCall(r_.pools, r_.files, r_.place, at, step));
      return CheckCall(r_.scenario, r_.place, at, step, maps_);
  }
}

absl::Status StepChecker::CheckMap(const FieldRef& at, const v1::Step& step) {
  const v1::Map& map = step.map();
  constexpr IntegerRule kRules[] = {
      {"pages", 0, kMaxMapPages, "a map has at most 2^32 pages; use fewer"},
      {"first_page", 0, kMaxMapPages},
  };
  VMSIM_RETURN_IF_ERROR(CheckName(r_.place, {&at, "name"}, map.name()));
  if (maps_.Find(map.name()).has_value()) {
    return r_.place.Error({&at, "name"},
                          absl::StrCat(Quoted(map.name()), " is mapped already; unmap ",
                                       "it first, or use another name"));
  }
  VMSIM_RETURN_IF_ERROR(CheckIntegers(r_.place, at, map, kRules));
  if (!map.file().empty() || map.kind() == v1::Map::FILE) {
    VMSIM_RETURN_IF_ERROR(CheckFileMap(r_.files, r_.place, at, step));
  } else if (!map.shared_segment().empty() || map.kind() == v1::Map::SHARED_ANONYMOUS) {
    VMSIM_RETURN_IF_ERROR(CheckSharedMap(at, map));
  } else {
    VMSIM_RETURN_IF_ERROR(CheckPrivateMap(at, map));
  }
  maps_.Add(map.name(), MappedPages(map, r_.sizes));
  return absl::OkStatus();
}

absl::Status StepChecker::CheckPrivateMap(const FieldRef& at, const v1::Map& map) const {
  if (map.first_page() != 0) {
    return r_.place.Error({&at, "first_page"},
                          "only a shared segment or a file has one; remove it");
  }
  if (map.private_()) {
    return r_.place.Error(
        {&at, "private"},
        "memory of its own is private anyway; remove it, or map a shared segment or a file");
  }
  if (map.pages() == 0) return r_.place.Error({&at, "pages"}, "is missing; use 1 or more");
  return absl::OkStatus();
}

absl::Status StepChecker::CheckSharedMap(const FieldRef& at, const v1::Map& map) const {
  if (map.kind() == v1::Map::ANONYMOUS) {
    return r_.place.Error({&at, "kind"},
                          "ANONYMOUS memory has no shared_segment; use SHARED_ANONYMOUS "
                          "or remove it");
  }
  VMSIM_RETURN_IF_ERROR(CheckKnownName(r_.place, {&at, "shared_segment"}, map.shared_segment(),
                                       "shared segment", r_.segment_names));
  const int64_t size = r_.sizes.segments.at(map.shared_segment());
  if (map.first_page() >= size) {
    return r_.place.Error(
        {&at, "first_page"},
        absl::StrCat(map.first_page(), " is past the end of ", Quoted(map.shared_segment()),
                     ", which has ", size, " pages; use less"));
  }
  if (map.pages() > size - map.first_page()) {
    return r_.place.Error(
        {&at, "pages"}, absl::StrCat(map.pages(), " is more than ", Quoted(map.shared_segment()),
                                     " has from there on; use at most ", size - map.first_page()));
  }
  return absl::OkStatus();
}

// A map whose range is unmapped in part, or by bytes, keeps its name.
absl::Status StepChecker::CheckUnmap(const FieldRef& at, const v1::Unmap& unmap) {
  if (!IsWhole(unmap)) return CheckSpan(r_.place, at, SpanOf(unmap), maps_);
  VMSIM_RETURN_IF_ERROR(CheckMapped(r_.place, {&at, "map"}, unmap.map(), maps_));
  maps_.Remove(unmap.map());
  return absl::OkStatus();
}

absl::Status StepChecker::CheckTouch(const FieldRef& at, const v1::Touch& touch) const {
  constexpr IntegerRule kRules[] = {{"first_page", 0, kMaxMapPages}, {"pages", 0, kMaxMapPages}};
  VMSIM_RETURN_IF_ERROR(CheckMapped(r_.place, {&at, "map"}, touch.map(), maps_));
  VMSIM_RETURN_IF_ERROR(CheckIntegers(r_.place, at, touch, kRules));
  return CheckPagesOf(r_.place, at, touch.map(), *maps_.Find(touch.map()), touch.first_page(),
                      touch.pages());
}

absl::Status StepChecker::CheckGenerate(const FieldRef& at, const v1::Generate& generate) const {
  constexpr IntegerRule kRules[] = {
      {"passes", 1, kAny}, {"refs", 0, kAny},   {"s10", 8, 12, "use 8, 10 or 12"},
      {"hot_pct", 0, 100}, {"stride", 1, kAny}, {"write_pct", 0, 100},
  };
  VMSIM_RETURN_IF_ERROR(CheckMapped(r_.place, {&at, "map"}, generate.map(), maps_));
  if (generate.kind() == v1::Generate::KIND_UNSPECIFIED) {
    return r_.place.Error({&at, "kind"},
                          "is missing; use SEQUENTIAL, LOOP, UNIFORM, ZIPF, HOTSET, "
                          "PHASES, STRIDED, CHASE or ZIGZAG");
  }
  VMSIM_RETURN_IF_ERROR(CheckIntegers(r_.place, at, generate, kRules));
  const GeneratorConfig config = ToGeneratorConfig(generate, *maps_.Find(generate.map()), 0);
  const absl::Status status = ValidateGenerator(config);
  if (status.ok()) return status;
  const std::vector<std::string> parts = absl::StrSplit(status.message(), absl::MaxSplits(": ", 1));
  if (parts.size() < 2) return r_.place.Error(at, status.message());
  // What is wrong with the pages is said where the recipe is; the map alone may be all right.
  if (absl::StartsWith(parts[0], "pages")) {
    return r_.place.Error({&at, "map"}, absl::StrCat("pages of ", Quoted(generate.map()), ": ",
                                                     parts[1], "; change the map's pages"));
  }
  return r_.place.Error({&at, parts[0]}, absl::StrCat(parts[1], "; change this value"));
}

absl::Status StepChecker::CheckTrace(const FieldRef& at, const v1::Trace& trace) const {
  VMSIM_RETURN_IF_ERROR(
      CheckTracePath(r_.place, {&at, "file"}, trace.file(), r_.options.allow_any_path));
  if (!trace.has_repeat()) return absl::OkStatus();
  return CheckInRange(r_.place, {&at, "repeat"}, trace.repeat(), 1, kAny);
}

absl::Status StepChecker::CheckDepth(const FieldRef& at, const Scope& scope,
                                     const char* fix) const {
  if (scope.depth < kMaxRepeatDepth) return absl::OkStatus();
  return r_.place.Error(at, absl::StrCat("is nested more than ", kMaxRepeatDepth, " deep; ", fix));
}

absl::Status StepChecker::CheckRepeat(const FieldRef& at, const v1::Repeat& repeat,
                                      const Scope& scope) {
  VMSIM_RETURN_IF_ERROR(CheckDepth(at, scope, "multiply `times` instead"));
  VMSIM_RETURN_IF_ERROR(
      CheckInRange(r_.place, {&at, "times"}, repeat.times(), 1, int64_t{1} << 40));
  if (repeat.steps().empty()) {
    return r_.place.Error({&at, "steps"}, "is empty; say what to repeat");
  }
  const size_t before = maps_.Mark();
  const int64_t runs = SaturatingMultiply(scope.runs, repeat.times());
  VMSIM_RETURN_IF_ERROR(
      CheckSteps(at, repeat.steps(), {scope.depth + 1, scope.members, runs, scope.program}));
  if (repeat.times() > 1 && maps_.ChangedSince(before)) {
    return r_.place.Error(at,
                          "leaves other maps than it found, so it cannot run twice; unmap inside "
                          "what it maps, or map before it");
  }
  return absl::OkStatus();
}

absl::Status StepChecker::CheckFork(const FieldRef& at, const v1::Fork& fork, const Scope& scope) {
  VMSIM_RETURN_IF_ERROR(CheckDepth(at, scope, "let the parent fork, or fork without a repeat"));
  VMSIM_RETURN_IF_ERROR(CheckName(r_.place, {&at, "name"}, fork.name()));
  const size_t program = r_.names.labels.size();
  r_.names.labels.emplace_back();
  const int64_t members = SaturatingMultiply(scope.members, scope.runs);
  VMSIM_RETURN_IF_ERROR(
      EnterProcesses(r_.place, at, "name", fork.name(), members, program, r_.names));
  const size_t before = maps_.Mark();
  VMSIM_RETURN_IF_ERROR(CheckSteps(at, fork.steps(), {scope.depth + 1, members, 1, program}));
  maps_.RevertTo(before);
  return absl::OkStatus();
}

absl::Status EnterProcesses(const ScenarioPlace& place, const FieldRef& at, const char* field,
                            const std::string& name, int64_t members, size_t program,
                            KnownNames& names) {
  if (members > kMaxProcesses - static_cast<int64_t>(names.processes.size())) {
    return place.Error({&at, field}, absl::StrCat("this makes more than ", kMaxProcesses,
                                                  " processes in all; use fewer"));
  }
  for (int64_t i = 0; i < members; ++i) {
    const std::string member = MemberName(name, members, i);
    if (!names.processes.insert(member).second) {
      return place.Error({&at, "name"}, absl::StrCat("another process is called ", Quoted(member),
                                                     "; give each its own name"));
    }
    names.program_of[member] = program;
  }
  return absl::OkStatus();
}

}  // namespace vmsim::scenarios
