#include "scenarios/scenario_totals.h"

#include <algorithm>
#include <set>
#include <vector>

#include "scenarios/file_config.h"
#include "scenarios/generators.h"
#include "scenarios/mail_config.h"
#include "scenarios/map_names.h"
#include "scenarios/saturating.h"
#include "scenarios/scenario_config.h"
#include "scenarios/steps.h"
#include "vfs/types.h"
#include "vm/page.h"

namespace vmsim::scenarios {
namespace {

// Rough costs in host memory, bytes.
constexpr int64_t kBytesPerFrame = 64;
constexpr int64_t kBytesPerMappedPage = 16;  // Page-table entry, the object's slot, swap metadata.
constexpr int64_t kBytesPerSwapPage = 1;
constexpr int64_t kBytesPerFilePage = 8;        // Slots in its object.
constexpr int64_t kBytesPerWrittenPage = 128;   // What its sectors hold, in memory and on the disk.
constexpr int64_t kBytesPerWatchedPage = 1024;  // And may hold, if power can fail.
constexpr int64_t kBytesPerPooledSector = 128;  // That a pool writes: its word, by store.
constexpr int64_t kBytesPerBuffer = 256;
constexpr int64_t kBytesPerWord = 8;
constexpr int64_t kBytesPerFragment = 64;  // Where it lies, and the gap behind it.
constexpr int64_t kBytesPerConnection = 4 << 10;
constexpr int64_t kBytesPerProcess = 16 << 10;
constexpr int64_t kBytesPerThread = 4 << 10;
constexpr int64_t kBytesPerMessage = 1 << 10;
constexpr int64_t kBytesPerRecord = 8;
constexpr int64_t kBytesPerCall = 512;      // What a labelled call came to, here and in the result.
constexpr int64_t kBytesAtRest = 16 << 20;  // Histograms, series, the program itself.

void AddTo(int64_t& total, int64_t amount, int64_t times) {
  total = SaturatingAdd(total, SaturatingMultiply(amount, times));
}

// One process at a time, its children within it; what a step does is added once for each time it
// runs in each copy.
class Counter {
 public:
  Counter(const v1::Scenario& scenario, TraceSizes traces, ScenarioTotals& totals)
      : sizes_(SizesOf(scenario)), crash_(HasCrash(scenario)), traces_(traces), totals_(totals) {
    for (const v1::File& file : scenario.files()) reach_[file.name()].end = file.size_bytes();
    for (const v1::Process& process : scenario.processes()) {
      CollectAppended(process.steps());
      CollectPools(process.steps());
    }
  }

  void AddProcess(const v1::Process& process) {
    maps_.Clear();
    traces_mapped_.Clear();
    AddProgram(process.steps(), process.has_count() ? process.count() : 1);
  }

  // Files, as large as they can get.
  void AddFiles() {
    for (const auto& [name, reach] : reach_) {
      const int64_t bytes = std::min(SaturatingAdd(reach.end, reach.appended), vfs::kMaxFileBytes);
      const int64_t written = std::min(bytes, reach.written);
      AddTo(totals_.host_bytes, vfs::SectorsOf(std::min(bytes, reach.pooled)),
            kBytesPerPooledSector);
      AddTo(totals_.file_pages, vfs::PagesOf(bytes), 1);
      AddTo(totals_.host_bytes, vfs::PagesOf(bytes), kBytesPerFilePage);
      AddTo(totals_.host_bytes, vfs::PagesOf(written),
            kBytesPerWrittenPage + (crash_ ? kBytesPerWatchedPage : 0));
    }
    for (const OpenedPool& pool : opened_) AddBuffers(*pool.open, pool.copies);
  }

 private:
  // How far a file can be written.
  struct Reach {
    int64_t end = 0;       // Of what is written or cut at an offset,
    int64_t appended = 0;  // and bytes that are written wherever the last write ended.
    int64_t written = 0;   // All that are,
    int64_t pooled = 0;    // and those of these that pools write.
  };
  // The process at hand.
  struct Program {
    int64_t copies = 1;
    int64_t table_bytes = 0;  // Of its largest generator.
  };

  void AddProgram(const Steps& steps, int64_t copies) {
    p_ = {copies, 0};
    AddTo(totals_.processes, 1, copies);
    MapTraces(steps);
    AddSteps(steps, copies);
    AddTo(totals_.host_bytes, p_.table_bytes + kBytesPerProcess, copies);
  }

  // Traces are mapped before the first step.
  void MapTraces(const Steps& steps) {
    for (const v1::Step& step : steps) {
      if (step.has_trace()) {
        traces_mapped_.Add(step.trace().file(), traces_(step.trace().file()).mapped_pages);
      }
      if (step.has_repeat()) MapTraces(step.repeat().steps());
    }
  }

  void AddSteps(const Steps& steps, int64_t times) {
    AddTo(totals_.step_runs, steps.size(), times);
    for (const v1::Step& step : steps) {
      AddStep(step, times);
      if (!step.label().empty()) AddTo(totals_.labelled_calls, 1, p_.copies);
    }
  }

  // The child begins with what its parent has mapped.
  void AddFork(const v1::Fork& fork, int64_t times) {
    const int64_t inherited = SaturatingAdd(maps_.total_pages(), traces_mapped_.total_pages());
    AddTo(totals_.mapped_pages, inherited, times);
    AddTo(totals_.pages_mapped_in_all, inherited, times);
    const Program parent = p_;
    const size_t maps = maps_.Mark();
    const size_t traces = traces_mapped_.Mark();
    AddProgram(fork.steps(), times);
    maps_.RevertTo(maps);
    traces_mapped_.RevertTo(traces);
    p_ = parent;
  }

  void AddStep(const v1::Step& step, int64_t times) {
    switch (step.step_case()) {
      case v1::Step::kMap:
        AddMap(step.map().name(), MappedPages(step.map(), sizes_), times);
        if (KindOf(step.map()) == v1::Map::FILE && !step.map().private_()) {
          AddTo(reach_[step.map().file()].written, MappedPages(step.map(), sizes_), vm::kPageSize);
        }
        break;
      case v1::Step::kTruncate:
        ExtendTo(step.truncate().file(), step.truncate().size_bytes());
        break;
      case v1::Step::kRead:
        AddTo(totals_.step_runs, CallsOf(step) - 1, times);
        break;
      case v1::Step::kWrite:
        AddTo(totals_.step_runs, CallsOf(step) - 1, times);
        AddWrite(step.write(), SaturatingMultiply(CallsOf(step), times));
        break;
      case v1::Step::kMpoolOpen:
        opened_.push_back({&step.mpool_open(), p_.copies});
        break;
      case v1::Step::kMpoolGet:
        AddPoolPages(PoolOf(step), step.mpool_get().page(),
                     std::max<int64_t>(step.mpool_get().random_pages(), 1), times);
        break;
      case v1::Step::kMpoolNew:
        AddPoolPages(PoolOf(step), step.mpool_new().page(), 1, times);
        AddNewPage(PoolOf(step), times);
        break;
      case v1::Step::kMpoolAccess:
        AddTo(totals_.step_runs, CallsOf(step) - 1, times);
        AddPoolPages(PoolOf(step), step.mpool_access().first_page(), step.mpool_access().pages(),
                     SaturatingMultiply(CallsOf(step), times));
        p_.table_bytes = std::max(
            p_.table_bytes,
            static_cast<int64_t>(GeneratorTableBytes(ToGeneratorConfig(step.mpool_access(), 0))));
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
      case v1::Step::kUnmap:
        if (IsWhole(step.unmap())) maps_.Remove(step.unmap().map());
        break;
      case v1::Step::kFork:
        AddFork(step.fork(), times);
        break;
      default:
        break;
    }
  }

  void AddMap(const std::string& name, int64_t pages, int64_t times) {
    maps_.Add(name, pages);
    AddTo(totals_.mapped_pages, pages, p_.copies);
    AddTo(totals_.pages_mapped_in_all, pages, times);
  }

  // What cannot be written fails, and extends nothing.
  void ExtendTo(const std::string& file, int64_t end) {
    if (end <= vfs::kMaxFileBytes) reach_[file].end = std::max(reach_[file].end, end);
  }

  void AddWrite(const v1::Write& write, int64_t times) {
    const int64_t length = write.length_bytes();
    if (!write.connection().empty() || length <= 0 || length > vfs::kMaxCallBytes) return;
    Reach& reach = reach_[write.file()];
    AddTo(reach.written, length, times);
    const bool at_offset = write.has_offset_bytes() || write.random_blocks() > 0;
    if (!at_offset || appended_to_.count(write.file()) != 0) AddTo(reach.appended, length, times);
    if (!at_offset) return;
    const int64_t span = SaturatingMultiply(length, std::max<int64_t>(write.random_blocks(), 1));
    ExtendTo(write.file(), SaturatingAdd(std::max<int64_t>(write.offset_bytes(), 0), span));
  }

  // Files that are opened for appending: there an offset counts for nothing.
  void CollectAppended(const Steps& steps) {
    for (const v1::Step& step : steps) {
      if (step.open().append()) appended_to_.insert(step.open().file());
      if (step.has_repeat()) CollectAppended(step.repeat().steps());
      if (step.has_fork()) CollectAppended(step.fork().steps());
    }
  }

  struct OpenedPool {
    const v1::MpoolOpen* open;
    int64_t copies;  // Of the process. A repeat closes what it opened before.
  };
  // As many as the pool may keep, and the file has pages for.
  void AddBuffers(const v1::MpoolOpen& open, int64_t copies) {
    if (open.pagesize_bytes() == 0) return;
    const Reach& reach = reach_[open.file()];
    const int64_t bytes = std::min(SaturatingAdd(reach.end, reach.appended), vfs::kMaxFileBytes);
    int64_t buffers = std::max<int64_t>(open.maxcache(), 1);
    if (!open.shared()) buffers = std::min(buffers, bytes / open.pagesize_bytes() + 1);
    const int64_t each = kBytesPerBuffer +
                         vfs::PagesOf(open.pagesize_bytes()) * kBytesPerMappedPage +
                         vfs::SectorsOf(open.pagesize_bytes()) * kBytesPerWord;
    AddTo(totals_.host_bytes, SaturatingMultiply(buffers, each), copies);
  }

  // What the steps that open pools of a name ask for, at the most.
  struct Pool {
    std::set<std::string> files;
    int64_t pagesize = 0;
    bool reaches_behind_the_end = false;  // V8_7.
  };
  void CollectPools(const Steps& steps) {
    for (const v1::Step& step : steps) {
      if (step.has_mpool_open()) {
        const v1::MpoolOpen& open = step.mpool_open();
        Pool& pool = pools_[open.pool()];
        if (!open.file().empty()) pool.files.insert(open.file());
        pool.pagesize = std::max(pool.pagesize, open.pagesize_bytes());
        pool.reaches_behind_the_end |= open.compat() == v1::MpoolOpen::V8_7;
      }
      if (step.has_repeat()) CollectPools(step.repeat().steps());
      if (step.has_fork()) CollectPools(step.fork().steps());
    }
  }

  // Any of them may be written.
  void AddPoolPages(const std::string& name, int64_t first, int64_t pages, int64_t times) {
    const Pool& pool = pools_[name];
    for (const std::string& file : pool.files) {
      AddTo(reach_[file].written, pool.pagesize, times);
      AddTo(reach_[file].pooled, pool.pagesize, times);
      if (!pool.reaches_behind_the_end) continue;
      ExtendTo(file, SaturatingMultiply(SaturatingAdd(first, pages), pool.pagesize));
    }
  }

  void AddNewPage(const std::string& name, int64_t times) {
    const Pool& pool = pools_[name];
    for (const std::string& file : pool.files) AddTo(reach_[file].appended, pool.pagesize, times);
  }

  int64_t TouchedPages(const v1::Touch& touch) const {
    return touch.pages() != 0 ? touch.pages() : PagesOf(touch.map()) - touch.first_page();
  }

  void AddGenerate(const v1::Generate& generate, int64_t times) {
    const GeneratorConfig config = ToGeneratorConfig(generate, PagesOf(generate.map()), 0);
    if (!ValidateGenerator(config).ok()) return;
    AddTo(totals_.references, static_cast<int64_t>(GeneratorLength(config)), times);
    p_.table_bytes = std::max(p_.table_bytes, static_cast<int64_t>(GeneratorTableBytes(config)));
  }

  void AddTrace(const v1::Trace& trace, int64_t times) {
    const TraceSize size = traces_(trace.file());
    const int64_t repeat = trace.has_repeat() ? trace.repeat() : 1;
    AddTo(totals_.references, SaturatingMultiply(size.references, repeat), times);
    AddTo(totals_.mapped_pages, size.mapped_pages, p_.copies);
    AddTo(totals_.pages_mapped_in_all, size.mapped_pages, times);
    if (loaded_.insert(trace.file()).second) {
      AddTo(totals_.host_bytes, size.records, kBytesPerRecord);
    }
  }

  int64_t PagesOf(const std::string& map) const { return maps_.Find(map).value_or(0); }

  const MappableSizes sizes_;
  const bool crash_;
  std::map<std::string, Reach> reach_;
  std::set<std::string> appended_to_;
  std::map<std::string, Pool> pools_;
  std::vector<OpenedPool> opened_;
  TraceSizes traces_;
  ScenarioTotals& totals_;
  std::set<std::string> loaded_;  // Trace files; each is in memory once.
  // Of the process at hand.
  Program p_;
  MapNames maps_;
  MapNames traces_mapped_;  // By file.
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

int64_t MostBodyPages(const std::vector<net::MailSize>& sizes) {
  return (sizes.back().most_bytes + vm::kPageSize - 1) / vm::kPageSize;
}

// As if no message were delivered before the last has arrived. Requires: CheckMailRelay accepts it.
void AddMailRelay(const v1::MailRelay& relay, int64_t& host_bytes) {
  const net::MailConfig config = ToMailConfig(relay, {});
  int64_t pages = MostBodyPages(config.sizes);
  int64_t connections = 0;
  for (const net::MailRemote& remote : config.remotes) {
    if (!remote.sizes.empty()) pages = std::max(pages, MostBodyPages(remote.sizes));
    connections += remote.connections;
  }
  const int threads =
      config.residency.pool.concurrency + config.store.concurrency + config.unlink.concurrency;
  AddTo(host_bytes, config.messages, kBytesPerMessage);
  AddTo(host_bytes, SaturatingMultiply(config.messages, pages), kBytesPerMappedPage);
  AddTo(host_bytes, connections, 2 * kBytesPerConnection);
  AddTo(host_bytes, threads, kBytesPerThread);
}

}  // namespace

std::map<std::string, int64_t> SegmentSizes(const v1::Scenario& scenario) {
  std::map<std::string, int64_t> sizes;
  for (const v1::SharedSegment& segment : scenario.shared_segments()) {
    sizes[segment.name()] = segment.pages();
  }
  return sizes;
}

std::map<std::string, int64_t> FilePages(const v1::Scenario& scenario) {
  std::map<std::string, int64_t> sizes;
  for (const v1::File& file : scenario.files()) {
    sizes[file.name()] = vfs::PagesOf(file.size_bytes());
  }
  return sizes;
}

MappableSizes SizesOf(const v1::Scenario& scenario) {
  return {SegmentSizes(scenario), FilePages(scenario)};
}

int64_t MappedPages(const v1::Map& map, const MappableSizes& sizes) {
  const v1::Map::Kind kind = KindOf(map);
  if (map.pages() != 0 || kind == v1::Map::ANONYMOUS) return map.pages();
  const bool is_file = kind == v1::Map::FILE;
  const auto& pages = is_file ? sizes.files : sizes.segments;
  const auto it = pages.find(is_file ? map.file() : map.shared_segment());
  return it == pages.end() ? 0 : it->second - map.first_page();
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
  counter.AddFiles();
  for (const v1::File& file : scenario.files()) {
    AddTo(totals.host_bytes, FragmentsOf(scenario, file), kBytesPerFragment);
  }
  AddTo(totals.host_bytes, scenario.connections_size(), kBytesPerConnection);
  if (scenario.has_mail_relay()) AddMailRelay(scenario.mail_relay(), totals.host_bytes);
  AddTo(totals.host_bytes, totals.labelled_calls, kBytesPerCall);
  AddTo(totals.host_bytes, kBytesAtRest, 1);
  return totals;
}

}  // namespace vmsim::scenarios
