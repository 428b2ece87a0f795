// Invariants of single pages: free ones, wired ones, their bits and busy states.
#include <vector>

#include "vm/invariants_internal.h"

namespace vmsim::vm {
namespace {

uint16_t BusyState(const Page& page) { return page.busy & ~kBusyWaiters; }
bool Unmanaged(const Page& page) { return (page.oflags & kVpoUnmanaged) != 0; }

std::string FreePageHasNoOwner(const VmState& s) {
  return NoPage(*s.pages, "no object, as of every free page", [](const Page& page, FrameIndex) {
    return Freed(page) && page.object != kNoObject;
  });
}

std::string FreePageOffQueues(const VmState& s) {
  return NoPage(*s.pages, "queue none, or its removal pending", [](const Page& page, FrameIndex) {
    return Freed(page) && page.effective_queue() != QueueId::kNone;
  });
}

std::string FreePageUnwired(const VmState& s) {
  return NoPage(*s.pages, "wired 0, as of every free page",
                [](const Page& page, FrameIndex) { return Freed(page) && page.wired(); });
}

std::string FreePageUnmapped(const VmState& s) {
  return NoPage(*s.pages, "no mapping, as of every free page",
                [](const Page& page, FrameIndex) { return Freed(page) && page.mappings != 0; });
}

std::string FreePageIsClean(const VmState& s) {
  return NoPage(*s.pages, "valid 00 dirty 00, as of every free page",
                [](const Page& page, FrameIndex) {
                  return Freed(page) && (page.valid != 0 || page.dirty != 0);
                });
}

// Pages that the list's links reach are freed pages, each once, and all of them.
std::string FreeListIsWhole(const VmState& s) {
  const PageArray& pages = *s.pages;
  std::vector<bool> met(pages.frames());
  uint32_t length = 0;
  for (FrameIndex frame = pages.free_head(); frame != kNoFrame; frame = pages[frame].pindex) {
    if (!pages.is_page(frame)) return absl::StrCat("the free list leads to row ", frame);
    if (met[frame]) return absl::StrCat(DescribePage(*s.pages, frame), ": twice on the free list");
    if (!Freed(pages[frame])) {
      return absl::StrCat(DescribePage(*s.pages, frame), ": on the free list, expected busy freed");
    }
    met[frame] = true;
    ++length;
  }
  if (length != pages.free_list_length()) {
    return absl::StrCat("the free list has ", length, " pages, its length says ",
                        pages.free_list_length());
  }
  // Without a machine around it a recorded world may keep freed pages where it took them from.
  if (s.domain == nullptr) return "";
  return NoPage(*s.pages, "on the free list",
                [&](const Page& page, FrameIndex frame) { return Freed(page) && !met[frame]; });
}

// Free, queued, wired, or held by somebody who works on it.
std::string PageIsSomewhere(const VmState& s) {
  return NoPage(*s.pages, "free, on a queue, wired or busy: else nobody would ever reclaim it",
                [](const Page& page, FrameIndex) {
                  return !Freed(page) && BusyState(page) == kUnbusied && !page.wired() &&
                         !Unmanaged(page) && page.object != kNoObject &&
                         page.effective_queue() == QueueId::kNone;
                });
}

std::string WiredPageOffQueues(const VmState& s) {
  return NoPage(*s.pages, "queue none, or its removal pending", [](const Page& page, FrameIndex) {
    return page.wired() && !Freed(page) && page.effective_queue() != QueueId::kNone;
  });
}

std::string QueuedPageHasOwner(const VmState& s) {
  return NoPage(
      *s.pages, "an owner, as of every page on a queue", [](const Page& page, FrameIndex) {
        return !Freed(page) && page.effective_queue() != QueueId::kNone && page.object == kNoObject;
      });
}

// A page that is not valid at all can be queued by its last unwiring and by a fault that gives it
// up, and both make it inactive.
std::string InvalidPageOnlyInactive(const VmState& s) {
  return NoPage(*s.pages, "a wholly invalid page on no queue but the inactive one",
                [](const Page& page, FrameIndex) {
                  const QueueId queue = page.effective_queue();
                  return !Freed(page) && page.valid == 0 && queue != QueueId::kNone &&
                         queue != QueueId::kInactive;
                });
}

// Whoever unwires it last frees it; without a wiring nobody would.
std::string UnownedPageIsWired(const VmState& s) {
  return NoPage(*s.pages, "wired, as of every page in use that has no object",
                [](const Page& page, FrameIndex) {
                  return !Freed(page) && page.object == kNoObject && !page.wired();
                });
}

std::string WireCount(const VmState& s) {
  int64_t wired = 0;
  for (FrameIndex frame = 0; frame < s.pages->frames(); ++frame) wired += (*s.pages)[frame].wired();
  if (wired == s.counters->v_wire_count) return {};
  return absl::StrCat("v_wire_count is ", s.counters->v_wire_count, ", wired pages ", wired);
}

std::string DirtySubsetOfValid(const VmState& s) {
  return NoPage(*s.pages, "no dirty block that is not valid",
                [](const Page& page, FrameIndex) { return (page.dirty & ~page.valid) != 0; });
}

std::string MappedPageIsValid(const VmState& s) {
  return NoPage(*s.pages, "valid ff, as of every mapped page", [](const Page& page, FrameIndex) {
    return page.mappings != 0 && !page.fully_valid();
  });
}

std::string UnmanagedPageUntracked(const VmState& s) {
  return NoPage(*s.pages, "no queue, REFERENCED or WRITEABLE of an unmanaged page",
                [](const Page& page, FrameIndex) {
                  return Unmanaged(page) && (page.queue != QueueId::kNone ||
                                             (page.aflags & (kPgaReferenced | kPgaWriteable)) != 0);
                });
}

std::string ActCountBound(const VmState& s) {
  return NoPage(*s.pages, "act at most 64",
                [](const Page& page, FrameIndex) { return page.act_count > kActMax; });
}

std::string BusyStateIsLegal(const VmState& s) {
  return NoPage(*s.pages, "unbusied, shared, exclusive or freed", [](const Page& page, FrameIndex) {
    const uint16_t state = BusyState(page);
    return state > kBusyMaxShared && state != kBusyExclusive && state != kBusyFreed;
  });
}

std::string BusyWaitersCanWake(const VmState& s) {
  return NoPage(*s.pages, "somebody to wake if and only if WAITERS is set",
                [&](const Page& page, FrameIndex frame) {
                  return ((page.busy & kBusyWaiters) != 0) != s.pages->has_busy_channel(frame);
                });
}

std::string NoBusyPageAtRest(const VmState& s) {
  if (!AtRest(s)) return {};
  return NoPage(
      *s.pages, "unbusied: every thread sleeps and no I/O is under way",
      [](const Page& page, FrameIndex) { return !Freed(page) && BusyState(page) != kUnbusied; });
}

std::string SwapFreeImpliesSwapSpace(const VmState& s) {
  return NoPage(*s.pages, "SWAP_SPACE with SWAP_FREE", [](const Page& page, FrameIndex) {
    return page.has(kPgaSwapFree) && !page.has(kPgaSwapSpace);
  });
}

constexpr Invariant kInvariants[] = {
    {"free-page-has-no-owner", CheckLevel::kFull, "a free page belongs to no object",
     "sys/vm/vm_page.c, vm_page_free_prep", kNeedsPages, FreePageHasNoOwner},
    {"free-page-off-queues", CheckLevel::kFull,
     "a free page is on no queue, or its removal is pending", "sys/vm/vm_page.c, vm_page_free_prep",
     kNeedsPages, FreePageOffQueues},
    {"free-page-unwired", CheckLevel::kFull, "a free page is not wired",
     "sys/vm/vm_page.c, vm_page_free_prep", kNeedsPages, FreePageUnwired},
    {"free-page-unmapped", CheckLevel::kFull, "a free page is mapped nowhere",
     "sys/vm/vm_page.c, vm_page_free_prep", kNeedsPages, FreePageUnmapped},
    {"free-page-is-clean", CheckLevel::kFull, "a free page has no valid and no dirty block",
     "sys/vm/vm_page.c, vm_page_free_prep", kNeedsPages, FreePageIsClean},
    {"free-list-is-whole", CheckLevel::kFull, "the free list holds each freed page once",
     "sys/vm/vm_phys.c, vm_phys_free_pages", kNeedsPages, FreeListIsWhole},
    {"page-is-somewhere", CheckLevel::kFull,
     "a page of an object is on a queue, wired, or held busy",
     "sys/vm/vm_page.c, vm_page_release_toq", kNeedsPages, PageIsSomewhere},
    {"wired-page-off-queues", CheckLevel::kFull,
     "a wired page is on no queue, or its removal is pending", "sys/vm/vm_page.c, vm_page_wire",
     kNeedsPages, WiredPageOffQueues},
    {"queued-page-has-owner", CheckLevel::kFull, "a page on a queue belongs to an object",
     "sys/vm/vm_pageout.c, vm_pageout_scan_inactive", kNeedsPages, QueuedPageHasOwner},
    {"invalid-page-only-inactive", CheckLevel::kFull,
     "a wholly invalid page is on no queue but the inactive one",
     "sys/vm/vm_page.c, vm_page_release_toq", kNeedsPages, InvalidPageOnlyInactive},
    {"unowned-page-is-wired", CheckLevel::kFull, "a page in use without an object is wired",
     "sys/vm/vm_object.c, vm_object_terminate_pages", kNeedsPages, UnownedPageIsWired},
    {"wire-count", CheckLevel::kFull, "v_wire_count is the number of wired pages",
     "sys/vm/vm_page.c, vm_wire_add", kNeedsPages | kNeedsCounters, WireCount},
    {"dirty-subset-of-valid", CheckLevel::kFull, "only valid blocks of a page are dirty",
     "sys/vm/vm_page.c, vm_page_dirty_KBI", kNeedsPages, DirtySubsetOfValid},
    {"mapped-page-is-valid", CheckLevel::kFull, "a mapped page is valid as a whole",
     "sys/vm/vm_fault.c, vm_fault", kNeedsPages, MappedPageIsValid},
    {"unmanaged-page-untracked", CheckLevel::kFull,
     "an unmanaged page is on no queue and its references are not noted",
     "sys/vm/vm_page.c, vm_page_mvqueue", kNeedsPages, UnmanagedPageUntracked},
    {"act-count-bound", CheckLevel::kFull, "act_count is at most ACT_MAX",
     "sys/vm/vm_pageout.c, vm_pageout_scan_active", kNeedsPages, ActCountBound},
    {"busy-state-is-legal", CheckLevel::kFull, "a busy lock is in a state that there is",
     "sys/vm/vm_page.h, VPB_*", kNeedsPages, BusyStateIsLegal},
    {"busy-waiters-can-wake", CheckLevel::kFull,
     "WAITERS is set of the pages that somebody waits for", "sys/vm/vm_page.c, _vm_page_busy_sleep",
     kNeedsPages, BusyWaitersCanWake},
    {"no-busy-page-at-rest", CheckLevel::kFull,
     "at rest no page is busy: every busy page has an owner", "sys/vm/vm_page.c, vm_page_xunbusy",
     kNeedsPages | kNeedsEngine, NoBusyPageAtRest},
    {"swap-free-implies-swap-space", CheckLevel::kFull, "a page whose swap block is stale has one",
     "sys/vm/swap_pager.c, swap_pager_unswapped", kNeedsPages, SwapFreeImpliesSwapSpace},
};

}  // namespace

std::span<const Invariant> PageInvariants() { return kInvariants; }

}  // namespace vmsim::vm
