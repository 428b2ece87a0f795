#include "sim/series.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace vmsim::sim {
namespace {

void KeepEvenRows(std::vector<int64_t>& column) {
  const size_t kept = (column.size() + 1) / 2;
  for (size_t row = 0; row < kept; ++row) column[row] = column[2 * row];
  column.resize(kept);
}

}  // namespace

Series::Series(std::vector<std::string> column_names, size_t max_rows)
    : names_(std::move(column_names)), max_rows_(max_rows + max_rows % 2), columns_(names_.size()) {
  for (size_t i = 0; i < names_.size(); ++i) {
    CHECK(!names_[i].empty(), "column ", i);
    CHECK_EQ(*FindColumn(names_[i]), i, "column twice: ", names_[i]);
  }
}

void Series::Append(SimTime time, std::span<const int64_t> values) {
  CHECK_EQ(values.size(), columns_.size());
  if (!times_.empty()) CHECK_GE(time, times_.back());
  if (max_rows_ != 0 && rows() == max_rows_) DropEverySecondRow();
  times_.push_back(time);
  for (size_t i = 0; i < columns_.size(); ++i) columns_[i].push_back(values[i]);
}

void Series::DropEverySecondRow() {
  KeepEvenRows(times_);
  for (std::vector<int64_t>& column : columns_) KeepEvenRows(column);
  stride_ *= 2;
}

std::optional<size_t> Series::FindColumn(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<size_t>(found - names_.begin());
}

}  // namespace vmsim::sim
