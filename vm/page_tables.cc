#include "vm/page_tables.h"

#include <sys/mman.h>

#include <algorithm>

namespace vmsim::vm {

PteArena::~PteArena() {
  if (data_ != nullptr) munmap(data_, capacity_ * sizeof(Pte));
}

void PteArena::Grow(size_t entries) {
  if (entries <= capacity_) return;
  const size_t wanted = std::max(entries, capacity_ * 2);
  const int prot = PROT_READ | PROT_WRITE;
  void* memory = data_ == nullptr
                     ? mmap(nullptr, wanted * sizeof(Pte), prot,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                     : mremap(data_, capacity_ * sizeof(Pte), wanted * sizeof(Pte), MREMAP_MAYMOVE);
  CHECK(memory != MAP_FAILED, "no host memory for page tables, entries=", wanted);
  data_ = static_cast<Pte*>(memory);
  capacity_ = wanted;
}

PteSlot PageTables::AllocateLeaf(uint32_t pages) {
  CHECK_GT(pages, 0u);
  PteSlot base = next_slot_;
  if (auto it = free_leaves_.find(pages); it != free_leaves_.end() && !it->second.empty()) {
    base = it->second.back();
    it->second.pop_back();
  } else {
    if (static_cast<uint64_t>(next_slot_) + pages >= kManyMappings) return 0;
    next_slot_ += pages;
    arena_.Grow(next_slot_);
  }
  leaves_[base] = {pages, 0};
  used_ += pages;
  return base;
}

std::map<PteSlot, PageTables::LeafUse>::iterator PageTables::FindLeaf(PteSlot slot) {
  auto leaf = leaves_.upper_bound(slot);
  CHECK(leaf != leaves_.begin(), "no leaf below slot ", slot);
  --leaf;
  CHECK_LT(slot - leaf->first, leaf->second.pages, "no leaf holds slot ", slot);
  return leaf;
}

PageTables::Leaf PageTables::LeafOf(PteSlot slot) const {
  const auto leaf = const_cast<PageTables*>(this)->FindLeaf(slot);
  return {leaf->first, leaf->second.pages};
}

void PageTables::FreeLeaf(PteSlot base) {
  const auto leaf = leaves_.find(base);
  CHECK(leaf != leaves_.end(), "no leaf begins at slot ", base);
  CHECK_EQ(leaf->second.held, 0u, "base=", base);
  free_leaves_[leaf->second.pages].push_back(base);
  used_ -= leaf->second.pages;
  leaves_.erase(leaf);
}

void PageTables::HoldSlots(PteSlot first, uint32_t count) {
  LeafUse& leaf = FindLeaf(first)->second;
  leaf.held += count;
  CHECK_LE(leaf.held, leaf.pages, "slot=", first);
}

void PageTables::DropSlots(PteSlot first, uint32_t count) {
  const auto leaf = FindLeaf(first);
  CHECK_GE(leaf->second.held, count, "slot=", first);
  leaf->second.held -= count;
  if (leaf->second.held == 0) FreeLeaf(leaf->first);
}

template <typename F>
void PageTables::ForEach(FrameIndex frame, F&& f) const {
  const uint32_t head = pages_[frame].mappings;
  if (head == 0) return;
  if ((head & kManyMappings) == 0) {
    f(head);
    return;
  }
  const uint32_t last = head & ~kManyMappings;
  uint32_t node = last;
  do {
    node = nodes_[node].next;
    if (!f(nodes_[node].slot)) return;
  } while (node != last);
}

uint32_t PageTables::NewNode(PteSlot slot) {
  if (free_node_ != 0) {
    const uint32_t node = free_node_ - 1;
    free_node_ = nodes_[node].next;
    nodes_[node].slot = slot;
    return node;
  }
  nodes_.push_back({slot, 0});
  return static_cast<uint32_t>(nodes_.size() - 1);
}

void PageTables::FreeNode(uint32_t node) {
  nodes_[node].next = free_node_;
  free_node_ = node + 1;
}

void PageTables::Link(FrameIndex frame, PteSlot slot) {
  uint32_t& mappings = pages_[frame].mappings;
  if (mappings == 0) {
    mappings = slot;
    return;
  }
  if ((mappings & kManyMappings) == 0) {
    const uint32_t first = NewNode(mappings);
    nodes_[first].next = first;
    mappings = kManyMappings | first;
  }
  const uint32_t last = mappings & ~kManyMappings;
  const uint32_t node = NewNode(slot);
  nodes_[node].next = nodes_[last].next;
  nodes_[last].next = node;
  mappings = kManyMappings | node;
}

void PageTables::Unlink(FrameIndex frame, PteSlot slot) {
  uint32_t& mappings = pages_[frame].mappings;
  if ((mappings & kManyMappings) == 0) {
    CHECK_EQ(mappings, slot, "frame=", frame);
    mappings = 0;
    return;
  }
  const uint32_t last = mappings & ~kManyMappings;
  uint32_t before = last;
  while (nodes_[nodes_[before].next].slot != slot) {
    before = nodes_[before].next;
    CHECK_NE(before, last, "mapping not found, frame=", frame);
  }
  const uint32_t gone = nodes_[before].next;
  if (gone == last) mappings = kManyMappings | before;
  nodes_[before].next = nodes_[gone].next;
  FreeNode(gone);
  const uint32_t left = mappings & ~kManyMappings;
  if (nodes_[left].next == left) {  // One remains: keep it inline.
    mappings = nodes_[left].slot;
    FreeNode(left);
  }
}

// What the hardware noted in an entry that goes away survives in the page.
void PageTables::Fold(FrameIndex frame, Pte old) {
  Page& page = pages_[frame];
  if ((old & kPteAccessed) != 0) page.aflags |= kPgaReferenced;
  if ((old & kPteModified) != 0) page.dirty = kPageBitsAll;
}

void PageTables::DropWriteable(FrameIndex frame) {
  bool writable = false;
  ForEach(frame, [&](PteSlot slot) {
    writable = (arena_.data()[slot] & kPteWritable) != 0;
    return !writable;
  });
  if (!writable) pages_[frame].aflags &= ~kPgaWriteable;
}

void PageTables::Enter(PteSlot slot, FrameIndex frame, bool writable, bool write) {
  CHECK(pages_[frame].fully_valid(), "mapping a page that is not valid, frame=", frame);
  Pte& pte = arena_.data()[slot];
  if ((pte & kPteValid) != 0 && (pte & kPteFrameMask) != frame) Remove(slot);
  const Pte old = pte;
  if ((old & kPteValid) == 0) Link(frame, slot);
  pte = frame | kPteValid | kPteAccessed;
  if (writable) {
    pte |= kPteWritable | (old & kPteModified) | (write ? kPteModified : 0);
    pages_[frame].aflags |= kPgaWriteable;
  } else if ((old & kPteWritable) != 0) {
    if ((old & kPteModified) != 0) pages_[frame].dirty = kPageBitsAll;
    DropWriteable(frame);
  }
}

void PageTables::EnterQuick(PteSlot slot, FrameIndex frame) {
  Pte& pte = arena_.data()[slot];
  if ((pte & kPteValid) != 0) return;
  Link(frame, slot);
  pte = frame | kPteValid;
}

void PageTables::Remove(PteSlot slot) {
  Pte& pte = arena_.data()[slot];
  if ((pte & kPteValid) == 0) return;
  const FrameIndex frame = pte & kPteFrameMask;
  const Pte old = pte;
  pte = 0;
  Unlink(frame, slot);
  Fold(frame, old);
  if ((old & kPteWritable) != 0) DropWriteable(frame);
}

void PageTables::RemoveRange(PteSlot first, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) Remove(first + i);
}

void PageTables::ProtectRange(PteSlot first, uint32_t count) {
  for (PteSlot slot = first; slot < first + count; ++slot) {
    Pte& pte = arena_.data()[slot];
    if ((pte & (kPteValid | kPteWritable)) != (kPteValid | kPteWritable)) continue;
    const FrameIndex frame = pte & kPteFrameMask;
    if ((pte & kPteModified) != 0) pages_[frame].dirty = kPageBitsAll;
    pte &= ~(kPteWritable | kPteModified);
    DropWriteable(frame);
  }
}

uint32_t PageTables::CopyRange(PteSlot from, PteSlot to, uint32_t count) {
  uint32_t copied = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const Pte pte = arena_.data()[from + i];
    if ((pte & kPteValid) == 0 || (arena_.data()[to + i] & kPteValid) != 0) continue;
    EnterQuick(to + i, pte & kPteFrameMask);
    arena_.data()[to + i] |= pte & kPteWritable;
    ++copied;
  }
  return copied;
}

int PageTables::MappingCount(FrameIndex frame) const {
  int count = 0;
  ForEach(frame, [&](PteSlot) { return ++count > 0; });
  return count;
}

void PageTables::RemoveAll(FrameIndex frame) {
  while (pages_[frame].mappings != 0) {
    const uint32_t head = pages_[frame].mappings;
    const PteSlot slot =
        (head & kManyMappings) == 0 ? head : nodes_[nodes_[head & ~kManyMappings].next].slot;
    invalidations_ += arena_.data()[slot] / kPteAccessed & 1;
    Remove(slot);
  }
}

void PageTables::RemoveWrite(FrameIndex frame) {
  if (!pages_[frame].has(kPgaWriteable)) return;
  ForEach(frame, [&](PteSlot slot) {
    Pte& pte = arena_.data()[slot];
    if ((pte & kPteModified) != 0) pages_[frame].dirty = kPageBitsAll;
    if ((pte & kPteWritable) != 0) ++invalidations_;
    pte &= ~(kPteWritable | kPteModified);
    return true;
  });
  pages_[frame].aflags &= ~kPgaWriteable;
}

int PageTables::TsReferencedMany(FrameIndex frame) {
  Page& page = pages_[frame];
  int referenced = 0;
  uint32_t visited = 0;
  ForEach(frame, [&](PteSlot slot) {
    Pte& pte = arena_.data()[slot];
    if ((pte & kPteModified) != 0) page.dirty = kPageBitsAll;
    if ((pte & kPteAccessed) != 0) {
      ++referenced;
      ++invalidations_;
      if (!page.wired()) pte &= ~kPteAccessed;
    }
    ++visited;
    return referenced < kTsReferencedMax;
  });
  uint32_t last = page.mappings & ~kManyMappings;
  while (visited-- > 0) last = nodes_[last].next;
  page.mappings = kManyMappings | last;
  return referenced;
}

bool PageTables::IsModified(FrameIndex frame) const {
  bool modified = false;
  ForEach(frame, [&](PteSlot slot) {
    modified = (arena_.data()[slot] & kPteModified) != 0;
    return !modified;
  });
  return modified;
}

bool PageTables::IsReferenced(FrameIndex frame) const {
  bool referenced = false;
  ForEach(frame, [&](PteSlot slot) {
    referenced = (arena_.data()[slot] & kPteAccessed) != 0;
    return !referenced;
  });
  return referenced;
}

void PageTables::ClearModify(FrameIndex frame) {
  ForEach(frame, [&](PteSlot slot) {
    arena_.data()[slot] &= ~kPteModified;
    return true;
  });
}

void PageTables::AdviseDontNeed(PteSlot slot) {
  Pte& pte = arena_.data()[slot];
  if ((pte & kPteValid) == 0) return;
  if ((pte & kPteModified) != 0) pages_[pte & kPteFrameMask].dirty = kPageBitsAll;
  pte &= ~(kPteAccessed | kPteModified);
}

void PageTables::AdviseFree(PteSlot slot) {
  Pte& pte = arena_.data()[slot];
  if ((pte & kPteValid) != 0) pte &= ~(kPteAccessed | kPteModified);
}

void PageTables::CheckMappings(FrameIndex frame) const {
  bool writable = false;
  ForEach(frame, [&](PteSlot slot) {
    const Pte pte = arena_.data()[slot];
    CHECK((pte & kPteValid) != 0, "frame=", frame, " slot=", slot);
    CHECK_EQ(pte & kPteFrameMask, frame, "slot=", slot);
    writable |= (pte & kPteWritable) != 0;
    return true;
  });
  if (writable) CHECK(pages_[frame].has(kPgaWriteable), "frame=", frame);
  if (IsMapped(frame)) CHECK(pages_[frame].fully_valid(), "mapped but not valid, frame=", frame);
}

}  // namespace vmsim::vm
