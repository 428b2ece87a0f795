#include "tools/progress_line.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scenarios/human_units.h"

namespace vmsim::tools {

std::string ProgressText(const std::string& name, const scenarios::Progress& progress,
                         double elapsed_s) {
  const double rate =
      elapsed_s > 0 ? static_cast<double>(progress.references) / elapsed_s / 1e6 : 0;
  std::string text = absl::StrCat(name, ": ", scenarios::Seconds(progress.sim_time_ns),
                                  " s simulated, ", absl::StrFormat("%.1f M references/s", rate));
  if (progress.references_total <= 0 || progress.references <= 0) return text;
  const double done = std::min(1.0, static_cast<double>(progress.references) /
                                        static_cast<double>(progress.references_total));
  absl::StrAppendFormat(&text, ", %.0f %%, %.0f s left", 100 * done, elapsed_s * (1 - done) / done);
  return text;
}

void ProgressLine::Update(const scenarios::Progress& progress) {
  if (!enabled_) return;
  const double elapsed_s = std::chrono::duration<double>(Clock::now() - start_).count();
  // Narrow enough for any terminal: a line that wraps cannot be rewritten.
  const std::string text = ProgressText(name_, progress, elapsed_s).substr(0, 79);
  fprintf(stderr, "\r\033[K%s", text.c_str());
  fflush(stderr);
  shown_ = true;
}

void ProgressLine::Clear() {
  if (!shown_) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  shown_ = false;
}

}  // namespace vmsim::tools
