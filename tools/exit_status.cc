#include "tools/exit_status.h"

namespace vmsim::tools {

ExitStatus InputExitStatus(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
      return kExitNoInput;
    case absl::StatusCode::kResourceExhausted:
      return kExitLimit;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    case absl::StatusCode::kInternal:
      return kExitBug;
    default:
      return kExitBadInput;
  }
}

ExitStatus OutputExitStatus(const absl::Status& error) {
  if (error.ok()) return kExitOk;
  return error.code() == absl::StatusCode::kFailedPrecondition ? kExitCannotCreate : kExitOutput;
}

}  // namespace vmsim::tools
