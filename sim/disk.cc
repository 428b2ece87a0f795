#include "sim/disk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/check.h"
#include "sim/disk_limits.h"
#include "sim/trace_types.h"

namespace vmsim::sim {
namespace {

constexpr int64_t kMaxIoBytes = int64_t{64} << 20;
constexpr int64_t kMaxQueueDepth = 65536;
constexpr size_t kMaxFaultRules = 1000;
constexpr int64_t kMaxChildren = 65536;
// What a full device may still have to do: some three years, far inside SimTime.
constexpr int64_t kMaxBacklogNs = 100'000'000 * kSecond;

absl::Status CheckSectors(std::string_view field, int64_t bytes) {
  if (bytes % kSectorBytes == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(absl::string_view(field.data(), field.size()),
                                                 ": ", bytes, " is not a multiple of ",
                                                 kSectorBytes));
}

int Depth(const DiskConfig& config, const DiskModel& model) {
  return config.queue_depth == 0 ? model.parallelism() : static_cast<int>(config.queue_depth);
}

absl::Status CheckModel(const DiskConfig& config, const DiskModel& model) {
  if (config.size_bytes > model.capacity_bytes()) {
    return absl::InvalidArgumentError(absl::StrCat("size_bytes: ", config.size_bytes,
                                                   " is more than the ", model.capacity_bytes(),
                                                   " bytes that the model's geometry has"));
  }
  const __int128 backlog =
      static_cast<__int128>(model.WorstCase(config.max_io_bytes)) * Depth(config, model);
  if (backlog > kMaxBacklogNs) {
    return absl::InvalidArgumentError(
        absl::StrCat("queue_depth: ", Depth(config, model), " requests of ", config.max_io_bytes,
                     " bytes could take the device more than ", kMaxBacklogNs,
                     " ns; lower queue_depth, max_io_bytes or the model's times"));
  }
  return absl::OkStatus();
}

// Everything but the model.
absl::Status CheckFields(const DiskConfig& config) {
  absl::Status status;
  const auto check = [&status](const absl::Status& next) {
    if (status.ok()) status = next;
  };
  if (config.name.empty()) check(absl::InvalidArgumentError("name: must not be empty"));
  check(CheckRange("size_bytes", config.size_bytes, kSectorBytes, int64_t{1} << 60));
  check(CheckSectors("size_bytes", config.size_bytes));
  check(CheckRange("max_io_bytes", config.max_io_bytes, kSectorBytes, kMaxIoBytes));
  check(CheckSectors("max_io_bytes", config.max_io_bytes));
  check(CheckRange("queue_depth", config.queue_depth, 0, kMaxQueueDepth));
  check(CheckRange("batchsize", config.batchsize, -1, INT32_MAX));
  check(CheckRange("faults", static_cast<int64_t>(config.faults.size()), 0, kMaxFaultRules));
  for (size_t i = 0; i < config.faults.size() && status.ok(); ++i) {
    check(ValidateDiskFault(config.faults[i], i));
  }
  return status;
}

}  // namespace

absl::Status ValidateDisk(const DiskConfig& config) {
  absl::Status status = CheckFields(config);
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<DiskModel>> model = MakeDiskModel(config.model);
  if (!model.ok()) return model.status();
  return CheckModel(config, **model);
}

absl::StatusOr<std::unique_ptr<Disk>> Disk::Create(const DiskConfig& config, uint32_t id,
                                                   uint64_t run_seed, EventQueue& events,
                                                   Trace* trace) {
  absl::Status status = ValidateDisk(config);
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<DiskModel>> model = MakeDiskModel(config.model);
  if (!model.ok()) return model.status();
  return std::unique_ptr<Disk>(new Disk(config, id, run_seed, events, trace, *std::move(model)));
}

Disk::Disk(const DiskConfig& config, uint32_t id, uint64_t run_seed, EventQueue& events,
           Trace* trace, std::unique_ptr<DiskModel> model)
    : config_(config),
      id_(id),
      events_(events),
      trace_(trace),
      model_(std::move(model)),
      depth_(Depth(config, *model_)),
      queue_(static_cast<int>(config.batchsize)),
      faults_(config.faults, run_seed, config.name, trace, id),
      accounted_(events.now()) {}

void Disk::Submit(const DiskRequest& request, DiskCallback done, void* context, uint64_t argument) {
  CHECK_GE(request.length, 0, "disk ", config_.name);
  CHECK(done != nullptr);
  Account();
  const uint32_t slot = TakeSlot();
  Slot& s = slots_[slot];
  s.request = request;
  s.done = done;
  s.context = context;
  s.argument = argument;
  s.submitted = events_.now();

  const int error = Check(s.request);
  if (error != kDiskOk || (IsDataOp(s.request.op) && s.request.length == 0)) {
    Refuse(slot, error);
  } else if (IsTooLong(s.request)) {
    Split(slot);
  } else if (Admit(slot)) {
    Enqueue(slot);
  } else {
    Refuse(slot, kDiskEnomem);
  }
  EnterDevice();
}

// The errno that the request ends with before it reaches the device, or 0; cuts it at the device's
// end.
int Disk::Check(DiskRequest& request) const {
  if (gone_) return kDiskEnxio;
  if (!model_->Supports(request.op)) return kDiskEopnotsupp;
  if (!IsDataOp(request.op)) return kDiskOk;
  if (request.offset % kSectorBytes != 0 || request.length % kSectorBytes != 0) {
    return kDiskEinval;
  }
  if (request.offset < 0 || request.offset > config_.size_bytes) return kDiskEio;
  request.length = std::min(request.length, config_.size_bytes - request.offset);
  const bool too_many = IsTooLong(request) && request.length > kMaxChildren * config_.max_io_bytes;
  return too_many ? kDiskEinval : kDiskOk;
}

// Trims move no data, so their length does not matter.
bool Disk::IsTooLong(const DiskRequest& request) const {
  return (request.op == DiskOp::kRead || request.op == DiskOp::kWrite) &&
         request.length > config_.max_io_bytes;
}

// Lets the faults judge the request. Returns false if there is no memory for it.
bool Disk::Admit(uint32_t slot) {
  Slot& s = slots_[slot];
  const DiskRequest& r = s.request;
  if (trace_ != nullptr) {
    const bool has_range = IsDataOp(r.op);
    trace_->Emit(trace::kDiskSubmit + static_cast<uint16_t>(r.op), id_,
                 has_range ? static_cast<uint64_t>(r.offset) : 0,
                 has_range ? static_cast<uint64_t>(r.length) : 0);
  }
  s.completed = r.length;
  s.stored = r.op == DiskOp::kWrite ? r.length : 0;
  const uint64_t number = next_number_++;
  if (faults_.empty()) return true;
  const DiskVerdict verdict = faults_.Judge(number, events_.now(), r);
  if (verdict.no_memory) return false;
  if (verdict.gone) GoAway();
  s.completed = verdict.completed;
  s.stored = verdict.stored;
  s.delay = verdict.delay;
  s.error = verdict.error;
  return true;
}

// g_disk_start: all children at once. No memory for one of them ends the cutting; the parent fails,
// but only once those already under way have completed.
void Disk::Split(uint32_t parent) {
  ++stats_.split;
  const DiskRequest whole = slots_[parent].request;
  slots_[parent].stored = whole.op == DiskOp::kWrite ? whole.length : 0;
  int64_t done = 0;
  while (done < whole.length) {
    DiskRequest part = whole;
    part.offset = whole.offset + done;
    part.length = std::min(config_.max_io_bytes, whole.length - done);
    const uint32_t child = NewChild(parent, part);
    if (!Admit(child)) {
      FreeSlot(child);
      Slot& p = slots_[parent];
      p.error = kDiskEnomem;
      p.stored = std::min(p.stored, done);
      break;
    }
    ++slots_[parent].children;
    Enqueue(child);
    done += part.length;
  }
  if (slots_[parent].children == 0) Refuse(parent, kDiskEnomem);
}

uint32_t Disk::NewChild(uint32_t parent, const DiskRequest& request) {
  const uint32_t child = TakeSlot();
  Slot& s = slots_[child];
  s.request = request;
  s.parent = parent;
  s.submitted = slots_[parent].submitted;
  return child;
}

void Disk::Enqueue(uint32_t slot) {
  if (gone_) {
    Refuse(slot, kDiskEnxio);
    return;
  }
  const DiskRequest& request = slots_[slot].request;
  if (config_.scheduler == DiskScheduler::kElevator) {
    queue_.Disksort(slot, request);
  } else {
    queue_.InsertTail(slot, request);
  }
  stats_.max_queue_length = std::max(stats_.max_queue_length, pending());
}

// Moves requests from the queue into the device while it takes them.
void Disk::EnterDevice() {
  while (!queue_.empty() && in_device_ < depth_ && !ordered_inside_) {
    const bool ordered = slots_[queue_.First()].request.ordered;
    if (ordered && in_device_ > 0) return;
    ordered_inside_ = ordered;
    Start(queue_.Takefirst());
  }
}

void Disk::Start(uint32_t slot) {
  Slot& s = slots_[slot];
  s.entered = events_.now();
  ++in_device_;
  ++stats_.started[static_cast<size_t>(s.request.op)];
  stats_.wait_ns.Record(s.entered - s.submitted);
  const SimTime done = model_->Start(s.entered, s.request) + s.delay;
  events_.Schedule(
      done, EventClass::kDevice,
      [](void* disk, uint64_t argument) {
        static_cast<Disk*>(disk)->OnDone(static_cast<uint32_t>(argument));
      },
      this, slot);
}

// Ends a request that is not in the device: at this instant, but not before Submit has returned.
void Disk::Refuse(uint32_t slot, int error) {
  Slot& s = slots_[slot];
  s.error = error;
  s.completed = 0;
  s.stored = 0;
  ++stats_.refused;
  events_.Schedule(
      events_.now(), EventClass::kDevice,
      [](void* disk, uint64_t argument) {
        static_cast<Disk*>(disk)->Finish(static_cast<uint32_t>(argument));
      },
      this, slot);
}

// What is queued fails now, what is inside when it would have completed.
void Disk::GoAway() {
  gone_ = true;
  queue_.Flush([this](uint32_t slot) { Refuse(slot, kDiskEnxio); });
}

void Disk::OnDone(uint32_t slot) {
  Account();
  --in_device_;
  ordered_inside_ = false;
  Slot& s = slots_[slot];
  if (gone_) {
    s.error = kDiskEnxio;
    s.completed = 0;
    s.stored = 0;
  }
  CountDone(s);
  // Before the callback, which may submit: what waits goes first, as from an interrupt handler.
  EnterDevice();
  Finish(slot);
}

void Disk::CountDone(const Slot& slot) {
  stats_.service_ns.Record(events_.now() - slot.entered);
  if (slot.error != kDiskOk) ++stats_.errors;
  switch (slot.request.op) {
    case DiskOp::kRead:
      stats_.read_bytes += slot.completed;
      break;
    case DiskOp::kWrite:
      stats_.write_bytes += slot.completed;
      break;
    case DiskOp::kDelete:
      stats_.delete_bytes += slot.completed;
      break;
    default:
      break;
  }
}

// Nothing may follow in a caller: the callback may submit, and slots_ may move.
void Disk::Finish(uint32_t slot) {
  const Slot& s = slots_[slot];
  if (trace_ != nullptr) {
    trace_->Emit(trace::kDiskDone, id_, static_cast<uint64_t>(s.request.offset),
                 static_cast<uint64_t>(s.error));
  }
  const uint32_t parent = s.parent;
  if (parent == kNoSlot) {
    Deliver(slot);
  } else if (FinishChild(slot)) {
    Deliver(parent);
  }
}

// g_disk_done. Returns whether this was the last child of its parent.
bool Disk::FinishChild(uint32_t child) {
  const Slot& c = slots_[child];
  Slot& parent = slots_[c.parent];
  if (parent.error == kDiskOk) parent.error = c.error;
  parent.completed += c.completed;
  if (c.request.op == DiskOp::kWrite && c.stored < c.request.length) {
    parent.stored = std::min(parent.stored, c.request.offset - parent.request.offset + c.stored);
  }
  FreeSlot(child);
  // A parent waited until the first of its children entered.
  if (parent.entered == 0) parent.entered = slots_[child].entered;
  return --parent.children == 0;
}

void Disk::Deliver(uint32_t slot) {
  const Slot s = slots_[slot];
  FreeSlot(slot);
  stored_bytes_ = s.stored;
  wait_ns_ = std::max<SimDuration>(s.entered - s.submitted, 0);
  s.done(s.context, s.argument, s.error, s.completed);
}

void Disk::Account() {
  const SimDuration elapsed = events_.now() - accounted_;
  accounted_ = events_.now();
  if (in_device_ > 0) stats_.busy_ns += elapsed;
  stats_.queue_ns += elapsed * pending();
}

const DiskStats& Disk::stats() {
  Account();
  return stats_;
}

uint32_t Disk::TakeSlot() {
  if (free_slot_ == kNoSlot) {
    CHECK_LT(slots_.size(), size_t{kNoSlot});
    slots_.emplace_back();
    return static_cast<uint32_t>(slots_.size() - 1);
  }
  const uint32_t slot = free_slot_;
  free_slot_ = slots_[slot].next_free;
  --free_slots_;
  slots_[slot] = Slot();
  return slot;
}

void Disk::FreeSlot(uint32_t slot) {
  slots_[slot].next_free = free_slot_;
  free_slot_ = slot;
  ++free_slots_;
}

std::string Disk::Inconsistency() const {
  if (std::string queue = queue_.Inconsistency(); !queue.empty()) return queue;
  const int64_t used = static_cast<int64_t>(slots_.size()) - free_slots_;
  if (in_device_ >= 0 && in_device_ <= depth_ && (!ordered_inside_ || in_device_ == 1) &&
      used >= pending()) {
    return {};
  }
  return absl::StrCat(in_device_, " requests inside, depth ", depth_,
                      ordered_inside_ ? ", one of them ordered; " : "; ", queue_.total(),
                      " queued, slots in use ", used);
}

}  // namespace vmsim::sim
