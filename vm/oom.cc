#include "vm/oom.h"

namespace vmsim::vm {
namespace {
constexpr int kInitPid = 1;
constexpr int kLowPid = 48;  // Spared while swap is available.
}  // namespace

int64_t SwapCount(const AddressSpace& space, const ObjectTable& objects) {
  int64_t count = 0;
  for (const MapEntry& entry : space.entries()) {
    if (entry.object == kNoObject) continue;
    const Pindex end = entry.offset + static_cast<Pindex>(entry.pages());
    const Pindex first = (entry.offset + kSwapMetaPages - 1) / kSwapMetaPages * kSwapMetaPages;
    objects[entry.object].swap.ForEach(
        [&](Pindex pindex, SwapBlock) { count += pindex >= first && pindex < end; });
  }
  return count;
}

int64_t ResidentCount(const AddressSpace& space, const ObjectTable& objects) {
  int64_t count = 0;
  for (const MapEntry& entry : space.entries()) {
    if (entry.object == kNoObject) continue;
    const Object& object = objects[entry.object];
    // Others would still have it all if this process went.
    if (entry.needs_copy && object.ref_count != 1) continue;
    count += object.resident_page_count;
  }
  return count;
}

OomKiller::Choice OomKiller::Choose(OomReason reason, sim::SimTime now, bool swap_available) {
  if (reason == OomReason::kMemPf && ever_ &&
      (now - last_) / sim::kSecond < tunables_.oom_pf_secs) {
    return {};
  }
  ever_ = true;
  last_ = now;
  Choice choice;
  for (const auto& process : processes_) {
    if (process->protect || process->exiting || process->exited || process->killed()) continue;
    if (process->pid == kInitPid || (process->pid < kLowPid && swap_available)) continue;
    int64_t size = SwapCount(process->space, objects_);
    if (reason != OomReason::kSwapZone) size += ResidentCount(process->space, objects_);
    // A process without memory is never worth it.
    if (size <= choice.size_pages) continue;
    choice = {process.get(), size};
  }
  return choice;
}

}  // namespace vmsim::vm
