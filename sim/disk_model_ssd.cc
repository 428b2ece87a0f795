#include "sim/disk_model_ssd.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace vmsim::sim {

SimTime BusyTimeline::Reserve(SimTime now, SimTime earliest, SimDuration length) {
  Forget(now);
  if (first_ == spans_.size() || spans_.back().end <= earliest) {
    return Insert(spans_.size(), earliest, length);
  }
  SimTime begin = earliest;
  size_t position = first_;
  for (; position < spans_.size(); ++position) {
    const Span& span = spans_[position];
    if (span.end <= begin) continue;
    if (span.begin >= begin + length) break;
    begin = span.end;
  }
  return Insert(position, begin, length);
}

void BusyTimeline::Forget(SimTime now) {
  while (first_ < spans_.size() && spans_[first_].end <= now) ++first_;
  if (first_ == spans_.size()) {
    spans_.clear();
    first_ = 0;
  } else if (first_ >= 64 && first_ >= spans_.size() / 2) {
    spans_.erase(spans_.begin(), spans_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

// Takes [begin, begin + length) just before span `position`, joined with its neighbours if they
// touch.
SimTime BusyTimeline::Insert(size_t position, SimTime begin, SimDuration length) {
  const SimTime end = begin + length;
  const bool joins_left = position > first_ && spans_[position - 1].end == begin;
  const bool joins_right = position < spans_.size() && spans_[position].begin == end;
  const auto here = spans_.begin() + static_cast<ptrdiff_t>(position);
  if (joins_left && joins_right) {
    spans_[position - 1].end = spans_[position].end;
    spans_.erase(here);
  } else if (joins_left) {
    spans_[position - 1].end = end;
  } else if (joins_right) {
    spans_[position].begin = begin;
  } else {
    spans_.insert(here, Span{begin, end});
  }
  return end;
}

SsdDiskModel::SsdDiskModel(const SsdDiskConfig& config)
    : config_(config),
      unit_shift_(std::countr_zero(static_cast<uint64_t>(config.unit_bytes))),
      unit_transfer_ns_(config.unit_bytes * kSecond / config.channel_bytes_per_s),
      dies_(config.channels * config.dies_per_channel),
      channels_(config.channels) {
  cached_until_.reserve(config.write_cache_units);
}

SimTime SsdDiskModel::Start(SimTime now, const DiskRequest& request) {
  const SimTime arrival = now + config_.overhead_ns;
  if (request.op == DiskOp::kFlush) return std::max(arrival, all_programmed_);
  if (request.op != DiskOp::kRead && request.op != DiskOp::kWrite) return arrival;

  SimTime done = arrival;
  int64_t offset = request.offset;
  const int64_t end = request.offset + request.length;
  auto die = static_cast<uint32_t>(static_cast<uint64_t>(offset >> unit_shift_) % dies_.size());
  while (offset < end) {
    const int64_t unit_end = ((offset >> unit_shift_) + 1) << unit_shift_;
    const int64_t bytes = std::min(unit_end, end) - offset;
    const SimTime unit_done = request.op == DiskOp::kRead ? ReadPage(now, arrival, die, bytes)
                                                          : WritePage(now, arrival, die, bytes);
    done = std::max(done, unit_done);
    offset = unit_end;
    if (++die == dies_.size()) die = 0;
  }
  return done;
}

SimTime SsdDiskModel::ReadPage(SimTime now, SimTime arrival, uint32_t die, int64_t bytes) {
  Die& d = dies_[die];
  d.free_at = std::max(arrival, d.free_at) + config_.read_ns;
  return channels_[die % channels_.size()].Reserve(now, d.free_at, TransferTime(bytes));
}

SimTime SsdDiskModel::WritePage(SimTime now, SimTime arrival, uint32_t die, int64_t bytes) {
  const bool cached = config_.write_cache_units > 0;
  const SimTime accepted = cached ? CacheRoom(arrival) : arrival;
  const SimTime loaded =
      channels_[die % channels_.size()].Reserve(now, accepted, TransferTime(bytes));
  const SimTime programmed = Program(die, loaded);
  all_programmed_ = std::max(all_programmed_, programmed);
  if (!cached) return programmed;
  CacheUntil(programmed);
  return accepted;
}

// Programs one page that the die's register holds from `loaded` on; returns when it is stored. An
// erase that falls due keeps the die busy after that.
SimTime SsdDiskModel::Program(uint32_t die, SimTime loaded) {
  Die& d = dies_[die];
  const SimTime programmed = std::max(loaded, d.free_at) + config_.program_ns;
  d.free_at = programmed;
  if (config_.programs_per_erase > 0 && ++d.programs == config_.programs_per_erase) {
    d.programs = 0;
    d.free_at += config_.erase_ns;
  }
  return programmed;
}

// When the cache has room for one page more that arrives at `arrival`; the room is taken.
SimTime SsdDiskModel::CacheRoom(SimTime arrival) {
  SimTime accepted = arrival;
  while (!cached_until_.empty()) {
    const bool full = static_cast<int64_t>(cached_until_.size()) >= config_.write_cache_units;
    if (!full && cached_until_.front() > arrival) break;
    accepted = std::max(accepted, cached_until_.front());
    std::pop_heap(cached_until_.begin(), cached_until_.end(), std::greater<>());
    cached_until_.pop_back();
  }
  return accepted;
}

void SsdDiskModel::CacheUntil(SimTime programmed) {
  cached_until_.push_back(programmed);
  std::push_heap(cached_until_.begin(), cached_until_.end(), std::greater<>());
}

SimDuration SsdDiskModel::TransferTime(int64_t bytes) const {
  if (bytes == config_.unit_bytes) return unit_transfer_ns_;
  return bytes * kSecond / config_.channel_bytes_per_s;
}

SimDuration SsdDiskModel::WorstCase(int64_t bytes) const {
  // Every page on one die and one channel, behind a full cache's worth of programs.
  const SimDuration page =
      config_.read_ns + config_.program_ns + config_.erase_ns + 2 * unit_transfer_ns_;
  const int64_t pages = bytes / config_.unit_bytes + 2 + config_.write_cache_units;
  return config_.overhead_ns + pages * page;
}

}  // namespace vmsim::sim
