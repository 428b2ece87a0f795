// vm/blist.h: which blocks of one swap device are free.
//
// A bitmap (1 = free) with next-fit allocation: a search starts at the cursor, even in the middle
// of a free extent, takes the first place where `min` free blocks begin, and hands out up to `max`
// of them. If nothing is found before the end it starts over once from block 0. The cursor then
// stands behind what was handed out; Free and Fill leave it alone.
//
//     blocks   0         1         2
//              0123456789012345678901     # allocated, . free, ^ cursor
//              ####..#.....####...###
//                       ^
//     Alloc(3, 3) -> [9,12)    Alloc(4, 4) -> [7,11): nothing fits behind the cursor, so from 0
//     Alloc(3, 9) -> [9,12)    Alloc(6, 6) -> nothing
//
// Speed: the kernel keeps a radix tree so that a request need not walk a full bitmap. Here a tree
// of fan-out 64 stands over the bitmap's words; each node holds an upper bound on the run, capped
// at 64 blocks, that can begin below it. A search skips nodes whose bound is too small and corrects
// bounds that proved too high; freeing raises them again. So each block freed is looked at in vain
// at most once, and a nearly full device of 16 million blocks costs a few hundred byte compares a
// request. Results are those of the flat rule above, whatever the bounds are.
//
// Sizes count blocks (one page each). Freeing a free block or leaving the list fails a CHECK.
// Model: FreeBSD sys/kern/subr_blist.c (blist_create, _alloc, _free, _fill, _resize).
#ifndef VMSIM_VM_BLIST_H_
#define VMSIM_VM_BLIST_H_

#include <cstdint>
#include <vector>

namespace vmsim::vm {

class Blist {
 public:
  static constexpr uint32_t kMaxAlloc = 64;  // BLIST_MAX_ALLOC: the largest minimum of a request.

  struct Extent {
    uint32_t first = 0;
    uint32_t count = 0;  // 0: there is none.
  };

  // A list of `blocks` blocks, all allocated, with the cursor at 0.
  explicit Blist(uint32_t blocks);

  // Takes between `min` and `max` contiguous blocks; an extent of 0 blocks if no run of `min` is
  // free. Requires: 1 <= min <= kMaxAlloc, min <= max.
  Extent Alloc(uint32_t min, uint32_t max);

  // Gives back [first, first + count). Requires: all of them are allocated.
  void Free(uint32_t first, uint32_t count);

  // Takes what is still free in [first, first + count); returns how many blocks that was.
  uint32_t Fill(uint32_t first, uint32_t count);

  // Changes the size. Blocks below both sizes keep their state; blocks added are free if
  // `free_new`, else allocated. The cursor returns to 0.
  void Resize(uint32_t blocks, bool free_new);

  // The first free extent at or behind `from`, whole from there on; 0 blocks if there is none.
  Extent NextFree(uint32_t from) const;

  uint32_t blocks() const { return blocks_; }
  uint32_t avail() const { return avail_; }    // Free blocks.
  uint32_t cursor() const { return cursor_; }  // Where the next search starts; < blocks().

  // The radix that blist_create chooses: the smallest power of 64, from 1 on, such that a tree
  // whose leaves are 64-block words covers `blocks` blocks. Shown by the kernel's statistics only.
  static uint64_t Radix(uint32_t blocks);

 private:
  void CheckRange(uint32_t first, uint32_t count) const;
  uint32_t Find(uint32_t from, uint32_t min);
  uint32_t Search(int level, uint32_t node, uint32_t from, uint32_t min);
  uint32_t SearchWord(uint32_t word, uint32_t from, uint32_t min);
  uint32_t RunLength(uint32_t first, uint32_t max) const;
  uint32_t FreeBefore(uint32_t block) const;
  void RaiseBounds(uint32_t first_word, uint32_t last_word, uint32_t bound);

  uint32_t blocks_;
  uint32_t avail_ = 0;
  uint32_t cursor_ = 0;
  std::vector<uint64_t> words_;               // One word more than needed, always 0.
  std::vector<std::vector<uint8_t>> bounds_;  // [0]: one per word; each level up: one per 64 below.
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_BLIST_H_
