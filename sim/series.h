// sim/series.h: a table of samples: simulated time and a fixed set of int64 columns.
//
// Storage is by column, each one dense array, so that a plot or a numpy view takes a column as it
// is. With a cap on the rows the table stays bounded however long the run is: when a row would be
// one too many, every second row is dropped and the stride doubles, and from then on the sampler
// waits twice as long. What remains is an even grid over the whole run, and which rows remain
// depends on nothing but their number. Cap 4, one sample a second:
//
//     0 1 2 3          four rows, stride 1
//     0 2 4            the row of second 4 arrives: 1 and 3 are dropped, stride 2
//     0 2 4 6          the sampler now comes every second second
//     0 4 8            stride 4
//
// The sampler's part is to wait `interval * stride()` after each Append().
#ifndef VMSIM_SIM_SERIES_H_
#define VMSIM_SIM_SERIES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/time.h"

namespace vmsim::sim {

class Series {
 public:
  // A table without rows. `max_rows` 0 means no cap; an odd cap is rounded up, because thinning
  // keeps the grid even only if it starts from an even number of rows. Requires: the names are
  // distinct and not empty.
  explicit Series(std::vector<std::string> column_names, size_t max_rows = 0);

  // Adds a row, thinning first if the cap is reached. Requires: one value per column, and `time`
  // not before that of the last row.
  void Append(SimTime time, std::span<const int64_t> values);

  // The number of sampler intervals between two rows: 1, 2, 4, ...
  int64_t stride() const { return stride_; }

  size_t rows() const { return times_.size(); }
  size_t max_rows() const { return max_rows_; }
  const std::vector<std::string>& column_names() const { return names_; }

  // Each of rows() values. The arrays stay where they are until the next Append().
  const std::vector<int64_t>& times() const { return times_; }
  const std::vector<int64_t>& column(size_t index) const { return columns_[index]; }

  // The index of the column `name`; nothing if there is none.
  std::optional<size_t> FindColumn(std::string_view name) const;

 private:
  void DropEverySecondRow();

  std::vector<std::string> names_;
  size_t max_rows_;
  int64_t stride_ = 1;
  std::vector<SimTime> times_;
  std::vector<std::vector<int64_t>> columns_;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_SERIES_H_
