// vfs/durability.h: what must be on the disk after a crash, and what may be.
//
// Each store to a sector has a tag, and tags grow. A call that promises durability (fsync, msync
// with MS_SYNC, a write with O_SYNC) and returns 0 makes the newest store up to it safe. After a
// crash a sector holds its newest safe store or one that came later, in whatever state the crash
// found their writes:
//
//     stored 5   fsync   stored 9   stored 12   crash        may hold 5, 9 or 12; nothing else
//
// It costs memory in proportion to the sectors that were stored to.
#ifndef VMSIM_VFS_DURABILITY_H_
#define VMSIM_VFS_DURABILITY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vfs/file_ops.h"
#include "vfs/vfs_system.h"

namespace vmsim::vfs {

struct DurabilityReport {
  int64_t stored = 0;      // Sectors that were stored to.
  int64_t safe = 0;        // Of these, with a store that was promised.
  int64_t lost = 0;        // Whose newest store is not on the disk, and was not promised.
  int64_t violations = 0;  // That hold what they must not.
  std::string first;       // The first of these: file, sector, expected, found.
};

class DurabilityOracle final : public DurabilityObserver {
 public:
  void OnStore(Vnode& vnode, int64_t first, int64_t count, Tag tag) override;
  void OnTruncate(Vnode& vnode, int64_t sector) override;
  void OnSafe(Vnode& vnode, int64_t first, int64_t count, Tag tag) override;

  // Compares with what is on the disks: after VfsSystem::Crash, or any time.
  DurabilityReport Check(const VfsSystem& vfs) const;

 private:
  // Stores that are not safe are all remembered up to this many; beyond, any later one will do.
  static constexpr size_t kMaxStores = 64;

  struct Sector {
    Tag safe = kZeroTag;      // Or what it held at first.
    bool promised = false;    // `safe` was promised.
    bool forgotten = false;   // Some of `stores` were dropped.
    std::vector<Tag> stores;  // Later than `safe`, ascending.
  };
  using Sectors = std::map<int64_t, Sector>;

  static bool MayHold(const Sector& sector, Tag tag);

  std::map<VnodeId, Sectors> files_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_DURABILITY_H_
