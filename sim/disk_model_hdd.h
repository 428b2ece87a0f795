// sim/disk_model_hdd.h: a rotating disk.
//
// Sectors are numbered along a track, then over the heads of a cylinder, then over the cylinders.
// The platter's angle follows from the absolute time, sector 0 of the first track passing the heads
// at time 0; each further track is turned by its skew, so that a switch just fits before its first
// sector.
//
//     service = overhead, then for each track touched:
//               seek or head switch | wait for the first sector | sectors passing under the head
//
// After a read the drive reads on by itself, up to the read fence, into a buffer that keeps the
// last buffer_bytes of that stream. A read that begins in the buffer, or where the stream is, waits
// only until the stream has passed its end. A write, or a read elsewhere, ends the stream.
//
// Left out: zones of different density, the write cache (a write completes when it is on the
// medium), the bus, and any reordering inside the drive (requests inside are served in order of
// arrival).
//
// Model: Ruemmler and Wilkes, "An Introduction to Disk Drive Modeling", IEEE Computer 27(3), 1994.
#ifndef VMSIM_SIM_DISK_MODEL_HDD_H_
#define VMSIM_SIM_DISK_MODEL_HDD_H_

#include "sim/disk_model.h"

namespace vmsim::sim {

// The largest r with r * r <= value.
uint64_t IntegerSquareRoot(uint64_t value);

class HddDiskModel final : public DiskModel {
 public:
  // Requires: ValidateDiskModel accepts `config`.
  explicit HddDiskModel(const HddDiskConfig& config) : config_(config) {}

  SimTime Start(SimTime now, const DiskRequest& request) override;
  int parallelism() const override { return 1; }
  int64_t capacity_bytes() const override { return TotalSectors() * kSectorBytes; }
  bool Supports(DiskOp op) const override { return op != DiskOp::kDelete; }
  SimDuration WorstCase(int64_t bytes) const override;

  // Where the arm is.
  int64_t cylinder() const { return cylinder_; }
  int64_t head() const { return head_; }

 private:
  // What the drive reads by itself: it is about to read sector `at` of [begin, limit) from `time`
  // on.
  struct Stream {
    bool active = false;
    int64_t begin = 0;  // The oldest sector still in the buffer.
    int64_t at = 0;
    int64_t limit = 0;
    SimTime time = 0;
  };

  int64_t TotalSectors() const {
    return config_.cylinders * config_.heads * config_.sectors_per_track;
  }
  int64_t TrackEnd(int64_t sector) const;
  SimTime Access(SimTime when, int64_t first, int64_t end);
  SimTime MoveArm(SimTime when, int64_t cylinder, int64_t head);
  SimDuration RotationalWait(SimTime when, int64_t cylinder, int64_t head, int64_t sector) const;
  SimTime Read(SimTime when, int64_t first, int64_t end);
  SimTime ReadFromStream(SimTime when, int64_t end);
  void ReadAheadUntil(SimTime when);
  void StopStream(SimTime when);
  void ExtendStream(int64_t end);

  HddDiskConfig config_;
  int64_t cylinder_ = 0;
  int64_t head_ = 0;
  SimTime free_at_ = 0;
  Stream stream_;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_DISK_MODEL_HDD_H_
