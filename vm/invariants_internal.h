// vm/invariants_internal.h: for the files that hold the invariants, one theme each.
#ifndef VMSIM_VM_INVARIANTS_INTERNAL_H_
#define VMSIM_VM_INVARIANTS_INTERNAL_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "vm/invariants.h"

namespace vmsim::vm {

std::span<const Invariant> QueueInvariants();
std::span<const Invariant> PageInvariants();
std::span<const Invariant> ObjectInvariants();
std::span<const Invariant> MapInvariants();
std::span<const Invariant> DaemonInvariants();
std::span<const Invariant> SwapInvariants();
std::span<const Invariant> TransferInvariants();

// Whether no swap I/O is under way and every thread has ended or sleeps where it holds nothing.
// False also where that cannot be known, for want of an engine.
bool AtRest(const VmState& state);

// "frame 7 (object 2 pindex 5, queue active, ...)".
std::string DescribePage(const PageArray& pages, FrameIndex frame);

inline bool Freed(const Page& page) { return (page.busy & ~kBusyWaiters) == kBusyFreed; }

// The object of that id, or null if there is none.
inline const Object* FindObject(const VmState& state, ObjectId id) {
  return id < state.objects->id_limit() && state.objects->exists(id) ? &(*state.objects)[id]
                                                                     : nullptr;
}

// Describes the first page of which `broken(page, frame)` is true, and what was expected of it.
template <typename Broken>
std::string NoPage(const PageArray& pages, absl::string_view expected, Broken broken) {
  for (FrameIndex frame = 0; frame < pages.frames(); ++frame) {
    if (broken(pages[frame], frame)) {
      return absl::StrCat(DescribePage(pages, frame), ": expected ", expected);
    }
  }
  return {};
}

// The first text that `check(object)` gives which is not empty.
template <typename Check>
std::string EachObject(const VmState& state, Check check) {
  for (ObjectId id = 0; id < state.objects->id_limit(); ++id) {
    if (!state.objects->exists(id)) continue;
    std::string broken = check((*state.objects)[id]);
    if (!broken.empty()) return broken;
  }
  return {};
}

// The same for check(process, entry).
template <typename Check>
std::string EachEntry(const VmState& state, Check check) {
  for (const auto& process : *state.processes) {
    for (const MapEntry& entry : process->space.entries()) {
      std::string broken = check(*process, entry);
      if (!broken.empty()) return broken;
    }
  }
  return {};
}

}  // namespace vmsim::vm

#endif  // VMSIM_VM_INVARIANTS_INTERNAL_H_
