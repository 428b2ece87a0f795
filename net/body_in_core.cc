#include "net/body_in_core.h"

#include <algorithm>

#include "sim/errno.h"
#include "sim/random.h"
#include "vm/mincore.h"
#include "vm/syscalls.h"

namespace vmsim::net {
namespace {

const vm::MapEntry* EntryAt(const vm::AddressSpace& space, vm::Vpage vpage) {
  const size_t position = space.FirstEndingBehind(vpage);
  if (position == space.entries().size()) return nullptr;
  const vm::MapEntry& entry = space.entries()[position];
  return entry.contains(vpage) ? &entry : nullptr;
}

// The search of a fault, without its effects: down the chain to the first object that has the page.
PagePlace Search(vm::VmSystem& vm, const vm::MapEntry& entry, vm::Vpage vpage, FoundPage* found) {
  if (entry.object == vm::kNoObject) return PagePlace::kZeroFill;
  const vm::Object* object = &vm.objects()[entry.object];
  vm::Pindex pindex = entry.PindexOf(vpage);
  while (true) {
    const bool inside = pindex < object->size;
    const vm::FrameIndex frame = inside ? object->Lookup(pindex) : vm::kNoFrame;
    *found = {frame, object->id, pindex};
    if (frame != vm::kNoFrame && vm.pages()[frame].fully_valid()) return PagePlace::kInCore;
    if (frame != vm::kNoFrame && vm.pages().busied(frame)) return PagePlace::kInTransit;
    // Behind the end of a file there is nothing, and a fault says so; that is no hole in the map.
    if (object->type == vm::ObjectType::kVnode) return PagePlace::kOnDisk;
    if (inside && object->swap.Lookup(pindex) != vm::kNoSwapBlock) return PagePlace::kOnDisk;
    if (object->backing == vm::kNoObject) return PagePlace::kZeroFill;
    pindex += object->backing_offset;
    object = &vm.objects()[object->backing];
  }
}

PagePlace PlaceIn(vm::VmSystem& vm, const vm::MapEntry& entry, vm::Vpage vpage) {
  FoundPage found;
  return Search(vm, entry, vpage, &found);
}

// Whether Linux tells the caller nothing of the mapping: a file that it may not write.
bool Concealed(vm::VmSystem& vm, const vm::MapEntry& entry) {
  if (entry.object == vm::kNoObject || (entry.max_protection & vm::kProtWrite) != 0) return false;
  return vm.objects()[entry.object].type == vm::ObjectType::kVnode;
}

// FreeBSD's flags of a page in core, read without folding the bits of page tables into the page.
uint8_t FreebsdFlags(vm::VmSystem& vm, const vm::MapEntry& entry, vm::Vpage vpage) {
  FoundPage found;
  if (Search(vm, entry, vpage, &found) != PagePlace::kInCore) return 0;
  const vm::Pte pte = vm.page_tables().entry(entry.SlotOf(vpage));
  const vm::Page& page = vm.pages()[found.frame];
  uint8_t info = vm::kMincoreIncore;
  if ((pte & vm::kPteValid) != 0) {
    if ((pte & vm::kPteAccessed) != 0) info |= vm::kMincoreReferenced | vm::kMincoreReferencedOther;
    if ((pte & vm::kPteModified) != 0) info |= vm::kMincoreModified | vm::kMincoreModifiedOther;
  }
  if (page.dirty != 0 || vm.page_tables().IsModified(found.frame)) {
    info |= vm::kMincoreModifiedOther;
  }
  if (page.has(vm::kPgaReferenced) || vm.page_tables().IsReferenced(found.frame)) {
    info |= vm::kMincoreReferencedOther;
  }
  return info;
}

uint8_t ByteOf(MincoreConvention convention, vm::VmSystem& vm, const vm::MapEntry& entry,
               vm::Vpage vpage) {
  if (convention == MincoreConvention::kFreebsd) return FreebsdFlags(vm, entry, vpage);
  if (convention == MincoreConvention::kLinux && Concealed(vm, entry)) return 1;
  return PlaceIn(vm, entry, vpage) == PagePlace::kInCore ? 1 : 0;
}

// Calls visit(entry, vpage) for each page of [first, end); false at a hole, where it stops.
template <typename Visit>
bool ForEachPage(const vm::AddressSpace& space, vm::Vpage first, vm::Vpage end, Visit visit) {
  for (size_t i = space.FirstEndingBehind(first); first < end; ++i) {
    if (i == space.entries().size() || space.entries()[i].start > first) return false;
    const vm::MapEntry& entry = space.entries()[i];
    for (const vm::Vpage stop = std::min(entry.end, end); first < stop; ++first) {
      visit(entry, first);
    }
  }
  return true;
}

}  // namespace

PagePlace PlaceOf(vm::VmSystem& vm, const vm::AddressSpace& space, vm::Vpage vpage,
                  FoundPage* found) {
  const vm::MapEntry* entry = EntryAt(space, vpage);
  if (entry == nullptr) return PagePlace::kHole;
  FoundPage own;
  return Search(vm, *entry, vpage, found != nullptr ? found : &own);
}

uint64_t MappedPages(const vm::AddressSpace& space, vm::Vpage first, vm::Vpage end) {
  vm::Vpage at = first;
  for (size_t i = space.FirstEndingBehind(first); at < end; ++i) {
    if (i == space.entries().size() || space.entries()[i].start > at) break;
    at = std::min(space.entries()[i].end, end);
  }
  return at - first;
}

int MincoreAs(MincoreConvention convention, vm::VmSystem& vm, const vm::Process& process,
              uint64_t addr, uint64_t length, std::vector<uint8_t>* vec) {
  const bool is_linux = convention == MincoreConvention::kLinux;
  const bool aligned = addr % vm::kPageSize == 0;
  if (!aligned && convention != MincoreConvention::kFreebsd) return sim::kEinval;
  if (length == 0) return convention == MincoreConvention::kNetbsd ? sim::kEinval : 0;
  if (addr > vm::kMaxUserAddress || length > vm::kMaxUserAddress - addr) return sim::kEnomem;
  if (vec == nullptr) return sim::kEfault;
  // Linux takes a page for its answers.
  if (is_linux && vm.domain().free_count() <= 0) return sim::kEagain;
  const BodyRange range{addr, length};
  vec->clear();
  const bool whole = ForEachPage(process.space, range.first_page(), range.end_page(),
                                 [&](const vm::MapEntry& entry, vm::Vpage vpage) {
                                   vec->push_back(ByteOf(convention, vm, entry, vpage));
                                 });
  return whole ? 0 : sim::kEnomem;
}

sim::Task<CoreAnswer> BodyInCore::Ask(const vm::Process& process,
                                      std::span<const BodyRange> ranges) {
  CoreAnswer answer;
  for (const BodyRange& range : ranges) {
    if (range.bytes == 0) continue;
    ++answer.calls;
    const auto mapped =
        static_cast<int64_t>(MappedPages(process.space, range.first_page(), range.end_page()));
    co_await engine_.Consume(config_.call_ns + mapped * config_.page_ns);
    const uint64_t before = Audit(process, range);
    AskRange(process, range, &answer);
    changes_ += Audit(process, range) != before;
    if (answer.error != 0) break;
  }
  answer.in_core = answer.error == 0 && answer.absent == 0;
  co_return answer;
}

uint64_t BodyFingerprint(vm::VmSystem& vm, const vm::AddressSpace& space, const BodyRange& range) {
  uint64_t hash = 0;
  const auto mix = [&](uint64_t value) { hash = sim::MixBits(hash ^ value); };
  ForEachPage(space, range.first_page(), range.end_page(),
              [&](const vm::MapEntry& entry, vm::Vpage vpage) {
                FoundPage found;
                mix(static_cast<uint64_t>(Search(vm, entry, vpage, &found)));
                mix(vm.page_tables().entry(entry.SlotOf(vpage)));
                if (found.frame == vm::kNoFrame) return;
                const vm::Page& page = vm.pages()[found.frame];
                const vm::PageLinks links = vm.pages().links(found.frame);
                mix(uint64_t{page.object} << 32 | page.pindex);
                mix(uint64_t{page.mappings} << 32 | uint64_t{page.wire_count} << 16 | page.busy);
                mix(uint64_t{static_cast<uint8_t>(page.queue)} << 40 |
                    uint64_t{page.act_count} << 32 | uint64_t{page.aflags} << 24 |
                    uint64_t{page.oflags} << 16 | uint64_t{page.valid} << 8 | page.dirty);
                mix(uint64_t{links.next} << 32 | links.prev);
              });
  return hash;
}

void BodyInCore::AskRange(const vm::Process& process, const BodyRange& range, CoreAnswer* answer) {
  const bool is_linux = config_.convention == MincoreConvention::kLinux;
  if (is_linux && vm_.domain().free_count() <= 0) {
    answer->error = sim::kEagain;
    return;
  }
  const bool whole = ForEachPage(process.space, range.first_page(), range.end_page(),
                                 [&](const vm::MapEntry& entry, vm::Vpage vpage) {
                                   ++answer->pages;
                                   if (is_linux && Concealed(vm_, entry)) return;
                                   const PagePlace place = PlaceIn(vm_, entry, vpage);
                                   answer->absent += place != PagePlace::kInCore;
                                   answer->zero_fill += place == PagePlace::kZeroFill;
                                 });
  if (!whole) answer->error = sim::kEnomem;
}

}  // namespace vmsim::net
