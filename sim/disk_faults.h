// sim/disk_faults.h: faults that a disk is told to have.
//
// A rule says which requests it looks at (commands, byte range, time of submission), which of those
// it strikes (all, the n-th, every n-th, or by chance), and what happens to them. Every rule sees
// every request, in the order of submission; what several do to one request adds up: the first
// error holds, the shortest prefix, the sum of the delays.
//
//     kind        the request ends with                    on the medium
//     kEio        EIO, 0 bytes                             nothing
//     kBadRange   EIO, 0 bytes, each time                  nothing, unless a write remaps the
//     sectors kGone       ENXIO, and so do all others from now on  nothing, of those in flight
//     either kNoMemory   ENOMEM; never reaches the device         nothing kShort      success, but
//     fewer bytes completed       a written prefix kTorn       success (or EIO), all bytes
//     completed    a written prefix kLatency    what it would have, delay_ns later
//
// A completion that never comes is not offered: a driver's watchdog would turn it into an error
// after its timeout, which is kEio with a delay_ns of that timeout.
//
// Chance draws from a stream of the rule's own, indexed by the number of the request on this
// device, so neither the other devices, nor the other rules, nor the scheduler shift a draw.
#ifndef VMSIM_SIM_DISK_FAULTS_H_
#define VMSIM_SIM_DISK_FAULTS_H_

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "sim/disk_request.h"
#include "sim/time.h"
#include "sim/trace.h"

namespace vmsim::sim {

// The numbers appear in traces.
enum class DiskFaultKind : uint8_t {
  kEio = 1,
  kBadRange = 2,
  kGone = 3,
  kNoMemory = 4,
  kShort = 5,
  kTorn = 6,
  kLatency = 7,
};
inline constexpr int kDiskFaultKinds = 8;  // One more than the last number.

// "eio", "bad_range", "gone", "no_memory", "short", "torn", "latency".
std::string_view DiskFaultName(DiskFaultKind kind);

struct DiskFaultRule {
  DiskFaultKind kind = DiskFaultKind::kEio;

  // Which requests the rule looks at. Commands without a range match any range. kBadRange and
  // kShort only ever look at reads and writes, kTorn at writes.
  uint32_t ops = kAllDiskOps;  // OpBit()s.
  int64_t begin = 0;           // Bytes [begin, end): a request matches if it overlaps.
  int64_t end = std::numeric_limits<int64_t>::max();
  SimTime from = 0;  // Submitted in [from, until).
  SimTime until = kNever;

  // Which of those it strikes: at most one of these is set; none: all of them. Not for kBadRange.
  int64_t nth = 0;              // Only the n-th, from 1.
  int64_t every = 0;            // The n-th, the 2n-th, ...
  int64_t probability_ppm = 0;  // Each with this chance in a million.
  int64_t limit = 0;            // At most so many in all; 0: no limit.

  // What happens.
  SimDuration delay_ns = 0;     // Completes later by this; with any kind but kGone and kNoMemory.
  int64_t prefix_sectors = -1;  // kShort, kTorn: sectors that pass, less than all; -1: drawn.
  bool report_error = false;    // kTorn: the device does say EIO.
  bool remap_on_write = false;  // kBadRange: writing a bad sector succeeds and makes it good.
};

// InvalidArgument "faults[index].field: ..." if the rule makes no sense.
absl::Status ValidateDiskFault(const DiskFaultRule& rule, size_t index);

// What the faults do to one request.
struct DiskVerdict {
  int error = kDiskOk;
  int64_t completed = 0;  // Bytes reported.
  int64_t stored = 0;     // Bytes of a write that reach the medium: a prefix.
  SimDuration delay = 0;
  bool gone = false;       // The device goes away with this request.
  bool no_memory = false;  // The request was never made.
};

class DiskFaults {
 public:
  // Requires: ValidateDiskFault accepts each rule. `device` names the random streams; `trace` may
  // be null.
  DiskFaults(const std::vector<DiskFaultRule>& rules, uint64_t run_seed, std::string_view device,
             Trace* trace, uint32_t actor);

  // Judges request `number` of the device, submitted now. Called once for each, in order of
  // numbers.
  DiskVerdict Judge(uint64_t number, SimTime now, const DiskRequest& request);

  bool empty() const { return rules_.empty(); }
  // How often a kind struck; for kBadRange, writes that remapped are among them.
  int64_t count(DiskFaultKind kind) const { return counts_[static_cast<size_t>(kind)]; }

 private:
  struct Rule {
    DiskFaultRule config;
    uint64_t seed = 0;
    int64_t matches = 0;
    int64_t strikes = 0;
    std::map<int64_t, int64_t> bad;  // kBadRange: begin to end of what is bad, disjoint.
  };

  static bool Matches(const DiskFaultRule& rule, SimTime now, const DiskRequest& request);
  static bool Strikes(Rule& rule, uint64_t number, const DiskRequest& request);
  static void Apply(const Rule& rule, uint64_t number, const DiskRequest& request,
                    DiskVerdict& verdict);

  std::vector<Rule> rules_;
  std::array<int64_t, kDiskFaultKinds> counts_{};
  Trace* trace_;
  uint32_t actor_;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_DISK_FAULTS_H_
