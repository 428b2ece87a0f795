#include "scenarios/trace_loader.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scenarios/reference_source.h"
#include "scenarios/status_macros.h"
#include "scenarios/steps.h"
#include "scenarios/vpt1.h"

namespace vmsim::scenarios {
namespace {

// The traces that a process replays; those of its children only if asked for.
void Collect(const Steps& steps, bool children, std::set<std::string>& files) {
  for (const v1::Step& step : steps) {
    if (step.has_trace()) files.insert(step.trace().file());
    if (step.has_repeat()) Collect(step.repeat().steps(), children, files);
    if (step.has_fork() && children) Collect(step.fork().steps(), children, files);
  }
}

// Whether the process or a child of it has maps.
bool HasMaps(const Steps& steps) {
  for (const v1::Step& step : steps) {
    if (step.has_map() || (step.has_repeat() && HasMaps(step.repeat().steps())) ||
        (step.has_fork() && HasMaps(step.fork().steps()))) {
      return true;
    }
  }
  return false;
}

// One entry of one of a process's traces.
struct Range {
  uint64_t start;
  uint64_t end;
  const std::string* file;
};

// A process and, within what it maps, its children.
class SpaceChecker {
 public:
  SpaceChecker(const std::map<std::string, TraceLayout>& traces, const ScenarioPlace& place)
      : traces_(traces), place_(place) {}

  absl::Status CheckProcess(const FieldRef& at, const Steps& steps) {
    has_maps_ = HasMaps(steps);
    files_.clear();
    return CheckProgram(at, steps);
  }

 private:
  // Steps that run in an address space in which `files_` are mapped.
  absl::Status CheckProgram(const FieldRef& at, const Steps& steps) {
    std::set<std::string> own;
    Collect(steps, /*children=*/false, own);
    std::vector<std::string> added;
    for (const std::string& file : own) {
      if (files_.insert(file).second) added.push_back(file);
    }
    if (!added.empty()) VMSIM_RETURN_IF_ERROR(CheckSpace(at));
    VMSIM_RETURN_IF_ERROR(CheckChildren(at, steps));
    for (const std::string& file : added) files_.erase(file);
    return absl::OkStatus();
  }

  absl::Status CheckChildren(const FieldRef& parent, const Steps& steps) {
    for (int i = 0; i < steps.size(); ++i) {
      const FieldRef at{&parent, "steps", i};
      if (steps[i].has_repeat()) {
        VMSIM_RETURN_IF_ERROR(CheckChildren({&at, "repeat"}, steps[i].repeat().steps()));
      }
      if (steps[i].has_fork()) {
        VMSIM_RETURN_IF_ERROR(CheckProgram({&at, "fork"}, steps[i].fork().steps()));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckSpace(const FieldRef& at) const {
    std::vector<Range> ranges;
    for (const std::string& file : files_) {
      for (const TraceEntry& entry : traces_.at(file).entries) {
        ranges.push_back({entry.start, entry.start + entry.pages, &file});
      }
    }
    std::sort(ranges.begin(), ranges.end(),
              [](const Range& a, const Range& b) { return a.start < b.start; });
    for (size_t i = 1; i < ranges.size(); ++i) {
      if (ranges[i].start >= ranges[i - 1].end) continue;
      return place_.Error(at, absl::StrCat("the traces ", *ranges[i - 1].file, " and ",
                                           *ranges[i].file, " both map page ", ranges[i].start,
                                           "; replay them in processes of their own"));
    }
    if (!ranges.empty() && ranges.back().end > kMaxPage - kMapRoom && has_maps_) {
      return place_.Error(
          at, absl::StrCat("the trace ", *ranges.back().file, " uses page ", ranges.back().end - 1,
                           ", which leaves no addresses for maps; use maps in a process "
                           "without it"));
    }
    return absl::OkStatus();
  }

  const std::map<std::string, TraceLayout>& traces_;
  const ScenarioPlace& place_;
  bool has_maps_ = false;        // Of the process or a child.
  std::set<std::string> files_;  // Mapped by the process at hand.
};

}  // namespace

std::set<std::string> TraceFiles(const v1::Scenario& scenario) {
  std::set<std::string> files;
  for (const v1::Process& process : scenario.processes()) {
    Collect(process.steps(), /*children=*/true, files);
  }
  return files;
}

absl::StatusOr<std::map<std::string, TraceLayout>> LoadTraces(const v1::Scenario& scenario,
                                                              const std::string& base_dir) {
  std::map<std::string, TraceLayout> traces;
  for (const std::string& file : TraceFiles(scenario)) {
    // An absolute name replaces the base.
    const std::string path = (std::filesystem::path(base_dir) / file).string();
    auto trace = ReadVpt1(path);
    if (!trace.ok()) return trace.status();
    auto layout = LayOutTrace(*std::move(trace), path);
    if (!layout.ok()) return layout.status();
    traces.emplace(file, *std::move(layout));
  }
  return traces;
}

absl::Status CheckTraceSpace(const v1::Scenario& scenario,
                             const std::map<std::string, TraceLayout>& traces,
                             const ScenarioPlace& place) {
  const FieldRef root;
  SpaceChecker checker(traces, place);
  for (int i = 0; i < scenario.processes_size(); ++i) {
    VMSIM_RETURN_IF_ERROR(
        checker.CheckProcess({&root, "processes", i}, scenario.processes(i).steps()));
  }
  return absl::OkStatus();
}

}  // namespace vmsim::scenarios
