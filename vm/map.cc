#include "vm/map.h"

#include <algorithm>
#include <numeric>

namespace vmsim::vm {

MapEntry& AddressSpace::Insert(MapEntry entry) {
  CHECK_LT(entry.start, entry.end);
  CHECK_LE(entry.end - 1, kMaxVpage);
  const auto position = entries_.begin() + static_cast<ptrdiff_t>(FirstEndingBehind(entry.start));
  if (position != entries_.end()) CHECK_LE(entry.end, position->start, "overlapping entries");
  entry.read_ahead = kReadAheadInit;
  entry.next_read = entry.start;
  page_tables_.HoldSlots(entry.slot, static_cast<uint32_t>(entry.pages()));
  const auto inserted = entries_.insert(position, entry);
  ForgetIndices();
  return *inserted;
}

MapEntry& AddressSpace::Insert(Vpage start, uint32_t pages, Object& object, Pindex offset,
                               PteSlot slot, bool writable) {
  CHECK_GT(pages, 0u);
  CHECK_LE(uint64_t{offset} + pages, object.size, "object=", object.id);
  MapEntry entry;
  entry.start = start;
  entry.end = start + pages;
  entry.object = object.id;
  entry.offset = offset;
  entry.slot = slot;
  entry.protection = writable ? kProtDefault : static_cast<uint8_t>(kProtRead);
  return Insert(entry);
}

size_t AddressSpace::FirstEndingBehind(Vpage vpage) const {
  const auto position =
      std::upper_bound(entries_.begin(), entries_.end(), vpage,
                       [](Vpage v, const MapEntry& entry) { return v < entry.end; });
  return static_cast<size_t>(position - entries_.begin());
}

void AddressSpace::Split(size_t position, Vpage vpage) {
  MapEntry behind = entries_[position];
  CHECK(behind.start < vpage && vpage < behind.end, "start=", behind.start, " end=", behind.end,
        " at=", vpage);
  const auto cut = static_cast<uint32_t>(vpage - behind.start);
  behind.start = vpage;
  behind.slot += cut;
  if (behind.object != kNoObject) behind.offset += cut;
  entries_[position].end = vpage;
  entries_.insert(entries_.begin() + static_cast<ptrdiff_t>(position) + 1, behind);
  ForgetIndices();
}

void AddressSpace::Join(size_t position) {
  const MapEntry before = entries_[position];
  MapEntry& joined = entries_[position + 1];
  CHECK(before.end == joined.start && before.object == joined.object, "end=", before.end,
        " start=", joined.start);
  CHECK_EQ(before.SlotOf(before.end), joined.slot);
  joined.start = before.start;
  joined.slot = before.slot;
  joined.offset = before.offset;
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(position));
  ForgetIndices();
}

void AddressSpace::ForgetIndices() {
  last_ = 0;
  by_slot_.clear();
}

// Not before somebody asks: a trace maps its ranges, and an exit unmaps them, thousands in a row.
void AddressSpace::IndexSlots() {
  by_slot_.resize(entries_.size());
  std::iota(by_slot_.begin(), by_slot_.end(), 0u);
  std::sort(by_slot_.begin(), by_slot_.end(),
            [&](uint32_t a, uint32_t b) { return entries_[a].slot < entries_[b].slot; });
}

MapEntry* AddressSpace::Lookup(Vpage vpage) {
  if (last_ < entries_.size() && entries_[last_].contains(vpage)) return &entries_[last_];
  const auto above =
      std::upper_bound(entries_.begin(), entries_.end(), vpage,
                       [](Vpage v, const MapEntry& entry) { return v < entry.start; });
  if (above == entries_.begin()) return nullptr;
  MapEntry& entry = *std::prev(above);
  if (!entry.contains(vpage)) return nullptr;
  last_ = static_cast<uint32_t>(&entry - entries_.data());
  return &entry;
}

MapEntry* AddressSpace::LookupSlot(PteSlot slot) {
  const auto holds = [&](const MapEntry& e) { return slot >= e.slot && slot - e.slot < e.pages(); };
  if (last_ < entries_.size() && holds(entries_[last_])) return &entries_[last_];
  if (by_slot_.empty()) IndexSlots();
  const auto above = std::upper_bound(by_slot_.begin(), by_slot_.end(), slot,
                                      [&](PteSlot s, uint32_t i) { return s < entries_[i].slot; });
  if (above == by_slot_.begin()) return nullptr;
  const uint32_t index = *std::prev(above);
  if (!holds(entries_[index])) return nullptr;
  last_ = index;
  return &entries_[index];
}

Vpage AddressSpace::FindSpace(Vpage hint, uint64_t pages) const {
  Vpage at = hint;
  for (const MapEntry& entry : entries_) {
    if (entry.end <= at) continue;
    if (entry.start >= at + pages) break;
    at = entry.end;
  }
  return at;
}

ObjectId AddressSpace::Remove(Vpage start) {
  MapEntry* entry = Lookup(start);
  CHECK(entry != nullptr && entry->start == start, "no entry starts at page ", start);
  const ObjectId object = entry->object;
  const auto pages = static_cast<uint32_t>(entry->pages());
  page_tables_.RemoveRange(entry->slot, pages);
  page_tables_.DropSlots(entry->slot, pages);
  entries_.erase(entries_.begin() + (entry - entries_.data()));
  ForgetIndices();
  return object;
}

uint64_t AddressSpace::mapped_pages() const {
  uint64_t pages = 0;
  for (const MapEntry& entry : entries_) pages += entry.pages();
  return pages;
}

uint64_t AddressSpace::ResidentPages() const {
  uint64_t resident = 0;
  for (const MapEntry& entry : entries_) {
    for (uint64_t i = 0; i < entry.pages(); ++i) {
      resident += (page_tables_.entry(entry.slot + static_cast<PteSlot>(i)) & kPteValid) != 0;
    }
  }
  return resident;
}

}  // namespace vmsim::vm
