// scenarios/report.h: a result as text for a terminal.
#ifndef VMSIM_SCENARIOS_REPORT_H_
#define VMSIM_SCENARIOS_REPORT_H_

#include <string>

#include "scenarios/result.pb.h"

namespace vmsim::scenarios {

struct ReportOptions {
  bool color = false;      // ANSI escapes: bold headings, red failures.
  int max_rows = 25;       // Of the table over time.
  int max_processes = 40;  // Of the table of processes.
  int max_calls = 40;      // Of the table of system calls.
};

// The machine; a vmstat table over simulated time; totals under their sysctl names (those that are
// 0 left out); latencies of faults and what they waited for; reclaim, processes, labelled system
// calls, disks; expectations; the digest. Ends with a newline. The same result gives the same text.
std::string TextReport(const v1::Result& result, const ReportOptions& options = {});

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_REPORT_H_
