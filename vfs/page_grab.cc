#include "vfs/page_grab.h"

namespace vmsim::vfs {
namespace {

// The memory that an allocation has just failed for.
sim::Task<void> WaitForMemory(vm::VmSystem& vm) {
  const sim::SimTime before = vm.engine().now();
  co_await vm.domain().Wait();
  // There may be some again already; but no retry is for nothing.
  if (vm.engine().now() == before) {
    co_await vm.engine().Consume(vm.config().costs.soft_fault_ns);
  }
}

}  // namespace

sim::Task<int> GrabPages(vm::VmSystem& vm, vm::Object& object, vm::Pindex first,
                         std::span<vm::FrameIndex> frames, bool no_wait) {
  const int count = static_cast<int>(frames.size());
  for (int i = 0; i < count;) {
    const vm::Pindex pindex = first + static_cast<vm::Pindex>(i);
    vm::FrameIndex frame = object.Lookup(pindex);
    if (frame == vm::kNoFrame) {
      frame = vm.allocator().Alloc(object, pindex, vm::AllocClass::kNormal);
      if (frame == vm::kNoFrame) {
        if (no_wait) co_return i;
        co_await WaitForMemory(vm);
        continue;
      }
    } else if (!vm.pages().TryXbusy(frame)) {
      if (no_wait) co_return i;
      // So that the page daemon is less likely to take it away meanwhile.
      vm.reclaim().Reference(frame);
      co_await vm.object_ops().BusySleep(frame, "grbmaw");
      continue;
    }
    vm.allocator().Wire(frame);
    frames[i++] = frame;
  }
  co_return count;
}

}  // namespace vmsim::vfs
