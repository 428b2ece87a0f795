// scenarios/report_sections.h: the parts of the text report; each is lines, or empty if there is
// nothing to say.
#ifndef VMSIM_SCENARIOS_REPORT_SECTIONS_H_
#define VMSIM_SCENARIOS_REPORT_SECTIONS_H_

#include <string>

#include "scenarios/result.pb.h"

namespace vmsim::scenarios {

// Counters that are not 0, in groups, two to a line.
std::string TotalsSection(const v1::Result& result);
// Percentiles of each kind of fault.
std::string LatencySection(const v1::Result& result);
// The same of what a mail relay does.
std::string MailSection(const v1::Result& result);
// What faults slept for, and what the slowest ones did.
std::string WaitsSection(const v1::Result& result);
std::string ReclaimSection(const v1::ReclaimResult& reclaim);
std::string ProcessesSection(const v1::Result& result, int max_processes);
// System calls with a label.
std::string CallsSection(const v1::Result& result, int max_calls);
std::string DisksSection(const v1::Result& result);
// The figures of a comparison, a column a variant.
std::string ComparisonSection(const v1::Result& result);
// What power failure left.
std::string CrashSection(const v1::Result& result);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_REPORT_SECTIONS_H_
