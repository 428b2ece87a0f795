// vfs/page_bits.h: valid and dirty bits by byte range.
//
// One bit a sector of 512 bytes. Model: FreeBSD sys/vm/vm_page.c (vm_page_bits).
#ifndef VMSIM_VFS_PAGE_BITS_H_
#define VMSIM_VFS_PAGE_BITS_H_

#include <algorithm>
#include <cstdint>

#include "vfs/types.h"
#include "vm/page.h"

namespace vmsim::vfs {

// The sectors that [base, base + bytes) of a page touches; none if `bytes` is 0. Requires: it lies
// inside the page.
constexpr uint8_t PageBits(int64_t base, int64_t bytes) {
  if (bytes == 0) return 0;
  const int first = static_cast<int>(base / kSectorBytes);
  const int last = static_cast<int>((base + bytes - 1) / kSectorBytes);
  return static_cast<uint8_t>((2u << last) - (1u << first));
}

// The sectors of page `pindex` that [start, end) of its file touches.
constexpr uint8_t PageBitsOf(vm::Pindex pindex, int64_t start, int64_t end) {
  const int64_t page = int64_t{pindex} * vm::kPageSize;
  const int64_t from = std::max(start, page);
  const int64_t to = std::min(end, page + vm::kPageSize);
  return from >= to ? uint8_t{0} : PageBits(from - page, to - from);
}

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_PAGE_BITS_H_
