#include "scenarios/scenario_totals.h"

#include <algorithm>
#include <set>

#include "scenarios/generators.h"
#include "scenarios/saturating.h"
#include "scenarios/scenario_config.h"
#include "vm/page.h"

namespace vmsim::scenarios {
namespace {

// Rough costs in host memory, bytes.
constexpr int64_t kBytesPerFrame = 64;
constexpr int64_t kBytesPerMappedPage = 16;  // Page-table entry, the object's slot, swap metadata.
constexpr int64_t kBytesPerSwapPage = 1;
constexpr int64_t kBytesPerProcess = 16 << 10;
constexpr int64_t kBytesPerRecord = 8;
constexpr int64_t kBytesAtRest = 16 << 20;  // Histograms, series, the program itself.

void AddTo(int64_t& total, int64_t amount, int64_t times) {
  total = SaturatingAdd(total, SaturatingMultiply(amount, times));
}

// One process at a time; what a step does is added once for each time it runs in each copy.
class Counter {
 public:
  Counter(const v1::Scenario& scenario, TraceSizes traces, ScenarioTotals& totals)
      : segments_(SegmentSizes(scenario)), traces_(traces), totals_(totals) {}

  void AddProcess(const v1::Process& process) {
    copies_ = process.has_count() ? process.count() : 1;
    maps_.clear();
    table_bytes_ = 0;
    AddTo(totals_.processes, 1, copies_);
    AddSteps(process.steps(), copies_);
    AddTo(totals_.host_bytes, table_bytes_ + kBytesPerProcess, copies_);
  }

 private:
  using Steps = google::protobuf::RepeatedPtrField<v1::Step>;

  void AddSteps(const Steps& steps, int64_t times) {
    AddTo(totals_.step_runs, steps.size(), times);
    for (const v1::Step& step : steps) AddStep(step, times);
  }

  void AddStep(const v1::Step& step, int64_t times) {
    switch (step.step_case()) {
      case v1::Step::kMap:
        AddMap(step.map().name(), MappedPages(step.map(), segments_), times);
        break;
      case v1::Step::kTouch:
        AddTo(totals_.references, TouchedPages(step.touch()), times);
        break;
      case v1::Step::kGenerate:
        AddGenerate(step.generate(), times);
        break;
      case v1::Step::kTrace:
        AddTrace(step.trace(), times);
        break;
      case v1::Step::kRepeat:
        AddSteps(step.repeat().steps(), SaturatingMultiply(times, step.repeat().times()));
        break;
      default:
        break;
    }
  }

  void AddMap(const std::string& name, int64_t pages, int64_t times) {
    maps_[name] = pages;
    AddTo(totals_.mapped_pages, pages, copies_);
    AddTo(totals_.pages_mapped_in_all, pages, times);
  }

  int64_t TouchedPages(const v1::Touch& touch) const {
    return touch.pages() != 0 ? touch.pages() : PagesOf(touch.map()) - touch.first_page();
  }

  void AddGenerate(const v1::Generate& generate, int64_t times) {
    const GeneratorConfig config = ToGeneratorConfig(generate, PagesOf(generate.map()), 0);
    if (!ValidateGenerator(config).ok()) return;
    AddTo(totals_.references, static_cast<int64_t>(GeneratorLength(config)), times);
    table_bytes_ = std::max(table_bytes_, static_cast<int64_t>(GeneratorTableBytes(config)));
  }

  void AddTrace(const v1::Trace& trace, int64_t times) {
    const TraceSize size = traces_(trace.file());
    const int64_t repeat = trace.has_repeat() ? trace.repeat() : 1;
    AddTo(totals_.references, SaturatingMultiply(size.references, repeat), times);
    AddTo(totals_.mapped_pages, size.mapped_pages, copies_);
    AddTo(totals_.pages_mapped_in_all, size.mapped_pages, times);
    if (loaded_.insert(trace.file()).second) {
      AddTo(totals_.host_bytes, size.records, kBytesPerRecord);
    }
  }

  int64_t PagesOf(const std::string& map) const {
    const auto it = maps_.find(map);
    return it == maps_.end() ? 0 : it->second;
  }

  const std::map<std::string, int64_t> segments_;
  TraceSizes traces_;
  ScenarioTotals& totals_;
  std::set<std::string> loaded_;  // Trace files; each is in memory once.
  // Of the process at hand.
  int64_t copies_ = 1;
  std::map<std::string, int64_t> maps_;  // Pages by name.
  int64_t table_bytes_ = 0;              // Of its largest generator.
};

// Without a size of its own, a device is the rest of its disk.
int64_t SwapPages(const v1::Scenario& scenario, const v1::SwapDevice& device) {
  if (device.size_pages() != 0) return device.size_pages();
  for (const v1::Disk& disk : scenario.disks()) {
    if (disk.name() != device.disk()) continue;
    return ToDiskConfig(disk).size_bytes / vm::kPageSize - device.offset_pages();
  }
  return 0;
}

}  // namespace

std::map<std::string, int64_t> SegmentSizes(const v1::Scenario& scenario) {
  std::map<std::string, int64_t> sizes;
  for (const v1::SharedSegment& segment : scenario.shared_segments()) {
    sizes[segment.name()] = segment.pages();
  }
  return sizes;
}

int64_t MappedPages(const v1::Map& map, const std::map<std::string, int64_t>& segments) {
  if (map.pages() != 0 || map.shared_segment().empty()) return map.pages();
  const auto it = segments.find(map.shared_segment());
  return it == segments.end() ? 0 : it->second - map.first_page();
}

ScenarioTotals CountTotals(const v1::Scenario& scenario, TraceSizes traces) {
  ScenarioTotals totals;
  Counter counter(scenario, traces, totals);
  for (const v1::Process& process : scenario.processes()) counter.AddProcess(process);
  int64_t segment_pages = 0;
  for (const v1::SharedSegment& segment : scenario.shared_segments()) {
    AddTo(segment_pages, segment.pages(), 1);
  }
  for (const v1::SwapDevice& device : scenario.swap()) {
    AddTo(totals.swap_pages, SwapPages(scenario, device), 1);
  }
  AddTo(totals.host_bytes, scenario.memory().pages(), kBytesPerFrame);
  AddTo(totals.host_bytes, SaturatingAdd(totals.mapped_pages, segment_pages), kBytesPerMappedPage);
  AddTo(totals.host_bytes, totals.swap_pages, kBytesPerSwapPage);
  AddTo(totals.host_bytes, kBytesAtRest, 1);
  return totals;
}

}  // namespace vmsim::scenarios
