// Invariants of swap I/O under way: its pages, their busy states, tokens, buffers and disks.
//
// A transfer is under way from when its pages are marked until it is done. It holds a physical
// buffer, and is known to its disk, once it was submitted.
#include <vector>

#include "vm/invariants_internal.h"

namespace vmsim::vm {
namespace {

using Transfer = SwapPager::Transfer;

std::string Describe(const Transfer& transfer) {
  return absl::StrCat(transfer.write ? "swap write" : "swap read", " of ", transfer.pages.size(),
                      " pages of object ", transfer.object, " at block ", transfer.block);
}

// The first text that check(transfer) gives which is not empty, behind a description.
template <typename Check>
std::string EachTransfer(const VmState& s, Check check) {
  std::string found;
  s.swap_pager->ForEachTransfer([&](const Transfer& transfer) {
    if (!found.empty()) return;
    const std::string broken = check(transfer);
    if (!broken.empty()) found = absl::StrCat(Describe(transfer), ": ", broken);
  });
  return found;
}

// The same for each page of each transfer that is a write or a read, as `write` says.
template <typename Broken>
std::string NoTransferPage(const VmState& s, bool write, absl::string_view expected,
                           Broken broken) {
  return EachTransfer(s, [&](const Transfer& transfer) -> std::string {
    if (transfer.write != write) return {};
    for (const FrameIndex frame : transfer.pages) {
      if (!broken((*s.pages)[frame], frame)) continue;
      return absl::StrCat(DescribePage(*s.pages, frame), ": expected ", expected);
    }
    return {};
  });
}

// A write's pages are marked when their blocks are entered, and have to wait for more records
// before the write can begin. Then nothing but the busy lock tells of it.
std::string SwapInProgIffInTransfer(const VmState& s) {
  std::vector<uint8_t> transfers(s.pages->frames());
  s.swap_pager->ForEachTransfer([&](const Transfer& transfer) {
    for (const FrameIndex frame : transfer.pages) transfers[frame] += transfers[frame] < UINT8_MAX;
  });
  return NoPage(*s.pages, "SWAPINPROG if and only if one swap I/O has it",
                [&](const Page& page, FrameIndex frame) {
                  if (transfers[frame] > 1) return true;
                  const bool marked = (page.oflags & kVpoSwapInProg) != 0;
                  if (transfers[frame] == 1) return !marked;
                  return marked && !s.pages->sbusied(frame);
                });
}

std::string TransferPagesAreTheObjects(const VmState& s) {
  return EachTransfer(s, [&](const Transfer& transfer) -> std::string {
    const Object* object = FindObject(s, transfer.object);
    if (object == nullptr) return "there is no such object";
    const Pindex first = (*s.pages)[transfer.pages[0]].pindex;
    for (size_t i = 0; i < transfer.pages.size(); ++i) {
      const Page& page = (*s.pages)[transfer.pages[i]];
      const Pindex pindex = first + static_cast<Pindex>(i);
      const SwapBlock block = object->swap.Lookup(pindex);
      if (page.object == object->id && page.pindex == pindex &&
          block == transfer.block + static_cast<SwapBlock>(i)) {
        continue;
      }
      return absl::StrCat(DescribePage(*s.pages, transfer.pages[i]), ": expected pindex ", pindex,
                          ", at block ", transfer.block + i, ", metadata has ",
                          block == kNoSwapBlock ? std::string("none") : absl::StrCat(block));
    }
    return {};
  });
}

std::string TransferOnOneDevice(const VmState& s) {
  const SwapSpace& space = *s.swap_space;
  return EachTransfer(s, [&](const Transfer& transfer) -> std::string {
    const uint64_t end = uint64_t{transfer.block} + transfer.pages.size();
    for (int index = 0; index < space.device_count(); ++index) {
      const SwapDevice& device = space.device(index);
      if (device.on && transfer.block >= device.first + kSwapLabelPages && end <= device.end) {
        return {};
      }
    }
    return "no one device has these blocks";
  });
}

std::string ReadPageIsExclusive(const VmState& s) {
  return NoTransferPage(s, /*write=*/false, "busy exclusive",
                        [&](const Page&, FrameIndex frame) { return !s.pages->xbusied(frame); });
}

std::string ReadPageIsBlank(const VmState& s) {
  return NoTransferPage(
      s, /*write=*/false, "dirty 00, and mapped nowhere",
      [](const Page& page, FrameIndex) { return page.dirty != 0 || page.mappings != 0; });
}

std::string WrittenPageIsShared(const VmState& s) {
  return NoTransferPage(s, /*write=*/true, "busy shared",
                        [&](const Page&, FrameIndex frame) { return !s.pages->sbusied(frame); });
}

std::string WrittenPageIsDirty(const VmState& s) {
  return NoTransferPage(s, /*write=*/true, "valid ff dirty ff until it is written",
                        [](const Page& page, FrameIndex) {
                          return !page.fully_valid() || page.dirty != kPageBitsAll;
                        });
}

std::string WrittenPageIsProtected(const VmState& s) {
  return NoTransferPage(s, /*write=*/true, "no WRITEABLE while it is written",
                        [](const Page& page, FrameIndex) { return page.has(kPgaWriteable); });
}

// A token is taken before the transfer is made, so not every token that is out can be seen.
std::string WriteTokens(const VmState& s) {
  int writes = 0;
  s.swap_pager->ForEachTransfer(
      [&](const Transfer& transfer) { writes += transfer.write && transfer.async; });
  const int tokens = s.swap_pager->write_tokens();
  const int max = s.swap_pager->max_write_tokens();
  const int sum = tokens + writes;
  if (tokens >= 0 && (AtRest(s) ? sum == max : sum <= max)) return {};
  return absl::StrCat(tokens, " write tokens and ", writes, " asynchronous writes under way, of ",
                      max);
}

std::string PbufsAddUp(const VmState& s) {
  int held[2] = {0, 0};
  s.swap_pager->ForEachTransfer(
      [&](const Transfer& transfer) { held[transfer.write ? 1 : 0] += transfer.submitted; });
  for (const bool write : {false, true}) {
    const PbufPool& pool = write ? s.swap_pager->write_pbufs() : s.swap_pager->read_pbufs();
    if (pool.free() >= 0 && pool.free() + held[write ? 1 : 0] == pool.count()) continue;
    return absl::StrCat(pool.free(), " physical buffers for ", write ? "writes" : "reads",
                        " are free and ", held[write ? 1 : 0], " in use, of ", pool.count());
  }
  return {};
}

std::string DisksAddUp(const VmState& s) {
  for (int device = 0; device < s.swap_pager->devices(); ++device) {
    const sim::Disk& disk = s.swap_pager->disk(device);
    const std::string broken = disk.Inconsistency();
    if (!broken.empty()) return absl::StrCat("disk ", disk.id(), ": ", broken);
  }
  return {};
}

// Every request completes: when nothing is left to happen nothing may be under way.
std::string TransferCompletes(const VmState& s) {
  if (!s.engine->events().empty()) return {};
  return EachTransfer(s, [](const Transfer& transfer) -> std::string {
    return transfer.submitted ? "it was submitted, but no event is left to end it" : "";
  });
}

constexpr uint32_t kTransfers = kNeedsPages | kNeedsSwapPager;

constexpr Invariant kInvariants[] = {
    {"swapinprog-iff-in-transfer", CheckLevel::kFull,
     "SWAPINPROG is set of the pages that one swap I/O has",
     "sys/vm/swap_pager.c, "
     "swp_pager_async_iodone",
     kTransfers, SwapInProgIffInTransfer},
    {"transfer-matches-metadata", CheckLevel::kCheap,
     "the pages of a swap I/O follow one another in the object and on the device",
     "sys/vm/swap_pager.c, swap_pager_getpages_locked", kTransfers | kNeedsObjects,
     TransferPagesAreTheObjects},
    {"transfer-on-one-device", CheckLevel::kCheap, "the blocks of a swap I/O are of one device",
     "sys/vm/swap_pager.c, swp_pager_strategy", kNeedsSwapPager | kNeedsSwapSpace,
     TransferOnOneDevice},
    {"read-page-is-exclusive", CheckLevel::kCheap, "a page that is read has one owner",
     "sys/vm/swap_pager.c, swap_pager_getpages_locked", kTransfers, ReadPageIsExclusive},
    {"read-page-is-blank", CheckLevel::kCheap, "a page that is read is clean and unmapped",
     "sys/vm/swap_pager.c, swp_pager_async_iodone", kTransfers, ReadPageIsBlank},
    {"written-page-is-shared", CheckLevel::kCheap, "a page that is written is busy, and shared",
     "sys/vm/vm_pageout.c, vm_pageout_flush", kTransfers, WrittenPageIsShared},
    {"written-page-is-dirty", CheckLevel::kCheap,
     "a page that is written is valid and dirty as a whole until it is",
     "sys/vm/swap_pager.c, swap_pager_putpages", kTransfers, WrittenPageIsDirty},
    {"written-page-is-protected", CheckLevel::kCheap,
     "a page that is written is not mapped for writing", "sys/vm/vm_pageout.c, vm_pageout_flush",
     kTransfers, WrittenPageIsProtected},
    {"write-tokens", CheckLevel::kCheap,
     "free write tokens and asynchronous writes are not more than swap_async_max",
     "sys/vm/swap_pager.c, swap_pager_putpages", kNeedsSwapPager, WriteTokens},
    {"pbufs-add-up", CheckLevel::kCheap, "a physical buffer is free or in one swap I/O",
     "sys/vm/vm_pager.c, pbuf_zsecond_create", kNeedsSwapPager, PbufsAddUp},
    {"disk-requests-add-up", CheckLevel::kCheap,
     "a swap disk's requests are queued or inside it, and its queue is in order",
     "sys/kern/subr_disk.c, bioq_disksort", kNeedsSwapPager, DisksAddUp},
    {"transfer-completes", CheckLevel::kCheap, "while a swap I/O is under way something happens",
     "sys/geom/geom_disk.c, g_disk_done", kNeedsSwapPager | kNeedsEngine, TransferCompletes},
};

}  // namespace

std::span<const Invariant> TransferInvariants() { return kInvariants; }

}  // namespace vmsim::vm
