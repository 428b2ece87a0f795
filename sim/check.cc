#include "sim/check.h"

#include <cstdio>
#include <cstdlib>

namespace vmsim::sim {
namespace {
CheckFailureHandler failure_handler = nullptr;
}  // namespace

void SetCheckFailureHandler(CheckFailureHandler handler) { failure_handler = handler; }

void CheckFailed(const char* file, int line, const char* condition, std::string_view detail) {
  const std::string message =
      absl::StrCat(file, ":", line, ": invariant broken: ", condition, detail.empty() ? "" : ": ",
                   absl::string_view(detail.data(), detail.size()));
  std::fprintf(stderr, "%s\n", message.c_str());
  if (failure_handler != nullptr) failure_handler(message);
  std::abort();
}

}  // namespace vmsim::sim
