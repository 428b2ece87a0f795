// scenarios/vmstat_table.h: a run over simulated time, as vmstat(8) shows it.
//
// Counters are rates per second since the row above (the first row's since the start), levels are
// those of the moment. The columns and what they are made of are listed at Series in result.proto;
// a column whose source is not in the series is left out. Model: FreeBSD usr.bin/vmstat/vmstat.c
// (dovmstat).
#ifndef VMSIM_SCENARIOS_VMSTAT_TABLE_H_
#define VMSIM_SCENARIOS_VMSTAT_TABLE_H_

#include <string>

#include "scenarios/result.pb.h"

namespace vmsim::scenarios {

// At most `max_rows` rows: of more samples, each row stands for several. Empty without samples.
// Requires: max_rows > 0; every column has as many values as there are times.
std::string VmstatTable(const v1::Series& series, int max_rows);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_VMSTAT_TABLE_H_
