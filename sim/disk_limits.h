// sim/disk_limits.h: one way to refuse a disk configuration value.
//
// The limits are wide: they keep sums of times inside SimTime and allocations small, not
// configurations plausible.
#ifndef VMSIM_SIM_DISK_LIMITS_H_
#define VMSIM_SIM_DISK_LIMITS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sim/time.h"

namespace vmsim::sim {

// One step of a device (a seek, a turn, a program) takes at most this long.
inline constexpr SimDuration kMaxStepNs = 60 * kSecond;

// InvalidArgument "field: value is outside least..most" unless it is inside.
inline absl::Status CheckRange(std::string_view field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(absl::string_view(field.data(), field.size()),
                                                 ": ", value, " is outside ", least, "..", most));
}

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_DISK_LIMITS_H_
