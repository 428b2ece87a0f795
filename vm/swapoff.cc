#include "vm/swapoff.h"

#include "sim/errno.h"
#include "sim/wait_channel.h"

namespace vmsim::vm {
namespace {

constexpr int kMaxRounds = 100;
constexpr sim::SimDuration kRoundPause = 50 * sim::kMillisecond;  // hz / 20
constexpr int kReadAhead = 16;

}  // namespace

sim::Task<int> SwapOff::Run(int device, bool force) {
  co_await p_.engine.Consume(costs_.syscall_ns);
  const SwapSpace& space = p_.swap.space();
  if (device < 0 || device >= space.device_count() || !space.device(device).on || running_ >= 0) {
    co_return sim::kEinval;
  }
  if (!space.SwapOffBegun(device)) {
    if (!force && !space.CanSwapOff(device, p_.domain.free_count())) co_return sim::kEnomem;
    p_.swap.BeginSwapOff(device);
  }
  running_ = device;
  const int error = co_await Empty(device);
  running_ = -1;
  if (error == 0) p_.swap.FinishSwapOff(device);
  co_return error;
}

sim::Task<int> SwapOff::Empty(int device) {
  for (int round = 0; round < kMaxRounds; ++round) {
    for (ObjectId id = 0; id < p_.objects.id_limit(); ++id) {
      const bool emptied = co_await EmptyObject(id, device);
      if (!emptied) co_return sim::kEio;
    }
    if (p_.swap.space().device(device).used == 0) co_return 0;
    co_await sim::Pause(p_.engine, kRoundPause, "swpoff");
  }
  co_return sim::kEbusy;
}

// The first page at or behind `from` whose block is on the device, or the object's size.
Pindex SwapOff::NextOn(const Object& object, Pindex from, int device) const {
  Pindex pindex = object.swap.FindLeast(from);
  while (pindex < object.swap.size() &&
         p_.swap.space().Locate(object.swap.Lookup(pindex)).device != device) {
    pindex = object.swap.FindLeast(pindex + 1);
  }
  return pindex;
}

// False: a block could not be read. The object may go while this sleeps.
sim::Task<bool> SwapOff::EmptyObject(ObjectId id, int device) {
  Pindex from = 0;
  while (p_.objects.exists(id)) {
    Object& object = p_.objects[id];
    const Pindex pindex = NextOn(object, from, device);
    if (pindex >= object.swap.size()) co_return true;
    if (object.dead()) {
      // Its end frees what it has; a collapse moves it to another object, for the next round.
      if (object.paging_in_progress == 0) co_return true;
      co_await object.pip_channel.Sleep(p_.engine, sim::kPriorityDaemon, "swpoff");
      co_return true;
    }
    if (pindex >= object.size) {
      // Behind the end after a partial unmap: nobody can ask for it any more.
      p_.swap.FreeRange(object, pindex, 1);
      continue;
    }
    const Step step = co_await BringIn(id, pindex);
    if (step == Step::kError) co_return false;
    from = step == Step::kDone ? pindex + 1 : 0;
  }
  co_return true;
}

// Makes the page resident and dirty and frees its block.
sim::Task<SwapOff::Step> SwapOff::BringIn(ObjectId id, Pindex pindex) {
  Object& object = p_.objects[id];
  FrameIndex frame = object.Lookup(pindex);
  if (frame == kNoFrame) {
    frame = p_.allocator.Alloc(object, pindex, AllocClass::kNormal);
    if (frame == kNoFrame) {
      const sim::SimTime start = p_.engine.now();
      co_await p_.domain.Wait();
      if (p_.engine.now() == start) co_await p_.engine.Consume(costs_.syscall_ns);
      co_return Step::kAgain;
    }
  } else if (!p_.pages.TryXbusy(frame)) {
    co_await p_.object_ops.BusySleep(frame, "swpoff");
    co_return Step::kAgain;
  }
  if (!p_.pages[frame].fully_valid()) {
    object.PipAdd();
    int behind = 0;
    int ahead = kReadAhead;
    const FrameIndex request[] = {frame};
    const PagerResult result = co_await object.pager->GetPages(object, request, &behind, &ahead);
    if (result != PagerResult::kOk) {
      p_.allocator.Free(frame);
      object.PipWakeup();
      // No block any more: somebody else was faster.
      co_return result == PagerResult::kFail ? Step::kAgain : Step::kError;
    }
    ForceDirty(frame);
    object.PipWakeup();
    co_return Step::kDone;
  }
  co_await p_.engine.Consume(costs_.page_scan_ns);
  ForceDirty(frame);
  co_return Step::kDone;
}

// swp_pager_force_dirty. Requires: busied, fully valid.
void SwapOff::ForceDirty(FrameIndex frame) {
  p_.allocator.Dirty(frame);
  p_.allocator.ReleaseStaleSwap(frame);
  if (!p_.pages[frame].wired()) reclaim_->Launder(frame);
  p_.pages.Xunbusy(frame);
}

}  // namespace vmsim::vm
