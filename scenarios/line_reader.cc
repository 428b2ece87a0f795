#include "scenarios/line_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vmsim::scenarios {
namespace {

constexpr size_t kFirstBufferBytes = size_t{1} << 16;

}  // namespace

LineReader::LineReader(ByteSource& source)
    : source_(source), buffer_(kFirstBufferBytes), begin_(buffer_.data()), end_(buffer_.data()) {}

std::string LineReader::Place() const {
  return absl::StrCat(source_.name(), ": line ", line_number_);
}

// There is no newline in the buffer: reads on, keeping the part of the line that is there.
bool LineReader::NextAcrossRefill(std::string_view* line) {
  while (status_.ok() && !ended_) {
    const size_t kept = static_cast<size_t>(end_ - begin_);
    if (kept > kMaxLineBytes) {
      status_ = absl::InvalidArgumentError(absl::StrCat(source_.name(), ": line ", line_number_ + 1,
                                                        " is longer than ", kMaxLineBytes,
                                                        " bytes; is this a text file?"));
      return false;
    }
    std::copy(begin_, end_, buffer_.data());
    if (kept > buffer_.size() / 2) buffer_.resize(2 * buffer_.size());
    const size_t want = buffer_.size() - kept;
    const absl::StatusOr<size_t> got = source_.Read(buffer_.data() + kept, want);
    begin_ = buffer_.data();
    end_ = begin_ + kept + (got.ok() ? *got : 0);
    if (!got.ok()) {
      status_ = got.status();
      return false;
    }
    ended_ = *got < want;
    const void* newline = std::memchr(begin_ + kept, '\n', *got);
    if (newline != nullptr) {
      Take(static_cast<const char*>(newline), line);
      ++begin_;
      return true;
    }
  }
  if (!status_.ok() || begin_ == end_) return false;
  Take(end_, line);
  return true;
}

}  // namespace vmsim::scenarios
