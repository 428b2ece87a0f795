#include "sim/disk_model_hdd.h"

#include <algorithm>

namespace vmsim::sim {

uint64_t IntegerSquareRoot(uint64_t value) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit != 0; bit >>= 1) {
    const uint64_t candidate = root | bit;
    if (candidate * candidate <= value) root = candidate;
  }
  return root;
}

SimDuration SeekCurve::SeekTime(int64_t cylinders) const {
  if (cylinders == 0) return 0;
  if (cylinders > linear_above) return linear_base_ns + linear_per_cylinder_ns * cylinders;
  // coefficient * sqrt(d) = sqrt(coefficient^2 * d), exact to the nanosecond.
  const uint64_t square = static_cast<uint64_t>(sqrt_coefficient_ns) *
                          static_cast<uint64_t>(sqrt_coefficient_ns) *
                          static_cast<uint64_t>(cylinders);
  return sqrt_base_ns + static_cast<SimDuration>(IntegerSquareRoot(square));
}

HddDiskConfig HddDiskConfig::Hp97560() {
  HddDiskConfig config;
  config.cylinders = 1962;
  config.heads = 19;
  config.sectors_per_track = 72;
  config.rotation_ns = 14'992'504;  // 4002 rpm
  config.overhead_ns = 2'200 * kMicrosecond;
  config.head_switch_ns = 1'600 * kMicrosecond;
  config.track_skew_sectors = 8;
  config.cylinder_skew_sectors = 18;
  config.seek.sqrt_base_ns = 3'240 * kMicrosecond;
  config.seek.sqrt_coefficient_ns = 400 * kMicrosecond;
  config.seek.linear_above = 383;
  config.seek.linear_base_ns = 8 * kMillisecond;
  config.seek.linear_per_cylinder_ns = 8 * kMicrosecond;
  config.buffer_bytes = 128 << 10;
  config.read_ahead_bytes = 64 << 10;
  return config;
}

HddDiskConfig HddDiskConfig::Modern7200() {
  HddDiskConfig config;
  config.cylinders = 150'000;
  config.heads = 4;
  config.sectors_per_track = 3256;  // 200 MB/s at 120 turns a second.
  config.rotation_ns = 8'333'333;
  config.overhead_ns = 100 * kMicrosecond;
  config.head_switch_ns = 800 * kMicrosecond;
  config.track_skew_sectors = 320;  // 819 us, just more than a switch or a seek to the next track.
  config.cylinder_skew_sectors = 320;
  config.seek.sqrt_base_ns = 765'412;  // Through 0.8 ms at 1 cylinder and 8.5 ms at 50,000.
  config.seek.sqrt_coefficient_ns = 34'588;
  config.buffer_bytes = 64 << 20;
  config.read_ahead_bytes = 1 << 20;
  return config;
}

SimTime HddDiskModel::Start(SimTime now, const DiskRequest& request) {
  SimTime done = std::max(now, free_at_) + config_.overhead_ns;
  if (request.op == DiskOp::kRead || request.op == DiskOp::kWrite) {
    const int64_t first = request.offset / kSectorBytes;
    const int64_t end = (request.offset + request.length + kSectorBytes - 1) / kSectorBytes;
    if (request.op == DiskOp::kRead) {
      done = Read(done, first, end);
    } else {
      StopStream(done);
      done = Access(done, first, end);
    }
  }
  free_at_ = done;
  return done;
}

SimTime HddDiskModel::Read(SimTime when, int64_t first, int64_t end) {
  const bool in_stream =
      stream_.active && first >= stream_.begin && first <= stream_.limit && end > stream_.begin;
  if (in_stream) return ReadFromStream(when, end);
  StopStream(when);
  const SimTime done = Access(when, first, end);
  stream_ = Stream{config_.buffer_bytes > 0, first, end, end, done};
  ExtendStream(end);
  return done;
}

// A read that ends at sector `end` and begins in the buffer or where the stream is or will be.
SimTime HddDiskModel::ReadFromStream(SimTime when, int64_t end) {
  ReadAheadUntil(when);
  // At the fence it stopped; what follows is read from now on.
  if (stream_.at == stream_.limit) stream_.time = std::max(stream_.time, when);
  SimTime done = when;
  if (end > stream_.at) {
    stream_.time = Access(stream_.time, stream_.at, end);
    stream_.at = end;
    done = std::max(when, stream_.time);
  }
  ExtendStream(end);
  return done;
}

// Plays the stream track by track, as far as it has certainly come by `when`.
void HddDiskModel::ReadAheadUntil(SimTime when) {
  while (stream_.at < stream_.limit) {
    const int64_t end = std::min(stream_.limit, TrackEnd(stream_.at));
    const int64_t cylinder = cylinder_;
    const int64_t head = head_;
    const SimTime passed = Access(stream_.time, stream_.at, end);
    if (passed > when) {
      cylinder_ = cylinder;
      head_ = head;
      return;
    }
    stream_.at = end;
    stream_.time = passed;
  }
}

// The arm is wanted elsewhere: leaves it where the stream has taken it.
void HddDiskModel::StopStream(SimTime when) {
  if (!stream_.active) return;
  ReadAheadUntil(when);
  stream_.active = false;
}

// The host has read up to sector `end`: the fence moves on, and the buffer drops what is oldest.
void HddDiskModel::ExtendStream(int64_t end) {
  const int64_t fence = std::min(TotalSectors(), end + config_.read_ahead_bytes / kSectorBytes);
  stream_.limit = std::max(stream_.limit, fence);
  stream_.begin = std::max(stream_.begin, stream_.limit - config_.buffer_bytes / kSectorBytes);
}

int64_t HddDiskModel::TrackEnd(int64_t sector) const {
  return (sector / config_.sectors_per_track + 1) * config_.sectors_per_track;
}

// Reads or writes sectors [first, end) from `when` on; returns when the last has passed the head.
SimTime HddDiskModel::Access(SimTime when, int64_t first, int64_t end) {
  while (first < end) {
    const int64_t track = first / config_.sectors_per_track;
    const int64_t sector = first % config_.sectors_per_track;
    const int64_t count = std::min(end, TrackEnd(first)) - first;
    when = MoveArm(when, track / config_.heads, track % config_.heads);
    when += RotationalWait(when, cylinder_, head_, sector);
    when += count * config_.rotation_ns / config_.sectors_per_track;
    first += count;
  }
  return when;
}

// A seek settles on the right head as well, so it hides the head switch.
SimTime HddDiskModel::MoveArm(SimTime when, int64_t cylinder, int64_t head) {
  const int64_t distance = cylinder > cylinder_ ? cylinder - cylinder_ : cylinder_ - cylinder;
  SimDuration move = 0;
  if (distance != 0) {
    move = config_.seek.SeekTime(distance);
  } else if (head != head_) {
    move = config_.head_switch_ns;
  }
  cylinder_ = cylinder;
  head_ = head;
  return when + move;
}

SimDuration HddDiskModel::RotationalWait(SimTime when, int64_t cylinder, int64_t head,
                                         int64_t sector) const {
  const int64_t skew_per_cylinder =
      (config_.heads - 1) * config_.track_skew_sectors + config_.cylinder_skew_sectors;
  const int64_t slot = (sector + head * config_.track_skew_sectors + cylinder * skew_per_cylinder) %
                       config_.sectors_per_track;
  const SimDuration target = slot * config_.rotation_ns / config_.sectors_per_track;
  const SimDuration angle = when % config_.rotation_ns;
  return target >= angle ? target - angle : target - angle + config_.rotation_ns;
}

SimDuration HddDiskModel::WorstCase(int64_t bytes) const {
  // Each track touched: the longest move, a whole turn to wait, a whole turn to transfer; and as
  // much again for a stream that has to be caught up with first.
  const int64_t tracks =
      (bytes + config_.read_ahead_bytes) / kSectorBytes / config_.sectors_per_track + 3;
  const SimDuration move =
      std::max({config_.head_switch_ns, config_.seek.SeekTime(config_.cylinders - 1),
                config_.seek.SeekTime(std::min(config_.cylinders - 1, config_.seek.linear_above))});
  return config_.overhead_ns + 2 * tracks * (move + 2 * config_.rotation_ns);
}

}  // namespace vmsim::sim
