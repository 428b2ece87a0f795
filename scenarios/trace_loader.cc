#include "scenarios/trace_loader.h"

#include <filesystem>
#include <utility>

#include "scenarios/vpt1.h"

namespace vmsim::scenarios {
namespace {

void Collect(const google::protobuf::RepeatedPtrField<v1::Step>& steps,
             std::set<std::string>& files) {
  for (const v1::Step& step : steps) {
    if (step.has_trace()) files.insert(step.trace().file());
    if (step.has_repeat()) Collect(step.repeat().steps(), files);
  }
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

}  // namespace vmsim::scenarios
