// scenarios/swap_devices.h: the swap devices of a scenario, on and off.
#ifndef VMSIM_SCENARIOS_SWAP_DEVICES_H_
#define VMSIM_SCENARIOS_SWAP_DEVICES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "scenarios/scenario.pb.h"
#include "sim/disk.h"
#include "sim/task.h"
#include "vm/vm_system.h"

namespace vmsim::scenarios {

class SwapDevices {
 public:
  explicit SwapDevices(vm::VmSystem& vm) : vm_(vm) {}

  // Adds all of them, in order. InvalidArgument: an area does not fit on its disk.
  absl::Status AddAll(const v1::Scenario& scenario,
                      const std::vector<std::unique_ptr<sim::Disk>>& disks);

  // swapoff(2) and swapon(2) of the device at position `swap` of the scenario's. Off: EINVAL if it
  // is not on, or what VmSystem::SwapOff says. On: EBUSY if it is on, ENOMEM if the numbers of swap
  // blocks are used up.
  sim::Task<int> Off(int swap, bool force);
  sim::Task<int> On(int swap);

 private:
  struct Device {
    sim::Disk* disk;
    int64_t offset_bytes;
    uint32_t pages;
    int number;  // In vm/swap_space.h, which numbers it anew each time that it is added.
  };

  bool IsOn(const Device& device) const;
  bool Fits(uint64_t pages) const;

  vm::VmSystem& vm_;
  std::vector<Device> devices_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SWAP_DEVICES_H_
