// vfs/durability.h: what must be on the disk after a crash, and what may be.
//
// Each store to a sector has a tag, and tags grow. A call that promises durability (fsync, msync
// with MS_SYNC, a write with O_SYNC) and returns 0 makes the newest store up to it safe. After a
// crash a sector holds its newest safe store or one that came later, in whatever state the crash
// found their writes:
//
//     stored 5   fsync   stored 9   stored 12   crash        may hold 5, 9 or 12; nothing else
//
// A sector that nobody stored to holds what the file began with, or zeros; behind the shortest size
// that the file was cut to, only zeros.
//
// It costs memory in proportion to the sectors that were stored to.
#ifndef VMSIM_VFS_DURABILITY_H_
#define VMSIM_VFS_DURABILITY_H_

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "vfs/file_ops.h"
#include "vfs/vfs_system.h"

namespace vmsim::vfs {

struct DurabilityReport {
  int64_t stored = 0;      // Sectors that were stored to.
  int64_t safe = 0;        // Of these, that hold the store that was promised or a later one.
  int64_t lost = 0;        // Whose newest store is not on the disk, and was not promised.
  int64_t violations = 0;  // That hold what they must not.
  std::string first;       // The first of these: file, sector, found, expected.
};

class DurabilityOracle final : public DurabilityObserver {
 public:
  void OnStore(Vnode& vnode, int64_t first, int64_t count, Tag tag) override;
  void OnLost(Vnode& vnode, int64_t first, int64_t count) override;
  void OnTruncate(Vnode& vnode, int64_t sector) override;
  void OnSafe(Vnode& vnode, int64_t first, int64_t count, Tag tag) override;

  // Compares with what is on the disks: after VfsSystem::Crash, or any time.
  DurabilityReport Check(const VfsSystem& vfs) const;

 private:
  // Stores that are not safe are all remembered up to this many; beyond, any later one will do.
  static constexpr size_t kMaxStores = 64;

  struct Sector {
    Tag safe = kZeroTag;       // Or what it held at first.
    bool promised = false;     // `safe` was promised.
    Tag forgotten = kZeroTag;  // The newest that `stores` had no room for, if any.
    std::vector<Tag> stores;   // Later than `safe` and `forgotten`, ascending.
  };
  using Sectors = std::map<int64_t, Sector>;
  struct File {
    Sectors sectors;                                    // Those that were stored to.
    int64_t cut = std::numeric_limits<int64_t>::max();  // The least that it was cut to.
  };

  static bool MayHold(const Sector& sector, Tag tag);
  static void CheckStored(const Vnode& vnode, const Sectors& sectors, DurabilityReport& report);
  static void CheckOthers(const Vnode& vnode, const File& file, DurabilityReport& report);

  std::map<VnodeId, File> files_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_DURABILITY_H_
