// vm/swap_params.h: the swap pager's constants, and the limits it derives from the machine at boot.
//
// A swap block holds one page. Blocks of all devices are numbered in one space (vm/swap_space.h).
// Model: FreeBSD sys/vm/swap_pager.c (swap_pager_init, swap_pager_swap_init), 64-bit.
#ifndef VMSIM_VM_SWAP_PARAMS_H_
#define VMSIM_VM_SWAP_PARAMS_H_

#include <algorithm>
#include <cstdint>

#include "vm/page.h"

namespace vmsim::vm {

using SwapBlock = uint32_t;
inline constexpr SwapBlock kNoSwapBlock = UINT32_MAX;  // SWAPBLK_NONE

inline constexpr int kMaxPageoutCluster = 32;  // MAX_PAGEOUT_CLUSTER, SWB_NPAGES: pages.
inline constexpr int kSwapMetaPages = 16;      // SWAP_META_PAGES: pages of one metadata record.
inline constexpr int kSwblkBytes = 136;        // sizeof(struct swblk)
inline constexpr int kSwapAsyncMax = 4;        // vm.swap_async_max: asynchronous writes in flight.
inline constexpr int kSwapLowat = 128;     // nswap_lowat: below so many free pages: almost full.
inline constexpr int kSwapHiwat = 512;     // nswap_hiwat: above: no more.
inline constexpr int kSwapLabelPages = 2;  // BBSIZE: the start of a device is left for its label.
inline constexpr int kDevBsize = 512;      // DEV_BSIZE: the unit of a device's size, bytes.

struct SwapParams {
  int cluster_max = 0;         // nsw_cluster_max: pages of one swap I/O.
  int async_writes = 0;        // nsw_wcount_async
  uint64_t meta_records = 0;   // Metadata records that can exist.
  uint64_t swap_maxpages = 0;  // Pages those records can describe if each is full.
};

// `maxphys`: the largest I/O in bytes; `page_count`: pages of memory; `maxswzone`: bytes for
// metadata (kern.maxswzone), or 0 for a record for every two pages.
constexpr SwapParams ComputeSwapParams(int64_t maxphys, uint64_t page_count, uint64_t maxswzone) {
  SwapParams params;
  params.cluster_max = static_cast<int>(std::min<int64_t>(maxphys / kPageSize, kMaxPageoutCluster));
  params.async_writes = kSwapAsyncMax;
  params.meta_records = maxswzone != 0 ? maxswzone / kSwblkBytes : page_count / 2;
  params.swap_maxpages = params.meta_records * kSwapMetaPages;
  return params;
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SWAP_PARAMS_H_
