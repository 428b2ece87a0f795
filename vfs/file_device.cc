#include "vfs/file_device.h"

#include <algorithm>

#include "sim/disk.h"
#include "vfs/trace_types.h"

namespace vmsim::vfs {

FileDevice::FileDevice(sim::Engine& engine, sim::Trace& trace, FileStats& stats,
                       const Limits& limits)
    : engine_(engine), trace_(trace), stats_(stats), limits_(limits) {
  // Otherwise what falls through the lower mark may leave somebody asleep for ever.
  CHECK_LE(limits.lorunningspace, limits.hirunningspace);
}

uint32_t FileDevice::TakeSlot() {
  const uint32_t index = free_slot_;
  if (index == UINT32_MAX) {
    slots_.emplace_back();
    return static_cast<uint32_t>(slots_.size() - 1);
  }
  free_slot_ = slots_[index].next_free;
  return index;
}

void FileDevice::Submit(const Transfer& transfer, Done done, void* context, uint64_t argument) {
  CHECK_GT(transfer.bytes, 0, "file=", transfer.vnode->name);
  CHECK_NE(transfer.sector, kHole, "file=", transfer.vnode->name);
  const uint32_t index = TakeSlot();
  Slot& slot = slots_[index];
  slot.transfer = transfer;
  slot.done = done;
  slot.context = context;
  slot.argument = argument;
  slot.sequence = sequence_++;
  slot.submitted = engine_.now();
  slot.busy = true;
  slot.tags.clear();
  if (transfer.write) {
    const int64_t sectors = transfer.bytes / kSectorBytes;
    for (int64_t i = 0; i < sectors; ++i) {
      slot.tags.push_back(transfer.vnode->memory.Get(transfer.first_sector + i));
    }
  }
  ++in_flight_;
  if (transfer.running) runningbufspace_ += transfer.bytes;
  trace_.Emit(transfer.write ? trace::kFileWrite : trace::kFileRead, transfer.vnode->id,
              static_cast<uint64_t>(transfer.sector), static_cast<uint64_t>(transfer.bytes));
  transfer.vnode->mount.disk.Submit(
      {.offset = transfer.sector * kSectorBytes,
       .length = transfer.bytes,
       .op = transfer.write ? sim::DiskOp::kWrite : sim::DiskOp::kRead},
      OnDone, this, index);
}

void FileDevice::OnDone(void* context, uint64_t index, int error, int64_t completed_bytes) {
  auto* device = static_cast<FileDevice*>(context);
  Slot& slot = device->slots_[index];
  const Transfer transfer = slot.transfer;
  sim::Disk& disk = transfer.vnode->mount.disk;
  if (transfer.write) device->Store(slot, disk.stored_bytes() / kSectorBytes);
  device->last_queue_ns_ = disk.wait_ns();
  device->last_service_ns_ = device->engine_.now() - slot.submitted - device->last_queue_ns_;
  device->trace_.Emit(transfer.write ? trace::kFileWriteDone : trace::kFileReadDone,
                      transfer.vnode->id, static_cast<uint64_t>(transfer.sector),
                      static_cast<uint64_t>(error));
  if (transfer.running) device->ReleaseRunning(transfer.bytes);
  const Done done = slot.done;
  void* const receiver = slot.context;
  const uint64_t argument = slot.argument;
  slot.busy = false;
  slot.next_free = device->free_slot_;
  device->free_slot_ = static_cast<uint32_t>(index);
  --device->in_flight_;
  done(receiver, argument, error, completed_bytes);
}

// The first `sectors` sectors of a write are on the medium.
void FileDevice::Store(const Slot& slot, int64_t sectors) {
  const int64_t count = std::min<int64_t>(sectors, static_cast<int64_t>(slot.tags.size()));
  for (int64_t i = 0; i < count;) {
    int64_t behind = i + 1;
    while (behind < count && slot.tags[behind] == slot.tags[i]) ++behind;
    slot.transfer.vnode->medium.SetRange(slot.transfer.first_sector + i, behind - i, slot.tags[i]);
    i = behind;
  }
}

// runningbufwakeup: whoever waits is woken when the space falls through the lower mark.
void FileDevice::ReleaseRunning(int64_t bytes) {
  const int64_t before = runningbufspace_;
  runningbufspace_ -= bytes;
  CHECK_GE(runningbufspace_, 0);
  if (before >= limits_.lorunningspace && runningbufspace_ <= limits_.lorunningspace) {
    running_channel_.WakeAll();
  }
}

sim::Task<void> FileDevice::WaitRunningSpace() {
  if (runningbufspace_ <= limits_.hirunningspace) co_return;
  const sim::SimTime start = engine_.now();
  ++stats_.running_waits;
  while (runningbufspace_ > limits_.hirunningspace) {
    co_await running_channel_.Sleep(engine_, sim::kPriorityDaemon, "wdrain");
  }
  stats_.running_wait_ns += engine_.now() - start;
}

CrashOutcome FileDevice::Crash(sim::SplitMix64 random) {
  std::vector<const Slot*> writes;
  for (const Slot& slot : slots_) {
    if (slot.busy && slot.transfer.write) writes.push_back(&slot);
  }
  std::sort(writes.begin(), writes.end(),
            [](const Slot* a, const Slot* b) { return a->sequence < b->sequence; });
  CrashOutcome outcome;
  for (const Slot* slot : writes) {
    // Two draws each: what becomes of one shifts none of the others. A single sector cannot tear.
    const uint64_t sectors = slot->tags.size();
    const uint64_t fate = random.Below(sectors > 1 ? 3 : 2);
    const uint64_t prefix = 1 + random.Below(sectors - 1);
    if (fate == 0 || slot->transfer.vnode->mount.disk.gone()) {
      ++outcome.dropped;
    } else if (fate == 1) {
      ++outcome.kept;
      Store(*slot, static_cast<int64_t>(sectors));
    } else {
      ++outcome.torn;
      Store(*slot, static_cast<int64_t>(prefix));
    }
  }
  trace_.Emit(trace::kCrash, 0, static_cast<uint64_t>(outcome.dropped),
              static_cast<uint64_t>(outcome.kept + outcome.torn));
  return outcome;
}

}  // namespace vmsim::vfs
