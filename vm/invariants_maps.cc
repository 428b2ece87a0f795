// Invariants of address spaces: entries, page-table entries, reverse mappings.
#include <vector>

#include "vm/invariants_internal.h"

namespace vmsim::vm {
namespace {

std::string Where(const Process& process, const MapEntry& entry) {
  return absl::StrCat("process ", process.pid, " entry [", entry.start, ", ", entry.end, ")",
                      entry.object == kNoObject ? std::string(" without object")
                                                : absl::StrCat(" of object ", entry.object));
}

std::string PteText(PteSlot slot, Pte pte) {
  return absl::StrCat("slot ", slot, " (frame ", pte & kPteFrameMask,
                      (pte & kPteWritable) != 0 ? " writable" : "",
                      (pte & kPteAccessed) != 0 ? " accessed" : "",
                      (pte & kPteModified) != 0 ? " modified" : "", ")");
}

// check(entry, vpage, pte) says whether the valid entry of the page table at `vpage` is wrong.
template <typename Check>
std::string NoPte(const VmState& s, absl::string_view expected, Check check) {
  return EachEntry(s, [&](const Process& process, const MapEntry& entry) -> std::string {
    for (Vpage vpage = entry.start; vpage < entry.end; ++vpage) {
      const Pte pte = s.page_tables->entry(entry.SlotOf(vpage));
      if ((pte & kPteValid) == 0 || !check(entry, vpage, pte)) continue;
      return absl::StrCat(Where(process, entry), ", page ", vpage, ": ",
                          PteText(entry.SlotOf(vpage), pte), ": expected ", expected);
    }
    return {};
  });
}

std::string EntriesOrdered(const VmState& s) {
  for (const auto& process : *s.processes) {
    Vpage end = 0;
    for (const MapEntry& entry : process->space.entries()) {
      if (entry.start < end || entry.start >= entry.end || entry.end - 1 > kMaxVpage) {
        return absl::StrCat(Where(*process, entry), ": behind one that ends at page ", end);
      }
      end = entry.end;
    }
  }
  return {};
}

std::string EntryObjectExists(const VmState& s) {
  return EachEntry(s, [&](const Process& process, const MapEntry& entry) -> std::string {
    if (entry.object == kNoObject || FindObject(s, entry.object) != nullptr) return {};
    return absl::StrCat(Where(process, entry), ", which does not exist");
  });
}

std::string EntryProtection(const VmState& s) {
  return EachEntry(s, [](const Process& process, const MapEntry& entry) -> std::string {
    if ((entry.protection & ~entry.max_protection) == 0) return {};
    return absl::StrCat(Where(process, entry), ": protection ", entry.protection, " of at most ",
                        entry.max_protection);
  });
}

std::string NeedsCopyImpliesCow(const VmState& s) {
  return EachEntry(s, [](const Process& process, const MapEntry& entry) -> std::string {
    if (!entry.needs_copy || entry.cow) return {};
    return absl::StrCat(Where(process, entry), ": NEEDS_COPY without COW");
  });
}

std::string WiredEntryIsCounted(const VmState& s) {
  return EachEntry(s, [](const Process& process, const MapEntry& entry) -> std::string {
    if (entry.wired_count >= (entry.user_wired ? 1 : 0)) return {};
    return absl::StrCat(Where(process, entry), ": wired_count ", entry.wired_count,
                        entry.user_wired ? ", but wired by the user" : "");
  });
}

std::string UserWiredSum(const VmState& s) {
  if (!AtRest(s)) return {};
  int64_t pages = 0;
  EachEntry(s, [&](const Process&, const MapEntry& entry) -> std::string {
    if (entry.user_wired) pages += static_cast<int64_t>(entry.pages());
    return {};
  });
  if (pages == s.counters->user_wired_pages) return {};
  return absl::StrCat("user_wired_pages is ", s.counters->user_wired_pages,
                      ", pages of entries that users wired ", pages);
}

std::string ExitedProcessHasNoMap(const VmState& s) {
  for (const auto& process : *s.processes) {
    if (!process->exited || process->space.empty()) continue;
    return absl::StrCat("process ", process->pid, " has exited, but maps ",
                        process->space.entries().size(), " entries");
  }
  return {};
}

std::string NeedsCopyNotWritable(const VmState& s) {
  return NoPte(s, "no write permission through a NEEDS_COPY entry",
               [](const MapEntry& entry, Vpage, Pte pte) {
                 return entry.needs_copy && (pte & kPteWritable) != 0;
               });
}

std::string WritablePtePermitted(const VmState& s) {
  return NoPte(s, "no write permission that the entry does not give",
               [](const MapEntry& entry, Vpage, Pte pte) {
                 return !entry.writable() && (pte & kPteWritable) != 0;
               });
}

std::string BackingPageNotWritable(const VmState& s) {
  return NoPte(s, "write permission to pages of the entry's own object only",
               [&](const MapEntry& entry, Vpage, Pte pte) {
                 const FrameIndex frame = pte & kPteFrameMask;
                 return (pte & kPteWritable) != 0 && s.pages->is_page(frame) &&
                        (*s.pages)[frame].object != entry.object;
               });
}

std::string ModifiedPteIsWritable(const VmState& s) {
  return NoPte(s, "write permission where it was written", [](const MapEntry&, Vpage, Pte pte) {
    return (pte & kPteModified) != 0 && (pte & kPteWritable) == 0;
  });
}

// Chains are short; one that runs in circles is shadow-acyclic's to report.
std::string PteLeadsToOwnPage(const VmState& s) {
  return NoPte(s, "the page of that index in the entry's object or in one that it shadows",
               [&](const MapEntry& entry, Vpage vpage, Pte pte) {
                 const FrameIndex frame = pte & kPteFrameMask;
                 if (!s.pages->is_page(frame)) return true;
                 const Page& page = (*s.pages)[frame];
                 uint64_t pindex = entry.PindexOf(vpage);
                 const Object* object = FindObject(s, entry.object);
                 for (size_t depth = 0; object != nullptr && depth <= s.objects->count(); ++depth) {
                   if (page.object == object->id) return page.pindex != pindex;
                   pindex += object->backing_offset;
                   object = FindObject(s, object->backing);
                 }
                 return true;
               });
}

// What page tables say of each frame, in one walk.
struct Mapped {
  int32_t mappings = 0;
  PteSlot last = 0;
  bool writable = false;
};
std::vector<Mapped> MappedFrames(const VmState& s) {
  std::vector<Mapped> frames(s.pages->frames());
  EachEntry(s, [&](const Process&, const MapEntry& entry) -> std::string {
    for (uint64_t i = 0; i < entry.pages(); ++i) {
      const PteSlot slot = entry.slot + static_cast<PteSlot>(i);
      const Pte pte = s.page_tables->entry(slot);
      const FrameIndex frame = pte & kPteFrameMask;
      if ((pte & kPteValid) == 0 || !s.pages->is_page(frame)) continue;
      ++frames[frame].mappings;
      frames[frame].last = slot;
      frames[frame].writable |= (pte & kPteWritable) != 0;
    }
    return {};
  });
  return frames;
}

std::string MappingCount(const VmState& s) {
  const std::vector<Mapped> mapped = MappedFrames(s);
  for (FrameIndex frame = 0; frame < s.pages->frames(); ++frame) {
    const int count = s.page_tables->MappingCount(frame);
    if (count != mapped[frame].mappings) {
      return absl::StrCat(DescribePage(*s.pages, frame), ": ", count, " reverse mappings, ",
                          mapped[frame].mappings, " page-table entries");
    }
    // A single one is the slot itself.
    if (count == 1 && (*s.pages)[frame].mappings != mapped[frame].last) {
      return absl::StrCat(DescribePage(*s.pages, frame), ": mapped at slot ", mapped[frame].last);
    }
  }
  return {};
}

std::string WriteableIfMappedSo(const VmState& s) {
  const std::vector<Mapped> mapped = MappedFrames(s);
  return NoPage(*s.pages, "WRITEABLE, as of a page that is mapped so",
                [&](const Page& page, FrameIndex frame) {
                  return mapped[frame].writable && !page.has(kPgaWriteable);
                });
}

constexpr uint32_t kEntries = kNeedsProcesses;
constexpr uint32_t kPtes = kNeedsProcesses | kNeedsPageTables;
constexpr uint32_t kMappings = kPtes | kNeedsPages;

constexpr Invariant kInvariants[] = {
    {"entries-ordered", CheckLevel::kCheap, "map entries stand in order and do not overlap",
     "sys/vm/vm_map.c, vm_map_insert1", kEntries, EntriesOrdered},
    {"entry-object-exists", CheckLevel::kCheap, "what a map entry maps exists",
     "sys/vm/vm_map.c, vm_map_entry_delete", kEntries | kNeedsObjects, EntryObjectExists},
    {"entry-protection", CheckLevel::kCheap, "an entry allows no more than its maximum",
     "sys/vm/vm_map.c, vm_map_protect", kEntries, EntryProtection},
    {"needs-copy-implies-cow", CheckLevel::kCheap, "a NEEDS_COPY entry is a COW entry",
     "sys/vm/vm_map.c, vm_map_copy_entry", kEntries, NeedsCopyImpliesCow},
    {"wired-entry-is-counted", CheckLevel::kCheap, "an entry that the user wired has a wired_count",
     "sys/vm/vm_map.c, vm_map_wire_locked", kEntries, WiredEntryIsCounted},
    {"user-wired-sum", CheckLevel::kCheap,
     "at rest user_wired_pages is the number of pages in entries that users wired",
     "sys/vm/vm_map.c, vm_map_wire_user_count_add", kEntries | kNeedsCounters | kNeedsEngine,
     UserWiredSum},
    {"exited-process-has-no-map", CheckLevel::kCheap, "a process that has exited maps nothing",
     "sys/vm/vm_map.c, vmspace_exit", kEntries, ExitedProcessHasNoMap},
    {"needs-copy-not-writable", CheckLevel::kFull,
     "nothing is mapped for writing through a NEEDS_COPY entry", "sys/vm/vm_map.c, vm_map_lookup",
     kPtes, NeedsCopyNotWritable},
    {"writable-pte-permitted", CheckLevel::kFull,
     "nothing is mapped for writing through a read-only entry", "sys/vm/vm_map.c, vm_map_protect",
     kPtes, WritablePtePermitted},
    {"backing-page-not-writable", CheckLevel::kFull,
     "a page of a backing object is not mapped for writing through what shadows it",
     "sys/vm/vm_fault.c, vm_fault_cow", kMappings, BackingPageNotWritable},
    {"modified-pte-is-writable", CheckLevel::kFull,
     "a translation that was written through permits it",
     "sys/amd64/amd64/pmap.c, pmap_remove_write", kPtes, ModifiedPteIsWritable},
    {"pte-leads-to-own-page", CheckLevel::kFull,
     "a translation leads to a page of the entry's chain of objects, at the right index",
     "sys/vm/vm_fault.c, vm_fault", kMappings | kNeedsObjects, PteLeadsToOwnPage},
    {"mapping-count", CheckLevel::kFull, "a page's reverse mappings are its translations",
     "sys/amd64/amd64/pmap.c, pmap_enter", kMappings, MappingCount},
    {"writeable-if-mapped-so", CheckLevel::kFull,
     "a page that is mapped for writing is marked WRITEABLE", "sys/amd64/amd64/pmap.c, pmap_enter",
     kMappings, WriteableIfMappedSo},
};

}  // namespace

std::span<const Invariant> MapInvariants() { return kInvariants; }

}  // namespace vmsim::vm
