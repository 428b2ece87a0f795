#include "sim/disk_model_fixed.h"

#include <algorithm>
#include <functional>

namespace vmsim::sim {

FixedDiskModel::FixedDiskModel(const FixedDiskConfig& config)
    : config_(config), free_at_(config.servers, 0) {}

SimTime FixedDiskModel::Start(SimTime now, const DiskRequest& request) {
  const SimDuration service = IsDataOp(request.op) ? ServiceTime(request.length) : config_.base_ns;
  std::pop_heap(free_at_.begin(), free_at_.end(), std::greater<>());
  const SimTime done = std::max(now, free_at_.back()) + service;
  free_at_.back() = done;
  std::push_heap(free_at_.begin(), free_at_.end(), std::greater<>());
  return done;
}

SimDuration FixedDiskModel::ServiceTime(int64_t bytes) const {
  const int64_t units = (bytes + config_.unit_bytes - 1) / config_.unit_bytes;
  return config_.base_ns + units * config_.per_unit_ns;
}

SimDuration FixedDiskModel::WorstCase(int64_t bytes) const { return ServiceTime(bytes); }

}  // namespace vmsim::sim
