// scenarios/text_table.h: columns on a terminal.
//
//      procs    page
//     r  b    flt  pi      a group's name stands over the first of its columns
//     1  0   1200   0
#ifndef VMSIM_SCENARIOS_TEXT_TABLE_H_
#define VMSIM_SCENARIOS_TEXT_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace vmsim::scenarios {

class TextTable {
 public:
  struct Column {
    std::string heading;
    std::string group;  // Neighbours of the same group stand together; "" is one too.
    bool left_aligned = false;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Requires: one cell for each column.
  void AddRow(std::vector<std::string> cells);

  // Lines, each indented by two spaces and without spaces at its end. The line of groups is left
  // out if no column has one.
  std::string Render() const;

 private:
  std::vector<size_t> Widths() const;
  std::string RenderGroups(const std::vector<size_t>& widths) const;
  std::string RenderRow(const std::vector<std::string>& cells,
                        const std::vector<size_t>& widths) const;
  // Spaces before column i: one, or two where a group begins.
  size_t Gap(size_t i) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_TEXT_TABLE_H_
