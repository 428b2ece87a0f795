// sim/disk_model.h: how long a device takes.
//
// A DiskModel is asked once per request, in the order in which requests enter the device, and
// answers when that request completes. It keeps what the answer depends on: servers, arm and
// rotation, dies and channels. Queueing in front of the device, errors and statistics are
// sim/disk.h's.
//
// All times are integer nanoseconds; no floating point anywhere. Models:
//
//     fixed   base + per unit, k servers: unit tests, goldens, arithmetic on paper
//     hdd     seek curve, rotation, tracks and skew, read-ahead buffer: HP 97560, a 7200 rpm drive
//     ssd     channels and dies, write cache, erase pauses
#ifndef VMSIM_SIM_DISK_MODEL_H_
#define VMSIM_SIM_DISK_MODEL_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/disk_request.h"
#include "sim/time.h"

namespace vmsim::sim {

class DiskModel {
 public:
  virtual ~DiskModel() = default;

  // The request enters the device now; returns when it completes, not before `now`. Requires: `now`
  // never decreases from call to call, and offset, length are not negative.
  virtual SimTime Start(SimTime now, const DiskRequest& request) = 0;

  // How many requests the device takes at a time.
  virtual int parallelism() const = 0;
  // Bytes that the device's geometry has room for.
  virtual int64_t capacity_bytes() const { return std::numeric_limits<int64_t>::max(); }
  // Whether it has the command: EOPNOTSUPP otherwise.
  virtual bool Supports(DiskOp) const { return true; }
  // No request of `bytes` keeps the device busy for longer than this: a bound, not an estimate.
  // Used to refuse configurations whose backlog would leave the range of SimTime.
  virtual SimDuration WorstCase(int64_t bytes) const = 0;
};

struct FixedDiskConfig {
  SimDuration base_ns = 100 * kMicrosecond;
  SimDuration per_unit_ns = 2 * kMicrosecond;  // For each unit begun; data commands only.
  int64_t unit_bytes = 4096;
  int64_t servers = 1;  // Requests served at a time.
};

// Seek time over d cylinders: 0 for d = 0; sqrt_base + sqrt_coefficient * sqrt(d) up to
// `linear_above` cylinders, rounded down; linear_base + linear_per_cylinder * d beyond.
struct SeekCurve {
  SimDuration sqrt_base_ns = 0;
  SimDuration sqrt_coefficient_ns = 0;
  int64_t linear_above = std::numeric_limits<int64_t>::max();
  SimDuration linear_base_ns = 0;
  SimDuration linear_per_cylinder_ns = 0;

  // Requires: cylinders >= 0.
  SimDuration SeekTime(int64_t cylinders) const;
};

struct HddDiskConfig {
  int64_t cylinders = 0;
  int64_t heads = 0;  // Tracks per cylinder.
  int64_t sectors_per_track = 0;
  SimDuration rotation_ns = 0;     // One turn.
  SimDuration overhead_ns = 0;     // Controller, per request.
  SimDuration head_switch_ns = 0;  // To another track of the same cylinder.
  int64_t track_skew_sectors = 0;
  int64_t cylinder_skew_sectors = 0;
  SeekCurve seek;
  int64_t buffer_bytes = 0;      // What was read last and can be had without the medium; 0: none.
  int64_t read_ahead_bytes = 0;  // How far it reads on by itself after a read (the read fence).

  // HP 97560, 1.3 GB. Ruemmler and Wilkes, "An Introduction to Disk Drive Modeling", IEEE Computer
  // 27(3), March 1994.
  static HddDiskConfig Hp97560();
  // A 1 TB drive in round numbers, no particular one: 7200 rpm, 200 MB/s, seeks of 0.8 ms to the
  // next track and 8.5 ms over a third of the surface.
  static HddDiskConfig Modern7200();
};

struct SsdDiskConfig {
  int64_t channels = 8;
  int64_t dies_per_channel = 4;
  int64_t queue_depth = 64;
  int64_t unit_bytes = 4096;                    // One flash page; a power of two.
  SimDuration read_ns = 60 * kMicrosecond;      // tR
  SimDuration program_ns = 600 * kMicrosecond;  // tPROG
  SimDuration erase_ns = 3 * kMillisecond;      // tBERS
  int64_t channel_bytes_per_s = 800'000'000;
  SimDuration overhead_ns = 5 * kMicrosecond;  // Per command.
  int64_t write_cache_units = 256;             // 0: writes complete when programmed.
  int64_t programs_per_erase = 0;              // A die pauses to erase after so many; 0: never.
};

using DiskModelConfig = std::variant<FixedDiskConfig, HddDiskConfig, SsdDiskConfig>;

// InvalidArgument that names the field, the value and the legal range.
absl::Status ValidateDiskModel(const DiskModelConfig& config);

// Validates, and makes the model.
absl::StatusOr<std::unique_ptr<DiskModel>> MakeDiskModel(const DiskModelConfig& config);

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_DISK_MODEL_H_
