// Invariants of objects: their pages, their references, their shadow chains.
#include <vector>

#include "vm/invariants_internal.h"

namespace vmsim::vm {
namespace {

std::string Id(ObjectId id) { return id == kNoObject ? "none" : absl::StrCat(id); }

std::string PageOwnerExists(const VmState& s) {
  return NoPage(*s.pages, "an object that exists", [&](const Page& page, FrameIndex) {
    return page.object != kNoObject && FindObject(s, page.object) == nullptr;
  });
}

// The tail of an object may be unmapped under a wired page; it loses its contents, not its place.
// That of a file stays there when it is unwired, until the page daemon comes across it.
std::string PageInsideObject(const VmState& s) {
  return NoPage(*s.pages, "a pindex inside the object", [&](const Page& page, FrameIndex) {
    if (page.object == kNoObject) return false;
    const Object* object = FindObject(s, page.object);
    if (object == nullptr || page.pindex < object->size) return false;
    return page.valid != 0 || (!page.wired() && object->type != ObjectType::kVnode);
  });
}

std::string PageInObjectIndex(const VmState& s) {
  return NoPage(
      *s.pages, "to be found in its object at its pindex", [&](const Page& page, FrameIndex f) {
        if (page.object == kNoObject) return false;
        const Object* object = FindObject(s, page.object);
        return object != nullptr && page.pindex < object->size && object->Lookup(page.pindex) != f;
      });
}

std::string IndexLeadsToPage(const VmState& s) {
  return EachObject(s, [&](const Object& object) -> std::string {
    for (Pindex pindex = 0; pindex < object.frames.capacity(); ++pindex) {
      const FrameIndex frame = object.Lookup(pindex);
      if (frame == kNoFrame) continue;
      if (!s.pages->is_page(frame)) {
        return absl::StrCat("object ", object.id, " pindex ", pindex, ": no frame ", frame);
      }
      const Page& page = (*s.pages)[frame];
      if (page.object == object.id && page.pindex == pindex) continue;
      return absl::StrCat(DescribePage(*s.pages, frame), ": found at object ", object.id,
                          " pindex ", pindex);
    }
    return {};
  });
}

std::string ResidentCount(const VmState& s) {
  std::vector<uint32_t> resident(s.objects->id_limit());
  for (FrameIndex frame = 0; frame < s.pages->frames(); ++frame) {
    const ObjectId id = (*s.pages)[frame].object;
    if (id < resident.size()) ++resident[id];
  }
  return EachObject(s, [&](const Object& object) -> std::string {
    if (object.resident_page_count == resident[object.id]) return {};
    return absl::StrCat("object ", object.id, ": resident_page_count ", object.resident_page_count,
                        ", pages that name it ", resident[object.id]);
  });
}

// Pages of objects, free pages, and wired ones that have lost their object are all there are.
std::string ResidentSum(const VmState& s) {
  int64_t resident = 0;
  EachObject(s, [&](const Object& object) -> std::string {
    resident += object.resident_page_count;
    return {};
  });
  const int64_t used = int64_t{s.pages->frames()} - s.pages->free_list_length();
  if (resident <= used && resident >= used - s.counters->v_wire_count) return {};
  return absl::StrCat("objects have ", resident, " pages, ", used, " of ", s.pages->frames(),
                      " are not free, ", s.counters->v_wire_count, " wired");
}

std::string PipNotNegative(const VmState& s) {
  return EachObject(s, [](const Object& object) -> std::string {
    if (object.paging_in_progress >= 0) return {};
    return absl::StrCat("object ", object.id, ": paging_in_progress ", object.paging_in_progress);
  });
}

std::string NoPagingAtRest(const VmState& s) {
  if (!AtRest(s)) return {};
  return EachObject(s, [](const Object& object) -> std::string {
    if (object.paging_in_progress <= 0) return {};
    return absl::StrCat("object ", object.id, ": paging_in_progress ", object.paging_in_progress,
                        ", though every thread sleeps and no I/O is under way");
  });
}

std::string BackingExists(const VmState& s) {
  return EachObject(s, [&](const Object& object) -> std::string {
    if (object.backing == kNoObject || FindObject(s, object.backing) != nullptr) return {};
    return absl::StrCat("object ", object.id, ": no backing object ", object.backing);
  });
}

// Each object is visited once: a chain ends where an earlier walk has been.
std::string ShadowAcyclic(const VmState& s) {
  std::vector<uint32_t> walk_of(s.objects->id_limit());
  uint32_t walk = 0;
  return EachObject(s, [&](const Object& start) -> std::string {
    ++walk;
    ObjectId id = start.id;
    while (FindObject(s, id) != nullptr && walk_of[id] == 0) {
      walk_of[id] = walk;
      id = (*s.objects)[id].backing;
    }
    if (FindObject(s, id) == nullptr || walk_of[id] != walk) return {};
    return absl::StrCat("object ", start.id, ": its chain comes back to object ", id);
  });
}

std::string ShadowCount(const VmState& s) {
  std::vector<int32_t> shadows(s.objects->id_limit());
  EachObject(s, [&](const Object& object) -> std::string {
    if (object.backing < shadows.size()) ++shadows[object.backing];
    return {};
  });
  return EachObject(s, [&](const Object& object) -> std::string {
    if (object.shadow_count == shadows[object.id]) return {};
    return absl::StrCat("object ", object.id, ": shadow_count ", object.shadow_count,
                        ", objects that it backs ", shadows[object.id]);
  });
}

// Lists that come back to where they were, or leave their object, differ from the count in length
// or in what they hold.
std::string ShadowList(const VmState& s) {
  return EachObject(s, [&](const Object& object) -> std::string {
    int64_t length = 0;
    ObjectId prev = kNoObject;
    for (ObjectId id = object.first_shadow; id != kNoObject; ++length) {
      const Object* shadow = FindObject(s, id);
      if (shadow == nullptr || shadow->backing != object.id || shadow->prev_shadow != prev) {
        return absl::StrCat(
            "object ", object.id, ": its list of shadows leads from ", Id(prev), " to ", id,
            shadow == nullptr ? ", which does not exist"
                              : absl::StrCat(", whose backing is ", Id(shadow->backing),
                                             " and predecessor ", Id(shadow->prev_shadow)));
      }
      prev = id;
      id = shadow->next_shadow;
    }
    if (length == object.shadow_count) return {};
    return absl::StrCat("object ", object.id, ": shadow_count ", object.shadow_count,
                        ", shadows listed ", length);
  });
}

std::string RefCountCoversShadows(const VmState& s) {
  return EachObject(s, [](const Object& object) -> std::string {
    if (object.ref_count >= object.shadow_count && object.ref_count >= 0) return {};
    return absl::StrCat("object ", object.id, ": ref_count ", object.ref_count, ", shadow_count ",
                        object.shadow_count);
  });
}

// Others may hold references as well: segments, faults, whoever is about to let go.
std::string RefCountCoversEntries(const VmState& s) {
  std::vector<int32_t> entries(s.objects->id_limit());
  EachEntry(s, [&](const Process&, const MapEntry& entry) -> std::string {
    if (entry.object < entries.size()) ++entries[entry.object];
    return {};
  });
  return EachObject(s, [&](const Object& object) -> std::string {
    if (object.ref_count - object.shadow_count >= entries[object.id]) return {};
    return absl::StrCat("object ", object.id, ": ref_count ", object.ref_count, ", shadow_count ",
                        object.shadow_count, ", map entries ", entries[object.id]);
  });
}

// An object that is being taken over by its one shadow is dead, too, until all has moved.
std::string DeadObjectIsUnused(const VmState& s) {
  std::string mapped = EachEntry(s, [&](const Process& process, const MapEntry& entry) {
    const Object* object = FindObject(s, entry.object);
    return object != nullptr && object->dead()
               ? absl::StrCat("object ", object->id, ": dead, but mapped by process ", process.pid,
                              " at page ", entry.start)
               : std::string();
  });
  if (!mapped.empty()) return mapped;
  return EachObject(s, [&](const Object& object) -> std::string {
    const Object* below = FindObject(s, object.backing);
    if (below == nullptr || !below->dead() || (object.flags & kObjCollapsing) != 0) return {};
    return absl::StrCat("object ", below->id, ": dead, but object ", object.id, " shadows it");
  });
}

std::string PipCoversTransfers(const VmState& s) {
  std::vector<int64_t> pages(s.objects->id_limit());
  s.swap_pager->ForEachTransfer([&](const SwapPager::Transfer& transfer) {
    if (transfer.object < pages.size()) {
      pages[transfer.object] += static_cast<int64_t>(transfer.pages.size());
    }
  });
  return EachObject(s, [&](const Object& object) -> std::string {
    if (pages[object.id] == 0 || object.paging_in_progress >= pages[object.id]) return {};
    return absl::StrCat("object ", object.id, ": paging_in_progress ", object.paging_in_progress,
                        ", pages in swap I/O ", pages[object.id]);
  });
}

std::string DefaultObjectHasNoSwap(const VmState& s) {
  return EachObject(s, [](const Object& object) -> std::string {
    if (object.type != ObjectType::kDefault || object.swap.empty()) return {};
    return absl::StrCat("object ", object.id, ": of type DEFAULT with ", object.swap.records(),
                        " records of swap blocks");
  });
}

constexpr uint32_t kPagesAndObjects = kNeedsPages | kNeedsObjects;

constexpr Invariant kInvariants[] = {
    {"page-owner-exists", CheckLevel::kFull, "a page's object exists: its end freed all its pages",
     "sys/vm/vm_object.c, vm_object_terminate_pages", kPagesAndObjects, PageOwnerExists},
    {"page-inside-object", CheckLevel::kFull,
     "a page's index is less than its object's size, unless it is invalid and wired, or was in a "
     "file",
     "sys/vm/vm_object.c, vm_object_page_remove", kPagesAndObjects, PageInsideObject},
    {"page-in-object-index", CheckLevel::kFull, "a page is found in its object at its index",
     "sys/vm/vm_page.c, vm_page_insert_after", kPagesAndObjects, PageInObjectIndex},
    {"index-leads-to-page", CheckLevel::kFull,
     "what an object has at an index is a page that says so",
     "sys/vm/vm_page.c, vm_page_object_remove", kPagesAndObjects, IndexLeadsToPage},
    {"resident-count", CheckLevel::kFull,
     "resident_page_count is the number of pages that name the object",
     "sys/vm/vm_page.c, vm_page_insert_radixdone", kPagesAndObjects, ResidentCount},
    {"resident-sum", CheckLevel::kCheap,
     "pages are free, of an object, or wired without one; they add up",
     "sys/vm/vm_page.c, vm_page_object_remove", kPagesAndObjects | kNeedsCounters, ResidentSum},
    {"pip-not-negative", CheckLevel::kCheap, "paging_in_progress is not negative",
     "sys/vm/vm_object.c, vm_object_pip_wakeupn", kNeedsObjects, PipNotNegative},
    {"pip-covers-transfers", CheckLevel::kCheap,
     "paging_in_progress counts at least the object's pages in swap I/O",
     "sys/vm/swap_pager.c, swp_pager_async_iodone", kNeedsObjects | kNeedsSwapPager,
     PipCoversTransfers},
    {"no-paging-at-rest", CheckLevel::kCheap, "at rest no object has paging in progress",
     "sys/vm/vm_object.c, vm_object_pip_wait", kNeedsObjects | kNeedsEngine, NoPagingAtRest},
    {"backing-exists", CheckLevel::kCheap, "what an object shadows exists",
     "sys/vm/vm_object.c, vm_object_backing_remove_locked", kNeedsObjects, BackingExists},
    {"shadow-acyclic", CheckLevel::kCheap, "no shadow chain comes back to itself",
     "sys/vm/vm_object.c, vm_object_shadow", kNeedsObjects, ShadowAcyclic},
    {"shadow-count", CheckLevel::kCheap, "shadow_count is the number of objects it backs",
     "sys/vm/vm_object.c, vm_object_backing_insert_locked", kNeedsObjects, ShadowCount},
    {"shadow-list", CheckLevel::kCheap, "an object's list of shadows holds them all, and is whole",
     "sys/vm/vm_object.c, vm_object_backing_insert_locked", kNeedsObjects, ShadowList},
    {"ref-count-covers-shadows", CheckLevel::kCheap, "each shadow holds a reference",
     "sys/vm/vm_object.c, vm_object_deallocate", kNeedsObjects, RefCountCoversShadows},
    {"ref-count-covers-entries", CheckLevel::kCheap,
     "each map entry holds a reference besides those of the shadows",
     "sys/vm/vm_map.c, vm_map_entry_deallocate", kNeedsObjects | kNeedsProcesses,
     RefCountCoversEntries},
    {"dead-object-is-unused", CheckLevel::kCheap,
     "a dead object is neither mapped nor shadowed, but while it collapses",
     "sys/vm/vm_object.c, vm_object_terminate", kNeedsObjects | kNeedsProcesses,
     DeadObjectIsUnused},
    {"default-object-has-no-swap", CheckLevel::kCheap,
     "an object of type DEFAULT was never paged out: it has no swap block",
     "sys/vm/swap_pager.c, swp_pager_meta_build (13.2)", kNeedsObjects, DefaultObjectHasNoSwap},
};

}  // namespace

std::span<const Invariant> ObjectInvariants() { return kInvariants; }

}  // namespace vmsim::vm
