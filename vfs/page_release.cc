#include "vfs/page_release.h"

namespace vmsim::vfs {

void ReleasePage(vm::VmSystem& vm, vm::FrameIndex frame, bool try_free) {
  const vm::Page& page = vm.pages()[frame];
  const bool last = page.wire_count == 1;
  const bool owned = page.object != vm::kNoObject;
  vm.allocator().Release(frame, vm::QueueId::kInactive, /*noreuse=*/try_free);
  if (!last || !owned) return;
  const bool behind_end = page.pindex >= vm.objects()[page.object].size;
  if (!try_free && !(behind_end && page.valid == 0)) return;
  if (page.mappings != 0 || page.dirty != 0) return;
  if (vm.pages().TryXbusy(frame)) vm.allocator().Free(frame);
}

}  // namespace vmsim::vfs
