// vm/map.h: an address space: map entries over objects.
//
// A MapEntry maps the virtual pages [start, end) onto an object's pages from `offset` on. Each
// entry has a run of slots in a leaf of page-table entries (vm/page_tables.h), so a virtual page, a
// slot and a pindex are one addition apart. Entries do not overlap. Virtual page numbers have 36
// bits. An entry of anonymous memory has no object until somebody faults in it.
//
// This is the container; what the kernel does with entries and their objects is in vm/map_ops.h.
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

// VM_PROT_*.
enum Protection : uint8_t { kProtNone = 0, kProtRead = 1, kProtWrite = 2, kProtExecute = 4 };
inline constexpr uint8_t kProtDefault = kProtRead | kProtWrite;
inline constexpr uint8_t kProtAll = kProtRead | kProtWrite | kProtExecute;

// What a child of fork gets of an entry (minherit, VM_INHERIT_*).
enum class Inheritance : uint8_t { kShare, kCopy, kNone, kZero };

struct MapEntry {
  Vpage start = 0;
  Vpage end = 0;
  ObjectId object = kNoObject;  // None until the first fault in anonymous memory.
  Pindex offset = 0;
  PteSlot slot = 0;  // Of `start`.
  uint8_t protection = kProtDefault;
  uint8_t max_protection = kProtAll;
  Inheritance inheritance = Inheritance::kCopy;
  Behavior behavior = Behavior::kNormal;
  bool cow = false;         // MAP_ENTRY_COW: a private mapping of what others may have, too.
  bool needs_copy = false;  // MAP_ENTRY_NEEDS_COPY: the next write makes a shadow object.
  bool nosync = false;      // MAP_ENTRY_NOSYNC: pages written through it are not for the syncer.
  bool user_wired = false;  // MAP_ENTRY_USER_WIRED
  bool charged = false;     // Swap for its pages is reserved here, not yet at an object.
  int wired_count = 0;
  int read_ahead = kReadAheadInit;
  Vpage next_read = 0;  // Where a sequential reader faults next.

  bool writable() const { return (protection & kProtWrite) != 0; }
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

  // Adds `entry`, which takes over one reference to its object and holds its slots of a leaf
  // (PageTables::AllocateLeaf): the leaf goes when its last slot is let go. Requires: the range is
  // free. The entry's read-ahead state begins anew.
  MapEntry& Insert(MapEntry entry);
  // The same for a mapping without further ado. Requires: the object reaches far enough.
  MapEntry& Insert(Vpage start, uint32_t pages, Object& object, Pindex offset, PteSlot slot,
                   bool writable);

  // The entry that holds `vpage`, or null. The pointer is good until the next Insert or Remove.
  MapEntry* Lookup(Vpage vpage);
  // The entry whose leaf holds `slot`, or null.
  MapEntry* LookupSlot(PteSlot slot);
  // The lowest page at or above `hint` with `pages` free pages behind it.
  Vpage FindSpace(Vpage hint, uint64_t pages) const;

  // The position of the first entry that ends behind `vpage`; entries().size() if there is none.
  size_t FirstEndingBehind(Vpage vpage) const;
  // Cuts the entry at `position` in two, [start, vpage) and [vpage, end). The new one, behind, has
  // the same object: who calls gives it a reference. Requires: start < vpage < end.
  void Split(size_t position, Vpage vpage);
  // Undoes that for the entry at `position` and its successor, which gives its read-ahead state to
  // the result, as the kernel has it; one reference is left over for the caller.
  void Join(size_t position);

  // Takes out one whole entry, unmaps its pages and hands its object reference to the caller.
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
  // MAP_WIREFUTURE: what is mapped from now on is wired at once (mlockall).
  bool wire_future = false;

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
