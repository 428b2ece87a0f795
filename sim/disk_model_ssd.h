// sim/disk_model_ssd.h: flash dies behind channels.
//
// Flash page p is on die p mod (channels * dies_per_channel), and die d is on channel d mod
// channels: a long request spreads over the channels first, then over the dies of each.
//
//     read    command overhead | die: tR      | channel: transfer |            done with the last
//     page write   command overhead | channel: transfer | die: tPROG (| tBERS) |
//
// A write completes once each of its pages is in the write cache, at once if there is room, else
// when the oldest programs make room; without a cache, once it is programmed. A flush completes
// once everything is programmed. Other commands, trims among them, take the overhead only.
//
// A die does one thing at a time in order of arrival. A channel carries a transfer in the first gap
// that is long enough, so a page that waits for its die does not keep others off the channel.
// Left out: mapping and garbage collection (a trim changes nothing), wear, the host interface, and
// a part of a page read or written costs the die as much as a whole one.
//
// For the structure see Ganger, Worthington and Patt, DiskSim, and Yoo and others, "Analytical
// model of SSD parallelism", SIMULTECH 2014.
#ifndef VMSIM_SIM_DISK_MODEL_SSD_H_
#define VMSIM_SIM_DISK_MODEL_SSD_H_

#include <cstddef>
#include <vector>

#include "sim/disk_model.h"

namespace vmsim::sim {

// When a channel is taken: spans in order of time, not touching each other.
class BusyTimeline {
 public:
  // Takes the first gap of `length` that begins at or after `earliest`; returns its end. Spans over
  // by `now` are forgotten. Requires: now <= earliest, and `now` never decreases.
  SimTime Reserve(SimTime now, SimTime earliest, SimDuration length);

 private:
  struct Span {
    SimTime begin;
    SimTime end;
  };
  void Forget(SimTime now);
  SimTime Insert(size_t position, SimTime begin, SimDuration length);

  std::vector<Span> spans_;
  size_t first_ = 0;  // Spans before it are over.
};

class SsdDiskModel final : public DiskModel {
 public:
  // Requires: ValidateDiskModel accepts `config`.
  explicit SsdDiskModel(const SsdDiskConfig& config);

  SimTime Start(SimTime now, const DiskRequest& request) override;
  int parallelism() const override { return static_cast<int>(config_.queue_depth); }
  SimDuration WorstCase(int64_t bytes) const override;

 private:
  struct Die {
    SimTime free_at = 0;
    int64_t programs = 0;
  };

  SimTime ReadPage(SimTime now, SimTime arrival, uint32_t die, int64_t bytes);
  SimTime WritePage(SimTime now, SimTime arrival, uint32_t die, int64_t bytes);
  SimTime Program(uint32_t die, SimTime loaded);
  SimTime CacheRoom(SimTime arrival);
  void CacheUntil(SimTime programmed);
  SimDuration TransferTime(int64_t bytes) const;

  SsdDiskConfig config_;
  int unit_shift_;
  SimDuration unit_transfer_ns_;
  std::vector<Die> dies_;
  std::vector<BusyTimeline> channels_;
  std::vector<SimTime>
      cached_until_;  // When each cached page is programmed; a heap, earliest on top.
  SimTime all_programmed_ = 0;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_DISK_MODEL_SSD_H_
