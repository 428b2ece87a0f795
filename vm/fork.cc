#include "vm/fork.h"

#include <algorithm>

#include "sim/errno.h"
#include "vm/trace_types.h"

namespace vmsim::vm {

struct Forker::Copy {
  AddressSpace& parent;
  AddressSpace& child;
  LeafMap& leaves;
  bool no_slots = false;  // Page tables are used up.
};

sim::Task<int> Forker::Fork(Process& parent, Process& child, LeafMap* leaves) {
  CHECK(child.space.empty(), "process ", child.name);
  co_await p_.engine.Consume(costs_.syscall_ns);
  Copy copy{parent.space, child.space, *leaves};
  for (size_t i = 0; i < parent.space.entries().size() && !copy.no_slots; ++i) {
    MapEntry& entry = parent.space.entries()[i];
    co_await p_.engine.Consume(costs_.pte_ns * static_cast<sim::SimDuration>(entry.pages()));
    if (entry.inheritance == Inheritance::kNone) continue;
    MapEntry* const copied = Clone(copy, entry);
    if (copied == nullptr) break;
    if (entry.inheritance == Inheritance::kShare) {
      Share(entry, *copied);
    } else if (entry.inheritance == Inheritance::kZero) {
      Zero(*copied);
    } else if (entry.wired_count != 0 && entry.writable()) {
      co_await CopyWired(entry, *copied);
    } else {
      co_await CopyOnWrite(entry, *copied);
    }
  }
  ++p_.counters.v_forks;
  p_.counters.v_forkpages += static_cast<int64_t>(child.space.mapped_pages());
  p_.trace.Emit(trace::kFork, parent.space.id(), child.space.id(), child.space.entries().size());
  if (!copy.no_slots && !p_.reserve.Exceeded()) co_return 0;
  // What was copied gives back what was reserved for it.
  co_await p_.map_ops.Delete(child.space, 0, kMaxVpage + 1);
  co_return sim::kEnomem;
}

// The child's entry at the same place, without an object yet. Null: no slots are left.
MapEntry* Forker::Clone(Copy& copy, const MapEntry& entry) {
  const PageTables::Leaf leaf = p_.page_tables.LeafOf(entry.slot);
  auto [it, is_new] = copy.leaves.try_emplace(leaf.base, 0);
  if (is_new) it->second = p_.page_tables.AllocateLeaf(leaf.pages);
  if (it->second == 0) {
    copy.leaves.erase(it);
    copy.no_slots = true;
    return nullptr;
  }
  MapEntry cloned = entry;
  cloned.slot = it->second + (entry.slot - leaf.base);
  cloned.object = kNoObject;
  cloned.offset = 0;
  cloned.wired_count = 0;
  cloned.user_wired = false;
  cloned.charged = false;
  MapEntry& inserted = copy.child.Insert(cloned);
  inserted.read_ahead = entry.read_ahead;
  inserted.next_read = entry.next_read;
  return &inserted;
}

void Forker::Share(MapEntry& entry, MapEntry& copied) {
  if (entry.object == kNoObject) {
    p_.object_ops.Back(entry);
  } else if (entry.needs_copy) {
    p_.object_ops.Shadow(entry);
    entry.needs_copy = false;
  }
  Object& object = p_.objects[entry.object];
  if (entry.charged) {
    object.charge += static_cast<uint32_t>(entry.pages());
    entry.charged = false;
  }
  p_.object_ops.Reference(object);
  object.flags &= static_cast<uint8_t>(~kObjOneMapping);
  copied.object = entry.object;
  copied.offset = entry.offset;
  copied.needs_copy = false;
  p_.page_tables.CopyRange(entry.slot, copied.slot, static_cast<uint32_t>(entry.pages()));
}

void Forker::Zero(MapEntry& copied) {
  copied.cow = copied.needs_copy = false;
  if (!copied.writable()) return;
  copied.charged = true;
  p_.reserve.ReserveForce(copied.pages());
}

// vm_map_copy_entry of memory that is not wired.
sim::Task<void> Forker::CopyOnWrite(MapEntry& entry, MapEntry& copied) {
  const auto pages = static_cast<uint32_t>(entry.pages());
  if (entry.object == kNoObject) {
    copied.charged = entry.charged;
    if (entry.charged) p_.reserve.ReserveForce(pages);
    co_return;
  }
  if (!entry.needs_copy && entry.writable()) p_.page_tables.ProtectRange(entry.slot, pages);
  if (p_.objects[entry.object].type == ObjectType::kVnode) {
    p_.object_ops.Reference(p_.objects[entry.object]);
  } else {
    co_await CopySwapObject(entry, copied);
  }
  copied.object = entry.object;
  copied.offset = entry.offset;
  entry.cow = entry.needs_copy = true;
  copied.cow = copied.needs_copy = true;
  p_.page_tables.CopyRange(entry.slot, copied.slot, pages);
}

// References the entry's object for the child's, after making it no larger and no deeper than need
// be, and says who holds how much swap.
sim::Task<void> Forker::CopySwapObject(MapEntry& entry, MapEntry& copied) {
  const auto pages = static_cast<uint32_t>(entry.pages());
  const bool charged = entry.charged || (p_.objects[entry.object].charge > 0 && !entry.needs_copy);
  co_await p_.object_ops.Collapse(entry.object);
  if (p_.objects[entry.object].one_mapping()) co_await p_.object_ops.Split(entry);
  Object& object = p_.objects[entry.object];
  p_.object_ops.Reference(object);
  object.flags &= static_cast<uint8_t>(~kObjOneMapping);
  if (entry.charged && !entry.needs_copy) {
    object.charge += pages;
    entry.charged = false;
  }
  if (!charged) co_return;
  copied.charged = true;
  p_.reserve.ReserveForce(pages);
  if (!entry.needs_copy) {
    entry.charged = true;
    p_.reserve.ReserveForce(pages);
  }
}

// Wired memory stays the parent's; the child gets copies, which are pageable (vm_fault_copy_entry).
sim::Task<void> Forker::CopyWired(const MapEntry& entry, MapEntry& copied) {
  const auto pages = static_cast<uint32_t>(entry.pages());
  Object& object = p_.object_ops.AllocateAnon(pages);
  object.charge = pages;
  p_.reserve.ReserveForce(pages);
  copied.object = object.id;
  copied.needs_copy = false;
  for (uint32_t i = 0; i < pages; ++i) {
    if (FindBelow(entry, i) == kNoFrame) continue;
    FrameIndex frame = p_.allocator.Alloc(object, i, AllocClass::kNormal);
    while (frame == kNoFrame) {
      co_await p_.domain.Wait();
      co_await p_.engine.Consume(costs_.syscall_ns);
      frame = p_.allocator.Alloc(object, i, AllocClass::kNormal);
    }
    co_await p_.engine.Consume(costs_.page_copy_ns);
    p_.pages[frame].valid = p_.pages[frame].dirty = kPageBitsAll;
    p_.page_tables.Enter(copied.slot + i, frame, copied.writable(), copied.writable());
    reclaim_->Activate(frame);
    p_.pages.Xunbusy(frame);
  }
}

// The page that backs page `i` of the entry, or none.
FrameIndex Forker::FindBelow(const MapEntry& entry, uint32_t i) const {
  const Object* object = &p_.objects[entry.object];
  Pindex pindex = entry.offset + i;
  while (true) {
    const FrameIndex frame = pindex < object->size ? object->Lookup(pindex) : kNoFrame;
    if (frame != kNoFrame && p_.pages[frame].fully_valid()) return frame;
    if (object->backing == kNoObject) return kNoFrame;
    pindex += object->backing_offset;
    object = &p_.objects[object->backing];
  }
}

}  // namespace vmsim::vm
