// sim/disk.h: one simulated disk: requests in, completions out.
//
//     Submit --> split at max_io_bytes --> queue (elevator or FIFO) --> device (depth) --> callback
//                    parent <------------- children complete -----------------'
//
// Submit never calls back before it returns: every completion, of a refused request too, is a
// device event. Completions of one instant come in the order in which their requests entered the
// device.
//
// A read or write longer than max_io_bytes is cut into children of that size (the last one
// shorter), queued in ascending order at once. The parent completes when all have: its error is the
// first that a child reported, in order of completion, its bytes are the sum. Requests are never
// merged.
//
// Refused without reaching the device: EINVAL for an offset or length that is not whole sectors,
// EIO for one that begins before the device or past its end, EOPNOTSUPP for a command that the
// device does not have, ENOMEM and ENXIO by injected fault (sim/disk_faults.h). What reaches over
// the end of the device is cut there; nothing left completes with 0 bytes and no error.
//
// An ordered request waits in the queue until the device is empty, and nothing follows it in before
// it completes: what an ordered tag asks of a SCSI device.
//
// Model: FreeBSD sys/geom/geom_io.c (g_io_check), geom_disk.c (g_disk_start, g_disk_limit,
// g_disk_done), sys/kern/subr_disk.c. A request costs a slot of a pool and one event.
#ifndef VMSIM_SIM_DISK_H_
#define VMSIM_SIM_DISK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/bioq.h"
#include "sim/disk_faults.h"
#include "sim/disk_model.h"
#include "sim/disk_request.h"
#include "sim/event_queue.h"
#include "sim/histogram.h"
#include "sim/time.h"
#include "sim/trace.h"

namespace vmsim::sim {

// Called once per request. `error` is a kDiskE... or 0; with an error, `completed_bytes` may still
// be positive for a request that was split. May submit.
using DiskCallback = void (*)(void* context, uint64_t argument, int error, int64_t completed_bytes);

enum class DiskScheduler : uint8_t { kElevator, kFifo };

struct DiskConfig {
  std::string name = "disk0";  // Names its random streams: unique in a machine.
  int64_t size_bytes = 0;      // Whole sectors; at most what the model has room for.
  DiskModelConfig model = SsdDiskConfig{};
  DiskScheduler scheduler = DiskScheduler::kElevator;
  int64_t batchsize = Bioq::kDefaultBatchsize;  // Of the elevator; 0 or less: none.
  int64_t queue_depth = 0;                      // Requests inside the device; 0: as the model says.
  int64_t max_io_bytes = 1 << 20;               // maxphys of 64-bit machines.
  std::vector<DiskFaultRule> faults;
};

// InvalidArgument that names the field, the value and the fix.
absl::Status ValidateDisk(const DiskConfig& config);

// Counts what the device did, child by child, as devstat does.
struct DiskStats {
  std::array<int64_t, 16> started{};  // Requests that entered the device, by number of DiskOp.
  int64_t read_bytes = 0;             // Completed, as reported.
  int64_t write_bytes = 0;
  int64_t delete_bytes = 0;
  int64_t errors = 0;       // Requests that the device ended with an error.
  int64_t refused = 0;      // Requests that never reached it, errors or not.
  int64_t split = 0;        // Parents.
  SimDuration busy_ns = 0;  // Time with at least one request inside.
  int64_t queue_ns = 0;     // Sum over time of the requests queued or inside: mean length * time.
  int64_t max_queue_length = 0;  // The largest number queued or inside.
  Histogram wait_ns;             // From submission to entering the device.
  Histogram service_ns;          // From there to completion.

  int64_t reads() const { return started[static_cast<size_t>(DiskOp::kRead)]; }
  int64_t writes() const { return started[static_cast<size_t>(DiskOp::kWrite)]; }
};

class Disk {
 public:
  // `events` and `trace` (which may be null) must outlive the disk, and once the disk is gone no
  // event may be run that was pending before. `id` is the actor of trace records.
  static absl::StatusOr<std::unique_ptr<Disk>> Create(const DiskConfig& config, uint32_t id,
                                                      uint64_t run_seed, EventQueue& events,
                                                      Trace* trace);
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // Starts an I/O; done(context, argument, error, completed_bytes) will be called once.
  // Requires: length >= 0 and done != nullptr.
  void Submit(const DiskRequest& request, DiskCallback done, void* context, uint64_t argument);

  // During a completion callback: how many bytes of the write that it is about are on the medium,
  // as a prefix. Less than completed_bytes after a torn write; 0 for other commands.
  int64_t stored_bytes() const { return stored_bytes_; }
  // Likewise: how long it waited in the queue before it entered the device.
  SimDuration wait_ns() const { return wait_ns_; }

  uint32_t id() const { return id_; }
  const std::string& name() const { return config_.name; }
  int64_t size_bytes() const { return config_.size_bytes; }
  const DiskConfig& config() const { return config_; }
  int queue_depth() const { return depth_; }
  bool gone() const { return gone_; }

  // Requests waiting for the device, and inside it.
  int64_t queued() const { return queue_.total(); }
  int64_t in_device() const { return in_device_; }
  // Brought up to the present.
  const DiskStats& stats();
  const DiskFaults& faults() const { return faults_; }

  // Empty if nothing is lost between pool, queue and device, or else what is. Walks the queue.
  std::string Inconsistency() const;

 private:
  friend struct DiskTestPeer;  // Plants defects.

  static constexpr uint32_t kNoSlot = UINT32_MAX;

  // A request: a child, a parent, or one that is neither (its own child, without a parent).
  struct Slot {
    DiskRequest request;
    DiskCallback done = nullptr;
    void* context = nullptr;
    uint64_t argument = 0;
    SimTime submitted = 0;
    SimTime entered = 0;
    SimDuration delay = 0;
    int64_t completed = 0;
    int64_t stored = 0;
    int error = kDiskOk;
    uint32_t parent = kNoSlot;
    uint32_t children = 0;  // Of a parent: not completed yet.
    uint32_t next_free = kNoSlot;
  };

  Disk(const DiskConfig& config, uint32_t id, uint64_t run_seed, EventQueue& events, Trace* trace,
       std::unique_ptr<DiskModel> model);

  int Check(DiskRequest& request) const;
  bool IsTooLong(const DiskRequest& request) const;
  bool Admit(uint32_t slot);
  void Split(uint32_t parent);
  uint32_t NewChild(uint32_t parent, const DiskRequest& request);
  void Enqueue(uint32_t slot);
  void EnterDevice();
  void Start(uint32_t slot);
  void Refuse(uint32_t slot, int error);
  void GoAway();
  void OnDone(uint32_t slot);
  void Finish(uint32_t slot);
  bool FinishChild(uint32_t child);
  void Deliver(uint32_t slot);
  void Account();
  void CountDone(const Slot& slot);

  uint32_t TakeSlot();
  void FreeSlot(uint32_t slot);
  int64_t pending() const { return queue_.total() + in_device_; }

  DiskConfig config_;
  uint32_t id_;
  EventQueue& events_;
  Trace* trace_;
  std::unique_ptr<DiskModel> model_;
  int depth_;
  Bioq queue_;
  DiskFaults faults_;
  std::vector<Slot> slots_;
  uint32_t free_slot_ = kNoSlot;
  int64_t free_slots_ = 0;
  int64_t in_device_ = 0;
  bool ordered_inside_ = false;  // The one request inside is ordered: nothing may follow it in.
  bool gone_ = false;
  uint64_t next_number_ = 0;  // Of the next request that faults judge.
  int64_t stored_bytes_ = 0;
  SimDuration wait_ns_ = 0;
  SimTime accounted_ = 0;  // stats_ holds up to here.
  DiskStats stats_;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_DISK_H_
