#include "vm/swap_space.h"

#include <algorithm>

#include "sim/check.h"

namespace vmsim::vm {
namespace {

constexpr uint64_t kDevBlocksPerPage = kPageSize / kDevBsize;

}  // namespace

void SwapFreeRange::Add(SwapBlock block) {
  if (count_ > 0 && block == first_ + count_) {
    ++count_;
    return;
  }
  Flush();
  first_ = block;
  count_ = 1;
}

void SwapFreeRange::Flush() {
  space_.Free(first_, count_);
  count_ = 0;
}

bool SwapSpace::CanSwapOn(uint64_t dev_blocks) const {
  const uint64_t pages = dev_blocks / kDevBlocksPerPage;
  return pages >= kSwapLabelPages && pages < kNoSwapBlock &&
         NextNumber() + pages + 1 < kNoSwapBlock;
}

int SwapSpace::SwapOn(uint64_t dev_blocks) {
  CHECK(CanSwapOn(dev_blocks), "swap device of ", dev_blocks, " blocks of 512 bytes");
  const auto pages = static_cast<uint32_t>(dev_blocks / kDevBlocksPerPage);
  SwapDevice device;
  device.first = static_cast<SwapBlock>(NextNumber());
  device.end = device.first + pages;
  device.blist = Blist(pages);
  device.blist.Free(kSwapLabelPages, pages - kSwapLabelPages);
  devices_.push_back(std::move(device));
  ++devices_on_;
  avail_ += pages - kSwapLabelPages;
  total_ += pages;
  SizeCheck();
  return device_count() - 1;
}

SwapSpace::Extent SwapSpace::Get(uint32_t wanted) {
  CHECK_GE(wanted, 1u);
  uint32_t max = wanted;
  uint32_t min = std::min(max, Blist::kMaxAlloc);
  int at = rotor_;
  while (devices_on_ > 0) {
    if (at == kNoDevice) at = NextDevice(kNoDevice);
    SwapDevice& device = devices_[at];
    const Blist::Extent got = device.closing ? Blist::Extent{} : device.blist.Alloc(min, max);
    at = NextDevice(at);
    if (got.count > 0) {
      device.used += got.count;
      avail_ -= got.count;
      SizeCheck();
      rotor_ = at;
      return {device.first + got.first, got.count};
    }
    if (at != rotor_) continue;
    // Once around: ask for less. What max excludes was tried in this round.
    if (min == 1) break;
    max = min - 1;
    min /= 2;
  }
  if (full_ != 2) {
    ++full_messages_;
    full_ = 2;
    almost_full_ = 1;
  }
  rotor_ = kNoDevice;
  return {};
}

void SwapSpace::Free(SwapBlock block, uint32_t count) {
  if (count == 0) return;
  SwapDevice& device = devices_[DeviceOf(block)];
  CHECK_LE(count, device.end - block, "swap: blocks ", block, "+", count, " span two devices");
  CHECK_LE(count, device.used, "swap: freeing more than is used, at block ", block);
  device.used -= count;
  if (device.closing) return;
  device.blist.Free(block - device.first, count);
  avail_ += count;
  SizeCheck();
}

bool SwapSpace::CanSwapOff(int device, int64_t free_pages) const {
  return free_pages + avail_ >= int64_t{this->device(device).nblks()} + kSwapLowat;
}

void SwapSpace::BeginSwapOff(int device) {
  SwapDevice& off = Device(device);
  CHECK(off.blist.blocks() > 0, "swap: swapoff of device ", device, " has begun already");
  off.closing = true;
  avail_ -= off.blist.Fill(0, off.nblks());
  total_ -= off.nblks();
  off.blist = Blist(0);
}

bool SwapSpace::SwapOffBegun(int device) const { return devices_[device].blist.blocks() == 0; }

void SwapSpace::FinishSwapOff(int device) {
  SwapDevice& off = Device(device);
  CHECK(off.blist.blocks() == 0, "swap: swapoff of device ", device, " has not begun");
  CHECK_EQ(off.used, 0u, "swap: device ", device, " is still in use");
  off.on = false;
  if (--devices_on_ == 0) {
    full_ = 2;
    almost_full_ = 1;
  }
  if (rotor_ == device) rotor_ = kNoDevice;
}

void SwapSpace::SetClosing(int device, bool closing) {
  SwapDevice& changed = Device(device);
  CHECK(changed.blist.blocks() > 0, "swap: swapoff of device ", device, " has begun");
  changed.closing = closing;
}

SwapSpace::Location SwapSpace::Locate(SwapBlock block) const {
  const int device = DeviceOf(block);
  return {device, int64_t{block - devices_[device].first} * kPageSize};
}

int64_t SwapSpace::used() const {
  int64_t used = 0;
  for (const SwapDevice& device : devices_) used += device.used;
  return used;
}

const SwapDevice& SwapSpace::device(int index) const {
  CHECK(index >= 0 && index < device_count(), "swap: no device ", index);
  return devices_[index];
}

SwapDevice& SwapSpace::Device(int index) {
  CHECK(index >= 0 && index < device_count() && devices_[index].on, "swap: no device ", index);
  return devices_[index];
}

// The device that follows `index` (kNoDevice: the first), or kNoDevice behind the last.
int SwapSpace::NextDevice(int index) const {
  for (int next = index + 1; next < device_count(); ++next) {
    if (devices_[next].on) return next;
  }
  return kNoDevice;
}

int SwapSpace::DeviceOf(SwapBlock block) const {
  for (int index = 0; index < device_count(); ++index) {
    const SwapDevice& device = devices_[index];
    if (device.on && block >= device.first && block < device.end) return index;
  }
  CHECK(false, "swap: block ", block, " is on no device");
  return kNoDevice;
}

// The number that the first block of the next device gets.
uint64_t SwapSpace::NextNumber() const {
  uint64_t next = 0;
  for (const SwapDevice& device : devices_) {
    if (device.on) next = std::max(next, uint64_t{device.end} + 1);
  }
  return next;
}

// Sets and clears almost_full with hysteresis; full_ is set only by an allocation that fails.
void SwapSpace::SizeCheck() {
  if (avail_ < kSwapLowat) {
    if (almost_full_ == 0) ++low_messages_;
    almost_full_ = 1;
    return;
  }
  full_ = 0;
  if (avail_ > kSwapHiwat) almost_full_ = 0;
}

}  // namespace vmsim::vm
