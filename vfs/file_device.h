// vfs/file_device.h: transfers between files and their disks, and what a crash leaves of them.
//
//     buffers, vnode pager --> Submit --> sim::Disk --> medium's tags --> callback
//
// A write takes the tags of the sectors that it carries when it is submitted, and puts them on the
// medium when it completes, or as many of them as the disk stored. Until then it is in flight: a
// crash finds it dropped, done, or torn somewhere in between. A completed write is durable: caches
// of disks are taken to survive.
//
// Space in running I/O is what limits writers that do not wait for their writes: who has started an
// asynchronous write while more than hirunningspace bytes are under way sleeps until they have
// fallen to lorunningspace.
//
// Model: FreeBSD sys/kern/vfs_bio.c (waitrunningbufspace, runningbufwakeup, bufinit).
#ifndef VMSIM_VFS_FILE_DEVICE_H_
#define VMSIM_VFS_FILE_DEVICE_H_

#include <cstdint>
#include <vector>

#include "sim/engine.h"
#include "sim/random.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "sim/wait_channel.h"
#include "vfs/file_stats.h"
#include "vfs/vnode.h"

namespace vmsim::vfs {

struct Transfer {
  Vnode* vnode = nullptr;
  int64_t first_sector = 0;  // Of the file.
  Daddr sector = 0;          // Of the disk.
  int64_t bytes = 0;         // Whole sectors, consecutive in both.
  bool write = false;
  bool running = false;  // Counts as running I/O.
};

// What became of the writes that a crash found in flight.
struct CrashOutcome {
  int64_t dropped = 0;
  int64_t kept = 0;
  int64_t torn = 0;
};

class FileDevice {
 public:
  struct Limits {
    int64_t hirunningspace = 1 << 20;  // Bytes.
    int64_t lorunningspace = 704 << 10;
  };
  using Done = void (*)(void* context, uint64_t argument, int error, int64_t completed_bytes);

  FileDevice(sim::Engine& engine, sim::Trace& trace, FileStats& stats, const Limits& limits);

  // Starts a transfer. done(context, argument, error, completed_bytes) is called once, in a device
  // event, when the medium has changed already.
  void Submit(const Transfer& transfer, Done done, void* context, uint64_t argument);

  // waitrunningbufspace.
  sim::Task<void> WaitRunningSpace();
  int64_t runningbufspace() const { return runningbufspace_; }
  const Limits& limits() const { return limits_; }

  // Power fails now: settles every write in flight as `random` decides, in the order in which they
  // were submitted. No event may run afterwards.
  CrashOutcome Crash(sim::SplitMix64 random);

  int in_flight() const { return in_flight_; }
  // Calls visit(const Transfer&) for each transfer under way.
  template <typename Visit>
  void ForEachInFlight(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.busy) visit(slot.transfer);
    }
  }
  // How long the transfer whose callback runs, or ran last, waited in the disk's queue, and how long
  // it took from then on.
  sim::SimDuration last_queue_ns() const { return last_queue_ns_; }
  sim::SimDuration last_service_ns() const { return last_service_ns_; }

 private:
  friend struct VfsInvariantsTestPeer;

  struct Slot {
    Transfer transfer;
    Done done = nullptr;
    void* context = nullptr;
    uint64_t argument = 0;
    uint64_t sequence = 0;
    sim::SimTime submitted = 0;
    std::vector<Tag> tags;  // Of a write, by sector.
    bool busy = false;
    uint32_t next_free = UINT32_MAX;
  };

  uint32_t TakeSlot();
  static void OnDone(void* context, uint64_t slot, int error, int64_t completed_bytes);
  void Store(const Slot& slot, int64_t sectors);
  void ReleaseRunning(int64_t bytes);

  sim::Engine& engine_;
  sim::Trace& trace_;
  FileStats& stats_;
  Limits limits_;
  int64_t runningbufspace_ = 0;
  sim::WaitChannel running_channel_;  // "wdrain"
  std::vector<Slot> slots_;
  uint32_t free_slot_ = UINT32_MAX;
  int in_flight_ = 0;
  uint64_t sequence_ = 0;
  sim::SimDuration last_queue_ns_ = 0;
  sim::SimDuration last_service_ns_ = 0;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_FILE_DEVICE_H_
