#include "vfs/block_map.h"

#include <algorithm>
#include <limits>

#include "sim/check.h"

namespace vmsim::vfs {

BlockMap::BlockMap(int32_t block_bytes, int maxrun) : block_bytes_(block_bytes), maxrun_(maxrun) {
  CHECK(block_bytes >= kMinBlockBytes && (block_bytes & (block_bytes - 1)) == 0,
        "block_bytes=", block_bytes);
  CHECK_GE(maxrun, 0);
}

size_t BlockMap::FirstEndingBehind(Lblkno lblkno) const {
  const auto it = std::partition_point(
      extents_.begin(), extents_.end(),
      [lblkno](const Extent& extent) { return extent.first + extent.count <= lblkno; });
  return static_cast<size_t>(it - extents_.begin());
}

BlockMap::Run BlockMap::Bmap(Lblkno lblkno) const {
  CHECK_GE(lblkno, 0);
  const size_t at = FirstEndingBehind(lblkno);
  if (at == extents_.size() || extents_[at].first > lblkno) return {};
  const Extent& extent = extents_[at];
  const int64_t before = lblkno - extent.first;
  const int64_t after = extent.count - 1 - before;
  return {extent.sector + before * (block_bytes_ / kSectorBytes),
          static_cast<int>(std::min<int64_t>(before, maxrun_)),
          static_cast<int>(std::min<int64_t>(after, maxrun_))};
}

void BlockMap::Map(Lblkno first, int64_t count, Daddr sector) {
  CHECK_GE(first, 0);
  CHECK_GT(count, 0);
  CHECK_GE(sector, 0);
  const size_t at = FirstEndingBehind(first);
  CHECK(at == extents_.size() || extents_[at].first >= first + count, "block ", first,
        " is mapped already");
  const int64_t per_block = block_bytes_ / kSectorBytes;
  blocks_ += count;
  const auto joins = [per_block](const Extent& a, const Extent& b) {
    return a.first + a.count == b.first && a.sector + a.count * per_block == b.sector;
  };
  Extent extent{first, count, sector};
  const bool joins_next = at < extents_.size() && joins(extent, extents_[at]);
  if (joins_next) extent.count += extents_[at].count;
  if (at > 0 && joins(extents_[at - 1], extent)) {
    extents_[at - 1].count += extent.count;
    if (joins_next) extents_.erase(extents_.begin() + static_cast<std::ptrdiff_t>(at));
  } else if (joins_next) {
    extents_[at] = extent;
  } else {
    extents_.insert(extents_.begin() + static_cast<std::ptrdiff_t>(at), extent);
  }
}

std::vector<Extent> BlockMap::Truncate(Lblkno blocks) {
  CHECK_GE(blocks, 0);
  const size_t at = FirstEndingBehind(blocks);
  std::vector<Extent> gone(extents_.begin() + static_cast<std::ptrdiff_t>(at), extents_.end());
  extents_.resize(at);
  if (!gone.empty() && gone.front().first < blocks) {
    Extent& cut = gone.front();
    const int64_t kept = blocks - cut.first;
    extents_.push_back({cut.first, kept, cut.sector});
    cut = {blocks, cut.count - kept, cut.sector + kept * (block_bytes_ / kSectorBytes)};
  }
  for (const Extent& extent : gone) blocks_ -= extent.count;
  return gone;
}

Lblkno BlockMap::NextMapped(Lblkno lblkno) const {
  const size_t at = FirstEndingBehind(lblkno);
  if (at == extents_.size()) return std::numeric_limits<Lblkno>::max();
  return std::max(lblkno, extents_[at].first);
}

}  // namespace vmsim::vfs
