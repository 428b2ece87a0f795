#include "scenarios/process_maps.h"

#include <algorithm>

namespace vmsim::scenarios {
namespace {

bool AnyEntryIn(const vm::AddressSpace& space, vm::Vpage start, vm::Vpage end) {
  const size_t position = space.FirstEndingBehind(start);
  return position < space.entries().size() && space.entries()[position].start < end;
}

// Slot 0 for a leaf that the child has not: nothing of it is mapped there.
vm::PteSlot ChildSlot(const vm::Forker::LeafMap& leaves, vm::PteSlot slot) {
  const auto it = leaves.find(slot);
  return it == leaves.end() ? 0 : it->second;
}

}  // namespace

ProcessMaps ProcessMaps::ForChild(const vm::Forker::LeafMap& leaves) const {
  ProcessMaps child = *this;
  for (auto& [name, region] : child.named_) region.slot = ChildSlot(leaves, region.slot);
  for (auto& [file, slot] : child.traces_) slot = ChildSlot(leaves, slot);
  return child;
}

vm::Vpage ProcessMaps::FindSpace(const vm::AddressSpace& space, uint64_t pages) const {
  vm::Vpage start = space.FindSpace(map_base_, pages);
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& [name, region] : named_) {
      const vm::Vpage end = region.start + region.pages;
      if (region.failed || start >= end || region.start >= start + pages) continue;
      start = space.FindSpace(end, pages);
      moved = true;
    }
  }
  return start;
}

ByteRange ProcessMaps::ToBytes(const v1::Span& span) const {
  if (span.map().empty()) return {span.offset_bytes(), span.length_bytes()};
  const Region& region = At(span.map());
  const bool in_bytes = span.has_offset_bytes() || span.has_length_bytes();
  const uint64_t offset =
      in_bytes ? span.offset_bytes() : static_cast<uint64_t>(span.first_page()) << vm::kPageShift;
  uint64_t length = (region.pages << vm::kPageShift) - offset;
  if (span.has_length_bytes()) length = span.length_bytes();
  if (span.pages() != 0) length = static_cast<uint64_t>(span.pages()) << vm::kPageShift;
  return {region.address() + offset, length};
}

bool ProcessMaps::IsMapped(const vm::AddressSpace& space, const Region& region) {
  return !region.failed && AnyEntryIn(space, region.start, region.start + region.pages);
}

void ProcessMaps::KeepClearOf(const TraceLayout& layout) {
  if (layout.entries.empty()) return;
  const TraceEntry& last = layout.entries.back();
  map_base_ = std::max(map_base_, last.start + last.pages);
}

bool ProcessMaps::MapTrace(vm::VmSystem& vm, vm::Process& process, const std::string& file,
                           const TraceLayout& layout) {
  const auto [it, is_new] = traces_.try_emplace(file, 0);
  if (!is_new || layout.pages == 0) return true;
  if (!vm.reserve().Reserve(layout.pages)) return false;
  it->second = vm.page_tables().AllocateLeaf(layout.pages);
  if (it->second == 0) {
    vm.reserve().Release(layout.pages);
    return false;
  }
  for (const TraceEntry& range : layout.entries) {
    vm::MapEntry entry;
    entry.start = range.start;
    entry.end = range.start + range.pages;
    entry.slot = it->second + range.first;
    entry.charged = true;
    process.space.Insert(entry);
  }
  return true;
}

bool ProcessMaps::IsMapped(const vm::AddressSpace& space, const TraceLayout& layout) {
  return std::any_of(layout.entries.begin(), layout.entries.end(), [&](const TraceEntry& entry) {
    return AnyEntryIn(space, entry.start, entry.start + entry.pages);
  });
}

}  // namespace vmsim::scenarios
