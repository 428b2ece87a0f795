// sim/time.h: simulated time.
//
// Time is a count of nanoseconds since the machine started. It moves only when an event runs or a
// thread consumes CPU; nothing in the simulator reads a host clock.
#ifndef VMSIM_SIM_TIME_H_
#define VMSIM_SIM_TIME_H_

#include <cstdint>
#include <limits>

namespace vmsim::sim {

using SimTime = int64_t;      // ns since the machine started.
using SimDuration = int64_t;  // ns.

inline constexpr SimDuration kMicrosecond = 1'000;
inline constexpr SimDuration kMillisecond = 1'000'000;
inline constexpr SimDuration kSecond = 1'000'000'000;

// Later than any event. Half the range, so that adding a duration to it cannot overflow.
inline constexpr SimTime kNever = std::numeric_limits<int64_t>::max() / 2;

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_TIME_H_
