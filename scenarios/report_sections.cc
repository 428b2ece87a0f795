#include "scenarios/report_sections.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scenarios/human_units.h"
#include "scenarios/text_table.h"

namespace vmsim::scenarios {
namespace {

// --- Totals ---

constexpr std::array kGroups = {"faults", "swap",    "files",  "reclaim",    "levels", "targets",
                                "disks",  "network", "mpools", "mail relay", "others"};

// Which of kGroups a counter belongs to, by its kind and its kernel name.
size_t GroupOf(const v1::CounterValue& counter) {
  const std::string& name = counter.name();
  const auto is_one_of = [&name](std::initializer_list<absl::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const auto begins_with = [&name](std::initializer_list<absl::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&name](absl::string_view prefix) {
      return absl::StartsWith(name, prefix);
    });
  };
  if (absl::StartsWith(name, "disk.")) return 6;
  if (begins_with({"connection.", "kern.ipc.", "sf_"})) return 7;
  if (absl::StartsWith(name, "mpool.")) return 8;
  if (begins_with({"mail.", "residency.", "hook.", "mincore.", "pool."})) return 9;
  if (counter.kind() == v1::COUNTER_KIND_TARGET) return 5;
  if (absl::StartsWith(name, "v_swap") || absl::StartsWith(name, "swap_")) return 1;
  if (begins_with({"v_vnode", "file_", "buf_", "vfs.", "getblks", "dirty_", "running_", "syncer_",
                   "vnode_", "putpages_", "truncated_"})) {
    return 2;
  }
  if (counter.kind() == v1::COUNTER_KIND_LEVEL) return 4;
  if (is_one_of({"v_vm_faults", "v_io_faults", "v_zfod", "v_ozfod", "v_cow_faults", "v_cow_optim",
                 "v_intrans", "refaults"})) {
    return 0;
  }
  if (is_one_of({"v_reactivated", "v_pdwakeups", "v_pdpages", "v_pdshortfalls", "v_dfree",
                 "v_pfree", "v_tfree", "oom_kills", "laundered_pages", "unswappable_pages",
                 "pdpasses"})) {
    return 3;
  }
  return kGroups.size() - 1;
}

std::string RenderGroup(const std::vector<const v1::CounterValue*>& counters) {
  std::string text;
  for (size_t i = 0; i < counters.size(); ++i) {
    const v1::CounterValue& counter = *counters[i];
    const bool ends_line = i % 2 == 1 || i + 1 == counters.size();
    std::string cell = absl::StrFormat("  %-22s %15s %s", counter.name(), Grouped(counter.value()),
                                       counter.unit());
    if (!ends_line) cell.resize(std::max<size_t>(cell.size() + 1, 54), ' ');
    absl::StrAppend(&text, cell, ends_line ? "\n" : "");
  }
  return text;
}

// --- Faults ---

struct Named {
  const char* histogram;
  const char* shown;
};
constexpr Named kFaults[] = {
    {"fault_soft_ns", "soft"},
    {"fault_zero_ns", "zero-fill"},
    {"fault_hard_ns", "hard"},
    {"fault_ns", "all"},
};

std::string ShownName(const std::string& histogram) {
  for (const Named& named : kFaults) {
    if (histogram == named.histogram) return named.shown;
  }
  return histogram;
}

// The value in its unit: durations for people, other units as they are.
std::string InUnit(int64_t value, const std::string& unit) {
  return unit == "ns" ? HumanDuration(value) : absl::StrCat(Grouped(value), " ", unit);
}

std::string SlowFaultsLine(const v1::SlowFaults& slow) {
  std::string text = absl::StrCat("  The slow ones, of ", HumanDuration(slow.threshold_ns()),
                                  " or more: ", Grouped(slow.faults()), " took ",
                                  HumanDuration(slow.total_ns()), ":");
  int64_t rest = slow.total_ns();
  for (const v1::SlowFaults::Share& share : slow.waits()) {
    absl::StrAppend(&text, " ", share.cause(), " ", Percent(share.total_ns(), slow.total_ns()),
                    ",");
    rest -= share.total_ns();
  }
  absl::StrAppend(&text, " CPU ", Percent(std::max<int64_t>(rest, 0), slow.total_ns()), "\n");
  return text;
}

// --- Processes and disks ---

std::string HowItEnded(const v1::ProcessResult& process) {
  if (process.start_ns() < 0) return "not started";
  if (process.oom_killed()) return "killed: out of memory";
  if (process.signal() != 0) return absl::StrCat("signal ", process.signal());
  if (process.end_ns() < 0) return "still running";
  return absl::StrCat("exit ", process.exit_status());
}

// What mincore said, those that are 0 left out.
std::string MincoreText(const v1::MincoreResult& pages) {
  const std::pair<const char*, int64_t> kSums[] = {{"incore", pages.incore()},
                                                   {"referenced", pages.referenced()},
                                                   {"modified", pages.modified()},
                                                   {"referenced_other", pages.referenced_other()},
                                                   {"modified_other", pages.modified_other()},
                                                   {"super", pages.super()}};
  std::string text = absl::StrCat(kSums[0].first, " ", Grouped(kSums[0].second));
  for (const auto& [name, count] : kSums) {
    if (name != kSums[0].first && count != 0)
      absl::StrAppend(&text, ", ", name, " ", Grouped(count));
  }
  return text;
}

// What a call came to, beside its errno.
std::string AnswerText(const v1::CallResult& call) {
  if (call.has_mincore()) return MincoreText(call.mincore());
  return call.has_bytes() ? absl::StrCat(Grouped(call.bytes()), " bytes") : "";
}

std::string TimeOrDash(int64_t ns) { return ns < 0 ? "-" : Seconds(ns); }

// The histograms whose names begin with `prefix`, if any has counted anything.
std::string HistogramTable(const v1::Result& result, const char* heading, const char* prefix) {
  TextTable table({{heading, "", true},
                   {"count", "", false},
                   {"p50", "", false},
                   {"p90", "", false},
                   {"p99", "", false},
                   {"p99.9", "", false},
                   {"max", "", false}});
  bool any = false;
  for (const v1::HistogramResult& h : result.histograms()) {
    if (h.count() == 0 || !absl::StartsWith(h.name(), prefix)) continue;
    any = true;
    table.AddRow({ShownName(h.name()), Grouped(h.count()), InUnit(h.p50(), h.unit()),
                  InUnit(h.p90(), h.unit()), InUnit(h.p99(), h.unit()), InUnit(h.p999(), h.unit()),
                  InUnit(h.max(), h.unit())});
  }
  return any ? table.Render() : "";
}

}  // namespace

std::string TotalsSection(const v1::Result& result) {
  std::array<std::vector<const v1::CounterValue*>, kGroups.size()> groups;
  for (const v1::CounterValue& counter : result.counters()) {
    if (counter.value() != 0) groups[GroupOf(counter)].push_back(&counter);
  }
  std::string text;
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].empty()) continue;
    absl::StrAppend(&text, "  ", kGroups[i], ":\n", RenderGroup(groups[i]));
  }
  return text;
}

std::string LatencySection(const v1::Result& result) {
  return HistogramTable(result, "fault", "fault_");
}

std::string MailSection(const v1::Result& result) {
  return HistogramTable(result, "mail relay", "mail_");
}

std::string WaitsSection(const v1::Result& result) {
  if (result.fault_waits().empty()) return "";
  int64_t total = 0;
  for (const v1::WaitResult& wait : result.fault_waits()) total += wait.total_ns();
  TextTable table({{"waited for", "", true},
                   {"faults", "", false},
                   {"total", "", false},
                   {"share", "", false},
                   {"p50", "", false},
                   {"p99", "", false},
                   {"max", "", false}});
  for (const v1::WaitResult& wait : result.fault_waits()) {
    table.AddRow({wait.cause(), Grouped(wait.count()), HumanDuration(wait.total_ns()),
                  Percent(wait.total_ns(), total), HumanDuration(wait.p50_ns()),
                  HumanDuration(wait.p99_ns()), HumanDuration(wait.max_ns())});
  }
  const bool slow = result.slow_faults().faults() > 0;
  return absl::StrCat(table.Render(), slow ? SlowFaultsLine(result.slow_faults()) : "");
}

std::string ReclaimSection(const v1::ReclaimResult& reclaim) {
  if (reclaim.scanned_pages() == 0) return "";
  return absl::StrCat("  efficiency ", Percent(reclaim.freed_pages(), reclaim.scanned_pages()),
                      ": ", Grouped(reclaim.freed_pages()), " pages freed of ",
                      Grouped(reclaim.scanned_pages()), " scanned; ",
                      Grouped(reclaim.laundered_pages()), " laundered, ",
                      Grouped(reclaim.reactivated_pages()), " reactivated, ",
                      Grouped(reclaim.refaults()), " refaults\n");
}

std::string ProcessesSection(const v1::Result& result, int max_processes) {
  if (result.processes().empty()) return "";
  TextTable table({{"process", "", true},
                   {"references", "", false},
                   {"majflt", "", false},
                   {"minflt", "", false},
                   {"cpu", "", false},
                   {"stalled", "", false},
                   {"start s", "", false},
                   {"end s", "", false},
                   {"ended", "", true}});
  const int shown = std::min(result.processes_size(), max_processes);
  for (int i = 0; i < shown; ++i) {
    const v1::ProcessResult& process = result.processes(i);
    table.AddRow({process.name(), Grouped(process.references()), Grouped(process.majflt()),
                  Grouped(process.minflt()), HumanDuration(process.cpu_time_ns()),
                  HumanDuration(process.stall_ns()), TimeOrDash(process.start_ns()),
                  TimeOrDash(process.end_ns()), HowItEnded(process)});
  }
  std::string text = table.Render();
  if (shown < result.processes_size()) {
    absl::StrAppend(&text, "  ... and ", Grouped(result.processes_size() - shown),
                    " more; --json has all\n");
  }
  return text;
}

std::string CallsSection(const v1::Result& result, int max_calls) {
  if (result.calls().empty()) return "";
  TextTable table({{"process", "", true},
                   {"label", "", true},
                   {"call", "", true},
                   {"times", "", false},
                   {"failures", "", false},
                   {"last", "", true},
                   {"time", "", false},
                   {"answer", "", true}});
  const int shown = std::min(result.calls_size(), max_calls);
  for (int i = 0; i < shown; ++i) {
    const v1::CallResult& call = result.calls(i);
    table.AddRow({call.process(), call.label(), call.call(), Grouped(call.times()),
                  Grouped(call.failures()), call.times() == 0 ? "-" : call.last_errno(),
                  HumanDuration(call.total_ns()), AnswerText(call)});
  }
  std::string text = table.Render();
  if (shown < result.calls_size()) {
    absl::StrAppend(&text, "  ... and ", Grouped(result.calls_size() - shown),
                    " more; --json has all\n");
  }
  return text;
}

std::string DisksSection(const v1::Result& result) {
  if (result.disks().empty()) return "";
  TextTable table({{"disk", "", true},
                   {"model", "", true},
                   {"reads", "", false},
                   {"read", "", false},
                   {"writes", "", false},
                   {"written", "", false},
                   {"errors", "", false},
                   {"busy", "", false},
                   {"queue max", "", false},
                   {"wait p50", "", false},
                   {"wait p99", "", false},
                   {"service p50", "", false},
                   {"service p99", "", false}});
  for (const v1::DiskResult& disk : result.disks()) {
    table.AddRow({disk.name(), disk.model(), Grouped(disk.reads()), HumanBytes(disk.read_bytes()),
                  Grouped(disk.writes()), HumanBytes(disk.write_bytes()), Grouped(disk.errors()),
                  Percent(disk.busy_ns(), result.sim_time_ns()), Grouped(disk.max_queue_length()),
                  HumanDuration(disk.wait_ns().p50()), HumanDuration(disk.wait_ns().p99()),
                  HumanDuration(disk.service_ns().p50()), HumanDuration(disk.service_ns().p99())});
  }
  return table.Render();
}

std::string ComparisonSection(const v1::Result& result) {
  if (result.figures().empty()) return "";
  std::vector<TextTable::Column> columns = {{"figure", "", true}};
  for (const v1::VariantResult& variant : result.variants()) {
    columns.push_back({variant.name(), "", false});
  }
  TextTable table(std::move(columns));
  for (const v1::ComparedFigure& figure : result.figures()) {
    std::vector<std::string> cells = {figure.text()};
    const bool is_time =
        absl::StrContains(figure.text(), "_ns") && !absl::EndsWith(figure.text(), " count");
    for (const v1::FigureValue& cell : figure.values()) {
      if (!cell.has_value()) {
        cells.push_back("-");
      } else {
        cells.push_back(is_time ? HumanDuration(cell.value()) : Grouped(cell.value()));
      }
    }
    table.AddRow(std::move(cells));
  }
  return table.Render();
}

std::string CrashSection(const v1::Result& result) {
  if (!result.has_crash()) return "";
  const v1::CrashResult& crash = result.crash();
  return absl::StrCat("  power failed at ", Seconds(crash.time_ns()),
                      " s; writes under way: ", Grouped(crash.writes_dropped()), " dropped, ",
                      Grouped(crash.writes_kept()), " kept, ", Grouped(crash.writes_torn()),
                      " torn\n  sectors: ", Grouped(crash.sectors_safe()), " safe as promised, ",
                      Grouped(crash.sectors_lost()), " lost that nobody had promised",
                      crash.violations() == 0 ? ""
                                              : absl::StrCat(", ", Grouped(crash.violations()),
                                                             " NOT as promised: a disk lied"),
                      "\n");
}

}  // namespace vmsim::scenarios
