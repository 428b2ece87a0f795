// vm/swap_space.h: swap devices, and who may have which of their blocks.
//
// All devices share one space of block numbers, one block a page, with one number left out between
// devices so that no run of blocks spans two:
//
//     number   0 1 2 ............ 199 | 200 | 201 202 203 ......... 600
//              L L  device 0          | gap | L   L   device 1            L: label, never handed
//              out
//
// Devices take turns: each allocation begins with the device after the one that served the last
// (the rotor). A request that fits nowhere as a whole is tried again on all devices at half the
// size, down to one block; so a caller may get less than it asked for.
//
// This is accounting only; nothing here does I/O. Counts are pages.
// Model: FreeBSD sys/vm/swap_pager.c (swaponsomething, swapoff_one, swp_pager_getswapspace,
// swp_pager_freeswapspace, swp_sizecheck). Device names, locks and log messages are left out; the
// messages are counted.
#ifndef VMSIM_VM_SWAP_SPACE_H_
#define VMSIM_VM_SWAP_SPACE_H_

#include <cstdint>
#include <vector>

#include "vm/blist.h"
#include "vm/swap_params.h"

namespace vmsim::vm {

struct SwapDevice {
  SwapBlock first = 0;  // Its first number, and one past its last.
  SwapBlock end = 0;
  uint32_t used = 0;     // Blocks handed out.
  bool closing = false;  // Nothing more is handed out, and what comes back is not kept free.
  bool on = true;        // False once swapoff is complete; its numbers may be used again.
  Blist blist{0};

  uint32_t nblks() const { return end - first; }
};

class SwapSpace {
 public:
  static constexpr int kNoDevice = -1;

  struct Extent {
    SwapBlock first = kNoSwapBlock;
    uint32_t count = 0;  // 0: swap is full.
  };
  struct Location {
    int device;
    int64_t offset;  // Bytes from the start of the device.
  };

  // Whether a device of `dev_blocks` 512-byte blocks can be added: it holds its label, and the
  // numbers of its blocks fit in a SwapBlock.
  bool CanSwapOn(uint64_t dev_blocks) const;

  // Adds a device of `dev_blocks` 512-byte blocks, rounded down to pages; returns its index, which
  // is never given to another. Requires: CanSwapOn(dev_blocks).
  int SwapOn(uint64_t dev_blocks);

  // Takes up to `wanted` contiguous blocks. Requires: wanted >= 1.
  Extent Get(uint32_t wanted);

  // Gives back [block, block + count), all on one device. A count of 0 does nothing.
  void Free(SwapBlock block, uint32_t count);

  // Whether swapoff would be allowed with `free_pages` of memory free (it is a rough test: what is
  // in use on the device must fit in memory or in other swap, and a little be left).
  bool CanSwapOff(int device, int64_t free_pages) const;
  // Starts to remove `device`: closes it and takes all its free blocks out. Requires: on, and
  // swapoff has not begun.
  void BeginSwapOff(int device);
  bool SwapOffBegun(int device) const;
  // Ends it. Requires: begun, and no block of it is in use.
  void FinishSwapOff(int device);

  // The device went away (or came back): closes it without counting its free blocks out.
  void SetClosing(int device, bool closing);

  // Where `block` is stored. Requires: it is on a device that is on.
  Location Locate(SwapBlock block) const;

  int64_t avail() const { return avail_; }  // swap_pager_avail
  int64_t total() const { return total_; }  // swap_total: with labels, without closed devices.
  int64_t used() const;                     // Blocks handed out, closing devices included.
  int full() const { return full_; }        // swap_pager_full: 0 or 2.
  int almost_full() const { return almost_full_; }  // swap_pager_almost_full: 0 or 1.
  // The device that the next allocation tries first; kNoDevice: the first one.
  int rotor() const { return rotor_; }
  int devices_on() const { return devices_on_; }
  // Devices ever added; some may be off.
  int device_count() const { return static_cast<int>(devices_.size()); }
  const SwapDevice& device(int index) const;

  int64_t low_messages() const { return low_messages_; }    // "out of swap space"
  int64_t full_messages() const { return full_messages_; }  // "swp_pager_getswapspace failed"

 private:
  friend struct InvariantsTestPeer;  // Plants defects.

  SwapDevice& Device(int index);
  int NextDevice(int index) const;
  int DeviceOf(SwapBlock block) const;
  uint64_t NextNumber() const;
  void SizeCheck();

  std::vector<SwapDevice> devices_;  // In the order of swapon.
  int devices_on_ = 0;
  int rotor_ = kNoDevice;
  int64_t avail_ = 0;
  int64_t total_ = 0;
  int full_ = 2;
  int almost_full_ = 1;
  int64_t low_messages_ = 0;
  int64_t full_messages_ = 0;
};

// Blocks on their way back: neighbours added one after the other go back in one piece
// (swp_pager_init_freerange, swp_pager_update_freerange).
class SwapFreeRange {
 public:
  explicit SwapFreeRange(SwapSpace& space) : space_(space) {}

  void Add(SwapBlock block);
  // Gives back what is still held. Whoever added blocks ends with this.
  void Flush();

 private:
  SwapSpace& space_;
  SwapBlock first_ = 0;
  uint32_t count_ = 0;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SWAP_SPACE_H_
