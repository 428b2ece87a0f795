#include "scenarios/vmstat_table.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "scenarios/human_units.h"
#include "scenarios/text_table.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int kMaxDiskColumns = 4;

struct Source {
  const char* heading;
  const char* group;
  std::vector<const char*> columns;  // Of the series; those that are there are added up.
  bool rate;
};

const std::vector<Source>& Sources() {
  static const auto* const sources = new std::vector<Source>{
      {"r", "procs", {"threads_runnable"}, false},
      {"b", "procs", {"threads_blocked"}, false},
      {"avm", "memory", {"avm_pages"}, false},
      {"fre", "memory", {"v_free_count"}, false},
      {"flt", "page", {"v_vm_faults"}, true},
      {"re", "page", {"v_reactivated"}, true},
      {"pi", "page", {"v_swapin", "v_vnodein"}, true},
      {"po", "page", {"v_swapout", "v_vnodeout"}, true},
      {"fr", "page", {"v_tfree"}, true},
      {"sr", "page", {"v_pdpages"}, true},
  };
  return *sources;
}

const v1::SeriesColumn* Find(const v1::Series& series, absl::string_view name) {
  for (const v1::SeriesColumn& column : series.columns()) {
    if (column.name() == name) return &column;
  }
  return nullptr;
}

// One column of the table: how to work out its cell for the samples (from, to].
struct Cell {
  std::vector<const v1::SeriesColumn*> columns;
  bool rate;

  // What was counted in that span, or the level at its end.
  int64_t Value(int from, int to) const {
    int64_t value = 0;
    for (const v1::SeriesColumn* column : columns) {
      value += column->values(to) - (rate && from >= 0 ? column->values(from) : 0);
    }
    return std::max<int64_t>(value, 0);
  }
};

// us sy id: shares of the CPU time in percent, adding up to 100.
class CpuCells {
 public:
  explicit CpuCells(const v1::Series& series)
      : user_(Find(series, "cpu_user_ns")),
        system_(Find(series, "cpu_system_ns")),
        idle_(Find(series, "cpu_idle_ns")) {}

  bool known() const { return user_ != nullptr && system_ != nullptr && idle_ != nullptr; }

  void Append(int from, int to, std::vector<std::string>& row) const {
    const int64_t user = Cell{{user_}, true}.Value(from, to);
    const int64_t system = Cell{{system_}, true}.Value(from, to);
    const int64_t all = user + system + Cell{{idle_}, true}.Value(from, to);
    const int64_t us = Ratio(user, 100, all);
    const int64_t sy = std::min(Ratio(system, 100, all), 100 - us);
    row.push_back(absl::StrCat(us));
    row.push_back(absl::StrCat(sy));
    row.push_back(absl::StrCat(all == 0 ? 0 : 100 - us - sy));
  }

 private:
  const v1::SeriesColumn* user_;
  const v1::SeriesColumn* system_;
  const v1::SeriesColumn* idle_;
};

// "disk.nvd0.transfers" gives "nvd0".
std::string DiskName(absl::string_view column) {
  constexpr absl::string_view kPrefix = "disk.", kSuffix = ".transfers";
  if (!absl::StartsWith(column, kPrefix) || !absl::EndsWith(column, kSuffix)) return "";
  if (column.size() <= kPrefix.size() + kSuffix.size()) return "";
  return std::string(
      column.substr(kPrefix.size(), column.size() - kPrefix.size() - kSuffix.size()));
}

class Builder {
 public:
  explicit Builder(const v1::Series& series) : series_(series), cpu_(series) {
    columns_.push_back({"time s", "", false});
    for (const Source& source : Sources()) {
      Cell cell{{}, source.rate};
      for (const char* name : source.columns) {
        if (const v1::SeriesColumn* column = Find(series, name)) cell.columns.push_back(column);
      }
      if (!cell.columns.empty()) Add({source.heading, source.group, false}, std::move(cell));
    }
    AddDisks();
    if (!cpu_.known()) return;
    for (const char* heading : {"us", "sy", "id"}) columns_.push_back({heading, "cpu", false});
  }

  std::string Build(int max_rows) {
    TextTable table(columns_);
    const int samples = series_.time_ns_size();
    const int per_row = (samples + max_rows - 1) / max_rows;
    for (int from = -1; from < samples - 1;) {
      const int to = std::min(from + per_row, samples - 1);
      table.AddRow(Row(from, to));
      from = to;
    }
    return table.Render();
  }

 private:
  void Add(TextTable::Column column, Cell cell) {
    columns_.push_back(std::move(column));
    cells_.push_back(std::move(cell));
  }

  void AddDisks() {
    int disks = 0;
    for (const v1::SeriesColumn& column : series_.columns()) {
      const std::string name = DiskName(column.name());
      if (name.empty() || disks++ >= kMaxDiskColumns) continue;
      Add({name.substr(0, 12), "disks", false}, Cell{{&column}, true});
    }
  }

  std::vector<std::string> Row(int from, int to) const {
    const int64_t span = series_.time_ns(to) - (from < 0 ? 0 : series_.time_ns(from));
    std::vector<std::string> row = {Seconds(series_.time_ns(to))};
    for (const Cell& cell : cells_) {
      const int64_t value = cell.Value(from, to);
      row.push_back(absl::StrCat(cell.rate ? Ratio(value, kSecond, span) : value));
    }
    if (cpu_.known()) cpu_.Append(from, to, row);
    return row;
  }

  const v1::Series& series_;
  CpuCells cpu_;
  std::vector<TextTable::Column> columns_;
  std::vector<Cell> cells_;
};

}  // namespace

std::string VmstatTable(const v1::Series& series, int max_rows) {
  if (series.time_ns().empty()) return "";
  return Builder(series).Build(max_rows);
}

}  // namespace vmsim::scenarios
