// Where a fault's page comes from: memory, the pager, zeros.
#include <algorithm>

#include "vm/fault.h"

namespace vmsim::vm {

// What of the page is in `object` (vm_fault_object).
FaultHandler::Step FaultHandler::Look(State& fs) {
  Object& object = *fs.object;
  const bool inside = fs.pindex < object.size;
  if (object.dead()) {
    fs.m = kNoFrame;
    return Step::kDead;
  }
  fs.m = inside ? object.Lookup(fs.pindex) : kNoFrame;
  if (fs.m != kNoFrame) {
    if (!p_.pages.TryXbusy(fs.m)) return Step::kBusy;
    if (p_.pages[fs.m].fully_valid()) return Step::kFound;
  }
  const bool ask = NeedsGetPages(object);
  if (fs.m == kNoFrame && (ask || fs.object == fs.first_object)) {
    if (!inside) return Step::kOutOfBounds;
    if (!Allocate(fs)) return Step::kNoMemory;
  }
  return ask ? Step::kAskPager : Step::kNotHere;
}

bool FaultHandler::Allocate(State& fs) {
  if (p_.domain.severe_set() && !fs.space.killed) return false;
  const AllocClass alloc_class = fs.space.killed ? AllocClass::kSystem : AllocClass::kNormal;
  fs.m = p_.allocator.Alloc(*fs.object, fs.pindex, alloc_class);
  return fs.m != kNoFrame;
}

bool FaultHandler::NeedsGetPages(const Object& object) const {
  if (revision_.default_objects) return object.type != ObjectType::kDefault;
  return object.type != ObjectType::kSwap || !object.swap.empty();
}

// How much to ask of the pager. A killed process shall not spend time and pages on neighbours.
void FaultHandler::ChooseWindow(State& fs) {
  fs.behind = fs.ahead = 0;
  if (fs.space.killed) return;
  if (fs.nera < 0) {
    const ReadAhead::Choice choice = read_ahead_.Choose(*fs.entry, *fs.first_object, fs.vpage);
    fs.nera = choice.pages;
    read_ahead_.Drop(*fs.entry, *fs.first_object, choice.drop_start, choice.drop_end, *reclaim_);
  }
  const ReadAhead::Window window = read_ahead_.WindowOf(*fs.entry, fs.vpage, fs.pindex, fs.nera);
  fs.behind = window.behind;
  fs.ahead = window.ahead;
}

// Whether the fault holds the lock of the file that it is going to read.
bool FaultHandler::LockVnode(State& fs) {
  if (fs.locked == fs.object) return true;
  UnlockVnode(fs);  // The address may lead to another file than before the wait for the lock.
  if (!fs.object->pager->TryLockForFault(*fs.object)) return false;
  fs.object->PipAdd();
  fs.locked = fs.object;
  return true;
}

void FaultHandler::UnlockVnode(State& fs) {
  if (fs.locked == nullptr) return;
  fs.locked->pager->UnlockAfterFault(*fs.locked);
  fs.locked->PipWakeup();
  fs.locked = nullptr;
}

// Somebody has the file locked: lets go of everything else and queues for the lock, which the fault
// has when it starts again. The paging count keeps the object.
sim::Task<void> FaultHandler::WaitForVnode(State& fs) {
  Object& object = *fs.object;
  object.PipAdd();
  FreeOrUnbusy(fs.m);
  fs.m = kNoFrame;
  Abandon(fs);
  const sim::SimTime start = p_.engine.now();
  co_await object.pager->WaitLockForFault(object);
  fs.waits[WaitCause::kVnodeLock] += p_.engine.now() - start;
  fs.locked = &object;
}

sim::Task<FaultHandler::Step> FaultHandler::AskPager(State& fs) {
  const bool swapped = fs.object->type != ObjectType::kVnode;
  if (!swapped && !LockVnode(fs)) co_return Step::kVnodeLocked;
  ChooseWindow(fs);
  co_await p_.engine.Consume(
      std::max<sim::SimDuration>(costs_.hard_fault_ns - costs_.soft_fault_ns, 0));
  const FrameIndex request[] = {fs.m};
  Pager* pager = fs.object->pager;
  const PagerResult result = co_await pager->GetPages(*fs.object, request, &fs.behind, &fs.ahead);
  if (result == PagerResult::kFail) co_return Step::kNotHere;
  const ReadTimes times = pager->last_read();
  fs.waits[WaitCause::kDiskQueue] += times.queue_ns;
  fs.waits[WaitCause::kDiskService] += times.service_ns;
  if (result != PagerResult::kOk) {
    FreeOrUnbusy(fs.m);
    fs.m = kNoFrame;
    co_return Step::kOutOfBounds;
  }
  fs.kind = FaultKind::kHard;
  fs.faultcount = fs.behind + 1 + fs.ahead;
  if (swapped) ++p_.counters.refaults;
  co_return Step::kFound;
}

// `object` has it not: on to the one below (vm_fault_next).
FaultHandler::Step FaultHandler::Descend(State& fs) {
  Object& object = *fs.object;
  if (fs.object == fs.first_object) {
    fs.first_m = fs.m;
  } else if (fs.m != kNoFrame) {
    FreeOrUnbusy(fs.m);
  }
  fs.m = kNoFrame;
  if (object.backing != kNoObject) {
    Object& next = p_.objects[object.backing];
    next.PipAdd();
    fs.pindex += object.backing_offset;
    if (fs.object != fs.first_object) object.PipWakeup();
    fs.object = &next;
    return Step::kLook;
  }
  if (fs.object != fs.first_object) object.PipWakeup();
  fs.object = fs.first_object;
  fs.pindex = fs.first_pindex;
  fs.m = fs.first_m;
  fs.first_m = kNoFrame;
  return Step::kZeroFill;
}

void FaultHandler::ZeroFill(State& fs) {
  fs.kind = FaultKind::kZero;
  fs.faultcount = 1;
  p_.pages[fs.m].valid = kPageBitsAll;
  ++p_.counters.v_zfod;
}

// Gets rid of a page that is of no use, unless it is wired.
void FaultHandler::FreeOrUnbusy(FrameIndex frame) {
  if (p_.pages[frame].wired()) {
    p_.pages.Xunbusy(frame);
  } else {
    p_.allocator.Free(frame);
  }
}

}  // namespace vmsim::vm
