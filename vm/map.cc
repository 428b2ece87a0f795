#include "vm/map.h"

#include <algorithm>
#include <numeric>

namespace vmsim::vm {

MapEntry& AddressSpace::Insert(Vpage start, uint32_t pages, Object& object, Pindex offset,
                               PteSlot slot, bool writable) {
  CHECK_GT(pages, 0u);
  CHECK_LE(start + pages - 1, kMaxVpage);
  CHECK_LE(uint64_t{offset} + pages, object.size, "object=", object.id);
  const auto position =
      std::upper_bound(entries_.begin(), entries_.end(), start,
                       [](Vpage v, const MapEntry& entry) { return v < entry.start; });
  if (position != entries_.begin()) CHECK_LE(std::prev(position)->end, start, "overlap below");
  if (position != entries_.end()) CHECK_LE(start + pages, position->start, "overlap above");
  MapEntry entry;
  entry.start = start;
  entry.end = start + pages;
  entry.object = object.id;
  entry.offset = offset;
  entry.slot = slot;
  entry.writable = writable;
  entry.next_read = start;
  const auto inserted = entries_.insert(position, entry);
  ForgetIndices();
  return *inserted;
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
  page_tables_.RemoveRange(entry->slot, static_cast<uint32_t>(entry->pages()));
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
