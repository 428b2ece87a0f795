// tools/progress_line.h: one line on stderr that says how far a run is.
//
//     quickstart: 12.345 s simulated, 8.1 M references/s, 42 %, 3 s left
#ifndef VMSIM_TOOLS_PROGRESS_LINE_H_
#define VMSIM_TOOLS_PROGRESS_LINE_H_

#include <chrono>
#include <string>
#include <utility>

#include "scenarios/runner.h"

namespace vmsim::tools {

// Rewrites the line in place while it lives, and takes it away at its end. Silent if `enabled` is
// false.
class ProgressLine {
 public:
  ProgressLine(std::string name, bool enabled)
      : name_(std::move(name)), enabled_(enabled), start_(Clock::now()) {}
  ~ProgressLine() { Clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Update(const scenarios::Progress& progress);
  // Takes the line away; the next Update brings it back.
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;

  const std::string name_;
  const bool enabled_;
  const Clock::time_point start_;
  bool shown_ = false;
};

// The text, after `elapsed_s` seconds of host time.
std::string ProgressText(const std::string& name, const scenarios::Progress& progress,
                         double elapsed_s);

}  // namespace vmsim::tools

#endif  // VMSIM_TOOLS_PROGRESS_LINE_H_
