// sim/disk_model_fixed.h: base + per unit, k servers.
//
// A data command takes base_ns plus per_unit_ns for each unit of its length begun; every other
// command takes base_ns. A request that finds all servers busy waits for the one that is free
// first.
#ifndef VMSIM_SIM_DISK_MODEL_FIXED_H_
#define VMSIM_SIM_DISK_MODEL_FIXED_H_

#include <vector>

#include "sim/disk_model.h"

namespace vmsim::sim {

class FixedDiskModel final : public DiskModel {
 public:
  // Requires: ValidateDiskModel accepts `config`.
  explicit FixedDiskModel(const FixedDiskConfig& config);

  SimTime Start(SimTime now, const DiskRequest& request) override;
  int parallelism() const override { return static_cast<int>(config_.servers); }
  SimDuration WorstCase(int64_t bytes) const override;

 private:
  SimDuration ServiceTime(int64_t bytes) const;

  FixedDiskConfig config_;
  std::vector<SimTime> free_at_;  // Of each server, as a heap with the earliest on top.
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_DISK_MODEL_FIXED_H_
