#include "scenarios/trace_loader.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scenarios/reference_source.h"
#include "scenarios/vpt1.h"

namespace vmsim::scenarios {
namespace {

using Steps = google::protobuf::RepeatedPtrField<v1::Step>;

void Collect(const Steps& steps, std::set<std::string>& files) {
  for (const v1::Step& step : steps) {
    if (step.has_trace()) files.insert(step.trace().file());
    if (step.has_repeat()) Collect(step.repeat().steps(), files);
  }
}

bool HasMaps(const Steps& steps) {
  for (const v1::Step& step : steps) {
    if (step.has_map() || (step.has_repeat() && HasMaps(step.repeat().steps()))) return true;
  }
  return false;
}

// One entry of one of a process's traces.
struct Range {
  uint64_t start;
  uint64_t end;
  const std::string* file;
};

absl::Status CheckProcess(const v1::Process& process, const FieldRef& at,
                          const std::map<std::string, TraceLayout>& traces,
                          const ScenarioPlace& place) {
  std::set<std::string> files;
  Collect(process.steps(), files);
  std::vector<Range> ranges;
  for (const std::string& file : files) {
    for (const TraceEntry& entry : traces.at(file).entries) {
      ranges.push_back({entry.start, entry.start + entry.pages, &file});
    }
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.start < b.start; });
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].start >= ranges[i - 1].end) continue;
    return place.Error(at, absl::StrCat("the traces ", *ranges[i - 1].file, " and ",
                                        *ranges[i].file, " both map page ", ranges[i].start,
                                        "; replay them in processes of their own"));
  }
  if (!ranges.empty() && ranges.back().end > kMaxPage - kMapRoom && HasMaps(process.steps())) {
    return place.Error(
        at, absl::StrCat("the trace ", *ranges.back().file, " uses page ", ranges.back().end - 1,
                         ", which leaves no addresses for maps; use maps in a process "
                         "without it"));
  }
  return absl::OkStatus();
}

}  // namespace

std::set<std::string> TraceFiles(const v1::Scenario& scenario) {
  std::set<std::string> files;
  for (const v1::Process& process : scenario.processes()) Collect(process.steps(), files);
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
  for (int i = 0; i < scenario.processes_size(); ++i) {
    absl::Status status =
        CheckProcess(scenario.processes(i), {&root, "processes", i}, traces, place);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace vmsim::scenarios
