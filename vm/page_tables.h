// vm/page_tables.h: the machine-dependent layer: page-table entries and reverse mappings.
//
// All page tables of the machine are one arena of 32-bit entries. Mapping a range takes a leaf, a
// run of consecutive slots, one a virtual page; the slot number of a page's entry is its identity,
// so a replayed trace is translated to slots once and a resident reference is one load and at most
// one store.
//
//     bits 0..27 frame | 28 valid | 29 writable | 30 accessed | 31 modified
//
// Reverse mappings: Page::mappings is 0 (none), a slot (one mapping), or kManyMappings plus the
// index of the *last* node of a circular list of (slot, next); the head is its successor, so that
// both appending and rotating are O(1). Slot 0 is never used.
//
// Model: FreeBSD sys/amd64/amd64/pmap.c (pmap_enter, pmap_enter_quick, pmap_remove,
// pmap_remove_all, pmap_remove_write, pmap_ts_referenced, pmap_is_modified, pmap_clear_modify,
// pmap_advise).
#ifndef VMSIM_VM_PAGE_TABLES_H_
#define VMSIM_VM_PAGE_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "vm/page_array.h"

namespace vmsim::vm {

using Pte = uint32_t;
using PteSlot = uint32_t;

inline constexpr Pte kPteFrameMask = (1u << 28) - 1;
inline constexpr Pte kPteValid = 1u << 28;
inline constexpr Pte kPteWritable = 1u << 29;
inline constexpr Pte kPteAccessed = 1u << 30;
inline constexpr Pte kPteModified = 1u << 31;

// pmap_ts_referenced stops after this many referenced mappings.
inline constexpr int kTsReferencedMax = 5;

// A zero-filled array of entries that grows without copying or touching what is not used.
class PteArena {
 public:
  PteArena() = default;
  ~PteArena();
  PteArena(const PteArena&) = delete;
  PteArena& operator=(const PteArena&) = delete;
  void Grow(size_t entries);
  Pte* data() { return data_; }
  const Pte* data() const { return data_; }
  size_t capacity() const { return capacity_; }

 private:
  Pte* data_ = nullptr;
  size_t capacity_ = 0;
};

class PageTables {
 public:
  explicit PageTables(PageArray& pages) : pages_(pages) { arena_.Grow(1024); }

  // A leaf of `pages` consecutive invalid entries. Its base moves nothing, but pointers into the
  // arena (entries()) are invalid afterwards. Fails (returns 0) when the arena's 2^31 slots are
  // used up.
  PteSlot AllocateLeaf(uint32_t pages);
  // Gives a leaf back. Requires: none of its entries is valid, none of its slots held.
  void FreeLeaf(PteSlot base);
  // Map entries hold the slots that they use; with the last slot of a leaf the leaf goes.
  void HoldSlots(PteSlot first, uint32_t count);
  void DropSlots(PteSlot first, uint32_t count);
  struct Leaf {
    PteSlot base = 0;
    uint32_t pages = 0;
  };
  // The leaf that `slot` belongs to.
  Leaf LeafOf(PteSlot slot) const;

  Pte* entries() { return arena_.data(); }
  Pte entry(PteSlot slot) const { return arena_.data()[slot]; }
  size_t slots_in_use() const { return used_; }

  // Maps `frame` at `slot` with the access's bits set; replaces any other mapping there, folding
  // its bits as Remove does. `writable` is the permission, `write` the access. If permission to
  // write goes, the modified bit is folded as by RemoveWrite.
  void Enter(PteSlot slot, FrameIndex frame, bool writable, bool write);
  // Prefault: maps read-only, neither accessed nor modified. Never replaces.
  void EnterQuick(PteSlot slot, FrameIndex frame);
  // Unmaps: accessed becomes PGA_REFERENCED, modified becomes dirty.
  void Remove(PteSlot slot);
  void RemoveRange(PteSlot first, uint32_t count);

  // Write-protects: modified becomes dirty (pmap_protect without VM_PROT_WRITE).
  void ProtectRange(PteSlot first, uint32_t count);
  // Maps at [to, to + count) what [from, from + count) maps, with the same permission, unreferenced,
  // where nothing is mapped yet (pmap_copy). Returns how many.
  uint32_t CopyRange(PteSlot from, PteSlot to, uint32_t count);

  // By page.
  bool IsMapped(FrameIndex frame) const { return pages_[frame].mappings != 0; }
  int MappingCount(FrameIndex frame) const;
  void RemoveAll(FrameIndex frame);
  void RemoveWrite(FrameIndex frame);
  // Counts and clears accessed bits, up to kTsReferencedMax; rotates the mapping list; folds
  // modified bits into dirty. A wired page's bits count but stay set.
  int TsReferenced(FrameIndex frame) {
    Page& page = pages_[frame];
    if (page.mappings == 0) return 0;
    if ((page.mappings & kManyMappings) != 0) return TsReferencedMany(frame);
    // Without branches on the bits: a scan asks for thousands of pages, and guessing would be wrong
    // half of the time.
    Pte& pte = arena_.data()[page.mappings];
    const Pte old = pte;
    invalidations_ += old / kPteAccessed & 1;
    page.dirty |= static_cast<uint8_t>(-(old / kPteModified));
    pte = old & ~(page.wired() ? 0 : kPteAccessed);
    return static_cast<int>(old / kPteAccessed & 1);
  }
  // Translations that another CPU may hold and must be told to drop, since last asked: entries of
  // pages that were unmapped, write-protected, or lost their accessed bit (RemoveAll, RemoveWrite,
  // TsReferenced).
  int64_t TakeInvalidations() { return std::exchange(invalidations_, 0); }
  // The page is going to be asked for soon.
  void Prefetch(const Page& page) const {
    if ((page.mappings & kManyMappings) == 0) __builtin_prefetch(arena_.data() + page.mappings);
  }
  bool IsModified(FrameIndex frame) const;
  bool IsReferenced(FrameIndex frame) const;
  void ClearModify(FrameIndex frame);
  // For one mapping (pmap_advise with MADV_DONTNEED): clears accessed, folds modified into dirty.
  void AdviseDontNeed(PteSlot slot);
  // The same with MADV_FREE: clears accessed and modified.
  void AdviseFree(PteSlot slot);

  // Whether every valid entry of `frame`'s list points back at it. For checks.
  void CheckMappings(FrameIndex frame) const;

 private:
  struct Node {
    PteSlot slot;
    uint32_t next;
  };
  static constexpr uint32_t kManyMappings = 1u << 31;

  struct LeafUse {
    uint32_t pages = 0;
    uint32_t held = 0;
  };

  std::map<PteSlot, LeafUse>::iterator FindLeaf(PteSlot slot);
  int TsReferencedMany(FrameIndex frame);
  void Link(FrameIndex frame, PteSlot slot);
  void Unlink(FrameIndex frame, PteSlot slot);
  uint32_t NewNode(PteSlot slot);
  void FreeNode(uint32_t node);
  void Fold(FrameIndex frame, Pte old);
  void DropWriteable(FrameIndex frame);
  // Calls f(slot) for each mapping of `frame`, head to tail, until it returns false.
  template <typename F>
  void ForEach(FrameIndex frame, F&& f) const;

  PageArray& pages_;
  PteArena arena_;
  PteSlot next_slot_ = 1;
  size_t used_ = 0;
  int64_t invalidations_ = 0;
  std::map<PteSlot, LeafUse> leaves_;                     // Those that are allocated, by base.
  std::map<uint32_t, std::vector<PteSlot>> free_leaves_;  // By length.
  std::vector<Node> nodes_;
  uint32_t free_node_ = 0;  // 1 + index of the first free node; 0: none.
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PAGE_TABLES_H_
