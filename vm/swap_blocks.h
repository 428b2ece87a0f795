// vm/swap_blocks.h: where an object's pages are in swap.
//
// A table of one object, index of the page -> swap block, dense and zero until touched, so that the
// fault path finds a block with one load. It takes no memory until the first block is entered.
// Beside it a bitmap has one bit for each 16 indices that hold a block, so that walks skip what is
// empty.
//
//     index    0  1  2 ...  15 | 16 .. 31 | 32 ...
//     block    7  8  -  ... -  | -  ..  - | 4 ...
//     record        1          |    0     |   1
//
// Those groups of 16 are the kernel's metadata records (struct swblk): a record exists iff one of
// its entries has a block. Their number is limited for the whole machine, which SwapMeta counts:
// when none is left a page cannot be paged out although swap has room.
//
// Model: FreeBSD sys/vm/swap_pager.c (swp_pager_meta_build, _free, _free_all, _lookup, _transfer,
// swap_pager_haspage, _find_least, _reserve). The kernel keeps the records in a radix trie.
#ifndef VMSIM_VM_SWAP_BLOCKS_H_
#define VMSIM_VM_SWAP_BLOCKS_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "vm/page.h"
#include "vm/swap_params.h"
#include "vm/swap_space.h"

namespace vmsim::vm {

// Metadata records of all objects.
struct SwapMeta {
  uint64_t records = 0;
  uint64_t limit = UINT64_MAX;  // SwapParams::meta_records
};

class SwapBlocks {
 public:
  struct Neighbours {
    bool present = false;  // The page has a block.
    int before = 0;        // Pages next to it whose blocks are next to its block: such a run can be
    int after = 0;         // read at once. At most kMaxPageoutCluster - 1 each side.
  };

  // An object of no pages, until Resize.
  SwapBlocks() = default;
  explicit SwapBlocks(uint32_t object_pages) : size_(object_pages) {}
  // Forgets the blocks without freeing them: FreeAll comes first, unless the machine goes too.
  ~SwapBlocks() = default;
  SwapBlocks(const SwapBlocks&) = delete;
  SwapBlocks& operator=(const SwapBlocks&) = delete;

  // The object has now `object_pages` pages. Requires: no block at or behind that.
  void Resize(uint32_t object_pages);

  // The block of `pindex`, or kNoSwapBlock. Any index may be asked for.
  SwapBlock Lookup(Pindex pindex) const {
    return pindex < capacity_ ? blocks_[pindex] - 1 : kNoSwapBlock;
  }
  // `pindex` is going to be asked for soon.
  void Prefetch(Pindex pindex) const {
    if (pindex < capacity_) __builtin_prefetch(&blocks_[pindex]);
  }
  // Looks no further than `behind` and `ahead` pages.
  Neighbours HasPage(Pindex pindex, int behind = kMaxPageoutCluster - 1,
                     int ahead = kMaxPageoutCluster - 1) const;
  // The smallest index >= `from` that has a block; the object's size if there is none.
  Pindex FindLeast(Pindex from) const;

  // Enters `block` (kNoSwapBlock: removes the entry) for `pindex` and returns the block that was
  // there before, or kNoSwapBlock; the caller frees it. No value: a record was needed and the limit
  // is reached; nothing changed. Requires: pindex is inside the object.
  std::optional<SwapBlock> Build(SwapMeta& meta, Pindex pindex, SwapBlock block);

  // Frees the blocks of indices [first, first + count) in ascending order. Returns how many of them
  // belonged to a page that `absent(pindex)` says is not resident, or wholly invalid.
  //
  // As in the kernel the index asked about is not that of the entry, but counts on from `first` and
  // then from the end of the record before: so the count is exact only if `first` is a multiple of
  // 16 and the records follow one another. What is freed does not depend on it.
  template <typename Absent>
  uint64_t FreeRange(SwapMeta& meta, SwapSpace& space, Pindex first, uint64_t count, Absent absent);
  void FreeRange(SwapMeta& meta, SwapSpace& space, Pindex first, uint64_t count) {
    FreeRange(meta, space, first, count, [](uint64_t) { return true; });
  }
  // Frees all blocks and the table.
  void FreeAll(SwapMeta& meta, SwapSpace& space);

  // Moves the blocks of [first, first + count) to the indices from 0 on of `dst`. Where `dst`
  // already has a block it keeps that, and this one is freed. Never fails for want of a record:
  // where the kernel would sleep for one, the limit is overrun. Requires: the range fits in dst's
  // object.
  void Transfer(SwapMeta& meta, SwapSpace& space, SwapBlocks& dst, Pindex first, uint64_t count);

  // Assigns new blocks to all of [first, first + count), in pieces as large as can be had. False if
  // swap or the records run out; then those indices have no blocks any more. As in the kernel, the
  // last run of blocks that were displaced until then is lost. Requires: the range is inside the
  // object.
  bool Reserve(SwapMeta& meta, SwapSpace& space, Pindex first, uint32_t count);

  // Calls visit(pindex, block) for every block, ascending.
  template <typename Visit>
  void ForEach(Visit visit) const;

  uint32_t size() const { return size_; }
  uint32_t records() const { return records_; }
  bool empty() const { return records_ == 0; }

  // Empty if bitmap, entries and count of records agree, or else what does not. Walks the table.
  std::string Inconsistency() const;

 private:
  friend struct InvariantsTestPeer;  // Plants defects.

  static constexpr uint32_t kNoRecord = UINT32_MAX;
  struct Release {
    void operator()(void* memory) const { std::free(memory); }
  };
  template <typename T>
  using Array = std::unique_ptr<T[], Release>;

  uint32_t RecordCount() const { return static_cast<uint32_t>((uint64_t{capacity_} + 15) / 16); }
  Pindex RecordEnd(uint32_t record) const {
    return static_cast<Pindex>(std::min<uint64_t>(capacity_, uint64_t{record} * 16 + 16));
  }
  // One past the last entry of the table that [first, first + count) covers.
  uint64_t RangeEnd(Pindex first, uint64_t count) const {
    return first >= capacity_ ? 0 : first + std::min<uint64_t>(count, capacity_ - first);
  }
  bool Exists(uint32_t record) const { return (exists_[record / 64] >> record % 64 & 1) != 0; }
  uint32_t NextRecord(uint32_t record) const;
  void Allocate(uint32_t object_pages);
  void Enter(SwapMeta& meta, Pindex pindex, SwapBlock block);
  void DropIfEmpty(SwapMeta& meta, uint32_t record);

  Array<uint32_t> blocks_;  // Block + 1 of each page, 0: none.
  Array<uint64_t> exists_;  // One bit a record.
  uint32_t capacity_ = 0;   // Entries of blocks_; 0 until the first block.
  uint32_t size_ = 0;       // Pages of the object.
  uint32_t records_ = 0;    // Bits set in exists_.
};

template <typename Absent>
uint64_t SwapBlocks::FreeRange(SwapMeta& meta, SwapSpace& space, Pindex first, uint64_t count,
                               Absent absent) {
  SwapFreeRange freed(space);
  uint64_t absent_pages = 0;
  const uint64_t end = RangeEnd(first, count);
  for (uint64_t running = first; running < end;) {
    const uint32_t record = NextRecord(static_cast<uint32_t>(running / kSwapMetaPages));
    if (record == kNoRecord) break;
    const uint64_t base = uint64_t{record} * kSwapMetaPages;
    const uint64_t stop = std::min(end, base + kSwapMetaPages);
    for (uint64_t at = std::max(running, base); at < stop; ++at) {
      if (blocks_[at] == 0) continue;
      freed.Add(blocks_[at] - 1);
      blocks_[at] = 0;
      if (absent(running + (at - base))) ++absent_pages;
    }
    running = base + kSwapMetaPages;
    DropIfEmpty(meta, record);
  }
  freed.Flush();
  return absent_pages;
}

template <typename Visit>
void SwapBlocks::ForEach(Visit visit) const {
  for (uint32_t record = NextRecord(0); record != kNoRecord; record = NextRecord(record + 1)) {
    for (Pindex at = record * kSwapMetaPages; at < RecordEnd(record); ++at) {
      if (blocks_[at] != 0) visit(at, blocks_[at] - 1);
    }
  }
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_SWAP_BLOCKS_H_
