#include "scenarios/process_check.h"

#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scenarios/check_rules.h"
#include "scenarios/generators.h"
#include "scenarios/scenario_config.h"
#include "scenarios/status_macros.h"
#include "scenarios/text_hints.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxMapPages = int64_t{1} << 32;
constexpr int64_t kMaxTimeNs = 100'000'000'000'000'000;
constexpr int kMaxSegments = 4096;
constexpr size_t kMaxPathBytes = 1024;

// The steps of one process, in the order in which they run. It follows which maps exist; a repeat's
// steps are looked at once, so they must leave the maps as they found them.
class StepChecker {
 public:
  StepChecker(const ScenarioPlace& place, const CheckOptions& options,
              const std::map<std::string, int64_t>& segments)
      : place_(place), options_(options), segments_(segments) {
    for (const auto& [name, pages] : segments) segment_names_.insert(name);
  }

  using Steps = google::protobuf::RepeatedPtrField<v1::Step>;

  absl::Status CheckSteps(const FieldRef& parent, const Steps& steps, int depth) {
    for (int i = 0; i < steps.size(); ++i) {
      const FieldRef at{&parent, "steps", i};
      if (i > 0 && steps[i - 1].step_case() == v1::Step::kExit) {
        return place_.Error(at, "comes after an exit and would never run; remove one of them");
      }
      VMSIM_RETURN_IF_ERROR(CheckStep(at, steps[i], depth));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status CheckStep(const FieldRef& at, const v1::Step& step, int depth) {
    switch (step.step_case()) {
      case v1::Step::kMap:
        return CheckMap({&at, "map"}, step.map());
      case v1::Step::kUnmap:
        return CheckUnmap({&at, "unmap"}, step.unmap());
      case v1::Step::kTouch:
        return CheckTouch({&at, "touch"}, step.touch());
      case v1::Step::kGenerate:
        return CheckGenerate({&at, "generate"}, step.generate());
      case v1::Step::kTrace:
        return CheckTrace({&at, "trace"}, step.trace());
      case v1::Step::kSleep:
        return CheckInRange(place_, {&at, "sleep.ns"}, step.sleep().ns(), 0, kMaxTimeNs);
      case v1::Step::kExit:
        return CheckInRange(place_, {&at, "exit.status"}, step.exit().status(), 0, 255);
      case v1::Step::kRepeat:
        return CheckRepeat({&at, "repeat"}, step.repeat(), depth);
      case v1::Step::STEP_NOT_SET:
        break;
    }
    return place_.Error(at,
                        "is empty; say what to do: map, unmap, touch, generate, trace, sleep, "
                        "exit or repeat");
  }

  absl::Status CheckMap(const FieldRef& at, const v1::Map& map) {
    constexpr IntegerRule kRules[] = {
        {"pages", 0, kMaxMapPages, "a map has at most 2^32 pages; use fewer"},
        {"first_page", 0, kMaxMapPages},
    };
    VMSIM_RETURN_IF_ERROR(CheckName(place_, {&at, "name"}, map.name()));
    if (maps_.count(map.name()) != 0) {
      return place_.Error({&at, "name"},
                          absl::StrCat(Quoted(map.name()), " is mapped already; unmap ",
                                       "it first, or use another name"));
    }
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at, map, kRules));
    const bool shared = !map.shared_segment().empty() || map.kind() == v1::Map::SHARED_ANONYMOUS;
    VMSIM_RETURN_IF_ERROR(shared ? CheckSharedMap(at, map) : CheckPrivateMap(at, map));
    maps_[map.name()] = MappedPages(map, segments_);
    map_names_.insert(map.name());
    return absl::OkStatus();
  }

  absl::Status CheckPrivateMap(const FieldRef& at, const v1::Map& map) const {
    if (map.first_page() != 0) {
      return place_.Error({&at, "first_page"}, "only a shared segment has one; remove it");
    }
    if (map.pages() == 0) return place_.Error({&at, "pages"}, "is missing; use 1 or more");
    return absl::OkStatus();
  }

  absl::Status CheckSharedMap(const FieldRef& at, const v1::Map& map) const {
    if (map.kind() == v1::Map::ANONYMOUS) {
      return place_.Error({&at, "kind"},
                          "ANONYMOUS memory has no shared_segment; use SHARED_ANONYMOUS "
                          "or remove it");
    }
    VMSIM_RETURN_IF_ERROR(CheckKnownName(place_, {&at, "shared_segment"}, map.shared_segment(),
                                         "shared segment", segment_names_));
    const int64_t size = segments_.at(map.shared_segment());
    if (map.first_page() >= size) {
      return place_.Error(
          {&at, "first_page"},
          absl::StrCat(map.first_page(), " is past the end of ", Quoted(map.shared_segment()),
                       ", which has ", size, " pages; use less"));
    }
    if (map.pages() > size - map.first_page()) {
      return place_.Error(
          {&at, "pages"},
          absl::StrCat(map.pages(), " is more than ", Quoted(map.shared_segment()),
                       " has from there on; use at most ", size - map.first_page()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckMapped(const FieldRef& field, const std::string& name) const {
    return CheckKnownName(place_, field, name, "map", map_names_);
  }

  absl::Status CheckUnmap(const FieldRef& at, const v1::Unmap& unmap) {
    VMSIM_RETURN_IF_ERROR(CheckMapped({&at, "map"}, unmap.map()));
    maps_.erase(unmap.map());
    map_names_.erase(unmap.map());
    return absl::OkStatus();
  }

  absl::Status CheckTouch(const FieldRef& at, const v1::Touch& touch) const {
    constexpr IntegerRule kRules[] = {{"first_page", 0, kMaxMapPages}, {"pages", 0, kMaxMapPages}};
    VMSIM_RETURN_IF_ERROR(CheckMapped({&at, "map"}, touch.map()));
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at, touch, kRules));
    const int64_t size = maps_.at(touch.map());
    if (touch.first_page() >= size || touch.pages() > size - touch.first_page()) {
      const int64_t last = touch.first_page() + (touch.pages() == 0 ? 1 : touch.pages()) - 1;
      return place_.Error(at,
                          absl::StrCat("page ", last, " is past the end of ", Quoted(touch.map()),
                                       ", which has ", size, " pages; lower first_page or pages"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckGenerate(const FieldRef& at, const v1::Generate& generate) const {
    constexpr IntegerRule kRules[] = {
        {"passes", 1, kAny}, {"refs", 0, kAny},   {"s10", 8, 12, "use 8, 10 or 12"},
        {"hot_pct", 0, 100}, {"stride", 1, kAny}, {"write_pct", 0, 100},
    };
    VMSIM_RETURN_IF_ERROR(CheckMapped({&at, "map"}, generate.map()));
    if (generate.kind() == v1::Generate::KIND_UNSPECIFIED) {
      return place_.Error({&at, "kind"},
                          "is missing; use SEQUENTIAL, LOOP, UNIFORM, ZIPF, HOTSET, "
                          "PHASES, STRIDED, CHASE or ZIGZAG");
    }
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at, generate, kRules));
    const GeneratorConfig config = ToGeneratorConfig(generate, maps_.at(generate.map()), 0);
    const absl::Status status = ValidateGenerator(config);
    if (status.ok()) return status;
    const std::vector<std::string> parts =
        absl::StrSplit(status.message(), absl::MaxSplits(": ", 1));
    if (parts.size() < 2) return place_.Error(at, status.message());
    // What is wrong with the pages is said where the recipe is; the map alone may be all right.
    if (absl::StartsWith(parts[0], "pages")) {
      return place_.Error({&at, "map"}, absl::StrCat("pages of ", Quoted(generate.map()), ": ",
                                                     parts[1], "; change the map's pages"));
    }
    return place_.Error({&at, parts[0]}, absl::StrCat(parts[1], "; change this value"));
  }

  absl::Status CheckTrace(const FieldRef& at, const v1::Trace& trace) const {
    VMSIM_RETURN_IF_ERROR(CheckTracePath({&at, "file"}, trace.file()));
    if (!trace.has_repeat()) return absl::OkStatus();
    return CheckInRange(place_, {&at, "repeat"}, trace.repeat(), 1, kAny);
  }

  absl::Status CheckTracePath(const FieldRef& field, const std::string& path) const {
    if (path.empty()) return place_.Error(field, "is missing; name a VPT1 trace");
    if (path.size() > kMaxPathBytes) {
      return place_.Error(field,
                          absl::StrCat("has ", path.size(), " bytes; use at most ", kMaxPathBytes));
    }
    for (const char c : path) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        return place_.Error(
            field, absl::StrCat(Quoted(path), " has a control character; rename the ", "file"));
      }
    }
    if (options_.allow_any_path) return absl::OkStatus();
    if (path[0] == '/') {
      return place_.Error(field,
                          absl::StrCat(Quoted(path), " is an absolute path; put the file beside ",
                                       "the scenario, or allow it with --allow-any-path"));
    }
    for (absl::string_view part : absl::StrSplit(path, '/')) {
      if (part != "..") continue;
      return place_.Error(field,
                          absl::StrCat(Quoted(path), " leaves the scenario's folder; put the ",
                                       "file below it, or allow it with --allow-any-path"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckRepeat(const FieldRef& at, const v1::Repeat& repeat, int depth) {
    if (depth >= kMaxRepeatDepth) {
      return place_.Error(at, absl::StrCat("is nested more than ", kMaxRepeatDepth,
                                           " deep; multiply `times` instead"));
    }
    VMSIM_RETURN_IF_ERROR(
        CheckInRange(place_, {&at, "times"}, repeat.times(), 1, int64_t{1} << 40));
    if (repeat.steps().empty()) return place_.Error({&at, "steps"}, "is empty; say what to repeat");
    const std::map<std::string, int64_t> before = maps_;
    VMSIM_RETURN_IF_ERROR(CheckSteps(at, repeat.steps(), depth + 1));
    if (repeat.times() > 1 && maps_ != before) {
      return place_.Error(at,
                          "leaves other maps than it found, so it cannot run twice; unmap inside "
                          "what it maps, or map before it");
    }
    return absl::OkStatus();
  }

  const ScenarioPlace& place_;
  const CheckOptions& options_;
  const std::map<std::string, int64_t>& segments_;
  std::set<std::string> segment_names_;
  std::map<std::string, int64_t> maps_;  // Pages of those that exist, by name.
  std::set<std::string> map_names_;      // The same names.
};

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
    VMSIM_RETURN_IF_ERROR(CheckInRange(place, {&at, "pages"}, segment.pages(), 1, kMaxMapPages));
  }
  return absl::OkStatus();
}

absl::Status CheckCopies(const v1::Process& process, const ScenarioPlace& place, const FieldRef& at,
                         std::set<std::string>& names) {
  constexpr IntegerRule kRules[] = {{"count", 1, kMaxProcesses}, {"start_ns", 0, kMaxTimeNs}};
  VMSIM_RETURN_IF_ERROR(CheckName(place, {&at, "name"}, process.name()));
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, at, process, kRules));
  const int count = process.has_count() ? process.count() : 1;
  if (static_cast<int64_t>(names.size()) + count > kMaxProcesses) {
    return place.Error(
        {&at, process.has_count() ? "count" : "name"},
        absl::StrCat("this makes more than ", kMaxProcesses, " processes in all; use fewer"));
  }
  for (int i = 0; i < count; ++i) {
    if (names.insert(CopyName(process, i)).second) continue;
    return place.Error({&at, "name"},
                       absl::StrCat("another process is called ", Quoted(CopyName(process, i)),
                                    "; give each its own name"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string CopyName(const v1::Process& process, int index) {
  const bool several = process.has_count() && process.count() > 1;
  return several ? absl::StrCat(process.name(), ".", index) : process.name();
}

absl::Status CheckProcesses(const v1::Scenario& scenario, const ScenarioPlace& place,
                            const CheckOptions& options, std::set<std::string>& names) {
  VMSIM_RETURN_IF_ERROR(CheckSegments(scenario, place));
  if (scenario.processes().empty()) {
    return place.Error("processes", "there are none; add at least one");
  }
  const std::map<std::string, int64_t> segments = SegmentSizes(scenario);
  const FieldRef root;
  for (int i = 0; i < scenario.processes_size(); ++i) {
    const FieldRef at{&root, "processes", i};
    const v1::Process& process = scenario.processes(i);
    VMSIM_RETURN_IF_ERROR(CheckCopies(process, place, at, names));
    StepChecker checker(place, options, segments);
    VMSIM_RETURN_IF_ERROR(checker.CheckSteps(at, process.steps(), 0));
  }
  return absl::OkStatus();
}

}  // namespace vmsim::scenarios
