// vfs/sector_tags.h: what is in each sector of a file, by tag.
//
// Sparse: sectors come in chunks that exist once one of their tags was set. Everything else has a
// tag by rule: kInitialTag before a bound, for files that had contents when the simulation began,
// and kZeroTag behind it.
#ifndef VMSIM_VFS_SECTOR_TAGS_H_
#define VMSIM_VFS_SECTOR_TAGS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "vfs/types.h"

namespace vmsim::vfs {

class SectorTags {
 public:
  static constexpr int64_t kChunkSectors = 256;

  // Sectors before `initial_sectors` hold kInitialTag.
  explicit SectorTags(int64_t initial_sectors = 0) : initial_sectors_(initial_sectors) {}

  // Requires, here and below: 0 <= sector.
  Tag Get(int64_t sector) const;
  void Set(int64_t sector, Tag tag) { SetRange(sector, 1, tag); }
  void SetRange(int64_t first, int64_t count, Tag tag);
  // Copies [first, first + count) of `from`. Costs next to nothing where neither has a chunk and
  // both have the same rule.
  void CopyRange(const SectorTags& from, int64_t first, int64_t count);
  // Everything from `sector` on is zeros from now on; its chunks go.
  void Truncate(int64_t sector);
  // Whether some tag of the chunk that holds `sector` was ever set.
  bool HasChunk(int64_t sector) const;
  int64_t initial_sectors() const { return initial_sectors_; }

 private:
  using Chunk = std::array<Tag, kChunkSectors>;

  Tag ByRule(int64_t sector) const { return sector < initial_sectors_ ? kInitialTag : kZeroTag; }
  Chunk& MakeChunk(int64_t index);

  int64_t initial_sectors_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_SECTOR_TAGS_H_
