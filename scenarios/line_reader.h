// scenarios/line_reader.h: the lines of a text file, one by one, with their numbers.
//
//   LineReader lines(source);
//   std::string_view line;
//   while (lines.Next(&line)) { ... }
//   if (!lines.status().ok()) return lines.status();
//
// Lines end in "\n" or "\r\n", the last one perhaps in nothing. Memory: in proportion to the
// longest line. Lines up to kMaxLineBytes are read; a longer one may be InvalidArgument, and one
// twice as long is.
#ifndef VMSIM_SCENARIOS_LINE_READER_H_
#define VMSIM_SCENARIOS_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "scenarios/byte_source.h"

namespace vmsim::scenarios {

inline constexpr size_t kMaxLineBytes = size_t{1} << 20;

class LineReader {
 public:
  // `source` must outlive the reader.
  explicit LineReader(ByteSource& source);

  // Sets `line` to the next line, without its end; it lasts until the next call. False when there
  // is none: at the end, or after an error.
  bool Next(std::string_view* line) {
    const void* newline = std::memchr(begin_, '\n', static_cast<size_t>(end_ - begin_));
    if (newline == nullptr) return NextAcrossRefill(line);
    Take(static_cast<const char*>(newline), line);
    ++begin_;
    return true;
  }

  uint64_t line_number() const { return line_number_; }  // Of the last line; the first is 1.
  const absl::Status& status() const { return status_; }

  // "trace.log: line 12": how messages name the last line.
  std::string Place() const;

 private:
  bool NextAcrossRefill(std::string_view* line);
  void Take(const char* line_end, std::string_view* line) {
    size_t length = static_cast<size_t>(line_end - begin_);
    *line = std::string_view(begin_, length);
    if (line->ends_with('\r')) line->remove_suffix(1);
    begin_ = line_end;
    ++line_number_;
  }

  ByteSource& source_;
  std::vector<char> buffer_;
  const char *begin_, *end_;  // The unread bytes of the buffer.
  bool ended_ = false;        // The source has no more.
  uint64_t line_number_ = 0;
  absl::Status status_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_LINE_READER_H_
