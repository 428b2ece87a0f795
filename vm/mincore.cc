#include "vm/mincore.h"

#include <algorithm>

namespace vmsim::vm {

bool Mincore::Ask(const AddressSpace& space, Vpage start, Vpage end, std::vector<uint8_t>* vec) {
  vec->clear();
  Vpage at = start;
  for (size_t i = space.FirstEndingBehind(start); at < end; ++i) {
    if (i == space.entries().size() || space.entries()[i].start > at) return false;
    const MapEntry& entry = space.entries()[i];
    for (const Vpage stop = std::min(entry.end, end); at < stop; ++at) {
      vec->push_back(AskPage(entry, at));
    }
  }
  return true;
}

uint8_t Mincore::AskPage(const MapEntry& entry, Vpage vpage) {
  if (entry.object == kNoObject) return 0;
  const Pte pte = page_tables_.entry(entry.SlotOf(vpage));
  constexpr uint8_t kUsed = kMincoreReferenced | kMincoreReferencedOther;
  constexpr uint8_t kChanged = kMincoreModified | kMincoreModifiedOther;
  uint8_t info = 0;
  FrameIndex frame = kNoFrame;
  if ((pte & kPteValid) != 0) {
    info = kMincoreIncore;
    if ((pte & kPteAccessed) != 0) info |= kUsed;
    if ((pte & kPteModified) != 0) info |= kChanged;
    frame = pte & kPteFrameMask;
    if (mapped_only_ || info == (kMincoreIncore | kUsed | kChanged)) return info;
  } else {
    if (mapped_only_) return 0;
    const Object& object = objects_[entry.object];
    const Pindex pindex = entry.PindexOf(vpage);
    frame = pindex < object.size ? object.Lookup(pindex) : kNoFrame;
    if (frame == kNoFrame || pages_[frame].valid == 0) return 0;
    info = kMincoreIncore;
  }
  return info | Others(frame);
}

// What anybody did to the page.
uint8_t Mincore::Others(FrameIndex frame) {
  Page& page = pages_[frame];
  uint8_t info = 0;
  if (page.dirty == 0 && page_tables_.IsModified(frame)) page.dirty = kPageBitsAll;
  if (page.dirty != 0) info |= kMincoreModifiedOther;
  if (page.has(kPgaReferenced) || page_tables_.IsReferenced(frame)) info |= kMincoreReferencedOther;
  return info;
}

}  // namespace vmsim::vm
