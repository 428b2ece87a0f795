#include "sim/disk_model.h"

#include "sim/disk_limits.h"
#include "sim/disk_model_fixed.h"
#include "sim/disk_model_hdd.h"
#include "sim/disk_model_ssd.h"

namespace vmsim::sim {
namespace {

// A field and its limits; a table of them is a model's whole validation.
struct Range {
  std::string_view field;
  int64_t value;
  int64_t least;
  int64_t most;
};

template <size_t N>
absl::Status CheckRanges(const Range (&ranges)[N]) {
  for (const Range& range : ranges) {
    absl::Status status = CheckRange(range.field, range.value, range.least, range.most);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

constexpr int64_t kMaxUnitBytes = int64_t{16} << 20;

absl::Status Validate(const FixedDiskConfig& c) {
  return CheckRanges({
      {"fixed.base_ns", c.base_ns, 0, kMaxStepNs},
      {"fixed.per_unit_ns", c.per_unit_ns, 0, kMaxStepNs},
      {"fixed.unit_bytes", c.unit_bytes, kSectorBytes, kMaxUnitBytes},
      {"fixed.servers", c.servers, 1, 65536},
  });
}

absl::Status Validate(const HddDiskConfig& c) {
  absl::Status status = CheckRanges({
      {"hdd.cylinders", c.cylinders, 1, 10'000'000},
      {"hdd.heads", c.heads, 1, 1000},
      {"hdd.sectors_per_track", c.sectors_per_track, 1, 100'000},
      {"hdd.rotation_ns", c.rotation_ns, 1, kMaxStepNs},
      {"hdd.overhead_ns", c.overhead_ns, 0, kMaxStepNs},
      {"hdd.head_switch_ns", c.head_switch_ns, 0, kMaxStepNs},
      {"hdd.track_skew_sectors", c.track_skew_sectors, 0, 100'000},
      {"hdd.cylinder_skew_sectors", c.cylinder_skew_sectors, 0, 100'000},
      // The limit on the coefficient keeps its square times the distance inside 64 bits.
      {"hdd.seek.sqrt_base_ns", c.seek.sqrt_base_ns, 0, kMaxStepNs},
      {"hdd.seek.sqrt_coefficient_ns", c.seek.sqrt_coefficient_ns, 0, kMillisecond},
      {"hdd.seek.linear_base_ns", c.seek.linear_base_ns, 0, kMaxStepNs},
      {"hdd.seek.linear_per_cylinder_ns", c.seek.linear_per_cylinder_ns, 0, kMillisecond},
      {"hdd.buffer_bytes", c.buffer_bytes, 0, int64_t{1} << 40},
      {"hdd.read_ahead_bytes", c.read_ahead_bytes, 0, kMaxUnitBytes},
  });
  if (status.ok() && c.read_ahead_bytes > c.buffer_bytes) {
    status =
        absl::InvalidArgumentError(absl::StrCat("hdd.read_ahead_bytes: ", c.read_ahead_bytes,
                                                " do not fit hdd.buffer_bytes: ", c.buffer_bytes));
  }
  return status;
}

absl::Status Validate(const SsdDiskConfig& c) {
  absl::Status status = CheckRanges({
      {"ssd.channels", c.channels, 1, 1024},
      {"ssd.dies_per_channel", c.dies_per_channel, 1, 1024},
      {"ssd.queue_depth", c.queue_depth, 1, 65536},
      {"ssd.unit_bytes", c.unit_bytes, kSectorBytes, kMaxUnitBytes},
      {"ssd.read_ns", c.read_ns, 0, kMaxStepNs},
      {"ssd.program_ns", c.program_ns, 0, kMaxStepNs},
      {"ssd.erase_ns", c.erase_ns, 0, kMaxStepNs},
      // From 1 MB/s: a slower one could take longer over a unit than any other step may.
      {"ssd.channel_bytes_per_s", c.channel_bytes_per_s, 1'000'000, 1'000'000'000'000},
      {"ssd.overhead_ns", c.overhead_ns, 0, kMaxStepNs},
      {"ssd.write_cache_units", c.write_cache_units, 0, 1 << 20},
      {"ssd.programs_per_erase", c.programs_per_erase, 0, 1'000'000'000},
  });
  if (status.ok() && (c.unit_bytes & (c.unit_bytes - 1)) != 0) {
    status = absl::InvalidArgumentError(
        absl::StrCat("ssd.unit_bytes: ", c.unit_bytes, " is not a power of two"));
  }
  return status;
}

std::unique_ptr<DiskModel> Make(const FixedDiskConfig& config) {
  return std::make_unique<FixedDiskModel>(config);
}
std::unique_ptr<DiskModel> Make(const HddDiskConfig& config) {
  return std::make_unique<HddDiskModel>(config);
}
std::unique_ptr<DiskModel> Make(const SsdDiskConfig& config) {
  return std::make_unique<SsdDiskModel>(config);
}

}  // namespace

absl::Status ValidateDiskModel(const DiskModelConfig& config) {
  return std::visit([](const auto& c) { return Validate(c); }, config);
}

absl::StatusOr<std::unique_ptr<DiskModel>> MakeDiskModel(const DiskModelConfig& config) {
  absl::Status status = ValidateDiskModel(config);
  if (!status.ok()) return status;
  return std::visit([](const auto& c) { return Make(c); }, config);
}

}  // namespace vmsim::sim
