#include "scenarios/swap_devices.h"

#include "absl/strings/str_cat.h"
#include "sim/check.h"
#include "sim/errno.h"
#include "vm/page.h"

namespace vmsim::scenarios {

bool SwapDevices::Fits(uint64_t pages) const {
  return vm_.swap().space().CanSwapOn(pages * (vm::kPageSize / sim::kSectorBytes));
}

bool SwapDevices::IsOn(const Device& device) const {
  return vm_.swap().space().device(device.number).on;
}

absl::Status SwapDevices::AddAll(const v1::Scenario& scenario,
                                 const std::vector<std::unique_ptr<sim::Disk>>& disks) {
  for (int i = 0; i < scenario.swap_size(); ++i) {
    const v1::SwapDevice& swap = scenario.swap(i);
    sim::Disk* disk = nullptr;
    for (const auto& candidate : disks) {
      if (candidate->name() == swap.disk()) disk = candidate.get();
    }
    CHECK(disk != nullptr, "the scenario check knows every disk: ", swap.disk());
    const int64_t disk_pages = disk->size_bytes() / vm::kPageSize;
    const int64_t pages =
        swap.size_pages() > 0 ? swap.size_pages() : disk_pages - swap.offset_pages();
    if (pages < 3 || swap.offset_pages() + pages > disk_pages ||
        !Fits(static_cast<uint64_t>(pages))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "swap[", i, "].size_pages: ", pages, " pages from page ", swap.offset_pages(),
          " do not fit on disk \"", swap.disk(), "\" of ", disk_pages,
          " pages (or exceed 2^32 swap pages in all); make the area smaller or the disk larger"));
    }
    const Device device{disk, swap.offset_pages() * vm::kPageSize, static_cast<uint32_t>(pages), 0};
    devices_.push_back(device);
    devices_.back().number = vm_.swap().SwapOn(*disk, device.offset_bytes, device.pages);
  }
  return absl::OkStatus();
}

sim::Task<int> SwapDevices::Off(int swap, bool force) {
  const Device& device = devices_[static_cast<size_t>(swap)];
  co_return co_await vm_.SwapOff(device.number, force);
}

sim::Task<int> SwapDevices::On(int swap) {
  Device& device = devices_[static_cast<size_t>(swap)];
  co_await vm_.engine().Consume(vm_.config().costs.syscall_ns);
  if (IsOn(device)) co_return sim::kEbusy;
  if (!Fits(device.pages)) co_return sim::kEnomem;
  device.number = vm_.swap().SwapOn(*device.disk, device.offset_bytes, device.pages);
  co_return 0;
}

}  // namespace vmsim::scenarios
