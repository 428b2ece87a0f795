// vm/map.h: an address space: map entries over objects.
//
// A MapEntry maps the virtual pages [start, end) onto an object's pages from `offset` on. Each
// entry has a leaf of page-table entries (vm/page_tables.h), so a virtual page, a slot of that leaf
// and a pindex are one addition apart. Entries do not overlap. Virtual page numbers have 36 bits.
//
// An entry also carries the state of the fault path's read-ahead: how far the last fault read, and
// where the next one would be if access is sequential.
//
// Model: FreeBSD sys/vm/vm_map.h and vm_map.c (vm_map_find, vm_map_lookup, vm_map_entry_delete).
#ifndef VMSIM_VM_MAP_H_
#define VMSIM_VM_MAP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vm/object.h"
#include "vm/page_tables.h"

namespace vmsim::vm {

using Vpage = uint64_t;  // Virtual page number: address / 4096.
inline constexpr Vpage kMaxVpage = (Vpage{1} << 36) - 1;

// VM_FAULT_READ_AHEAD_*: pages.
inline constexpr int kReadAheadMin = 7;
inline constexpr int kReadAheadInit = 15;

// madvise: MAP_ENTRY_BEHAV_*.
enum class Behavior : uint8_t { kNormal, kSequential, kRandom };

struct MapEntry {
  Vpage start = 0;
  Vpage end = 0;
  ObjectId object = kNoObject;
  Pindex offset = 0;
  PteSlot slot = 0;  // Of `start`.
  bool writable = true;
  Behavior behavior = Behavior::kNormal;
  int read_ahead = kReadAheadInit;
  Vpage next_read = 0;  // Where a sequential reader faults next.

  uint64_t pages() const { return end - start; }
  bool contains(Vpage v) const { return v >= start && v < end; }
  Pindex PindexOf(Vpage v) const { return static_cast<Pindex>(v - start) + offset; }
  PteSlot SlotOf(Vpage v) const { return slot + static_cast<PteSlot>(v - start); }
  Vpage VpageOf(PteSlot s) const { return start + (s - slot); }
};

// One process's map (struct vmspace with its vm_map).
class AddressSpace {
 public:
  AddressSpace(uint32_t id, PageTables& page_tables) : id_(id), page_tables_(page_tables) {}
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  uint32_t id() const { return id_; }

  // Maps [start, start + pages) onto `object` from `offset` on, taking over one reference to it, at
  // the leaf beginning at `slot` (PageTables::AllocateLeaf; the caller keeps the leaf). Requires:
  // the range is free, the object reaches far enough.
  MapEntry& Insert(Vpage start, uint32_t pages, Object& object, Pindex offset, PteSlot slot,
                   bool writable);

  // The entry that holds `vpage`, or null. The pointer is good until the next Insert or Remove.
  MapEntry* Lookup(Vpage vpage);
  // The entry whose leaf holds `slot`, or null.
  MapEntry* LookupSlot(PteSlot slot);
  // The lowest page at or above `hint` with `pages` free pages behind it.
  Vpage FindSpace(Vpage hint, uint64_t pages) const;

  // Unmaps one whole entry and hands its object reference to the caller.
  ObjectId Remove(Vpage start);

  const std::vector<MapEntry>& entries() const { return entries_; }
  std::vector<MapEntry>& entries() { return entries_; }
  bool empty() const { return entries_.empty(); }
  uint64_t mapped_pages() const;
  // Valid page-table entries.
  uint64_t ResidentPages() const;

  // Counts that getrusage shows.
  int64_t majflt = 0;
  int64_t minflt = 0;
  // The process was killed: its faults may use the reserve and read no neighbours.
  bool killed = false;

 private:
  uint32_t id_;
  PageTables& page_tables_;
  std::vector<MapEntry> entries_;  // By start.
  std::vector<uint32_t> by_slot_;  // Indices into entries_, by slot; empty: to be made.
  uint32_t last_ = 0;              // Entry of the last lookup.

  void ForgetIndices();
  void IndexSlots();
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_MAP_H_
