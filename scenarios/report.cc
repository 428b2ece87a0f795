#include "scenarios/report.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "scenarios/human_units.h"
#include "scenarios/report_sections.h"
#include "scenarios/vmstat_table.h"
#include "vm/page.h"

namespace vmsim::scenarios {
namespace {

class Report {
 public:
  Report(const v1::Result& result, const ReportOptions& options)
      : result_(result), options_(options) {}

  std::string Build() {
    result_.variants().empty() ? Title() : ComparisonTitle();
    Section("Comparison", ComparisonSection(result_));
    Section("Over simulated time (rates per second, memory in pages)",
            VmstatTable(result_.series(), options_.max_rows));
    Section("Totals (those that are 0 left out)", TotalsSection(result_));
    Section("Fault latency", LatencySection(result_));
    Section("Mail relay", MailSection(result_));
    Section("What faults waited for", WaitsSection(result_));
    Section("Reclaim", ReclaimSection(result_.reclaim()));
    Section("Processes", ProcessesSection(result_, options_.max_processes));
    Section("System calls", CallsSection(result_, options_.max_calls));
    Section("Disks", DisksSection(result_));
    Section("Crash", CrashSection(result_));
    Section("Expectations", Expectations());
    absl::StrAppend(&text_, "\ndigest ", result_.digest(), "\n");
    return text_;
  }

 private:
  static constexpr const char* kBold = "\033[1m";
  static constexpr const char* kRed = "\033[31m";
  static constexpr const char* kGreen = "\033[32m";

  std::string Painted(const char* color, absl::string_view text) const {
    return options_.color ? absl::StrCat(color, text, "\033[0m") : std::string(text);
  }

  void Title() {
    const int64_t pages = result_.memory_pages();
    absl::StrAppend(&text_, Painted(kBold, result_.scenario()), ": policy ", result_.policy(), ", ",
                    result_.revision(), ", ", Grouped(pages), " pages (",
                    HumanBytes(pages * vm::kPageSize), "), ", result_.cpus(),
                    result_.cpus() == 1 ? " CPU" : " CPUs", ", seed ", result_.seed(), "\n");
    absl::StrAppend(&text_, Seconds(result_.sim_time_ns()), " s simulated, ",
                    Grouped(result_.references()), " references, ", Grouped(result_.events_run()),
                    " events\n");
  }

  void ComparisonTitle() {
    absl::StrAppend(&text_, Painted(kBold, result_.scenario()), ": ", result_.variants_size(),
                    " variants, seed ", result_.seed(), "\n", Seconds(result_.sim_time_ns()),
                    " s simulated in all, ", Grouped(result_.references()), " references, ",
                    Grouped(result_.events_run()), " events\n");
  }

  void Section(absl::string_view heading, const std::string& body) {
    if (!body.empty()) absl::StrAppend(&text_, "\n", Painted(kBold, heading), "\n", body);
  }

  std::string Expectations() const {
    std::string text;
    for (const v1::ExpectationResult& outcome : result_.expectations()) {
      const std::string verdict =
          outcome.passed() ? Painted(kGreen, "passed") : Painted(kRed, "FAILED");
      std::string got = outcome.has_got() ? absl::StrCat("got ", outcome.got())
                                          : std::string("there is no such figure");
      if (!outcome.got_name().empty()) absl::StrAppend(&got, ", ", outcome.got_name());
      absl::StrAppend(&text, "  ", verdict, "  ", outcome.text(), "  (", got, ")\n");
    }
    return text;
  }

  const v1::Result& result_;
  const ReportOptions& options_;
  std::string text_;
};

}  // namespace

std::string TextReport(const v1::Result& result, const ReportOptions& options) {
  return Report(result, options).Build();
}

}  // namespace vmsim::scenarios
