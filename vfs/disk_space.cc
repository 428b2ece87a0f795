#include "vfs/disk_space.h"

#include <algorithm>
#include <iterator>

#include "sim/check.h"

namespace vmsim::vfs {

DiskSpace::DiskSpace(Daddr sector, int64_t blocks, int32_t block_bytes)
    : sector_(sector),
      blocks_(blocks),
      sectors_per_block_(block_bytes / kSectorBytes),
      free_blocks_(blocks),
      next_(sector) {
  CHECK_GE(sector, 0);
  CHECK_GE(blocks, 0);
  CHECK_GE(block_bytes, kMinBlockBytes);
  if (blocks > 0) free_.emplace(sector, blocks);
}

DiskSpace::Run DiskSpace::Allocate(int64_t wanted, Daddr preferred) {
  CHECK_GT(wanted, 0);
  if (free_.empty()) return {};
  const bool anywhere = preferred == kHole;
  const Daddr from = anywhere ? next_ : preferred;
  // The run that the preferred block lies in, or else the first one behind it.
  auto it = free_.upper_bound(from);
  if (it != free_.begin()) {
    const auto before = std::prev(it);
    if (before->first + before->second * sectors_per_block_ > from) it = before;
  }
  if (it == free_.end()) it = free_.begin();
  const Daddr start = it->first;
  const int64_t count = it->second;
  // What the run has before the block that `from` lies in stays free.
  const bool inside = from > start && from < start + count * sectors_per_block_;
  const int64_t lead = inside ? (from - start) / sectors_per_block_ : 0;
  const int64_t given = std::min(wanted, count - lead);
  const Daddr sector = start + lead * sectors_per_block_;
  const Daddr behind = sector + given * sectors_per_block_;
  free_.erase(it);
  if (lead > 0) free_.emplace(start, lead);
  if (lead + given < count) free_.emplace(behind, count - lead - given);
  free_blocks_ -= given;
  if (anywhere) next_ = behind;
  return {sector, given};
}

void DiskSpace::Free(Daddr sector, int64_t count) {
  CHECK_GT(count, 0);
  CHECK_EQ((sector - sector_) % sectors_per_block_, 0, "sector=", sector);
  CHECK(sector >= sector_ &&
            sector + count * sectors_per_block_ <= sector_ + blocks_ * sectors_per_block_,
        "sector=", sector, " count=", count);
  const Daddr behind = sector + count * sectors_per_block_;
  free_blocks_ += count;
  auto next = free_.lower_bound(sector);
  CHECK(next == free_.end() || next->first >= behind, "blocks at sector ", sector,
        " are free already");
  if (next != free_.end() && next->first == behind) {
    count += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    const Daddr end = before->first + before->second * sectors_per_block_;
    CHECK_LE(end, sector, "blocks are free already");
    if (end == sector) {
      before->second += count;
      return;
    }
  }
  free_.emplace(sector, count);
}

}  // namespace vmsim::vfs
