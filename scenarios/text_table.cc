#include "scenarios/text_table.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace vmsim::scenarios {
namespace {

constexpr size_t kIndent = 2;

std::string Finish(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

void TextTable::AddRow(std::vector<std::string> cells) {
  CHECK_EQ(cells.size(), columns_.size());
  rows_.push_back(std::move(cells));
}

size_t TextTable::Gap(size_t i) const {
  if (i == 0) return kIndent;
  return columns_[i].group == columns_[i - 1].group && !columns_[i].group.empty() ? 1 : 2;
}

std::vector<size_t> TextTable::Widths() const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = columns_[i].heading.size();
    for (const auto& row : rows_) width = std::max(width, row[i].size());
    widths.push_back(width);
  }
  return widths;
}

std::string TextTable::RenderRow(const std::vector<std::string>& cells,
                                 const std::vector<size_t>& widths) const {
  std::string line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const std::string fill(widths[i] - cells[i].size(), ' ');
    line += std::string(Gap(i), ' ');
    line += columns_[i].left_aligned ? cells[i] + fill : fill + cells[i];
  }
  return Finish(std::move(line));
}

std::string TextTable::RenderGroups(const std::vector<size_t>& widths) const {
  std::string line;
  size_t at = 0;
  bool any = false;
  for (size_t i = 0; i < columns_.size(); ++i) {
    at += Gap(i);
    const std::string& group = columns_[i].group;
    if (!group.empty() && (i == 0 || columns_[i - 1].group != group)) {
      // A name that reaches over its columns pushes the next one to the right.
      line.resize(std::max(at, line.empty() ? 0 : line.size() + 1), ' ');
      line += group;
      any = true;
    }
    at += widths[i];
  }
  return any ? Finish(std::move(line)) : "";
}

std::string TextTable::Render() const {
  const std::vector<size_t> widths = Widths();
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  std::string text = RenderGroups(widths) + RenderRow(headings, widths);
  for (const auto& row : rows_) text += RenderRow(row, widths);
  return text;
}

}  // namespace vmsim::scenarios
