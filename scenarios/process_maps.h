// scenarios/process_maps.h: the parts of an address space that a process's steps name.
//
// A map's name stands for the range that was mapped, with its page-table slots, whatever has become
// of it since: calls may cut the map entry in pieces, unmap some of them, or all. So that a name
// never comes to mean something else, no other map is put where a named one is or was.
//
// A map that could not be made is at MAP_FAILED, the last byte of the address space: calls on it
// fail as in a program that did not look at what mmap returned, and touching it is a fault.
#ifndef VMSIM_SCENARIOS_PROCESS_MAPS_H_
#define VMSIM_SCENARIOS_PROCESS_MAPS_H_

#include <cstdint>
#include <map>
#include <string>

#include "scenarios/scenario.pb.h"
#include "scenarios/steps.h"
#include "scenarios/trace_layout.h"
#include "scenarios/trace_loader.h"
#include "vm/fork.h"
#include "vm/map.h"
#include "vm/vm_system.h"

namespace vmsim::scenarios {

// What was mapped: pages [start, start + pages) at slots [slot, slot + pages).
struct Region {
  vm::Vpage start = 0;
  uint64_t pages = 0;
  vm::PteSlot slot = 0;
  bool failed = false;

  uint64_t address() const { return failed ? UINT64_MAX : start << vm::kPageShift; }
};

// An address range in bytes; the end may wrap.
struct ByteRange {
  uint64_t address;
  uint64_t length;
};

class ProcessMaps {
 public:
  // The maps of a child, whose leaves are at `leaves` (VmSystem::Fork).
  ProcessMaps ForChild(const vm::Forker::LeafMap& leaves) const;

  // Where a new map of `pages` can go.
  vm::Vpage FindSpace(const vm::AddressSpace& space, uint64_t pages) const;
  void Add(const std::string& name, const Region& region) { named_[name] = region; }
  void Remove(const std::string& name) { named_.erase(name); }
  const Region& At(const std::string& name) const { return named_.at(name); }

  // What a call on `span` is given.
  ByteRange ToBytes(const v1::Span& span) const;

  // Whether any page of the region is mapped: if none is, its slots may be another's already.
  static bool IsMapped(const vm::AddressSpace& space, const Region& region);

  // Keeps maps without an address clear of `layout`, which is or will be mapped.
  void KeepClearOf(const TraceLayout& layout);
  // Maps a trace's ranges, if they are not mapped yet. False: swap could not be reserved, or page
  // tables are used up.
  bool MapTrace(vm::VmSystem& vm, vm::Process& process, const std::string& file,
                const TraceLayout& layout);
  // The slot of a trace's page 0. Requires: MapTrace.
  vm::PteSlot TraceSlot(const std::string& file) const { return traces_.at(file); }
  static bool IsMapped(const vm::AddressSpace& space, const TraceLayout& layout);

 private:
  std::map<std::string, Region> named_;
  std::map<std::string, vm::PteSlot> traces_;  // By file.
  vm::Vpage map_base_ = kMapBase;              // Maps without an address begin here or above.
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_PROCESS_MAPS_H_
