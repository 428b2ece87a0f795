// vm/object_ops.h: the life of objects: shadows, collapse and bypass, split, removal, end.
//
// Fork shares an object between two map entries; the first write through either gives that entry a
// shadow of its own. When the other sharer goes, the middle of the chain is no longer needed:
//
//     A --> B --> C     B has one reference, A's: A takes over B's pages and swap, B goes (collapse)
//     A --> B --> C     B has other references, but all of it that A can see A has itself: A points
//      \---------^      to C from now on (bypass)
//
// Operations that may meet a busy page are coroutines: they sleep, and look again.
//
// Model: FreeBSD sys/vm/vm_object.c (vm_object_allocate_anon, vm_object_shadow,
// vm_object_deallocate, vm_object_terminate, vm_object_collapse, vm_object_collapse_scan,
// vm_object_scan_all_shadowed, vm_object_split, vm_object_page_remove), vm_page.c
// (vm_page_rename), swap_pager.c (swap_pager_copy).
#ifndef VMSIM_VM_OBJECT_OPS_H_
#define VMSIM_VM_OBJECT_OPS_H_

#include <cstdint>
#include <string_view>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "vm/config.h"
#include "vm/counters.h"
#include "vm/map.h"
#include "vm/object.h"
#include "vm/page_allocator.h"
#include "vm/page_array.h"
#include "vm/page_tables.h"
#include "vm/reclaim.h"
#include "vm/swap_pager.h"
#include "vm/swap_reserve.h"

namespace vmsim::vm {

// OBJPR_*.
enum PageRemoveOptions : int {
  kRemoveAll = 0,
  kRemoveCleanOnly = 0x1,  // Dirty pages stay.
  kRemoveValidOnly = 0x4,  // Wholly invalid pages stay.
};

class ObjectOps {
 public:
  struct Parts {
    sim::Engine& engine;
    sim::Trace& trace;
    PageArray& pages;
    PageTables& page_tables;
    ObjectTable& objects;
    PageAllocator& allocator;
    SwapPager& swap;
    SwapReserve& reserve;
    VmCounters& counters;
  };
  ObjectOps(const Parts& parts, const RevisionSettings& revision)
      : p_(parts), revision_(revision) {}

  // Anonymous memory of `pages` pages with one reference, which is the caller's, and no charge.
  Object& AllocateAnon(uint32_t pages);
  void Reference(Object& object) { ++object.ref_count; }
  // Gives back one reference. The last one ends the object: frees its pages and swap, and goes on
  // with the object it shadowed. Waits for paging in progress.
  sim::Task<void> Deallocate(ObjectId id);
  // The same for a reference that is not the last one and not the last but that of a shadow.
  void DropExtraReference(Object& object);

  // Gives an entry without an object one, which takes over its charge (vm_map_entry_back).
  void Back(MapEntry& entry);
  // Gives `entry` an object of its own over the one it has, unless nobody else has that
  // (vm_object_shadow). The entry's charge moves to the new object, or is released.
  void Shadow(MapEntry& entry);

  // Shortens the chain below `id` as far as it will go. The caller holds a reference.
  sim::Task<void> Collapse(ObjectId id);

  // Moves the pages of `entry` out of an object that it shares with other entries of the same map
  // (clipped ones) into one of its own. Does nothing for an object with one reference.
  sim::Task<void> Split(MapEntry& entry);

  // Frees the pages of [start, end) and their swap (vm_object_page_remove). A wired page is
  // unmapped and made invalid instead. As in the kernel, an object without any resident page keeps
  // its swap. The caller holds a reference.
  sim::Task<void> PageRemove(ObjectId id, Pindex start, Pindex end, int options = kRemoveAll);

  // vm_page_rename: moves a busied page to another object; it is dirty afterwards.
  void Rename(FrameIndex frame, Object& object, Pindex pindex);

  // Sleeps until the page, found busy, is not busy any more, or gone. Whoever wakes must look
  // everything up again.
  sim::Task<void> BusySleep(FrameIndex frame, std::string_view message);

 private:
  // What to do next for a page of the backing object that collapse came across.
  enum class Moved { kDone, kBusy, kBusyAbove };

  sim::Task<void> Terminate(Object& object);
  bool HidesWired(const Object& object, const Object& backing) const;
  sim::Task<void> CollapseWait(const Object& object);
  sim::Task<void> CollapseInto(Object& object, Object& backing);
  sim::Task<void> CollapseScan(Object& object, Object& backing);
  Moved CollapsePage(Object& object, Object& backing, FrameIndex frame);
  bool AllShadowed(const Object& object, const Object& backing) const;
  void Bypass(Object& object, Object& backing);
  sim::Task<void> SplitPages(Object& from, Object& to, Pindex offset);
  bool RemovePage(Object& object, FrameIndex frame, int options);
  void FreePage(FrameIndex frame);

  Parts p_;
  RevisionSettings revision_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_OBJECT_OPS_H_
