#include "vm/map_ops.h"

#include <algorithm>

#include "sim/errno.h"
#include "vm/trace_types.h"

namespace vmsim::vm {

int MapOps::Map(AddressSpace& space, Vpage start, uint32_t pages, MapEntry entry) {
  const bool anonymous = entry.object == kNoObject;
  const bool charge = entry.writable() && (anonymous || entry.cow);
  if (charge && !p_.reserve.Reserve(pages)) return sim::kEnomem;
  const PteSlot slot = p_.page_tables.AllocateLeaf(pages);
  if (slot == 0) {
    if (charge) p_.reserve.Release(pages);
    return sim::kEnomem;
  }
  entry.start = start;
  entry.end = start + pages;
  entry.slot = slot;
  entry.charged = charge;
  space.Insert(entry);
  return 0;
}

void MapOps::ClipAt(AddressSpace& space, Vpage vpage) {
  const size_t position = space.FirstEndingBehind(vpage);
  if (position == space.entries().size() || space.entries()[position].start >= vpage) return;
  MapEntry& entry = space.entries()[position];
  // An object now rather than two later: so both halves stay one memory.
  if (entry.object == kNoObject) p_.object_ops.Back(entry);
  Object& object = p_.objects[entry.object];
  if (entry.charged && !entry.needs_copy) {
    object.charge += static_cast<uint32_t>(entry.pages());
    entry.charged = false;
  }
  p_.object_ops.Reference(object);
  space.Split(position, vpage);
}

size_t MapOps::Clip(AddressSpace& space, Vpage start, Vpage end) {
  ClipAt(space, start);
  ClipAt(space, end);
  return space.FirstEndingBehind(start);
}

bool MapOps::Alike(const MapEntry& a, const MapEntry& b) const {
  if (a.end != b.start || a.SlotOf(a.end) != b.slot) return false;
  // Leaves can be neighbours, too: an entry has its slots in one.
  if (p_.page_tables.LeafOf(a.slot).base != p_.page_tables.LeafOf(b.slot).base) return false;
  return a.object == b.object && (a.object == kNoObject || a.PindexOf(a.end) == b.offset) &&
         a.protection == b.protection && a.max_protection == b.max_protection &&
         a.inheritance == b.inheritance && a.behavior == b.behavior && a.cow == b.cow &&
         a.needs_copy == b.needs_copy && a.nosync == b.nosync && a.user_wired == b.user_wired &&
         a.charged == b.charged && a.wired_count == b.wired_count;
}

void MapOps::Simplify(AddressSpace& space, Vpage start, Vpage end) {
  size_t at = space.FirstEndingBehind(start);
  if (at > 0) --at;
  while (at + 1 < space.entries().size() && space.entries()[at].start <= end) {
    const MapEntry& entry = space.entries()[at];
    if (!Alike(entry, space.entries()[at + 1])) {
      ++at;
      continue;
    }
    const ObjectId object = entry.object;
    space.Join(at);
    if (object != kNoObject) p_.object_ops.DropExtraReference(p_.objects[object]);
  }
}

bool MapOps::Mapped(const AddressSpace& space, Vpage start, Vpage end) {
  Vpage at = start;
  for (size_t i = space.FirstEndingBehind(start); at < end; ++i) {
    if (i == space.entries().size() || space.entries()[i].start > at) return false;
    at = space.entries()[i].end;
  }
  return true;
}

sim::Task<void> MapOps::Delete(AddressSpace& space, Vpage start, Vpage end) {
  if (start >= end) co_return;
  Clip(space, start, end);
  p_.trace.Emit(trace::kUnmap, space.id(), start, end - start);
  while (true) {
    const size_t position = space.FirstEndingBehind(start);
    if (position == space.entries().size() || space.entries()[position].start >= end) co_return;
    MapEntry& entry = space.entries()[position];
    const Vpage entry_start = entry.start;
    if (entry.wired_count != 0) co_await p_.wiring.UnwireEntry(space, entry_start);
    co_await DeleteEntry(space, entry_start);
  }
}

// vm_map_entry_delete.
sim::Task<void> MapOps::DeleteEntry(AddressSpace& space, Vpage start) {
  const MapEntry entry = *space.Lookup(start);
  space.Remove(start);
  if (entry.charged) p_.reserve.Release(entry.pages());
  if (entry.object == kNoObject) co_return;
  Object& object = p_.objects[entry.object];
  if (object.anon() && object.ref_count != 1 && object.one_mapping()) {
    const Pindex first = entry.offset;
    const Pindex behind = first + static_cast<Pindex>(entry.pages());
    co_await p_.object_ops.Collapse(object.id);
    co_await p_.object_ops.PageRemove(object.id, first, behind);
    if (behind >= object.size && first < object.size) {
      const uint32_t gone = std::min(object.charge, object.size - first);
      p_.reserve.Release(gone);
      object.charge -= gone;
      object.size = first;
    }
  }
  co_await p_.object_ops.Deallocate(entry.object);
}

// An entry that becomes writable reserves swap, unless it has done so.
bool MapOps::ChargeForWriting(MapEntry& entry) {
  const bool has_object = entry.object != kNoObject;
  if (entry.charged) return true;
  if (!has_object || entry.needs_copy) {
    entry.charged = p_.reserve.Reserve(entry.pages());
    return entry.charged;
  }
  Object& object = p_.objects[entry.object];
  if (object.charge > 0 || object.type == ObjectType::kVnode) return true;
  // For all of it: later nobody could tell which of its clipped mappings was charged.
  if (!p_.reserve.Reserve(object.size)) return false;
  object.charge = object.size;
  return true;
}

int MapOps::Protect(AddressSpace& space, Vpage start, Vpage end, uint8_t protection) {
  for (size_t i = space.FirstEndingBehind(start);
       i < space.entries().size() && space.entries()[i].start < end; ++i) {
    if ((protection & ~space.entries()[i].max_protection) != 0) return sim::kEacces;
  }
  int error = 0;
  for (size_t i = Clip(space, start, end);
       i < space.entries().size() && space.entries()[i].start < end; ++i) {
    MapEntry& entry = space.entries()[i];
    const auto pages = static_cast<uint32_t>(entry.pages());
    const auto gone = static_cast<uint8_t>(entry.protection & ~protection);
    if ((protection & ~entry.protection & kProtWrite) != 0 && !ChargeForWriting(entry)) {
      error = sim::kEnomem;
      break;
    }
    entry.protection = protection;
    if (protection == kProtNone) {
      p_.page_tables.RemoveRange(entry.slot, pages);
    } else if ((gone & kProtWrite) != 0) {
      p_.page_tables.ProtectRange(entry.slot, pages);
    }
  }
  Simplify(space, start, end);
  return error;
}

void MapOps::Inherit(AddressSpace& space, Vpage start, Vpage end, Inheritance inheritance) {
  for (size_t i = Clip(space, start, end);
       i < space.entries().size() && space.entries()[i].start < end; ++i) {
    space.entries()[i].inheritance = inheritance;
  }
  Simplify(space, start, end);
}

}  // namespace vmsim::vm
