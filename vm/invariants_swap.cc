// Invariants of swap: devices, the accounts of their blocks, and who has which block.
#include <algorithm>
#include <vector>

#include "vm/invariants_internal.h"

namespace vmsim::vm {
namespace {

template <typename Check>
std::string EachDevice(const SwapSpace& space, Check check) {
  for (int index = 0; index < space.device_count(); ++index) {
    const SwapDevice& device = space.device(index);
    std::string broken = device.on ? check(device) : std::string();
    if (!broken.empty()) return absl::StrCat("swap device ", index, ": ", broken);
  }
  return {};
}

// Swapoff takes the list of free blocks away when it begins.
bool Leaving(const SwapDevice& device) { return device.blist.blocks() == 0; }

bool AnyClosing(const SwapSpace& space) {
  for (int index = 0; index < space.device_count(); ++index) {
    if (space.device(index).closing || !space.device(index).on) return true;
  }
  return false;
}

// What a closed device got back was not kept, so there blocks may be missing.
std::string DeviceAddsUp(const VmState& s) {
  return EachDevice(*s.swap_space, [](const SwapDevice& device) -> std::string {
    if (Leaving(device)) return {};
    const int64_t sum = int64_t{device.used} + device.blist.avail() + kSwapLabelPages;
    if (device.blist.blocks() == device.nblks() &&
        (device.closing ? sum <= device.nblks() : sum == device.nblks())) {
      return {};
    }
    return absl::StrCat("used ", device.used, " + avail ", device.blist.avail(), " + label ",
                        kSwapLabelPages, ", of ", device.nblks(), " blocks");
  });
}

std::string AvailSum(const VmState& s) {
  int64_t avail = 0;
  EachDevice(*s.swap_space, [&](const SwapDevice& device) -> std::string {
    avail += device.blist.avail();
    return {};
  });
  if (avail == s.swap_space->avail()) return {};
  return absl::StrCat("swap_pager_avail ", s.swap_space->avail(), ", devices have ", avail);
}

std::string TotalSum(const VmState& s) {
  int64_t total = 0;
  EachDevice(*s.swap_space, [&](const SwapDevice& device) -> std::string {
    if (!Leaving(device)) total += device.nblks();
    return {};
  });
  if (total == s.swap_space->total()) return {};
  return absl::StrCat("swap_total ", s.swap_space->total(), ", devices have ", total);
}

std::string CursorInDevice(const VmState& s) {
  return EachDevice(*s.swap_space, [](const SwapDevice& device) -> std::string {
    if (Leaving(device) || device.blist.cursor() < device.nblks()) return {};
    return absl::StrCat("cursor ", device.blist.cursor(), " of ", device.nblks(), " blocks");
  });
}

// swp_sizecheck runs at each change of avail, but for those that the end of a device makes.
std::string FullHysteresis(const VmState& s) {
  const SwapSpace& space = *s.swap_space;
  const std::string values = absl::StrCat("swap_pager_full ", space.full(), ", almost_full ",
                                          space.almost_full(), ", avail ", space.avail());
  if (space.full() != 0 && space.full() != 2) return values;
  if (space.almost_full() != 0 && space.almost_full() != 1) return values;
  if (space.full() == 2 && space.almost_full() == 0) return values;
  if (space.device_count() == 0 || AnyClosing(space)) return {};
  const bool too_calm = space.avail() < kSwapLowat && space.almost_full() == 0;
  const bool too_alarmed =
      space.avail() > kSwapHiwat && (space.full() != 0 || space.almost_full() != 0);
  return too_calm || too_alarmed ? values : std::string();
}

// A fork charges what it copies first, and reserves the sum when it is through.
std::string Reserved(const VmState& s) {
  uint64_t charged = 0;
  EachObject(s, [&](const Object& object) -> std::string {
    charged += object.charge;
    return {};
  });
  EachEntry(s, [&](const Process&, const MapEntry& entry) -> std::string {
    if (entry.charged) charged += entry.pages();
    return {};
  });
  const uint64_t reserved = s.swap_reserve->reserved();
  const bool at_rest = AtRest(s);
  if (at_rest ? reserved == charged : reserved <= charged) return {};
  return absl::StrCat("swap_reserved ", reserved, ", charged to objects and map entries ", charged,
                      at_rest ? ", at rest" : "");
}

std::string RecordsOfObjects(const VmState& s) {
  return EachObject(s, [](const Object& object) -> std::string {
    const std::string broken = object.swap.Inconsistency();
    return broken.empty() ? broken : absl::StrCat("object ", object.id, ": ", broken);
  });
}

std::string RecordsSum(const VmState& s) {
  uint64_t records = 0;
  EachObject(s, [&](const Object& object) -> std::string {
    records += object.swap.records();
    return {};
  });
  if (records == s.swap_meta->records) return {};
  return absl::StrCat("objects have ", records, " swap metadata records, counted are ",
                      s.swap_meta->records);
}

// visit(object, pindex, block) for every block that metadata names.
template <typename Visit>
void EachBlock(const VmState& s, Visit visit) {
  EachObject(s, [&](const Object& object) -> std::string {
    object.swap.ForEach([&](Pindex pindex, SwapBlock block) { visit(object, pindex, block); });
    return {};
  });
}

// The device that has the block where blocks are handed out, or -1.
int DeviceOf(const SwapSpace& space, SwapBlock block) {
  for (int index = 0; index < space.device_count(); ++index) {
    const SwapDevice& device = space.device(index);
    if (device.on && block >= device.first + kSwapLabelPages && block < device.end) return index;
  }
  return SwapSpace::kNoDevice;
}

std::string BlockText(const Object& object, Pindex pindex, SwapBlock block) {
  return absl::StrCat("object ", object.id, " pindex ", pindex, ": swap block ", block);
}

std::string BlockOnDevice(const VmState& s) {
  std::string broken;
  EachBlock(s, [&](const Object& object, Pindex pindex, SwapBlock block) {
    if (!broken.empty() || DeviceOf(*s.swap_space, block) != SwapSpace::kNoDevice) return;
    broken = absl::StrCat(BlockText(object, pindex, block), ", which no device hands out");
  });
  return broken;
}

std::string BlockHasOneOwner(const VmState& s) {
  SwapBlock end = 0;
  for (int index = 0; index < s.swap_space->device_count(); ++index) {
    end = std::max(end, s.swap_space->device(index).end);
  }
  std::vector<ObjectId> owner(end, kNoObject);
  std::string broken;
  EachBlock(s, [&](const Object& object, Pindex pindex, SwapBlock block) {
    if (!broken.empty() || block >= end) return;
    if (owner[block] != kNoObject) {
      broken = absl::StrCat(BlockText(object, pindex, block), ", which object ", owner[block],
                            " has, too");
    }
    owner[block] = object.id;
  });
  return broken;
}

// While pages are put out, blocks are on their way from the device to the metadata and back.
std::string UsedAddsUp(const VmState& s) {
  std::vector<int64_t> owned(static_cast<size_t>(s.swap_space->device_count()));
  EachBlock(s, [&](const Object&, Pindex, SwapBlock block) {
    const int device = DeviceOf(*s.swap_space, block);
    if (device != SwapSpace::kNoDevice) ++owned[static_cast<size_t>(device)];
  });
  const bool at_rest = AtRest(s);
  int index = 0;
  return EachDevice(*s.swap_space, [&](const SwapDevice& device) -> std::string {
    while (&s.swap_space->device(index) != &device) ++index;
    const int64_t blocks = owned[static_cast<size_t>(index)];
    if (at_rest ? blocks == device.used : blocks <= device.used) return {};
    return absl::StrCat("used ", device.used, ", blocks of objects ", blocks,
                        at_rest ? ", at rest" : "");
  });
}

constexpr uint32_t kBlocks = kNeedsObjects | kNeedsSwapSpace;

constexpr Invariant kInvariants[] = {
    {"swap-device-adds-up", CheckLevel::kCheap,
     "a device's used and free blocks and its label are all its blocks",
     "sys/vm/swap_pager.c, swp_pager_freeswapspace", kNeedsSwapSpace, DeviceAddsUp},
    {"swap-avail-sum", CheckLevel::kCheap,
     "swap_pager_avail is the sum of the devices' free blocks",
     "sys/vm/swap_pager.c, swaponsomething", kNeedsSwapSpace, AvailSum},
    {"swap-total-sum", CheckLevel::kCheap, "swap_total is the sum of the devices' sizes",
     "sys/vm/swap_pager.c, swaponsomething", kNeedsSwapSpace, TotalSum},
    {"swap-cursor-in-device", CheckLevel::kCheap, "no search for blocks begins behind the device",
     "sys/kern/subr_blist.c, blist_alloc", kNeedsSwapSpace, CursorInDevice},
    {"swap-full-hysteresis", CheckLevel::kCheap,
     "swap_pager_full and almost_full follow from how avail has changed",
     "sys/vm/swap_pager.c, swp_sizecheck", kNeedsSwapSpace, FullHysteresis},
    {"swap-reserved", CheckLevel::kCheap,
     "swap_reserved is no more than objects and map entries are charged; at rest, as much",
     "sys/vm/swap_pager.c, swap_reserve_by_cred",
     kNeedsObjects | kNeedsProcesses | kNeedsSwapReserve, Reserved},
    {"swap-records-sum", CheckLevel::kCheap,
     "the metadata records of all objects are as many as are counted",
     "sys/vm/swap_pager.c, swp_pager_meta_build", kNeedsObjects | kNeedsSwapMeta, RecordsSum},
    {"swap-record-not-empty", CheckLevel::kFull,
     "an object's metadata has a record exactly where it has blocks, none behind its end",
     "sys/vm/swap_pager.c, swp_pager_free_empty_swblk", kNeedsObjects, RecordsOfObjects},
    {"swap-block-on-device", CheckLevel::kFull,
     "a swap block lies on a device that is on, and not in its label",
     "sys/vm/swap_pager.c, swaponsomething", kBlocks, BlockOnDevice},
    {"swap-block-one-owner", CheckLevel::kFull, "a swap block belongs to one page of one object",
     "sys/vm/swap_pager.c, swp_pager_meta_build", kBlocks, BlockHasOneOwner},
    {"swap-used-adds-up", CheckLevel::kFull,
     "objects have no more blocks of a device than it handed out; at rest, as many",
     "sys/vm/swap_pager.c, swp_pager_freeswapspace", kBlocks, UsedAddsUp},
};

}  // namespace

std::span<const Invariant> SwapInvariants() { return kInvariants; }

}  // namespace vmsim::vm
